// RuntimeClock: the clock of one runtime, real or paused. Nanoseconds, monotonic, starting anywhere.
//
// Paused (tests; current-thread runtimes only): time stands still until Advance, or until the runtime has nothing else to
// do and jumps to its next timer (auto-advance).
//
// STATE     paused_at_  kRunning, or the time at which the clock stands
//           offset_     runtime time minus real time while it runs; written before paused_at_ becomes kRunning
//           inhibitors_ how many forbid auto-advance
// OWNERSHIP Now, paused, auto_advance, Inhibit and Allow: any thread. Pause, Resume and Advance: one thread at a time (the
//           runtime's own).
// RACES     R1 Now against Resume: whoever sees kRunning sees the offset that belongs to it.
#ifndef KIOTO_RUNTIME_DRIVER_CLOCK_H_
#define KIOTO_RUNTIME_DRIVER_CLOCK_H_

#include <cstdint>

#include "kioto/runtime/base/atomic.h"

namespace kioto::internal {

// A deadline that never comes.
inline constexpr int64_t kNever = INT64_MAX;

// The grain of timers.
inline constexpr int64_t kTickNs = 1'000'000;

// a + b for a >= 0, at most kNever; a negative b counts as 0.
inline int64_t SaturatingAdd(int64_t a, int64_t b) {
  if (b <= 0) return a;
  return a > kNever - b ? kNever : a + b;
}

class RuntimeClock {
 public:
  RuntimeClock() = default;
  RuntimeClock(const RuntimeClock&) = delete;
  RuntimeClock& operator=(const RuntimeClock&) = delete;

  // One real clock read (about 20 ns), or the paused time.
  int64_t Now() const;

  // Not later than Now(), and behind it by some milliseconds at most: a tenth of the cost. The paused time, exactly.
  int64_t CoarseNow() const;

  bool paused() const;
  // From now on the time stands still, at the next full millisecond, so that whole milliseconds are exact in tests. No
  // effect if it stands still already.
  void Pause();
  void PauseAt(int64_t nanos);  // the same at a time of the caller's choice, before anybody has looked
  void Resume();                // goes on from the paused time: never backwards
  void Advance(int64_t nanos);  // paused only (a check); never past kNever - 1
  // Auto-advance is off while somebody inhibits it (a blocking job runs that may still produce work).
  void InhibitAutoAdvance();
  // Whoever drives is unparked to look again. The clock lives until this has returned.
  void AllowAutoAdvance();
  // How to unpark who drives. Before the first thread.
  void OnAllowed(void (*unpark)(void*), void* arg) {
    unpark_ = unpark;
    unpark_arg_ = arg;
  }
  bool auto_advance() const;  // paused, and nobody inhibits it

  // `nanos` of this clock on base::MonotonicNanos()'s scale; kNever stays. Meaningless while paused.
  int64_t ToMonotonic(int64_t nanos) const;

 private:
  static constexpr int64_t kRunning = -1;

  base::Atomic<int64_t> paused_at_{kRunning};
  base::Atomic<int64_t> offset_{0};
  base::Atomic<int32_t> inhibitors_{0};
  void (*unpark_)(void*) = nullptr;
  void* unpark_arg_ = nullptr;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_CLOCK_H_
