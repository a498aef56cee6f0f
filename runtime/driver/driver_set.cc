#include "kioto/runtime/driver/driver_set.h"

#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/driver/thread_context.h"

namespace kioto::internal {

TimerWheel* DriverSet::WheelForThisThread() {
  const ThreadContext& thread = CurrentThread();
  if (thread.drivers == this && thread.driver != nullptr) return thread.driver->wheel();
  return drivers.empty() ? nullptr : drivers.front()->wheel();
}

Reactor* DriverSet::PickReactor() {
  const ThreadContext& thread = CurrentThread();
  // This thread's own wins a tie: its caches are warm.
  Reactor* best = thread.drivers == this && thread.driver != nullptr ? thread.driver->reactor() : nullptr;
  for (Driver* driver : drivers) {
    Reactor* reactor = driver->reactor();
    if (reactor == nullptr) continue;
    if (best == nullptr || reactor->sources() < best->sources()) best = reactor;
  }
  return best;
}

int64_t NowNanos() {
  const DriverSet* drivers = CurrentThread().drivers;
  return drivers != nullptr ? drivers->clock.Now() : base::MonotonicNanos();
}

Status TimeUnavailable(const char* what) {
  if (CurrentThread().drivers == nullptr) return OutsideRuntimeError(what);
  return PartIsOffError("time", what, "WithoutTime()");
}

Status IoUnavailable(const char* what) {
  if (CurrentThread().drivers == nullptr) return OutsideRuntimeError(what);
  return PartIsOffError("I/O", what, "WithoutIo()");
}

}  // namespace kioto::internal
