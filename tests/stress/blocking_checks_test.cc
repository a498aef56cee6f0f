// The blocking pool under load and refusals: F1 to F4 of the checks (README.md).
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/log.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/blocking/pool.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tests/stress/jobs.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;
using base::sys::Fault;
using base::sys::ScopedFault;
using internal::BlockingJob;
using internal::BlockingOptions;
using internal::BlockingPool;

constexpr int64_t kSecond = 1'000'000'000;

template <class Fn>
auto Submit(BlockingPool& pool, Fn fn) {
  return internal::SpawnOn(&pool, BlockingJob<Fn>(std::move(fn)), false, {}, base::SourceLocation::Current());
}

// The system refuses threads: all of them, the first ones, the second one, some by chance. Every job ends or is refused, at once.
// check: F1
TEST(BlockingChecks, RefusedThreadsOrphanNoJob) {
  const int jobs = std::max(2, Scaled(10'000));
  for (const Fault& fault : {Fault::Every(EAGAIN), Fault::First(100, EAGAIN), Fault::Nth(2, EAGAIN), Fault::Sometimes(0.5, EAGAIN, 1),
                             Fault::Sometimes(0.5, EAGAIN, 2)}) {
    EXPECT_TRUE(MostlyWithinItsBound([&fault, jobs] {
      auto pool = std::make_shared<BlockingPool>(
          BlockingOptions{/*max_threads=*/8, /*max_queued=*/static_cast<size_t>(jobs), /*keep_alive_ns=*/1'000});
      base::Atomic<int> ran{0};
      base::Atomic<bool> go{false};
      std::vector<JoinHandle<Unit>> handles;
      {
        ScopedFault refused(base::sys::Call::kThreadStart, fault);
        // The first one keeps its thread, if it gets any, until a thread was refused: or one might do them all.
        handles.push_back(Submit(*pool, [&ran, &go] {
          ran.fetch_add(1);
          while (!go.load()) std::this_thread::yield();
        }));
        for (int i = 1; i < jobs; ++i) handles.push_back(Submit(*pool, [&ran] { ran.fetch_add(1); }));
        for (const int64_t end = base::MonotonicNanos() + 10 * kSecond; refused.hits() == 0 && base::MonotonicNanos() < end;) {
          std::this_thread::yield();
        }
        go.store(true);
        EXPECT_GT(refused.hits(), 0);
      }
      const int64_t submitted = base::MonotonicNanos();
      const int done = CountDone(std::move(handles));
      EXPECT_EQ(done, ran.load());
      const int64_t took = base::MonotonicNanos() - submitted;
      EXPECT_TRUE(pool->Waiting().empty());
      EXPECT_EQ(pool->Shutdown(base::MonotonicNanos() + 30 * kSecond), 0u);
      EXPECT_EQ(pool->threads(), 0);
      std::printf("%d of %d ran; all had ended after %.2f ms\n", ran.load(), jobs, took / 1e6);
      return took <= kSecond;
    }));
  }
}

// A runtime that gets none of its threads, or not all, says so, and leaves none.
// check: F1
TEST(BlockingChecks, ARuntimeWithoutThreadsIsRefused) {
  for (int nth = 1; nth <= 3; ++nth) {
    ScopedFault refused(base::sys::Call::kThreadStart, Fault::Nth(nth, EAGAIN));
    const StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
    EXPECT_EQ(refused.hits(), 1) << nth;
    EXPECT_FALSE(runtime.ok()) << nth;
    EXPECT_TRUE(absl::StrContains(runtime.status().message(), "thread")) << runtime.status();
  }
}

// A hundred thousand jobs at once keep to the bounds; what is too much is refused, and counted; the threads go.
// check: F2
TEST(BlockingChecks, AFloodKeepsToTheBounds) {
  constexpr int kThreads = 8;
  constexpr size_t kQueue = 1'024;
  const int jobs = Scaled(100'000);
  auto pool = std::make_shared<BlockingPool>(BlockingOptions{kThreads, kQueue, /*keep_alive_ns=*/50'000'000});
  base::Atomic<int> ran{0}, running{0}, most{0};
  std::vector<JoinHandle<Unit>> handles;
  for (int i = 0; i < jobs; ++i) {
    handles.push_back(Submit(*pool, [&] {
      const int now = running.fetch_add(1) + 1;
      for (int seen = most.load(); seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      while (most.load() < kThreads) std::this_thread::yield();  // the first ones block until all threads are there
      ran.fetch_add(1);
      running.fetch_sub(1);
    }));
    if (i % 64 == 0) {
      ASSERT_LE(pool->threads(), kThreads);
      ASSERT_LE(pool->Waiting().size(), kThreads + kQueue);
    }
  }
  const int done = CountDone(std::move(handles));
  EXPECT_EQ(done, ran.load());
  EXPECT_EQ(most.load(), kThreads);
  const int64_t start = base::MonotonicNanos();
  while (pool->threads() > 0 && base::MonotonicNanos() - start < 15 * kSecond) std::this_thread::yield();
  EXPECT_EQ(pool->threads(), 0);
  EXPECT_EQ(pool->Shutdown(base::MonotonicNanos() + 30 * kSecond), 0u);
  std::printf("%d of %d ran, %d at once\n", ran.load(), jobs, most.load());
}

// The same with jobs that do not end: how many are refused is known before, whether all threads are there by then or none.
// check: F2
TEST(BlockingChecks, WhatIsTooMuchIsRefusedExactly) {
  for (const bool begun : {true, false}) {
    constexpr int kThreads = 8, kQueue = 1'024, kTooMany = 500;
    auto pool = std::make_shared<BlockingPool>(BlockingOptions{kThreads, kQueue, kSecond});
    base::Atomic<bool> open{false};
    base::Atomic<int> inside{0};
    std::vector<JoinHandle<Unit>> handles;
    const auto job = [&] {
      inside.fetch_add(1);
      while (!open.load()) std::this_thread::yield();
    };
    for (int i = 0; i < kThreads; ++i) handles.push_back(Submit(*pool, job));
    while (begun && inside.load() < kThreads) std::this_thread::yield();
    for (int i = 0; i < kQueue + kTooMany; ++i) handles.push_back(Submit(*pool, job));
    EXPECT_EQ(pool->queued(), static_cast<size_t>(kQueue));
    open.store(true);
    EXPECT_EQ(CountDone(std::move(handles)), kThreads + kQueue);
    EXPECT_EQ(pool->Shutdown(base::MonotonicNanos() + 30 * kSecond), 0u);
  }
}

// Shuts a runtime down that has a job which does not end, and others behind it that may not be dropped. How long that took.
int64_t ShutdownBesideAStuckJob(RuntimeBuilder builder) {
  constexpr int kMandatory = 20;
  base::Atomic<bool> inside{false}, left{false};
  std::promise<void> release;
  int64_t took = 0;
  {
    Runtime runtime = *builder.MaxBlockingThreads(1).Build();
    const EnterGuard entered = runtime.Enter();
    SpawnBlocking([&, released = release.get_future().share()] {
      inside.store(true);
      released.wait();
      left.store(true);
    }, {"stuck job"}).Detach();
    while (!inside.load()) std::this_thread::yield();
    for (int i = 0; i < kMandatory; ++i) internal::SpawnMandatoryBlocking(Ready(i)).Detach();
    const int64_t start = base::MonotonicNanos();
    const ShutdownReport report = runtime.Shutdown(1s);
    took = base::MonotonicNanos() - start;
    EXPECT_EQ(report.running_blocking_jobs, 1u + kMandatory);
    EXPECT_EQ(report.stuck.size(), 1u);
    if (!report.stuck.empty()) {
      EXPECT_TRUE(absl::StrContains(report.stuck[0], "stuck job")) << report.stuck[0];
      EXPECT_TRUE(absl::StrContains(report.stuck[0], "blocking_checks_test.cc")) << report.stuck[0];
      std::printf("%s\n", report.stuck[0].c_str());
    }
  }
  release.set_value();
  while (!left.load()) std::this_thread::yield();
  EXPECT_GE(took, kSecond);
  return took;
}

// The runtime's end waits as long as it was told, counts the jobs, and names the one that is stuck. Both flavours at once: they
// only wait.
// check: F3
TEST(BlockingChecks, TheEndDoesNotWaitForAJobThatIsStuckAndNamesIt) {
  EXPECT_TRUE(MostlyWithinItsBound([] {
    int64_t many = 0;
    std::thread other([&many] { many = ShutdownBesideAStuckJob(std::move(RuntimeBuilder::MultiThread().WorkerThreads(1))); });
    const int64_t one = ShutdownBesideAStuckJob(RuntimeBuilder::CurrentThread());
    other.join();
    std::printf("shut down in %.0f ms and %.0f\n", one / 1e6, many / 1e6);
    return std::max(one, many) <= kSecond + kSecond / 10;
  }));
}

// A job waits for a task that needs the pool. With a thread to spare it ends, a thousand times.
// check: F4
TEST(BlockingChecks, AJobMayWaitForWorkThatNeedsThePool) {
  for (const int workers : {0, 2}) {
    RuntimeBuilder builder = workers == 0 ? RuntimeBuilder::CurrentThread() : RuntimeBuilder::MultiThread();
    if (workers > 0) builder.WorkerThreads(workers);
    Runtime runtime = *builder.MaxBlockingThreads(2).Build();
    const Handle handle = runtime.handle();
    for (int i = Scaled(1'000); i > 0; --i) {
      base::Atomic<bool> inner{false};
      const Status ended = runtime.BlockOn([&] {
        return Timeout(30s, SpawnBlocking([&, handle] {
                         return handle.BlockOn(Lazy([&] { return SpawnBlocking([&] { inner.store(true); }); }));
                       }));
      });
      ASSERT_TRUE(ended.ok()) << ended;
      ASSERT_TRUE(inner.load());
    }
    EXPECT_TRUE(runtime.Shutdown().clean());
  }
}

// Keeps the lines, and lets somebody go at one that tells of a deadlock.
class Lines final : public LogSink {
 public:
  explicit Lines(base::Atomic<bool>* release) : release_(release), before_(SetLogSink(this)) { base::ResetLogRateForTest(); }
  ~Lines() override { SetLogSink(before_); }
  void Write(absl::string_view line) override {
    {
      base::MutexLock lock(mutex_);
      lines_.emplace_back(line);
    }
    if (absl::StrContains(line, "DEADLOCK")) release_->store(true);
  }
  std::vector<std::string> Take() {
    base::MutexLock lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  base::Atomic<bool>* const release_;
  LogSink* const before_;
  base::Mutex mutex_;
  std::vector<std::string> lines_;
};

// Without one it would wait for ever, and the log says so, and where the job was spawned.
// check: F4
TEST(BlockingChecks, AJobThatWaitsForOneBehindItIsTold) {
  for (const int workers : {0, 2}) {
    RuntimeBuilder builder = workers == 0 ? RuntimeBuilder::CurrentThread() : RuntimeBuilder::MultiThread();
    if (workers > 0) builder.WorkerThreads(workers);
    base::Atomic<bool> release{false}, inner{false};
    Lines lines(&release);
    Runtime runtime = *builder.MaxBlockingThreads(1).Build();
    const Handle handle = runtime.handle();
    const int64_t start = base::MonotonicNanos();
    const Status ended = runtime.BlockOn([&] {
      return Timeout(30s, SpawnBlocking([&, handle] {
                       handle.SpawnBlocking([&] { inner.store(true); }).Detach();
                       while (!inner.load() && !release.load()) std::this_thread::yield();
                     }, {"waits"}));
    });
    const int64_t took = base::MonotonicNanos() - start;
    release.store(true);  // if nobody has told
    EXPECT_EQ(ended, OkStatus());
    EXPECT_TRUE(runtime.Shutdown().clean());
    std::vector<std::string> told = lines.Take();
    told.erase(std::remove_if(told.begin(), told.end(), [](auto& line) { return !absl::StrContains(line, "DEADLOCK"); }), told.end());
    EXPECT_LE(took, 20 * kSecond);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_TRUE(absl::StrContains(told[0], "\"waits\", spawned at")) << told[0];
    EXPECT_TRUE(absl::StrContains(told[0], "blocking_checks_test.cc")) << told[0];
    std::printf("told after %.2f s\n", took / 1e9);
  }
}

}  // namespace
}  // namespace kioto
