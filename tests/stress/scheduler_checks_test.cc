// The scheduler under tasks that would keep a worker for themselves: A1 to A3, A9 and A10 of the checks (README.md).
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/waker_slot.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/scheduler/thread_stack.h"
#include "kioto/sync/mpsc.h"
#include "kioto/tests/stress/echo.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kMs = 1'000'000;

Runtime Pool(int workers) { return *RuntimeBuilder::MultiThread().WorkerThreads(workers).Build(); }

// --- A1, A9: tasks that are always ready --------------------------------------------------------------------------------

// Two tasks that wake each other for ever, on the one worker.
class Pair {
 public:
  explicit Pair(const Runtime& runtime) {
    for (int i = 0; i < 2; ++i) {
      tasks_.push_back(runtime.Spawn(PollFn([this, i](Context& cx) -> Poll<Unit> {
        sides_[i].Register(cx.waker());
        turns_.fetch_add(1);
        sides_[1 - i].Wake();
        return stop_.load() ? Poll<Unit>(Unit{}) : Poll<Unit>(kPending);
      })));
    }
  }
  int Stop(const Runtime& runtime) {
    stop_.store(true);
    for (WakerSlot& side : sides_) side.Wake();
    for (auto& task : tasks_) EXPECT_TRUE(runtime.BlockOn(std::move(task)).ok());
    return turns_.load();
  }

 private:
  WakerSlot sides_[2];
  base::Atomic<bool> stop_{false};
  base::Atomic<int> turns_{0};
  std::vector<JoinHandle<Unit>> tasks_;
};

// A third task, a timer and a socket of the worker go on. What the machine takes from the worker, one that is always busy, is not
// ours: the gap counts by the time that it is on a processor; 99 of 100 timers may be late by as much more as it was kept from
// one, and as a thread that only sleeps is late, since who waits for them is such a thread.
// check: A1
TEST(SchedulerChecks, APairThatWakesItselfHoldsUpNothing) {
  EXPECT_TRUE(MostlyWithinItsBound([] {
    base::Atomic<bool> stop{false};
    int64_t gap = 0, away = 0;
    std::vector<int64_t> late;
    SleeperBeside beside;
    Runtime runtime = Pool(1);
    Pair pair(runtime);
    auto bystander = runtime.Spawn(PollFn([&, last = int64_t{0}, last_on = int64_t{0}](Context& cx) mutable -> Poll<Unit> {
      const int64_t now = base::MonotonicNanos(), on = CpuNanos();
      if (last != 0) {
        gap = std::max(gap, on - last_on);
        away = std::max(away, (now - last) - (on - last_on));
      }
      last = now;
      last_on = on;
      if (stop.load()) return Unit{};
      cx.Yield();
      return kPending;
    }));
    EchoedConnection connection(runtime);
    const int64_t end = base::MonotonicNanos() + Scaled(kTimesCount ? 10'000 : 1'000) / kGoesAtLeast * kMs;
    while (base::MonotonicNanos() < end) {
      const int64_t start = base::MonotonicNanos();
      EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(Sleep(5ms))).ok());
      late.push_back(base::MonotonicNanos() - start - 5 * kMs);
      for (int i = 0; i < 10; ++i) connection.Exchange();
    }
    const int turns = pair.Stop(runtime);
    stop.store(true);
    EXPECT_TRUE(runtime.BlockOn(std::move(bystander)).ok());
    EXPECT_GT(turns, 1000);
    const int64_t p99 = connection.p99(), late99 = Percentile99(late), late99_beside = beside.Late99();
    std::printf("bystander %.2f ms, timers' p99 %.2f, echo p99 %.2f; %d turns; the worker was kept waiting %.2f, a thread that only "
                "sleeps is late by %.2f\n", gap / 1e6, late99 / 1e6, p99 / 1e6, turns, away / 1e6, late99_beside / 1e6);
    const int64_t bound = (kTimesCount ? 10 : 50) * kMs;
    return gap <= bound && late99 <= bound + away + late99_beside && late.back() <= 10 * bound + away && p99 <= bound + away &&
           (!kTimesCount || gap + away <= 50 * kMs);
  }));
}

// Wakes itself in every poll, and counts them.
auto AlwaysWoken(base::Atomic<bool>& stop, int& polls) {
  return PollFn([&stop, &polls](Context& cx) -> Poll<Unit> {
    ++polls;
    if (stop.load()) return Unit{};
    cx.waker().Wake();
    return kPending;
  });
}

// A thousand of them: each has one poll a round, and the socket its turn.
// check: A9
TEST(SchedulerChecks, AThousandTasksThatWakeThemselvesTakeTurns) {
  const int tasks = Scaled(1'000);
  std::vector<int> polls(tasks);
  {
    base::Atomic<bool> stop{false};
    Runtime runtime = *Runtime::CurrentThread();
    for (int& mine : polls) runtime.Spawn(AlwaysWoken(stop, mine)).Detach();
    EXPECT_TRUE(runtime.BlockOn(Sleep(20ms)).ok());
    const std::vector<int> before = polls;
    std::pair<int, int> least_and_most;
    do {
      EXPECT_TRUE(runtime.BlockOn(Sleep(50ms)).ok());
      std::vector<int> since;
      for (size_t i = 0; i < polls.size(); ++i) since.push_back(polls[i] - before[i]);
      const auto ends = std::minmax_element(since.begin(), since.end());
      least_and_most = {*ends.first, *ends.second};
    } while (least_and_most.second == 0);
    EXPECT_LE(least_and_most.second - least_and_most.first, 1);
  }
  EXPECT_TRUE(MostlyWithinItsBound([&polls, tasks] {
    base::Atomic<bool> stop{false};
    SleeperBeside beside;
    Runtime runtime = Pool(2);
    for (int& mine : polls) runtime.Spawn(AlwaysWoken(stop, mine)).Detach();
    EchoedConnection connection(runtime);
    for (int i = 0; i < 200; ++i) connection.Exchange();
    stop.store(true);
    const int64_t p99_beside = beside.Late99();
    std::printf("echo p99 %.2f ms among %d; a thread that only sleeps is late by %.2f\n", connection.p99() / 1e6, tasks,
                p99_beside / 1e6);
    return connection.p99() <= (kTimesCount ? 10 : 50) * kMs + p99_beside;
  }));
}

// behaviour: kioto/runtime/scheduler/worker.h#what_was_injected_goes_before_what_a_driver_brings
// More timers than a worker's ring has places, all due again before their tasks' turn comes: what finds no place waits with what
// other threads inject, and is not overtaken for ever.
// check: A9
TEST(SchedulerChecks, TasksOfMoreTimersThanAWorkerHasTimeForTakeTurns) {
  constexpr int kTasks = 700;
  std::vector<int> polls(kTasks);
  base::Atomic<int> left{Scaled(kTasks * 100)};
  base::Atomic<bool> all{false};  // were spawned: before that the first have more turns
  {
    Runtime runtime = Pool(1);
    std::vector<JoinHandle<Unit>> tasks;
    for (int& mine : polls) {
      tasks.push_back(runtime.Spawn(Loop([&mine, &left, &all] {
        return Sleep(1ms).Then([&mine, &left, &all](auto&) {
          for (const int64_t start = base::MonotonicNanos(); base::MonotonicNanos() - start < 5'000;) {
          }
          if (!all.load()) return Flow<Unit>(Continue());
          ++mine;
          return left.fetch_sub(1) > 0 ? Flow<Unit>(Continue()) : Flow<Unit>(Break(Unit{}));
        });
      })));
    }
    all.store(true);
    for (auto& task : tasks) EXPECT_TRUE(runtime.BlockOn(std::move(task)).ok());
  }
  const auto ends = std::minmax_element(polls.begin(), polls.end());
  std::printf("%d to %d turns\n", *ends.first, *ends.second);
  // The monitor may fire some if the worker loses its processor.
  EXPECT_LE(*ends.second - *ends.first, 8 + *ends.second / 20);
}

// --- A2: the slot of a worker that computes --------------------------------------------------------------------------------

// How long a peer waited for its turn, of each of so many wakes: less what the three threads that it goes through waited for a
// processor, since more than one of them may have to in a row, which a thread that only sleeps does not see.
using Waits = std::vector<int64_t>;

// What the workers and the monitor have waited for a processor, until now.
class KeptWaiting {
 public:
  KeptWaiting() {
    constexpr const char* kNames[] = {"kioto-worker-0", "kioto-worker-1", "kioto-monitor"};
    for (size_t i = 0; i < 3; ++i) {
      // A thread names itself when it begins; of the runtime before this one, none is left.
      while ((threads_[i] = ThreadNamed(kNames[i])) == 0) std::this_thread::yield();
    }
  }
  int64_t nanos() const {
    int64_t sum = 0;
    for (int thread : threads_) sum += std::max<int64_t>(0, internal::TimesOfThread(thread).delay_ns);
    return sum;
  }

 private:
  int threads_[3];
};

// A task wakes another one, into the slot of its worker, and computes for 50 ms, or until the other has begun.
Waits WakesIntoTheSlot(int wakes) {
  struct Peer {
    WakerSlot slot;
    base::Atomic<int> waits{0};    // for its n-th wake
    base::Atomic<int> started{0};  // n-th times
    base::Atomic<bool> stop{false};
  } peer;
  Waits waited;
  Runtime runtime = Pool(2);
  auto woken = runtime.Spawn(PollFn([&peer](Context& cx) -> Poll<Unit> {
    peer.started.store(peer.waits.load());
    if (peer.stop.load()) return Unit{};
    peer.slot.Register(cx.waker());
    peer.waits.fetch_add(1);
    return kPending;
  }));
  const KeptWaiting kept_waiting;
  auto computes = runtime.Spawn(PollFn([&, n = 1, last = int64_t{0}](Context& cx) mutable -> Poll<Unit> {
    if (n > wakes) return Unit{};
    cx.Yield();
    if (peer.waits.load() != n || base::MonotonicNanos() - last < kMs) return kPending;  // so long that the other worker has parked
    const int64_t kept_before = kept_waiting.nanos(), start = base::MonotonicNanos();
    peer.slot.Wake();
    do {
      last = base::MonotonicNanos();
    } while (peer.started.load() != n && last - start < 50 * kMs);
    waited.push_back(std::max<int64_t>(0, last - start - (kept_waiting.nanos() - kept_before)));
    ++n;
    return kPending;
  }));
  EXPECT_TRUE(runtime.BlockOn(std::move(computes)).ok());
  peer.stop.store(true);
  peer.slot.Wake();
  EXPECT_TRUE(runtime.BlockOn(std::move(woken)).ok());
  return waited;
}

// check: A2
TEST(SchedulerChecks, WhatLiesInTheSlotOfAWorkerThatComputesStartsElsewhere) {
  const int wakes = Scaled(100);
  EXPECT_TRUE(MostlyWithinItsBound([wakes] {
    SleeperBeside beside;
    Waits waited = WakesIntoTheSlot(wakes);
    EXPECT_EQ(waited.size(), static_cast<size_t>(wakes));
    const int64_t p99 = Percentile99(waited), p99_beside = beside.Late99();
    const int64_t p90 = waited[waited.size() * 90 / 100], p98 = waited[(waited.size() - 1) * 98 / 100];
    std::printf("%d wakes: p90 %.2f ms, p98 %.2f, p99 %.2f, at most %.2f; a thread that only sleeps is late by %.2f\n", wakes,
                p90 / 1e6, p98 / 1e6, p99 / 1e6, waited.back() / 1e6, p99_beside / 1e6);
    // Without optimization beside other tests: those may hold up the monitor, or the worker that is to take it.
    // With it 99 are within 5 ms where nothing else runs; where something does, it takes a slice of a processor now and then.
    return kTimesCount ? p98 <= p99_beside + 5 * kMs && p99 <= p99_beside + 8 * kMs : p90 <= p99_beside + 20 * kMs;
  }));
}

// --- A3: workers that block --------------------------------------------------------------------------------------------------

// check: A3
TEST(SchedulerChecks, WhatIsQueuedOnBlockedWorkersRunsElsewhere) {
  static constexpr int kBlocked = 3, kEach = 334;
  EXPECT_TRUE(MostlyWithinItsBound([] {
    std::promise<void> release;
    const std::shared_future<void> released = release.get_future().share();
    base::Atomic<int> inside{0}, done{0}, stalls{0};
    base::Atomic<int64_t> ended{0};
    Runtime runtime = *RuntimeBuilder::MultiThread()
                           .WorkerThreads(kBlocked + 1)
                           .OnStall([&stalls](const StallReport&) { stalls.fetch_add(1); })
                           .Build();
    for (int i = 0; i < kBlocked; ++i) {
      runtime.Spawn(Lazy([&] {
        inside.fetch_add(1);
        while (inside.load() < kBlocked) std::this_thread::yield();  // each on a worker of its own
        for (int k = 0; k < kEach; ++k) {
          Spawn(Lazy([&] {
            if (done.fetch_add(1) + 1 == kBlocked * kEach) ended.store(base::MonotonicNanos());
          })).Detach();
        }
        inside.fetch_add(1);
        released.wait();  // blocks its worker, which is the point
      })).Detach();
    }
    while (inside.load() < 2 * kBlocked) std::this_thread::yield();
    const int64_t begun = base::MonotonicNanos();
    while (ended.load() == 0) std::this_thread::yield();  // all of them, or the test ends here
    const int64_t took = ended.load() - begun;
    while (stalls.load() < kBlocked) std::this_thread::yield();
    while (base::MonotonicNanos() - begun < 100 * kMs) std::this_thread::yield();  // each is told once
    EXPECT_EQ(stalls.load(), kBlocked);
    release.set_value();
    EXPECT_TRUE(runtime.Shutdown().clean());
    std::printf("%d tasks of blocked workers in %.2f ms\n", kBlocked * kEach, took / 1e6);
    return took <= 100 * kMs;
  }));
}

// --- A10: leaves that are always ready -----------------------------------------------------------------------------------------

// How many rounds of `endless`, which calls its argument in each, run between two polls of another task, at most.
template <class MakeEndless>
int MostInARow(MakeEndless make_endless) {
  int in_a_row = 0, most = 0;
  Runtime runtime = *Runtime::CurrentThread();
  EXPECT_TRUE(runtime
                  .BlockOn([&] {
                    Spawn(make_endless([&] { most = std::max(most, ++in_a_row); })).Detach();
                    return Spawn(With(0, [&](int& turns) {
                      return Loop([&] {
                        in_a_row = 0;
                        return YieldNow().Then([&]() -> Flow<> { return ++turns < 1'000 ? Flow<>(Continue()) : Flow<>(Break()); });
                      });
                    }));
                  })
                  .ok());
  return most;
}

// check: A10
TEST(SchedulerChecks, WhoeverReadsWhatIsAlwaysReadyYieldsInTime) {
  auto channel = sync::Mpsc<int>(1'000);
  const int received = MostInARow([&channel](auto count) {
    return With(std::move(channel.sender), std::move(channel.receiver), [count](auto& sender, auto& receiver) {
      return Loop([&, count] {
        while (sender.TrySend(1).ok()) {
        }
        return receiver.Recv().Then([count](auto&) -> Flow<> {
          count();
          return Continue();
        });
      });
    });
  });
  const Connection made = Connect();
  const std::string much(100'000, 'x');
  ASSERT_EQ(::write(made.client, much.data(), much.size()), static_cast<ssize_t>(much.size()));
  const int read = MostInARow([&made](auto count) {
    return With(*net::TcpStream::FromFd(made.server), Buffer(1), [count](net::TcpStream& s, Buffer& byte) {
      return Loop([&, count] {
        return s.Read(byte).AndThen([count](size_t& n) -> Flow<> {
          if (n > 0) count();
          return n > 0 ? Flow<>(Continue()) : Flow<>(Break());
        });
      });
    });
  });
  ::close(made.client);
  EXPECT_EQ(received, limits::kPollBudget);
  EXPECT_EQ(read, limits::kPollBudget);
  EXPECT_EQ(limits::kPollBudget, 128);
}

}  // namespace
}  // namespace kioto
