// RuntimeMetrics: the counters, as they are when nothing moves.
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/block_in_place.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/scheduler/worker_index.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/tests/conformance/metrics_testing.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT

auto Nothing() {
  return Lazy([] {});
}

// --- Workers -------------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_metrics.rs#num_workers
TEST(MetricsTest, CountWorkers) {
  EXPECT_EQ(OneThread().metrics().workers(), 1u);
  EXPECT_EQ(Workers(2).metrics().workers(), 2u);
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#num_workers
TEST(MetricsTest, AreAskedForByAHandleToo) {
  EXPECT_EQ(OneThread().handle().metrics().workers(), 1u);
  EXPECT_EQ(Workers(2).handle().metrics().workers(), 2u);
}

TEST(MetricsDeathTest, KnowNoWorkerThatIsNotThere) {
  const Runtime runtime = OneThread();
  EXPECT_DEATH((void)runtime.metrics().worker(1), "a worker that the runtime does not have");
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#worker_thread_id_current_thread
TEST(MetricsTest, TheWorkerOfACurrentThreadRuntimeIsWhoDrivesIt) {
  const Runtime runtime = OneThread();
  const RuntimeMetrics metrics = runtime.metrics();
  EXPECT_EQ(metrics.worker(0).thread_id, std::thread::id());
  Finish(runtime, Nothing());
  EXPECT_EQ(metrics.worker(0).thread_id, std::this_thread::get_id());
  std::thread::id other;
  TestThread([&] {
    other = std::this_thread::get_id();
    Finish(runtime, Nothing());
  }).Join();
  EXPECT_EQ(metrics.worker(0).thread_id, other);
  Finish(runtime, Nothing());
  EXPECT_EQ(metrics.worker(0).thread_id, std::this_thread::get_id());
}

// The worker that this thread is, as the metrics say; none if no worker is it.
std::optional<size_t> WorkerHere(const RuntimeMetrics& metrics) {
  for (size_t i = 0; i < metrics.workers(); ++i) {
    if (metrics.worker(i).thread_id == std::this_thread::get_id()) return i;
  }
  return std::nullopt;
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#worker_thread_id_threaded
TEST(MetricsTest, AWorkerThatIsHandedOverHasAnotherThread) {
  const Runtime runtime = Workers(2);
  Finish(runtime, runtime.Spawn(Lazy([metrics = runtime.metrics()] {
    const std::optional<size_t> worker = WorkerHere(metrics);
    ASSERT_TRUE(worker.has_value());
    const std::thread::id here = std::this_thread::get_id();
    std::thread::id moved;
    ASSERT_TRUE(BlockInPlace([&] {
      EXPECT_EQ(std::this_thread::get_id(), here);
      AwaitThat([&] { return metrics.worker(*worker).thread_id != here; });
      moved = metrics.worker(*worker).thread_id;
    }).ok());
    const std::thread::id after = metrics.worker(*worker).thread_id;
    EXPECT_TRUE(after == moved || after == here);
  })));
}

// behaviour: tokio/tests/rt_worker_index.rs#worker_index_matches_metrics_worker_thread_id
TEST(MetricsTest, KnowAWorkersThreadByItsIndex) {
  const Runtime runtime = Workers(4);
  Finish(runtime, runtime.Spawn(Lazy([metrics = runtime.metrics()] {
    const std::optional<int> index = WorkerIndex();
    ASSERT_TRUE(index.has_value());
    EXPECT_EQ(metrics.worker(static_cast<size_t>(*index)).thread_id, std::this_thread::get_id());
  })));
}

// --- Parks ---------------------------------------------------------------------------------------------------------------

void AwaitParked(const RuntimeMetrics& metrics) {
  for (size_t i = 0; i < metrics.workers(); ++i) AwaitThat([&] { return metrics.worker(i).park_unparks % 2 == 1; });
}

// behaviour: tokio/tests/rt_metrics.rs#worker_park_count
TEST(MetricsTest, CountParks) {
  std::optional<Runtime> one = OneThread();
  const RuntimeMetrics of_one = one->metrics();
  Finish(*one, Sleep(1ms));
  one.reset();
  EXPECT_GE(of_one.worker(0).parks, 1u);
  std::optional<Runtime> two = Workers(2);
  const RuntimeMetrics of_two = two->metrics();
  AwaitParked(of_two);
  two.reset();
  EXPECT_GE(of_two.worker(0).parks, 1u);
  EXPECT_GE(of_two.worker(1).parks, 1u);
}

// behaviour: tokio/tests/rt_metrics.rs#worker_park_unpark_count
TEST(MetricsTest, CountParksAndTheirEnds) {
  std::optional<Runtime> one = OneThread();
  const RuntimeMetrics of_one = one->metrics();
  Finish(*one, [] { return Spawn(Nothing()); });
  one.reset();
  EXPECT_EQ(of_one.worker(0).park_unparks % 2, 0u);

  std::optional<Runtime> two = Workers(2);
  const RuntimeMetrics of_two = two->metrics();
  AwaitParked(of_two);
  EXPECT_EQ(of_two.worker(0).park_unparks, 1u);
  EXPECT_EQ(of_two.worker(1).park_unparks, 1u);
  Finish(*two, [] { return Spawn(Nothing()); });
  AwaitThat([&] { return of_two.worker(0).park_unparks >= 3 || of_two.worker(1).park_unparks >= 3; });
  two.reset();
  EXPECT_EQ(of_two.worker(0).park_unparks % 2, 0u);
  EXPECT_EQ(of_two.worker(1).park_unparks % 2, 0u);
  EXPECT_TRUE(of_two.worker(0).park_unparks >= 4 || of_two.worker(1).park_unparks >= 4);
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#worker_noop_count
TEST(MetricsTest, CountParksBetweenWhichNothingWasDone) {
  std::optional<Runtime> one = OneThread();
  const RuntimeMetrics of_one = one->metrics();
  Finish(*one, Sleep(1ms));
  one.reset();
  EXPECT_GT(of_one.worker(0).noop_parks, 0u);
  std::optional<Runtime> two = Workers(2);
  const RuntimeMetrics of_two = two->metrics();
  AwaitParked(of_two);
  two.reset();
  EXPECT_GT(of_two.worker(0).noop_parks, 0u);
  EXPECT_GT(of_two.worker(1).noop_parks, 0u);
}

TEST(MetricsTest, AParkAfterAPollIsNoNoop) {
  const Runtime runtime = Workers(1);
  const RuntimeMetrics metrics = runtime.metrics();
  AwaitParked(metrics);
  for (uint64_t i = 0; i < 5; ++i) {
    Finish(runtime, runtime.Spawn(Nothing()));
    AwaitParked(metrics);
    EXPECT_EQ(metrics.worker(0).noop_parks, 1u) << i;
  }
}

TEST(MetricsTest, BusyTimeIsWhatIsNotParked) {
  const Runtime runtime = Workers(1);
  const RuntimeMetrics metrics = runtime.metrics();
  AwaitParked(metrics);
  const auto before = metrics.worker(0).busy_time;
  Finish(runtime, runtime.Spawn(Lazy([] { SpinFor(20ms); })));
  AwaitParked(metrics);
  EXPECT_GE(metrics.worker(0).busy_time - before, 15ms);  // by two clocks
}

// --- Tasks ---------------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_metrics.rs#num_alive_tasks
TEST(MetricsTest, CountTheTasksThatAreAlive) {
  for (int workers : {0, 2}) {
    const Runtime runtime = workers == 0 ? OneThread() : Workers(workers);
    const RuntimeMetrics metrics = runtime.metrics();
    EXPECT_EQ(metrics.alive_tasks(), 0u);
    Finish(runtime, runtime.Spawn(Lazy([&metrics] { EXPECT_EQ(metrics.alive_tasks(), 1u); })));
    AwaitThat([&] { return metrics.alive_tasks() == 0; });
  }
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#spawned_tasks_count
TEST(MetricsTest, CountTheTasksThatWereSpawned) {
  for (int workers : {0, 2}) {
    const Runtime runtime = workers == 0 ? OneThread() : Workers(workers);
    const RuntimeMetrics metrics = runtime.metrics();
    EXPECT_EQ(metrics.spawned_tasks(), 0u);
    Finish(runtime, runtime.Spawn(Lazy([&metrics] { EXPECT_EQ(metrics.spawned_tasks(), 1u); })));
    EXPECT_EQ(metrics.spawned_tasks(), 1u);
  }
}

// behaviour: tokio/tests/rt_metrics.rs#global_queue_depth_current_thread
TEST(MetricsTest, WhatAnotherThreadSpawnsWaitsInTheGlobalQueue) {
  const Runtime runtime = OneThread();
  const RuntimeMetrics metrics = runtime.metrics();
  TestThread([&] { runtime.Spawn(Nothing()).Detach(); }).Join();
  EXPECT_EQ(metrics.global_queue_depth(), 1u);
}

// behaviour: tokio/tests/rt_metrics.rs#global_queue_depth_multi_thread
TEST(MetricsTest, WhileAllWorkersAreHeldUpTheGlobalQueueGrows) {
  const Runtime runtime = Workers(2);
  const RuntimeMetrics metrics = runtime.metrics();
  HeldWorker one(runtime);
  HeldWorker two(runtime);
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(metrics.global_queue_depth(), i);
    runtime.Spawn(Nothing()).Detach();
  }
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#remote_schedule_count
TEST(MetricsTest, CountWhatOtherThreadsSpawn) {
  for (int workers : {0, 2}) {
    const Runtime runtime = workers == 0 ? OneThread() : Workers(workers);
    std::optional<JoinHandle<Unit>> task;
    TestThread([&] { task.emplace(runtime.Spawn(Nothing())); }).Join();
    Finish(runtime, *std::move(task));
    EXPECT_EQ(runtime.metrics().remote_schedules(), 1u);
  }
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#worker_local_schedule_count
TEST(MetricsTest, CountWhatWorkersSpawnAndWake) {
  std::optional<Runtime> one = OneThread();
  const RuntimeMetrics of_one = one->metrics();
  Finish(*one, [] { return Spawn(Nothing()); });
  one.reset();
  EXPECT_EQ(of_one.worker(0).local_schedules, 1u);
  EXPECT_EQ(of_one.remote_schedules(), 0u);

  std::optional<Runtime> two = Workers(2);
  const RuntimeMetrics of_two = two->metrics();
  Finish(*two, two->Spawn(Lazy([] { return Spawn(Nothing()); })));
  two.reset();
  const uint64_t local = SumOf(of_two, &WorkerMetrics::local_schedules);
  EXPECT_TRUE(local == 1 || local == 2) << local;  // the outer one waited for the inner one, or came later
  EXPECT_EQ(of_two.remote_schedules(), 1u);
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#worker_poll_count_and_time
TEST(MetricsTest, CountPollsAndTheirMeanTime) {
  for (int workers : {0, 2}) {
    std::optional<Runtime> runtime = workers == 0 ? OneThread() : Workers(workers);
    const RuntimeMetrics metrics = runtime->metrics();
    Finish(*runtime, [] {
      return Loop([left = 5]() mutable {
        return If(left-- == 0, Break, [] {
          return Spawn(Lazy([] { SpinFor(10us); })).Then([](auto&) { return Continue(); });
        });
      });
    });
    runtime.reset();
    EXPECT_EQ(SumOf(metrics, &WorkerMetrics::polls), 5u);
    const auto mean = SumOf(metrics, &WorkerMetrics::mean_poll_time);
    if (workers == 0) {
      EXPECT_EQ(mean, 0ns);
    } else {
      EXPECT_GT(mean, 0ns);
    }
    for (size_t i = 0; i < metrics.workers(); ++i) {
      EXPECT_FALSE(metrics.poll_times(i).enabled());
      EXPECT_EQ(metrics.poll_times(i).count(), 0u);
    }
  }
}

TEST(MetricsTest, EachYieldIsALocalScheduleAndAPoll) {
  for (int workers : {0, 1}) {
    std::optional<Runtime> runtime = workers == 0 ? OneThread() : Workers(workers);
    const RuntimeMetrics metrics = runtime->metrics();
    Finish(*runtime, runtime->Spawn(Yields(100)));
    runtime.reset();
    EXPECT_EQ(metrics.worker(0).polls, 101u);
    EXPECT_EQ(metrics.worker(0).local_schedules + metrics.remote_schedules(), 101u);
    EXPECT_EQ(metrics.worker(0).local_queue_depth, 0u);
  }
}

// --- Queues --------------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_unstable_metrics.rs#worker_local_queue_depth
TEST(MetricsTest, TheDepthOfTheLocalQueues) {
  const Runtime one = OneThread();
  Finish(one, [&] {
    for (int i = 0; i < 100; ++i) Spawn(Nothing()).Detach();
    EXPECT_EQ(one.metrics().worker(0).local_queue_depth, 100u);
  });
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  const Runtime two = Built(builder.WorkerThreads(2).WithoutMonitor());  // which would take one of them away
  HeldWorker other(two);
  Finish(two, two.Spawn(Lazy([metrics = two.metrics()] {
    for (int i = 0; i < 100; ++i) Spawn(Nothing()).Detach();
    EXPECT_EQ(SumOf(metrics, &WorkerMetrics::local_queue_depth), 100u);
  })));
}

TEST(MetricsTest, WhatARuntimeEndsUnpolledIsNoLongerInItsQueue) {
  std::optional<Runtime> runtime = OneThread();
  const RuntimeMetrics metrics = runtime->metrics();
  Finish(*runtime, [] {
    for (int i = 0; i < 100; ++i) Spawn(Never<Unit>()).Detach();
  });
  runtime.reset();
  EXPECT_EQ(metrics.worker(0).local_queue_depth, 0u);
  EXPECT_EQ(metrics.alive_tasks(), 0u);
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#worker_overflow_count
TEST(MetricsTest, CountOverflowsOfALocalQueue) {
  std::optional<Runtime> runtime = Workers(2);
  const RuntimeMetrics metrics = runtime->metrics();
  {
    HeldWorker other(*runtime);
    Finish(*runtime, runtime->Spawn(Lazy([] {
      for (int i = 0; i < 300; ++i) Spawn(Nothing()).Detach();
    })));
  }
  runtime.reset();
  EXPECT_EQ(SumOf(metrics, &WorkerMetrics::overflows), 1u);
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#worker_steal_count
TEST(MetricsTest, CountWhatWorkersSteal) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  std::optional<Runtime> runtime = Built(builder.WorkerThreads(2).WithoutLifoSlot());
  const RuntimeMetrics metrics = runtime->metrics();
  Finish(*runtime, runtime->Spawn(Lazy([] {
    const auto stolen = std::make_shared<std::promise<void>>();
    Spawn(Lazy([stolen] { stolen->set_value(); })).Detach();
    stolen->get_future().wait();  // this worker is held up: only the other one can run it
  })));
  runtime.reset();
  EXPECT_EQ(SumOf(metrics, &WorkerMetrics::stolen_tasks), 1u);
  EXPECT_EQ(SumOf(metrics, &WorkerMetrics::steal_operations), 1u);
}

// --- Budget --------------------------------------------------------------------------------------------------------------

// Consumes budget until it is refused, so many times.
auto SpendsBudget(int times) {
  return PollFn([left = times](Context& cx) mutable -> Poll<Unit> {
    if (left == 0) return Unit{};
    while (cx.ConsumeBudget()) {
    }
    --left;
    return kPending;
  });
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#budget_exhaustion_yield
TEST(MetricsTest, CountYieldsThatTheBudgetForced) {
  const Runtime runtime = OneThread();
  EXPECT_EQ(runtime.metrics().budget_forced_yields(), 0u);
  Finish(runtime, SpendsBudget(1));
  EXPECT_EQ(runtime.metrics().budget_forced_yields(), 1u);
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#budget_exhaustion_yield_with_joins
TEST(MetricsTest, TwoThatSpendTheBudgetOfOnePollForceOneYield) {
  const Runtime runtime = OneThread();
  EXPECT_EQ(runtime.metrics().budget_forced_yields(), 0u);
  Finish(runtime, Join(SpendsBudget(1), SpendsBudget(1)).Map([](auto&) {}));
  EXPECT_EQ(runtime.metrics().budget_forced_yields(), 1u);
}

TEST(MetricsTest, TheBudgetForcesYieldsOfTasksAndOfBlockOnOnEveryFlavour) {
  for (int workers : {0, 1, 4}) {
    const Runtime runtime = workers == 0 ? OneThread() : Workers(workers);
    Finish(runtime, runtime.Spawn(SpendsBudget(3)));
    Finish(runtime, SpendsBudget(2));
    Finish(runtime, Yields(200));  // these it asked for itself
    EXPECT_EQ(runtime.metrics().budget_forced_yields(), 5u) << workers;
  }
}

}  // namespace
}  // namespace kioto
