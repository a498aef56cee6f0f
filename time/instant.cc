#include "kioto/time/instant.h"

#include <algorithm>

#include "kioto/runtime/driver/driver_set.h"

namespace kioto::time {

Instant Instant::Now() { return Instant(kioto::internal::NowNanos()); }

Instant Instant::FromSteady(std::chrono::steady_clock::time_point at) {
  using Clock = std::chrono::steady_clock;
  if (at == Clock::time_point::max()) return Never();
  return Now() + (std::max(at, Clock::time_point()) - Clock::now());
}

std::chrono::steady_clock::time_point Instant::ToSteady() const {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point now = Clock::now();
  const std::chrono::nanoseconds ahead = *this - Now();
  if (*this == Never() || ahead > Clock::time_point::max() - now) return Clock::time_point::max();
  return now + std::chrono::duration_cast<Clock::duration>(ahead);
}

std::chrono::nanoseconds Instant::Elapsed() const { return std::max(Now() - *this, std::chrono::nanoseconds(0)); }

}  // namespace kioto::time
