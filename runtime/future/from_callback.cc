#include "kioto/runtime/future/from_callback.h"

namespace kioto::internal {

Status NeverCompletedError() {
  return ClosedError(
      "FromCallback: its Completer went away without a call: keep it until the callback has run, and call it on every path");
}

}  // namespace kioto::internal
