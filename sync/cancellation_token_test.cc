#include "kioto/sync/cancellation_token.h"

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/time_limit.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/internal/blocking.h"
#include "kioto/sync/oneshot.h"
#include "kioto/sync/until.h"

namespace kioto::sync {
namespace {

using Task = PolledTask<CancelledFuture>;

// behaviour: tokio-util/tests/sync_cancellation_token.rs#cancel_token
// behaviour: tokio-util/tests/sync_cancellation_token.rs#cancel_token_owned
TEST(CancellationTokenTest, CancelWakesThosePolledAndReadiesTheRest) {
  CancellationToken token;
  Task polled(token.Cancelled());
  Task unpolled(token.Cancelled());
  EXPECT_TRUE(polled.Poll().pending());
  EXPECT_FALSE(token.IsCancelled());
  token.Cancel();
  token.Cancel();
  EXPECT_TRUE(token.IsCancelled());
  EXPECT_EQ(polled.wakes(), 1);
  EXPECT_EQ(unpolled.wakes(), 0);
  EXPECT_TRUE(polled.Poll().ready());
  EXPECT_TRUE(unpolled.Poll().ready());
}

// behaviour: tokio-util/tests/sync_cancellation_token.rs#cancel_token_owned_drop_test
// check: H1
TEST(CancellationTokenTest, DroppedAtAnyPointNothingLeaks) {
  for (int polls = 0; polls < 3; ++polls) {
    CancellationToken token;
    Task task(token.Cancelled());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(task.Poll().pending());
    task.Drop();
    EXPECT_EQ(task.held(), 0);
    token.Cancel();
    EXPECT_EQ(task.wakes(), 0);
  }
}

// behaviour: tokio-util/tests/sync_cancellation_token.rs#cancel_child_token_through_parent
TEST(CancellationTokenTest, AChildIsCancelledWithItsParent) {
  CancellationToken token;
  CancellationToken child = token.ChildToken();
  Task a(token.Cancelled());
  Task b(child.Cancelled());
  EXPECT_TRUE(a.Poll().pending());
  EXPECT_TRUE(b.Poll().pending());
  token.Cancel();
  EXPECT_TRUE(child.IsCancelled());
  EXPECT_EQ(a.wakes(), 1);
  EXPECT_EQ(b.wakes(), 1);
  EXPECT_TRUE(a.Poll().ready());
  EXPECT_TRUE(b.Poll().ready());
}

// behaviour: tokio-util/tests/sync_cancellation_token.rs#cancel_grandchild_token_through_parent_if_child_was_dropped
TEST(CancellationTokenTest, DescendantsAreCancelledThroughDroppedOnes) {
  CancellationToken token;
  std::optional<CancellationToken> child = token.ChildToken();
  CancellationToken grandchild = child->ChildToken();
  Task a(token.Cancelled());
  Task c(grandchild.Cancelled());
  EXPECT_TRUE(a.Poll().pending());
  EXPECT_TRUE(c.Poll().pending());
  child.reset();
  token.Cancel();
  EXPECT_EQ(a.wakes(), 1);
  EXPECT_EQ(c.wakes(), 1);
  EXPECT_TRUE(grandchild.IsCancelled());
  EXPECT_TRUE(a.Poll().ready());
  EXPECT_TRUE(c.Poll().ready());
}

// behaviour: tokio-util/tests/sync_cancellation_token.rs#cancel_child_token_without_parent
TEST(CancellationTokenTest, AChildDoesNotCancelItsParent) {
  CancellationToken token;
  CancellationToken first = token.ChildToken();
  CancellationToken second = token.ChildToken();
  first.Cancel();
  EXPECT_TRUE(first.IsCancelled());
  EXPECT_FALSE(token.IsCancelled());
  EXPECT_FALSE(second.IsCancelled());
  token.Cancel();
  EXPECT_TRUE(second.IsCancelled());
}

// behaviour: tokio-util/tests/sync_cancellation_token.rs#create_child_token_after_parent_was_cancelled
TEST(CancellationTokenTest, AChildOfACancelledTokenIsBornCancelled) {
  CancellationToken token;
  token.Cancel();
  EXPECT_TRUE(token.ChildToken().IsCancelled());
  EXPECT_TRUE(token.ChildToken().ChildToken().IsCancelled());
}

// behaviour: tokio-util/tests/sync_cancellation_token.rs#drop_multiple_child_tokens
TEST(CancellationTokenTest, DroppingChildrenCancelsNothing) {
  for (const bool first_first : {true, false}) {
    CancellationToken token;
    std::optional<CancellationToken> children[3];
    for (auto& child : children) child = token.ChildToken();
    for (int i = 0; i < 3; ++i) {
      children[first_first ? i : 2 - i].reset();
      EXPECT_FALSE(token.IsCancelled());
    }
  }
}

// behaviour: tokio-util/tests/sync_cancellation_token.rs#drop_parent_before_child_tokens
TEST(CancellationTokenTest, DroppingAParentCancelsNothing) {
  std::optional<CancellationToken> token{std::in_place};
  const CancellationToken a = token->ChildToken();
  const CancellationToken b = token->ChildToken();
  token.reset();
  EXPECT_FALSE(a.IsCancelled());
  EXPECT_FALSE(b.IsCancelled());
}

TEST(CancellationTokenTest, ALongChainIsCancelledAndDestroyedWithoutRecursion) {
  for (bool cancel : {false, true}) {
    CancellationToken first;
    CancellationToken last = first;
    for (int i = 0; i < 100000; ++i) last = last.ChildToken();
    if (cancel) first.Cancel();
    EXPECT_EQ(last.IsCancelled(), cancel);
  }
}

TEST(CancellationTokenTest, AGuardCancelsUnlessDisarmed) {
  CancellationToken token;
  {
    CancelGuard guard = token.DropGuard();
    CancelGuard moved = std::move(guard);
    EXPECT_EQ(std::move(moved).Disarm(), token);
  }
  EXPECT_FALSE(token.IsCancelled());
  {
    CancelGuard guard = token.DropGuard();
    EXPECT_EQ(guard.token(), token);
  }
  EXPECT_TRUE(token.IsCancelled());
}

// behaviour: tokio-util/tests/sync_cancellation_token.rs#cloned_cancellation_tokens_are_considered_equal
TEST(CancellationTokenTest, CopiesAreEqual) {
  CancellationToken token;
  CancellationToken copy = token;
  EXPECT_EQ(token, copy);
}

// behaviour: tokio-util/tests/sync_cancellation_token.rs#cloned_cancellation_tokens_have_same_hash
TEST(CancellationTokenTest, CopiesHashAlike) {
  CancellationToken token;
  CancellationToken copy = token;
  EXPECT_EQ(absl::Hash<CancellationToken>()(token), absl::Hash<CancellationToken>()(copy));
}

// behaviour: tokio-util/tests/sync_cancellation_token.rs#child_cancellation_tokens_are_not_considered_equal
TEST(CancellationTokenTest, AChildIsNotItsParent) {
  CancellationToken token;
  EXPECT_NE(token, token.ChildToken());
}

// behaviour: tokio-util/tests/sync_cancellation_token.rs#independent_cancellation_tokens_are_not_considered_equal
TEST(CancellationTokenTest, OthersAreNotEqual) {
  CancellationToken token;
  EXPECT_NE(token, CancellationToken());
  EXPECT_NE(token, token.ChildToken());
}

// behaviour: tokio-util/tests/sync_cancellation_token.rs#different_cancellation_tokens_have_different_hash
TEST(CancellationTokenTest, OthersHashOtherwise) {
  CancellationToken token;
  CancellationToken other;
  CancellationToken child = token.ChildToken();
  absl::Hash<CancellationToken> hash;
  EXPECT_NE(hash(token), hash(other));
  EXPECT_NE(hash(token), hash(child));
}

// behaviour: tokio-util/src/sync/tests/loom_cancellation_token.rs#cancel_with_child
// behaviour: tokio-util/src/sync/tests/loom_cancellation_token.rs#drop_and_cancel_token
// behaviour: tokio-util/src/sync/tests/loom_cancellation_token.rs#cancel_parent_and_child
TEST(CancellationTokenTest, StressCancelWaitAndDropInAFamily) {
  const base::TimeLimit limit(std::chrono::seconds(30));
  auto wait = [](const CancellationToken& token) {
    internal::BlockingWait(token.Cancelled());
    EXPECT_TRUE(token.IsCancelled());
  };
  for (int round = 0; round < 500; ++round) {
    CancellationToken token;
    CancellationToken child = token.ChildToken();
    CancellationToken other = token.ChildToken();  // which only its parent cancels
    std::vector<std::thread> threads;
    threads.emplace_back([token] { token.Cancel(); });
    threads.emplace_back([child, wait] { wait(child); });
    threads.emplace_back([other, wait] { wait(other); });
    threads.emplace_back([token, wait, round] {
      CancellationToken own = token.ChildToken().ChildToken();
      if (round % 2 == 0) wait(own);
    });
    threads.emplace_back([dropped = std::move(child)]() mutable { CancellationToken(std::move(dropped)).Cancel(); });
    wait(token);
    for (auto& thread : threads) thread.join();
    EXPECT_TRUE(other.IsCancelled());
  }
}

// --- Until and RunUntilCancelled ---

TEST(UntilTest, AFutureThatIsReadyWinsAndGivesItsValue) {
  CancellationToken token;
  auto channel = Oneshot<int>();
  PolledTask task(Until(token, std::move(channel.receiver)));
  static_assert(std::is_same_v<decltype(task)::Output, StatusOr<int>>);
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_TRUE(channel.sender.Send(5));
  token.Cancel();
  EXPECT_EQ((*task.Poll()).value(), 5);
}

TEST(UntilTest, CancelWakesItAndDestroysTheFutureOnTheSpot) {
  CancellationToken token;
  auto channel = Oneshot<int>();
  PolledTask task(Until(token, std::move(channel.receiver)));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_TRUE(task.Poll().pending());
  token.Cancel();
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_FALSE(channel.sender.IsClosed());
  EXPECT_TRUE(absl::IsCancelled((*task.Poll()).status()));
  EXPECT_TRUE(channel.sender.IsClosed());
}

struct CountsPolls : FutureBase<CountsPolls, Unit> {
  explicit CountsPolls(int& polls) : polls(&polls) {}
  Poll<Unit> PollOnce(Context&) {
    if (++*polls < 2) return kPending;
    return Unit{};
  }
  int* polls;
};

// behaviour: kioto/sync/until.h#cancelled_beforehand_polls_nothing
// behaviour: tokio-util/tests/sync_cancellation_token.rs#run_until_cancelled_owned_test
TEST(UntilTest, CancelledBeforehandTheFutureIsNotPolled) {
  CancellationToken token;
  token.Cancel();
  int polls = 0;
  PolledTask nothing(RunUntilCancelled(token, CountsPolls(polls)));
  EXPECT_EQ(*nothing.Poll(), std::nullopt);
  PolledTask status(Until(token, CountsPolls(polls)));
  static_assert(std::is_same_v<decltype(status)::Output, Status>);
  EXPECT_TRUE(absl::IsCancelled(*status.Poll()));
  EXPECT_EQ(polls, 0);

  PolledTask runs(RunUntilCancelled(CancellationToken(), CountsPolls(polls)));
  EXPECT_TRUE(runs.Poll().pending());
  EXPECT_TRUE((*runs.Poll()).has_value());
}

// Takes the whole budget at each poll, and then yields: a connection whose peer never lets up.
struct NeverWaits : FutureBase<NeverWaits, Unit> {
  Poll<Unit> PollOnce(Context& cx) {
    while (cx.ConsumeBudget()) {
    }
    return kPending;
  }
};

TEST(UntilTest, AFutureThatNeverWaitsIsStoppedToo) {
  CancellationToken token;
  PolledTask task(Until(token, NeverWaits()));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_TRUE(task.yielded());
  token.Cancel();
  auto poll = task.Poll();
  ASSERT_TRUE(poll.ready());
  EXPECT_TRUE(absl::IsCancelled(*poll));
}

// The token is kept by value: there is no borrowed form that could differ.
// behaviour: tokio-util/tests/future.rs#ready_fut_with_cancellation_token_test
// behaviour: tokio-util/tests/future.rs#ready_fut_with_cancellation_owned_token_test
TEST(RunUntilCancelledTest, AReadyFutureGivesItsValue) {
  PolledTask task(RunUntilCancelled(CancellationToken(), Ready(42)));
  EXPECT_EQ(*task.Poll(), std::optional<int>(42));
  EXPECT_EQ(task.wakes(), 0);
}

// behaviour: tokio-util/tests/future.rs#pending_fut_with_cancellation_token_test
// behaviour: tokio-util/tests/future.rs#pending_fut_with_cancellation_token_owned_test
TEST(RunUntilCancelledTest, APendingFutureIsPending) {
  PolledTask task(RunUntilCancelled(CancellationToken(), Never()));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(task.wakes(), 0);
}

// behaviour: tokio-util/tests/future.rs#ready_fut_with_already_cancelled_token_test
// behaviour: tokio-util/tests/future.rs#ready_fut_with_already_cancelled_token_owned_test
TEST(RunUntilCancelledTest, CancelledBeforehandAReadyFutureGivesNothing) {
  CancellationToken token;
  token.Cancel();
  PolledTask task(RunUntilCancelled(token, Ready(42)));
  EXPECT_EQ(*task.Poll(), std::nullopt);
}

// behaviour: tokio-util/tests/future.rs#pending_fut_with_already_cancelled_token_test
// behaviour: tokio-util/tests/future.rs#pending_fut_with_already_cancelled_token_owned_test
TEST(RunUntilCancelledTest, CancelledBeforehandAPendingFutureGivesNothing) {
  CancellationToken token;
  token.Cancel();
  PolledTask task(RunUntilCancelled(token, Never()));
  EXPECT_TRUE(task.Poll().ready());
  EXPECT_EQ(task.wakes(), 0);
}

// behaviour: tokio-util/tests/future.rs#pending_fut_with_token_cancelled_test
TEST(RunUntilCancelledTest, CancelledMeanwhileAPendingFutureGivesNothing) {
  CancellationToken token;
  PolledTask task(RunUntilCancelled(token, Never()));
  EXPECT_TRUE(task.Poll().pending());
  token.Cancel();
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_TRUE(task.Poll().ready());
}

// behaviour: tokio-util/tests/future.rs#pending_only_on_first_poll_with_cancellation_token_test
TEST(RunUntilCancelledTest, CancelledMeanwhileAFutureThatIsReadyWins) {
  CancellationToken token;
  int polls = 0;
  PolledTask task(RunUntilCancelled(token, CountsPolls(polls)));
  EXPECT_TRUE(task.Poll().pending());
  token.Cancel();
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_TRUE((*task.Poll()).has_value());
  EXPECT_EQ(polls, 2);
}

// check: H1
TEST(UntilTest, DroppedAtAnyPointNothingLeaks) {
  for (int polls = 0; polls < 3; ++polls) {
    CancellationToken token;
    auto channel = Oneshot<int>();
    PolledTask task(Until(token, std::move(channel.receiver)));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(task.Poll().pending());
    task.Drop();
    EXPECT_EQ(task.held(), 0);
    EXPECT_TRUE(channel.sender.IsClosed());
  }
}

}  // namespace
}  // namespace kioto::sync
