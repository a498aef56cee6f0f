#include "kioto/runtime/task/task_tracker.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/task/testing/collections.h"

namespace kioto {
namespace {

// behaviour: tokio-util/tests/task_tracker.rs#open_close
TEST(TaskTrackerTest, OpensAndCloses) {
  TaskTracker tracker;
  EXPECT_FALSE(tracker.IsClosed());
  EXPECT_TRUE(tracker.Close());
  EXPECT_FALSE(tracker.Close());
  EXPECT_TRUE(tracker.IsClosed());
  EXPECT_TRUE(tracker.Reopen());
  EXPECT_FALSE(tracker.Reopen());
}

// behaviour: tokio-util/tests/task_tracker.rs#token_len
TEST(TaskTrackerTest, CountsTokens) {
  TaskTracker tracker;
  std::vector<TaskTrackerToken> tokens;
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(tracker.size(), i);
    tokens.push_back(tracker.Token());
  }
  tokens.clear();
  EXPECT_TRUE(tracker.empty());
}

// behaviour: tokio-util/tests/task_tracker.rs#notify_immediately
TEST(TaskTrackerTest, ClosedAndEmptyNeedsNoWait) {
  TaskTracker tracker;
  tracker.Close();
  PolledTask wait(tracker.Wait());
  EXPECT_TRUE(wait.Poll().ready());
}

// behaviour: tokio-util/tests/task_tracker.rs#notify_immediately_on_reopen
TEST(TaskTrackerTest, AWaitThatWasOverWhenItWasMadeStaysOver) {
  TaskTracker tracker;
  tracker.Close();
  PolledTask wait(tracker.Wait());
  tracker.Reopen();
  EXPECT_TRUE(wait.Poll().ready());
}

// behaviour: tokio-util/tests/task_tracker.rs#notify_on_close
TEST(TaskTrackerTest, ClosingItWhenEmptyWakes) {
  TaskTracker tracker;
  PolledTask wait(tracker.Wait());
  EXPECT_TRUE(wait.Poll().pending());
  tracker.Close();
  EXPECT_EQ(wait.wakes(), 1);
  EXPECT_TRUE(wait.Poll().ready());
}

// behaviour: tokio-util/tests/task_tracker.rs#notify_on_close_reopen
TEST(TaskTrackerTest, ReopeningDoesNotTakeBackAWake) {
  TaskTracker tracker;
  PolledTask wait(tracker.Wait());
  EXPECT_TRUE(wait.Poll().pending());
  tracker.Close();
  EXPECT_EQ(wait.wakes(), 1);
  tracker.Reopen();
  EXPECT_TRUE(wait.Poll().ready());
}

// behaviour: tokio-util/tests/task_tracker.rs#notify_on_last_task_respawn
// behaviour: tokio-util/tests/task_tracker.rs#no_notify_on_respawn_if_open
TEST(TaskTrackerTest, TheMomentCountsWhenItWasClosed) {
  for (bool closed : {true, false}) {
    TaskTracker tracker;
    auto token = std::make_unique<TaskTrackerToken>(tracker.Token());
    if (closed) tracker.Close();
    PolledTask wait(tracker.Wait());
    EXPECT_TRUE(wait.Poll().pending());
    token.reset();
    token = std::make_unique<TaskTrackerToken>(tracker.Token());
    EXPECT_EQ(wait.Poll().ready(), closed);
  }
}

// behaviour: tokio-util/tests/task_tracker.rs#close_during_exit
TEST(TaskTrackerTest, ClosesAtAnyPointOfTheEnd) {
  for (int close_at = 0; close_at <= 5; ++close_at) {
    TaskTracker tracker;
    std::vector<TaskTrackerToken> tokens;
    for (int i = 0; i < 5; ++i) tokens.push_back(tracker.Token());
    PolledTask wait(tracker.Wait());
    for (int i = 0; i <= 5; ++i) {
      if (i == close_at) tracker.Close();
      if (i == 5) break;
      EXPECT_TRUE(wait.Poll().pending());
      tokens.pop_back();
    }
    EXPECT_TRUE(wait.Poll().ready());
  }
}

// behaviour: tokio-util/tests/task_tracker.rs#notify_many
TEST(TaskTrackerTest, WakesAllWhoWait) {
  TaskTracker tracker;
  std::vector<std::unique_ptr<PolledTask<TrackerWait>>> waits;
  for (int i = 0; i < 100; ++i) {
    waits.push_back(std::make_unique<PolledTask<TrackerWait>>(tracker.Wait()));
    EXPECT_TRUE(waits.back()->Poll().pending());
  }
  tracker.Close();
  for (auto& wait : waits) EXPECT_TRUE(wait->Poll().ready());
}

// behaviour: tokio-util/tests/task_tracker.rs#notify_on_last_task
TEST(TaskTrackerTest, TheLastToGoWakes) {
  TaskTracker tracker;
  auto first = std::make_unique<TaskTrackerToken>(tracker.Token());
  auto second = std::make_unique<TaskTrackerToken>(tracker.Token());
  tracker.Close();
  PolledTask wait(tracker.Wait());
  PolledTask other(tracker.Wait());
  EXPECT_TRUE(wait.Poll().pending());
  EXPECT_TRUE(other.Poll().pending());
  first.reset();
  EXPECT_EQ(wait.wakes(), 0);
  second.reset();
  EXPECT_EQ(wait.wakes(), 1);
  EXPECT_EQ(other.wakes(), 1);
  EXPECT_TRUE(wait.Poll().ready());
  EXPECT_TRUE(other.Poll().ready());
}

TEST(TaskTrackerTest, EmptyButOpenWaits) {
  TaskTracker tracker;
  PolledTask wait(tracker.Wait());
  EXPECT_TRUE(wait.Poll().pending());
  { TaskTrackerToken token = tracker.Token(); }
  EXPECT_EQ(wait.wakes(), 0);
  tracker.Close();
  EXPECT_EQ(wait.wakes(), 1);
  EXPECT_TRUE(wait.Poll().ready());
}

TEST(TaskTrackerTest, ATrackedFutureCountsUntilItIsDestroyed) {
  TaskTracker tracker;
  {
    PolledTask task(tracker.Track(Ready(1)));
    EXPECT_EQ(tracker.size(), 1u);
    EXPECT_EQ(*task.Poll(), 1);
  }
  EXPECT_EQ(tracker.size(), 0u);
}

// check: H1
TEST(TaskTrackerTest, DroppedWaitIsForgotten) {
  TaskTracker tracker;
  for (int polls = 0; polls < 3; ++polls) {
    PolledTask wait(tracker.Wait());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(wait.Poll().pending());
    wait.Drop();
    EXPECT_EQ(wait.held(), 0);
  }
  tracker.Close();
}

TEST(TaskTrackerTest, WaitOutlivesTheTracker) {
  auto tracker = std::make_unique<TaskTracker>();
  auto token = std::make_unique<TaskTrackerToken>(tracker->Token());
  PolledTask wait(tracker->CloseAndWait());
  EXPECT_TRUE(wait.Poll().pending());
  tracker.reset();
  std::thread([&] { token.reset(); }).join();
  EXPECT_EQ(wait.wakes(), 1);
  EXPECT_TRUE(wait.Poll().ready());
}

TEST(TaskTrackerTest, TokensCopyAndKnowTheirTracker) {
  TaskTracker tracker;
  TaskTrackerToken token = tracker.Token();
  TaskTrackerToken copy = token;
  EXPECT_EQ(tracker.size(), 2u);
  EXPECT_TRUE(copy.tracker() == tracker);
  EXPECT_TRUE(copy.tracker() != TaskTracker());
  TaskTracker other;
  copy = other.Token();
  EXPECT_EQ(tracker.size(), 1u);
  EXPECT_EQ(other.size(), 1u);
}

// --- Spawning --------------------------------------------------------------------------------------------------------------

void ExpectOver(const TaskTracker& tracker) {
  EXPECT_TRUE(tracker.IsClosed());
  EXPECT_TRUE(tracker.empty());
}

// behaviour: tokio-util/tests/task_tracker.rs#spawn::spawn_then_close
TEST(TaskTrackerTest, WaitsForWhatItHasSpawned) {
  Runtime runtime = MakeCurrentThread();
  TaskTracker tracker;
  int ran = 0;
  for (int i = 0; i < 8; ++i) tracker.SpawnOn(runtime, YieldNow().Then([&] { ++ran; }));
  EXPECT_EQ(runtime.BlockOn([&] {
    for (int i = 0; i < 8; ++i) tracker.Spawn(YieldNow().Then([&] { ++ran; }));
    return tracker.CloseAndWait();
  }),
            OkStatus());
  EXPECT_EQ(ran, 16);
  ExpectOver(tracker);
}

TEST(TaskTrackerTest, WaitsForBlockingJobs) {
  Runtime runtime = MakeCurrentThread();
  TaskTracker tracker;
  std::atomic<int> ran{0};
  tracker.SpawnBlockingOn(runtime, [&] { ++ran; });
  EXPECT_EQ(runtime.BlockOn([&] {
    tracker.SpawnBlocking([&] { ++ran; });
    return tracker.CloseAndWait();
  }),
            OkStatus());
  EXPECT_EQ(ran, 2);
  ExpectOver(tracker);
}

// behaviour: tokio-util/tests/task_tracker.rs#panic_outside_any_runtime
TEST(TaskTrackerTest, SpawnLocalOutsideARuntimeIsRefused) {
  TaskTracker tracker;
  EXPECT_TRUE(tracker.SpawnLocal(BoundTo(1)).finished());
  EXPECT_TRUE(tracker.empty());
}

// behaviour: tokio-util/tests/task_tracker.rs#panic_in_multi_thread_runtime
TEST(TaskTrackerTest, SpawnLocalOnAPoolIsRefused) {
  Runtime runtime = MakeMultiThread();
  TaskTracker tracker;
  EXPECT_TRUE(*runtime.BlockOn([&] { return tracker.SpawnLocal(BoundTo(1)).finished(); }));
  EXPECT_TRUE(tracker.empty());
}

// Eight tasks that are bound to their thread, and the end of the tracker.
Future<Status> EightOf(TaskTracker& tracker, bool close_first) {
  if (close_first) tracker.Close();
  for (int i = 0; i < 8; ++i) tracker.SpawnLocal(BoundTo(i));
  return tracker.CloseAndWait().Then([] { return OkStatus(); });
}

// behaviour: tokio-util/tests/task_tracker.rs#spawn_local::spawn_then_close
TEST(TaskTrackerTest, WaitsForTasksBoundToTheThread) {
  Runtime runtime = MakeCurrentThread();
  TaskTracker tracker;
  EXPECT_EQ(runtime.BlockOn([&] { return EightOf(tracker, false); }), OkStatus());
  ExpectOver(tracker);
}

// behaviour: tokio-util/tests/task_tracker.rs#spawn_after_close
TEST(TaskTrackerTest, WaitsForWhatCameAfterTheClose) {
  Runtime runtime = MakeCurrentThread();
  TaskTracker tracker;
  EXPECT_EQ(runtime.BlockOn([&] { return EightOf(tracker, true); }), OkStatus());
  ExpectOver(tracker);
}

// behaviour: tokio-util/tests/task_tracker.rs#spawn_local_on::local_runtime::spawn_then_close
TEST(TaskTrackerTest, WaitsForTasksOfALocalSet) {
  Runtime runtime = MakeCurrentThread();
  LocalSet set;
  TaskTracker tracker;
  for (int i = 0; i < 8; ++i) tracker.SpawnLocalOn(set, BoundTo(i));
  EXPECT_EQ(tracker.size(), 8u);
  EXPECT_EQ(runtime.BlockOn(set.RunUntil(tracker.CloseAndWait())), OkStatus());
  ExpectOver(tracker);
}

// behaviour: tokio-util/tests/task_tracker.rs#close_then_spawn
TEST(TaskTrackerTest, WaitsForTasksOfALocalSetThatCameAfterTheClose) {
  Runtime runtime = MakeCurrentThread();
  LocalSet set;
  TaskTracker tracker;
  tracker.Close();
  for (int i = 0; i < 8; ++i) tracker.SpawnLocalOn(set, BoundTo(i));
  EXPECT_EQ(runtime.BlockOn(set.RunUntil(tracker.Wait())), OkStatus());
  ExpectOver(tracker);
}

}  // namespace
}  // namespace kioto
