#include "kioto/time/sleep.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/time/testing/paused_clock.h"

namespace kioto::time {
namespace {

using namespace std::chrono_literals;  // NOLINT
using std::chrono::milliseconds;

// How far the clock jumps by itself while `future` is awaited.
template <class F>
std::chrono::nanoseconds TimeOf(const Runtime& runtime, F future) {
  const EnterGuard entered = runtime.Enter();
  const Instant start = Instant::Now();
  EXPECT_TRUE(runtime.BlockOn(std::move(future)).ok());
  return start.Elapsed();
}

static_assert(sizeof(SleepFuture) <= 128, "timers are counted in millions");

// behaviour: tokio/tests/time_sleep.rs#immediate_sleep
TEST(SleepTest, APastDeadlineIsReadyAtOnce) {
  PausedClock clock;
  for (Instant deadline : {clock.start(), clock.start() - 1s, Instant()}) {
    PolledTask task(SleepUntil(deadline));
    EXPECT_FALSE(task.future().is_elapsed());
    EXPECT_THAT(task.Poll(), IsReady());
    EXPECT_EQ(clock.timers(), 0u);
  }
  for (auto duration : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
    PolledTask task(Sleep(duration));
    EXPECT_THAT(task.Poll(), IsReady());
  }
}

// behaviour: tokio/tests/time_pause.rs#advance_multi_with_timer
TEST(SleepTest, IsNeverEarlyAndWakesOnce) {
  PausedClock clock;
  auto sleep = Sleep(1ms);
  PolledTask task(ByRef(sleep));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_FALSE(sleep.is_elapsed());
  for (int i = 0; i < 3; ++i) {
    clock.Advance(250us);
    EXPECT_EQ(task.wakes(), 0);
    EXPECT_THAT(task.Poll(), IsPending());
  }
  clock.Advance(249999ns);
  EXPECT_EQ(task.wakes(), 0);
  clock.Advance(1ns);
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_THAT(task.Poll(), IsReady());
  EXPECT_TRUE(sleep.is_elapsed());
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_EQ(task.held(), 0);
}

// behaviour: tokio/tests/time_sleep.rs#is_elapsed
TEST(SleepTest, SaysWhetherItHasElapsed) {
  PausedClock clock;
  auto sleep = Sleep(10ms);
  EXPECT_FALSE(sleep.is_elapsed());
  PolledTask task(ByRef(sleep));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_FALSE(sleep.is_elapsed());
  clock.Advance(10ms);
  EXPECT_THAT(task.Poll(), IsReady());
  EXPECT_TRUE(sleep.is_elapsed());
}

TEST(SleepTest, CountsFromItsFirstPoll) {
  PausedClock clock;
  PolledTask task(Sleep(10ms));
  EXPECT_EQ(task.future().deadline(), Instant::Never());
  clock.Advance(1h);
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(task.future().deadline(), clock.start() + 1h + 10ms);
  clock.Advance(9ms);
  EXPECT_THAT(task.Poll(), IsPending());
  clock.Advance(1ms);
  EXPECT_THAT(task.Poll(), IsReady());
}

// behaviour: tokio/tests/time_sleep.rs#delayed_sleep_level_0
// behaviour: tokio/tests/time_sleep.rs#delayed_sleep_wrapping_level_0
TEST(SleepTest, TheClockJumpsToTheDeadline) {
  PausedClock clock;
  for (auto duration : {1ms, 10ms, 60ms, 5ms, 60ms, 4095ms, 4096ms}) {
    EXPECT_EQ(TimeOf(clock.runtime(), Sleep(duration)), duration);
  }
}

// behaviour: tokio/tests/time_sleep.rs#sub_ms_delayed_sleep
TEST(SleepTest, TheClockJumpsToTheMillisecondAfterTheDeadline) {
  PausedClock clock;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(TimeOf(clock.runtime(), SleepUntil(Instant::Now() + 1ms + 1ns)), 2ms);
}

// behaviour: tokio/tests/time_sleep.rs#greater_than_max
// behaviour: tokio/tests/time_sleep.rs#multi_long_sleeps
// behaviour: tokio/tests/time_sleep.rs#long_sleeps
TEST(SleepTest, SleepsForYears) {
  constexpr auto kYear = 365 * 24h;
  PausedClock clock;
  EXPECT_EQ(TimeOf(clock.runtime(), Sleep(5 * kYear)), 5 * kYear);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(TimeOf(clock.runtime(), Sleep(kYear)), kYear);
  const Instant deadline = Instant::Now() + 10 * kYear;
  EXPECT_EQ(TimeOf(clock.runtime(), SleepUntil(deadline)), 10 * kYear);
}

// behaviour: tokio/tests/time_sleep.rs#issue_5183
TEST(SleepTest, ALongSleepBesideAShortOneDoesNotOverflow) {
  PausedClock clock;
  EXPECT_EQ(TimeOf(clock.runtime(), SelectBiased(Case(Sleep(std::chrono::seconds(UINT64_MAX / 10)), [] {}),
                                                 Case(Sleep(1ns), [] {}))),
            1ms);
}

// behaviour: tokio/tests/time_sleep.rs#exactly_max
TEST(SleepTest, TheLongestDurationsDoNotOverflow) {
  PausedClock clock;
  const Instant end = Instant::Never() - 1ms;
  EXPECT_TRUE(clock.runtime().BlockOn(Sleep(std::chrono::hours::max())).ok());
  EXPECT_GE(Instant::Now(), end);
  EXPECT_TRUE(clock.runtime().BlockOn(Sleep(std::chrono::nanoseconds::max())).ok());
  EXPECT_LT(Instant::Now(), Instant::Never());
}

// A sleep of 100 ms is polled and, after `passed`, moved to `reset` after its start: how long it takes then.
std::chrono::nanoseconds TimeWithReset(milliseconds passed, milliseconds reset) {
  PausedClock clock;
  const Instant start = Instant::Now();
  PolledTask task(SleepUntil(start + 100ms));
  EXPECT_THAT(task.Poll(), IsPending());
  clock.Advance(passed);
  EXPECT_EQ(task.wakes(), 0);
  task.future().Reset(start + reset);
  while (task.Poll().pending()) {
    const int wakes = task.wakes();
    while (task.wakes() == wakes) clock.Advance(1ms);
  }
  return start.Elapsed();
}

// behaviour: tokio/tests/time_sleep.rs#reset_future_sleep_before_fire
TEST(SleepTest, ResetToLaterTakesLonger) { EXPECT_EQ(TimeWithReset(0ms, 200ms), 200ms); }

// behaviour: tokio/tests/time_sleep.rs#reset_past_sleep_before_turn
TEST(SleepTest, ResetToEarlierTakesLess) { EXPECT_EQ(TimeWithReset(0ms, 80ms), 80ms); }

// behaviour: tokio/tests/time_sleep.rs#reset_past_sleep_before_fire
TEST(SleepTest, ResetToEarlierOnTheWayTakesLess) { EXPECT_EQ(TimeWithReset(10ms, 80ms), 80ms); }

// behaviour: tokio/tests/time_sleep.rs#reset_sleep_to_past
TEST(SleepTest, ResetToThePastIsReadyAtOnce) { EXPECT_EQ(TimeWithReset(50ms, 40ms), 50ms); }

// A sleep of 100 ms that was polled once is moved to `reset` after its start, and not polled: when its task is woken.
std::chrono::nanoseconds WakeAfterReset(milliseconds reset) {
  PausedClock clock;
  const Instant start = Instant::Now();
  PolledTask task(SleepUntil(start + 100ms));
  EXPECT_THAT(task.Poll(), IsPending());
  clock.Advance(50ms);
  task.future().Reset(start + 500ms);
  task.future().Reset(start + reset);
  while (task.wakes() == 0) clock.Advance(1ms);
  const auto woken = start.Elapsed();
  EXPECT_THAT(task.Poll(), IsReady());
  clock.Advance(200ms);
  EXPECT_EQ(task.wakes(), 1);
  return woken;
}

TEST(SleepTest, WhoWaitsIsWokenWhereResetHasMovedIt) {
  EXPECT_EQ(WakeAfterReset(80ms), 80ms);
  EXPECT_EQ(WakeAfterReset(200ms), 200ms);
  EXPECT_EQ(WakeAfterReset(40ms), 51ms);  // over already: when the clock is looked at next
}

// A Join polls the sleep before the branch that moves it, and not again.
TEST(SleepTest, ABranchMayResetTheSleepOfAnother) {
  PausedClock clock;
  const Instant start = Instant::Now();
  const auto end = clock.runtime().BlockOn(With(SleepUntil(start + 1h), [start](SleepFuture& sleep) {
    return JoinBiased(ByRef(sleep), Sleep(10ms).Then([&sleep, start] { sleep.Reset(start + 15ms); })).Then([start](auto&) {
      return start.Elapsed();
    });
  }));
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_EQ(*end, 15ms);
}

// behaviour: tokio/src/runtime/time/tests/mod.rs#reset_future
TEST(SleepTest, ResetAfterItsFirstPollHoldsAtItsOldDeadline) {
  PausedClock clock;
  const Instant start = Instant::Now();
  PolledTask task(SleepUntil(start + 1s));
  EXPECT_THAT(task.Poll(), IsPending());
  task.future().Reset(start + 2s);
  EXPECT_THAT(task.Poll(), IsPending());
  clock.Advance(1500ms);
  EXPECT_EQ(task.wakes(), 0);
  EXPECT_THAT(task.Poll(), IsPending());
  clock.Advance(1s);
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_THAT(task.Poll(), IsReady());
}

// behaviour: tokio/tests/time_sleep.rs#reset_after_firing
TEST(SleepTest, StaysReadyUntilItIsReset) {
  PausedClock clock;
  auto sleep = Sleep(1ms);
  {
    PolledTask task(ByRef(sleep));
    EXPECT_THAT(task.Poll(), IsPending());
    clock.Advance(1ms);
    EXPECT_THAT(task.Poll(), IsReady());
  }
  {
    PolledTask again(ByRef(sleep));
    EXPECT_THAT(again.Poll(), IsReady());
  }
  sleep.Reset(Instant::Now() + 600s);
  EXPECT_FALSE(sleep.is_elapsed());
  PolledTask later(ByRef(sleep));
  EXPECT_THAT(later.Poll(), IsPending());
  EXPECT_THAT(later.Poll(), IsPending());
  clock.Advance(600s);
  EXPECT_THAT(later.Poll(), IsReady());
}

// behaviour: tokio/tests/time_sleep.rs#drop_after_reschedule_at_new_scheduled_time
TEST(SleepTest, DropsAfterAResetBesideOthersInTheSlot) {
  PausedClock clock;
  const Instant start = Instant::Now();
  PolledTask a(SleepUntil(start + 5ms));
  auto b = std::make_unique<PolledTask<SleepFuture>>(SleepUntil(start + 5ms));
  PolledTask c(SleepUntil(start + 10ms));
  EXPECT_THAT(a.Poll(), IsPending());
  EXPECT_THAT(b->Poll(), IsPending());
  EXPECT_THAT(c.Poll(), IsPending());
  b->future().Reset(start + 10ms);
  EXPECT_THAT(b->Poll(), IsPending());
  clock.Advance(5ms);
  EXPECT_THAT(a.Poll(), IsReady());
  b.reset();
  clock.Advance(5ms);
  EXPECT_THAT(c.Poll(), IsReady());
  EXPECT_EQ(clock.timers(), 0u);
}

// behaviour: tokio/src/runtime/time/tests/mod.rs#change_waker
TEST(SleepTest, WakesWhoPolledLast) {
  PausedClock clock;
  auto sleep = Sleep(1ms);
  PolledTask first(ByRef(sleep));
  PolledTask second(ByRef(sleep));
  EXPECT_THAT(first.Poll(), IsPending());
  EXPECT_THAT(second.Poll(), IsPending());
  EXPECT_EQ(first.held(), 0);
  clock.Advance(1ms);
  EXPECT_EQ(first.wakes(), 0);
  EXPECT_EQ(second.wakes(), 1);
}

TEST(SleepTest, ConsumesBudget) {
  PausedClock clock;
  PolledTask loop(Loop([] { return Sleep(0ns); }));
  EXPECT_THAT(loop.Poll(), IsPending());
  EXPECT_TRUE(loop.yielded());
  loop.Drop();
}

// check: H1
TEST(SleepTest, DropSuite) {
  PausedClock clock;
  RunDropSuite(
      [](Tracked tracked) { return With(std::move(tracked), [](Tracked&) { return Sleep(10ms); }); }, 3,
      [&clock] {
        EXPECT_EQ(clock.timers(), 0u);
        clock.Advance(20ms);
      });
}

// E3: what is far away and dropped leaves nothing behind.
// check: E3
TEST(SleepTest, FarTimersThatAreDroppedCostNoMemory) {
  PausedClock clock;
  CountingWaker task;
  base::AllocationCounter allocations;
  for (int i = 0; i < 100'000; ++i) {
    kioto::internal::PollScope scope;
    Context cx(task.waker(), scope);
    auto sleep = Sleep(30 * 24h + std::chrono::milliseconds(i));
    ASSERT_TRUE(sleep.PollOnce(cx).pending());
    ASSERT_EQ(clock.timers(), 1u);
  }
  EXPECT_EQ(allocations.count(), 0);
  EXPECT_EQ(clock.timers(), 0u);
  EXPECT_EQ(task.held(), 0);
}

// C7: the machine stood still for an hour.
TEST(SleepTest, AGapInTheClockMakesNothingEarly) {
  static std::atomic<int64_t> now;
  static std::atomic<int> reads;
  now = 1'000'000'000;
  reads = 0;
  base::ScopedClockForTest clock([]() -> int64_t {
    ++reads;
    return now;
  });
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().WithoutIo().Build();
  ASSERT_TRUE(runtime.ok());
  const EnterGuard entered = runtime->Enter();
  kioto::internal::Driver& driver = *kioto::internal::CurrentThread().drivers->drivers.front();
  PolledTask soon(Sleep(1s));
  PolledTask late(Sleep(2h));
  reads = 0;
  EXPECT_THAT(soon.Poll(), IsPending());
  EXPECT_EQ(reads, 1);
  EXPECT_THAT(soon.Poll(), IsPending());
  EXPECT_EQ(reads, 1);  // one read per Sleep, none per poll
  EXPECT_THAT(late.Poll(), IsPending());
  now += 3'600'000'000'000;
  driver.Turn();
  EXPECT_THAT(soon.Poll(), IsReady());
  EXPECT_THAT(late.Poll(), IsPending());
}

// E4: real time; whatever the machine does meanwhile, nobody is early.
// behaviour: tokio/tests/time_rt.rs#timer_with_threaded_runtime
// check: E4
TEST(SleepTest, NobodyIsEarlyByTheRealClock) {
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  ASSERT_TRUE(runtime.ok());
  std::atomic<int> early{0};
  std::atomic<int> ended{0};
  std::vector<JoinHandle<Unit>> handles;
  for (int i = 0; i < 512; ++i) {
    handles.push_back(runtime->Spawn(Lazy([&early, &ended, i] {
      const Instant deadline = Instant::Now() + std::chrono::microseconds(37 * i);
      return SleepUntil(deadline).Then([&early, &ended, deadline] {
        if (Instant::Now() < deadline) ++early;
        ++ended;
      });
    })));
  }
  const int64_t start = base::MonotonicNanos();
  EXPECT_TRUE(runtime->BlockOn(Sleep(10ms)).ok());  // on a thread without a wheel
  EXPECT_GE(base::MonotonicNanos() - start, 10'000'000);
  for (auto& handle : handles) EXPECT_TRUE(runtime->BlockOn(std::move(handle)).ok());
  EXPECT_EQ(early, 0);
  EXPECT_EQ(ended, 512);
}

// behaviour: tokio/tests/time_rt.rs#starving
TEST(SleepTest, FiresBesideAFutureThatAlwaysWakesItself) {
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().Build();
  ASSERT_TRUE(runtime.ok());
  const int64_t start = base::MonotonicNanos();
  EXPECT_TRUE(runtime
                  ->BlockOn(Select(Case(Sleep(2ms), [] {}),
                                   Case(PollFn([](Context& cx) -> Poll<Unit> {
                                          cx.waker().Wake();
                                          return kPending;
                                        }),
                                        [] {})))
                  .ok());
  EXPECT_GE(base::MonotonicNanos() - start, 2'000'000);
}

// behaviour: tokio/tests/rt_handle_block_on.rs#sleep_after_shutdown_panics
TEST(SleepTest, NeverReadyOnceTheRuntimeHasShutDown) {
  PausedClock clock;
  PolledTask before(Sleep(1ms));
  EXPECT_THAT(before.Poll(), IsPending());
  clock.runtime().Shutdown();
  EXPECT_THAT(before.Poll(), IsPending());
  PolledTask after(Sleep(1ms));
  EXPECT_THAT(after.Poll(), IsPending());
  EXPECT_EQ(after.held(), 0);
  EXPECT_TRUE(IsShutdown(clock.runtime().BlockOn(Sleep(1ms))));
}

// behaviour: tokio/tests/time_sleep.rs#creating_sleep_outside_of_context
TEST(SleepDeathTest, SaysWhatToDoWhereThereIsNoTime) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        PolledTask task(Sleep(1ms));
        (void)task.Poll();
      },
      "Sleep");
  EXPECT_DEATH(
      {
        StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().WithoutTime().Build();
        (void)runtime->BlockOn(Sleep(1ms));
      },
      "WithoutTime");
}

}  // namespace
}  // namespace kioto::time
