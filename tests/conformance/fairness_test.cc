// Fairness on every flavour: a task that is always ready holds up nobody, and the driver has its turn.
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/ticks.h"
#include "kioto/runtime/driver/driver.h"
#include "kioto/runtime/future/budget.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/conformance/flavours.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT
using sync::MpscUnbounded;
using sync::Oneshot;

class FairnessTest : public FlavourTest {
 protected:
  // A task that is always ready, until the test ends.
  void StartLoad() { runtime().Spawn(SpinUntil(stop_)).Detach(); }
  void TearDown() override { stop_ = true; }

  std::atomic<bool> stop_{false};
};
ON_EVERY_FLAVOUR(FairnessTest);

// behaviour: tokio/tests/rt_common.rs#complete_block_on_under_load
TEST_P(FairnessTest, BlockOnEndsUnderLoad) {
  StartLoad();
  auto channel = Oneshot<int>();
  std::optional<TestThread> thread;
  StatusOr<int> n = runtime().BlockOn([&] {
    thread.emplace([&] { channel.sender.Send(1); });
    return std::move(channel.receiver);
  });
  ASSERT_TRUE(n.ok()) << n.status();
}

// behaviour: tokio/tests/rt_common.rs#complete_task_under_load
TEST_P(FairnessTest, ATaskEndsUnderLoad) {
  StartLoad();
  auto channel = Oneshot<int>();
  std::optional<TestThread> thread;
  StatusOr<int> n = runtime().BlockOn([&] {
    thread.emplace([&] { channel.sender.Send(1); });
    return Spawn(std::move(channel.receiver));
  });
  ASSERT_TRUE(n.ok()) << n.status();
}

// behaviour: tokio/tests/rt_common.rs#coop
TEST_P(FairnessTest, AChannelThatIsFullMakesItsReaderWaitAtTimes) {
  constexpr int kMessages = 1000;
  auto channel = MpscUnbounded<int>();
  for (int i = 0; i < kMessages; ++i) EXPECT_TRUE(channel.sender.Send(i).ok());
  int got = 0;
  EXPECT_TRUE(runtime().BlockOn(PollFn([&](Context& cx) -> Poll<Unit> {
    while (got < kMessages) {
      auto recv = channel.receiver.Recv();
      if (recv.PollOnce(cx).pending()) return Unit{};
      ++got;
    }
    return Unit{};
  })).ok());
  EXPECT_GT(got, 0);
  EXPECT_LE(got, limits::kPollBudget);
}

// A thousand units of budget, one after the other.
auto Thousand(int& units) {
  return Loop([&units] {
    return ConsumeBudget().Then([&units](Unit) { return ++units < 1000 ? Flow<>(Continue()) : Flow<>(Break()); });
  });
}

// Whether one poll in `runtime` is enough.
template <class F>
bool ReadyAtOnce(Runtime& runtime, F future) {
  bool ready = false;
  EXPECT_TRUE(runtime.BlockOn(PollFn([&ready, future = std::move(future)](Context& cx) mutable -> Poll<Unit> {
    ready = future.PollOnce(cx).ready();
    return Unit{};
  })).ok());
  return ready;
}

// behaviour: tokio/tests/rt_common.rs#coop_consume_budget
TEST_P(FairnessTest, UnitsOfBudgetEndAPoll) {
  int units = 0;
  EXPECT_FALSE(ReadyAtOnce(runtime(), Thousand(units)));
  EXPECT_GT(units, 0);
  EXPECT_LE(units, limits::kPollBudget);
}

// behaviour: tokio/tests/rt_common.rs#coop_unconstrained
TEST_P(FairnessTest, WithoutABudgetUnitsDoNotEndAPoll) {
  int units = 0;
  EXPECT_TRUE(ReadyAtOnce(runtime(), Unconstrained(Thousand(units))));
  EXPECT_EQ(units, 1000);
}

// Pairs of tasks that answer each other at once, and so go from LIFO slot to LIFO slot, until the counter stands still.
// behaviour: tokio/tests/rt_common.rs#ping_pong_saturation
TEST_P(FairnessTest, PairsThatWakeEachOtherDoNotStarveATaskThatYields) {
  constexpr int kPairs = 100;
  auto answers = [this](auto in, auto out) {
    return With(std::move(in), std::move(out), [this](auto& in, auto& out) {
      return Loop([&, this] {
        return in.Recv().Then([&, this](std::optional<Unit>& message) {
          if (!message || stop_) return Flow<>(Break());
          (void)out.Send(Unit{});
          return Flow<>(Continue());
        });
      });
    });
  };
  std::vector<JoinHandle<Unit>> players;
  const Status status = runtime().BlockOn([&] {
    for (int i = 0; i < kPairs; ++i) {
      auto to = MpscUnbounded<Unit>();
      auto back = MpscUnbounded<Unit>();
      (void)to.sender.Send(Unit{});
      players.push_back(Spawn(answers(std::move(to.receiver), std::move(back.sender))));
      players.push_back(Spawn(answers(std::move(back.receiver), std::move(to.sender))));
    }
    return Spawn(Yields(5));
  });
  EXPECT_TRUE(status.ok()) << status;
  stop_ = true;  // who stops drops its sender, which stops the other
  EXPECT_TRUE(runtime().BlockOn(TryJoinAll(std::move(players))).ok());
}

// --- The driver ----------------------------------------------------------------------------------------------------------

// With all workers but one in a job that blocks, a task connects to its own listener, and counts how often it waits for
// the rest by `wait` until the connection has come: the driver must look at the sockets before a task that yielded runs again.
class DriverTurnTest : public FlavourTest {
 protected:
  template <class Wait>
  int WaitsUntilAccepted(Wait wait) {
    std::promise<void> gate;
    std::shared_future<void> opened = gate.get_future().share();
    std::atomic<int> inside{0};
    for (int i = 1; i < GetParam(); ++i) {
      runtime().Spawn(Lazy([opened, &inside] {
        ++inside;
        opened.wait();
      })).Detach();
    }
    while (inside < GetParam() - 1) std::this_thread::yield();
    int waits = 0;
    const Status status = runtime().BlockOn([&] {
      return Spawn(net::TcpListener::Bind("127.0.0.1:0").AndThen([&](net::TcpListener& listener) {
        return With(false, *listener.local_address(), [&](bool& accepted, net::SocketAddress& address) {
          return Join(listener.Accept().Map([&](StatusOr<net::TcpStream>& stream) {
                        accepted = true;
                        return stream.ok();
                      }),
                      Lazy([&] {
                        return With(net::BlockingSocket(address), [&](net::BlockingSocket&) {
                          return Loop([&] { return If(accepted, Break, [&] { ++waits; return wait().Then([] { return Continue(); }); }); });
                        });
                      }))
              .Map([](auto&) { return OkStatus(); });
        });
      }));
    });
    EXPECT_TRUE(status.ok()) << status;
    gate.set_value();
    return waits;
  }
};
ON_EVERY_FLAVOUR(DriverTurnTest);

// behaviour: tokio/tests/rt_common.rs#yield_defers_until_park
TEST_P(DriverTurnTest, ComesBeforeATaskThatYieldedRunsAgain) {
  EXPECT_LT(WaitsUntilAccepted([] { return YieldNow(); }), 10);
}

// behaviour: tokio/tests/rt_common.rs#coop_yield_defers_until_park
TEST_P(DriverTurnTest, ComesBeforeATaskThatHasSpentItsBudgetRunsAgain) {
  EXPECT_LT(WaitsUntilAccepted([] {
    return PollFn([spent = false](Context& cx) mutable -> Poll<Unit> {
      if (spent) return Unit{};
      spent = true;
      while (cx.ConsumeBudget()) {
      }
      return kPending;
    });
  }), 10);
}

// --- The interval between two looks ----------------------------------------------------------------------------------------

// How many polls one worker, which always has something to do, makes from one look at the tasks from other threads to the next.
class IntervalTest : public testing::Test {
 protected:
  // Counts its polls, which take `poll_time_`, as long as the test goes on.
  auto Load() {
    return PollFn([this](Context& cx) -> Poll<Unit> {
      ++polls_;
      const int64_t end = base::RealNanos() + poll_time_.load().count();
      while (base::RealNanos() < end && poll_time_.load() > 0ns) {
      }
      if (done_) return Unit{};
      cx.waker().Wake();
      return kPending;
    });
  }
  // Comes from outside, and is run after the worker's next look: then it comes again.
  void Inject() {
    const EnterGuard outside = elsewhere_.Enter();
    runtime_.Spawn(Lazy([this, before = polls_] {
      if (Judge(polls_ - before)) {
        done_ = true;
      } else {
        Inject();
      }
    })).Detach();
  }
  // Whether it is over.
  bool Judge(int interval) {
    intervals_.push_back(interval);
    const bool as_wanted = poll_time_.load() > 0ns ? interval <= 8 : interval > 16 && interval <= static_cast<int>(limits::kEventInterval) + 2;
    in_a_row_ = as_wanted ? in_a_row_ + 1 : 0;
    if (intervals_.size() >= (seen_slow_ ? 5000u : 300u)) return true;  // it will not be
    if (in_a_row_ < 3) return false;
    in_a_row_ = 0;
    if (poll_time_.load() == 0ns) return true;
    poll_time_ = 0ns;
    seen_slow_ = true;
    return false;
  }

  Runtime elsewhere_ = *Runtime::CurrentThread();
  Runtime runtime_ = *RuntimeBuilder::MultiThread().WorkerThreads(1).WithoutMonitor().Build();
  std::atomic<std::chrono::nanoseconds> poll_time_{300us};
  // The worker's.
  int polls_ = 0;
  std::vector<int> intervals_;
  int in_a_row_ = 0;
  bool seen_slow_ = false;
  bool done_ = false;
};

// behaviour: tokio/tests/rt_threaded.rs#test_tuning
TEST_F(IntervalTest, IsShortWhilePollsAreLongAndBecomesLongAgain) {
  EXPECT_TRUE(runtime_.BlockOn(runtime_.Spawn(Lazy([this] {
    Inject();
    return Load();
  }))).ok());
  EXPECT_TRUE(seen_slow_) << intervals_.back();
  EXPECT_LT(intervals_.size(), 5000u) << intervals_.back();
}

// --- A worker that is blocked ----------------------------------------------------------------------------------------------

// The end of a socketpair that the test keeps, and the one that tasks read from.
struct Ends {
  explicit Ends(int fds[2]) : ours(*net::UnixStream::FromFd(fds[0])), theirs(fds[1]) {}
  ~Ends() { ::close(theirs); }
  void Write() const { EXPECT_EQ(::write(theirs, "x", 1), 1); }

  net::UnixStream ours;
  const int theirs;
};

std::unique_ptr<Ends> NewEnds() {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  return std::make_unique<Ends>(fds);
}

// A task that was woken by its socket makes a second one readable, and blocks its worker until the task that reads there has
// run, or until `patience` is over. The reactor of the blocked worker has both sockets; the other worker sleeps. Whether the
// reader ran.
bool ReadComesWhileTheWorkerIsBlocked(RuntimeBuilder& builder, std::chrono::milliseconds patience) {
  const Runtime runtime = *builder.WorkerThreads(2).Build();
  const RuntimeMetrics metrics = runtime.metrics();
  std::unique_ptr<Ends> first, between, second;
  Buffer byte(1), other_byte(1);
  // A socket goes to the reactor with the fewest when it waits for the first time: every other one to the first worker's.
  EXPECT_TRUE(runtime.BlockOn(PollFn([&](Context& cx) -> Poll<Unit> {
    for (std::unique_ptr<Ends>* ends : {&first, &between, &second}) {
      *ends = NewEnds();
      EXPECT_TRUE((*ends)->ours.Read(byte).PollOnce(cx).pending());
    }
    return Unit{};
  })).ok());
  std::promise<void> gate;
  const std::shared_future<void> opened = gate.get_future().share();
  std::atomic<bool> open{false};
  auto let_go = [&] {
    if (!open.exchange(true)) gate.set_value();
  };
  JoinHandle<Unit> reader = runtime.Spawn(second->ours.Read(other_byte).Map([&](auto&) { let_go(); }));
  JoinHandle<Unit> blocks = runtime.Spawn(first->ours.Read(byte).Map([&](auto&) {
    second->Write();
    opened.wait();
  }));
  auto parked = [&](size_t worker) { return metrics.worker(worker).park_unparks % 2 == 1; };
  while (metrics.worker(0).polls + metrics.worker(1).polls < 2 || !parked(0) || !parked(1)) std::this_thread::yield();
  first->Write();
  const bool came = opened.wait_for(patience) == std::future_status::ready;
  let_go();
  EXPECT_TRUE(runtime.BlockOn(TryJoin(std::move(reader), std::move(blocks))).ok());
  return came;
}

// behaviour: tokio/tests/rt_unstable_eager_driver_handoff.rs#eager_driver_handoff_fixes_deadlock
TEST(BlockedWorkerTest, ItsSocketsAreServedByTheOther) {
#if KIOTO_DRIVER_IS_PORTABLE
  GTEST_SKIP() << "here nobody looks at another worker's sockets";
#endif
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  EXPECT_TRUE(ReadComesWhileTheWorkerIsBlocked(builder, 10s));
}

// What it is that serves them: without the monitor they wait. (A worker that has just been woken for another reason may see them.)
// behaviour: tokio/tests/rt_unstable_eager_driver_handoff.rs#deadlocks_consistently
TEST(BlockedWorkerTest, WithoutTheMonitorItsSocketsWait) {
  bool waited = false;
  for (int round = 0; round < 20 && !waited; ++round) {
    RuntimeBuilder builder = RuntimeBuilder::MultiThread();
    waited = !ReadComesWhileTheWorkerIsBlocked(builder.WithoutMonitor(), 100ms);
  }
  EXPECT_TRUE(waited);
}

// How many timers a turn fires goes with it, times the workers that have nothing to do.
TEST(EventIntervalTest, MayBeAnyNumber) {
  for (const uint32_t interval : {uint32_t{1} << 30, uint32_t{1} << 31, UINT32_MAX}) {
    StatusOr<Runtime> pool = RuntimeBuilder::MultiThread().WorkerThreads(1).EventInterval(interval).Build();
    ASSERT_TRUE(pool.ok());
    EXPECT_TRUE(pool->BlockOn(pool->Spawn(time::Sleep(std::chrono::milliseconds(1)))).ok());
    StatusOr<Runtime> single = RuntimeBuilder::CurrentThread().EventInterval(interval).Build();
    ASSERT_TRUE(single.ok());
    EXPECT_TRUE(single->BlockOn(time::Sleep(std::chrono::milliseconds(1))).ok());
  }
}

}  // namespace
}  // namespace kioto
