// Select, Join and TryJoin in the shapes in which programs write them, with channels and timers as their branches.
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/testing/runtime.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/oneshot.h"
#include "kioto/sync/semaphore.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT
using sync::Oneshot;
using sync::OneshotReceiver;

Future<int> One() { return Ready(1); }

// --- Select: one branch --------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/macros_select.rs#sync_one_lit_expr_no_comma
// behaviour: tokio/tests/macros_select.rs#sync_one_lit_expr_block
TEST(SelectShapesTest, OneBranchWithAndWithoutAHandler) {
  EXPECT_THAT(PolledTask(Select(Case(Ready(1)))).Poll(), IsReady(1));
  EXPECT_THAT(PolledTask(Select(Case(Ready(1), [](int& n) {
                const int twice = 2 * n;
                return twice;
              }))).Poll(),
              IsReady(2));
}

// behaviour: tokio/tests/macros_select.rs#sync_one_ident
// behaviour: tokio/tests/macros_select.rs#sync_one_await
TEST(SelectShapesTest, OneBranchThatIsKeptOrComesFromAFunction) {
  auto kept = Ready(1);
  EXPECT_THAT(PolledTask(Select(Case(ByRef(kept)))).Poll(), IsReady(1));
  EXPECT_THAT(PolledTask(Select(Case(One(), [](int& n) { return n + 1; }))).Poll(), IsReady(2));
}

// behaviour: tokio/tests/macros_select.rs#mut_on_left_hand_side
TEST(SelectShapesTest, AHandlerMayChangeWhatItIsGiven) {
  EXPECT_THAT(PolledTask(Select(Case(One(), [](int& n) {
                n += 1;
                return n;
              }))).Poll(),
              IsReady(2));
}

// behaviour: tokio/tests/macros_select.rs#nested_one
TEST(SelectShapesTest, AHandlerMaySelect) {
  EXPECT_THAT(PolledTask(Select(Case(Ready(), [](Unit&) { return Select(Case(One(), [](int& n) { return n; })); }))).Poll(),
              IsReady(1));
}

// behaviour: tokio/tests/macros_select.rs#drop_in_fut
TEST(SelectShapesTest, ABranchMayDropWhatItOwnsAndGoOn) {
  auto owned = std::make_shared<std::string>("hello");
  PolledTask task(Select(Case(YieldNow().Then([owned = std::optional(owned)](Unit) mutable {
    owned.reset();
    return 1;
  }))));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(owned.use_count(), 2);
  EXPECT_THAT(task.Poll(), IsReady(1));
  EXPECT_EQ(owned.use_count(), 1);
}

// --- Select: more --------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/macros_select.rs#sync_two
TEST(SelectShapesTest, OfTwoThatAreReadyOneRuns) {
  std::set<int> winners;
  for (uint64_t seed = 0; seed < 32; ++seed) {
    int ran = 0;
    PolledTask task(Select(Case(Lazy([&] {
                             ++ran;
                             return 1;
                           })),
                           Case(Lazy([&] {
                             ++ran;
                             return 2;
                           }))));
    task.Seed(seed * 7919);
    winners.insert(*task.Poll());
    EXPECT_EQ(ran, 1);
  }
  EXPECT_EQ(winners, (std::set<int>{1, 2}));
}

// behaviour: tokio/tests/macros_select.rs#never_branch_no_warnings
TEST(SelectShapesTest, ABranchThatNeverEndsDoesNotHinder) {
  EXPECT_THAT(PolledTask(Select(Case(Never<int>()), Case(One()))).Poll(), IsReady(1));
  EXPECT_THAT(PolledTask(Select(Case(One()), Case(Never<int>()))).Poll(), IsReady(1));
}

// behaviour: tokio/tests/macros_select.rs#no_branch_else_only_biased
TEST(SelectShapesTest, OtherwiseAloneInOrder) {
  EXPECT_THAT(PolledTask(SelectBiased(Otherwise([] { return 1; }))).Poll(), IsReady(1));
}

// behaviour: tokio/tests/macros_select.rs#use_future_in_if_condition
// behaviour: tokio/tests/macros_select.rs#use_future_in_if_condition_biased
TEST(SelectShapesTest, ASleepThatIsOffNeverWins) {
  for (bool biased : {false, true}) {
    int slept = 0;
    auto sleep = [&] { return Case(Sleep(0ms), [&](Unit&) { ++slept; }).When(false); };
    auto other = [] { return Case(YieldNow(), [](Unit&) {}); };
    const Status status = biased ? test::BlockOn([&] { return SelectBiased(sleep(), other()); })
                                 : test::BlockOn([&] { return Select(sleep(), other()); });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(slept, 0);
  }
}

// A branch whose result is of no use is off from then on.
// behaviour: tokio/tests/macros_select.rs#future_panics_after_poll
TEST(SelectShapesTest, ABranchThatHasGivenItsResultIsNotPolledAgain) {
  int polls = 0;
  Promise<int> other;
  PolledTask task(With(PollFn([&](Context&) -> Poll<std::optional<int>> {
                         ++polls;
                         return std::optional<int>();
                       }),
                       other.Get(), true, [](auto& useless, auto& other, bool& on) {
                         return Loop([&] {
                           return SelectBiased(Case(ByRef(useless), [&](std::optional<int>& n) -> Flow<int> {
                                                 on = false;
                                                 return n ? Flow<int>(Break(*n)) : Continue();
                                               }).When(on),
                                               Case(ByRef(other), [](int& n) -> Flow<int> { return Break(n); }));
                         });
                       }));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(polls, 1);
  other.Set(1);
  EXPECT_THAT(task.Poll(), IsReady(1));
}

// behaviour: tokio/tests/macros_select.rs#move_uncompleted_futures
TEST(SelectShapesTest, AHandlerMayAwaitTheBranchThatLost) {
  auto one = Oneshot<std::string>();
  auto two = Oneshot<std::string>();
  one.sender.Send("one");
  two.sender.Send("two");
  PolledTask task(With(std::move(one.receiver), std::move(two.receiver), [](auto& one, auto& two) {
    auto other = [](OneshotReceiver<std::string>& other) {
      return [&other](StatusOr<std::string>& first) {
        return ByRef(other).Map([&first](StatusOr<std::string>& second) { return std::set<std::string>{*first, *second}; });
      };
    };
    return Select(Case(ByRef(one), other(two)), Case(ByRef(two), other(one)));
  }));
  EXPECT_THAT(task.Poll(), IsReady(std::set<std::string>{"one", "two"}));
}

// behaviour: tokio/tests/macros_select.rs#select_streams
TEST(SelectShapesTest, TwoChannelsInALoopUntilBothAreClosed) {
  auto first = sync::MpscUnbounded<int>();
  auto second = sync::MpscUnbounded<int>();
  std::vector<int> got;
  PolledTask task(With(std::move(first.receiver), std::move(second.receiver), true, true,
                       [&](auto& first, auto& second, bool& first_open, bool& second_open) {
                         auto takes = [&got](bool& open) {
                           return [&got, &open](std::optional<int>& n) {
                             open = n.has_value();
                             if (n) got.push_back(*n);
                           };
                         };
                         return Loop([&first, &second, &first_open, &second_open, takes] {
                           return Select(Case(first.Recv(), takes(first_open)).When(first_open),
                                         Case(second.Recv(), takes(second_open)).When(second_open),
                                         Otherwise([] { return Break(); }));
                         });
                       }));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_TRUE(first.sender.Send(1).ok());
  EXPECT_TRUE(second.sender.Send(2).ok());
  EXPECT_THAT(task.Poll(), IsPending());
  second.sender.reset();
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_TRUE(first.sender.Send(3).ok());
  first.sender.reset();
  EXPECT_THAT(task.Poll(), IsReady());
  EXPECT_EQ(std::set<int>(got.begin(), got.end()), (std::set<int>{1, 2, 3}));
  EXPECT_EQ(got.back(), 3);
}

// behaviour: tokio/tests/macros_select.rs#deterministic_select_multi_thread
TEST(SelectShapesTest, TheSameSeedMakesTheSameChoicesOnAWorker) {
  auto choices = [](uint64_t seed) {
    StatusOr<Runtime> runtime = test::MakeRuntime(test::MultiThread(1).Seed(seed));
    EXPECT_TRUE(runtime.ok()) << runtime.status();
    std::vector<int> order;
    EXPECT_TRUE(runtime->BlockOn(YieldNow()).ok());
    EXPECT_TRUE(runtime->BlockOn([&] {
      return Spawn(Loop([&] {
        return Select(Case(Ready(1)), Case(Ready(2)), Case(Ready(3)), Case(Ready(4)), Case(Ready(5))).Map([&](int n) -> Flow<> {
          order.push_back(n);
          return order.size() < 10 ? Flow<>(Continue()) : Break();
        });
      }));
    }).ok());
    return order;
  };
  EXPECT_EQ(choices(5), choices(5));
  EXPECT_NE(choices(5), choices(99));
}

// --- Join ----------------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/macros_join.rs#sync_one_lit_expr_no_comma
// behaviour: tokio/tests/macros_join.rs#sync_two_lit_expr_no_comma
TEST(JoinShapesTest, OfFuturesThatAreKept) {
  auto one = Ready(1);
  auto two = Ready(2);
  EXPECT_THAT(PolledTask(Join(ByRef(one))).Poll(), IsReady(std::make_tuple(1)));
  EXPECT_THAT(PolledTask(Join(One(), ByRef(two))).Poll(), IsReady(std::make_tuple(1, 2)));
  auto three = Ready(3);
  EXPECT_THAT(PolledTask(JoinBiased(One(), ByRef(three))).Poll(), IsReady(std::make_tuple(1, 3)));
}

// behaviour: tokio/tests/macros_try_join.rs#sync_one_lit_expr_comma
// behaviour: tokio/tests/macros_try_join.rs#sync_one_lit_expr_no_comma
TEST(JoinShapesTest, TryJoinOfOne) {
  EXPECT_THAT(PolledTask(TryJoin(Ready(StatusOr<int>(1)))).Poll(), IsReadyOk(std::make_tuple(1)));
  EXPECT_THAT(PolledTask(TryJoinBiased(Ready(StatusOr<int>(1)))).Poll(), IsReadyOk(std::make_tuple(1)));
}

// behaviour: tokio/tests/macros_try_join.rs#sync_two_lit_expr_comma
// behaviour: tokio/tests/macros_try_join.rs#sync_two_lit_expr_no_comma
TEST(JoinShapesTest, TryJoinOfTwo) {
  auto two = Ready(StatusOr<int>(2));
  EXPECT_THAT(PolledTask(TryJoin(Ready(StatusOr<int>(1)), ByRef(two))).Poll(), IsReadyOk(std::make_tuple(1, 2)));
  auto three = Ready(StatusOr<int>(3));
  EXPECT_THAT(PolledTask(TryJoinBiased(Ready(StatusOr<int>(1)), ByRef(three))).Poll(), IsReadyOk(std::make_tuple(1, 3)));
}

// behaviour: tokio/tests/macros_try_join.rs#try_join_does_not_allow_tasks_to_starve
TEST(JoinShapesTest, AFutureThatEatsTheBudgetOfATryJoinDoesNotStarveTheRest) {
  sync::Semaphore permits(10);
  auto takes = [&permits](int n, int& taken) {
    return With(n, [&permits, &taken](int& n) {
      return Loop([&permits, &taken, &n] {
        return permits.Acquire().AndThen([&taken, &n](sync::SemaphorePermit&) -> StatusOr<Flow<int>> {
          if (++taken == n) return StatusOr<Flow<int>>(Break(taken));
          return StatusOr<Flow<int>>(Continue());
        });
      });
    });
  };
  int many = 0, few = 0;
  PolledTask task(TryJoin(takes(1000 * limits::kPollBudget, many), takes(5, few)));
  for (int i = 0; i < 4; ++i) EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(few, 5);
}

}  // namespace
}  // namespace kioto
