// The end of a runtime on every flavour: destructors that wake, send and spawn; threads that go; jobs that do not.
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT
using sync::Oneshot;
using sync::OneshotReceiver;
using sync::OneshotSender;

class ShutdownTest : public FlavourTest {
 protected:
  // Waits for `receiver` for ever; its end sends to `sender`, and so wakes who waits there.
  template <class F>
  auto SendsAtItsEnd(OneshotSender<int> sender, F future) {
    return With(AtEnd([this, sender = std::make_shared<OneshotSender<int>>(std::move(sender))] {
                  sender->Send(1);
                  ++ended_;
                }),
                std::move(future), [this](auto&, F& future) {
                  return PollFn([this, &future, first = true](Context& cx) mutable -> Poll<Unit> {
                    EXPECT_TRUE(future.PollOnce(cx).pending());
                    polled_ += std::exchange(first, false);
                    return kPending;
                  });
                });
  }
  // Drives the runtime until so many of these futures wait.
  void AwaitPolled(int count) {
    while (polled_ < count) EXPECT_TRUE(runtime().BlockOn(YieldNow()).ok());
  }

  std::atomic<int> polled_{0}, ended_{0};
};
ON_EVERY_FLAVOUR(ShutdownTest);

// behaviour: tokio/tests/rt_common.rs#outstanding_tasks_dropped
TEST_P(ShutdownTest, TasksThatWaitEndWithTheRuntimeNotBefore) {
  auto owned = std::make_shared<int>(1);
  EXPECT_TRUE(runtime().BlockOn([&] { Spawn(HoldForEver(owned)).Detach(); }).ok());
  EXPECT_EQ(owned.use_count(), 2);
  EndRuntime();
  EXPECT_EQ(owned.use_count(), 1);
}

// behaviour: tokio/tests/rt_common.rs#wake_while_rt_is_dropping
TEST_P(ShutdownTest, TasksThatWakeEachOtherAtTheirEnd) {
  auto a = Oneshot<int>();
  auto b = Oneshot<int>();
  runtime().Spawn(SendsAtItsEnd(std::move(a.sender), std::move(b.receiver))).Detach();
  runtime().Spawn(SendsAtItsEnd(std::move(b.sender), std::move(a.receiver))).Detach();
  AwaitPolled(2);
  EndRuntime();
  EXPECT_EQ(ended_, 2);
}

// behaviour: tokio/tests/rt_threaded.rs#wake_during_shutdown
TEST_P(ShutdownTest, ATaskIsWokenByTheEndOfAnother) {
  auto channel = Oneshot<int>();
  auto never = Oneshot<int>();
  runtime().Spawn(SendsAtItsEnd(OneshotSender<int>(), std::move(channel.receiver))).Detach();
  runtime().Spawn(SendsAtItsEnd(std::move(channel.sender), std::move(never.receiver))).Detach();
  AwaitPolled(2);
  EXPECT_TRUE(runtime().Shutdown().clean());
  EXPECT_EQ(ended_, 2);
}

// behaviour: tokio/tests/rt_basic.rs#acquire_mutex_in_drop
TEST_P(ShutdownTest, AChainOfTasksEndsFromEitherSide) {
  auto first = Oneshot<int>();
  auto second = Oneshot<int>();
  auto third = Oneshot<int>();
  runtime().Spawn(SendsAtItsEnd(std::move(second.sender), std::move(first.receiver))).Detach();
  runtime().Spawn(SendsAtItsEnd(std::move(third.sender), std::move(second.receiver))).Detach();
  runtime().Spawn(SendsAtItsEnd(OneshotSender<int>(), std::move(third.receiver))).Detach();
  AwaitPolled(3);
  EndRuntime();
  EXPECT_EQ(ended_, 3);
}

// behaviour: tokio/tests/rt_handle.rs#drop_tasks_with_reference_cycle
TEST_P(ShutdownTest, TasksThatHoldEachOthersHandlesEnd) {
  auto owned = std::make_shared<int>(1);
  auto joins = [&](OneshotReceiver<JoinHandle<Unit>> other) {
    return With(owned, std::move(other), [this](auto&, OneshotReceiver<JoinHandle<Unit>>& other) {
      return ByRef(other).Then([this](StatusOr<JoinHandle<Unit>>& handle) {
        return PollFn([this, &handle, first = true](Context& cx) mutable -> Poll<Unit> {
          EXPECT_TRUE(handle->PollOnce(cx).pending());
          polled_ += std::exchange(first, false);
          return kPending;
        });
      });
    });
  };
  auto to_a = Oneshot<JoinHandle<Unit>>();
  auto to_b = Oneshot<JoinHandle<Unit>>();
  JoinHandle<Unit> a = runtime().Spawn(joins(std::move(to_a.receiver)));
  JoinHandle<Unit> b = runtime().Spawn(joins(std::move(to_b.receiver)));
  to_a.sender.Send(std::move(b));
  to_b.sender.Send(std::move(a));
  AwaitPolled(2);
  EndRuntime();
  EXPECT_EQ(owned.use_count(), 1);
}

// behaviour: tokio/tests/rt_handle_block_on.rs#spawn_after_runtime_dropped
// behaviour: tokio/src/runtime/tests/loom_multi_thread/shutdown.rs#join_handle_cancel_on_shutdown
TEST_P(ShutdownTest, HandlesOfBeforeAndAfterTheEndSaySo) {
  const Handle handle = runtime().handle();
  JoinHandle<Unit> before = handle.Spawn(Never<Unit>());
  EndRuntime();
  JoinHandle<Unit> after = handle.Spawn(Ready());
  EXPECT_TRUE(before.finished());
  EXPECT_TRUE(after.finished());
  EXPECT_TRUE(IsShutdown(BlockOn(std::move(before))));
  EXPECT_TRUE(IsShutdown(BlockOn(std::move(after))));
}

// behaviour: tokio/tests/rt_common.rs#shutdown_concurrent_spawn
TEST_P(ShutdownTest, TasksAreWokenWhileTheRuntimeEnds) {
  constexpr int kTasks = 10'000;
  for (int round = 0; round < 5; ++round) {
    Runtime runtime = Make();
    std::vector<OneshotSender<int>> senders;
    std::vector<JoinHandle<int>> handles;
    for (int i = 0; i < kTasks; ++i) {
      auto channel = Oneshot<int>();
      handles.push_back(runtime.Spawn(std::move(channel.receiver).Map([](StatusOr<int>& n) { return n.ok() ? *n : -1; })));
      senders.push_back(std::move(channel.sender));
    }
    TestThread thread([&] {
      for (OneshotSender<int>& sender : senders) sender.Send(1);
    });
    EXPECT_TRUE(runtime.Shutdown().clean());
    for (const auto& handle : handles) ASSERT_TRUE(handle.finished());
  }
}

// --- How long it waits ---------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_common.rs#shutdown_timeout
TEST_P(ShutdownTest, AJobThatDoesNotEndIsLeftWhenTheTimeIsOver) {
  auto gate = std::make_shared<std::promise<void>>();
  std::promise<void> inside, ended;
  EXPECT_TRUE(runtime().BlockOn([&] {
    SpawnBlocking([&, gate] {
      inside.set_value();
      gate->get_future().wait();
      ended.set_value();
    }).Detach();
  }).ok());
  inside.get_future().wait();
  EXPECT_EQ(runtime().Shutdown(20ms).running_blocking_jobs, 1u);
  EndRuntime();
  gate->set_value();
  ended.get_future().wait();
}

// behaviour: tokio/tests/rt_common.rs#shutdown_wakeup_time
TEST_P(ShutdownTest, ARuntimeThatWaitsForATimerEndsAtOnce) {
  EXPECT_TRUE(runtime().BlockOn(Sleep(2ms)).ok());
  runtime().Spawn(Sleep(10'000s)).Detach();
  EXPECT_TRUE(runtime().BlockOn(YieldNow()).ok());
  EXPECT_TRUE(runtime().Shutdown(10'000s).clean());
}

// behaviour: tokio/tests/rt_handle_block_on.rs#spawn_blocking_started_before_shutdown_continues
TEST_P(ShutdownTest, AJobThatHasBegunIsAwaited) {
  std::promise<void> inside, gate;
  JoinHandle<int> job;
  EXPECT_TRUE(runtime().BlockOn([&] {
    job = SpawnBlocking([&] {
      inside.set_value();
      gate.get_future().wait();
      return 42;
    });
  }).ok());
  inside.get_future().wait();
  TestThread opener([&, handle = runtime().handle()] {
    for (;;) {  // until the runtime refuses tasks, and so has begun to end
      auto refused = handle.Spawn(Never<int>());
      std::optional<StatusOr<int>> answer = refused.TryTake();
      if (answer && IsShutdown(answer->status())) break;
      refused.Abort();
    }
    gate.set_value();
  });
  EXPECT_TRUE(runtime().Shutdown(1000s).clean());
  EXPECT_EQ(*BlockOn(std::move(job)), 42);
}

// --- What outlives it ----------------------------------------------------------------------------------------------------

struct KeptByThread {
  ~KeptByThread() {
    if (by_value) std::move(waker).Wake();
    waker.Wake();
  }
  bool by_value = false;
  Waker waker;
};
thread_local KeptByThread kept_by_thread;
thread_local std::optional<Runtime> runtime_of_thread;

// behaviour: tokio/tests/rt_common.rs#wake_by_ref_from_thread_local
// behaviour: tokio/tests/rt_common.rs#wake_by_val_from_thread_local
TEST_P(ShutdownTest, AThreadThatGoesMayWakeWhatWasBlockedOn) {
  for (bool by_value : {false, true}) {
    TestThread([by_value] {
      kept_by_thread.by_value = by_value;  // made before anything of the runtime's, so destroyed after it
      Runtime runtime = Make();
      EXPECT_TRUE(runtime.BlockOn(PollFn([](Context& cx) -> Poll<Unit> {
        kept_by_thread.waker = cx.waker();
        return Unit{};
      })).ok());
    }).Join();
  }
}

// behaviour: tokio/tests/rt_common.rs#runtime_in_thread_local
TEST_P(ShutdownTest, ARuntimeMayEndWithItsThread) {
  auto owned = std::make_shared<int>(1);
  TestThread([&] {
    runtime_of_thread.emplace(Make());
    runtime_of_thread->Spawn(HoldForEver(owned)).Detach();
    Runtime other = Make();
    EXPECT_TRUE(other.BlockOn(YieldNow()).ok());
  }).Join();
  EXPECT_EQ(owned.use_count(), 1);
}

}  // namespace
}  // namespace kioto
