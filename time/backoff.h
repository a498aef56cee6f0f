// Backoff: how long to wait before each new attempt: twice as long each time, from `first` to `max`, and of that, by chance,
// between half and all, so that those who failed together do not come back together.
//
//   time::Backoff backoff(100ms, 2s, 5);       // five attempts in all: at most four waits
//   while (!Try() && !backoff.Spent()) wait(backoff.Next());
//
// The chance comes from the worker's seeded generator: a runtime with a seed repeats it.
#ifndef KIOTO_TIME_BACKOFF_H_
#define KIOTO_TIME_BACKOFF_H_

#include <chrono>
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

  // Whether there is no attempt left.
  constexpr bool Spent() const { return attempts_ <= 1; }
  // How long to wait before the next attempt, which it counts.
  std::chrono::nanoseconds Next();

  constexpr int attempts_left() const { return attempts_; }

 private:
  constexpr Backoff(int64_t first, int64_t max, int attempts)
      : next_(first < 0 ? 0 : first < max ? first : max < 0 ? 0 : max), max_(max < 0 ? 0 : max), attempts_(attempts) {}

  int64_t next_;  // nanoseconds, without chance
  int64_t max_;
  int attempts_;  // with the one that is being made
};

}  // namespace kioto::time

namespace kioto {
using time::Backoff;
}  // namespace kioto

#endif  // KIOTO_TIME_BACKOFF_H_
