#include "kioto/runtime/task/join_queue.h"

#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/task/testing/collections.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

// behaviour: tokio-util/tests/task_join_queue.rs#test_join_queue_no_spurious_wakeups
TEST(JoinQueueTest, IsWokenByTheOldestAlone) {
  Runtime runtime = MakeCurrentThread();
  std::vector<Promise<int>> promises(3);
  JoinQueue<int> queue;
  for (auto& promise : promises) queue.SpawnOn(runtime, promise.Get());
  PolledTask next(queue.JoinNext());
  EXPECT_THAT(next.Poll(), IsPending());
  promises[1].Set(1);
  promises[2].Set(2);
  Drive(runtime);
  EXPECT_EQ(next.wakes(), 0);
  promises[0].Set(0);
  Drive(runtime);
  EXPECT_EQ(next.wakes(), 1);
  auto polled = next.Poll();
  ASSERT_TRUE(polled.ready());
  EXPECT_EQ((*polled)->value(), 0);
  EXPECT_EQ(queue.size(), 2u);
}

// behaviour: tokio-util/tests/task_join_queue.rs#test_join_queue_abort_on_drop
TEST(JoinQueueTest, DroppingItAbortsItsTasks) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  {
    JoinQueue<> queue;
    for (int i = 0; i < 16; ++i) queue.SpawnOn(runtime, HoldForEver(guard));
    Drive(runtime);
    EXPECT_EQ(guard.use_count(), 17);
  }
  Drive(runtime);
  EXPECT_EQ(guard.use_count(), 1);
}

// behaviour: tokio-util/tests/task_join_queue.rs#test_join_queue_alternating
TEST(JoinQueueTest, JoinsOneAndSpawnsOne) {
  Runtime runtime = MakeCurrentThread();
  JoinQueue<> queue;
  for (int i = 0; i < 2; ++i) queue.SpawnOn(runtime, Ready(Unit{}));
  for (int i = 0; i < 16; ++i) {
    EXPECT_TRUE(runtime.BlockOn(queue.JoinNext())->value().ok());
    EXPECT_EQ(queue.size(), 1u);
    queue.SpawnOn(runtime, Ready(Unit{}));
    EXPECT_EQ(queue.size(), 2u);
  }
}

// behaviour: tokio-util/tests/task_join_queue.rs#test_join_queue_abort_all
TEST(JoinQueueTest, AbortedTasksAreJoinedInOrder) {
  Runtime runtime = MakePaused();
  JoinQueue<> queue;
  for (int i = 0; i < 5; ++i) queue.SpawnOn(runtime, Never<Unit>());
  for (int i = 0; i < 5; ++i) queue.SpawnOn(runtime, Sleep(1s));
  EXPECT_EQ(runtime.BlockOn(Sleep(2s)), OkStatus());
  queue.AbortAll();
  EXPECT_EQ(queue.size(), 10u);
  for (int i = 0; i < 10; ++i) {
    const Status status = runtime.BlockOn(queue.JoinNext())->value();
    EXPECT_EQ(kioto::IsAborted(status), i < 5);
    EXPECT_EQ(status.ok(), i >= 5);
  }
  EXPECT_FALSE(runtime.BlockOn(queue.JoinNext())->has_value());
}

// behaviour: tokio-util/tests/task_join_queue.rs#test_join_queue_join_all
TEST(JoinQueueTest, JoinAllKeepsTheOrder) {
  Runtime runtime = MakePaused();
  JoinQueue<int> queue;
  for (int i = 0; i < 5; ++i) queue.SpawnOn(runtime, Sleep((5 - i) * 1s).Then([i] { return i; }));
  EXPECT_EQ(*runtime.BlockOn(std::move(queue).JoinAll()), (std::vector<int>{0, 1, 2, 3, 4}));
}

// behaviour: tokio-util/tests/task_join_queue.rs#test_join_queue_shutdown
TEST(JoinQueueTest, ShutdownEndsAndForgetsThem) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  JoinQueue<> queue;
  for (int i = 0; i < 5; ++i) queue.SpawnOn(runtime, HoldForEver(guard));
  EXPECT_EQ(runtime.BlockOn(queue.Shutdown()), OkStatus());
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(guard.use_count(), 1);
}

// behaviour: tokio-util/tests/task_join_queue.rs#test_join_queue_with_manual_abort
TEST(JoinQueueTest, AnAbortedTaskKeepsItsPlace) {
  Runtime runtime = MakeCurrentThread();
  std::vector<Promise<int>> promises(16);
  std::vector<AbortHandle> aborts;
  JoinQueue<int> queue;
  for (auto& promise : promises) aborts.push_back(queue.SpawnOn(runtime, promise.Get()));
  Drive(runtime);
  for (int i = 1; i < 16; i += 2) aborts[i].Abort();
  for (int i = 14; i >= 0; i -= 2) promises[i].Set(i);
  int aborted = 0;
  for (int i = 0; i < 16; ++i) {
    StatusOr<int> output = runtime.BlockOn(queue.JoinNext())->value();
    if (i % 2 == 0) {
      EXPECT_EQ(*output, i);
    } else {
      aborted += kioto::IsAborted(output.status());
    }
  }
  EXPECT_EQ(aborted, 8);
}

// behaviour: tokio-util/tests/task_join_queue.rs#test_join_queue_join_next_with_id
TEST(JoinQueueTest, IdsComeInTheOrderOfSpawning) {
  Runtime runtime = MakeMultiThread(4);
  std::vector<TaskId> spawned;
  JoinQueue<int> queue;
  for (int i = 0; i < 1000; ++i) spawned.push_back(queue.SpawnOn(runtime, YieldThen(i)).id());
  for (TaskId id : spawned) EXPECT_EQ((*runtime.BlockOn(queue.JoinNextWithId()))->id, id);
  EXPECT_FALSE(runtime.BlockOn(queue.JoinNextWithId())->has_value());
}

// behaviour: tokio-util/tests/task_join_queue.rs#test_join_queue_try_join_next
TEST(JoinQueueTest, TryJoinNextTakesOnlyTheOldest) {
  Runtime runtime = MakeCurrentThread();
  std::vector<Promise<int>> promises(3);
  JoinQueue<int> queue;
  for (auto& promise : promises) queue.SpawnOn(runtime, promise.Get());
  auto finish = [&](int i) {
    promises[i].Set(i);
    Drive(runtime);
  };
  EXPECT_FALSE(queue.TryJoinNext().has_value());
  finish(2);
  EXPECT_FALSE(queue.TryJoinNext().has_value());
  EXPECT_FALSE(queue.TryJoinNextWithId().has_value());
  EXPECT_EQ(queue.size(), 3u);
  finish(0);
  EXPECT_EQ(*queue.TryJoinNext().value(), 0);
  EXPECT_FALSE(queue.TryJoinNext().has_value());
  finish(1);
  EXPECT_EQ(*queue.TryJoinNextWithId()->output, 1);
  EXPECT_EQ(*queue.TryJoinNext().value(), 2);
  EXPECT_FALSE(queue.TryJoinNext().has_value());
}

// behaviour: tokio-util/tests/task_join_queue.rs#test_join_queue_try_join_next_does_not_replace_waker
// behaviour: tokio-util/tests/task_join_queue.rs#test_join_queue_try_join_next_with_id_does_not_replace_waker
TEST(JoinQueueTest, TryJoinNextLeavesAWaiterAlone) {
  Runtime runtime = MakeCurrentThread();
  Promise<int> promise;
  JoinQueue<int> queue;
  queue.SpawnOn(runtime, promise.Get());
  Drive(runtime);
  PolledTask next(queue.JoinNextWithId());
  EXPECT_THAT(next.Poll(), IsPending());
  EXPECT_FALSE(queue.TryJoinNext().has_value());
  EXPECT_FALSE(queue.TryJoinNextWithId().has_value());
  promise.Set(42);
  Drive(runtime);
  EXPECT_EQ(next.wakes(), 1);
  auto polled = next.Poll();
  ASSERT_TRUE(polled.ready());
  EXPECT_EQ(*(*polled)->output, 42);
}

// behaviour: tokio-util/tests/task_join_queue.rs#test_join_queue_try_join_next_disabled_coop
// behaviour: tokio-util/tests/task_join_queue.rs#test_join_queue_try_join_next_with_id_disabled_coop
TEST(JoinQueueTest, TryJoinNextAsksForNoBudget) {
  Runtime runtime = MakeCurrentThread();
  std::vector<TaskId> spawned;
  JoinQueue<int> queue;
  for (int i = 0; i < 2000; ++i) spawned.push_back(queue.SpawnOn(runtime, Ready(i)).id());
  for (int i = 0; i < 100; ++i) Drive(runtime);
  EXPECT_EQ(runtime.BlockOn([&] {
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(*queue.TryJoinNext().value(), i);
    for (int i = 1000; i < 2000; ++i) EXPECT_EQ(queue.TryJoinNextWithId()->id, spawned[i]);
  }),
            OkStatus());
  EXPECT_TRUE(queue.empty());
}

TEST(JoinQueueTest, DetachedTasksGoOn) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  JoinQueue<> queue;
  queue.SpawnOn(runtime, HoldForEver(guard));
  queue.DetachAll();
  EXPECT_TRUE(queue.empty());
  Drive(runtime);
  EXPECT_EQ(guard.use_count(), 2);
}

TEST(JoinQueueTest, DetachAllLetsAWaiterGo) { ExpectDetachAllLetsAWaiterGo<JoinQueue<>>(); }

// behaviour: tokio-util/tests/task_join_queue.rs#spawn_local_panic_outside_any_runtime
TEST(JoinQueueTest, SpawnLocalOutsideARuntimeIsRefused) {
  JoinQueue<int> queue;
  queue.SpawnLocal(BoundTo(1));
  EXPECT_EQ(queue.TryJoinNext()->status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace kioto
