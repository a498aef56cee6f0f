// Backoff: how long to wait before each new attempt: twice as long each time, from `first` to `max`, and of that, by chance,
// between half and all, so that those who failed together do not come back together.
//
//   time::Backoff backoff(100ms, 2s, 5);       // five attempts in all: at most four waits
//   while (!Try() && !backoff.Spent()) wait(backoff.Next());
//   auto backoff = time::Backoff::Forever(100ms, 2s);   // no last attempt; Reset() after one that went well
//
// The chance comes from the worker's seeded generator: a runtime with a seed repeats it.
#ifndef KIOTO_TIME_BACKOFF_H_
#define KIOTO_TIME_BACKOFF_H_

#include <chrono>
#include <climits>
#include <cstdint>

#include "kioto/time/internal/nanos.h"

namespace kioto::time {

// A value: copy it for each operation. One thread at a time.
class Backoff {
 public:
  // `attempts`: how often the operation is tried in all, the first time too.
  template <class Rep1, class Period1, class Rep2, class Period2>
  constexpr Backoff(std::chrono::duration<Rep1, Period1> first, std::chrono::duration<Rep2, Period2> max, int attempts)
      : Backoff(kioto::internal::ToNanos(first), kioto::internal::ToNanos(max), attempts) {}

  // Without a last attempt: never Spent.
  template <class Rep1, class Period1, class Rep2, class Period2>
  static constexpr Backoff Forever(std::chrono::duration<Rep1, Period1> first, std::chrono::duration<Rep2, Period2> max) {
    return Backoff(first, max, kForever);
  }

  // Whether there is no attempt left.
  constexpr bool Spent() const { return attempts_ <= 1; }
  // How long to wait before the next attempt, which it counts.
  std::chrono::nanoseconds Next();
  // Begins anew, as it was made.
  constexpr void Reset() {
    next_ = first_;
    attempts_ = all_;
  }

  // Of Forever: INT_MAX.
  constexpr int attempts_left() const { return attempts_; }

 private:
  static constexpr int kForever = INT_MAX;

  constexpr Backoff(int64_t first, int64_t max, int attempts)
      : first_(first < 0 ? 0 : first < max ? first : max < 0 ? 0 : max), next_(first_), max_(max < 0 ? 0 : max), all_(attempts),
        attempts_(attempts) {}

  int64_t first_, next_;  // nanoseconds, without chance
  int64_t max_;
  int all_, attempts_;  // that are left: at the beginning, and now, with the one that is being made
};

}  // namespace kioto::time

namespace kioto {
using time::Backoff;
}  // namespace kioto

#endif  // KIOTO_TIME_BACKOFF_H_
