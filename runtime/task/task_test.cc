// Tasks: their state word, their handles, their output, on a scheduler whose queue the test runs by hand.
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/log.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/task/task_tracker.h"

namespace kioto {
namespace {

using internal::RunResult;
using internal::TaskHeader;
using internal::TaskState;

// Keeps what is enqueued; the test decides when it runs.
class HandScheduler final : public internal::Scheduler {
 public:
  HandScheduler() : Scheduler(/*shards=*/1) { internal::CurrentThread().scheduler = this; }
  ~HandScheduler() {
    internal::CurrentThread().scheduler = nullptr;
    EXPECT_EQ(owned.size(), 0u);
    EXPECT_TRUE(queue.empty());
  }
  void Enqueue(TaskHeader* task) override { queue.push_back(task); }
  void EnqueueNew(TaskHeader* task) override { queue.push_back(task); }
  int ShardForThisThread() const override { return 0; }
  bool CanSpawnLocal() const override { return local; }

  // Runs the oldest entry.
  RunResult RunOne() {
    TaskHeader* task = queue.front();
    queue.pop_front();
    return internal::RunTask(task, internal::CurrentThread());
  }

  std::deque<TaskHeader*> queue;
  bool local = false;
};

// A future under the test's control, counted while it lives.
struct Control {
  int polls = 0;
  int alive = 0;
  bool ready = false;
  bool yield = false;
  bool wake_self = false;
  Waker waker;
};

class Controlled : public FutureBase<Controlled, int> {
 public:
  explicit Controlled(Control* control) : control_(control) { ++control_->alive; }
  Controlled(Controlled&& other) : control_(other.control_) { ++control_->alive; }
  ~Controlled() { --control_->alive; }
  Poll<int> PollOnce(Context& cx) {
    ++control_->polls;
    control_->waker = cx.waker();
    if (control_->ready) return 7;
    if (control_->yield) cx.Yield();
    if (control_->wake_self) cx.waker().Wake();
    return kPending;
  }

 private:
  Control* control_;
};

TEST(TaskTest, RunsOnceEnqueuedOnce) {
  HandScheduler scheduler;
  Control control;
  PolledTask join(Spawn(Controlled(&control)));
  EXPECT_EQ(control.alive, 1);
  ASSERT_EQ(scheduler.queue.size(), 1u);
  EXPECT_EQ(scheduler.RunOne(), RunResult::kGone);
  EXPECT_EQ(control.polls, 1);
  EXPECT_TRUE(join.Poll().pending());
  control.waker.Wake();
  control.waker.Wake();
  EXPECT_EQ(scheduler.queue.size(), 1u);  // idempotent until the next poll
  control.ready = true;
  EXPECT_EQ(scheduler.RunOne(), RunResult::kGone);
  EXPECT_EQ(control.alive, 0);
  EXPECT_EQ(join.wakes(), 1);
  auto poll = join.Poll();
  ASSERT_TRUE(poll.ready());
  EXPECT_EQ(**poll, 7);
  control.waker.Wake();  // after the end: nothing
  control.waker = Waker();
}

TEST(TaskTest, WakeDuringThePollAsksForAnother) {
  HandScheduler scheduler;
  Control control;
  control.wake_self = true;
  JoinHandle<int> join = Spawn(Controlled(&control));
  TaskHeader* task = scheduler.queue.front();
  EXPECT_EQ(scheduler.RunOne(), RunResult::kWoken);
  EXPECT_TRUE(scheduler.queue.empty());  // the right to poll is still the runner's
  control.ready = true;
  scheduler.Enqueue(task);
  EXPECT_EQ(scheduler.RunOne(), RunResult::kGone);
  EXPECT_TRUE(join.finished());
  control.waker = Waker();
}

TEST(TaskTest, YieldKeepsTheRight) {
  HandScheduler scheduler;
  Control control;
  control.yield = true;
  JoinHandle<int> join = Spawn(Controlled(&control));
  TaskHeader* task = scheduler.queue.front();
  EXPECT_EQ(scheduler.RunOne(), RunResult::kYielded);
  control.waker.Wake();
  EXPECT_TRUE(scheduler.queue.empty());
  control.ready = true;
  scheduler.Enqueue(task);
  (void)scheduler.RunOne();
  EXPECT_TRUE(join.finished());
  control.waker = Waker();
}

TEST(TaskTest, AbortOfAnIdleTaskEnqueuesIt) {
  HandScheduler scheduler;
  Control control;
  PolledTask join(Spawn(Controlled(&control)));
  (void)scheduler.RunOne();
  join.future().Abort();
  EXPECT_EQ(control.alive, 1);  // never on the caller's stack
  ASSERT_EQ(scheduler.queue.size(), 1u);
  join.future().Abort();
  EXPECT_EQ(scheduler.queue.size(), 1u);
  (void)scheduler.RunOne();
  EXPECT_EQ(control.alive, 0);
  EXPECT_EQ(control.polls, 1);
  auto poll = join.Poll();
  ASSERT_TRUE(poll.ready());
  EXPECT_TRUE(kioto::IsAborted((*poll).status()));
  control.waker = Waker();
}

TEST(TaskTest, AbortOfAQueuedTaskIsSeenBeforeItsPoll) {
  HandScheduler scheduler;
  Control control;
  JoinHandle<int> join = Spawn(Controlled(&control));
  join.Abort();
  EXPECT_EQ(scheduler.queue.size(), 1u);
  (void)scheduler.RunOne();
  EXPECT_EQ(control.polls, 0);
  EXPECT_EQ(control.alive, 0);
}

TEST(TaskTest, AbortAfterTheEndKeepsTheOutput) {
  HandScheduler scheduler;
  PolledTask join(Spawn(Ready(3)));
  (void)scheduler.RunOne();
  join.future().Abort();
  EXPECT_TRUE(scheduler.queue.empty());
  EXPECT_EQ(**join.Poll(), 3);
}

TEST(TaskTest, AbortHandleOutlivesTheTask) {
  HandScheduler scheduler;
  JoinHandle<int> join = Spawn(Ready(3));
  AbortHandle abort = join.abort_handle();
  EXPECT_EQ(abort.id(), join.id());
  EXPECT_FALSE(abort.finished());
  std::move(join).Detach();
  (void)scheduler.RunOne();
  EXPECT_TRUE(abort.finished());
  abort.Abort();
  EXPECT_TRUE(scheduler.queue.empty());
}

TEST(TaskTest, AbortHandleOfAnEmptyJoinHandleDoesNothing) {
  const AbortHandle none = JoinHandle<int>().abort_handle();
  none.Abort();
  EXPECT_TRUE(none.finished());
}

TEST(TaskTest, DetachedOutputIsDropped) {
  HandScheduler scheduler;
  auto value = std::make_shared<int>(1);
  Spawn(Ready(value)).Detach();
  (void)scheduler.RunOne();
  EXPECT_EQ(value.use_count(), 1);
  JoinHandle<std::shared_ptr<int>> join = Spawn(Ready(value));
  (void)scheduler.RunOne();
  EXPECT_EQ(value.use_count(), 2);
  join.reset();
  EXPECT_EQ(value.use_count(), 1);
}

TEST(TaskTest, DroppedJoinerIsNotWokenAndNotKept) {
  HandScheduler scheduler;
  Control control;
  {
    PolledTask join(Spawn(Controlled(&control)));
    EXPECT_TRUE(join.Poll().pending());
    EXPECT_EQ(join.held(), 1);
    join.Drop();
    EXPECT_EQ(join.held(), 0);
  }
  control.ready = true;
  (void)scheduler.RunOne();
  EXPECT_EQ(control.alive, 0);
}

TEST(TaskTest, JoinerMayChange) {
  HandScheduler scheduler;
  Control control;
  JoinHandle<int> join = Spawn(Controlled(&control));
  CountingWaker first, second;
  internal::PollScope scope;
  {
    Context cx(first.waker(), scope);
    EXPECT_TRUE(join.PollOnce(cx).pending());
  }
  internal::PollScope other;
  Context cx(second.waker(), other);
  EXPECT_TRUE(join.PollOnce(cx).pending());
  EXPECT_EQ(first.held(), 0);
  control.ready = true;
  (void)scheduler.RunOne();
  EXPECT_EQ(first.wakes(), 0);
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_EQ(**join.PollOnce(cx), 7);
}

TEST(TaskTest, OutputFlattens) {
  static_assert(std::is_same_v<JoinOutput<Unit>, Status>);
  static_assert(std::is_same_v<JoinOutput<Status>, Status>);
  static_assert(std::is_same_v<JoinOutput<StatusOr<int>>, StatusOr<int>>);
  static_assert(std::is_same_v<JoinOutput<int>, StatusOr<int>>);
  HandScheduler scheduler;
  PolledTask join(Spawn(Ready(absl::CancelledError("the user's own"))));
  (void)scheduler.RunOne();
  Status status = *join.Poll();
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_FALSE(kioto::IsAborted(status));
}

TEST(TaskTest, UnhandledFailureIsReportedWithNameAndPlace) {
  HandScheduler scheduler;
  std::string seen;
  const internal::UnhandledHook hook = [&seen](const UnhandledFailure& failure) {
    seen = absl::StrCat(failure.name, " ", failure.status.message(), " ", failure.line > 0, " ",
                        std::string(failure.file).find("task_test") != std::string::npos);
  };
  scheduler.on_unhandled = &hook;
  Spawn(Ready(absl::InternalError("broke")), {"session"}).Detach();
  (void)scheduler.RunOne();
  EXPECT_EQ(seen, "session broke 1 1");
  seen.clear();
  PolledTask join(Spawn(Ready(absl::InternalError("broke"))));
  (void)scheduler.RunOne();
  EXPECT_EQ(seen, "");  // somebody joins
  EXPECT_FALSE((*join.Poll()).ok());
}

// A task may be faster than the end of the statement that spawned it: its failure is told all the same, and once.
TEST(TaskTest, AFailureIsReportedThoughTheHandleIsDroppedOnlyAfterTheEnd) {
  std::vector<std::string> seen;
  const internal::UnhandledHook hook = [&seen](const UnhandledFailure& failure) {
    seen.push_back(absl::StrCat(failure.name, " ", failure.status.message()));
  };
  JoinHandle<Status> left;
  {
    HandScheduler scheduler;
    scheduler.on_unhandled = &hook;
    auto detached = Spawn(Ready(absl::InternalError("broke")), {"detached"});
    auto dropped = Spawn(Ready(StatusOr<int>(absl::InternalError("broke"))), {"dropped"});
    auto well = Spawn(Ready(1), {"well"});
    auto taken = Spawn(Ready(absl::InternalError("broke")), {"taken"});
    left = Spawn(Ready(absl::InternalError("outlived")), {"left"});
    while (!scheduler.queue.empty()) (void)scheduler.RunOne();
    EXPECT_THAT(seen, testing::IsEmpty());
    std::move(detached).Detach();
    dropped.reset();
    well.reset();
    EXPECT_TRUE(taken.TryTake().has_value());
    taken.reset();
    EXPECT_THAT(seen, testing::ElementsAre("detached broke", "dropped broke"));
  }
  testing::internal::CaptureStderr();  // the scheduler is gone: the log
  left.reset();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("\"left\", which nobody joins, has failed: INTERNAL: outlived"));
  testing::internal::CaptureStderr();
  Spawn(Ready(1)).Detach();  // outside a runtime: not a word would be a riddle
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("Spawn was used outside a runtime"));
}

// A token that stopped a task, an abort and a shutdown were asked for; a user's own kCancelled was not.
TEST(TaskTest, WhatWasAskedForIsNoFailure) {
  HandScheduler scheduler;
  int seen = 0;
  const internal::UnhandledHook hook = [&seen](const UnhandledFailure&) { ++seen; };
  scheduler.on_unhandled = &hook;
  TaskTracker tracker;
  const auto end_with = [&](const Status& status) {
    Spawn(Ready(status)).Detach();
    Spawn(Ready(StatusOr<int>(status))).Detach();
    { auto dropped = Spawn(Ready(status)); }
    tracker.Spawn(Ready(status));
    while (!scheduler.queue.empty()) (void)scheduler.RunOne();
    return std::exchange(seen, 0);
  };
  EXPECT_EQ(end_with(StoppedError("stopped by its CancellationToken")), 0);
  EXPECT_EQ(end_with(AbortedError("the task was aborted")), 0);
  EXPECT_EQ(end_with(ShutdownError("Sleep")), 0);
  EXPECT_EQ(end_with(absl::CancelledError("the user's own")), 4);
  EXPECT_TRUE(tracker.empty());
}

#if KIOTO_EXCEPTIONS
TEST(TaskTest, ThrownExceptionBecomesTheOutput) {
  HandScheduler scheduler;
  auto owned = std::make_shared<int>(1);
  PolledTask join(Spawn(PollFn([owned](Context&) -> Poll<int> { throw std::runtime_error("boom"); })));
  EXPECT_EQ(scheduler.RunOne(), RunResult::kGone);
  EXPECT_EQ(owned.use_count(), 1);
  auto poll = join.Poll();
  ASSERT_TRUE(poll.ready());
  EXPECT_TRUE(IsThrown((*poll).status()));
  EXPECT_THROW(RethrowIfThrown((*poll).status()), std::runtime_error);
}
#endif

TEST(TaskTest, IdsAreUnique) {
  EXPECT_NE(internal::NextTaskId(), internal::NextTaskId());
}

TEST(SpawnLocalTest, NeedsABoundThread) {
  HandScheduler scheduler;
  JoinHandle<int> refused = SpawnLocal(Ready(1));
  EXPECT_TRUE(refused.finished());
  PolledTask join(std::move(refused));
  EXPECT_EQ((*join.Poll()).status().code(), absl::StatusCode::kFailedPrecondition);
  scheduler.local = true;
  PolledTask good(SpawnLocal(Ready(1)));
  (void)scheduler.RunOne();
  EXPECT_EQ(**good.Poll(), 1);
}

}  // namespace
}  // namespace kioto
