// BlockInPlace: a worker's thread blocks, and the worker goes on elsewhere; where it may not be called; what works inside it.
#include "kioto/runtime/scheduler/block_in_place.h"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/task/task_id.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/oneshot.h"
#include "kioto/sync/semaphore.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT

Runtime Pool(int workers) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  StatusOr<Runtime> runtime = builder.WorkerThreads(workers).MaxBlockingThreads(8).Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

Runtime CurrentThreadRuntime() { return *Runtime::CurrentThread(); }

bool IsRefused(const Status& status, const char* because = "current-thread") {
  return status.code() == absl::StatusCode::kFailedPrecondition && absl::StrContains(status.message(), "BlockInPlace:") &&
         absl::StrContains(status.message(), because);
}

// A task that blocks until somebody opens it, or for ten seconds: then it says false.
class Gate {
 public:
  auto Task(const Runtime& runtime) {
    return runtime.Spawn(Lazy([this] { return BlockInPlace([this] { return Wait(); }); }));
  }
  bool Wait() {
    ++waiting_;
    return opened_.wait_for(10s) == std::future_status::ready;
  }
  void AwaitWaiting(int count) const {
    while (waiting_ < count) std::this_thread::yield();
  }
  void Open() { open_.set_value(); }

 private:
  std::promise<void> open_;
  const std::shared_future<void> opened_ = open_.get_future();
  std::atomic<int> waiting_{0};
};

// --- The worker goes on ----------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_threaded.rs#blocking
TEST(BlockInPlaceTest, TasksRunWhileEveryWorkersThreadBlocks) {
  Runtime runtime = Pool(4);
  for (int round = 0; round < 10 && !HasFailure(); ++round) {
    Gate gate;
    std::vector<JoinHandle<StatusOr<bool>>> blocked;
    for (int i = 0; i < 4; ++i) blocked.push_back(gate.Task(runtime));
    gate.AwaitWaiting(4);
    std::vector<JoinHandle<Unit>> others;
    for (int i = 0; i < 1000; ++i) others.push_back(runtime.Spawn(YieldNow()));
    EXPECT_TRUE(runtime.BlockOn(TryJoinAll(std::move(others))).ok());
    gate.Open();
    for (auto& handle : blocked) EXPECT_TRUE(*runtime.BlockOn(std::move(handle)));
  }
}

// behaviour: tokio/tests/rt_threaded.rs#yield_after_block_in_place
TEST(BlockInPlaceTest, AYieldAfterItEnds) {
  Runtime runtime = Pool(1);
  EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(Lazy([] {
    EXPECT_TRUE(BlockInPlace([] { return CurrentThreadRuntime().BlockOn(Ready(1)); }).ok());
    return YieldNow();
  }))).ok());
}

// behaviour: tokio/tests/rt_threaded.rs#yield_now_in_block_in_place
TEST(BlockInPlaceTest, ATaskMayDriveAFutureOfItsRuntimeInside) {
  Runtime runtime = Pool(1);
  EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(Lazy([handle = runtime.handle()] {
    return BlockInPlace([&] { return handle.BlockOn(YieldNow()); });
  }))).ok());
}

// behaviour: tokio/tests/rt_handle_block_on.rs#yield_in_block_in_place
TEST(BlockInPlaceTest, TheFutureOfBlockOnMayDriveAnotherInside) {
  for (int workers : {1, 4}) {
    Runtime runtime = Pool(workers);
    EXPECT_TRUE(runtime.BlockOn([&] {
      return BlockInPlace([&] { return runtime.BlockOn(YieldNow()); });
    }).ok());
  }
}

// behaviour: tokio/tests/task_yield_now.rs#yield_now_external_executor_and_block_in_place
TEST(BlockInPlaceTest, AYieldWithoutARuntimeInside) {
  Runtime runtime = Pool(2);
  EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(Lazy([] {
    EXPECT_TRUE(BlockInPlace([] { (void)BlockOn(YieldNow()); }).ok());
  }))).ok());
}

// behaviour: tokio/tests/rt_threaded.rs#test_nested_block_in_place_with_block_on_between
TEST(BlockInPlaceTest, Nests) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  StatusOr<Runtime> runtime = builder.WorkerThreads(1).MaxBlockingThreads(1).Build();
  ASSERT_TRUE(runtime.ok());
  int innermost = 0;
  for (int round = 0; round < 100; ++round) {
    EXPECT_TRUE(runtime->BlockOn(runtime->Spawn(Lazy([&, handle = runtime->handle()] {
      return BlockInPlace([&] {
        return handle.BlockOn([&] { return BlockInPlace([&] { ++innermost; }); });
      });
    }))).ok());
  }
  EXPECT_EQ(innermost, 100);
}

// behaviour: tokio/tests/rt_threaded.rs#wake_deferred_tasks_before_block_in_place
TEST(BlockInPlaceTest, WhatThePollHasPutOffIsDoneBefore) {
  Runtime runtime = Pool(1);
  auto channel = sync::Mpsc<int>(1);
  ASSERT_TRUE(channel.sender.TrySend(1).ok());
  auto sends = runtime.Spawn(With(std::move(channel.sender), [](auto& sender) { return sender.Send(2); }));
  EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(Yields(2))).ok());  // it waits by now
  // It takes an item, which makes room for the one that waits, and blocks in the same poll until that has come.
  auto took = runtime.BlockOn(runtime.Spawn(With(std::move(channel.receiver), [](auto& receiver) {
    return receiver.Recv().Then([&receiver](std::optional<int>& first) {
      return BlockInPlace([&] {
        return *first + BlockOn(Timeout(10s, receiver.Recv().Map([](auto& item) { return item.value_or(0); }))).value_or(0);
      });
    });
  })));
  EXPECT_EQ(took.value_or(0), 3);
  EXPECT_TRUE(runtime.BlockOn(std::move(sends)).ok());
}

// --- No budget ---------------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_threaded.rs#mutex_in_block_in_place
TEST(BlockInPlaceTest, NoBudgetRunsOutInside) {
  Runtime runtime = Pool(1);
  auto times = runtime.BlockOn(runtime.Spawn(Lazy([handle = runtime.handle()] {
    sync::Semaphore one(1);
    return BlockInPlace([&] {
      int times = 0;
      for (; times < 129; ++times) EXPECT_TRUE(handle.BlockOn(one.Acquire()).ok());
      return times;
    });
  })));
  EXPECT_EQ(times.value_or(0), 129);
}

// Receives 200 items that are there already with BlockOn, which knows no runtime.
StatusOr<int> SumInPlace() {
  return BlockInPlace([] {
    auto channel = sync::MpscUnbounded<int>();
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(channel.sender.Send(1).ok());
    channel.sender.reset();
    int sum = 0;
    (void)BlockOn(ForEach(std::move(channel.receiver), [&sum](int item) { sum += item; }));
    return sum;
  });
}

// behaviour: tokio/tests/task_blocking.rs#coop_disabled_in_block_in_place
TEST(BlockInPlaceTest, ManyItemsThatAreReadyInATask) {
  Runtime runtime = Pool(1);
  EXPECT_EQ(runtime.BlockOn(runtime.Spawn(Lazy(SumInPlace))).value_or(0), 200);
}

// behaviour: tokio/tests/task_blocking.rs#coop_disabled_in_block_in_place_in_block_on
TEST(BlockInPlaceTest, ManyItemsThatAreReadyInTheFutureOfBlockOn) {
  Runtime runtime = Pool(1);
  EXPECT_EQ(runtime.BlockOn([] { return SumInPlace(); }).value_or(0), 200);
}

// --- Where it may be called --------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_threaded.rs#test_block_in_place2
// behaviour: tokio/tests/task_blocking.rs#yes_block_in_threaded_block_on
TEST(BlockInPlaceTest, TheFutureOfBlockOnMayBlock) {
  Runtime runtime = Pool(2);
  EXPECT_EQ(runtime.BlockOn([] { return BlockInPlace([] { return 7; }); }).value_or(0), 7);
}

// behaviour: tokio/tests/rt_threaded.rs#test_block_in_place4
TEST(BlockInPlaceTest, TheFutureOfMainMayBlock) {
  int called = 0;
  EXPECT_EQ(Main([&] { return BlockInPlace([&] { ++called; }); }), 0);
  EXPECT_EQ(called, 1);
}

Status BlockNow() {
  return BlockInPlace([] { ADD_FAILURE() << "it blocks a thread that others need"; });
}

// behaviour: tokio/tests/rt_threaded.rs#test_block_in_place3
// behaviour: tokio/tests/task_blocking.rs#no_block_in_current_thread_block_on
// behaviour: tokio/tests/task_panic.rs#block_in_place_panic_caller
TEST(BlockInPlaceTest, TheFutureOfACurrentThreadRuntimeMayNot) {
  const Status status = CurrentThreadRuntime().BlockOn([] { return BlockNow(); });
  EXPECT_TRUE(IsRefused(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "SpawnBlocking")) << status;
}

// behaviour: tokio/tests/task_blocking.rs#no_block_in_current_thread_scheduler
TEST(BlockInPlaceTest, ATaskOfACurrentThreadRuntimeMayNot) {
  EXPECT_TRUE(IsRefused(CurrentThreadRuntime().BlockOn([] { return Spawn(Lazy(BlockNow)); })));
  EXPECT_TRUE(IsRefused(CurrentThreadRuntime().BlockOn([] { return SpawnLocal(Lazy(BlockNow)); })));
}

// behaviour: tokio/tests/task_blocking.rs#can_enter_current_thread_rt_from_within_block_in_place
TEST(BlockInPlaceTest, ACurrentThreadRuntimeMayBeDrivenInside) {
  Runtime runtime = Pool(2);
  EXPECT_EQ(runtime.BlockOn(runtime.Spawn(Lazy([] {
    return BlockInPlace([] { return CurrentThreadRuntime().BlockOn([] { return Spawn(Ready(7)); }); });
  }))).value_or(0), 7);
}

// behaviour: tokio/tests/task_id.rs#task_id_block_in_place_block_on_spawn
TEST(BlockInPlaceTest, TheTaskIsTheSameAfterwards) {
  Runtime runtime = Pool(1);
  EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(Lazy([] {
    const TaskId outer = CurrentTaskId();
    auto inner = BlockInPlace([] { return CurrentThreadRuntime().BlockOn([] { return Spawn(Lazy(CurrentTaskId)); }); });
    EXPECT_TRUE(inner.ok());
    EXPECT_NE(inner.value_or(outer), outer);
    EXPECT_EQ(TryCurrentTaskId(), outer);
  }))).ok());
}

// behaviour: tokio/tests/task_blocking.rs#useful_panic_message_when_dropping_rt_in_rt
TEST(BlockInPlaceTest, ARuntimeThatGoesInsideATaskWaitsForNothing) {
  std::promise<void> open;
  std::atomic<bool> began{false}, waits{true};
  std::shared_future<void> opened = open.get_future();
  auto waited = std::make_shared<std::promise<void>>();
  std::future<void> job_ended = waited->get_future();
  EXPECT_TRUE(Pool(1).BlockOn([&] {
    Runtime inner = CurrentThreadRuntime();
    EnterGuard guard = inner.Enter();
    SpawnBlocking([&began, &waits, opened, waited] {
      began = true;
      waits = opened.wait_for(10s) == std::future_status::ready;
      waited->set_value();
    }).Detach();
    while (!began) std::this_thread::yield();
  }).ok());
  open.set_value();
  job_ended.wait();
  EXPECT_TRUE(waits);
}

// --- Local sets ----------------------------------------------------------------------------------------------------------------

Status InRunUntil(const Runtime& runtime) {
  LocalSet set;
  return set.BlockOn(runtime, [] { return BlockNow(); });
}

// behaviour: tokio/tests/task_local_set.rs#block_in_place_in_run_until_mt
TEST(BlockInPlaceTest, WhatDrivesALocalSetMayNotBlock) { EXPECT_TRUE(IsRefused(InRunUntil(Pool(2)), "LocalSet")); }

// behaviour: tokio/tests/task_local_set.rs#block_in_place_in_run_until_ct
TEST(BlockInPlaceTest, WhatDrivesALocalSetOnACurrentThreadRuntimeMayNotBlock) {
  EXPECT_TRUE(IsRefused(InRunUntil(CurrentThreadRuntime()), "LocalSet"));
}

Status InSpawnLocal(const Runtime& runtime) {
  LocalSet set;
  JoinHandle<Status> handle = set.SpawnLocal(Lazy(BlockNow));
  EXPECT_TRUE(runtime.BlockOn(set.Run()).ok());
  return runtime.BlockOn(std::move(handle));
}

// behaviour: tokio/tests/task_local_set.rs#block_in_place_in_spawn_local_mt
TEST(BlockInPlaceTest, ATaskOfALocalSetMayNotBlock) { EXPECT_TRUE(IsRefused(InSpawnLocal(Pool(2)), "LocalSet")); }

// behaviour: tokio/tests/task_local_set.rs#block_in_place_in_spawn_local_ct
TEST(BlockInPlaceTest, ATaskOfALocalSetOnACurrentThreadRuntimeMayNotBlock) {
  EXPECT_TRUE(IsRefused(InSpawnLocal(CurrentThreadRuntime()), "LocalSet"));
}

// Of a task that has not ended, in the destructor of its set, inside the runtime.
Status InTheEndOfALocalSet(const Runtime& runtime) {
  Status status;
  EXPECT_TRUE(runtime.BlockOn([&] {
    LocalSet set;
    set.SpawnLocal(HoldForEver(AtEnd([&status] { status = BlockNow(); }))).Detach();
  }).ok());
  return status;
}

// behaviour: tokio/tests/task_local_set.rs#block_in_place_in_spawn_local_drop_mt
TEST(BlockInPlaceTest, TheDestructorOfALocalTaskMayNotBlock) { EXPECT_TRUE(IsRefused(InTheEndOfALocalSet(Pool(2)), "LocalSet")); }

// behaviour: tokio/tests/task_local_set.rs#block_in_place_in_spawn_local_drop_ct
TEST(BlockInPlaceTest, TheDestructorOfALocalTaskOnACurrentThreadRuntimeMayNotBlock) {
  EXPECT_TRUE(IsRefused(InTheEndOfALocalSet(CurrentThreadRuntime()), "LocalSet"));
}

// --- The end -------------------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_threaded.rs#hang_on_shutdown
TEST(BlockInPlaceTest, TheEndOfTheOtherTasksReleasesOneThatBlocks) {
  std::atomic<bool> blocks{false};
  Status left = absl::UnknownError("it has not come so far");
  {
    Runtime runtime = Pool(2);
    auto channel = sync::Mpsc<int>(1);
    runtime.Spawn(With(std::move(channel.receiver), [&](auto& receiver) {
      left = BlockInPlace([&] {
        blocks = true;
        EXPECT_FALSE(receiver.BlockingRecv().has_value());
      });
      return Ready(1);
    })).Detach();
    runtime.Spawn(HoldForEver(std::move(channel.sender))).Detach();
    while (!blocks) std::this_thread::yield();
  }
  EXPECT_TRUE(left.ok()) << left;
}

// A task that blocks for a moment, and yields then or not; so many others; one worker.
void OneWorker(bool yields, int others, bool awaits) {
  for (int round = 0; round < 200; ++round) {
    auto owned = std::make_shared<int>(0);
    {
      Runtime runtime = Pool(1);
      std::vector<JoinHandle<Unit>> handles;
      handles.push_back(runtime.Spawn(Lazy([owned, yields] {
        EXPECT_TRUE(BlockInPlace([] { std::this_thread::yield(); }).ok());
        return Yields(yields ? 1 : 0);
      })));
      for (int i = 0; i < others; ++i) handles.push_back(runtime.Spawn(Yields(i % 2).Map([owned](Unit&) {})));
      if (awaits) {
        EXPECT_TRUE(runtime.BlockOn(TryJoinAll(std::move(handles))).ok());
      }
    }
    EXPECT_EQ(owned.use_count(), 1);
  }
}

// behaviour: tokio/src/runtime/tests/loom_multi_thread.rs#racy_shutdown
TEST(BlockInPlaceTest, TheRuntimeEndsAtAnyMoment) { OneWorker(/*yields=*/false, /*others=*/1, /*awaits=*/false); }

// behaviour: tokio/src/runtime/tests/loom_multi_thread.rs#only_blocking_without_pending
TEST(BlockInPlaceTest, OneTaskThatOnlyBlocks) { OneWorker(/*yields=*/false, /*others=*/0, /*awaits=*/true); }

// behaviour: tokio/src/runtime/tests/loom_multi_thread.rs#only_blocking_with_pending
TEST(BlockInPlaceTest, OneTaskThatBlocksAndYields) { OneWorker(/*yields=*/true, /*others=*/0, /*awaits=*/true); }

// behaviour: tokio/src/runtime/tests/loom_multi_thread.rs#blocking_and_regular
TEST(BlockInPlaceTest, OthersBesideOneThatBlocks) { OneWorker(/*yields=*/false, /*others=*/3, /*awaits=*/true); }

// behaviour: tokio/src/runtime/tests/loom_multi_thread.rs#blocking_and_regular_with_pending
TEST(BlockInPlaceTest, OthersBesideOneThatBlocksAndYields) { OneWorker(/*yields=*/true, /*others=*/3, /*awaits=*/true); }

}  // namespace
}  // namespace kioto
