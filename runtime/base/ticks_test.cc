#include "kioto/runtime/base/ticks.h"

#include "gtest/gtest.h"
#include "kioto/runtime/base/clock.h"

namespace kioto::base {
namespace {

TEST(TicksTest, TellAsLongATimeAsTheClock) {
  const TickScale scale;
  const int64_t start_ns = RealNanos();
  const uint64_t start = Ticks();
  while (RealNanos() - start_ns < 2'000'000) {
  }
  const uint64_t end = Ticks();
  const int64_t took_ns = RealNanos() - start_ns;
  const int64_t told_ns = scale.ToNanos(end - start);
  EXPECT_GT(told_ns, 0);
  EXPECT_LE(told_ns, took_ns + took_ns / 4);
  const uint64_t ticks = scale.FromNanos(took_ns);
  EXPECT_GE(ticks, end - start - (end - start) / 4);
  EXPECT_LE(ticks, 2 * (end - start));
}

TEST(TicksTest, NoTicksAreNoTime) { EXPECT_EQ(TickScale().ToNanos(0), 0); }

TEST(TicksTest, AreTheRealClocksWhateverATestDoes) {
  const ScopedClockForTest stopped([]() -> int64_t { return 5; });
  const int64_t first = RealNanos();
  EXPECT_NE(first, 5);
  EXPECT_GE(RealNanos(), first);
}

}  // namespace
}  // namespace kioto::base
