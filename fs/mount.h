// MountTable: what is mounted where a file lies, so that a worker may tell whether it may work on the file itself, which takes less
// than a job's two hand-offs.
//
// STATE   slots, each 0 or a mount with its kind, written once, by the first job that has one of its files open. A slot is whole in
//         itself and orders nothing else: all accesses are relaxed.
// RACES   1. Two jobs learn of one mount: the one that comes second finds the other's entry in the slot that it wants.
//         2. The table is full: a mount that is not in it stays kUnknown, and its files are left to jobs.
#ifndef KIOTO_FS_MOUNT_H_
#define KIOTO_FS_MOUNT_H_

#include <cstdint>

#include "kioto/runtime/base/atomic.h"

namespace kioto::fs::internal {

enum class MountKind : uint8_t {
  kUnknown,
  kOther,   // a network, a program, a driver, or layers of whatever (overlay): any call may wait
  kDisk,    // what is not in the system's memory is waited for, which it tells if it is asked (RESOLVE_CACHED, RWF_NOWAIT)
  kMemory,  // waits no more than the program's own memory does, which may have been swapped out
};

// A number that no other mount has, or ever gets; 0: the system tells of none.
using MountId = uint64_t;

class MountTable {
 public:
  static constexpr int kSlots = 32;

  // Any thread, at once.
  MountKind Known(MountId id) const;
  // Asks the system, of a file that is open on it, and keeps the answer. It may wait: for jobs.
  MountKind Learn(int fd, MountId id);

 private:
  base::Atomic<uint64_t> slots_[kSlots] = {};
};

// The process's.
MountTable& Mounts();

}  // namespace kioto::fs::internal

#endif  // KIOTO_FS_MOUNT_H_
