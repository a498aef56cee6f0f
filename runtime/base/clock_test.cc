#include "kioto/runtime/base/clock.h"

#include <time.h>

#include "gtest/gtest.h"

namespace kioto::base {
namespace {

int64_t Kernel() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

TEST(ClockTest, IsTheMonotonicClockInNanoseconds) {
  for (int i = 0; i < 1'000; ++i) {
    const int64_t before = Kernel();
    const int64_t now = MonotonicNanos();
    EXPECT_LE(before, now);
    EXPECT_LE(now, Kernel());
  }
}

TEST(ClockTest, TheCoarseOneLagsByTicksAndIsNeverAhead) {
  int64_t before = 0;
  for (int i = 0; i < 1'000; ++i) {
    const int64_t coarse = CoarseMonotonicNanos();
    EXPECT_LE(before, coarse);
    EXPECT_LE(coarse, MonotonicNanos());
    EXPECT_GT(coarse, MonotonicNanos() - 10'000'000'000);  // however late the machine is
    before = coarse;
  }
  ScopedClockForTest seven([]() -> int64_t { return 7; });
  EXPECT_EQ(CoarseMonotonicNanos(), 7);
}

TEST(ClockTest, TestsMayPutAnotherInItsPlace) {
  {
    ScopedClockForTest seven([]() -> int64_t { return 7; });
    EXPECT_EQ(MonotonicNanos(), 7);
    {
      ScopedClockForTest eight([]() -> int64_t { return 8; });
      EXPECT_EQ(MonotonicNanos(), 8);
    }
    EXPECT_EQ(MonotonicNanos(), 7);
  }
  EXPECT_GT(MonotonicNanos(), 8);
}

}  // namespace
}  // namespace kioto::base
