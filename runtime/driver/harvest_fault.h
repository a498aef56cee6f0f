// HarvestFault: how tests disturb what reactors deliver, within what the kernel itself may do: events in another order, later,
// twice, or for nothing.
#ifndef KIOTO_RUNTIME_DRIVER_HARVEST_FAULT_H_
#define KIOTO_RUNTIME_DRIVER_HARVEST_FAULT_H_

#include <cstdint>
#include <vector>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/random.h"

namespace kioto::internal {

class Reactor;

struct HarvestEvent {
  const Reactor* reactor;
  uint64_t token;
  uint32_t bits;  // Ready bits
};

// For as long as it lives, every harvest of every reactor of the process goes through it. At most one at a time.
class ScopedHarvestFault {
 public:
  struct Options {
    bool reorder = true;
    double delay = 0.2;      // kept for the next harvest of the same reactor
    double redeliver = 0.1;  // given now and at the next harvest again
    double spurious = 0.1;   // accompanied by all bits
  };
  ScopedHarvestFault(Options options, uint64_t seed);
  ~ScopedHarvestFault();

  // What shall be delivered in the place of `events`.
  std::vector<HarvestEvent> Apply(const Reactor* reactor, std::vector<HarvestEvent> events);
  // Whether events of `reactor` are kept back: then its driver must not sleep.
  bool Holds(const Reactor* reactor);

  // The one installed, or null. One relaxed load.
  static ScopedHarvestFault* Installed() {
    return installed_.load(std::memory_order_relaxed);  // relaxed: tests install it before the threads that look start
  }

 private:
  static base::Atomic<ScopedHarvestFault*> installed_;

  const Options options_;
  base::Mutex mutex_;
  base::FastRandom random_;
  std::vector<HarvestEvent> held_;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_HARVEST_FAULT_H_
