// What Timeout and Retry refuse: each case gives exactly one error, the sentence.
#include <chrono>
#include <string>

#include "kioto/runtime/future/future.h"
#include "kioto/sync/call.h"
#include "kioto/sync/mpsc.h"
#include "kioto/time/retry.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto {

using namespace std::chrono_literals;  // NOLINT

inline auto Good() { return Timeout(1s, Ready(OkStatus())); }
inline auto GoodRetry() {
  return Retry(time::Backoff(1ms, 1s, 3), [] { return Ready(OkStatus()); });
}

#ifdef KIOTO_NC_CASE_timeout_not_future
// EXPECT: kioto: the last argument of a Timeout is a future, as an rvalue
inline auto Refused() { return Timeout(1s, 1); }
#endif

#ifdef KIOTO_NC_CASE_timeout_without_unit
// EXPECT: kioto: Timeout takes its limit with a unit
inline auto Refused() {
  return Timeout(5, Ready(OkStatus())).Then([](Status& status) { return status; });
}
#endif

#ifdef KIOTO_NC_CASE_sleep_without_unit
// EXPECT: kioto: Sleep takes its duration with a unit
inline auto Refused() {
  return Sleep(0.5).Then([] { return Ready(1); });
}
#endif

#ifdef KIOTO_NC_CASE_timeout_at_not_future
// EXPECT: kioto: the last argument of a Timeout is a future, as an rvalue
inline auto Refused() { return time::TimeoutAt(time::Instant::Now(), [] { return Ready(1); }); }
#endif

#ifdef KIOTO_NC_CASE_with_timeout_not_future
// EXPECT: kioto: an asynchronous step takes its argument by reference (T&)
inline auto Refused() {
  return Ready(1).Then([](int n) { return Ready(n); }).Apply(time::WithTimeout(1s));
}
#endif

#ifdef KIOTO_NC_CASE_timeout_loses_data
// EXPECT: kioto: this future loses data if another case wins
inline auto Refused(sync::MpscSender<std::string>& sender) {
  return Race(Timeout(1s, sender.Send("x")), Ready(OkStatus()));
}
#endif

#ifdef KIOTO_NC_CASE_retry_infallible
// EXPECT: kioto: what Retry tries gives a Status or StatusOr<T>: else it can not fail
inline auto Refused() {
  return Retry(time::Backoff(1ms, 1s, 3), [] { return Ready(1); });
}
#endif

#ifdef KIOTO_NC_CASE_retry_predicate
// EXPECT: kioto: the predicate of Retry is called with a const Status& and returns a bool
inline auto Refused() {
  return Retry(time::Backoff(1ms, 1s, 3), [] { return Ready(OkStatus()); }, [](int) { return true; });
}
#endif

#ifdef KIOTO_NC_CASE_retry_future
// EXPECT: kioto: a step is a callable that returns a future, not a future
inline auto Refused() { return Retry(time::Backoff(1ms, 1s, 3), Ready(OkStatus())); }
#endif

struct Job {
  sync::OneshotSender<int> reply;
};

#ifdef KIOTO_NC_CASE_call_makes_nothing
// EXPECT: kioto: Call takes a function that makes the job from the OneshotSender<R> of its answer
inline auto Refused(sync::MpscSender<Job>& pool) {
  return sync::Call<int>(pool, [](int) { return Job(); });
}
#endif

}  // namespace kioto
