#include "kioto/time/interval.h"

#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/driver/clock.h"
#include "kioto/runtime/driver/driver_set.h"

namespace kioto::time {
namespace {

using kioto::internal::SaturatingAdd;
using kioto::internal::TimerState;

// Timers have a grain and workers have other things to do: so much lateness is no lateness.
constexpr int64_t kMissedNs = 5'000'000;

}  // namespace

Interval::Interval(Timer first, int64_t period, MissedTicks missed)
    : timer_(std::move(first)), period_(period), missed_(missed) {
  KIOTO_CHECK(period > 0, "the period of an Interval must be more than nothing; to run as often as possible, use YieldNow");
}

Poll<Instant> Interval::PollTick(Context& cx) {
  if (!PollDue(cx) || !cx.ConsumeBudget()) return kPending;
  return TakeTick();
}

bool Interval::PollDue(Context& cx) {
  const TimerState state = timer_.Poll(cx);
  if (state == TimerState::kIdle) kioto::internal::NoTimeHere("Interval");
  return state == TimerState::kFired;
}

Instant Interval::TakeTick() {
  const int64_t due = timer_.deadline();
  timer_.ResetAt(TickAfter(due, kioto::internal::NowNanos()));
  return Instant::FromNanos(due);
}

Poll<std::optional<Instant>> Interval::PollNext(Context& cx) {
  auto tick = PollTick(cx);
  if (tick.pending()) return kPending;
  return std::optional<Instant>(*tick);
}

void Interval::Reset() {
  timer_.ResetAt(SaturatingAdd(kioto::internal::NowNanos(), period_));
}

// When the tick comes that follows the one that was due at `due` and is given at `now`.
int64_t Interval::TickAfter(int64_t due, int64_t now) const {
  if (now - due > kMissedNs) {
    switch (missed_) {
      case MissedTicks::kBurst:
        break;
      case MissedTicks::kDelay:
        return SaturatingAdd(now, period_);
      case MissedTicks::kSkip:
        return SaturatingAdd(now, period_ - (now - due) % period_);
    }
  }
  return SaturatingAdd(due, period_);
}

Poll<Instant> TickFuture::PollOnce(Context& cx) { return interval_->PollTick(cx); }

}  // namespace kioto::time
