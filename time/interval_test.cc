#include "kioto/time/interval.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/time/sleep.h"
#include "kioto/time/testing/paused_clock.h"
#include "kioto/time/timeout.h"

namespace kioto::time {
namespace {

using namespace std::chrono_literals;  // NOLINT
using std::chrono::milliseconds;

class IntervalTest : public testing::Test {
 protected:
  // Polls one tick; when it was due after the start in milliseconds, or -1 if there is none.
  int64_t Tick(Interval& interval) {
    PolledTask task(interval.Tick());
    auto polled = task.Poll();
    return polled.ready() ? std::chrono::duration_cast<milliseconds>(*polled - clock_.start()).count() : -1;
  }
  std::vector<int64_t> Ticks(Interval& interval) {
    std::vector<int64_t> ticks;
    for (int64_t tick = Tick(interval); tick >= 0; tick = Tick(interval)) ticks.push_back(tick);
    return ticks;
  }
  std::vector<int64_t> After(milliseconds by, Interval& interval) {
    clock_.Advance(by);
    return Ticks(interval);
  }

  PausedClock clock_;
};

using Due = std::vector<int64_t>;

// behaviour: tokio/tests/time_interval.rs#burst
TEST_F(IntervalTest, BurstCatchesUp) {
  Interval interval(300ms);
  EXPECT_EQ(After(0ms, interval), Due{0});
  EXPECT_EQ(After(100ms, interval), Due{});
  EXPECT_EQ(After(200ms, interval), Due{300});
  EXPECT_EQ(After(650ms, interval), (Due{600, 900}));
  EXPECT_EQ(After(200ms, interval), Due{});
  EXPECT_EQ(After(100ms, interval), Due{1200});
  EXPECT_EQ(After(250ms, interval), Due{1500});
  EXPECT_EQ(After(300ms, interval), Due{1800});
}

// behaviour: tokio/tests/time_pause.rs#interval
TEST_F(IntervalTest, EachAdvanceMovesTheClockExactly) {
  Interval interval(300ms);
  auto now = clock_.start();
  auto after = [&](milliseconds by) {
    Due due = After(by, interval);
    now += by;
    EXPECT_EQ(Instant::Now(), now);
    return due;
  };
  EXPECT_EQ(after(0ms), Due{0});
  EXPECT_EQ(after(100ms), Due{});
  EXPECT_EQ(after(200ms), Due{300});
  EXPECT_EQ(after(400ms), Due{600});
  EXPECT_EQ(after(500ms), (Due{900, 1200}));
}

// behaviour: tokio/tests/time_interval.rs#delay
TEST_F(IntervalTest, DelayCountsFromTheLateTick) {
  Interval interval(300ms, MissedTicks::kDelay);
  EXPECT_EQ(After(0ms, interval), Due{0});
  EXPECT_EQ(After(300ms, interval), Due{300});
  EXPECT_EQ(After(650ms, interval), Due{600});  // at 950
  EXPECT_EQ(After(100ms, interval), Due{});
  EXPECT_EQ(After(200ms, interval), Due{1250});
  EXPECT_EQ(After(300ms, interval), Due{1550});
  EXPECT_EQ(After(300ms, interval), Due{1850});
}

// behaviour: tokio/tests/time_interval.rs#skip
TEST_F(IntervalTest, SkipLeavesOutWhatWasMissed) {
  Interval interval(300ms, MissedTicks::kSkip);
  EXPECT_EQ(After(0ms, interval), Due{0});
  EXPECT_EQ(After(300ms, interval), Due{300});
  EXPECT_EQ(After(650ms, interval), Due{600});  // at 950
  EXPECT_EQ(After(249ms, interval), Due{});
  EXPECT_EQ(After(1ms, interval), Due{1200});
  EXPECT_EQ(After(300ms, interval), Due{1500});
  EXPECT_EQ(After(300ms, interval), Due{1800});
}

TEST_F(IntervalTest, FiveMillisecondsLateIsNotMissed) {
  for (MissedTicks missed : {MissedTicks::kDelay, MissedTicks::kSkip}) {
    Interval interval(Instant::Now(), 3ms, missed);
    const int64_t start = clock_.elapsed() / 1ms;
    EXPECT_EQ(After(0ms, interval), Due{start});
    EXPECT_EQ(After(8ms, interval), (Due{start + 3, start + 6}));
    EXPECT_EQ(After(1ms, interval), Due{start + 9});
    EXPECT_EQ(After(10ms, interval), Due{start + 12});  // 7 ms late, at start + 19
    const bool skip = missed == MissedTicks::kSkip;
    EXPECT_EQ(After(2ms, interval), skip ? Due{start + 21} : Due{});
    EXPECT_EQ(After(1ms, interval), skip ? Due{} : Due{start + 22});
  }
}

// An interval of 300 ms that has ticked at 0 and at 300 and stands at 401 ms.
class IntervalResetTest : public IntervalTest {
 protected:
  IntervalResetTest() {
    EXPECT_EQ(After(0ms, interval_), Due{0});
    EXPECT_EQ(After(401ms, interval_), Due{300});
  }
  std::vector<int64_t> After(milliseconds by) { return IntervalTest::After(by, interval_); }
  using IntervalTest::After;

  Interval interval_{300ms};
};

// behaviour: tokio/tests/time_interval.rs#reset
TEST_F(IntervalResetTest, ResetStartsAPeriodNow) {
  interval_.Reset();
  EXPECT_EQ(After(250ms), Due{});
  EXPECT_EQ(After(50ms), Due{701});
  EXPECT_EQ(After(300ms), Due{1001});
}

// behaviour: tokio/tests/time_interval.rs#reset_after
TEST_F(IntervalResetTest, ResetAfterMovesAllLaterTicks) {
  interval_.ResetAfter(20ms);
  EXPECT_EQ(After(20ms), Due{421});
  EXPECT_EQ(After(100ms), Due{});
  EXPECT_EQ(After(200ms), Due{721});
}

// behaviour: tokio/tests/time_interval.rs#reset_at
TEST_F(IntervalResetTest, ResetAtMovesAllLaterTicks) {
  interval_.ResetAt(Instant::Now() + 40ms);
  EXPECT_EQ(After(40ms), Due{441});
  EXPECT_EQ(After(100ms), Due{});
  EXPECT_EQ(After(200ms), Due{741});
}

// behaviour: tokio/tests/time_interval.rs#reset_at_bigger_than_interval
TEST_F(IntervalResetTest, ResetAtMayBeLaterThanAPeriod) {
  interval_.ResetAt(Instant::Now() + 1000ms);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(After(300ms), Due{});
  EXPECT_EQ(After(100ms), Due{1401});
  EXPECT_EQ(After(300ms), Due{1701});
}

TEST_F(IntervalResetTest, ResetImmediatelyTicksAtOnce) {
  interval_.ResetImmediately();
  EXPECT_EQ(After(0ms), Due{401});
  EXPECT_EQ(After(299ms), Due{});
  EXPECT_EQ(After(1ms), Due{701});
}

TEST_F(IntervalResetTest, ResetAfterNothingTicksAtOnce) {
  interval_.ResetAfter(0ms);
  EXPECT_EQ(After(0ms), Due{401});
  EXPECT_EQ(After(300ms), Due{701});
}

TEST_F(IntervalTest, StartsWhenItIsTold) {
  Interval interval(clock_.start() + 70ms, 100ms);
  EXPECT_EQ(After(69ms, interval), Due{});
  EXPECT_EQ(After(1ms, interval), Due{70});
  EXPECT_EQ(After(100ms, interval), Due{170});
  EXPECT_EQ(interval.period(), 100ms);
  interval.set_missed_ticks(MissedTicks::kSkip);
  EXPECT_EQ(interval.missed_ticks(), MissedTicks::kSkip);
  Interval late(clock_.start(), 100ms);
  EXPECT_EQ(Ticks(late), (Due{0, 100}));  // at 170
}

// behaviour: tokio/tests/time_interval.rs#interval_doesnt_panic_max_duration_when_polling
TEST_F(IntervalTest, TheLongestPeriodDoesNotOverflow) {
  Interval interval(std::chrono::hours::max());
  EXPECT_EQ(After(0ms, interval), Due{0});
  EXPECT_EQ(After(365 * 24h * 100, interval), Due{});
}

// A stream that gives every fourth tick, and wakes itself after the others, or does not.
class Fourth {
 public:
  using Item = int;
  explicit Fourth(bool wakes) : interval_(10ms), wakes_(wakes) {}
  Poll<std::optional<int>> PollNext(Context& cx) {
    if (interval_.PollTick(cx).pending()) return kPending;
    if (++count_ % 4 == 0) return std::optional<int>(count_);
    if (wakes_) cx.waker().Wake();
    return kPending;
  }

 private:
  Interval interval_;
  bool wakes_;
  int count_ = 0;
};

// behaviour: tokio/tests/time_interval.rs#stream_with_interval_poll_tick_self_waking
// behaviour: tokio/tests/time_interval.rs#stream_with_interval_poll_tick_no_waking
TEST(IntervalStreamTest, APollThatGivesATickKeepsNoWaker) {
  for (bool wakes : {true, false}) {
    PausedClock clock;
    std::vector<int> seen;
    const Status status = clock.runtime().BlockOn(
        Timeout(149ms, ForEach(Fourth(wakes), [&seen](int n) { seen.push_back(n); })));
    EXPECT_TRUE(IsElapsed(status)) << status;
    EXPECT_EQ(seen, wakes ? (std::vector<int>{4, 8, 12}) : std::vector<int>());
  }
}

TEST(IntervalStreamTest, IsAStream) {
  PausedClock clock;
  std::vector<Instant> due;
  (void)clock.runtime().BlockOn(Timeout(2500ms, ForEach(Interval(1s), [&due](Instant at) { due.push_back(at); })));
  EXPECT_EQ(due, (std::vector<Instant>{clock.start(), clock.start() + 1s, clock.start() + 2s}));
}

// check: H1
TEST(IntervalDropTest, DropSuite) {
  PausedClock clock;
  RunDropSuite(
      [](Tracked tracked) {
        return With(std::move(tracked), Interval(10ms), [](Tracked&, Interval& interval) {
          return Loop([&interval] { return interval.Tick().Then([] {}); });
        });
      },
      3, [&clock] { EXPECT_EQ(clock.timers(), 0u); });

  Interval interval(10ms);
  {
    PolledTask first(interval.Tick());
    EXPECT_THAT(first.Poll(), IsReady());
  }
  {
    PolledTask dropped(interval.Tick());
    EXPECT_THAT(dropped.Poll(), IsPending());
    clock.Advance(10ms);
    EXPECT_EQ(dropped.wakes(), 1);
  }
  PolledTask next(interval.Tick());
  EXPECT_THAT(next.Poll(), IsReady(clock.start() + 10ms));  // nothing is lost
}

// E7: the shortest period leaves its worker to others at every poll. Ticks that are due already need no timer: a poll gives as
// many as it has budget for, and comes once a turn.
// check: E7
TEST(IntervalBudgetTest, AnIntervalOfOneNanosecondStarvesNobody) {
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().Build();
  ASSERT_TRUE(runtime.ok());
  int ticks = 0, most_ticks = 0;  // in one poll
  int polls = 0, most_polls = 0;  // in one turn: between two polls of another task that is always ready
  int turns = 0;
  int timers = 0;
  constexpr int kTurns = 1'000;
  EXPECT_TRUE(runtime
                  ->BlockOn([&] {
                    auto every = ForEach(Interval(1ns), [&ticks](Instant) { ++ticks; });
                    return With(
                        Spawn(PollFn([&, every = std::move(every)](Context& cx) mutable {
                          ++polls;
                          const int before = ticks;
                          auto polled = every.PollOnce(cx);
                          most_ticks = std::max(most_ticks, ticks - before);
                          return polled;
                        })),
                        Spawn(Loop([&timers] { return Sleep(1us).Then([&timers] { ++timers; }); })),
                        Spawn(Loop([&, seen = 0]() mutable {
                          most_polls = std::max(most_polls, polls - std::exchange(seen, polls));
                          return YieldNow().Then([&]() -> Flow<> {
                            if (++turns >= kTurns && timers > 2) return Break();
                            return Continue();
                          });
                        })),
                        [](auto& ticker, auto& sleeper, auto& other) {
                          return ByRef(other).Then([&](auto& ended) {
                            ticker.Abort();
                            sleeper.Abort();
                            return ended;
                          });
                        });
                  })
                  .ok());
  EXPECT_GT(ticks, turns / 2);
  EXPECT_GT(most_ticks, 0);
  EXPECT_LE(most_ticks, static_cast<int>(limits::kPollBudget));
  EXPECT_EQ(most_polls, 1);
}

// behaviour: tokio/tests/time_interval.rs#interval_zero_duration
// behaviour: tokio/tests/time_panic.rs#interval_panic_caller
// behaviour: tokio/tests/time_panic.rs#interval_at_panic_caller
TEST(IntervalDeathTest, APeriodOfNothingIsRefused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Interval(0s), "must be more than nothing");
  EXPECT_DEATH(Interval(Instant(), 0s), "must be more than nothing");
  EXPECT_DEATH(Interval(Instant(), -1s), "must be more than nothing");
}

}  // namespace
}  // namespace kioto::time
