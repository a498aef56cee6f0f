// What a runtime tells of its tasks, and of how long they waited.
#include <atomic>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/ticks.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/tests/conformance/metrics_testing.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT

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

// While no runtime drives the set there is nobody to tell: the next one that does is told first.
TEST_P(HooksTest, ATaskThatALocalSetHadBeforeItsRuntimeIsTold) {
  Told spawned, ended;
  StatusOr<Runtime> runtime = Builder().OnTaskSpawn(spawned.hook()).OnTaskTerminate(ended.hook()).Build();
  ASSERT_TRUE(runtime.ok());
  LocalSet set;
  JoinHandle<Unit> early = set.SpawnLocal(YieldNow());
  JoinHandle<Unit> aborted = set.SpawnLocal(YieldNow());
  aborted.Abort();
  EXPECT_TRUE(spawned.calls().empty());
  EXPECT_TRUE(set.BlockOn(*runtime, std::move(early)).ok());
  EXPECT_EQ(set.BlockOn(*runtime, set.Run()), OkStatus());
  EXPECT_EQ(spawned.calls().size(), ended.calls().size());
  EXPECT_GE(spawned.calls().size(), 1u);
  { LocalSet gone; (void)gone.SpawnLocal(YieldNow()); }
  EXPECT_EQ(spawned.calls().size(), ended.calls().size());
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

}  // namespace
}  // namespace kioto
