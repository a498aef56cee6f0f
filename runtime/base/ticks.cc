#include "kioto/runtime/base/ticks.h"

#include <time.h>

namespace kioto::base {

int64_t RealNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

TickScale::TickScale() : ticks_(Ticks()), nanos_(RealNanos()) {}

double TickScale::NanosPerTick() const {
  const int64_t ticks_since = static_cast<int64_t>(Ticks() - ticks_);
  const int64_t nanos_since = RealNanos() - nanos_;
  if (ticks_since <= 0 || nanos_since <= 0) return 0;
  return static_cast<double>(nanos_since) / static_cast<double>(ticks_since);
}

int64_t TickScale::ToNanos(uint64_t ticks) const { return static_cast<int64_t>(static_cast<double>(ticks) * NanosPerTick()); }

uint64_t TickScale::FromNanos(int64_t nanos) const {
  const double scale = NanosPerTick();
  return scale == 0 ? 0 : static_cast<uint64_t>(static_cast<double>(nanos) / scale);
}

}  // namespace kioto::base
