// ToNanos: any std::chrono duration in nanoseconds, saturating: no duration overflows, however large its unit.
#ifndef KIOTO_TIME_INTERNAL_NANOS_H_
#define KIOTO_TIME_INTERNAL_NANOS_H_

#include <chrono>
#include <cstdint>
#include <ratio>
#include <type_traits>

namespace kioto::internal {

template <class Rep, class Period>
constexpr int64_t ToNanos(std::chrono::duration<Rep, Period> duration) {
  using Exact = std::chrono::duration<int64_t, std::nano>;
  if constexpr (std::is_same_v<std::chrono::duration<Rep, Period>, Exact>) {
    return duration.count();
  } else {
    constexpr double kLimit = 9.2e18;  // a little less than INT64_MAX: what lies between is saturated too
    const double nanos = std::chrono::duration<double, std::nano>(duration).count();
    if (nanos <= -kLimit) return INT64_MIN;
    if (nanos < kLimit) return std::chrono::duration_cast<Exact>(duration).count();
    return INT64_MAX;  // not-a-number too: nothing may come early
  }
}

}  // namespace kioto::internal

#endif  // KIOTO_TIME_INTERNAL_NANOS_H_
