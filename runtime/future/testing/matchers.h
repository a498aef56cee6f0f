// Matchers for what a poll answers.
//
//   EXPECT_THAT(task.Poll(), IsPending());
//   EXPECT_THAT(task.Poll(), IsReady());
//   EXPECT_THAT(task.Poll(), IsReady(7));
#ifndef KIOTO_RUNTIME_FUTURE_TESTING_MATCHERS_H_
#define KIOTO_RUNTIME_FUTURE_TESTING_MATCHERS_H_

#include <utility>

#include "gmock/gmock.h"
#include "kioto/runtime/future/poll.h"

namespace kioto {

MATCHER(IsPending, negation ? "is ready" : "is pending") { return arg.pending(); }

MATCHER(IsReady, negation ? "is pending" : "is ready") { return arg.ready(); }

MATCHER_P(IsReady, value, "is ready with the value") {
  return arg.ready() && ::testing::ExplainMatchResult(::testing::SafeMatcherCast<const typename std::decay_t<decltype(arg)>::Value&>(value), *arg, result_listener);
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_TESTING_MATCHERS_H_
