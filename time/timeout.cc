#include "kioto/time/timeout.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "kioto/runtime/driver/driver_set.h"

namespace kioto::internal {
namespace {

// Why there is no time at all.
Status NoTime(TimerState state, const char* kind) {
  return state == TimerState::kShutdown ? ShutdownError(kind) : TimeUnavailable(kind);
}

}  // namespace

Status TimeoutError(TimerState state, int64_t limit) {
  if (state != TimerState::kFired) return NoTime(state, "Timeout");
  if (limit == kTimeoutAt) return ElapsedError("TimeoutAt: the time had come before the future was ready");
  return ElapsedError(
      absl::StrCat("Timeout: ", absl::FormatDuration(absl::Nanoseconds(limit)), " went by before the future was ready"));
}

Status LateError(TimerState state, const char* kind) {
  if (state != TimerState::kFired) return NoTime(state, kind);
  return ElapsedError(absl::StrCat(kind, ": the time was over before the stream's next item came"));
}

}  // namespace kioto::internal
