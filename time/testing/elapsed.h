// HasElapsed: a matcher for how much time has passed since a moment, on a clock that stands still: exactly so much, or up to
// a millisecond more, the grain of timers.
//
//   const time::Instant start = time::Instant::Now();
//   …
//   EXPECT_THAT(start, HasElapsed(100ms));
#ifndef KIOTO_TIME_TESTING_ELAPSED_H_
#define KIOTO_TIME_TESTING_ELAPSED_H_

#include <chrono>
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "kioto/time/instant.h"

namespace kioto::time {

MATCHER_P(HasElapsed, duration,
          std::string(negation ? "is not " : "is ") + absl::FormatDuration(absl::FromChrono(duration)) +
              " ago, or up to 1ms more") {
  const std::chrono::nanoseconds elapsed = arg.Elapsed();
  *result_listener << "which is " << absl::FormatDuration(absl::FromChrono(elapsed)) << " ago";
  return elapsed >= duration && elapsed <= duration + std::chrono::milliseconds(1);
}

}  // namespace kioto::time

namespace kioto {
using time::HasElapsed;
}  // namespace kioto

#endif  // KIOTO_TIME_TESTING_ELAPSED_H_
