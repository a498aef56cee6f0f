// Tasks in great numbers, wakes in storms, runtimes that come and go: A4 and A6 to A8 of the checks (README.md).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/waker_slot.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kMs = 1'000'000;

Runtime Pool(int workers) { return *RuntimeBuilder::MultiThread().WorkerThreads(workers).Build(); }

// --- A4: a storm of wakes --------------------------------------------------------------------------------------------------

// Threads that wake parked tasks by chance, and how often each task will have been woken.
class Storm {
 public:
  static constexpr int kTasks = 64, kThreads = 4;

  explicit Storm(int each) : each_(each), tasks_(kTasks) {
    for (int t = 0; t < kThreads; ++t) {
      base::FastRandom random = RandomOf(t);
      for (int i = 0; i < each_; ++i) ++tasks_[random.Below(kTasks)].quota;
    }
  }
  auto Task(int i) {
    return PollFn([this, i](Context& cx) -> Poll<Unit> {
      Parked& mine = tasks_[static_cast<size_t>(i)];
      mine.slot.Register(cx.waker());
      const int sent = mine.sent.exchange(0);
      mine.got += sent;
      received_.fetch_add(sent);
      return mine.got < mine.quota ? Poll<Unit>(kPending) : Poll<Unit>(Unit{});
    });
  }
  void Wakes(int thread) {
    base::FastRandom random = RandomOf(thread);
    for (int i = 0; i < each_; ++i) {
      Parked& chosen = tasks_[random.Below(kTasks)];
      chosen.sent.fetch_add(1);
      chosen.slot.Wake();
    }
  }
  int received() const { return received_.load(); }
  bool over() const { return received() == each_ * kThreads; }

 private:
  struct Parked {
    WakerSlot slot;
    base::Atomic<int> sent{0};
    int got = 0;
    int quota = 0;
  };
  static base::FastRandom RandomOf(int thread) { return base::FastRandom(static_cast<uint64_t>(thread) + 1); }

  const int each_;
  std::vector<Parked> tasks_;
  base::Atomic<int> received_{0};
};

// A wake that is lost leaves its task waiting: nothing goes on then, which is told after half a minute.
// check: A4
TEST(TaskChecks, NoWakeIsLostInAStorm) {
  EXPECT_TRUE(MostlyWithinItsBound([] {
    Storm storm(Scaled(2'100'000) / kGoesAtLeast / Storm::kThreads);
    Runtime runtime = Pool(2);
    std::vector<JoinHandle<Unit>> tasks;
    for (int i = 0; i < Storm::kTasks; ++i) tasks.push_back(runtime.Spawn(storm.Task(i)));
    std::vector<std::thread> threads;
    for (int t = 0; t < Storm::kThreads; ++t) threads.emplace_back([&storm, t] { storm.Wakes(t); });
    int64_t last = base::MonotonicNanos(), gap = 0;
    for (int seen = 0; !storm.over() && gap < 30'000 * kMs;) {
      const int now_received = storm.received();
      const int64_t now = base::MonotonicNanos();
      gap = std::max(gap, now - last);
      if (std::exchange(seen, now_received) != now_received) last = now;
      std::this_thread::yield();
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(storm.over()) << "a wake was lost; received: " << storm.received();
    for (auto& task : tasks) task.Abort();  // after the last wake: they have ended, or never will
    EXPECT_TRUE(runtime.Shutdown().clean());
    std::printf("%d wakes, the longest pause %.2f ms\n", storm.received(), gap / 1e6);
    return gap < 1'000 * kMs;
  }));
}

// --- A6: a flood of spawns -------------------------------------------------------------------------------------------------

// From a thread that is no worker, so many tasks that have not begun; then release(ran) runs them all.
template <class Release>
void Flood(Runtime& runtime, int tasks, Release release) {
  base::Atomic<int> ran{0};
  const auto future = [&ran] { return Lazy([&ran] { ran.fetch_add(1); }); };
  const size_t before = ResidentBytes();
  for (int i = 0; i < tasks; ++i) runtime.Spawn(future()).Detach();
  EXPECT_EQ(ran.load(), 0);
  const size_t peak = ResidentBytes();
  release(ran);
  while (runtime.handle().live_tasks() > 0) std::this_thread::yield();
  EXPECT_EQ(ran.load(), tasks);
  const size_t after = ResidentBytes();
  const size_t each = (peak - std::min(peak, before)) / static_cast<size_t>(tasks);
  std::printf("%zu bytes a task; resident %zu KiB before, %zu at most, %zu after\n", each, before >> 10, peak >> 10, after >> 10);
  if (kSanitized || tasks < 100'000) return;
  EXPECT_LE(each, sizeof(future()) + 192);
  EXPECT_LE(after, before + before / 10 + (size_t{2} << 20));  // what the memory cache keeps (kKeptEmptyBytes)
}

// check: A6
TEST(TaskChecks, AFloodFromAForeignThreadCostsWhatItsTasksCost) {
  const int tasks = Scaled(1'000'000);
  Runtime runtime = *Runtime::CurrentThread();
  Flood(runtime, tasks, [&runtime, tasks](const base::Atomic<int>& ran) {
    EXPECT_TRUE(runtime
                    .BlockOn(PollFn([&ran, tasks](Context& cx) -> Poll<Unit> {
                      if (ran.load() == tasks) return Unit{};
                      cx.Yield();
                      return kPending;
                    }))
                    .ok());
  });
}

// The same for workers that are blocked meanwhile.
// check: A6
TEST(TaskChecks, AFloodOverWorkersCostsWhatItsTasksCost) {
  static constexpr int kWorkers = 2;
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  base::Atomic<int> blocked{0};
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(kWorkers).OnStall([](const StallReport&) {}).Build();
  for (int i = 0; i < kWorkers; ++i) {
    runtime.Spawn(Lazy([&blocked, released] {
      blocked.fetch_add(1);
      released.wait();  // blocks its worker, which is the point
    })).Detach();
  }
  while (blocked.load() < kWorkers) std::this_thread::yield();
  Flood(runtime, Scaled(200'000), [&release](const base::Atomic<int>&) { release.set_value(); });
  EXPECT_TRUE(runtime.Shutdown().clean());
}

// --- A7: runtimes that come and go ------------------------------------------------------------------------------------------

// check: A7
TEST(TaskChecks, RuntimesComeAndGo) {
  const std::set<int> fds = OpenFdSet();
  base::FastRandom random(7);
  for (int cycle = Scaled(2'000); cycle > 0; --cycle) {
    const int64_t start = base::MonotonicNanos();
    {
      const int workers = static_cast<int>(random.Below(3));
      Runtime runtime = workers == 0 ? *Runtime::CurrentThread() : Pool(workers);
      for (uint32_t i = random.Below(4); i > 0; --i) {
        runtime.Spawn(With(Counted(), [](Counted&) { return YieldNow(); })).Detach();
        runtime.Spawn(With(Counted(), [](Counted&) { return Sleep(1h); })).Detach();
        runtime.Spawn(Lazy([] { SpawnBlocking([counted = Counted()] {}).Detach(); })).Detach();
      }
      for (uint32_t spin = random.Below(2'000); spin > 0; --spin) base::CpuRelax();
      if (random.Below(2) == 0) {
        EXPECT_TRUE(runtime.Shutdown().clean());
      }
    }
    ASSERT_EQ(Counted::alive(), 0) << cycle << " cycles before the end";
    ASSERT_LE(base::MonotonicNanos() - start, 30'000 * kMs);
  }
  EXPECT_EQ(OpenFdSet(), fds);
}

// --- A8: wakers that outlive what they wake ----------------------------------------------------------------------------------

// Wakers of tasks that have ended: while their runtime lives, from two threads while it goes, and when it is gone, and when the
// process ends. With them those of tasks that still wait when it goes, and end with it.
// check: A8
TEST(TaskChecks, StaleWakersWakeNothing) {
  constexpr int kTasks = 100, kPolls = 3, kTimes = 40, kWaiting = 20;
  const int rounds = Scaled(1'000'000 / (kTasks * kPolls * kTimes));
  static std::vector<Waker>* const at_exit = new std::vector<Waker>;
  for (int round = 0; round < rounds; ++round) {
    base::Mutex lock;
    std::vector<Waker> wakers, of_waiting;
    int polls = 0;
    const auto wake_copies = [&wakers, &of_waiting] {
      for (const std::vector<Waker>* all : {&wakers, &of_waiting}) {
        const std::vector<Waker> copies = *all;
        for (const Waker& waker : copies) waker.Wake();
      }
    };
    std::optional<Runtime> runtime(Pool(2));
    std::vector<JoinHandle<Unit>> tasks;
    for (int i = 0; i < kTasks; ++i) {
      tasks.push_back(runtime->Spawn(PollFn([&, mine = 0](Context& cx) mutable -> Poll<Unit> {
        base::MutexLock guard(lock);
        ++polls;
        wakers.push_back(cx.waker());
        cx.Yield();
        return ++mine < kPolls ? Poll<Unit>(kPending) : Poll<Unit>(Unit{});
      })));
    }
    base::Atomic<int> waiting{0};
    for (int i = 0; i < kWaiting; ++i) {
      runtime->Spawn(PollFn([&, first = true, held = Counted()](Context& cx) mutable -> Poll<Unit> {
        if (!std::exchange(first, false)) return kPending;
        base::MutexLock guard(lock);
        of_waiting.push_back(cx.waker());
        waiting.fetch_add(1);
        return kPending;
      })).Detach();
    }
    for (auto& task : tasks) EXPECT_TRUE(runtime->BlockOn(std::move(task)).ok());
    while (waiting.load() < kWaiting) std::this_thread::yield();
    for (int i = 0; i < kTimes / 4; ++i) wake_copies();

    base::Atomic<int> waking{0};
    base::Atomic<bool> gone{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&] {
        wake_copies();
        waking.fetch_add(1);
        while (!gone.load()) wake_copies();
        for (int i = 0; i < kTimes * 3 / 8; ++i) wake_copies();
      });
    }
    while (waking.load() < 2) std::this_thread::yield();
    if (round % 2 == 0) {
      EXPECT_TRUE(runtime->Shutdown().clean());
    }
    runtime.reset();
    EXPECT_EQ(Counted::alive(), 0);
    gone.store(true);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(polls, kTasks * kPolls);
    if (round == 0) {
      *at_exit = std::move(wakers);
      for (Waker& waker : of_waiting) at_exit->push_back(std::move(waker));
    }
  }
  static const int registered = std::atexit([] {  // once, however often the test is run
    for (const Waker& waker : *at_exit) waker.Wake();
    delete at_exit;
  });
  EXPECT_EQ(registered, 0);
}

}  // namespace
}  // namespace kioto
