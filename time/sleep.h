// Sleep(d), SleepUntil(t): ready when the time has come. Never early; late by up to a millisecond, the grain of timers.
//
//   Sleep(1s).Then([&] { return stream.Write(ping); })
//
// Sleep counts from its first poll. Zero, a negative duration or a moment in the past is ready at once, without waiting;
// no duration is too long. Costs one clock read and one entry of the worker's timer wheel; allocates nothing.
//
// CANCEL SAFE: yes. THREADS: any that has entered a runtime with time; elsewhere the first poll ends the program with the
// sentence that says what to do. In a runtime that shuts down it is never ready: its task is about to be destroyed.
#ifndef KIOTO_TIME_SLEEP_H_
#define KIOTO_TIME_SLEEP_H_

#include <chrono>
#include <type_traits>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/time/instant.h"
#include "kioto/time/internal/nanos.h"
#include "kioto/time/internal/timer.h"

namespace kioto::time {

// After it was ready it stays so, until a Reset.
class [[nodiscard]] SleepFuture : public FutureBase<SleepFuture, Unit> {
 public:
  explicit SleepFuture(kioto::internal::Timer timer) : timer_(std::move(timer)) {}

  Poll<Unit> PollOnce(Context& cx) {
    const kioto::internal::TimerState state = timer_.Poll(cx);
    if (state == kioto::internal::TimerState::kFired && cx.ConsumeBudget()) return Unit{};
    if (state == kioto::internal::TimerState::kIdle) kioto::internal::NoTimeHere("Sleep");
    return kPending;
  }

  void Describe(WaitTrace& trace) const { trace.Leaf(trace.Until("Sleep", timer_.deadline())); }

  // Another deadline, at any time. Whoever waits is woken at that one. If nobody does, for it was never polled, or was over and
  // begins again, it must be polled after it.
  void Reset(Instant deadline) { timer_.ResetAt(deadline.nanos()); }

  // Never() before the first poll of a Sleep(d).
  Instant deadline() const { return Instant::FromNanos(timer_.deadline()); }
  // Whether a poll has found the time to be over.
  bool is_elapsed() const { return timer_.elapsed(); }

 private:
  kioto::internal::Timer timer_;
};

template <class Rep, class Period>
SleepFuture Sleep(std::chrono::duration<Rep, Period> duration) {
  using kioto::internal::Timer;
  return SleepFuture(Timer(Timer::From::kFirstPoll, kioto::internal::ToNanos(duration)));
}

// A number without a unit.
template <class Number, std::enable_if_t<std::is_arithmetic_v<Number>, int> = 0>
kioto::internal::Poison Sleep(Number) {
  static_assert(kioto::internal::kAlwaysFalse<Number>,
                "kioto: Sleep takes its duration with a unit, as in Sleep(5s): see std::chrono_literals");
  return {};
}

inline SleepFuture SleepUntil(Instant deadline) {
  using kioto::internal::Timer;
  return SleepFuture(Timer(Timer::From::kClockZero, deadline.nanos()));
}

}  // namespace kioto::time

namespace kioto {
using time::Sleep;
using time::SleepUntil;
}  // namespace kioto

#endif  // KIOTO_TIME_SLEEP_H_
