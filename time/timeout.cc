#include "kioto/time/timeout.h"

#include "kioto/runtime/driver/driver_set.h"

namespace kioto::internal {

Status TimeoutError(TimerState state) {
  switch (state) {
    case TimerState::kFired:
      return ElapsedError("Timeout: the time was over before the future was ready");
    case TimerState::kShutdown:
      return ShutdownError("Timeout");
    case TimerState::kIdle:
    case TimerState::kArmed:
      break;
  }
  return TimeUnavailable("Timeout");
}

}  // namespace kioto::internal
