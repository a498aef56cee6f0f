#include "kioto/runtime/base/clock.h"

#include <time.h>

#include <atomic>

namespace kioto::base {
namespace {

// Not base::Atomic: the explorer's threads share no clock, and its schedule shall not depend on one.
std::atomic<ScopedClockForTest::Clock> test_clock{nullptr};

int64_t Read(clockid_t id) {
  // acquire: pairs with the exchange that installed it; the function may read what the test prepared before.
  const ScopedClockForTest::Clock clock = test_clock.load(std::memory_order_acquire);
  if (__builtin_expect(clock != nullptr, 0)) return clock();
  timespec now;
  clock_gettime(id, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

int64_t MonotonicNanos() { return Read(CLOCK_MONOTONIC); }

#if defined(CLOCK_MONOTONIC_COARSE)
int64_t CoarseMonotonicNanos() { return Read(CLOCK_MONOTONIC_COARSE); }
#else
int64_t CoarseMonotonicNanos() { return Read(CLOCK_MONOTONIC); }
#endif

ScopedClockForTest::ScopedClockForTest(Clock clock)
    : before_(test_clock.exchange(clock, std::memory_order_acq_rel)) {}  // acq_rel: pairs with MonotonicNanos

ScopedClockForTest::~ScopedClockForTest() {
  test_clock.store(before_, std::memory_order_release);  // release: pairs with MonotonicNanos
}

}  // namespace kioto::base
