#include "kioto/time/instant.h"

#include <chrono>
#include <limits>

#include "gtest/gtest.h"
#include "kioto/time/testing/elapsed.h"
#include "kioto/time/testing/paused_clock.h"

namespace kioto::time {
namespace {

using namespace std::chrono_literals;  // NOLINT

// behaviour: tokio/src/runtime/time/tests/mod.rs#instant_to_tick_max
TEST(InstantTest, ArithmeticSaturates) {
  const Instant at = Instant::FromNanos(1'000);
  EXPECT_EQ(at + std::chrono::hours::max(), Instant::Never());
  EXPECT_EQ(at + std::chrono::nanoseconds::max(), Instant::Never());
  EXPECT_EQ(at - std::chrono::hours::max(), Instant());
  EXPECT_EQ(at + std::chrono::nanoseconds::min(), Instant());
  EXPECT_EQ(Instant::Never() - std::chrono::nanoseconds::min(), Instant::Never());
  EXPECT_EQ(at + std::chrono::duration<double>(1e300), Instant::Never());
  EXPECT_EQ(at + std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()), Instant::Never());
  EXPECT_EQ(at - 2us, Instant());
  EXPECT_EQ((at + 500ns).nanos(), 1'500);
  EXPECT_EQ((at + std::chrono::duration<double>(0.5)).nanos(), 500'001'000);
  EXPECT_EQ(at - Instant::FromNanos(4'000), -3us);
  EXPECT_EQ(Instant::Never() - Instant(), std::chrono::nanoseconds::max());
}

TEST(InstantTest, Compares) {
  const Instant early = Instant::FromNanos(1);
  Instant late = early;
  EXPECT_EQ(late, early);
  late += 1ms;
  EXPECT_NE(late, early);
  EXPECT_LT(early, late);
  EXPECT_GT(late, early);
  EXPECT_LE(late, late);
  EXPECT_GE(late, early);
}

TEST(InstantTest, FollowsTheClockOfTheRuntime) {
  const Instant before = Instant::Now();
  EXPECT_GE(Instant::Now(), before);  // the real clock, outside
  PausedClock clock;
  const Instant start = Instant::Now();
  EXPECT_EQ(Instant::Now(), start);
  clock.Advance(1234567ns);
  EXPECT_EQ(start.Elapsed(), 1234567ns);
  EXPECT_EQ((start + 1h).Elapsed(), 0ns);
}

// Between two looks at the clock that goes on.
TEST(InstantTest, GoesOverToTheSteadyClockAndBack) {
  using Steady = std::chrono::steady_clock;
  PausedClock clock;
  const Instant now = Instant::Now();
  for (const std::chrono::nanoseconds away : {std::chrono::nanoseconds(1h), std::chrono::nanoseconds(0), std::chrono::nanoseconds(-1ms)}) {
    const Steady::time_point before = Steady::now();
    const Steady::time_point over = (now + away).ToSteady();
    const Instant back = Instant::FromSteady(before + away);
    const Steady::time_point after = Steady::now();
    EXPECT_GE(over, before + away);
    EXPECT_LE(over, after + away);
    EXPECT_LE(back, now + away);
    EXPECT_GE(back, now + away - (after - before));
  }
  EXPECT_EQ(Instant::Never().ToSteady(), Steady::time_point::max());
  EXPECT_EQ(Instant::FromSteady(Steady::time_point::max()), Instant::Never());
  EXPECT_LT(Instant::FromSteady(Steady::time_point::min()), now);
  EXPECT_GT((Instant::Never() - 1ns).ToSteady(), Steady::now() + 1h);
}

TEST(InstantTest, HasElapsedAllowsTheGrainOfTimersAndNoMore) {
  PausedClock clock;
  clock.Advance(10ms);
  EXPECT_THAT(clock.start(), HasElapsed(10ms));
  EXPECT_THAT(clock.start(), HasElapsed(9ms));
  EXPECT_THAT(clock.start(), ::testing::Not(HasElapsed(8ms)));
  EXPECT_THAT(clock.start(), ::testing::Not(HasElapsed(10ms + 1ns)));
}

}  // namespace
}  // namespace kioto::time
