// Blocking jobs: beside a clock that stands still, and in races with the end of their runtime, over and over.
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/testing/runtime.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/mpsc.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/time/instant.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT

// A job that takes a while of the real clock: it waits for what does not come.
auto Job(std::chrono::milliseconds duration) {
  return SpawnBlocking([duration] { (void)std::promise<void>().get_future().wait_for(duration); });
}

// --- The clock stands still ----------------------------------------------------------------------------------------------

// behaviour: tokio/tests/task_blocking.rs#blocking_when_paused
// behaviour: tokio/src/runtime/tests/loom_blocking.rs#spawn_blocking_when_paused
TEST(PausedJobsTest, TheClockDoesNotJumpWhileAJobRuns) {
  const Status status = test::BlockOn(
      [] { return Timeout(3s, Job(1ms)).AndThen([] { return Timeout(1ms, Job(50ms)); }); }, test::Paused());
  EXPECT_TRUE(status.ok()) << status;
}

// behaviour: tokio/tests/task_blocking.rs#blocking_task_wakes_paused_runtime
TEST(PausedJobsTest, TheEndOfAJobWakesTheRuntime) {
  const auto start = std::chrono::steady_clock::now();
  const Status status = test::BlockOn([] { return Timeout(15s, Job(1ms)); }, test::Paused());
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

// behaviour: tokio/tests/task_blocking.rs#unawaited_blocking_task_wakes_paused_runtime
TEST(PausedJobsTest, TheEndOfAJobThatNobodyAwaitsLetsTheClockJump) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(test::BlockOn([] {
    Job(1ms).Detach();
    return Sleep(15s);
  }, test::Paused()).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

#if KIOTO_EXCEPTIONS
// behaviour: tokio/tests/task_blocking.rs#panicking_blocking_task_wakes_paused_runtime
TEST(PausedJobsTest, TheThrowOfAJobLetsTheClockJump) {
  const auto start = std::chrono::steady_clock::now();
  const Status status = test::BlockOn([] {
    return Join(Sleep(15s), SpawnBlocking([] { throw 7; })).Map([](auto& both) { return std::get<1>(both); });
  }, test::Paused());
  EXPECT_TRUE(IsThrown(status)) << status;
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}
#endif

// --- Races ---------------------------------------------------------------------------------------------------------------

// Two jobs that wait for each other's messages as long as the channels live: each needs a thread of its own.
void StartReceivers(std::vector<JoinHandle<Unit>>& jobs) {
  auto channel = sync::Mpsc<int>(1);
  jobs.push_back(SpawnBlocking([receiver = std::move(channel.receiver)]() mutable {
    while (receiver.BlockingRecv()) {
    }
  }));
  jobs.push_back(SpawnBlocking([sender = std::move(channel.sender)] { EXPECT_TRUE(sender.BlockingSend(1).ok()); }));
}

// behaviour: tokio/tests/rt_spawn_blocking.rs#issue_8056_regression_test
TEST(JobRacesTest, AJobIsNotLeftToAThreadThatIsAboutToWaitForAnother) {
  for (int round = 0; round < 128; ++round) {
    const Status status = test::BlockOn([] {
      std::vector<JoinHandle<Unit>> jobs;
      for (int i = 0; i < 4; ++i) {
        jobs.push_back(SpawnBlocking([] {}));
        StartReceivers(jobs);
      }
      return TryJoinAll(std::move(jobs)).Map([](auto& all) { return internal::StatusIn(all); });
    });
    ASSERT_TRUE(status.ok()) << status;
  }
}

// behaviour: tokio/src/runtime/tests/loom_blocking.rs#spawn_blocking_at_thread_cap_runs
TEST(JobRacesTest, AtTheCapTheOneThreadTakesTheNextJob) {
  RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
  StatusOr<Runtime> runtime = builder.MaxBlockingThreads(1).BlockingKeepAlive(0ns).Build();
  ASSERT_TRUE(runtime.ok());
  EnterGuard guard = runtime->Enter();
  for (int round = 0; round < 500; ++round) {  // the thread waits for nothing, and so goes at any moment
    JoinHandle<int> first = SpawnBlocking([] { return 1; });
    if (round % 2 == 0) {
      while (!first.finished()) std::this_thread::yield();
    }
    JoinHandle<int> second = SpawnBlocking([] { return 2; });
    EXPECT_EQ(*BlockOn(std::move(first)), 1);
    EXPECT_EQ(*BlockOn(std::move(second)), 2);
  }
}

// behaviour: tokio/src/runtime/tests/loom_blocking.rs#blocking_shutdown
TEST(JobRacesTest, TheEndAwaitsTheJobs) {
  for (int round = 0; round < 100; ++round) {
    auto owned = std::make_shared<int>(1);
    std::atomic<bool> ends{false};
    {
      StatusOr<Runtime> runtime = Runtime::CurrentThread();
      ASSERT_TRUE(runtime.ok());
      EnterGuard guard = runtime->Enter();
      for (int i = 0; i < 2; ++i) {
        SpawnBlocking([owned, &ends] {
          while (!ends) std::this_thread::yield();
          for (int turn = 0; turn < 20; ++turn) std::this_thread::yield();
        }).Detach();
      }
      ends = true;
    }
    EXPECT_EQ(owned.use_count(), 1);
  }
}

// A job is started while the runtime ends; beforehand another one, which leaves an idle thread behind, or not.
void StartWhileItEnds(bool idle_thread) {
  for (int round = 0; round < 100; ++round) {
    StatusOr<Runtime> runtime = Runtime::CurrentThread();
    ASSERT_TRUE(runtime.ok());
    EnterGuard guard = runtime->Enter();
    if (idle_thread) {
      EXPECT_TRUE(BlockOn(SpawnBlocking([] {})).ok());
    }
    bool ran = false;
    Status answer;
    TestThread starter([&, handle = runtime->handle()] {
      EnterGuard entered = handle.Enter();
      answer = BlockOn(SpawnBlocking([&ran] { ran = true; }));
    });
    EXPECT_TRUE(runtime->Shutdown().clean());
    starter.Join();
    EXPECT_EQ(ran, answer.ok());
    EXPECT_TRUE(answer.ok() || IsShutdown(answer)) << answer;
  }
}

// behaviour: tokio/src/runtime/tests/loom_blocking.rs#spawn_blocking_racing_shutdown_resolves
TEST(JobRacesTest, AJobThatIsStartedWhileTheRuntimeEndsGivesAnAnswer) { StartWhileItEnds(/*idle_thread=*/false); }

// behaviour: tokio/src/runtime/tests/loom_blocking.rs#spawn_blocking_then_shutdown
TEST(JobRacesTest, AJobThatIsHandedToAnIdleThreadWhileTheRuntimeEndsGivesAnAnswer) { StartWhileItEnds(/*idle_thread=*/true); }

// --- Mandatory jobs --------------------------------------------------------------------------------------------------------

// A runtime whose one blocking thread is in a job, until Open.
struct HeldPool {
  HeldPool() {
    SpawnBlocking([this] {
      inside.set_value();
      gate.get_future().wait();
    }).Detach();
    inside.get_future().wait();
  }
  void Open() { gate.set_value(); }

  std::promise<void> inside, gate;
  Runtime runtime = *RuntimeBuilder::CurrentThread().MaxBlockingThreads(1).Build();
  EnterGuard guard = runtime.Enter();
};

template <class Fn>
auto SpawnMandatory(Fn fn) {
  return internal::SpawnMandatoryBlocking(internal::BlockingJob<Fn>(std::move(fn)));
}

// behaviour: tokio/src/runtime/tests/loom_blocking.rs#spawn_mandatory_blocking_should_always_run
TEST(MandatoryJobsTest, OneThatWaitsRunsThoughTheRuntimeEnds) {
  HeldPool pool;
  std::string ran;
  JoinHandle<Unit> before = SpawnBlocking([&] { ran += "before"; });
  JoinHandle<Unit> first = SpawnMandatory([&] { ran += 'a'; });
  JoinHandle<Unit> between = SpawnBlocking([&] { ran += "between"; });
  SpawnMandatory([&] { ran += 'b'; }).Detach();
  pool.runtime.ShutdownBackground();
  EXPECT_TRUE(IsShutdown(BlockOn(std::move(before))));
  EXPECT_TRUE(IsShutdown(BlockOn(std::move(between))));
  EXPECT_FALSE(first.finished());
  EXPECT_EQ(pool.runtime.Shutdown(0s).running_blocking_jobs, 3u);
  pool.Open();
  EXPECT_TRUE(pool.runtime.Shutdown().clean());
  EXPECT_EQ(ran, "ab");
  EXPECT_TRUE(BlockOn(std::move(first)).ok());
}

// behaviour: tokio/src/runtime/tests/loom_blocking.rs#spawn_mandatory_blocking_should_run_even_when_shutting_down_from_other_thread
TEST(MandatoryJobsTest, OneThatWasAcceptedWhileTheRuntimeEndsRuns) {
  int accepted = 0;
  for (int round = 0; round < 200; ++round) {
    HeldPool pool;
    std::atomic<int> ready{0};
    auto together = [&] {
      ++ready;
      while (ready < 2) std::this_thread::yield();
    };
    TestThread ender([&] {
      together();
      pool.runtime.ShutdownBackground();
    });
    bool ran = false;
    if (round > 0) together();  // the first time, the job is accepted for certain
    JoinHandle<Unit> job = SpawnMandatory([&] { ran = true; });
    const bool refused = job.finished();
    if (round == 0) together();
    ender.Join();
    pool.Open();
    EXPECT_TRUE(pool.runtime.Shutdown().clean());
    EXPECT_EQ(ran, !refused);
    const Status status = BlockOn(std::move(job));
    EXPECT_TRUE(refused ? IsShutdown(status) : status.ok()) << status;
    accepted += !refused;
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace kioto
