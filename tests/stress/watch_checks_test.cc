// What watches a runtime: stall reports, dumps, metrics: K1 to K3 of the checks (README.md).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/scheduler/thread_stack.h"
#include "kioto/runtime/task/task_dump.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kMs = 1'000'000;

// --- K1: stalls ------------------------------------------------------------------------------------------------------------

// A runtime whose tasks stay in their polls for so long, one after the other, as many as are reported at once. How many were.
// They sleep for `slept`, then compute. Of the time on a processor: what a thread waits for one is no stall.
int StallsReported(int64_t length_ns, std::chrono::nanoseconds slept = {}) {
  base::Atomic<int> stalls{0};
  Runtime runtime = *RuntimeBuilder::MultiThread()
                         .WorkerThreads(1)
                         .OnStall([&stalls](const StallReport&) { stalls.fetch_add(1); })
                         .Build();
  for (int i = 0; i < limits::kStallBurst; ++i) {
    EXPECT_TRUE(runtime
                    .BlockOn(runtime.Spawn(Lazy([length_ns, slept] {
                      if (slept.count() > 0) std::this_thread::sleep_for(slept);  // NOLINT(words): a poll that blocks
                      const int64_t end = CpuNanos() + length_ns;
                      while (CpuNanos() < end) {
                      }
                    })))
                    .ok());
  }
  EXPECT_TRUE(runtime.Shutdown().clean());
  return stalls.load();
}

// Reports are rationed, so each runtime has a few stalls only.
// check: K1
TEST(WatchChecks, StallsAreReportedAndNothingElseIs) {
  const int runtimes = std::max(1, Scaled(21) / kGoesAtLeast);
  EXPECT_TRUE(MostlyWithinItsBound([runtimes] {
    int reported = 0, wrongly = 0;
    for (int i = 0; i < runtimes; ++i) {
      reported += StallsReported(30 * kMs);
      wrongly += StallsReported(10 * kMs);
    }
    const int stalls = runtimes * limits::kStallBurst;
    std::printf("%d of %d stalls reported, and %d that were none\n", reported, stalls, wrongly);
    return reported >= stalls * (kTimesCount ? 95 : 75) / 100 && wrongly == 0;
  }));
}

// Polls of all lengths up to 15 ms on a processor, more of them at once than there are processors, for a second. Ten minutes at
// KIOTO_STRESS_SCALE=600.
// check: K1
TEST(WatchChecks, ShortPollsAreNeverReported) {
  const auto length = std::chrono::seconds(Scaled(1));
  base::Atomic<int> stalls{0};
  base::Atomic<int> polls{0};
  Runtime runtime = *RuntimeBuilder::MultiThread()
                         .WorkerThreads(4)
                         .OnStall([&stalls](const StallReport& report) {
                           stalls.fetch_add(1);
                           std::printf("a false report, of %.1f ms\n", static_cast<double>(report.stalled.count()) / 1e6);
                         })
                         .Build();
  const int64_t end = base::MonotonicNanos() + std::chrono::nanoseconds(length).count();
  std::vector<JoinHandle<Unit>> tasks;
  for (int i = 0; i < 4; ++i) {
    tasks.push_back(runtime.Spawn(PollFn([&polls, end](Context& cx) -> Poll<Unit> {
      if (base::MonotonicNanos() >= end) return Unit{};
      polls.fetch_add(1);
      const int64_t until = CpuNanos() + int64_t{cx.Random(15'000)} * 1'000;
      while (CpuNanos() < until) {
      }
      cx.Yield();
      return kPending;
    })));
  }
  for (auto& task : tasks) EXPECT_TRUE(runtime.BlockOn(std::move(task)).ok());
  EXPECT_TRUE(runtime.Shutdown().clean());
  std::printf("%d polls, %d reports\n", polls.load(), stalls.load());
  EXPECT_GT(polls.load(), 0);
  EXPECT_EQ(stalls.load(), 0);
}

// Neither the sleep nor what follows is a stall by itself.
// check: K1
TEST(WatchChecks, APollThatBlocksAndThenComputesIsAStall) {
  EXPECT_TRUE(MostlyWithinItsBound([] { return StallsReported(20 * kMs, 20ms) >= limits::kStallBurst * (kTimesCount ? 4 : 3) / 5; }));
}

// Of the time on a processor: how much is the monitor's, with its switches from thread to thread, while one worker polls; and how
// much is a thread's that does nothing but sleep as long each time.
struct Parts {
  double monitor = 0;
  double sleeper = 0;
};

// While one worker polls so long. What the monitor costs the worker: tools/bench/watched.
Parts PartsBesideAWorker(int64_t length_ns) {
  base::Atomic<bool> stop{false};
  int64_t slept_ns = 0;
  std::thread sleeper([&] {
    const std::chrono::nanoseconds tick(limits::kMonitorTickNs);
    while (!stop.load()) std::this_thread::sleep_for(tick);  // NOLINT(words): what it costs is what is measured
    slept_ns = CpuNanos();
  });
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(1).Build();
  EXPECT_TRUE(runtime
                  .BlockOn(runtime.Spawn(PollFn([length_ns, begun = int64_t{0}](Context& cx) mutable -> Poll<Unit> {
                    const int64_t now = CpuNanos();
                    if (begun == 0) begun = now;
                    if (now - begun >= length_ns) return Unit{};
                    cx.Yield();
                    return kPending;
                  })))
                  .ok());
  const int64_t monitor_ns = internal::TimesOfThread(ThreadNamed("kioto-monitor")).on_cpu_ns;  // since it began
  stop.store(true);
  sleeper.join();
  EXPECT_TRUE(runtime.Shutdown().clean());
  std::printf("the monitor took %.3f ms beside %.0f ms of work, a thread that only sleeps %.3f\n", monitor_ns / 1e6, length_ns / 1e6,
              slept_ns / 1e6);
  EXPECT_GT(monitor_ns, 0);
  const auto part = [length_ns](int64_t ns) { return static_cast<double>(ns) / static_cast<double>(ns + length_ns); };
  return {part(monitor_ns), part(slept_ns)};
}

// A hundredth, where waking up takes less than that; else hardly more than it must.
// check: K1
TEST(WatchChecks, TheMonitorTakesAHundredthOfTheTimeOrHardlyMoreThanWakingUpDoes) {
  const int64_t length_ns = Scaled(1'000) / kGoesAtLeast * kMs;
  EXPECT_TRUE(MostlyWithinItsBound([length_ns] {
    const Parts parts = PartsBesideAWorker(length_ns);
    return parts.monitor <= std::max(0.01, 1.5 * parts.sleeper) || !kTimesCount;
  }));
}

// --- K2: dumps ---------------------------------------------------------------------------------------------------------------

// Ten thousand tasks wait, others come and go, and all that wait are in each dump.
// check: K2
TEST(WatchChecks, ADumpOfTenThousandTasksHasThemAll) {
  constexpr size_t kTasks = 10'000;
  EXPECT_TRUE(MostlyWithinItsBound([] {
    base::Atomic<bool> stop{false};
    Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
    std::vector<uint64_t> waiting;
    for (size_t i = 0; i < kTasks; ++i) {
      JoinHandle<Unit> task = runtime.Spawn(Never());
      waiting.push_back(task.id());
      std::move(task).Detach();
    }
    std::sort(waiting.begin(), waiting.end());
    for (int i = 0; i < 4; ++i) {
      runtime.Spawn(Loop([&stop] {
        return Spawn(YieldNow()).Then([&stop](auto&) -> Flow<> { return stop.load() ? Flow<>(Break()) : Flow<>(Continue()); });
      })).Detach();
    }
    int64_t longest = 0;
    for (int i = 0; i < 2; ++i) {
      const int64_t start = base::MonotonicNanos();
      const RuntimeDump dump = runtime.Dump();
      longest = std::max(longest, base::MonotonicNanos() - start);
      std::vector<uint64_t> listed;
      for (const TaskDump& task : dump.tasks) listed.push_back(task.id);
      EXPECT_TRUE(std::includes(listed.begin(), listed.end(), waiting.begin(), waiting.end()));
    }
    stop.store(true);
    EXPECT_TRUE(runtime.Shutdown().clean());
    std::printf("a dump of %zu tasks in %.2f ms\n", kTasks, longest / 1e6);
    return longest <= 1'000 * kMs;
  }));
}

// A thousand dumps by two threads, of tasks that spawn, join, wait and end.
// check: K2
TEST(WatchChecks, DumpsAndTasksDoNotStopEachOther) {
  const int each = Scaled(1'000) / 2;
  base::Atomic<int> dumpers{2}, batches{0};
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  auto tasks = runtime.Spawn(Loop([&] {
    std::vector<JoinHandle<Unit>> batch;
    for (int i = 0; i < 100; ++i) batch.push_back(Spawn(YieldNow()));
    return JoinAll(std::move(batch)).Then([&](auto&) -> Flow<> {
      batches.fetch_add(1);
      return dumpers.load() > 0 ? Flow<>(Continue()) : Flow<>(Break());
    });
  }));
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < each; ++k) (void)runtime.Dump().ToString();
      dumpers.fetch_sub(1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(runtime.BlockOn(std::move(tasks)).ok());
  EXPECT_TRUE(runtime.Shutdown().clean());
  std::printf("%d dumps beside %d batches of tasks\n", 2 * each, batches.load());
}

// --- K3: metrics ---------------------------------------------------------------------------------------------------------------

// What they cost: the bars of tools/bench/exact_bars.tsv, which count every instruction of a poll.
// check: K3
TEST(WatchChecks, MetricsAddUpToTheWorkThatWasDone) {
  constexpr int kYields = 9, kThreads = 2, kWorkers = 2;
  const int each = Scaled(10'000);
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(kWorkers).Build();
  base::Atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        runtime.Spawn(With(0, [&done](int& yields) {
          return Loop([&] {
            return YieldNow().Then([&]() -> Flow<> {
              if (++yields < kYields) return Continue();
              done.fetch_add(1);
              return Break();
            });
          });
        })).Detach();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const RuntimeMetrics metrics = runtime.metrics();
  while (metrics.alive_tasks() > 0) std::this_thread::yield();
  EXPECT_TRUE(runtime.Shutdown().clean());
  const uint64_t tasks = static_cast<uint64_t>(kThreads) * static_cast<uint64_t>(each);
  uint64_t polls = 0, local_schedules = 0;
  for (size_t i = 0; i < kWorkers; ++i) {
    polls += metrics.worker(i).polls;
    local_schedules += metrics.worker(i).local_schedules;
  }
  EXPECT_EQ(static_cast<uint64_t>(done.load()), tasks);
  EXPECT_EQ(metrics.spawned_tasks(), tasks);
  EXPECT_EQ(metrics.remote_schedules(), tasks);
  EXPECT_EQ(polls, tasks * (kYields + 1));
  EXPECT_EQ(local_schedules, tasks * kYields);
  EXPECT_EQ(metrics.budget_forced_yields(), 0u);
}

}  // namespace
}  // namespace kioto
