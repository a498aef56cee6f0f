// Timeout(d, future), TimeoutAt(t, future): what the future gives, or IsElapsed if the time was over first.
//
//   Timeout(30s, s.Read(buf)).AndThen([&](size_t& n) { ... })
//   s.Read(buf).Apply(WithTimeout(30s)).AndThen(...)          // the same, read from left to right
//
//   the future gives     Timeout gives
//   nothing              Status
//   Status               Status
//   StatusOr<T>          StatusOr<T>
//   any other T          StatusOr<T>
//
// d counts from the first poll. The future is looked at first: one that is ready wins, however late it is, and costs no
// timer and no clock read if that is at the first poll. A future that always has something to do can not keep the time
// from running out. When the time is over the future is destroyed, which cancels it, before the error is given.
//
// `inner()` is the future; `std::move(timeout).IntoInner()` gives it back, without the limit: before the first poll, and later if it
// is one that may be moved then (a .Boxed() one, a ByRef). Both until the Timeout is ready; afterwards there is none (checked).
//
// A limit beyond all counting (nanoseconds::max(), what absl::ToChronoNanoseconds makes of absl::InfiniteDuration()) is no
// limit: no timer is armed, and no runtime is asked for.
//
// CANCEL SAFE: as the future. ERRORS: besides the future's own, IsElapsed, whose message says the limit, if it is one; outside a runtime
// with time, and when that has shut down, a status that says so. Allocates nothing but the error.
#ifndef KIOTO_TIME_TIMEOUT_H_
#define KIOTO_TIME_TIMEOUT_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/future/internal/unify.h"
#include "kioto/time/instant.h"
#include "kioto/time/internal/nanos.h"
#include "kioto/time/internal/timer.h"

namespace kioto {
namespace internal {

// Stands for the limit of a TimeoutAt.
inline constexpr int64_t kTimeoutAt = -1;

// Why a Timeout of `limit` nanoseconds ends whose timer is in this state, which is not kArmed.
Status TimeoutError(TimerState state, int64_t limit);
// The same for the item of a stream: `kind` is TimeoutEach, or TimeoutRepeating, whose wait may be shorter than its period.
Status LateError(TimerState state, const char* kind);

template <class F>
class [[nodiscard]] TimeoutFuture : public FutureBase<TimeoutFuture<F>, Fallible<OutputOf<F>>> {
 public:
  using Output = Fallible<OutputOf<F>>;
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  // `limit`: kNever: without one.
  TimeoutFuture(Timer timer, int64_t limit, F&& future) : timer_(std::move(timer)), limit_(limit), future_(std::move(future)) {}

  Poll<Output> PollOnce(Context& cx) {
    KIOTO_DCHECK(future_.has_value(), "a future was polled after it was ready");
    auto polled = PollChild(*future_, cx);
    if (polled.ready()) {
      timer_.Cancel();  // there is nothing left to limit
      Poll<Output> output(Convert<Output>(*std::move(polled)));
      future_.reset();
      return output;
    }
    if (limit_ == kNever) return kPending;
    // No budget is asked for: the future may have spent it all, every time.
    const TimerState state = timer_.Poll(cx);
    if (state == TimerState::kArmed) return kPending;
    if (!cx.budget_spent()) (void)cx.ConsumeBudget();
    future_.reset();
    return Output(TimeoutError(state, limit_));
  }
  F& inner() {
    CheckInner();
    return *future_;
  }
  const F& inner() const {
    CheckInner();
    return *future_;
  }
  F IntoInner() && {
    CheckInner();
    timer_.Cancel();
    return *std::move(future_);
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node(trace.Until("Timeout", limit_ != kNever ? timer_.deadline() : kNever));
    if (future_.has_value()) trace.Child(*future_);
  }

 private:
  void CheckInner() const {
    KIOTO_CHECK(future_.has_value(), "a Timeout was asked for its future after it was ready, which had ended the future");
  }

  Timer timer_;
  const int64_t limit_;
  std::optional<F> future_;
};

template <class F>
auto MakeTimeout(Timer::From from, int64_t nanos, F&& future) {
  constexpr bool fine = IsFuture<F>;
  static_assert(fine, "kioto: the last argument of a Timeout is a future, as an rvalue: std::move(future) or a call that makes one");
  if constexpr (!fine || kIsPoison<F>) {
    return Poison{};
  } else {
    const int64_t limit = nanos == kNever ? kNever : from == Timer::From::kFirstPoll ? std::max<int64_t>(nanos, 0) : kTimeoutAt;
    return TimeoutFuture<F>(Timer(from, nanos), limit, std::move(future));
  }
}

}  // namespace internal

namespace time {

template <class Rep, class Period, class F>
auto Timeout(std::chrono::duration<Rep, Period> limit, F&& future) {
  using kioto::internal::Timer;
  return kioto::internal::MakeTimeout(Timer::From::kFirstPoll, kioto::internal::ToNanos(limit), std::forward<F>(future));
}

template <class F>
auto TimeoutAt(Instant deadline, F&& future) {
  using kioto::internal::Timer;
  return kioto::internal::MakeTimeout(Timer::From::kClockZero, deadline.nanos(), std::forward<F>(future));
}

// A number without a unit.
template <class Number, class F, std::enable_if_t<std::is_arithmetic_v<Number>, int> = 0>
kioto::internal::Poison Timeout(Number, F&&) {
  static_assert(kioto::internal::kAlwaysFalse<Number>,
                "kioto: Timeout takes its limit with a unit, as in Timeout(5s, future): see std::chrono_literals");
  return {};
}

// Timeout as an adaptor, for future.Apply.
template <class Rep, class Period>
auto WithTimeout(std::chrono::duration<Rep, Period> limit) {
  return [limit](auto&& future) { return time::Timeout(limit, std::forward<decltype(future)>(future)); };
}

}  // namespace time

using time::Timeout;
using time::TimeoutAt;
using time::WithTimeout;

}  // namespace kioto

#endif  // KIOTO_TIME_TIMEOUT_H_
