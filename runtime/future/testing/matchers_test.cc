#include "kioto/runtime/future/testing/matchers.h"

#include <string>

#include "gtest/gtest.h"
#include "kioto/runtime/base/status.h"

namespace kioto {
namespace {

using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StringMatchResultListener;

const Poll<int> kPendingInt = kPending;
const Poll<int> kSeven = 7;
const Poll<StatusOr<int>> kPendingOr = kPending;
const Poll<StatusOr<int>> kOkSeven = StatusOr<int>(7);
const Poll<StatusOr<int>> kClosedOr = StatusOr<int>(ClosedError());

// What a failed EXPECT_THAT would say.
template <class P, class M>
std::string Explained(const P& poll, const M& matcher) {
  StringMatchResultListener listener;
  EXPECT_FALSE(::testing::ExplainMatchResult(matcher, poll, &listener));
  return listener.str();
}

// behaviour: tokio-test/tests/macros.rs#assert_ready
TEST(MatchersTest, IsReadyAcceptsWhatIsReady) {
  EXPECT_THAT(kSeven, IsReady());
  EXPECT_THAT(Poll<Unit>(Unit{}), IsReady());
}

// behaviour: tokio-test/tests/macros.rs#assert_ready_on_pending
TEST(MatchersTest, IsReadyRefusesWhatIsPending) {
  EXPECT_THAT(kPendingInt, Not(IsReady()));
  EXPECT_THAT(kPendingInt, Not(IsReady(7)));
}

// behaviour: tokio-test/tests/macros.rs#assert_pending
TEST(MatchersTest, IsPendingAcceptsWhatIsPending) { EXPECT_THAT(kPendingInt, IsPending()); }

// behaviour: tokio-test/tests/macros.rs#assert_pending_on_ready
TEST(MatchersTest, IsPendingRefusesWhatIsReady) { EXPECT_THAT(kSeven, Not(IsPending())); }

// behaviour: tokio-test/tests/macros.rs#assert_ready_eq
TEST(MatchersTest, IsReadyAcceptsTheValueOrAMatcher) {
  EXPECT_THAT(kSeven, IsReady(7));
  EXPECT_THAT(kSeven, IsReady(Gt(6)));
}

// behaviour: tokio-test/tests/macros.rs#assert_eq_on_not_eq
TEST(MatchersTest, IsReadyRefusesAnotherValue) {
  EXPECT_THAT(kSeven, Not(IsReady(8)));
  EXPECT_THAT(kSeven, Not(IsReady(Gt(7))));
}

// behaviour: tokio-test/tests/macros.rs#assert_ready_ok
TEST(MatchersTest, IsReadyOkAcceptsOkAndItsValue) {
  EXPECT_THAT(Poll<Status>(OkStatus()), IsReadyOk());
  EXPECT_THAT(kOkSeven, IsReadyOk());
  EXPECT_THAT(kOkSeven, IsReadyOk(7));
  EXPECT_THAT(kOkSeven, IsReadyOk(Gt(6)));
  EXPECT_THAT(kOkSeven, Not(IsReadyOk(8)));
}

// behaviour: tokio-test/tests/macros.rs#assert_ok_on_err
TEST(MatchersTest, IsReadyOkRefusesAnErrorAndShowsIt) {
  EXPECT_THAT(Explained(kClosedOr, IsReadyOk()), HasSubstr("FAILED_PRECONDITION"));
  EXPECT_THAT(Explained(kPendingOr, IsReadyOk(7)), HasSubstr("pending"));
  EXPECT_THAT(Poll<Status>(ClosedError()), Not(IsReadyOk()));
}

// behaviour: tokio-test/tests/macros.rs#assert_ready_err
TEST(MatchersTest, IsReadyErrorAcceptsAnErrorAndItsKind) {
  EXPECT_THAT(kClosedOr, IsReadyError());
  EXPECT_THAT(kClosedOr, IsReadyError(IsClosed));
  EXPECT_THAT(kClosedOr, IsReadyError(absl::IsFailedPrecondition));
  EXPECT_THAT(kClosedOr, IsReadyError(ClosedError()));
  EXPECT_THAT(kClosedOr, Not(IsReadyError(absl::IsNotFound)));
}

// behaviour: tokio-test/tests/macros.rs#assert_err_on_ok
TEST(MatchersTest, IsReadyErrorRefusesOkAndPending) {
  EXPECT_THAT(kOkSeven, Not(IsReadyError()));
  EXPECT_THAT(kOkSeven, Not(IsReadyError(IsClosed)));
  EXPECT_THAT(Explained(kPendingOr, IsReadyError()), HasSubstr("pending"));
}

}  // namespace
}  // namespace kioto
