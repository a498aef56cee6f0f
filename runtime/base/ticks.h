// Ticks: the cheapest clock there is: the processor's own counter, in a unit that nobody tells. Some nanoseconds a read, so a
// worker may take two whenever it parks; whoever looks at the sum asks a TickScale how long that was.
#ifndef KIOTO_RUNTIME_BASE_TICKS_H_
#define KIOTO_RUNTIME_BASE_TICKS_H_

#include <cstdint>

namespace kioto::base {

// The real clock, whatever a test has put in its place.
int64_t RealNanos();

// Of two reads on two processors, the later one may be a little smaller: clamp differences.
inline uint64_t Ticks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return static_cast<uint64_t>(RealNanos());
#endif
}

// What ticks are in nanoseconds, by what both clocks have counted since it was made: the longer ago, the more exact.
class TickScale {
 public:
  TickScale();
  // Any thread. 0 in the first moment, when nothing is known yet.
  int64_t ToNanos(uint64_t ticks) const;
  uint64_t FromNanos(int64_t nanos) const;

 private:
  double NanosPerTick() const;

  uint64_t ticks_;
  int64_t nanos_;
};

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_TICKS_H_
