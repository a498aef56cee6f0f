#include "kioto/runtime/future/testing/polled_task.h"

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/stream.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_stream.h"
#include "kioto/runtime/future/yield_now.h"

namespace kioto {
namespace {

// behaviour: tokio-test/tests/task.rs#poll_until_idle_ready
TEST(PolledTaskTest, UntilIdleGivesWhatIsReady) {
  PolledTask task(Ready(42));
  EXPECT_THAT(task.PollUntilIdle(), IsReady(42));
  EXPECT_TRUE(task.done());
}

// behaviour: tokio-test/tests/task.rs#poll_until_idle_pending_not_woken
TEST(PolledTaskTest, UntilIdleStopsWhereNobodyWakes) {
  Promise<int> promise;
  PolledTask task(promise.Get());
  EXPECT_THAT(task.PollUntilIdle(), IsPending());
  EXPECT_EQ(promise.polls(), 1);
  EXPECT_FALSE(task.is_woken());
  promise.Set(3);
  EXPECT_TRUE(task.is_woken());
  EXPECT_THAT(task.PollUntilIdle(), IsReady(3));
}

TEST(PolledTaskTest, LetsGoOfItsFuture) {
  Promise<int> promise;
  PolledTask task(promise.Get());
  EXPECT_THAT(task.Poll(), IsPending());
  const auto future = task.Release();
  EXPECT_TRUE(task.done());
  EXPECT_FALSE(promise.dropped());
  promise.Set(5);
  EXPECT_THAT(task.Enter([&](Context& cx) { return future->PollOnce(cx); }), IsReady(5));
}

// behaviour: tokio-test/tests/task.rs#poll_until_idle_advances_on_wake
TEST(PolledTaskTest, UntilIdlePollsAgainAfterAWake) {
  PolledTask task(PendingTimes(1, 7));
  EXPECT_THAT(task.PollUntilIdle(), IsReady(7));
  EXPECT_EQ(task.wakes(), 1);
}

// behaviour: tokio-test/tests/task.rs#poll_until_idle_multiple_wakes
TEST(PolledTaskTest, UntilIdlePollsAsOftenAsItIsWoken) {
  PolledTask task(PendingTimes(3, 7));
  EXPECT_THAT(task.PollUntilIdle(), IsReady(7));
  EXPECT_EQ(task.wakes(), 3);
  PolledTask yields(YieldNow());
  EXPECT_THAT(yields.PollUntilIdle(), IsReady());
}

// behaviour: tokio-test/tests/task.rs#poll_until_idle_panics_on_infinite_wake
TEST(PolledTaskDeathTest, UntilIdleEndsWithOneThatNeverRests) {
  PolledTask rests(PendingTimes(149, 7));
  EXPECT_THAT(rests.PollUntilIdle(), IsReady(7));
  PolledTask task(PollFn([](Context& cx) -> Poll<int> {
    cx.waker().Wake();
    return kPending;
  }));
  EXPECT_DEATH((void)task.PollUntilIdle(), "after 150 polls it was not at rest");
}

TEST(PolledTaskTest, IsWokenCountsFromTheLastPoll) {
  PolledTask task(PendingTimes(1, 7));
  EXPECT_FALSE(task.is_woken());
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_TRUE(task.is_woken());
  EXPECT_THAT(task.Poll(), IsReady(7));
  EXPECT_FALSE(task.is_woken());
}

TEST(PolledTaskTest, EnterPollsSomethingElseAsThisTask) {
  PolledTask task(Never());
  auto other = PendingTimes(1, 7);
  EXPECT_THAT(task.Enter([&](Context& cx) { return other.PollOnce(cx); }), IsPending());
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_TRUE(task.is_woken());
  EXPECT_THAT(task.Enter([&](Context& cx) { return other.PollOnce(cx); }), IsReady(7));
}

TEST(PolledStreamTest, GivesItemsAndTheEnd) {
  PolledStream stream(StreamOf(std::vector<int>{1, 2}));
  EXPECT_EQ(**stream.Poll(), 1);
  EXPECT_EQ(**stream.Poll(), 2);
  EXPECT_FALSE((*stream.Poll()).has_value());
  EXPECT_EQ(stream.held(), 0);
}

// A stream that can say how much is to come.
struct Hinting {
  using Item = int;
  Poll<std::optional<int>> PollNext(Context&) { return std::optional<int>(); }
  std::pair<size_t, size_t> SizeHint() const { return {at_least, at_most}; }
  size_t at_least, at_most;
};

// behaviour: tokio-test/tests/task.rs#test_spawn_stream_size_hint
TEST(PolledStreamTest, WhatTheStreamOffersBesideItsItemsIsWithinReach) {
  PolledStream stream(Hinting{100, 200});
  EXPECT_EQ(stream->SizeHint(), std::make_pair(size_t{100}, size_t{200}));
  EXPECT_EQ(stream.stream().SizeHint(), stream->SizeHint());
}

}  // namespace
}  // namespace kioto
