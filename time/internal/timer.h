// Timer: one deadline, as a member of whatever waits for it: Sleep, Timeout, Interval. A wheel's entry and when it is due.
//
// Nothing is registered, and no clock is read, before the first poll: that is the first moment when the runtime, and so the
// clock, is known. From there: one clock read, one Arm; a poll that is still too early is one load.
#ifndef KIOTO_TIME_INTERNAL_TIMER_H_
#define KIOTO_TIME_INTERNAL_TIMER_H_

#include <cstdint>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/future/context.h"

namespace kioto::internal {

class Timer {
 public:
  // What the nanoseconds of a timer count from.
  enum class From : uint8_t { kFirstPoll, kClockZero };

  Timer(From from, int64_t nanos) : nanos_(nanos), step_(StepFor(from)) {}
  Timer(Timer&& other) noexcept : nanos_(other.nanos_), step_(other.step_) {
    KIOTO_DCHECK(other.entry_.state() != TimerState::kArmed, "a timer was moved after its first poll");
  }

  // kFired: the deadline is over; so it stays. kArmed: not yet, the waker will be woken. kShutdown: the runtime has ended
  // its timers. kIdle: this thread has entered no runtime, or one without time. Consumes no budget.
  TimerState Poll(Context& cx) {
    if (step_ == Step::kArmed) {
      const TimerState state = entry_.Poll(cx.waker());
      if (state == TimerState::kFired) step_ = Step::kElapsed;
      return state;
    }
    return step_ == Step::kElapsed ? TimerState::kFired : Start(cx);
  }

  // Another deadline. The next poll starts it anew, with the runtime of that moment; until then whoever waits will be woken by
  // the old one at the new deadline.
  void ResetAt(int64_t deadline) {
    (void)entry_.Move(deadline);
    nanos_ = deadline;
    step_ = Step::kDeadline;
  }
  void Cancel() { entry_.Cancel(); }

  // In nanoseconds of the runtime's clock; kNever before the first poll of one that counts from there.
  int64_t deadline() const { return step_ == Step::kDuration ? kNever : nanos_; }
  // Whether a poll has said kFired.
  bool elapsed() const { return step_ == Step::kElapsed; }

 private:
  enum class Step : uint8_t { kDuration, kDeadline, kArmed, kElapsed };

  static Step StepFor(From from) { return from == From::kFirstPoll ? Step::kDuration : Step::kDeadline; }
  TimerState Start(Context& cx);

  int64_t nanos_;  // kDuration: from the first poll; else the deadline
  Step step_;
  TimerEntry entry_;
};

// Ends the program with the sentence that says why `what` can not be used here.
[[noreturn]] void NoTimeHere(const char* what);

}  // namespace kioto::internal

#endif  // KIOTO_TIME_INTERNAL_TIMER_H_
