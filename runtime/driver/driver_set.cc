#include "kioto/runtime/driver/driver_set.h"

#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/driver/thread_context.h"

namespace kioto::internal {
namespace {

// The reactor that this thread drives, if it is one of `drivers`; null: none is.
Reactor* OfThisThread(const DriverSet* drivers) {
  const ThreadContext& thread = CurrentThread();
  return thread.drivers == drivers && thread.driver != nullptr ? thread.driver->reactor() : nullptr;
}

}  // namespace

TimerWheel* DriverSet::WheelForThisThread() {
  const ThreadContext& thread = CurrentThread();
  if (thread.drivers == this && thread.driver != nullptr) return thread.driver->wheel();
  return drivers.empty() ? nullptr : drivers.front()->wheel();
}

Reactor* DriverSet::PickReactor() {
  Reactor* best = OfThisThread(this);  // wins a tie: its caches are warm
  for (Driver* driver : drivers) {
    Reactor* reactor = driver->reactor();
    if (reactor == nullptr) continue;
    if (best == nullptr || reactor->sources() < best->sources()) best = reactor;
  }
  return best;
}

Reactor* DriverSet::OwnReactor() {
  Reactor* own = OfThisThread(this);
  return own != nullptr ? own : PickReactor();
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
