// Retry(backoff, fn): fn() again and again, with a wait before each new attempt, until it succeeds, fails for good, or the
// attempts are used up. Gives what the last attempt gave.
//
//   Retry(Backoff(100ms, 2s, 5), [&url] { return Timeout(3s, Fetch(url)); })
//   Retry(Backoff(100ms, 2s, 5), [&url] { ... }, [](const Status& why) { return IsElapsed(why) || absl::IsUnavailable(why); })
//
// fn returns a future of a Status or StatusOr, or such a value itself; it lives until the Retry ends, so the futures that it
// returns may borrow its captures. Tried again is what is unavailable (kUnavailable, but not IsShutdown: that runtime does
// not come back; a refused connection is unavailable, a time-out is not), or with a predicate what that says, and nothing else. CANCEL SAFE: as one attempt. Allocates nothing. Uses Sleep: see there.
#ifndef KIOTO_TIME_RETRY_H_
#define KIOTO_TIME_RETRY_H_

#include <type_traits>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/flow.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/if.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/runtime/future/lazy.h"
#include "kioto/runtime/future/loop.h"
#include "kioto/runtime/future/with.h"
#include "kioto/time/backoff.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace internal {

struct IsWorthARetry {
  bool operator()(const Status& status) const { return absl::IsUnavailable(status) && !IsShutdown(status); }
};

inline const Status& StatusOfAttempt(const Status& status) { return status; }
template <class T>
const Status& StatusOfAttempt(const StatusOr<T>& result) {
  return result.status();
}

template <class Fn, class Again>
auto MakeRetry(time::Backoff backoff, Fn&& fn, Again&& again) {
  return With(backoff, std::move(fn), std::move(again), [](time::Backoff& backoff, Fn& fn, Again& again) {
    return Loop([&backoff, &fn, &again] {
      return Lazy([&fn]() -> decltype(auto) { return fn(); }).Then([&backoff, &again](auto& result) {
        const Status& status = StatusOfAttempt(result);
        const bool once_more = !status.ok() && !backoff.Spent() && again(status);
        return If(
            once_more, [&backoff] { return time::Sleep(backoff.Next()); },
            [&result] { return Break(std::move(result)); });
      });
    });
  });
}

template <class Fn, class Again>
auto CheckedRetry(time::Backoff backoff, Fn&& fn, Again&& again) {
  if constexpr (!kStepIsFine<Fn, Unit>) {
    return Poison{};
  } else {
    constexpr bool fallible = kIsFallible<typename Step<Fn, Unit>::Output>;
    constexpr bool decides = std::is_invocable_r_v<bool, Again&, const Status&>;
    static_assert(fallible, "kioto: what Retry tries gives a Status or StatusOr<T>: else it can not fail");
    static_assert(decides, "kioto: the predicate of Retry is called with a const Status& and returns a bool");
    if constexpr (fallible && decides) {
      return MakeRetry(backoff, std::move(fn), std::move(again));
    } else {
      return Poison{};
    }
  }
}

}  // namespace internal

namespace time {

template <class Fn>
auto Retry(Backoff backoff, Fn fn) {
  return kioto::internal::CheckedRetry(backoff, std::move(fn), kioto::internal::IsWorthARetry());
}

template <class Fn, class Again>
auto Retry(Backoff backoff, Fn fn, Again again) {
  return kioto::internal::CheckedRetry(backoff, std::move(fn), std::move(again));
}

}  // namespace time

using time::Retry;

}  // namespace kioto

#endif  // KIOTO_TIME_RETRY_H_
