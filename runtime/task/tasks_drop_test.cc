// What waits for tasks, dropped after any number of polls: no output that somebody may still ask for is lost.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/task/join_map.h"
#include "kioto/runtime/task/join_queue.h"
#include "kioto/runtime/task/join_set.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/task_tracker.h"
#include "kioto/runtime/task/testing/collections.h"

namespace kioto {
namespace {

// check: H1
TEST(JoinHandleTest, DropSuite) {
  Runtime runtime = MakeCurrentThread();
  bool ran = false;
  RunDropSuite(
      [&] {
        ran = false;
        return runtime.Spawn(YieldNow().Then([&ran] {
          ran = true;
          return Tracked();
        }));
      },
      3, [&] {
        Drive(runtime);
        EXPECT_TRUE(ran);  // the task goes on
        EXPECT_EQ(Tracked::alive(), 0);
      });
}

// wait(set) is dropped after any number of polls, before or after the task's end; the set's next JoinNext gives its output.
template <class Set, class Wait>
void ExpectKeepsTheOutput(Wait wait) {
  Runtime runtime = MakeCurrentThread();
  for (int polls = 0; polls < 4; ++polls) {
    for (const bool ended : {false, true}) {
      std::optional<Set> set(std::in_place);
      std::optional<Promise<int>> promise(std::in_place);
      set->SpawnOn(runtime, promise->Get());
      PolledTask dropped(wait(*set));
      for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
      if (ended) promise->Set(1);
      Drive(runtime);
      dropped.Drop();
      if (!ended) promise->Set(1);
      EXPECT_EQ(**runtime.BlockOn(set->JoinNext()).value(), 1);
      set.reset();
      promise.reset();  // it has a waker of the task, which has one of who joined it
      EXPECT_EQ(dropped.held(), 0);
    }
  }
}

TEST(JoinSetDropTest, JoinNextWithId) {
  ExpectKeepsTheOutput<JoinSet<int>>([](auto& set) { return set.JoinNextWithId(); });
}

TEST(JoinQueueDropTest, JoinNextAndJoinNextWithId) {
  ExpectKeepsTheOutput<JoinQueue<int>>([](auto& queue) { return queue.JoinNext(); });
  ExpectKeepsTheOutput<JoinQueue<int>>([](auto& queue) { return queue.JoinNextWithId(); });
}

TEST(JoinMapDropTest, JoinNextKeepsItsKey) {
  Runtime runtime = MakeCurrentThread();
  for (int polls = 0; polls < 4; ++polls) {
    JoinMap<std::string, int> map;
    Promise<int> promise;
    map.SpawnOn(runtime, "key", promise.Get());
    PolledTask dropped(map.JoinNext());
    for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
    promise.Set(1);
    Drive(runtime);
    dropped.Drop();
    auto joined = *runtime.BlockOn(map.JoinNext());
    ASSERT_TRUE(joined.has_value());
    EXPECT_EQ(joined->key, "key");
    EXPECT_EQ(*joined->output, 1);
  }
}

// Its tasks are aborted at its first poll, and are joined by whoever comes then.
template <class Set>
void ExpectShutdownMayBeDropped() {
  Runtime runtime = MakeCurrentThread();
  for (int polls = 0; polls < 4; ++polls) {
    auto guard = std::make_shared<int>();
    Set set;
    set.SpawnOn(runtime, HoldForEver(guard));
    Drive(runtime);
    PolledTask dropped(set.Shutdown());
    for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
    dropped.Drop();
    Drive(runtime);
    EXPECT_EQ(guard.use_count(), polls == 0 ? 2 : 1);
    EXPECT_EQ(set.size(), 1u);
    EXPECT_TRUE(runtime.BlockOn(set.Shutdown()).ok());
    EXPECT_EQ(set.size(), 0u);
    EXPECT_EQ(guard.use_count(), 1);
  }
}

TEST(JoinSetDropTest, Shutdown) { ExpectShutdownMayBeDropped<JoinSet<>>(); }
TEST(JoinQueueDropTest, Shutdown) { ExpectShutdownMayBeDropped<JoinQueue<>>(); }

// check: H1
TEST(JoinSetTest, DropSuite) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  RunDropSuite(
      [&] {
        JoinSet<> set;
        set.SpawnOn(runtime, YieldNow());
        set.SpawnOn(runtime, HoldForEver(guard));
        return std::move(set).JoinAll();
      },
      3, [&] {
        Drive(runtime);
        EXPECT_EQ(guard.use_count(), 1);  // aborted with it
      });
}

// check: H1
TEST(TaskTrackerTest, DropSuite) {
  TaskTracker tracker;
  RunDropSuite([&tracker](Tracked t) { return tracker.Track(PendingTimes(2, std::move(t))); }, 4,
               [&tracker] { EXPECT_EQ(tracker.size(), 0u); });
}

// The set keeps its tasks, and whoever drives it next goes on with them.
template <class Drives>
void ExpectTheNextGoesOn(Drives drives) {
  for (int polls = 0; polls < 4; ++polls) {
    LocalSet set;
    Promise<int> promise;
    JoinHandle<int> handle = set.SpawnLocal(promise.Get());
    PolledTask dropped(drives(set));
    for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
    dropped.Drop();
    EXPECT_FALSE(promise.dropped());
    PolledTask next(set.Run());
    EXPECT_THAT(next.Poll(), IsPending());
    EXPECT_EQ(dropped.held(), 0);
    promise.Set(1);
    EXPECT_EQ(dropped.wakes(), 0);
    EXPECT_TRUE(next.is_woken());
    EXPECT_THAT(next.Poll(), IsReady());
    EXPECT_EQ(**handle.TryTake(), 1);
  }
}

TEST(LocalSetDropTest, Run) {
  ExpectTheNextGoesOn([](LocalSet& set) { return set.Run(); });
}

TEST(LocalSetDropTest, RunUntil) {
  ExpectTheNextGoesOn([](LocalSet& set) { return set.RunUntil(Never()); });
  Promise<int> promise;
  LocalSet set;
  {
    PolledTask dropped(set.RunUntil(promise.Get()));
    EXPECT_THAT(dropped.Poll(), IsPending());
  }
  EXPECT_TRUE(promise.dropped());
}

}  // namespace
}  // namespace kioto
