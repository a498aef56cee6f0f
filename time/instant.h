// Instant: a moment of the runtime's clock: monotonic, stands still while the clock is paused, and means nothing outside
// this process.
//
//   const time::Instant start = time::Instant::Now();
//   ... TimeoutAt(start + 5s, s.Read(buf)) ...
//
// Arithmetic saturates: what is too late is Never(), what is too early is the clock's zero.
#ifndef KIOTO_TIME_INSTANT_H_
#define KIOTO_TIME_INSTANT_H_

#include <chrono>
#include <cstdint>

#include "kioto/time/internal/nanos.h"

namespace kioto::time {

class Instant {
 public:
  // The clock's zero.
  constexpr Instant() = default;

  // The clock of the runtime entered on this thread; the real one outside. One clock read (20 ns). Any thread.
  static Instant Now();
  // A moment that never comes.
  static constexpr Instant Never() { return Instant(INT64_MAX); }
  // `nanos` after the clock's zero, at least 0.
  static constexpr Instant FromNanos(int64_t nanos) { return Instant(nanos > 0 ? nanos : 0); }

  // To and from the clock of std::condition_variable::wait_until and its like, which no Pause stops: as far from now on the one as
  // on the other. Never() is time_point::max(). Two clock reads. Any thread.
  static Instant FromSteady(std::chrono::steady_clock::time_point at);
  std::chrono::steady_clock::time_point ToSteady() const;

  constexpr int64_t nanos() const { return nanos_; }
  // From here to now; zero if it lies ahead.
  std::chrono::nanoseconds Elapsed() const;

  template <class Rep, class Period>
  friend constexpr Instant operator+(Instant at, std::chrono::duration<Rep, Period> by) {
    return Shifted(at.nanos_, kioto::internal::ToNanos(by));
  }
  template <class Rep, class Period>
  friend constexpr Instant operator-(Instant at, std::chrono::duration<Rep, Period> by) {
    const int64_t nanos = kioto::internal::ToNanos(by);
    return Shifted(at.nanos_, nanos == INT64_MIN ? INT64_MAX : -nanos);
  }
  template <class Rep, class Period>
  Instant& operator+=(std::chrono::duration<Rep, Period> by) {
    return *this = *this + by;
  }
  // From `from` to `to`; negative if `to` is the earlier.
  friend constexpr std::chrono::nanoseconds operator-(Instant to, Instant from) {
    return std::chrono::nanoseconds(to.nanos_ - from.nanos_);  // neither is negative
  }

  friend constexpr bool operator==(Instant a, Instant b) { return a.nanos_ == b.nanos_; }
  friend constexpr bool operator!=(Instant a, Instant b) { return a.nanos_ != b.nanos_; }
  friend constexpr bool operator<(Instant a, Instant b) { return a.nanos_ < b.nanos_; }
  friend constexpr bool operator>(Instant a, Instant b) { return a.nanos_ > b.nanos_; }
  friend constexpr bool operator<=(Instant a, Instant b) { return a.nanos_ <= b.nanos_; }
  friend constexpr bool operator>=(Instant a, Instant b) { return a.nanos_ >= b.nanos_; }

 private:
  explicit constexpr Instant(int64_t nanos) : nanos_(nanos) {}

  static constexpr Instant Shifted(int64_t nanos, int64_t by) {
    if (by > 0 && nanos > INT64_MAX - by) return Never();
    return FromNanos(nanos + by);  // nanos >= 0: no underflow
  }

  int64_t nanos_ = 0;
};

}  // namespace kioto::time

#endif  // KIOTO_TIME_INSTANT_H_
