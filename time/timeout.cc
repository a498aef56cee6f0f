#include "kioto/time/timeout.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "kioto/runtime/driver/driver_set.h"

namespace kioto::internal {

Status TimeoutError(TimerState state, int64_t limit) {
  switch (state) {
    case TimerState::kFired:
      if (limit == kTimeoutAt) return ElapsedError("TimeoutAt: the time had come before the future was ready");
      return ElapsedError(absl::StrCat("Timeout: ", absl::FormatDuration(absl::Nanoseconds(limit)),
                                       " went by before the future was ready"));
    case TimerState::kShutdown:
      return ShutdownError("Timeout");
    case TimerState::kIdle:
    case TimerState::kArmed:
      break;
  }
  return TimeUnavailable("Timeout");
}

}  // namespace kioto::internal
