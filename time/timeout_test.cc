#include "kioto/time/timeout.h"

#include <atomic>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/time/sleep.h"
#include "kioto/time/testing/paused_clock.h"

namespace kioto::time {
namespace {

using namespace std::chrono_literals;  // NOLINT

template <class F>
using OutputOfTimeout = OutputOf<decltype(Timeout(1s, std::declval<F>()))>;
template <class T>
using ReadyOf = decltype(Ready(std::declval<T>()));

static_assert(std::is_same_v<OutputOfTimeout<ReadyOf<Unit>>, Status>);
static_assert(std::is_same_v<OutputOfTimeout<ReadyOf<Status>>, Status>);
static_assert(std::is_same_v<OutputOfTimeout<ReadyOf<StatusOr<int>>>, StatusOr<int>>);
static_assert(std::is_same_v<OutputOfTimeout<ReadyOf<int>>, StatusOr<int>>);

TEST(TimeoutTest, NoLimitArmsNothing) {
  Promise<int> promises[2];
  // Outside a runtime: a limit would be refused here.
  PolledTask limit(Timeout(std::chrono::nanoseconds::max(), promises[0].Get()));
  PolledTask deadline(TimeoutAt(Instant::Now() + std::chrono::hours::max(), promises[1].Get()));
  EXPECT_THAT(limit.Poll(), IsPending());
  EXPECT_THAT(deadline.Poll(), IsPending());
  for (auto& promise : promises) promise.Set(7);
  EXPECT_EQ(**limit.Poll(), 7);
  EXPECT_EQ(**deadline.Poll(), 7);
}

// behaviour: tokio/tests/time_timeout.rs#simultaneous_deadline_future_completion
// behaviour: tokio/tests/time_timeout.rs#completed_future_past_deadline
TEST(TimeoutTest, AReadyFutureWinsHoweverLate) {
  PausedClock clock;
  for (Instant deadline : {clock.start(), clock.start() - 1s, clock.start() + 1s}) {
    PolledTask task(TimeoutAt(deadline, Ready(7)));
    EXPECT_EQ((*task.Poll()).value(), 7);
  }
  PolledTask zero(Timeout(0s, Ready(std::make_unique<int>(8))));
  EXPECT_EQ(**(*zero.Poll()), 8);
  Promise<int> promise;
  PolledTask task(Timeout(10ms, promise.Get()));
  EXPECT_THAT(task.Poll(), IsPending());
  clock.Advance(20ms);
  promise.Set(9);
  EXPECT_EQ((*task.Poll()).value(), 9);
}

// behaviour: tokio/tests/time_timeout.rs#future_and_deadline_in_future
// behaviour: tokio/tests/time_timeout.rs#future_and_timeout_in_future
TEST(TimeoutTest, GivesTheValueThatComesInTime) {
  PausedClock clock;
  for (bool at : {false, true}) {
    Promise<int> promise;
    PolledTask task(at ? TimeoutAt(Instant::Now() + 100ms, promise.Get()) : Timeout(100ms, promise.Get()));
    EXPECT_THAT(task.Poll(), IsPending());
    EXPECT_EQ(clock.timers(), 1u);
    clock.Advance(90ms);
    EXPECT_EQ(task.wakes(), 0);
    EXPECT_THAT(task.Poll(), IsPending());
    promise.Set(5);
    EXPECT_EQ(task.wakes(), 1);
    EXPECT_EQ((*task.Poll()).value(), 5);
    EXPECT_EQ(clock.timers(), 0u);
  }
}

TEST(TimeoutTest, ElapsesAndDropsTheFutureFirst) {
  PausedClock clock;
  Promise<int> promise;
  PolledTask task(Timeout(10ms, promise.Get()).OrElse([&promise](Status& status) -> StatusOr<int> {
    EXPECT_TRUE(promise.dropped());
    return status;
  }));
  EXPECT_THAT(task.Poll(), IsPending());
  clock.Advance(9ms);
  EXPECT_EQ(task.wakes(), 0);
  clock.Advance(1ms);
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_FALSE(promise.dropped());
  const StatusOr<int> result = *task.Poll();
  EXPECT_TRUE(IsElapsed(result.status())) << result.status();
  EXPECT_TRUE(promise.dropped());
}

// behaviour: tokio/tests/time_timeout.rs#deadline_now_elapses
TEST(TimeoutTest, ADeadlineOfNowElapses) {
  PausedClock clock;
  PolledTask at_once(TimeoutAt(Instant::Now(), Never<>()));
  EXPECT_TRUE(IsElapsed(*at_once.Poll()));
  PolledTask later(TimeoutAt(Instant::Now(), Never<>()));
  clock.Advance(1ms);
  EXPECT_TRUE(IsElapsed(*later.Poll()));
}

TEST(TimeoutTest, SaysWhichLimitWasOver) {
  PausedClock clock;
  PolledTask task(Timeout(90s, Never<>()));
  EXPECT_THAT(task.Poll(), IsPending());
  clock.Advance(90s);
  EXPECT_EQ((*task.Poll()).message(), "Timeout: 1m30s went by before the future was ready");
  PolledTask at(TimeoutAt(Instant::Now(), Never<>()));
  EXPECT_EQ((*at.Poll()).message(), "TimeoutAt: the time had come before the future was ready");
}

// What holds the Timeout may live on for long after it was ready.
TEST(TimeoutTest, LetsGoOfFutureAndTimerAsSoonAsItIsReady) {
  PausedClock clock;
  CountingWaker task;
  for (bool in_time : {true, false}) {
    kioto::internal::PollScope scope;
    Context cx(task.waker(), scope);
    Promise<int> promise;
    auto timeout = Timeout(1ms, promise.Get());
    ASSERT_TRUE(timeout.PollOnce(cx).pending());
    EXPECT_EQ(clock.timers(), 1u);
    if (in_time) {
      promise.Set(1);
    } else {
      clock.Advance(1ms);
    }
    const auto polled = timeout.PollOnce(cx);
    ASSERT_TRUE(polled.ready());
    EXPECT_EQ((*polled).ok(), in_time);
    EXPECT_EQ(clock.timers(), 0u);
    EXPECT_TRUE(promise.dropped());
  }
}

// behaviour: tokio/tests/time_timeout.rs#very_large_timeout
TEST(TimeoutTest, TheLongestTimeoutWaits) {
  PausedClock clock;
  Promise<int> promise;
  PolledTask task(Timeout(std::chrono::hours::max(), promise.Get()));
  EXPECT_THAT(task.Poll(), IsPending());
  clock.Advance(10 * 365 * 24h);
  EXPECT_THAT(task.Poll(), IsPending());
  promise.Set(1);
  EXPECT_EQ((*task.Poll()).value(), 1);
}

// A future that takes the whole budget at each poll, and then yields.
class Greedy : public FutureBase<Greedy, Unit> {
 public:
  Poll<Unit> PollOnce(Context& cx) {
    while (cx.ConsumeBudget()) {
    }
    return kPending;
  }
};

// behaviour: tokio/tests/time_timeout.rs#timeout_is_not_exhausted_by_future
TEST(TimeoutTest, AFutureThatSpendsTheBudgetCanNotHoldTheTimeBack) {
  PausedClock clock;
  PolledTask task(Timeout(1ms, Greedy()));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(clock.timers(), 1u);
  clock.Advance(1ms);
  EXPECT_TRUE(IsElapsed(*task.Poll()));
}

TEST(TimeoutTest, PassesStatusesOn) {
  PausedClock clock;
  PolledTask good(Timeout(1s, Ready(OkStatus())));
  EXPECT_EQ(*good.Poll(), OkStatus());
  PolledTask bad(Timeout(1s, Ready(StatusOr<int>(absl::NotFoundError("none")))));
  EXPECT_EQ((*bad.Poll()).status(), absl::NotFoundError("none"));
  PolledTask unit(Timeout(1s, Ready()));
  EXPECT_EQ(*unit.Poll(), OkStatus());
}

TEST(TimeoutTest, IsAnAdaptorToo) {
  PausedClock clock;
  PolledTask task(Ready(std::string("in time")).Apply(WithTimeout(1s)).AndThen([](std::string& s) { return s.size(); }));
  EXPECT_EQ((*task.Poll()).value(), 7u);
}

// On nobody's wheel, as before the Timeout.
TEST(TimeoutTest, GivesTheFutureBackWithoutTheLimit) {
  PausedClock clock;
  Promise<int> promise;
  PolledTask task(Timeout(1ms, promise.Get()).IntoInner());
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(clock.timers(), 0u);
  clock.Advance(1s);
  EXPECT_THAT(task.Poll(), IsPending());
  promise.Set(3);
  EXPECT_EQ(*task.Poll(), 3);
}

TEST(TimeoutTest, GivesABoxedFutureBackAfterItWasPolled) {
  PausedClock clock;
  CountingWaker waker;
  kioto::internal::PollScope scope;
  Context cx(waker.waker(), scope);
  Promise<int> promise;
  auto timeout = Timeout(1ms, promise.Get().Boxed());
  ASSERT_TRUE(timeout.PollOnce(cx).pending());
  EXPECT_EQ(clock.timers(), 1u);
  PolledTask task(std::move(timeout).IntoInner());
  EXPECT_EQ(clock.timers(), 0u);
  EXPECT_THAT(task.Poll(), IsPending());
  clock.Advance(1s);
  promise.Set(4);
  EXPECT_EQ(*task.Poll(), 4);
}

TEST(TimeoutTest, ItsFutureIsWithinReach) {
  PausedClock clock;
  PolledTask task(With(Timeout(1s, Sleep(100s)), [](auto& timeout) {
    timeout.inner().Reset(Instant::Now() + 10ms);
    const auto& same = timeout;
    EXPECT_EQ(same.inner().deadline(), Instant::Now() + 10ms);
    return ByRef(timeout);
  }));
  EXPECT_THAT(task.Poll(), IsPending());
  clock.Advance(10ms);
  EXPECT_EQ(*task.Poll(), OkStatus());
}

TEST(TimeoutDeathTest, HasNoFutureAfterItWasReady) {
  CountingWaker waker;
  kioto::internal::PollScope scope;
  Context cx(waker.waker(), scope);
  auto timeout = Timeout(1s, Ready(1));
  ASSERT_TRUE(timeout.PollOnce(cx).ready());
  EXPECT_DEATH((void)timeout.inner(), "asked for its future after it was ready");
}

// E2: round what is ready at once it costs nothing.
// check: E2
TEST(TimeoutTest, ReadyAtOnceMeansNoTimerNoClockNoAllocation) {
  static std::atomic<int> reads;
  base::ScopedClockForTest clock([]() -> int64_t {
    ++reads;
    return 1'000'000'000;
  });
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().WithoutIo().Build();
  ASSERT_TRUE(runtime.ok());
  const EnterGuard entered = runtime->Enter();
  CountingWaker task;
  base::AllocationCounter allocations;
  reads = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    kioto::internal::PollScope scope;
    Context cx(task.waker(), scope);
    auto timeout = Timeout(30s, Ready(i));
    auto polled = timeout.PollOnce(cx);
    ASSERT_TRUE(polled.ready());
  }
  EXPECT_EQ(allocations.count(), 0);
  EXPECT_EQ(reads, 0);
  for (int i = 0; i < 1'000; ++i) {  // and round a yield: one read of the clock, in and out of the wheel
    auto timeout = Timeout(30s, YieldNow());
    for (bool ready : {false, true}) {
      kioto::internal::PollScope scope;
      Context cx(task.waker(), scope);
      ASSERT_EQ(timeout.PollOnce(cx).ready(), ready);
    }
  }
  EXPECT_EQ(allocations.count(), 0);
  EXPECT_EQ(reads, 1'000);
  EXPECT_EQ(kioto::internal::CurrentThread().drivers->drivers.front()->wheel()->size(), 0u);
  EXPECT_EQ(task.held(), 0);
}

// check: H1
TEST(TimeoutTest, DropSuite) {
  PausedClock clock;
  RunDropSuite(
      [](Tracked tracked) {
        return Timeout(1s, With(std::move(tracked), [](Tracked&) { return PendingTimes(3, 1); }));
      },
      5, [&clock] { EXPECT_EQ(clock.timers(), 0u); });
}

// Timers of one worker are cancelled, polled and fired on others, and die with their tasks.
TEST(TimeoutStressTest, TasksThatMoveBetweenWorkers) {
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(4).Build();
  ASSERT_TRUE(runtime.ok());
  constexpr int kTasks = 100;
  constexpr int kRounds = 50;
  std::atomic<int> elapsed{0};
  std::atomic<int> in_time{0};
  std::vector<JoinHandle<Unit>> handles;
  for (int i = 0; i < kTasks; ++i) {
    handles.push_back(runtime->Spawn(Loop([&elapsed, &in_time, i, round = 0]() mutable {
      ++round;
      const auto inner = std::chrono::microseconds((i * 7 + round * 13) % 3000);
      const auto limit = std::chrono::microseconds((i * 11 + round * 5) % 3000);
      return Timeout(limit, Join(Sleep(inner), YieldNow())).Then([&elapsed, &in_time, &round](auto& result) -> Flow<> {
        ++(result.ok() ? in_time : elapsed);
        if (round == kRounds) return Break();
        return Continue();
      });
    })));
  }
  int finished = 0;
  for (int i = 0; i < kTasks; ++i) {
    if (i % 4 == 0) handles[i].Abort();
  }
  for (auto& handle : handles) finished += runtime->BlockOn(std::move(handle)).ok();
  EXPECT_GE(finished, kTasks * 3 / 4);
  EXPECT_GE(elapsed + in_time, finished * kRounds);
  EXPECT_GT(elapsed, 0);
  EXPECT_GT(in_time, 0);
  const EnterGuard entered = runtime->Enter();
  for (kioto::internal::Driver* driver : kioto::internal::CurrentThread().drivers->drivers) {
    EXPECT_EQ(driver->wheel()->size(), 0u);
  }
}

// behaviour: tokio/tests/no_rt.rs#timeout_panics_when_no_tokio_context
// behaviour: tokio/tests/time_panic.rs#timeout_panic_caller
// behaviour: tokio/tests/time_panic.rs#timeout_at_panic_caller
TEST(TimeoutTest, SaysWhyThereIsNoTime) {
  {
    PolledTask ready(Timeout(1s, Ready(1)));
    EXPECT_EQ((*ready.Poll()).value(), 1);  // needs none
    PolledTask task(Timeout(1s, Never<>()));
    EXPECT_EQ((*task.Poll()).code(), absl::StatusCode::kFailedPrecondition);
  }
  StatusOr<Runtime> without = RuntimeBuilder::CurrentThread().WithoutTime().Build();
  ASSERT_TRUE(without.ok());
  for (const Status& status :
       {without->BlockOn(Timeout(1s, Never<>())), without->BlockOn(TimeoutAt(Instant::Now() + 1s, Never<>()))}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(status.message().find("WithoutTime()"), std::string::npos) << status;
  }

  StatusOr<Runtime> gone = RuntimeBuilder::CurrentThread().Build();
  ASSERT_TRUE(gone.ok());
  const EnterGuard entered = gone->Enter();
  PolledTask before(Timeout(1s, Never<>()));
  EXPECT_THAT(before.Poll(), IsPending());
  gone->Shutdown();
  EXPECT_EQ(before.wakes(), 1);
  EXPECT_TRUE(IsShutdown(*before.Poll()));
  PolledTask after(Timeout(1s, Never<>()));
  EXPECT_TRUE(IsShutdown(*after.Poll()));
}

}  // namespace
}  // namespace kioto::time
