#include "kioto/time/internal/timer.h"

#include <string>

#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/thread_context.h"

namespace kioto::internal {

TimerState Timer::Start(Context& cx) {
  const ThreadContext& thread = CurrentThread();
  DriverSet* const drivers = thread.drivers;
  if (drivers == nullptr) return TimerState::kIdle;
  TimerWheel* const wheel = thread.driver != nullptr ? thread.driver->wheel() : drivers->WheelForThisThread();
  if (wheel == nullptr) return TimerState::kIdle;
  const int64_t now = drivers->clock.Now();
  if (step_ == Step::kDuration) nanos_ = SaturatingAdd(now, nanos_);
  if (nanos_ <= now) {
    entry_.Cancel();  // it may have been moved there
    step_ = Step::kElapsed;
    return TimerState::kFired;
  }
  step_ = Step::kArmed;
  entry_.Arm(*wheel, nanos_, cx.waker(), now);
  const TimerState state = entry_.state();  // the wheel may have been faster, or be shut down
  if (state == TimerState::kFired) step_ = Step::kElapsed;
  return state;
}

void NoTimeHere(const char* what) {
  const std::string sentence(TimeUnavailable(what).message());
  base::CheckFailed(__FILE__, __LINE__, "a runtime with time is entered on this thread", sentence.c_str());
}

}  // namespace kioto::internal
