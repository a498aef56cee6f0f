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
#include "kioto/runtime/task/scope.h"
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

// check: H1
TEST(JoinSetDropTest, JoinNextWithId) {
  ExpectKeepsTheOutput<JoinSet<int>>([](auto& set) { return set.JoinNextWithId(); });
}

// check: H1
TEST(JoinQueueDropTest, JoinNextAndJoinNextWithId) {
  ExpectKeepsTheOutput<JoinQueue<int>>([](auto& queue) { return queue.JoinNext(); });
  ExpectKeepsTheOutput<JoinQueue<int>>([](auto& queue) { return queue.JoinNextWithId(); });
}

// check: H1
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

template <class Set, class F>
void SpawnInto(Set& set, const Runtime& runtime, F future) {
  set.SpawnOn(runtime, std::move(future));
}
template <class F>
void SpawnInto(JoinMap<int, Unit>& map, const Runtime& runtime, F future) {
  map.SpawnOn(runtime, static_cast<int>(map.size()), std::move(future));
}

// Its tasks are aborted at its first poll, and are joined by whoever comes then.
template <class Set>
void ExpectShutdownMayBeDropped() {
  Runtime runtime = MakeCurrentThread();
  for (int polls = 0; polls < 4; ++polls) {
    auto guard = std::make_shared<int>();
    std::optional<Set> set(std::in_place);
    SpawnInto(*set, runtime, HoldForEver(guard));
    Drive(runtime);
    PolledTask dropped(set->Shutdown());
    for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
    dropped.Drop();
    Drive(runtime);
    EXPECT_EQ(guard.use_count(), polls == 0 ? 2 : 1);
    EXPECT_EQ(set->size(), 1u);
    EXPECT_TRUE(runtime.BlockOn(set->Shutdown()).ok());
    EXPECT_EQ(set->size(), 0u);
    set.reset();
    EXPECT_EQ(dropped.held(), 0);
    EXPECT_EQ(guard.use_count(), 1);
  }
}

// check: H1
TEST(JoinSetDropTest, Shutdown) { ExpectShutdownMayBeDropped<JoinSet<>>(); }
// check: H1
TEST(JoinQueueDropTest, Shutdown) { ExpectShutdownMayBeDropped<JoinQueue<>>(); }
// check: H1
TEST(JoinMapDropTest, Shutdown) { ExpectShutdownMayBeDropped<JoinMap<int, Unit>>(); }

template <class Set>
void ExpectJoinAllEndsItsTasks() {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  RunDropSuite(
      [&] {
        Set set;
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
TEST(JoinSetTest, DropSuite) { ExpectJoinAllEndsItsTasks<JoinSet<>>(); }

// check: H1
TEST(JoinQueueTest, DropSuite) { ExpectJoinAllEndsItsTasks<JoinQueue<>>(); }

// check: H1
TEST(ScopeTest, DropSuite) {
  Runtime runtime = MakeCurrentThread();
  const EnterGuard entered = runtime.Enter();
  auto guard = std::make_shared<int>();
  for (const size_t limit : {0, 1}) {  // with one, the second child waits for its turn
    RunDropSuite(
        [&] {
          return Scoped(ScopeOptions{limit}, std::shared_ptr<int>(guard), [guard](Scope& scope, std::shared_ptr<int>&) {
            for (int i = 0; i < 2; ++i) scope.Spawn(HoldForEver(guard));
            return YieldNow().Then([&scope, guard](Unit&) { return scope.Wait(); });
          });
        },
        3, [&] {
          Drive(runtime);
          EXPECT_EQ(guard.use_count(), 1);  // the children were told to end, and then the state went
        });
  }
}

// wait(scope) waits for a child; one that is dropped is forgotten, and another hears of the end.
template <class Wait>
void ExpectAScopeForgets(Wait wait) {
  Runtime runtime = MakeCurrentThread();
  const EnterGuard entered = runtime.Enter();
  for (int polls = 0; polls < 4; ++polls) {
    Promise<int> promise;
    Scope* inside = nullptr;
    PolledTask scoped(Scoped(ScopeOptions{/*limit=*/1}, [&](Scope& scope) {
      inside = &scope;
      scope.Spawn(promise.Get());
      return Never();
    }));
    EXPECT_THAT(scoped.Poll(), IsPending());
    Drive(runtime);
    PolledTask dropped(wait(*inside)), stays(wait(*inside));
    for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
    EXPECT_THAT(stays.Poll(), IsPending());
    dropped.Drop();
    EXPECT_EQ(dropped.held(), 0);
    promise.Set(1);
    Drive(runtime);
    EXPECT_EQ(dropped.wakes(), 0);
    EXPECT_EQ(stays.wakes(), 1);
    EXPECT_THAT(stays.Poll(), IsReady(OkStatus()));
  }
}

// check: H1
TEST(ScopeDropTest, Wait) {
  ExpectAScopeForgets([](Scope& scope) { return scope.Wait(); });
}

// check: H1
TEST(ScopeDropTest, Room) {
  ExpectAScopeForgets([](Scope& scope) { return scope.Room(); });
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

// check: H1
TEST(LocalSetDropTest, Run) {
  ExpectTheNextGoesOn([](LocalSet& set) { return set.Run(); });
}

// check: H1
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
