#include "kioto/runtime/task/join_map.h"

#include <memory>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/task/testing/collections.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

template <class K, class T>
auto JoinNext(const Runtime& runtime, JoinMap<K, T>& map) {
  return *runtime.BlockOn(map.JoinNext());
}

template <class K, class T>
std::set<K> KeysOf(const JoinMap<K, T>& map) {
  std::set<K> keys;
  map.ForEachKey([&](const K& key) { keys.insert(key); });
  return keys;
}

// behaviour: tokio-util/tests/task_join_map.rs#test_with_sleep
TEST(JoinMapTest, JoinsWithKeys) {
  Runtime runtime = MakePaused();
  JoinMap<int, int> map;
  for (int i = 0; i < 10; ++i) {
    map.SpawnOn(runtime, i, Ready(i));
    EXPECT_EQ(map.size(), static_cast<size_t>(i + 1));
  }
  map.DetachAll();
  EXPECT_TRUE(map.empty());
  EXPECT_FALSE(JoinNext(runtime, map).has_value());
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 10; ++i) map.SpawnOn(runtime, i, Sleep((9 - i) * 1s).Then([i] { return i; }));
    for (int i = 9; i >= 0; --i) {
      auto joined = JoinNext(runtime, map);
      EXPECT_EQ(joined->key, i);
      EXPECT_EQ(*joined->output, i);
    }
    EXPECT_FALSE(JoinNext(runtime, map).has_value());
  }
}

// behaviour: tokio-util/tests/task_join_map.rs#alternating
TEST(JoinMapTest, JoinsOneAndSpawnsOne) {
  Runtime runtime = MakeCurrentThread();
  JoinMap<int> map;
  map.SpawnOn(runtime, 0, Ready(Unit{}));
  map.SpawnOn(runtime, 1, Ready(Unit{}));
  for (int i = 0; i < 16; ++i) {
    EXPECT_TRUE(JoinNext(runtime, map)->output.ok());
    EXPECT_EQ(map.size(), 1u);
    map.SpawnOn(runtime, 2 + i, Ready(Unit{}));
    EXPECT_EQ(map.size(), 2u);
  }
}

// behaviour: tokio-util/tests/task_join_map.rs#test_keys
TEST(JoinMapTest, KnowsItsKeys) {
  Runtime runtime = MakeCurrentThread();
  JoinMap<std::string> map;
  EXPECT_TRUE(KeysOf(map).empty());
  map.SpawnOn(runtime, "a", Ready(Unit{}));
  const TaskId id = map.SpawnOn(runtime, "b", Ready(Unit{})).id();
  EXPECT_EQ(KeysOf(map), (std::set<std::string>{"a", "b"}));
  EXPECT_TRUE(map.Contains("a"));
  EXPECT_FALSE(map.Contains("c"));
  EXPECT_TRUE(map.ContainsTask(id));
  while (JoinNext(runtime, map).has_value()) {
  }
  EXPECT_TRUE(KeysOf(map).empty());
  EXPECT_FALSE(map.Contains("a"));
  EXPECT_FALSE(map.ContainsTask(id));
}

// behaviour: tokio-util/tests/task_join_map.rs#abort_by_key
// behaviour: tokio-util/tests/task_join_map.rs#abort_by_predicate
TEST(JoinMapTest, AbortsByKeyAndByPredicate) {
  for (bool by_key : {true, false}) {
    Runtime runtime = MakePaused();
    JoinMap<int> map;
    for (int i = 0; i < 16; ++i) map.SpawnOn(runtime, i, Sleep(1s));
    Drive(runtime);
    if (by_key) {
      for (int i = 1; i < 16; i += 2) EXPECT_TRUE(map.Abort(i));
      EXPECT_FALSE(map.Abort(16));
    } else {
      map.AbortMatching([](const int& key) { return key % 2 == 1; });
    }
    int aborted = 0;
    int completed = 0;
    while (auto joined = JoinNext(runtime, map)) {
      EXPECT_EQ(kioto::IsAborted(joined->output), joined->key % 2 == 1);
      EXPECT_FALSE(map.Contains(joined->key));
      ++(joined->output.ok() ? completed : aborted);
    }
    EXPECT_EQ(aborted, 8);
    EXPECT_EQ(completed, 8);
  }
}

// behaviour: tokio-util/tests/task_join_map.rs#runtime_gone
TEST(JoinMapTest, ATaskOfARuntimeThatIsGoneHasEnded) {
  JoinMap<std::string> map;
  {
    Runtime gone = MakeCurrentThread();
    map.SpawnOn(gone, "key", Ready(Unit{}));
  }
  Runtime runtime = MakeCurrentThread();
  auto joined = JoinNext(runtime, map);
  EXPECT_EQ(joined->key, "key");
  EXPECT_TRUE(IsShutdown(joined->output));
}

TEST(JoinMapTest, GivesRoomBack) {
  Runtime runtime = MakeCurrentThread();
  JoinMap<int> map;
  map.Reserve(1000);
  const size_t much = map.capacity();
  EXPECT_GE(much, 1000u);
  for (int i = 0; i < 3; ++i) map.SpawnOn(runtime, i, Ready(Unit{}));
  map.ShrinkTo(much);
  EXPECT_EQ(map.capacity(), much);
  map.ShrinkTo(100);
  const size_t less = map.capacity();
  EXPECT_GE(less, 100u);
  EXPECT_LT(less, much);
  map.ShrinkToFit();
  EXPECT_LT(map.capacity(), less);
  EXPECT_GE(map.capacity(), map.size());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(map.Contains(i));
}

// behaviour: tokio-util/tests/task_join_map.rs#join_map_coop
TEST(JoinMapTest, JoiningConsumesBudget) {
  Runtime runtime = MakeCurrentThread();
  JoinMap<int> map;
  map.Reserve(1000);
  for (int i = 0; i < 1000; ++i) map.SpawnOn(runtime, i, Ready(Unit{}));
  for (int i = 0; i < 60; ++i) Drive(runtime);
  int joined = 0;
  int yields = 0;
  PolledTask all(PollFn([&](Context& cx) -> Poll<Unit> {  // no source of budget but the map
    for (;; ++joined) {
      auto polled = map.PollNext(cx);
      if (polled.pending()) return kPending;
      if (!polled->has_value()) return Unit{};
    }
  }));
  while (all.Poll().pending()) ++yields;
  EXPECT_GE(yields, 1);
  EXPECT_EQ(joined, 1000);
}

// behaviour: tokio-util/tests/task_join_map.rs#abort_all
TEST(JoinMapTest, AbortedTasksAreJoined) {
  Runtime runtime = MakePaused();
  JoinMap<int> map;
  for (int i = 0; i < 5; ++i) map.SpawnOn(runtime, i, Never<Unit>());
  for (int i = 5; i < 10; ++i) map.SpawnOn(runtime, i, Sleep(1s));
  EXPECT_EQ(runtime.BlockOn(Sleep(2s)), OkStatus());
  map.AbortAll();
  EXPECT_EQ(map.size(), 10u);
  std::set<int> keys;
  while (auto joined = JoinNext(runtime, map)) {
    EXPECT_EQ(joined->output.ok(), joined->key >= 5);
    keys.insert(joined->key);
  }
  EXPECT_EQ(keys.size(), 10u);
}

// behaviour: tokio-util/tests/task_join_map.rs#try_join_next_empty
TEST(JoinMapTest, TryJoinNextOfAnEmptyMapIsNothing) {
  JoinMap<std::string, int> map;
  EXPECT_FALSE(map.TryJoinNext().has_value());
}

// behaviour: tokio-util/tests/task_join_map.rs#try_join_next_no_ready_task
TEST(JoinMapTest, TryJoinNextLeavesWhatHasNotEnded) {
  Runtime runtime = MakeCurrentThread();
  JoinMap<std::string, int> map;
  map.SpawnOn(runtime, "key", Never<int>());
  Drive(runtime);
  EXPECT_FALSE(map.TryJoinNext().has_value());
  EXPECT_EQ(map.size(), 1u);
}

// behaviour: tokio-util/tests/task_join_map.rs#try_join_next_completed_task
TEST(JoinMapTest, TryJoinNextTakesWhatHasEnded) {
  Runtime runtime = MakeCurrentThread();
  JoinMap<std::string, int> map;
  Promise<int> promise;
  map.SpawnOn(runtime, "key", promise.Get());
  Drive(runtime);
  promise.Set(7);
  Drive(runtime);
  auto joined = map.TryJoinNext();
  ASSERT_TRUE(joined.has_value());
  EXPECT_EQ(joined->key, "key");
  EXPECT_EQ(*joined->output, 7);
  EXPECT_TRUE(map.empty());
}

// behaviour: tokio-util/tests/task_join_map.rs#try_join_next_aborted_task
TEST(JoinMapTest, TryJoinNextTakesWhatWasAborted) {
  Runtime runtime = MakeCurrentThread();
  JoinMap<int, int> map;
  map.SpawnOn(runtime, 99, Never<int>());
  map.Abort(99);
  Drive(runtime);
  auto joined = map.TryJoinNext();
  ASSERT_TRUE(joined.has_value());
  EXPECT_EQ(joined->key, 99);
  EXPECT_TRUE(kioto::IsAborted(joined->output.status()));
}

// behaviour: tokio-util/tests/task_join_map.rs#try_join_next_advances_through_multiple
TEST(JoinMapTest, TryJoinNextTakesOneAfterTheOther) {
  Runtime runtime = MakeCurrentThread();
  JoinMap<int, int> map;
  for (int i = 0; i < 8; ++i) map.SpawnOn(runtime, i, Ready(i));
  Drive(runtime);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(map.TryJoinNext()->key, i);
  EXPECT_FALSE(map.TryJoinNext().has_value());
}

// behaviour: tokio-util/tests/task_join_map.rs#try_join_next_skips_replaced_task
TEST(JoinMapTest, ATaskThatEndedAndWasReplacedIsNeverJoined) {
  Runtime runtime = MakeCurrentThread();
  JoinMap<int, int> map;
  map.SpawnOn(runtime, 1, Ready(1));
  Drive(runtime);
  map.SpawnOn(runtime, 1, Ready(2));
  Drive(runtime);
  auto joined = map.TryJoinNext();
  ASSERT_TRUE(joined.has_value());
  EXPECT_EQ(*joined->output, 2);
  EXPECT_FALSE(map.TryJoinNext().has_value());
}

// behaviour: tokio-util/tests/task_join_map.rs#duplicate_keys
TEST(JoinMapTest, ATaskThatIsReplacedIsAbortedAndNeverJoined) {
  Runtime runtime = MakeCurrentThread();
  JoinMap<int, int> map;
  auto guard = std::make_shared<int>();
  map.SpawnOn(runtime, 1, HoldForEver<int>(guard));
  Drive(runtime);
  map.SpawnOn(runtime, 1, Ready(2));
  EXPECT_EQ(map.size(), 1u);
  Drive(runtime);
  EXPECT_EQ(guard.use_count(), 1);
  auto joined = JoinNext(runtime, map);
  ASSERT_TRUE(joined.has_value());
  EXPECT_EQ(*joined->output, 2);
  EXPECT_FALSE(JoinNext(runtime, map).has_value());
}

// behaviour: tokio-util/tests/task_join_map.rs#duplicate_keys2
TEST(JoinMapTest, AReplacedTaskDoesNotEndAWait) {
  Runtime runtime = MakeCurrentThread();
  JoinMap<int, int> map;
  Promise<int> promise;
  map.SpawnOn(runtime, 1, Ready(1));
  Drive(runtime);
  map.SpawnOn(runtime, 1, promise.Get());
  PolledTask next(map.JoinNext());
  EXPECT_THAT(next.Poll(), IsPending());
  Drive(runtime);
  EXPECT_THAT(next.PollWhileWoken(), IsPending());
  promise.Set(2);
  Drive(runtime);
  auto polled = next.Poll();
  ASSERT_TRUE(polled.ready());
  EXPECT_EQ(*(*polled)->output, 2);
}

TEST(JoinMapTest, KeysEndWithTheirTasks) {
  Runtime runtime = MakeCurrentThread();
  auto key = std::make_shared<int>();
  {
    JoinMap<std::shared_ptr<int>> map;
    auto guard = std::make_shared<int>();
    map.SpawnOn(runtime, key, Ready(Unit{}));
    EXPECT_EQ(key.use_count(), 2);
    map.SpawnOn(runtime, key, HoldForEver(guard));
    EXPECT_EQ(key.use_count(), 2);
    JoinMap<std::shared_ptr<int>> moved(std::move(map));
    EXPECT_TRUE(moved.Contains(key));
    map = std::move(moved);
    EXPECT_EQ(map.size(), 1u);
    EXPECT_EQ(key.use_count(), 2);
  }
  EXPECT_EQ(key.use_count(), 1);
  Drive(runtime);
  EXPECT_EQ(runtime.handle().live_tasks(), 0u);
}

TEST(JoinMapTest, SpawnsBlockingJobs) {
  Runtime runtime = MakeCurrentThread();
  JoinMap<int, int> map;
  map.SpawnBlockingOn(runtime, 1, [] { return 10; });
  {
    auto entered = runtime.Enter();
    map.SpawnBlocking(2, [] { return 20; });
    map.Spawn(3, Ready(30));
  }
  int sum = 0;
  while (auto joined = JoinNext(runtime, map)) sum += joined->key * 1000 + *joined->output;
  EXPECT_EQ(sum, 6060);
}

TEST(JoinMapTest, ReplacesWhileTasksEnd) {
  Runtime runtime = MakeMultiThread(2);
  JoinMap<int, int> map;
  for (int i = 0; i < 5000; ++i) {
    map.SpawnOn(runtime, i % 7, YieldThen(i));
    if (i % 3 == 0) (void)map.TryJoinNext();
  }
  std::set<int> keys;
  while (auto joined = JoinNext(runtime, map)) EXPECT_TRUE(keys.insert(joined->key).second);
  EXPECT_TRUE(map.empty());
}

// --- SpawnLocal ---

// behaviour: tokio-util/tests/task_join_map.rs#panic_outside_any_runtime
TEST(JoinMapTest, SpawnLocalIsRefusedOutsideARuntime) {
  JoinMap<int, int> map;
  map.SpawnLocal(1, BoundTo(1));
  EXPECT_EQ(map.TryJoinNext()->output.status().code(), absl::StatusCode::kFailedPrecondition);
}

// behaviour: tokio-util/tests/task_join_map.rs#panic_in_multi_thread_runtime
TEST(JoinMapTest, SpawnLocalIsRefusedWhereTasksMove) {
  JoinMap<int, int> map;
  Runtime runtime = MakeMultiThread();
  EXPECT_EQ(runtime.BlockOn([&] { map.SpawnLocal(1, BoundTo(1)); }), OkStatus());
  EXPECT_EQ(map.TryJoinNext()->output.status().code(), absl::StatusCode::kFailedPrecondition);
}

enum class Ending { kJoin, kShutdown, kDrop };

template <class Run, class Spawn>
void LocalTasks(Ending ending, Run run, Spawn spawn) {
  auto guard = std::make_shared<int>();
  auto map = std::make_unique<JoinMap<int, int>>();
  run([&]() -> Future<Status> {
    for (int i = 0; i < 8; ++i) {
      if (ending == Ending::kJoin) {
        spawn(*map, i, BoundTo(i));
      } else {
        spawn(*map, i, LocalFuture<int>(HoldForEver<int>(guard)));
      }
    }
    EXPECT_FALSE(map->TryJoinNext().has_value());
    switch (ending) {
      case Ending::kJoin:
        return ForEach(ByRef(*map), [](JoinMap<int, int>::Joined& joined) { EXPECT_EQ(*joined.output, joined.key); });
      case Ending::kShutdown:
        return map->Shutdown().Then([&] {
          EXPECT_EQ(guard.use_count(), 1);
          return OkStatus();
        });
      case Ending::kDrop:
        return YieldNow().Then([&] {
          map = std::make_unique<JoinMap<int, int>>();
          return Loop([&] { return YieldNow().Then([&] { return guard.use_count() == 1 ? Flow<>(Break()) : Flow<>(Continue()); }); });
        }).Then([] { return OkStatus(); });
    }
    return OkStatus();
  });
  EXPECT_TRUE(map->empty());
}

void OnACurrentThreadRuntime(Ending ending) {
  Runtime runtime = MakeCurrentThread();
  LocalTasks(
      ending, [&](auto body) { EXPECT_EQ(runtime.BlockOn(body), OkStatus()); },
      [](auto& map, int key, auto future) { map.SpawnLocal(key, std::move(future)); });
}

void InALocalSet(Ending ending) {
  Runtime runtime = MakeMultiThread();
  LocalSet local;
  LocalTasks(
      ending, [&](auto body) { EXPECT_EQ(local.BlockOn(runtime, body), OkStatus()); },
      [](auto& map, int key, auto future) { map.SpawnLocal(key, std::move(future)); });
}

void OnALocalSet(Ending ending) {
  Runtime runtime = MakeCurrentThread();
  LocalSet local;
  LocalTasks(
      ending, [&](auto body) { EXPECT_EQ(runtime.BlockOn(local.RunUntil(body())), OkStatus()); },
      [&](auto& map, int key, auto future) { map.SpawnLocalOn(local, key, std::move(future)); });
}

// behaviour: tokio-util/tests/task_join_map.rs#spawn_local::local_runtime::spawn_then_join_next
TEST(JoinMapTest, SpawnLocalOnACurrentThreadRuntimeAndJoin) { OnACurrentThreadRuntime(Ending::kJoin); }

// behaviour: tokio-util/tests/task_join_map.rs#spawn_local::local_runtime::spawn_then_shutdown
TEST(JoinMapTest, SpawnLocalOnACurrentThreadRuntimeAndShutdown) { OnACurrentThreadRuntime(Ending::kShutdown); }

// behaviour: tokio-util/tests/task_join_map.rs#spawn_local::local_runtime::spawn_then_drop
TEST(JoinMapTest, SpawnLocalOnACurrentThreadRuntimeAndDrop) { OnACurrentThreadRuntime(Ending::kDrop); }

// behaviour: tokio-util/tests/task_join_map.rs#spawn_local::local_set::spawn_then_join_next
TEST(JoinMapTest, SpawnLocalInALocalSetAndJoin) { InALocalSet(Ending::kJoin); }

// behaviour: tokio-util/tests/task_join_map.rs#spawn_local::local_set::spawn_then_shutdown
TEST(JoinMapTest, SpawnLocalInALocalSetAndShutdown) { InALocalSet(Ending::kShutdown); }

// behaviour: tokio-util/tests/task_join_map.rs#spawn_local::local_set::spawn_then_drop
TEST(JoinMapTest, SpawnLocalInALocalSetAndDrop) { InALocalSet(Ending::kDrop); }

// behaviour: tokio-util/tests/task_join_map.rs#spawn_local_on::local_runtime::spawn_then_join_next
// behaviour: tokio-util/tests/task_join_map.rs#spawn_local_on::local_set::spawn_then_join_next
TEST(JoinMapTest, SpawnLocalOnALocalSetAndJoin) { OnALocalSet(Ending::kJoin); }

// behaviour: tokio-util/tests/task_join_map.rs#spawn_local_on::local_set::spawn_then_shutdown
TEST(JoinMapTest, SpawnLocalOnALocalSetAndShutdown) { OnALocalSet(Ending::kShutdown); }

TEST(JoinMapTest, SpawnLocalOnALocalSetAndDrop) { OnALocalSet(Ending::kDrop); }

// behaviour: tokio-util/tests/task_join_map.rs#spawn_local_on::local_set::spawn_then_drop
TEST(JoinMapTest, DroppedBeforeTheLocalSetIsDriven) {
  Runtime runtime = MakeCurrentThread();
  LocalSet local;
  auto guard = std::make_shared<int>();
  {
    JoinMap<int, int> map;
    for (int i = 0; i < 8; ++i) map.SpawnLocalOn(local, i, HoldForEver<int>(guard));
  }
  EXPECT_EQ(guard.use_count(), 9);  // an abort destroys nothing on its caller's stack
  EXPECT_EQ(runtime.BlockOn(local.Run()), OkStatus());
  EXPECT_EQ(guard.use_count(), 1);
}

}  // namespace
}  // namespace kioto
