// What a pool of workers does under load, and what one thread does not.
#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/task/join_set.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT
using sync::Oneshot;
using sync::OneshotSender;

Runtime Built(RuntimeBuilder& builder) {
  StatusOr<Runtime> runtime = builder.Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

Runtime Pool(int workers) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  return Built(builder.WorkerThreads(workers));
}

// --- Yielding ------------------------------------------------------------------------------------------------------------

class YieldTest : public FlavourTest {};
ON_EVERY_FLAVOUR(YieldTest);

// behaviour: tests-integration/tests/rt_yield.rs#manual_rt
// behaviour: tests-integration/tests/rt_yield.rs#test_macro
// behaviour: tests-integration/tests/rt_yield.rs#main_macro
TEST_P(YieldTest, ATaskThatYieldsTenTimesComesToItsEnd) {
  StatusOr<int> n = runtime().BlockOn([] {
    auto channel = Oneshot<int>();
    Spawn(Yields(10).Then([to = std::move(channel.sender)](Unit) mutable { to.Send(7); })).Detach();
    return std::move(channel.receiver);
  });
  ASSERT_TRUE(n.ok()) << n.status();
  EXPECT_EQ(*n, 7);
}

class MainTest : public FlavourTest {};
ON_EVERY_FLAVOUR(MainTest);

// What `main` gives for each thing that a program may end with, and whether what it ran has run: a function, or a future.
template <class RunMain>
void ExpectRunsWhatSpawns(RunMain main) {
  int n = 0;
  EXPECT_EQ(main([&] { return Spawn(Ready(1)).AndThen([&](int& one) { n = one; }); }), 0);
  EXPECT_EQ(n, 1);
  EXPECT_EQ(main(Lazy([&] { return Spawn(Ready(2)).Then([&](StatusOr<int>& two) { n = *two; }); })), 0);
  EXPECT_EQ(n, 2);
  EXPECT_EQ(main([] { return Spawn(Ready(3)); }), 0);
  EXPECT_EQ(main([] { return Spawn(Ready(absl::NotFoundError("no"))); }), 1);
  EXPECT_EQ(main([] { return Spawn(Ready(StatusOr<int>(absl::NotFoundError("no")))); }), 1);
}

// behaviour: tests-integration/tests/macros_main.rs#main_with_spawn
// behaviour: tests-integration/tests/macros_main.rs#shell
TEST_P(MainTest, RunsWhatSpawns) {
  ExpectRunsWhatSpawns([](auto&& f) { return Main(std::forward<decltype(f)>(f), Builder()); });
}

// behaviour: tests-integration/tests/macros_main.rs#main_with_spawn
// behaviour: tests-integration/tests/macros_main.rs#shell
TEST(DefaultMainTest, RunsWhatSpawns) {
  ExpectRunsWhatSpawns([](auto&& f) { return Main(std::forward<decltype(f)>(f)); });
}

// behaviour: tests-integration/tests/macros_main.rs#shell
TEST(LocalMainTest, RunsWhatMustStayOnItsThread) {
  const std::thread::id here = std::this_thread::get_id();
  std::thread::id there;
  EXPECT_EQ(Main([&] { return SpawnLocal(Lazy([&] { there = std::this_thread::get_id(); })); }, RuntimeBuilder::CurrentThread()), 0);
  EXPECT_EQ(there, here);
}

// --- One thread ----------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_basic.rs#spawned_task_does_not_progress_without_block_on
TEST(OneThreadTest, RunsNothingOutsideBlockOn) {
  RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
  Runtime runtime = Built(builder);
  auto channel = Oneshot<std::string>();
  runtime.Spawn(Lazy([to = std::move(channel.sender)]() mutable { to.Send("hello"); })).Detach();
  EXPECT_TRUE(IsEmpty(channel.receiver.TryRecv().status()));
  EXPECT_EQ(*runtime.BlockOn(std::move(channel.receiver)), "hello");
}

// behaviour: tokio/tests/rt_basic.rs#no_extra_poll
TEST(OneThreadTest, ATaskIsPolledOnceForEachWake) {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok());
  auto [sender, receiver] = sync::MpscUnbounded<int>();
  int polls = 0;
  auto task = runtime->Spawn(With(std::move(receiver), [&polls](auto& in) {
    return Loop([&polls, &in] {
      return With(in.Recv(), [&polls](auto& recv) {
        return PollFn([&polls, &recv](Context& cx) {
          ++polls;
          return recv.PollOnce(cx);
        }).Map([](std::optional<int>& n) { return n ? Flow<>(Continue()) : Flow<>(Break()); });
      });
    });
  }));
  auto drive = [&] {  // for more turns than the task has wakes
    for (int turn = 0; turn < 4; ++turn) EXPECT_TRUE(runtime->BlockOn(YieldNow()).ok());
  };
  drive();
  EXPECT_EQ(polls, 1);
  EXPECT_TRUE(sender.Send(1).ok());
  drive();
  EXPECT_EQ(polls, 3);  // the item, and that there is none
  sender.reset();
  drive();
  EXPECT_EQ(polls, 4);
  EXPECT_TRUE(task.finished());
}

// Two numbers of this runtime's chance.
std::pair<uint32_t, uint32_t> Draw(const Runtime& runtime) {
  return *runtime.BlockOn(PollFn([](Context& cx) -> Poll<std::pair<uint32_t, uint32_t>> {
    const uint32_t first = cx.Random(1 << 30);
    return std::make_pair(first, cx.Random(1 << 30));
  }));
}

// behaviour: tokio/tests/rt_basic.rs#rng_seed
// behaviour: tokio/tests/rt_basic.rs#rng_seed_multi_enter
TEST(OneThreadTest, TheSameSeedDrawsTheSameNumbers) {
  auto seeded = [](uint64_t seed) {
    RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
    return Built(builder.Seed(seed));
  };
  Runtime a = seeded(5), b = seeded(5), c = seeded(6);
  const auto first = Draw(a);
  EXPECT_EQ(first, Draw(b));
  EXPECT_NE(first, Draw(c));
  const auto second = Draw(a);
  EXPECT_NE(first, second);
  EXPECT_EQ(second, Draw(b));
}

// behaviour: tokio/tests/rt_basic.rs#timeout_panics_when_no_time_handle
TEST(OneThreadTest, ATimeoutWithoutTimeSaysSo) {
  RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
  Runtime runtime = Built(builder.WithoutTime());
  const Status status = runtime.BlockOn([] { return Timeout(5ms, Never()); });
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), testing::HasSubstr("WithoutTime()"));
}

#if KIOTO_EXCEPTIONS
// behaviour: tokio/tests/macros_test.rs#unhandled_panic_ignore
TEST(OneThreadTest, AThrowOfATaskIsItsJoinersOnly) {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok());
  Status joined;
  StatusOr<int> n = runtime->BlockOn([&] {
    return Spawn(PollFn([](Context&) -> Poll<Unit> { throw 7; })).Then([&](Status& status) {
      joined = status;
      return 3;
    });
  });
  EXPECT_TRUE(IsThrown(joined)) << joined;
  EXPECT_EQ(*n, 3);
}
#endif

// behaviour: tokio/tests/rt_panic.rs#current_handle_panic_caller
TEST(OneThreadTest, OutsideThereIsNoCurrentHandle) {
  EXPECT_EQ(Handle::Current().status(), OutsideRuntimeError("Handle::Current"));
}

// --- Pools ---------------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_threaded.rs#single_thread
TEST(PoolTest, OneWorkerIsEnough) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  Runtime runtime = Built(builder.WorkerThreads(1));
  EXPECT_EQ(*runtime.BlockOn([] { return Spawn(Ready(1)); }), 1);
}

// behaviour: tokio/tests/rt_threaded.rs#max_blocking_threads
TEST(PoolTest, OneBlockingThreadIsEnough) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  Runtime runtime = Built(builder.MaxBlockingThreads(1));
  EXPECT_EQ(*runtime.BlockOn([] { return SpawnBlocking([] { return 1; }); }), 1);
}

// behaviour: tokio/tests/rt_panic.rs#builder_event_interval_interval_panic_caller
// behaviour: tokio/tests/rt_panic.rs#builder_global_queue_interval_panic_caller
// behaviour: tokio/tests/rt_panic.rs#builder_worker_threads_panic_caller
TEST(PoolTest, KnobsOfNothingAreNamed) {
  auto refusal = [](RuntimeBuilder& builder) { return std::string(builder.Build().status().message()); };
  RuntimeBuilder interval = RuntimeBuilder::MultiThread();
  EXPECT_THAT(refusal(interval.EventInterval(0)), testing::HasSubstr("EventInterval must be at least 1"));
  RuntimeBuilder global = RuntimeBuilder::MultiThread();
  EXPECT_THAT(refusal(global.GlobalQueueInterval(0)), testing::HasSubstr("GlobalQueueInterval must be at least 1"));
  RuntimeBuilder workers = RuntimeBuilder::MultiThread();
  EXPECT_THAT(refusal(workers.WorkerThreads(0)), testing::HasSubstr("WorkerThreads must be from 1"));
}

// behaviour: tokio/tests/rt_panic.rs#builder_max_blocking_threads_panic_caller
// behaviour: tokio/tests/rt_threaded.rs#max_blocking_threads_set_to_zero
TEST(PoolTest, NoBlockingThreadIsTooFew) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  const Status status = builder.MaxBlockingThreads(0).Build().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
}

// behaviour: tokio/tests/rt_threaded.rs#many_oneshot_futures
TEST(PoolTest, ManyTasksAllRun) {
  constexpr int kTasks = 1000;
  for (int round = 0; round < 5; ++round) {
    Runtime runtime = Pool(4);
    std::promise<void> all;
    std::atomic<int> ran{0};
    for (int i = 0; i < kTasks; ++i) {
      runtime.Spawn(Lazy([&] {
        if (++ran == kTasks) all.set_value();
      })).Detach();
    }
    all.get_future().wait();
  }
}

// behaviour: tokio/tests/rt_threaded.rs#many_multishot_futures
TEST(PoolTest, MessagesGoRoundAChainOfTasks) {
  constexpr int kChain = 200, kCycles = 5, kTracks = 50;
  auto forwards = [](sync::MpscReceiver<int> from, sync::MpscSender<int> to) {
    return With(std::move(from), std::move(to), [](auto& from, auto& to) {
      return ForEach(ByRef(from), [&to](int& n) { return to.Send(n); });
    });
  };
  Runtime runtime = Pool(4);
  auto runs = [&] {
    auto head = sync::Mpsc<int>(10);
    auto last = std::move(head.receiver);
    for (int i = 0; i < kChain; ++i) {
      auto next = sync::Mpsc<int>(10);
      runtime.Spawn(forwards(std::move(last), std::move(next.sender))).Detach();
      last = std::move(next.receiver);
    }
    return With(std::move(head.sender), std::move(last), kCycles, [](auto& head, auto& last, int& left) {
      EXPECT_TRUE(head.TrySend(1).ok());
      return Loop([&] {
        return last.Recv().Then([&](std::optional<int>& n) -> Flow<int> {
          if (!n || --left == 0) return Break(left);
          (void)head.TrySend(*n);
          return Continue();
        });
      });
    });
  };
  std::vector<decltype(runtime.Spawn(runs()))> tracks;
  for (int i = 0; i < kTracks; ++i) tracks.push_back(runtime.Spawn(runs()));
  for (auto& track : tracks) EXPECT_EQ(*runtime.BlockOn(std::move(track)), 0);
}

// behaviour: tokio/tests/rt_threaded.rs#global_queue_interval_set_to_one
TEST(PoolTest, LookingRoundAfterEachPollIsNoHarm) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  Runtime runtime = Built(builder.WorkerThreads(2).GlobalQueueInterval(1));
  std::atomic<int> ran{0};
  EXPECT_TRUE(runtime.BlockOn([&] {
    return With(JoinSet<Unit>(), [&](JoinSet<Unit>& set) {
      for (int i = 0; i < 10; ++i) set.Spawn(Yields(3).Then([&](Unit) { ++ran; }));
      return Loop([&] { return set.JoinNext().Then([](auto& next) { return next ? Flow<>(Continue()) : Flow<>(Break()); }); });
    });
  }).ok());
  EXPECT_EQ(ran, 10);
}

// Waits for its turn, and gives the other one the next, from one LIFO slot into the same.
auto TakeTurns(sync::Notify& mine, sync::Notify& theirs, std::atomic<int>& turns, const std::atomic<bool>& stop) {
  return Loop([&] {
    return mine.Notified().Then([&](Unit&) {
      ++turns;
      theirs.NotifyOne();
      return stop ? Flow<>(Break()) : Flow<>(Continue());
    });
  });
}

// One that comes from outside, and one in the worker's own queue. Without the monitor, which would help them.
// behaviour: tokio/tests/rt_threaded.rs#lifo_slot_budget
TEST(PoolTest, TasksThatFollowEachOtherDoNotStarveTheRest) {
  sync::Notify a, b;
  std::atomic<int> turns{0};
  std::atomic<bool> stop{false};
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  Runtime runtime = Built(builder.WorkerThreads(1).WithoutMonitor());
  auto first = runtime.Spawn(TakeTurns(a, b, turns, stop));
  auto second = runtime.Spawn(TakeTurns(b, a, turns, stop));
  a.NotifyOne();
  while (turns < 100) std::this_thread::yield();
  const auto rest = runtime.BlockOn(runtime.Spawn(Lazy([] { return Spawn(Ready(4)).Then([](StatusOr<int>& n) { return *n; }); })));
  EXPECT_EQ(*rest, 4);
  stop = true;
  EXPECT_TRUE(runtime.BlockOn(std::move(first)).ok());
  EXPECT_TRUE(runtime.BlockOn(std::move(second)).ok());
}

// A lone task wakes nobody: the monitor sees that its worker stands still.
// behaviour: tokio/tests/rt_threaded.rs#test_disable_lifo_slot
TEST(PoolTest, WithoutTheSlotATaskOfABlockedWorkerIsStolen) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  Runtime runtime = Built(builder.WorkerThreads(2).WithoutLifoSlot());
  EXPECT_TRUE(runtime.BlockOn([] {
    return Spawn(Lazy([] {
      auto other = Spawn(Ready(1));
      while (!other.finished()) std::this_thread::yield();
    }));
  }).ok());
}

}  // namespace
}  // namespace kioto
