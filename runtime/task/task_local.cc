#include "kioto/runtime/task/task_local.h"

namespace kioto::internal {

Status TaskLocalNotSet() {
  return absl::FailedPreconditionError(
      "the task-local is not set here: it is only inside its Scope, and a spawned task inherits none");
}

}  // namespace kioto::internal
