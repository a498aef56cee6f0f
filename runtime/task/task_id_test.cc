#include "kioto/runtime/task/task_id.h"

#include <thread>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/task/testing/collections.h"

namespace kioto {
namespace {

Runtime MakeFlavour(bool many) { return many ? MakeMultiThread() : MakeCurrentThread(); }

// behaviour: tokio/tests/task_id.rs#task_id_spawn
TEST(TaskIdTest, IsKnownInsideTheTask) {
  Runtime runtime = MakeCurrentThread();
  EXPECT_NE(*runtime.BlockOn(runtime.Spawn(Lazy([] { return CurrentTaskId(); }))), 0u);
}

// behaviour: tokio/tests/task_id.rs#task_ids_match_current_thread
// behaviour: tokio/tests/task_id.rs#task_ids_match_multi_thread
TEST(TaskIdTest, IsTheHandles) {
  for (bool many : {false, true}) {
    Runtime runtime = MakeFlavour(many);
    JoinHandle<TaskId> handle = runtime.Spawn(Lazy([] { return CurrentTaskId(); }));
    const TaskId id = handle.id();
    EXPECT_EQ(handle.abort_handle().id(), id);
    EXPECT_EQ(*runtime.BlockOn(std::move(handle)), id);
  }
}

// behaviour: tokio/tests/task_id.rs#task_id_collision_current_thread
// behaviour: tokio/tests/task_id.rs#task_id_collision_multi_thread
TEST(TaskIdTest, OfTwoTasksDiffer) {
  for (bool many : {false, true}) {
    Runtime runtime = MakeFlavour(many);
    auto [a, b] = *runtime.BlockOn([] {
      return TryJoin(Spawn(Lazy([] { return CurrentTaskId(); })), Spawn(Lazy([] { return CurrentTaskId(); })));
    });
    EXPECT_NE(a, b);
  }
}

// behaviour: tokio/tests/task_id.rs#task_id_spawn_blocking
TEST(TaskIdTest, OfABlockingJob) {
  Runtime runtime = MakeCurrentThread();
  auto entered = runtime.Enter();
  JoinHandle<TaskId> handle = SpawnBlocking([] { return CurrentTaskId(); });
  const TaskId id = handle.id();
  EXPECT_EQ(*runtime.BlockOn(std::move(handle)), id);
}

// Says in its destructor whose it is.
struct SaysWhose {
  explicit SaysWhose(TaskId* id) : id(id) {}
  SaysWhose(SaysWhose&& other) noexcept : id(std::exchange(other.id, nullptr)) {}
  ~SaysWhose() {
    if (id != nullptr) *id = TryCurrentTaskId().value_or(0);
  }
  TaskId* id;
};

// behaviour: tokio/tests/task_id.rs#task_id_future_destructor_abort
TEST(TaskIdTest, IsKnownToTheDestructorOfAnAbortedFuture) {
  Runtime runtime = MakeCurrentThread();
  TaskId seen = 0;
  auto handle = runtime.Spawn(PollFn([says = SaysWhose(&seen)](Context&) -> Poll<Unit> { return kPending; }));
  const TaskId id = handle.id();
  Drive(runtime);
  handle.Abort();
  EXPECT_TRUE(kioto::IsAborted(runtime.BlockOn(std::move(handle))));
  EXPECT_EQ(seen, id);
}

// behaviour: tokio/tests/task_id.rs#task_id_output_destructor_handle_dropped_after_completion
TEST(TaskIdTest, IsKnownToTheDestructorOfAnOutputThatNobodyTook) {
  Runtime runtime = MakeCurrentThread();
  TaskId seen = 0;
  {
    auto handle = runtime.Spawn(Lazy([&] { return SaysWhose(&seen); }));
    const TaskId id = handle.id();
    Drive(runtime);
    EXPECT_EQ(seen, 0u);
    handle.reset();
    EXPECT_EQ(seen, id);
  }
  auto handle = runtime.Spawn(Lazy([&] { return SaysWhose(&seen); }));
  const TaskId id = handle.id();
  handle.reset();  // before it has run: the output dies in the task
  Drive(runtime);
  EXPECT_EQ(seen, id);
  EXPECT_FALSE(TryCurrentTaskId().has_value());
}

// behaviour: tokio/tests/task_id.rs#task_try_id_inside_block_on
TEST(TaskIdTest, TheFutureOfBlockOnIsNoTask) {
  for (bool many : {false, true}) {
    Runtime runtime = MakeFlavour(many);
    EXPECT_FALSE((*runtime.BlockOn([] { return TryCurrentTaskId(); })).has_value());
  }
}

// behaviour: tokio/tests/task_id.rs#task_id_spawn_local
TEST(TaskIdTest, OfATaskBoundToItsThread) {
  Runtime runtime = MakeCurrentThread();
  EXPECT_NE(*runtime.BlockOn([] { return SpawnLocal(Lazy([] { return CurrentTaskId(); })); }), 0u);
}

// behaviour: tokio/tests/task_id.rs#task_id_nested_spawn_local
TEST(TaskIdTest, OfATaskInsideATask) {
  Runtime runtime = MakeCurrentThread();
  Status status = runtime.BlockOn([] {
    return SpawnLocal(Lazy([] {
      const TaskId outer = CurrentTaskId();
      return With(std::make_unique<LocalSet>(), [outer](std::unique_ptr<LocalSet>& set) {
        set->SpawnLocal(Lazy([outer] { EXPECT_NE(CurrentTaskId(), outer); })).Detach();
        return set->Run().Then([outer] { EXPECT_EQ(CurrentTaskId(), outer); });
      });
    }));
  });
  EXPECT_EQ(status, OkStatus());
}

auto Name() {
  return Lazy([] { return std::string(CurrentTaskName()); });
}

// behaviour: tokio/tests/task_builder.rs#spawn_with_name
TEST(TaskIdTest, TheNameIsThatOfTheOptions) {
  Runtime runtime = MakeCurrentThread();
  EXPECT_EQ(*runtime.BlockOn(runtime.Spawn(Name(), {"a name"})), "a name");
  EXPECT_EQ(CurrentTaskName(), "");
}

// behaviour: tokio/tests/task_builder.rs#spawn_without_name
TEST(TaskIdTest, ATaskNeedsNoName) {
  Runtime runtime = MakeCurrentThread();
  EXPECT_EQ(*runtime.BlockOn(runtime.Spawn(Name())), "");
}

// behaviour: tokio/tests/task_builder.rs#spawn_blocking_with_name
TEST(TaskIdTest, TheNameOfABlockingJob) {
  Runtime runtime = MakeCurrentThread();
  auto entered = runtime.Enter();
  EXPECT_EQ(*runtime.BlockOn(SpawnBlocking([] { return std::string(CurrentTaskName()); }, {"job"})), "job");
}

// behaviour: tokio/tests/task_builder.rs#spawn_local_on_local_runtime
TEST(TaskIdTest, TheNameOfATaskBoundToItsThread) {
  Runtime runtime = MakeCurrentThread();
  EXPECT_EQ(*runtime.BlockOn([&] { return SpawnLocal(Name(), {"local"}); }), "local");
}

// behaviour: tokio/tests/task_builder.rs#spawn_local_panics_outside_local_set_or_local_runtime
TEST(TaskIdTest, ANameDoesNotBindATaskToAThread) {
  Runtime runtime = MakeMultiThread();
  StatusOr<std::string> name = runtime.BlockOn([&] { return SpawnLocal(Name(), {"local"}); });
  EXPECT_TRUE(absl::IsFailedPrecondition(name.status()));
}

// behaviour: tokio/tests/task_builder.rs#spawn_local_with_name
TEST(TaskIdTest, TheNameOfATaskOfALocalSet) {
  Runtime runtime = MakeMultiThread();
  LocalSet set;
  EXPECT_EQ(*set.BlockOn(runtime, [&] { return SpawnLocal(Name(), {"local"}); }), "local");
}

// behaviour: tokio/tests/task_builder.rs#spawn_local_without_name
TEST(TaskIdTest, ATaskOfALocalSetNeedsNoName) {
  Runtime runtime = MakeMultiThread();
  LocalSet set;
  EXPECT_EQ(*set.BlockOn(runtime, [&] { return SpawnLocal(Name()); }), "");
}

// behaviour: tokio/tests/task_id.rs#task_id_outside_task_panic_caller
TEST(TaskIdDeathTest, OutsideATaskThereIsNone) {
  EXPECT_DEATH(CurrentTaskId(), "CurrentTaskId was called outside a task");
}

// behaviour: tokio/tests/task_id.rs#task_id_inside_block_on_panic_caller
TEST(TaskIdDeathTest, InTheFutureOfBlockOnThereIsNone) {
  EXPECT_DEATH((void)MakeCurrentThread().BlockOn([] { CurrentTaskId(); }), "CurrentTaskId was called outside a task");
}

}  // namespace
}  // namespace kioto
