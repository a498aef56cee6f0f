#include "kioto/runtime/task/local_set.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/task/testing/collections.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/oneshot.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

bool OnThread(std::thread::id id) { return std::this_thread::get_id() == id; }

// behaviour: tokio/src/task/local.rs#local_current_thread_scheduler
TEST(LocalSetTest, RunUntilDrivesTheSet) {
  Runtime runtime = MakeCurrentThread();
  LocalSet set;
  EXPECT_EQ(runtime.BlockOn(set.RunUntil(Lazy([] { return SpawnLocal(Lazy([] {})); }))), OkStatus());
}

// behaviour: tokio/tests/task_local_set.rs#local_current_thread_scheduler
TEST(LocalSetTest, ATaskMayBeBoundToItsThread) {
  Runtime runtime = MakeCurrentThread();
  LocalSet set;
  EXPECT_EQ(*runtime.BlockOn(set.RunUntil(Lazy([] { return SpawnLocal(BoundTo(3)); }))), 3);
}

// behaviour: tokio/src/task/local.rs#wakes_to_local_queue
TEST(LocalSetTest, AWakeOnItsThreadStaysThere) {
  LocalSet set;
  Promise<int> promise;
  JoinHandle<int> handle = set.SpawnLocal(promise.Get());
  PolledTask run(set.Run());
  EXPECT_THAT(run.Poll(), IsPending());
  promise.Set(1);
  EXPECT_EQ(run.wakes(), 1);
  EXPECT_EQ(set.woken_by_others(), 0u);
  EXPECT_THAT(run.Poll(), IsReady());
  EXPECT_EQ(**handle.TryTake(), 1);
}

TEST(LocalSetTest, AWakeOnAnotherThreadArrives) {
  LocalSet set;
  auto waker = std::make_shared<Waker>();
  int polls = 0;
  set.SpawnLocal(PollFn([&, waker](Context& cx) -> Poll<Unit> {
       *waker = cx.waker();
       if (++polls < 2) return kPending;
       return Unit{};
     })).Detach();
  PolledTask run(set.Run());
  EXPECT_THAT(run.Poll(), IsPending());
  std::thread([&] { waker->Wake(); }).join();
  EXPECT_EQ(run.wakes(), 1);
  EXPECT_EQ(set.woken_by_others(), 1u);
  EXPECT_THAT(run.Poll(), IsReady());
  *waker = Waker();
}

// behaviour: tokio/tests/task_local_set.rs#localset_future_threadpool
TEST(LocalSetTest, OnAPoolItStaysWithTheCaller) {
  Runtime runtime = MakeMultiThread();
  LocalSet set;
  const std::thread::id here = std::this_thread::get_id();
  bool ran = false;
  set.SpawnLocal(YieldNow().Then([&] { ran = OnThread(here); })).Detach();
  EXPECT_EQ(runtime.BlockOn(set.Run()), OkStatus());
  EXPECT_TRUE(ran);
}

// behaviour: tokio/tests/task_local_set.rs#localset_future_timers
TEST(LocalSetTest, RunWaitsForTimers) {
  Runtime runtime = MakeMultiThread();
  LocalSet set;
  int ran = 0;
  set.SpawnLocal(Sleep(5ms).Then([&] { ++ran; })).Detach();
  set.SpawnLocal(Sleep(10ms).Then([&] { ++ran; })).Detach();
  EXPECT_EQ(runtime.BlockOn(set.Run()), OkStatus());
  EXPECT_EQ(ran, 2);
}

// behaviour: tokio/tests/task_local_set.rs#localset_future_drives_all_local_futs
TEST(LocalSetTest, RunWaitsForTasksOfTasks) {
  Runtime runtime = MakeMultiThread();
  LocalSet set;
  int ran = 0;
  set.SpawnLocal(Lazy([&] {
       ++ran;
       SpawnLocal(YieldNow().Then([&] { ++ran; })).Detach();
     })).Detach();
  set.SpawnLocal(Lazy([&] { ++ran; })).Detach();
  EXPECT_EQ(runtime.BlockOn(set.Run()), OkStatus());
  EXPECT_EQ(ran, 3);
  EXPECT_TRUE(set.empty());
}

// behaviour: tokio/tests/task_local_set.rs#local_threadpool_timer
TEST(LocalSetTest, ATaskStaysOnItsThreadAcrossASleep) {
  Runtime runtime = MakeMultiThread();
  LocalSet set;
  const std::thread::id here = std::this_thread::get_id();
  EXPECT_TRUE(*set.BlockOn(runtime, [&] {
    return SpawnLocal(Sleep(10ms).Then([here] { return OnThread(here); }));
  }));
}

// behaviour: tokio/tests/task_local_set.rs#enter_guard_spawn
TEST(LocalSetTest, EnteredItTakesTasksBeforeThereIsARuntime) {
  LocalSet set;
  JoinHandle<int> handle;
  {
    auto entered = set.Enter();
    handle = SpawnLocal(BoundTo(7));
  }
  Runtime runtime = MakeCurrentThread();
  EXPECT_EQ(*set.BlockOn(runtime, std::move(handle)), 7);
}

// behaviour: tokio/tests/task_local_set.rs#local_threadpool_blocking_run
TEST(LocalSetTest, BlockingJobsRunElsewhere) {
  Runtime runtime = MakeMultiThread();
  LocalSet set;
  const std::thread::id here = std::this_thread::get_id();
  EXPECT_TRUE(*set.BlockOn(runtime, [&] {
    return SpawnLocal(Lazy([here] {
      return SpawnBlocking([here] { return !OnThread(here); }).Then([here](StatusOr<bool>& elsewhere) {
        return *elsewhere && OnThread(here);
      });
    }));
  }));
}

// behaviour: tokio/tests/task_local_set.rs#all_spawns_are_local
TEST(LocalSetTest, AllItsTasksRunOnItsThread) {
  Runtime runtime = MakeMultiThread();
  LocalSet set;
  const std::thread::id here = std::this_thread::get_id();
  int ran = 0;
  EXPECT_EQ(set.BlockOn(runtime, [&] {
    std::vector<JoinHandle<Unit>> handles;
    for (int i = 0; i < 128; ++i) {
      handles.push_back(SpawnLocal(YieldNow().Then([&] { ran += OnThread(here); })));
    }
    return TryJoinAll(std::move(handles));
  }),
            OkStatus());
  EXPECT_EQ(ran, 128);
}

LocalFuture<int> Nested(int levels, std::thread::id here) {
  if (!OnThread(here)) return -1000;
  if (levels == 0) return 0;
  return SpawnLocal(Nested(levels - 1, here)).Then([](StatusOr<int>& n) { return *n + 1; });
}

// behaviour: tokio/tests/task_local_set.rs#nested_spawn_is_local
TEST(LocalSetTest, TasksOfTasksRunOnItsThread) {
  Runtime runtime = MakeMultiThread();
  LocalSet set;
  EXPECT_EQ(*set.BlockOn(runtime, [] { return SpawnLocal(Nested(4, std::this_thread::get_id())); }), 4);
}

// behaviour: tokio/tests/task_local_set.rs#join_local_future_elsewhere
TEST(LocalSetTest, ATaskIsJoinedElsewhere) {
  Runtime runtime = MakeMultiThread();
  LocalSet set;
  const std::thread::id here = std::this_thread::get_id();
  EXPECT_TRUE(*set.BlockOn(runtime, [&] {
    JoinHandle<bool> local = SpawnLocal(YieldNow().Then([here] { return OnThread(here); }));
    return Spawn(std::move(local).Then([here](StatusOr<bool>& was_here) { return *was_here && !OnThread(here); }));
  }));
}

// behaviour: tokio/tests/task_local_set.rs#localset_in_thread_local
TEST(LocalSetTest, MayLiveInAThreadLocal) {
  auto guard = std::make_shared<int>();
  std::thread([guard] {
    static thread_local LocalSet set;
    set.SpawnLocal(HoldForEver(guard)).Detach();
    Runtime runtime = MakeCurrentThread();
    EXPECT_EQ(set.BlockOn(runtime, YieldNow()), OkStatus());
  }).join();
  EXPECT_EQ(guard.use_count(), 1);
}

// behaviour: tokio/tests/task_local_set.rs#drop_cancels_tasks
TEST(LocalSetTest, DroppingItDestroysItsTasks) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  JoinHandle<Unit> handle;
  {
    LocalSet set;
    handle = set.SpawnLocal(HoldForEver(guard));
    set.SpawnLocal(HoldForEver(guard)).Detach();
    EXPECT_EQ(set.BlockOn(runtime, YieldNow()), OkStatus());
    set.SpawnLocal(HoldForEver(guard)).Detach();  // never polled
    EXPECT_EQ(guard.use_count(), 4);
  }
  EXPECT_EQ(guard.use_count(), 1);
  EXPECT_TRUE(kioto::IsAborted(runtime.BlockOn(std::move(handle))));
}

// behaviour: tokio/tests/task_local_set.rs#drop_cancels_remote_tasks
TEST(LocalSetTest, DroppingItTakesTasksThatOthersHaveWoken) {
  auto guard = std::make_shared<int>();
  Waker waker;
  {
    LocalSet set;
    set.SpawnLocal(PollFn([&waker, guard](Context& cx) -> Poll<Unit> {
         waker = cx.waker();
         return kPending;
       })).Detach();
    PolledTask run(set.Run());
    EXPECT_THAT(run.Poll(), IsPending());
    std::thread([&] { waker.Wake(); }).join();
    EXPECT_EQ(set.woken_by_others(), 1u);
  }
  EXPECT_EQ(guard.use_count(), 1);
  waker.Wake();  // of a task that is gone
}

// behaviour: tokio/src/runtime/tests/loom_local.rs#wake_during_shutdown
TEST(LocalSetTest, AWakeMayMeetItsEnd) {
  for (int round = 0; round < 500; ++round) {
    Waker waker;
    std::atomic<int> go{0};
    std::thread thread;
    {
      LocalSet set;
      set.SpawnLocal(PollFn([&](Context& cx) -> Poll<Unit> {
           waker = cx.waker();
           return kPending;
         })).Detach();
      PolledTask run(set.Run());
      EXPECT_THAT(run.Poll(), IsPending());
      thread = std::thread([&go, waker = std::move(waker)] {
        go = 1;
        waker.Wake();
      });
      while (go == 0) {
      }
    }
    thread.join();
  }
}

// behaviour: tokio/tests/task_local_set.rs#local_tasks_wake_join_all
TEST(LocalSetTest, TasksThatSpawnTasksAreJoined) {
  Runtime runtime = MakeCurrentThread();
  LocalSet set;
  int ran = 0;
  EXPECT_EQ(runtime.BlockOn(set.RunUntil(Lazy([&] {
    std::vector<JoinHandle<Unit>> handles;
    for (int i = 0; i < 128; ++i) {
      handles.push_back(SpawnLocal(Lazy([&] { return SpawnLocal(Lazy([&] { ++ran; })).Then([](Status&) {}); })));
    }
    return TryJoinAll(std::move(handles));
  }))),
            OkStatus());
  EXPECT_EQ(ran, 128);
}

// behaviour: tokio/tests/task_local_set.rs#local_tasks_are_polled_after_tick
TEST(LocalSetTest, WhatOthersWakeIsRun) {
  Runtime runtime = MakeMultiThread();
  LocalSet set;
  EXPECT_EQ(set.BlockOn(runtime, [&] {
    std::vector<sync::OneshotSender<int>> senders;
    std::vector<JoinHandle<StatusOr<int>>> receivers;
    for (int i = 0; i < 500; ++i) {
      auto channel = sync::Oneshot<int>();
      senders.push_back(std::move(channel.sender));
      receivers.push_back(SpawnLocal(std::move(channel.receiver)));
    }
    Spawn(YieldNow().Then([senders = std::move(senders)]() mutable {
      for (auto& sender : senders) sender.Send(1);
    })).Detach();
    return TryJoinAll(std::move(receivers)).AndThen([](std::vector<int>& all) {
      return all.size() == 500 ? OkStatus() : absl::InternalError("some are missing");
    });
  }),
            OkStatus());
}

// behaviour: tokio/tests/task_local_set.rs#spawn_wakes_localset
TEST(LocalSetTest, SpawningWakesWhoDrives) {
  LocalSet set;
  PolledTask run(set.RunUntil(Never<Unit>()));
  EXPECT_THAT(run.Poll(), IsPending());
  JoinHandle<int> handle = set.SpawnLocal(Ready(1));
  EXPECT_EQ(run.wakes(), 1);
  EXPECT_THAT(run.Poll(), IsPending());
  EXPECT_TRUE(handle.finished());
}

// behaviour: tokio/tests/task_local_set.rs#sleep_with_local_enter_guard
TEST(LocalSetTest, TasksSleepWhileItIsEntered) {
  LocalSet set;
  auto entered = set.Enter();
  Runtime runtime = MakeCurrentThread();
  EXPECT_EQ(*runtime.BlockOn(set.RunUntil(Lazy([] {
    auto channel = sync::Oneshot<int>();
    SpawnLocal(With(std::move(channel.sender), [](sync::OneshotSender<int>& sender) {
      return Sleep(0s).Then([&sender] { sender.Send(7); });
    })).Detach();
    return std::move(channel.receiver);
  }))),
            7);
}

// behaviour: tokio/tests/task_local_set.rs#run_until_does_not_get_own_budget
TEST(LocalSetTest, RunUntilSharesItsTasksBudget) {
  LocalSet set;
  const auto spend = [](int units) {
    return PollFn([units](Context& cx) -> Poll<int> {
      int spent = 0;
      while (spent < units && cx.ConsumeBudget()) ++spent;
      return spent;
    });
  };
  PolledTask task(spend(100).Then([&](int&) { return set.RunUntil(spend(1000)); }));
  auto polled = task.PollWhileWoken();
  ASSERT_TRUE(polled.ready());
  EXPECT_EQ(*polled, limits::kPollBudget - 100);
}

// behaviour: tokio/tests/task_abort.rs#remote_abort_local_set_3929
TEST(LocalSetTest, ATaskThatAnotherThreadAbortsEndsOnItsOwn) {
  Runtime runtime = MakeCurrentThread();
  LocalSet set;
  struct DiesOn {
    DiesOn(std::thread::id* where) : where(where) {}
    DiesOn(DiesOn&& other) noexcept : where(std::exchange(other.where, nullptr)) {}
    ~DiesOn() {
      if (where != nullptr) *where = std::this_thread::get_id();
    }
    std::thread::id* where;
  };
  std::thread::id where;
  JoinHandle<Unit> handle = set.SpawnLocal(PollFn([x = DiesOn(&where)](Context&) -> Poll<Unit> { return kPending; }));
  EXPECT_EQ(set.BlockOn(runtime, YieldNow()), OkStatus());
  std::thread aborter([abort = handle.abort_handle()] { abort.Abort(); });
  EXPECT_EQ(runtime.BlockOn(set.Run()), OkStatus());
  aborter.join();
  EXPECT_EQ(where, std::this_thread::get_id());
  EXPECT_TRUE(kioto::IsAborted(runtime.BlockOn(std::move(handle))));
}

// behaviour: tokio/tests/rt_local.rs#test_spawn_local_panic
TEST(LocalSetTest, AnotherThreadMaySpawnNothing) {
  LocalSet set;
  std::thread([&] {
    JoinHandle<int> outside = SpawnLocal(Ready(1));
    EXPECT_TRUE(absl::IsFailedPrecondition(outside.TryTake()->status()));
    JoinHandle<int> direct = set.SpawnLocal(Ready(1));
    EXPECT_TRUE(absl::IsFailedPrecondition(direct.TryTake()->status()));
  }).join();
  EXPECT_TRUE(set.empty());
}

// behaviour: tokio/tests/task_panic.rs#local_set_block_on_panic_caller
TEST(LocalSetTest, BlockOnInsideBlockOnIsRefused) {
  Runtime runtime = MakeCurrentThread();
  LocalSet set;
  Status inner;
  EXPECT_EQ(runtime.BlockOn([&] { inner = set.BlockOn(runtime, YieldNow()); }), OkStatus());
  EXPECT_TRUE(absl::IsFailedPrecondition(inner));
}

// behaviour: tokio/tests/task_panic.rs#local_set_spawn_local_panic_caller
TEST(LocalSetTest, OutsideALocalSetNothingIsBound) {
  JoinHandle<int> handle = SpawnLocal(Ready(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(handle.TryTake()->status()));
}

TEST(LocalSetTest, LeftoversWaitForTheNextRun) {
  Runtime runtime = MakeCurrentThread();
  LocalSet set;
  int ran = 0;
  set.SpawnLocal(Loop([&] { return YieldNow().Then([&] { return ++ran == 200 ? Flow<>(Break()) : Flow<>(Continue()); }); })).Detach();
  EXPECT_EQ(set.BlockOn(runtime, YieldNow()), OkStatus());
  EXPECT_LT(ran, 200);
  EXPECT_EQ(set.size(), 1u);
  EXPECT_EQ(runtime.BlockOn(set.Run()), OkStatus());
  EXPECT_EQ(ran, 200);
}

TEST(LocalSetTest, YieldingTasksLetTheRuntimeHaveItsTurn) {
  LocalSet set;
  int polls = 0;
  for (int i = 0; i < 2; ++i) {
    set.SpawnLocal(PollFn([&](Context& cx) -> Poll<Unit> {
         ++polls;
         cx.Yield();
         return kPending;
       })).Detach();
  }
  PolledTask run(set.Run());
  EXPECT_THAT(run.Poll(), IsPending());
  EXPECT_EQ(polls, 2);
  EXPECT_TRUE(run.yielded());
}

TEST(LocalSetTest, MayBeDrivenByATaskOfItsOwn) {
  Runtime runtime = MakeCurrentThread();
  LocalSet set;
  StatusOr<int> n = set.BlockOn(runtime, [&] {
    return SpawnLocal(set.RunUntil(Lazy([] { return SpawnLocal(Sleep(1ms).Then([] { return 5; })).Then([](StatusOr<int>& n) { return *n; }); })));
  });
  EXPECT_EQ(*n, 5);
}

TEST(LocalSetTest, ItsRuntimeHearsOfFailures) {
  std::string heard;
  StatusOr<Runtime> runtime =
      RuntimeBuilder::CurrentThread().OnUnhandled([&heard](const UnhandledFailure& failure) { heard = failure.name; }).Build();
  LocalSet set;
  set.SpawnLocal(Ready(absl::InternalError("broke")), {"session"}).Detach();
  EXPECT_EQ(runtime->BlockOn(set.Run()), OkStatus());
  EXPECT_EQ(heard, "session");
}

TEST(LocalSetTest, HasAnIdThatNobodyElseHas) {
  Runtime runtime = MakeCurrentThread();
  LocalSet one, two;
  EXPECT_NE(one.id(), 0u);
  EXPECT_NE(one.id(), two.id());
  EXPECT_NE(one.id(), runtime.handle().id());
  EXPECT_NE(two.id(), runtime.handle().id());
}

TEST(LocalSetTest, TwoSetsOnOneThread) {
  Runtime runtime = MakeCurrentThread();
  LocalSet outer;
  LocalSet inner;
  EXPECT_EQ(outer.BlockOn(runtime, [&] {
    SpawnLocal(YieldNow()).Detach();
    return inner.RunUntil(Lazy([&] { SpawnLocal(YieldNow()).Detach(); })).Then([&] {
      EXPECT_EQ(inner.size(), 1u);
      EXPECT_EQ(outer.size(), 1u);
    });
  }),
            OkStatus());
}

#if KIOTO_EXCEPTIONS
TEST(LocalSetTest, AThrowLeavesItUsable) {
  Runtime runtime = MakeCurrentThread();
  LocalSet set;
  EXPECT_TRUE(IsThrown(set.BlockOn(runtime, [&]() { throw std::runtime_error("boom"); })));
  EXPECT_TRUE(IsThrown(set.BlockOn(runtime, [] { return SpawnLocal(Lazy([] { throw std::runtime_error("boom"); })); })));
  EXPECT_EQ(*set.BlockOn(runtime, [] { return SpawnLocal(Ready(1)); }), 1);
}
#endif

TEST(LocalSetDeathTest, ItsThreadIsChecked) {
  EXPECT_DEATH(
      {
        LocalSet set;
        std::thread([&] { (void)PolledTask(set.Run()).Poll(); }).join();
      },
      "a LocalSet was driven or destroyed on a thread that did not make it");
}

}  // namespace
}  // namespace kioto
