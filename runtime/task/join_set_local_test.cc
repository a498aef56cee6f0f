// Tasks of a JoinSet that are bound to a thread: by SpawnLocal and SpawnLocalOn.
#include <memory>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/task/join_set.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/testing/collections.h"

namespace kioto {
namespace {

// behaviour: tokio/tests/task_join_set.rs#panic_outside_any_runtime
TEST(JoinSetTest, SpawnLocalOutsideARuntimeIsRefused) {
  JoinSet<int> set;
  set.SpawnLocal(BoundTo(1));
  auto output = set.TryJoinNext();
  ASSERT_TRUE(output.has_value());
  EXPECT_EQ(output->status().code(), absl::StatusCode::kFailedPrecondition);
}

// behaviour: tokio/tests/task_join_set.rs#panic_in_multi_thread_runtime
TEST(JoinSetTest, SpawnLocalOnAPoolIsRefused) {
  Runtime runtime = MakeMultiThread();
  JoinSet<int> set;
  EXPECT_EQ(runtime.BlockOn([&] { set.SpawnLocal(BoundTo(1)); }), OkStatus());
  auto output = set.TryJoinNext();
  ASSERT_TRUE(output.has_value());
  EXPECT_EQ(output->status().code(), absl::StatusCode::kFailedPrecondition);
}

enum class Ending { kJoin, kShutdown, kDrop };

// Eight tasks that `spawn` puts into the set, and its end, all inside `run`.
template <class Run, class Spawn>
void LocalTasks(Ending ending, Run run, Spawn spawn) {
  auto guard = std::make_shared<int>();
  auto set = std::make_unique<JoinSet<int>>();
  run([&]() -> Future<Status> {
    for (int i = 0; i < 8; ++i) {
      if (ending == Ending::kJoin) {
        spawn(*set, BoundTo(i));
      } else {
        spawn(*set, LocalFuture<int>(HoldForEver<int>(guard)));
      }
    }
    EXPECT_FALSE(set->TryJoinNext().has_value());
    switch (ending) {
      case Ending::kJoin:
        return ForEach(ByRef(*set), [left = 0](int& n) mutable { EXPECT_EQ(n, left++); });
      case Ending::kShutdown:
        return YieldNow().Then([&] { return set->Shutdown(); }).Then([&] {
          EXPECT_EQ(guard.use_count(), 1);
          return OkStatus();
        });
      case Ending::kDrop:
        return YieldNow().Then([&] {
          set = std::make_unique<JoinSet<int>>();
          return Loop([&] { return YieldNow().Then([&] { return guard.use_count() == 1 ? Flow<>(Break()) : Flow<>(Continue()); }); });
        }).Then([] { return OkStatus(); });
    }
    return OkStatus();
  });
  EXPECT_TRUE(set->empty());
}

void OnACurrentThreadRuntime(Ending ending) {
  Runtime runtime = MakeCurrentThread();
  LocalTasks(
      ending, [&](auto body) { EXPECT_EQ(runtime.BlockOn(body), OkStatus()); },
      [](JoinSet<int>& set, auto future) { set.SpawnLocal(std::move(future)); });
}

void InALocalSet(Ending ending) {
  Runtime runtime = MakeMultiThread();
  LocalSet local;
  LocalTasks(
      ending, [&](auto body) { EXPECT_EQ(local.BlockOn(runtime, body), OkStatus()); },
      [](JoinSet<int>& set, auto future) { set.SpawnLocal(std::move(future)); });
}

void OnALocalSet(Ending ending) {
  Runtime runtime = MakeCurrentThread();
  LocalSet local;
  LocalTasks(
      ending, [&](auto body) { EXPECT_EQ(runtime.BlockOn(local.RunUntil(body())), OkStatus()); },
      [&](JoinSet<int>& set, auto future) { set.SpawnLocalOn(local, std::move(future)); });
}

// behaviour: tokio/tests/task_join_set.rs#spawn_local::local_runtime::spawn_then_join_next
TEST(JoinSetTest, SpawnLocalOnACurrentThreadRuntimeAndJoin) { OnACurrentThreadRuntime(Ending::kJoin); }

// behaviour: tokio/tests/task_join_set.rs#spawn_local::local_runtime::spawn_then_shutdown
TEST(JoinSetTest, SpawnLocalOnACurrentThreadRuntimeAndShutdown) { OnACurrentThreadRuntime(Ending::kShutdown); }

// behaviour: tokio/tests/task_join_set.rs#spawn_local::local_runtime::spawn_then_drop
TEST(JoinSetTest, SpawnLocalOnACurrentThreadRuntimeAndDrop) { OnACurrentThreadRuntime(Ending::kDrop); }

// behaviour: tokio/tests/task_join_set.rs#spawn_local::local_set::spawn_then_join_next
TEST(JoinSetTest, SpawnLocalInALocalSetAndJoin) { InALocalSet(Ending::kJoin); }

// behaviour: tokio/tests/task_join_set.rs#spawn_local::local_set::spawn_then_shutdown
TEST(JoinSetTest, SpawnLocalInALocalSetAndShutdown) { InALocalSet(Ending::kShutdown); }

// behaviour: tokio/tests/task_join_set.rs#spawn_local::local_set::spawn_then_drop
TEST(JoinSetTest, SpawnLocalInALocalSetAndDrop) { InALocalSet(Ending::kDrop); }

// behaviour: tokio/tests/task_join_set.rs#spawn_local_on::local_runtime::spawn_then_join_next
// behaviour: tokio/tests/task_join_set.rs#spawn_local_on::local_set::spawn_then_join_next
TEST(JoinSetTest, SpawnLocalOnALocalSetAndJoin) { OnALocalSet(Ending::kJoin); }

// behaviour: tokio/tests/task_join_set.rs#spawn_local_on::local_set::spawn_then_shutdown
TEST(JoinSetTest, SpawnLocalOnALocalSetAndShutdown) { OnALocalSet(Ending::kShutdown); }

TEST(JoinSetTest, SpawnLocalOnALocalSetAndDrop) { OnALocalSet(Ending::kDrop); }

}  // namespace
}  // namespace kioto
