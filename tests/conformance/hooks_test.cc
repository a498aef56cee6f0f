// What a runtime tells of its threads and tasks, and what it is called.
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/cpus.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/ticks.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/scheduler/worker_index.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/tests/conformance/metrics_testing.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT
using testing::HasSubstr;

constexpr int kTasks = 8;

// What a task hook was told, by whatever threads.
class Told {
 public:
  struct Call {
    uint64_t id;
    std::string name;
    std::string file;
    int line;
    std::optional<std::chrono::nanoseconds> latency;
  };

  Hook<void(const TaskMeta&)> hook() {
    return [this](const TaskMeta& meta) {
      base::MutexLock lock(lock_);
      calls_.push_back({meta.id, meta.name, meta.file, meta.line, meta.schedule_latency});
    };
  }
  std::vector<Call> calls() const {
    base::MutexLock lock(lock_);
    return calls_;
  }
  std::set<uint64_t> ids() const {
    std::set<uint64_t> ids;
    for (const Call& call : calls()) ids.insert(call.id);
    return ids;
  }

 private:
  mutable base::Mutex lock_;
  std::vector<Call> calls_;
};

class HooksTest : public FlavourTest {};

// behaviour: tokio/tests/task_hooks.rs#spawn_task_hook_fires
TEST_P(HooksTest, SpawnIsToldOncePerTask) {
  Told told;
  StatusOr<Runtime> runtime = Builder().OnTaskSpawn(told.hook()).Build();
  ASSERT_TRUE(runtime.ok());
  for (int i = 0; i < kTasks; ++i) runtime->Spawn(Ready(i)).Detach();
  EXPECT_EQ(told.calls().size(), 8u);
  EXPECT_EQ(told.ids().size(), 8u);
}

// behaviour: tokio/tests/task_hooks.rs#terminate_task_hook_fires
TEST_P(HooksTest, TheEndIsToldOncePerTask) {
  Told told;
  StatusOr<Runtime> runtime = Builder().OnTaskTerminate(told.hook()).Build();
  ASSERT_TRUE(runtime.ok());
  std::vector<JoinHandle<int>> handles;
  for (int i = 0; i < kTasks; ++i) handles.push_back(runtime->Spawn(Ready(i)));
  for (auto& handle : handles) EXPECT_TRUE(runtime->BlockOn(std::move(handle)).ok());  // told before the joiner is woken
  EXPECT_EQ(told.calls().size(), 8u);
  EXPECT_EQ(told.ids().size(), 8u);
}

// behaviour: kioto/runtime/task/task_hooks.h#an_end_is_told_for_each_spawn
TEST_P(HooksTest, AnEndIsToldForEachSpawnAlsoWhenTheRuntimeEndsIt) {
  Told spawned, ended;
  {
    StatusOr<Runtime> runtime = Builder().OnTaskSpawn(spawned.hook()).OnTaskTerminate(ended.hook()).Build();
    ASSERT_TRUE(runtime.ok());
    for (int i = 0; i < kTasks; ++i) runtime->Spawn(Never<Unit>()).Detach();
    runtime->Spawn(Never<Unit>()).Abort();
  }
  EXPECT_EQ(spawned.calls().size(), 9u);
  EXPECT_EQ(ended.calls().size(), 9u);
  EXPECT_EQ(spawned.ids(), ended.ids());
}

// behaviour: tokio/tests/task_hooks.rs#task_hook_spawn_location_current_thread
// behaviour: tokio/tests/task_hooks.rs#task_hook_spawn_location_multi_thread
TEST_P(HooksTest, AreToldWhereATaskWasSpawned) {
  Told spawned, begins, ends;
  {
    StatusOr<Runtime> runtime =
        Builder().OnTaskSpawn(spawned.hook()).OnPollStart(begins.hook()).OnPollStop(ends.hook()).Build();
    ASSERT_TRUE(runtime.ok());
    JoinHandle<Unit> one = runtime->Spawn(YieldNow());
    EXPECT_TRUE(runtime
                    ->BlockOn([&] {
                      return Spawn(Yields(1)).Then([&](auto&) { return std::move(one); });
                    })
                    .ok());
  }
  EXPECT_EQ(spawned.calls().size(), 2u);
  EXPECT_GT(begins.calls().size(), 2u);
  EXPECT_EQ(begins.calls().size(), ends.calls().size());
  for (const Told* told : {&spawned, &begins, &ends}) {
    for (const Told::Call& call : told->calls()) {
      EXPECT_TRUE(absl::EndsWith(call.file, "hooks_test.cc")) << call.file;
      EXPECT_GT(call.line, 0);
    }
  }
}

// behaviour: tokio/tests/rt_poll_callbacks.rs#callbacks_fire_multi_thread
// behaviour: tokio/tests/rt_poll_callbacks.rs#callbacks_fire_current_thread
TEST_P(HooksTest, EachPollIsToldBeforeAndAfter) {
  Told begins, ends;
  uint64_t id = 0;
  {
    StatusOr<Runtime> runtime = Builder().OnPollStart(begins.hook()).OnPollStop(ends.hook()).Build();
    ASSERT_TRUE(runtime.ok());
    JoinHandle<Unit> task = runtime->Spawn(Yields(3).Map([](auto&) {}), {"yields"});
    id = task.id();
    EXPECT_TRUE(runtime->BlockOn(std::move(task)).ok());
  }
  ASSERT_EQ(begins.calls().size(), 4u);
  ASSERT_EQ(ends.calls().size(), 4u);
  EXPECT_EQ(begins.ids(), std::set<uint64_t>{id});
  EXPECT_EQ(ends.ids(), std::set<uint64_t>{id});
  EXPECT_EQ(ends.calls()[3].name, "yields") << "the task itself is gone by then";
}

// behaviour: kioto/runtime/task/task_hooks.h#tasks_of_a_local_set_are_told
TEST_P(HooksTest, ALocalSetsTasksAreToldToo) {
  Told spawned, ended;
  StatusOr<Runtime> runtime = Builder().OnTaskSpawn(spawned.hook()).OnTaskTerminate(ended.hook()).Build();
  ASSERT_TRUE(runtime.ok());
  LocalSet set;
  EXPECT_TRUE(set.BlockOn(*runtime, [] { return SpawnLocal(YieldNow()); }).ok());
  EXPECT_EQ(spawned.calls().size(), 1u);
  EXPECT_EQ(ended.calls().size(), 1u);
}

// behaviour: kioto/runtime/task/task_hooks.h#blocking_jobs_are_not_told
TEST_P(HooksTest, ABlockingJobIsNotTold) {
  Told spawned, ended;
  StatusOr<Runtime> runtime = Builder().OnTaskSpawn(spawned.hook()).OnTaskTerminate(ended.hook()).Build();
  ASSERT_TRUE(runtime.ok());
  EXPECT_TRUE(runtime->BlockOn([] { return SpawnBlocking([] {}); }).ok());
  EXPECT_EQ(spawned.calls().size(), 0u);
  EXPECT_EQ(ended.calls().size(), 0u);
}

ON_EVERY_FLAVOUR(HooksTest);

// --- How long a task has waited for its poll ------------------------------------------------------------------------------

std::atomic<int64_t> later_ns{0};
int64_t LaterNanos() { return base::RealNanos() + later_ns; }

// What the hooks of a runtime that measures are told; a clock that the test puts forward.
class LatencyHooksTest : public testing::Test {
 protected:
  static void LetPass(std::chrono::nanoseconds time) { later_ns += time.count(); }
  Runtime Measuring(RuntimeBuilder builder) {
    return *builder.MeasureScheduleLatency()
                .OnTaskSpawn(spawned_.hook())
                .OnTaskTerminate(ended_.hook())
                .OnPollStart(begins_.hook())
                .OnPollStop(ends_.hook())
                .Build();
  }
  // Of the poll of a task that was polled once, by both hooks.
  std::chrono::nanoseconds LatencyOf(uint64_t task) const {
    std::vector<std::chrono::nanoseconds> told;
    for (const Told* hook : {&begins_, &ends_}) {
      for (const Told::Call& call : hook->calls()) {
        if (call.id == task) told.push_back(call.latency.value_or(-1ns));
      }
    }
    EXPECT_EQ(told.size(), 2u);
    EXPECT_EQ(told.front(), told.back());
    return told.front();
  }

  const base::ScopedClockForTest clock_{&LaterNanos};
  Told spawned_, ended_, begins_, ends_;
};

// behaviour: tokio/tests/task_hooks.rs#task_hook_schedule_latency_non_poll_callbacks
TEST_F(LatencyHooksTest, TheHooksThatAreNotOfAPollAreToldOfNone) {
  const Runtime runtime = Measuring(RuntimeBuilder::CurrentThread());
  EXPECT_TRUE(runtime.BlockOn([] { return Spawn(YieldNow()); }).ok());
  for (const Told* told : {&spawned_, &ended_}) {
    ASSERT_EQ(told->calls().size(), 1u);
    EXPECT_EQ(told->calls()[0].latency, std::nullopt);
  }
}

// behaviour: kioto/runtime/task/task_hooks.h#a_yield_waits_for_the_next_poll
TEST_F(LatencyHooksTest, ATaskThatYieldsWaitsForItsNextPoll) {
  for (RuntimeBuilder builder : {RuntimeBuilder::CurrentThread(), RuntimeBuilder::MultiThread()}) {
    const size_t before = begins_.calls().size();
    const Runtime runtime = Measuring(builder);
    EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(Yields(2).Map([](auto&) {}))).ok());
    const std::vector<Told::Call> begins = begins_.calls();
    ASSERT_EQ(begins.size(), before + 3);
    for (size_t i = before; i < begins.size(); ++i) EXPECT_NE(begins[i].latency, std::nullopt) << i;
  }
}

// behaviour: tokio/tests/task_hooks.rs#task_hook_schedule_latency_disabled
TEST_F(LatencyHooksTest, WhatIsNotMeasuredIsNotTold) {
  for (RuntimeBuilder builder : {RuntimeBuilder::CurrentThread(), RuntimeBuilder::MultiThread()}) {
    Told begins;
    const StatusOr<Runtime> runtime = builder.MeasurePollTimes(1).TaskDetails().OnPollStart(begins.hook()).Build();
    ASSERT_TRUE(runtime.ok());
    EXPECT_TRUE(runtime->BlockOn([] { return Spawn(Ready()); }).ok());
    ASSERT_EQ(begins.calls().size(), 1u);
    EXPECT_EQ(begins.calls()[0].latency, std::nullopt);
  }
}

// behaviour: tokio/tests/task_hooks.rs#task_hook_schedule_latency_current_thread
TEST_F(LatencyHooksTest, ATaskWaitsForWhoDrivesItsRuntime) {
  const Runtime runtime = Measuring(RuntimeBuilder::CurrentThread());
  JoinHandle<Unit> task = runtime.Spawn(Ready());
  const uint64_t id = task.id();
  LetPass(50ms);
  EXPECT_TRUE(runtime.BlockOn(std::move(task)).ok());
  EXPECT_GE(LatencyOf(id), 50ms);
}

// behaviour: tokio/tests/task_hooks.rs#task_hook_schedule_latency_multi_thread
TEST_F(LatencyHooksTest, ATaskWaitsForAWorkerThatIsBlocked) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  Runtime runtime = Measuring(builder.WorkerThreads(1));
  JoinHandle<Unit> task;
  {
    HeldWorker held(runtime);
    task = runtime.Spawn(Ready());
    LetPass(50ms);
  }
  const uint64_t id = task.id();
  EXPECT_TRUE(runtime.BlockOn(std::move(task)).ok());
  EXPECT_TRUE(runtime.Shutdown().clean());  // the end of its poll is told after its output
  EXPECT_GE(LatencyOf(id), 50ms);
}

// behaviour: tokio/tests/task_hooks.rs#task_hook_schedule_latency_multi_thread_lifo
TEST_F(LatencyHooksTest, ATaskWaitsInTheSlotForItsParentsPoll) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  const Runtime runtime = Measuring(builder.WorkerThreads(1).WithoutMonitor());
  uint64_t id = 0;
  EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(Lazy([&] {
    JoinHandle<Unit> child = Spawn(Ready());
    id = child.id();
    LetPass(50ms);
    return child;
  }))).ok());
  EXPECT_GE(LatencyOf(id), 50ms);
}

// --- Threads -------------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_threaded.rs#start_stop_callbacks_called
TEST(ThreadHooksTest, StartAndStopAreToldOfEachThread) {
  std::atomic<int> started{0}, stopped{0};
  {
    StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread()
                                    .WorkerThreads(2)
                                    .OnThreadStart([&] { ++started; })
                                    .OnThreadStop([&] {
                                      for (int i = 0; i < 1000; ++i) std::this_thread::yield();  // the runtime's end waits for it
                                      ++stopped;
                                    })
                                    .Build();
    ASSERT_TRUE(runtime.ok());
    EXPECT_TRUE(runtime->BlockOn([] { return Spawn(YieldNow()); }).ok());
    EXPECT_TRUE(runtime->BlockOn([] { return SpawnBlocking([] { return 1; }); }).ok());
    EXPECT_EQ(stopped, 0);
  }
  EXPECT_EQ(started, 3);  // two workers and a blocking thread
  EXPECT_EQ(stopped, 3);
}

// behaviour: tokio/tests/rt_threaded.rs#drop_threadpool_drops_futures
TEST(ThreadHooksTest, ADroppedRuntimeDropsItsFuturesOnceAndStopsAllThatItStarted) {
  for (int round = 0; round < 1000; ++round) {
    std::atomic<int> started{0}, stopped{0}, dropped{0};
    {
      StatusOr<Runtime> runtime =
          RuntimeBuilder::MultiThread().WorkerThreads(2).OnThreadStart([&] { ++started; }).OnThreadStop([&] { ++stopped; }).Build();
      ASSERT_TRUE(runtime.ok());
      runtime->Spawn(OnDrop(Never<Unit>(), [&] { ++dropped; })).Detach();
    }
    EXPECT_GE(started, 1);
    EXPECT_EQ(started, stopped);
    EXPECT_EQ(dropped, 1);
  }
}

TEST(ThreadHooksTest, ParkAndUnparkAlternateOnTheThreadThatSleeps) {
  base::Mutex lock;
  std::string told;
  std::atomic<bool> parked{false};
  const auto tell = [&](char what) {
    base::MutexLock held(lock);
    told += what;
  };
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread()
                                  .OnThreadPark([&] {
                                    tell('p');
                                    parked = true;
                                  })
                                  .OnThreadUnpark([&] { tell('u'); })
                                  .Build();
  ASSERT_TRUE(runtime.ok());
  auto channel = sync::Oneshot<int>();
  TestThread sender([&] {
    while (!parked) std::this_thread::yield();  // nothing else can end the sleep that was told
    EXPECT_TRUE(channel.sender.Send(1));
  });
  EXPECT_TRUE(runtime->BlockOn(std::move(channel.receiver)).ok());
  ASSERT_GE(told.size(), 2u);
  for (size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i], i % 2 == 0 ? 'p' : 'u') << told;
}

class ParkHookTest : public FlavourTest {};

// behaviour: tokio/tests/rt_common_before_park.rs#before_park_wakes_block_on_task
TEST_P(ParkHookTest, WhatItWakesIsRunInsteadOfTheSleep) {
  sync::Notify notify;
  std::atomic<bool> done{false};
  StatusOr<Runtime> runtime = Builder()
                                  .OnThreadPark([&] {
                                    if (!done.exchange(true)) notify.NotifyOne();
                                  })
                                  .Build();
  ASSERT_TRUE(runtime.ok());
  EXPECT_TRUE(runtime->BlockOn([&] { return Spawn(notify.Notified()); }).ok());
  EXPECT_TRUE(done);
}

// behaviour: tokio/tests/rt_basic.rs#before_park_yields
TEST_P(ParkHookTest, WhatItSpawnsIsRunInsteadOfTheSleep) {
  sync::Notify notify;
  std::atomic<bool> done{false};
  StatusOr<Runtime> runtime =
      Builder()
          .OnThreadPark([&] {
            if (!done.exchange(true)) Spawn(YieldNow().Then([&](Unit&) { notify.NotifyOne(); })).Detach();
          })
          .Build();
  ASSERT_TRUE(runtime.ok());
  EXPECT_TRUE(runtime->BlockOn(notify.Notified()).ok());
  EXPECT_TRUE(done);
}

ON_EVERY_FLAVOUR(ParkHookTest);

// behaviour: tokio/tests/rt_common_before_park.rs#before_park_does_not_stall_spawned_timer
TEST(ParkHookTest, AHookThatAlwaysWakesStallsNoTimer) {
  sync::Notify notify;
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().OnThreadPark([&] { notify.NotifyOne(); }).Build();
  ASSERT_TRUE(runtime.ok());
  JoinHandle<Unit> timer = runtime->Spawn(time::Sleep(1ms));
  for (int burst = 0; !timer.finished(); ++burst) {
    ASSERT_LT(burst, 1'000'000) << "the timer does not fire";
    ASSERT_TRUE(runtime->BlockOn(notify.Notified()).ok());
  }
}

// --- Names ---------------------------------------------------------------------------------------------------------------

class NamesTest : public FlavourTest {};

// behaviour: tokio/tests/rt_basic.rs#default_runtime_name_should_be_none
// behaviour: tokio/tests/rt_threaded.rs#default_runtime_name_should_be_none
TEST_P(NamesTest, ARuntimeHasNoNameUnlessItWasGivenOne) {
  EXPECT_EQ(runtime().handle().name(), "");
}

// behaviour: tokio/tests/rt_basic.rs#different_runtime_names
// behaviour: tokio/tests/rt_threaded.rs#different_runtime_names
TEST_P(NamesTest, RuntimesHaveTheNamesTheyWereGiven) {
  StatusOr<Runtime> one = Builder().Name("one").Build();
  StatusOr<Runtime> two = Builder().Name("two").Build();
  ASSERT_TRUE(one.ok());
  ASSERT_TRUE(two.ok());
  EXPECT_EQ(one->handle().name(), "one");
  EXPECT_EQ(two->handle().name(), "two");
  EXPECT_EQ(*one->BlockOn([] { return Ready(Handle::Current()->name()); }), "one");
}

// behaviour: tokio/tests/rt_handle.rs#runtime_id_is_same
// behaviour: tokio/tests/rt_threaded.rs#runtime_id_is_same
TEST_P(NamesTest, TheHandlesOfARuntimeHaveItsId) {
  EXPECT_EQ(runtime().handle().id(), runtime().handle().id());
  EXPECT_EQ(*runtime().BlockOn([] { return Spawn(Lazy([] { return Ready(Handle::Current()->id()); })); }), runtime().handle().id());
}

// behaviour: tokio/tests/rt_handle.rs#runtime_ids_different
// behaviour: tokio/tests/rt_threaded.rs#runtime_ids_different
TEST_P(NamesTest, TwoRuntimesHaveDifferentIds) {
  Runtime other = Make();
  EXPECT_NE(runtime().handle().id(), other.handle().id());
}

// behaviour: tokio/tests/rt_panic.rs#builder_name_panic_caller
TEST_P(NamesTest, ABlankNameIsRefused) {
  for (const char* name : {"", " ", "\t\n"}) {
    const Status status = Builder().Name(name).Build().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("RuntimeBuilder::Name must not be blank"));
  }
}

ON_EVERY_FLAVOUR(NamesTest);

TEST(ThreadNamesTest, AFunctionNamesTheWorkers) {
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread()
                                  .WorkerThreads(2)
                                  .ThreadName(Hook<std::string(int)>([](int worker) { return absl::StrCat("w", worker); }))
                                  .Build();
  ASSERT_TRUE(runtime.ok());
  const StatusOr<bool> named = runtime->BlockOn([] {
    return Spawn(Lazy([] {
      char name[16] = "";
      pthread_getname_np(pthread_self(), name, sizeof(name));
      return Ready(absl::StrCat("w", *WorkerIndex()) == name);
    }));
  });
  EXPECT_TRUE(*named);
}

TEST(PinWorkersTest, WorkersStayOnTheirProcessors) {
  const std::vector<int> usable = base::UsableCpus();
#if defined(__linux__)
  ASSERT_FALSE(usable.empty());
#else
  if (usable.empty()) GTEST_SKIP() << "this system does not tell which processors a thread may use";
#endif
  const int cpu = usable.back();
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(2).PinWorkers({cpu}).Build();
  ASSERT_TRUE(runtime.ok());
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(*runtime->BlockOn([] { return Spawn(Lazy([] { return Ready(base::UsableCpus()); })); }), std::vector<int>{cpu});
  }
}

TEST(PinWorkersTest, BadProcessorsAreRefused) {
  EXPECT_THAT(RuntimeBuilder::MultiThread().PinWorkers({}).Build().status().message(), HasSubstr("at least one processor"));
  EXPECT_THAT(RuntimeBuilder::MultiThread().PinWorkers({-1}).Build().status().message(), HasSubstr("may not use a processor -1"));
  EXPECT_THAT(RuntimeBuilder::CurrentThread().PinWorkers({0}).Build().status().message(), HasSubstr("needs a multi-thread runtime"));
}

// --- Which worker ----------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_worker_index.rs#worker_index_current_thread
TEST(WorkerIndexTest, IsZeroOnACurrentThreadRuntime) {
  Runtime runtime = *Runtime::CurrentThread();
  EXPECT_EQ(runtime.BlockOn([] { return Ready(WorkerIndex()); })->value_or(-1), 0);
  EXPECT_EQ(WorkerIndex(), std::nullopt);
}

// behaviour: tokio/tests/rt_worker_index.rs#worker_index_local_runtime
TEST(WorkerIndexTest, IsZeroInATaskThatIsBoundToItsThread) {
  Runtime runtime = *Runtime::CurrentThread();
  EXPECT_EQ(runtime.BlockOn([] { return SpawnLocal(Lazy([] { return Ready(WorkerIndex()); })); })->value_or(-1), 0);
}

// behaviour: tokio/tests/rt_worker_index.rs#worker_index_from_spawn_blocking
TEST(WorkerIndexTest, ABlockingThreadHasNone) {
  Runtime runtime = *Runtime::MultiThread();
  EXPECT_EQ(*runtime.BlockOn([] { return SpawnBlocking([] { return WorkerIndex().value_or(-1); }); }), -1);
  EXPECT_EQ(*runtime.BlockOn([] { return Ready(WorkerIndex().value_or(-1)); }), -1) << "the root of a pool runs on no worker";
}

}  // namespace
}  // namespace kioto
