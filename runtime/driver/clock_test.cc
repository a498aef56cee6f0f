#include "kioto/runtime/driver/clock.h"

#include <gtest/gtest.h>

#include "kioto/runtime/base/clock.h"

namespace kioto::internal {
namespace {

int64_t fake_now = 0;
int64_t FakeNow() { return fake_now; }

class ClockTest : public ::testing::Test {
 protected:
  ClockTest() { fake_now = 5 * kTickNs + 1; }
  base::ScopedClockForTest real_{FakeNow};
  RuntimeClock clock_;
};

TEST_F(ClockTest, FollowsTheRealClock) {
  EXPECT_EQ(clock_.Now(), fake_now);
  fake_now += 10;
  EXPECT_EQ(clock_.Now(), fake_now);
  EXPECT_FALSE(clock_.paused());
}

TEST_F(ClockTest, StandsStillAtAFullMillisecond) {
  clock_.Pause();
  EXPECT_TRUE(clock_.paused());
  EXPECT_EQ(clock_.Now(), 6 * kTickNs);
  fake_now += 100 * kTickNs;
  EXPECT_EQ(clock_.Now(), 6 * kTickNs);
  clock_.Pause();  // once more: no effect
  EXPECT_EQ(clock_.Now(), 6 * kTickNs);
}

TEST_F(ClockTest, ResumeNeverGoesBack) {
  clock_.Pause();
  clock_.Advance(1'000 * kTickNs);
  const int64_t paused = clock_.Now();
  clock_.Resume();
  EXPECT_EQ(clock_.Now(), paused);
  fake_now += 7;
  EXPECT_EQ(clock_.Now(), paused + 7);
  EXPECT_EQ(clock_.ToMonotonic(paused + 7), fake_now);

  // And the other way: it stood still while the real one went on.
  clock_.Pause();
  const int64_t again = clock_.Now();
  fake_now += 1'000'000 * kTickNs;
  clock_.Resume();
  EXPECT_EQ(clock_.Now(), again);
  EXPECT_EQ(clock_.ToMonotonic(again), fake_now);
}

TEST_F(ClockTest, HugeAdvancesSaturate) {
  clock_.Pause();
  clock_.Advance(kNever);
  EXPECT_EQ(clock_.Now(), kNever - 1);
  clock_.Advance(kNever);
  EXPECT_EQ(clock_.Now(), kNever - 1);
  clock_.Advance(-5);
  EXPECT_EQ(clock_.Now(), kNever - 1);
  EXPECT_EQ(clock_.ToMonotonic(kNever), kNever);
}

TEST_F(ClockTest, AutoAdvanceCanBeInhibited) {
  EXPECT_FALSE(clock_.auto_advance());
  clock_.Pause();
  EXPECT_TRUE(clock_.auto_advance());
  clock_.InhibitAutoAdvance();
  clock_.InhibitAutoAdvance();
  clock_.AllowAutoAdvance();
  EXPECT_FALSE(clock_.auto_advance());
  clock_.AllowAutoAdvance();
  EXPECT_TRUE(clock_.auto_advance());
}

TEST(SaturatingAdd, Saturates) {
  EXPECT_EQ(SaturatingAdd(1, 2), 3);
  EXPECT_EQ(SaturatingAdd(kNever - 1, 2), kNever);
  EXPECT_EQ(SaturatingAdd(5, -1), 5);
  EXPECT_EQ(SaturatingAdd(5, INT64_MIN), 5);
  EXPECT_EQ(SaturatingAdd(0, kNever), kNever);
}

}  // namespace
}  // namespace kioto::internal
