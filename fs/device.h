// DeviceTable: what the devices are that hold files, so that a worker may tell whether it may work on one of their files itself, which
// takes less than a job's two hand-offs.
//
// STATE   slots, each 0 or a device with its kind, written once, by the first job that has a file of the device open. A slot is
//         whole in itself and orders nothing else: all accesses are relaxed.
// RACES   1. Two jobs learn of one device: the one that comes second finds the other's entry in the slot that it wants.
//         2. The table is full: a device that is not in it stays kUnknown, and its files are left to jobs.
//         3. A file system is unmounted and another one gets its number: it is taken for what the first one was. A call that waits
//            for a network may then hold up a worker.
#ifndef KIOTO_FS_DEVICE_H_
#define KIOTO_FS_DEVICE_H_

#include <sys/types.h>

#include <cstdint>

#include "kioto/runtime/base/atomic.h"

namespace kioto::fs::internal {

enum class DeviceKind : uint8_t {
  kUnknown,
  kOther,   // a network, a program, a driver: any call may wait
  kDisk,    // waits only for what is not in the system's memory, and tells so if it is asked (RESOLVE_CACHED, RWF_NOWAIT)
  kMemory,  // nothing waits
};

class DeviceTable {
 public:
  static constexpr int kSlots = 32;

  // Any thread, at once.
  DeviceKind Known(dev_t device) const;
  // Asks the system, of a file that is open on it, and keeps the answer. It may wait: for jobs.
  DeviceKind Learn(int fd, dev_t device);

 private:
  base::Atomic<uint64_t> slots_[kSlots] = {};
};

// The process's.
DeviceTable& Devices();

}  // namespace kioto::fs::internal

#endif  // KIOTO_FS_DEVICE_H_
