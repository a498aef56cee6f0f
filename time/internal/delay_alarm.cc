#include "kioto/time/internal/delay_alarm.h"

#include <algorithm>
#include <utility>

#include "kioto/runtime/driver/driver_set.h"

namespace kioto::internal {

DelayAlarm::State DelayAlarm::Poll(Context& cx, int64_t due) {
  if (due == kNothing) {
    timer_.Cancel();
    set_for_ = kNothing;
    waiting_ = cx.waker();
    return State::kNothing;
  }
  if (due > reached_) {
    if (set_for_ != due) {
      timer_.Cancel();  // it is polled at once
      timer_.ResetAt(due);
      set_for_ = due;
    }
    const TimerState state = timer_.Poll(cx);
    if (state == TimerState::kIdle) NoTimeHere("DelayQueue");
    if (state != TimerState::kFired) {
      if (!waiting_.WillWake(cx.waker())) waiting_ = cx.waker();
      return State::kPending;
    }
    reached_ = std::max(due, NowNanos());
  }
  if (!cx.ConsumeBudget()) return State::kPending;
  waiting_ = Waker();
  return State::kDue;
}

void DelayAlarm::Changed() {
  const Waker waiting = std::exchange(waiting_, Waker());
  waiting.Wake();
}

}  // namespace kioto::internal
