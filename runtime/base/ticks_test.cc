#include "kioto/runtime/base/ticks.h"

#include "gtest/gtest.h"
#include "kioto/runtime/base/clock.h"

namespace kioto::base {
namespace {

TEST(TicksTest, TellAsLongATimeAsTheClock) {
  const TickScale scale;
  const auto tells = [&scale] {
    const int64_t start_ns = RealNanos();
    const uint64_t start = Ticks();
    while (RealNanos() - start_ns < 2'000'000) {
    }
    const uint64_t end = Ticks();
    const int64_t took_ns = RealNanos() - start_ns;
    const int64_t told_ns = scale.ToNanos(end - start);
    const uint64_t ticks = scale.FromNanos(took_ns);
    return told_ns > 0 && told_ns <= took_ns + took_ns / 4 && ticks >= end - start - (end - start) / 4 && ticks <= 2 * (end - start);
  };
  int tries = 100;  // between a look at the clock and one at the ticks somebody else may run
  while (tries > 0 && !tells()) --tries;
  EXPECT_GT(tries, 0);
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
