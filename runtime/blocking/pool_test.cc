// The blocking pool: growth, reuse, bounds, keep-alive, its end.
#include "kioto/runtime/blocking/pool.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace {

using internal::BlockingJob;
using internal::BlockingOptions;
using internal::BlockingPool;

constexpr int64_t kLong = 60'000'000'000;

// Jobs that wait until they are let go.
class Gate {
 public:
  void Pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void AwaitInside(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return inside_ >= count; });
  }
  void Open() {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
  bool open_ = false;
};

std::shared_ptr<BlockingPool> MakePool(int threads, size_t queued, int64_t keep_alive_ns = kLong) {
  return std::make_shared<BlockingPool>(BlockingOptions{threads, queued, keep_alive_ns});
}

template <class Fn>
auto Submit(BlockingPool& pool, Fn fn) {
  return internal::SpawnOn(&pool, BlockingJob<Fn>(std::move(fn)), false, {}, base::SourceLocation::Current());
}

int64_t Soon() { return base::MonotonicNanos() + kLong; }

template <class T>
JoinOutput<T> Await(JoinHandle<T> handle) {
  while (!handle.finished()) std::this_thread::yield();
  PolledTask join(std::move(handle));
  return *join.Poll();
}

TEST(BlockingPoolTest, GivesTheResult) {
  auto pool = MakePool(4, 10);
  EXPECT_EQ(*Await(Submit(*pool, [] { return 42; })), 42);
  EXPECT_EQ(Await(Submit(*pool, [] {})), OkStatus());
  EXPECT_EQ(pool->Shutdown(Soon()), 0u);
  EXPECT_EQ(pool->threads(), 0);
}

TEST(BlockingPoolTest, ReusesAWaitingThread) {
  auto pool = MakePool(4, 10);
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(Await(Submit(*pool, [] { return 1; })).ok());
    while (pool->idle_threads() == 0) std::this_thread::yield();
  }
  EXPECT_EQ(pool->threads(), 1);
  pool->Shutdown(Soon());
}

TEST(BlockingPoolTest, KeepsToItsBounds) {
  auto pool = MakePool(2, 3);
  Gate gate;
  std::vector<JoinHandle<Unit>> jobs;
  for (int i = 0; i < 2; ++i) jobs.push_back(Submit(*pool, [&] { gate.Pass(); }));
  gate.AwaitInside(2);
  for (int i = 0; i < 3; ++i) jobs.push_back(Submit(*pool, [&] { gate.Pass(); }));
  EXPECT_EQ(pool->threads(), 2);
  EXPECT_EQ(pool->queued(), 3u);
  EXPECT_TRUE(absl::IsResourceExhausted(Await(Submit(*pool, [] { return 1; })).status()));
  gate.Open();
  for (auto& job : jobs) EXPECT_EQ(Await(std::move(job)), OkStatus());
  EXPECT_EQ(pool->threads(), 2);
  pool->Shutdown(Soon());
}

// What is accepted does not depend on how soon threads come.
TEST(BlockingPoolTest, ABurstMayWaitBesideAJobForEachThread) {
  auto pool = MakePool(2, 4);
  for (int round = 0; round < 2; ++round) {  // without a thread, and with two that are idle
    Gate gate;
    std::vector<JoinHandle<Unit>> jobs;
    for (int i = 0; i < 6; ++i) jobs.push_back(Submit(*pool, [&] { gate.Pass(); }));
    EXPECT_EQ(pool->queued(), 4u);
    EXPECT_EQ(Await(Submit(*pool, [] {})).message(),
              "BlockingQueue(4) is full: 4 jobs wait for one of at most 2 threads (MaxBlockingThreads); raise one of the two, or "
              "slow down");
    gate.Open();
    for (auto& job : jobs) EXPECT_EQ(Await(std::move(job)), OkStatus());
    while (pool->idle_threads() < 2) std::this_thread::yield();
  }
  pool->Shutdown(Soon());
}

TEST(BlockingPoolTest, WithoutAQueueEachThreadHasAJob) {
  auto pool = MakePool(3, 0);
  Gate gate;
  std::vector<JoinHandle<Unit>> jobs;
  for (int i = 0; i < 3; ++i) jobs.push_back(Submit(*pool, [&] { gate.Pass(); }));
  EXPECT_TRUE(absl::IsResourceExhausted(Await(Submit(*pool, [] {}))));
  EXPECT_EQ(pool->queued(), 0u);
  gate.Open();
  for (auto& job : jobs) EXPECT_EQ(Await(std::move(job)), OkStatus());
  pool->Shutdown(Soon());
}

// Who sees a job's end may start the next one at once, though its thread has not come back yet.
TEST(BlockingPoolTest, TheEndOfAJobMakesRoom) {
  auto pool = MakePool(1, 0);
  for (int i = 0; i < 1'000; ++i) ASSERT_EQ(Await(Submit(*pool, [] {})), OkStatus());
  pool->Shutdown(Soon());
  Runtime runtime = *RuntimeBuilder::CurrentThread().MaxBlockingThreads(1).BlockingQueue(0).Build();
  for (int i = 0; i < 1'000; ++i) {
    StatusOr<JoinHandle<Unit>> job = runtime.TrySpawnBlocking([] {});
    ASSERT_TRUE(job.ok()) << job.status();
    ASSERT_EQ(Await(*std::move(job)), OkStatus());
  }
}

TEST(BlockingPoolTest, LetsAThreadGoThatWaitedTooLong) {
  auto pool = MakePool(2, 3, /*keep_alive_ns=*/1'000'000);
  EXPECT_TRUE(Await(Submit(*pool, [] { return 1; })).ok());
  while (pool->threads() > 0) std::this_thread::yield();
  EXPECT_TRUE(Await(Submit(*pool, [] { return 1; })).ok());
  pool->Shutdown(Soon());
}

TEST(BlockingPoolTest, AnAbortedJobThatWaitsNeverRuns) {
  auto pool = MakePool(1, 3);
  Gate gate;
  JoinHandle<Unit> first = Submit(*pool, [&] { gate.Pass(); });
  gate.AwaitInside(1);
  bool ran = false;
  JoinHandle<Unit> second = Submit(*pool, [&] { ran = true; });
  second.Abort();
  gate.Open();
  EXPECT_TRUE(kioto::IsAborted(Await(std::move(second))));
  EXPECT_FALSE(ran);
  EXPECT_TRUE(Await(std::move(first)).ok());
  pool->Shutdown(Soon());
}

TEST(BlockingPoolTest, ShutdownDropsWhatWaitsAndCountsWhatRuns) {
  auto pool = MakePool(1, 3);
  auto gate = std::make_shared<Gate>();
  JoinHandle<Unit> running = Submit(*pool, [gate] { gate->Pass(); });
  gate->AwaitInside(1);
  JoinHandle<Unit> waiting = Submit(*pool, [] {});
  EXPECT_EQ(pool->Shutdown(base::MonotonicNanos()), 1u);
  EXPECT_TRUE(IsShutdown(Await(std::move(waiting))));
  EXPECT_TRUE(IsShutdown(Await(Submit(*pool, [] { return 1; })).status()));
  gate->Open();
  EXPECT_TRUE(Await(std::move(running)).ok());
  EXPECT_EQ(pool->Shutdown(Soon()), 0u);
}

// Check F1: a refused thread is an error only for a job that no thread will ever take.
TEST(BlockingPoolTest, SurvivesARefusedThread) {
  auto pool = MakePool(4, 10);
  {
    base::sys::ScopedFault fault(base::sys::Call::kThreadStart, base::sys::Fault::Every(EAGAIN));
    EXPECT_TRUE(absl::IsResourceExhausted(Await(Submit(*pool, [] { return 1; })).status()));
  }
  Gate gate;
  JoinHandle<Unit> first = Submit(*pool, [&] { gate.Pass(); });
  gate.AwaitInside(1);
  JoinHandle<int> second;
  {
    base::sys::ScopedFault fault(base::sys::Call::kThreadStart, base::sys::Fault::Every(EAGAIN));
    second = Submit(*pool, [] { return 2; });
  }
  EXPECT_FALSE(second.finished());
  gate.Open();
  EXPECT_EQ(*Await(std::move(second)), 2);
  EXPECT_TRUE(Await(std::move(first)).ok());
  pool->Shutdown(Soon());
}

// Jobs that wait for each other: nobody else asks again for the thread that was refused.
TEST(SpawnBlockingTest, AThreadThatIsRefusedOnceIsAskedForAgain) {
  for (const bool many : {false, true}) {
    RuntimeBuilder builder = many ? RuntimeBuilder::MultiThread() : RuntimeBuilder::CurrentThread();
    if (many) builder.WorkerThreads(2);
    Runtime runtime = *builder.Build();
    Gate gate;
    base::sys::ScopedFault fault(base::sys::Call::kThreadStart, base::sys::Fault::Nth(2, EAGAIN));
    const Status status = runtime.BlockOn([&] {
      JoinHandle<Unit> first = SpawnBlocking([&] { gate.Pass(); });
      JoinHandle<Unit> second = SpawnBlocking([&] { gate.Open(); });
      return TryJoin(std::move(first), std::move(second));
    });
    EXPECT_EQ(status, OkStatus());
    EXPECT_EQ(fault.hits(), 1);
    EXPECT_TRUE(runtime.Shutdown().clean());
  }
}

// The same with one that waits for a job that comes later, when the thread is refused to who queues that.
TEST(SpawnBlockingTest, AThreadThatIsRefusedToWhoQueuesAJobIsAskedForAgain) {
  Runtime runtime = *RuntimeBuilder::CurrentThread().Build();
  const EnterGuard guard = runtime.Enter();
  Gate gate;
  JoinHandle<Unit> first = SpawnBlocking([&] { gate.Pass(); });
  gate.AwaitInside(1);
  base::sys::ScopedFault fault(base::sys::Call::kThreadStart, base::sys::Fault::First(3, EAGAIN));
  JoinHandle<Unit> second = SpawnBlocking([&] { gate.Open(); });
  EXPECT_EQ(runtime.BlockOn(std::move(second)), OkStatus());
  EXPECT_EQ(fault.hits(), 3);
  EXPECT_EQ(runtime.BlockOn(std::move(first)), OkStatus());
}

// A refused function is left as it was.
TEST(SpawnBlockingTest, TryRefusesWhatThereIsNoRoomFor) {
  Runtime runtime = *RuntimeBuilder::CurrentThread().MaxBlockingThreads(1).BlockingQueue(1).Build();
  auto one = [number = std::make_unique<int>(1)] { return *number; };
  EXPECT_EQ(TrySpawnBlocking(std::move(one)).status(), OutsideRuntimeError("TrySpawnBlocking"));
  const EnterGuard guard = runtime.Enter();
  Gate gate;
  StatusOr<JoinHandle<Unit>> running = TrySpawnBlocking([&] { gate.Pass(); });
  ASSERT_TRUE(running.ok());
  gate.AwaitInside(1);
  StatusOr<JoinHandle<Unit>> waiting = TrySpawnBlocking([] {}, {"waiting"});
  ASSERT_TRUE(waiting.ok());
  EXPECT_TRUE(absl::IsResourceExhausted(TrySpawnBlocking(std::move(one)).status()));
  gate.Open();
  EXPECT_TRUE(Await(*std::move(running)).ok());
  EXPECT_TRUE(Await(*std::move(waiting)).ok());
  StatusOr<JoinHandle<int>> accepted = TrySpawnBlocking(std::move(one));
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  EXPECT_EQ(*Await(*std::move(accepted)), 1);
  EXPECT_TRUE(runtime.Shutdown().clean());
  EXPECT_TRUE(IsShutdown(TrySpawnBlocking([] {}).status()));
}

#if KIOTO_EXCEPTIONS
struct ThrowsWhenCopied {
  ThrowsWhenCopied() = default;
  ThrowsWhenCopied(const ThrowsWhenCopied&) { throw 1; }
  void operator()() const {}
};

TEST(SpawnBlockingTest, ACopyThatThrowsKeepsNoPlace) {
  Runtime runtime = *RuntimeBuilder::CurrentThread().MaxBlockingThreads(1).BlockingQueue(1).Build();
  const EnterGuard guard = runtime.Enter();
  const ThrowsWhenCopied fn;
  for (int i = 0; i < 3; ++i) EXPECT_THROW((void)TrySpawnBlocking(fn), int);
  for (int i = 0; i < 3; ++i) EXPECT_THROW((void)TrySpawnBlocking(std::move(fn)), int);  // a const one: copied
  StatusOr<JoinHandle<Unit>> job = TrySpawnBlocking([] {});
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_TRUE(Await(*std::move(job)).ok());
}
#endif

TEST(SpawnBlockingTest, AThreadMayBeKeptForEver) {
  std::atomic<int> threads{0};
  Runtime runtime = *RuntimeBuilder::CurrentThread()
                         .BlockingKeepAlive(std::chrono::nanoseconds::max())
                         .OnThreadStart([&] { ++threads; })
                         .Build();
  const EnterGuard guard = runtime.Enter();
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(Await(SpawnBlocking([] {})).ok());
  EXPECT_LT(threads, 25);  // not one each; a few, where a job comes before the thread of the last one waits
}

TEST(SpawnBlockingTest, AHandleHasThePoolOfItsRuntime) {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok());
  const Handle handle = runtime->handle();
  const uint64_t id = handle.id();
  EXPECT_EQ(*Await(handle.SpawnBlocking([] { return Handle::Current()->id(); }, {"asks"})), id);
  EXPECT_EQ(*Await(runtime->SpawnBlocking([] { return Handle::Current()->id(); })), id);
  auto asks = [one = std::make_unique<int>(1)] { return Handle::Current()->id() + *one; };
  EXPECT_EQ(*Await(*handle.TrySpawnBlocking(std::move(asks), {"asks"})), id + 1);
  EXPECT_EQ(*Await(*runtime->TrySpawnBlocking([] { return Handle::Current()->id(); })), id);
  EXPECT_TRUE(runtime->Shutdown().clean());
  EXPECT_TRUE(IsShutdown(handle.TrySpawnBlocking([] {}).status()));
  EXPECT_TRUE(IsShutdown(Await(handle.SpawnBlocking([] {}))));
}

TEST(SpawnBlockingTest, OutsideARuntimeSaysSo) {
  JoinHandle<int> job = SpawnBlocking([] { return 1; });
  EXPECT_EQ(Await(std::move(job)).status().message(), OutsideRuntimeError("SpawnBlocking").message());
}

}  // namespace
}  // namespace kioto
