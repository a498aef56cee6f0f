// Interval: ticks, one every period, without drift: each is due a whole number of periods after the first.
//
//   With(time::Interval(1s), [&](time::Interval& every) {
//     return Loop([&] { return every.Tick().Then([&](time::Instant&) { return Report(); }); });
//   })
//   ForEach(time::Interval(1s), [&](time::Instant due) { ... })              // it is a stream, without an end
//
// The first tick comes at once (at the first poll), or at `start`. A tick that is more than 5 ms late was missed:
//
//   kBurst   the ticks come late and close together, until they have caught up (the default)
//   kDelay   the next tick comes a whole period after this one: the rest move
//   kSkip    the next tick comes at the next multiple of the period: the missed ones never come
//
// THREADS: one at a time; the first poll of a tick pins it. In a runtime that shuts down no tick comes.
#ifndef KIOTO_TIME_INTERVAL_H_
#define KIOTO_TIME_INTERVAL_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "kioto/runtime/future/future_base.h"
#include "kioto/time/instant.h"
#include "kioto/time/internal/nanos.h"
#include "kioto/time/internal/timer.h"

namespace kioto::internal {
template <class S>
class TimeoutRepeatingStream;
}  // namespace kioto::internal

namespace kioto::time {

class Interval;

enum class MissedTicks : uint8_t { kBurst, kDelay, kSkip };

// The moment when the tick was due, which is not later than now. CANCEL SAFE of Interval::Tick(): yes: a tick not given is given next time.
class [[nodiscard]] TickFuture : public FutureBase<TickFuture, Instant> {
 public:
  static constexpr bool kMovable = true;

  explicit TickFuture(Interval* interval) : interval_(interval) {}
  Poll<Instant> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const;

 private:
  Interval* interval_;
};

class Interval {
 public:
  using Item = Instant;

  // `period` is more than nothing (checked).
  template <class Rep, class Period>
  explicit Interval(std::chrono::duration<Rep, Period> period, MissedTicks missed = MissedTicks::kBurst)
      : Interval(Timer(Timer::From::kFirstPoll, 0), kioto::internal::ToNanos(period), missed) {}
  template <class Rep, class Period>
  Interval(Instant start, std::chrono::duration<Rep, Period> period, MissedTicks missed = MissedTicks::kBurst)
      : Interval(Timer(Timer::From::kClockZero, start.nanos()), kioto::internal::ToNanos(period), missed) {}
  Interval(Interval&&) = default;  // before the first poll

  TickFuture Tick() { return TickFuture(this); }
  // What Tick() does. The waker is kept only if there is no tick yet.
  Poll<Instant> PollTick(Context& cx);
  // The same, as a stream.
  Poll<std::optional<Instant>> PollNext(Context& cx);

  void Describe(WaitTrace& trace) const { trace.Leaf(trace.Until("Interval", timer_.deadline())); }

  // The next tick, a period from now; those after it, from there. What was missed is forgotten. Who waits for a tick is woken
  // at that one, as after every Reset.
  void Reset();
  // The next tick at once; those after it, from there.
  void ResetImmediately() { ResetAt(Instant::Now()); }
  // The next tick, so long from now, or at that moment.
  template <class Rep, class Period>
  void ResetAfter(std::chrono::duration<Rep, Period> wait) {
    ResetAt(Instant::Now() + wait);
  }
  void ResetAt(Instant next) { timer_.ResetAt(next.nanos()); }

  std::chrono::nanoseconds period() const { return std::chrono::nanoseconds(period_); }
  MissedTicks missed_ticks() const { return missed_; }
  void set_missed_ticks(MissedTicks missed) { missed_ = missed; }

 private:
  template <class S>
  friend class kioto::internal::TimeoutRepeatingStream;
  using Timer = kioto::internal::Timer;

  Interval(Timer first, int64_t period, MissedTicks missed);
  // PollTick, in two: whether there is a tick, without asking for budget; takes it.
  bool PollDue(Context& cx);
  Instant TakeTick();
  int64_t TickAfter(int64_t due, int64_t now) const;

  Timer timer_;
  int64_t period_;
  MissedTicks missed_;
};

inline void TickFuture::Describe(WaitTrace& trace) const { trace.Child(*interval_); }

}  // namespace kioto::time

#endif  // KIOTO_TIME_INTERVAL_H_
