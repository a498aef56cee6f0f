#include "kioto/time/instant.h"

#include <algorithm>

#include "kioto/runtime/driver/driver_set.h"

namespace kioto::time {

Instant Instant::Now() { return Instant(kioto::internal::NowNanos()); }

std::chrono::nanoseconds Instant::Elapsed() const { return std::max(Now() - *this, std::chrono::nanoseconds(0)); }

}  // namespace kioto::time
