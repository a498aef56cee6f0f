#include "kioto/time/pause.h"

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/task/scheduler.h"

namespace kioto::time {
namespace {

kioto::internal::RuntimeClock& Clock() {
  const kioto::internal::ThreadContext& thread = kioto::internal::CurrentThread();
  KIOTO_CHECK(thread.scheduler != nullptr && thread.scheduler->CanSpawnLocal(),
              "the clock can be paused and advanced only inside a current-thread runtime, on the thread that drives it: "
              "build one with RuntimeBuilder::CurrentThread() and call this inside BlockOn");
  return thread.drivers->clock;
}

}  // namespace

void Pause() {
  kioto::internal::RuntimeClock& clock = Clock();
  KIOTO_CHECK(!clock.paused(), "Pause: the clock stands still already: it was paused before, or built with StartPaused()");
  clock.Pause();
}

void Resume() {
  kioto::internal::RuntimeClock& clock = Clock();
  KIOTO_CHECK(clock.paused(), "Resume: the clock is running: only a paused one can go on");
  clock.Resume();
}

bool IsPaused() {
  const kioto::internal::DriverSet* drivers = kioto::internal::CurrentThread().drivers;
  return drivers != nullptr && drivers->clock.paused();
}

Poll<Unit> AdvanceFuture::PollOnce(Context& cx) {
  if (advanced_) return Unit{};
  Clock().Advance(nanos_);
  advanced_ = true;
  cx.Yield();  // a turn of the driver comes before the next poll
  return kPending;
}

}  // namespace kioto::time
