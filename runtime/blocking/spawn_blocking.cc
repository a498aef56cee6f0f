#include "kioto/runtime/blocking/spawn_blocking.h"

#include "kioto/runtime/scheduler/core.h"

namespace kioto::internal {

Scheduler* CurrentBlockingPool() {
  // Whatever a thread has entered is a RuntimeCore: only those are ever put into the thread's context.
  auto* core = static_cast<RuntimeCore*>(CurrentThread().scheduler);
  return core != nullptr ? core->blocking.get() : NoScheduler();
}

}  // namespace kioto::internal
