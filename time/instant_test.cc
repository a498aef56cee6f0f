#include "kioto/time/instant.h"

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
