// Matchers for what a poll answers.
//
//   EXPECT_THAT(task.Poll(), IsPending());
//   EXPECT_THAT(task.Poll(), IsReady());
//   EXPECT_THAT(task.Poll(), IsReady(7));                  // a value or a matcher: IsReady(Gt(5))
//   EXPECT_THAT(task.Poll(), IsReadyOk());                 // a Status or StatusOr that is OK
//   EXPECT_THAT(task.Poll(), IsReadyOk(7));                // and its value
//   EXPECT_THAT(task.Poll(), IsReadyError());
//   EXPECT_THAT(task.Poll(), IsReadyError(IsElapsed));     // a predicate of status.h, or a matcher of the Status
#ifndef KIOTO_RUNTIME_FUTURE_TESTING_MATCHERS_H_
#define KIOTO_RUNTIME_FUTURE_TESTING_MATCHERS_H_

#include <utility>

#include "gmock/gmock.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/poll.h"

namespace kioto {

MATCHER(IsPending, negation ? "is ready" : "is pending") { return arg.pending(); }

MATCHER(IsReady, negation ? "is pending" : "is ready") { return arg.ready(); }

MATCHER_P(IsReady, value, "is ready with the value") {
  return arg.ready() && ::testing::ExplainMatchResult(::testing::SafeMatcherCast<const typename std::decay_t<decltype(arg)>::Value&>(value), *arg, result_listener);
}

namespace internal {

inline const Status& StatusOfPolled(const Status& status) { return status; }
template <class T>
const Status& StatusOfPolled(const StatusOr<T>& value) {
  return value.status();
}

// Whether a poll that is ready is OK; says what the error is.
template <class P>
bool PolledOk(const P& poll, ::testing::MatchResultListener* listener) {
  if (poll.pending()) {
    *listener << "which is pending";
    return false;
  }
  const Status& status = StatusOfPolled(*poll);
  if (!status.ok()) *listener << "which is ready with " << status;
  return status.ok();
}

template <class P>
bool PolledError(const P& poll, ::testing::MatchResultListener* listener) {
  if (poll.pending()) *listener << "which is pending";
  return poll.ready() && !StatusOfPolled(*poll).ok();
}

inline ::testing::Matcher<const Status&> ErrorMatcher(bool (*predicate)(const Status&)) {
  return ::testing::ResultOf("the predicate", predicate, ::testing::IsTrue());
}
template <class M>
::testing::Matcher<const Status&> ErrorMatcher(M matcher) {
  return ::testing::SafeMatcherCast<const Status&>(matcher);
}

}  // namespace internal

MATCHER(IsReadyOk, negation ? "is pending or an error" : "is ready and OK") {
  return internal::PolledOk(arg, result_listener);
}

MATCHER_P(IsReadyOk, value, "is ready and OK with the value") {
  return internal::PolledOk(arg, result_listener) && ::testing::ExplainMatchResult(value, **arg, result_listener);
}

MATCHER(IsReadyError, negation ? "is pending or OK" : "is ready with an error") {
  return internal::PolledError(arg, result_listener);
}

MATCHER_P(IsReadyError, error, "is ready with such an error") {
  return internal::PolledError(arg, result_listener) &&
         ::testing::ExplainMatchResult(internal::ErrorMatcher(error), internal::StatusOfPolled(*arg), result_listener);
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_TESTING_MATCHERS_H_
