// MonotonicNanos: the clock of the runtime: nanoseconds since some fixed moment; never goes back, counts on while the
// wall clock is set, stands still while the machine is suspended. One read costs about 20 ns: take one per event.
#ifndef KIOTO_RUNTIME_BASE_CLOCK_H_
#define KIOTO_RUNTIME_BASE_CLOCK_H_

#include <cstdint>

namespace kioto::base {

// CLOCK_MONOTONIC, or what a test has put in its place. Any thread.
int64_t MonotonicNanos();

// A moment that has been, at most some milliseconds ago (the kernel's last tick), for a tenth of the cost: enough to tell that
// something is not due yet by far. Where there is no such clock, and in tests that put another one there, MonotonicNanos().
int64_t CoarseMonotonicNanos();

// Puts `clock` in the place of the real one, for the whole process, until destroyed. Any thread may call it meanwhile,
// and it must not go back. What sleeps in the kernel (Parker, the driver) still wakes by the real clock.
class ScopedClockForTest {
 public:
  using Clock = int64_t (*)();
  explicit ScopedClockForTest(Clock clock);
  ~ScopedClockForTest();
  ScopedClockForTest(const ScopedClockForTest&) = delete;
  ScopedClockForTest& operator=(const ScopedClockForTest&) = delete;

 private:
  Clock before_;
};

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_CLOCK_H_
