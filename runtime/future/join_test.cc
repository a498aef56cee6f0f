// Join, TryJoin, JoinAll, TryJoinAll.
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto {
namespace {

Status Bad() { return absl::NotFoundError("bad"); }

// behaviour: tokio/tests/macros_join.rs#sync_one_lit_expr_comma
TEST(JoinTest, GivesTheOutputOfOne) {
  EXPECT_THAT(PolledTask(Join(Ready(1))).Poll(), IsReady(std::tuple<int>(1)));
  EXPECT_THAT(PolledTask(JoinBiased(Ready(1))).Poll(), IsReady(std::tuple<int>(1)));
}

// behaviour: tokio/tests/macros_join.rs#sync_two_lit_expr_comma
TEST(JoinTest, GivesTheOutputsOfTwo) {
  const std::tuple<int, std::string> both(1, "2");
  EXPECT_THAT(PolledTask(Join(Ready(1), Ready(std::string("2")))).Poll(), IsReady(both));
  EXPECT_THAT(PolledTask(JoinBiased(Ready(1), Ready(std::string("2")))).Poll(), IsReady(both));
}

// behaviour: tokio/tests/macros_join.rs#empty_join
TEST(JoinTest, OfNothingIsReady) {
  EXPECT_THAT(PolledTask(Join()).Poll(), IsReady());
  EXPECT_THAT(PolledTask(JoinBiased()).Poll(), IsReady());
}

// behaviour: tokio/tests/macros_join.rs#two_await
TEST(JoinTest, WaitsForBoth) {
  Promise<std::unique_ptr<int>> first;
  Promise<int> second;
  PolledTask task(Join(first.Get(), second.Get()).Then([](std::unique_ptr<int>& a, int& b) { return *a + b; }));
  EXPECT_THAT(task.Poll(), IsPending());
  second.Set(1);
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_TRUE(second.dropped());  // a finished child is gone at once
  const int polls = second.polls();
  first.Set(std::make_unique<int>(2));
  EXPECT_EQ(task.wakes(), 2);
  EXPECT_THAT(task.Poll(), IsReady(3));
  EXPECT_EQ(second.polls(), polls);
}

// Ready at its fourth poll; each is written down in `order`.
auto NotesPolls(std::vector<int>& order, int n) {
  return PollFn([&order, n, left = 4](Context&) mutable -> Poll<Status> {
    order.push_back(n);
    if (--left > 0) return kPending;
    return OkStatus();
  });
}

// Polls until the end, which is to be at the fourth poll.
template <class F>
void PollFourTimes(F future) {
  PolledTask task(std::move(future));
  for (int i = 0; i < 3; ++i) EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_THAT(task.Poll(), IsReady());
}

// behaviour: tokio/tests/macros_try_join.rs#a_different_future_is_polled_first_every_time_poll_fn_is_polled
TEST(JoinTest, BeginsWithAnotherChildAtEachPoll) {
  std::vector<int> order;
  PollFourTimes(Join(NotesPolls(order, 1), NotesPolls(order, 2), NotesPolls(order, 3)));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 2, 3, 1, 3, 1, 2, 1, 2, 3}));
}

// behaviour: tokio/tests/macros_join.rs#futures_are_polled_in_order_in_biased_mode
TEST(JoinTest, ABiasedOneBeginsWithTheFirstChildAtEachPoll) {
  std::vector<int> order;
  PollFourTimes(JoinBiased(NotesPolls(order, 1), NotesPolls(order, 2), NotesPolls(order, 3)));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}));
}

// behaviour: tokio/tests/macros_join.rs#join_does_not_allow_tasks_to_starve
TEST(JoinTest, AChildThatEatsTheBudgetDoesNotStarveTheRest) {
  auto take = [](int n, int& taken) {
    return PollFn([n, &taken](Context& cx) -> Poll<int> {
      while (taken < n) {
        if (!cx.ConsumeBudget()) return kPending;
        ++taken;
      }
      return n;
    });
  };
  int many = 0, few = 0;
  PolledTask task(Join(take(1000 * limits::kPollBudget, many), take(5, few)));
  for (int i = 0; i < 4; ++i) EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(few, 5);
}

TEST(JoinTest, AllocatesNothing) {
  auto future = TryJoin(Ready(StatusOr<int>(1)), Ready(OkStatus())).AndThen([](int& a, Unit&) { return Join(Ready(a), Ready(2)); });
  internal::PollScope scope;
  const Waker none;
  Context cx(none, scope);
  base::AllocationCounter counter;
  EXPECT_TRUE(future.PollOnce(cx).ready());
  EXPECT_EQ(counter.count(), 0);
}

// check: H1
TEST(JoinTest, DropSuite) {
  RunDropSuite([](Tracked t) {
    return Join(PendingTimes(1, std::move(t)), PendingTimes(3, Tracked()), PendingTimes(2, 1));
  });
}

// behaviour: tokio/tests/macros_try_join.rs#two_await
TEST(TryJoinTest, GivesTheValues) {
  Promise<StatusOr<int>> first;
  Promise<Status> second;
  PolledTask task(TryJoin(first.Get(), second.Get()));
  EXPECT_THAT(task.Poll(), IsPending());
  second.Set(OkStatus());
  EXPECT_THAT(task.Poll(), IsPending());
  first.Set(3);
  auto polled = task.Poll();
  ASSERT_THAT(polled, IsReady());
  EXPECT_EQ(std::get<0>(**polled), 3);

  auto all_status = TryJoin(Ready(OkStatus()), PendingTimes(1, OkStatus()));
  static_assert(std::is_same_v<decltype(all_status)::Output, Status>);
  EXPECT_THAT(PolledTask(std::move(all_status)).PollWhileWoken(), IsReady(OkStatus()));
}

// behaviour: tokio/tests/macros_try_join.rs#empty_try_join
TEST(TryJoinTest, OfNothingIsReady) {
  EXPECT_THAT(PolledTask(TryJoin()).Poll(), IsReady(OkStatus()));
  EXPECT_THAT(PolledTask(TryJoinBiased()).Poll(), IsReady(OkStatus()));
}

// behaviour: tokio/tests/macros_try_join.rs#futures_are_polled_in_order_in_biased_mode
TEST(TryJoinTest, ABiasedOneBeginsWithTheFirstChildAtEachPoll) {
  std::vector<int> order;
  PollFourTimes(TryJoinBiased(NotesPolls(order, 1), NotesPolls(order, 2), NotesPolls(order, 3)));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}));
}

TEST(TryJoinTest, TheFirstErrorDropsTheOthers) {
  DestructionLog log;
  Promise<StatusOr<int>> a, b, c;
  PolledTask task(TryJoin(a.Get("a", &log), b.Get("b", &log), c.Get("c", &log)));
  EXPECT_THAT(task.Poll(), IsPending());
  b.Set(Bad());
  auto polled = task.Poll();
  ASSERT_THAT(polled, IsReady());
  EXPECT_EQ((*polled).status(), Bad());
  EXPECT_EQ(log.text(), "b c a");
}

// check: H1
TEST(TryJoinTest, DropSuite) {
  RunDropSuite([](Tracked t) {
    return TryJoin(PendingTimes(1, StatusOr<Tracked>(std::move(t))), PendingTimes(2, Bad()), PendingTimes(9, StatusOr<Tracked>(Tracked())));
  });
}

// --- Wide joins ------------------------------------------------------------------------------------------------------

TEST(JoinAllTest, GivesAllOutputsInOrder) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 5; ++i) futures.push_back(PendingTimes(5 - i, i));
  PolledTask task(JoinAll(std::move(futures)));
  EXPECT_THAT(task.PollWhileWoken(), IsReady(std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_THAT(PolledTask(JoinAll(std::vector<Future<int>>())).Poll(), IsReady(std::vector<int>()));
}

TEST(JoinAllTest, PollsOnlyTheChildrenThatWereWoken) {
  constexpr int kChildren = 1000;
  std::vector<Promise<int>> promises(kChildren);
  std::vector<decltype(promises[0].Get())> futures;
  futures.reserve(kChildren);
  for (auto& promise : promises) futures.push_back(promise.Get());
  PolledTask task(JoinAll(std::move(futures)));
  EXPECT_THAT(task.Poll(), IsPending());
  for (auto& promise : promises) EXPECT_EQ(promise.polls(), 1);
  promises[7].Set(7);
  promises[500].Wake();
  EXPECT_EQ(task.wakes(), 1);  // one wake for both
  EXPECT_THAT(task.Poll(), IsPending());
  for (int i = 0; i < kChildren; ++i) EXPECT_EQ(promises[i].polls(), i == 7 || i == 500 ? 2 : 1) << i;
  EXPECT_TRUE(promises[7].dropped());
  EXPECT_THAT(task.Poll(), IsPending());
  for (int i = kChildren - 1; i >= 0; --i) {
    if (i != 7) promises[i].Set(i);
  }
  auto polled = task.PollWhileWoken();
  if (polled.pending()) polled = task.PollWhileWoken();
  ASSERT_THAT(polled, IsReady());
  for (int i = 0; i < kChildren; ++i) EXPECT_EQ((*polled)[i], i);
  for (auto& promise : promises) promise.Wake();  // stale
}

TEST(JoinAllTest, SharesTheBudget) {
  std::vector<Promise<int>> promises(3 * limits::kPollBudget);
  std::vector<decltype(promises[0].Get())> futures;
  for (auto& promise : promises) futures.push_back(promise.Get());
  for (auto& promise : promises) promise.Set(1);
  PolledTask task(JoinAll(std::move(futures)));
  int polls = 1;
  while (task.Poll().pending()) {
    EXPECT_TRUE(task.yielded() || task.wakes() > 0);
    ASSERT_LT(++polls, 10);
  }
  EXPECT_GE(polls, 3);
}

TEST(JoinAllTest, OneAllocationForTheChildren) {
  std::vector<PendingTimesFuture<Unit>> futures;
  futures.reserve(2000);
  for (int i = 0; i < 2000; ++i) futures.push_back(PendingTimes(0, Unit{}));
  auto all = JoinAll(std::move(futures));
  internal::PollScope scope;
  const Waker none;
  Context cx(none, scope);
  base::AllocationCounter counter;
  EXPECT_TRUE(all.PollOnce(cx).ready());
  EXPECT_LE(counter.count(), 2);  // the block and the vector
}

TEST(JoinAllTest, AWakeAfterTheDropIsHarmless) {
  Promise<int> promise;
  {
    std::vector<decltype(promise.Get())> futures;
    futures.push_back(promise.Get());
    PolledTask task(JoinAll(std::move(futures)));
    EXPECT_THAT(task.Poll(), IsPending());
    task.Drop();
    EXPECT_EQ(task.held(), 0);
    promise.Set(1);
    EXPECT_EQ(task.wakes(), 0);
  }
  promise.Wake();
}

// check: H1
TEST(JoinAllTest, DropSuite) {
  RunDropSuite([](Tracked t) {
    std::vector<PendingTimesFuture<Tracked>> futures;
    futures.push_back(PendingTimes(2, std::move(t)));
    futures.push_back(PendingTimes(4, Tracked()));
    return JoinAll(std::move(futures));
  });
}

TEST(TryJoinAllTest, GivesValuesOrTheFirstError) {
  auto make = [](bool good) {
    std::vector<Future<StatusOr<int>>> futures;
    futures.push_back(PendingTimes(2, StatusOr<int>(1)));
    futures.push_back(PendingTimes(1, good ? StatusOr<int>(2) : Bad()));
    return TryJoinAll(std::move(futures));
  };
  EXPECT_EQ(**PolledTask(make(true)).PollWhileWoken(), (std::vector<int>{1, 2}));
  EXPECT_EQ((*PolledTask(make(false)).PollWhileWoken()).status(), Bad());
  std::vector<Future<Status>> statuses;
  statuses.push_back(Ready());
  EXPECT_THAT(PolledTask(TryJoinAll(std::move(statuses))).Poll(), IsReady(OkStatus()));
}

TEST(TryJoinAllTest, TheFirstErrorDropsTheOthers) {
  Promise<Status> a, b;
  std::vector<decltype(a.Get())> futures;
  futures.push_back(a.Get());
  futures.push_back(b.Get());
  PolledTask task(TryJoinAll(std::move(futures)));
  EXPECT_THAT(task.Poll(), IsPending());
  b.Set(Bad());
  EXPECT_THAT(task.Poll(), IsReady(Bad()));
  EXPECT_TRUE(a.dropped());
}

}  // namespace
}  // namespace kioto
