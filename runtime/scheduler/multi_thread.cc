// What brings work stealing into a program: RuntimeBuilder::MultiThread and what says it, and what Main needs of signals.
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/scheduler/work_stealing.h"
#include "kioto/runtime/signal/hub.h"

namespace kioto {

StatusOr<Runtime> Runtime::MultiThread() { return RuntimeBuilder::MultiThread().Build(); }

RuntimeBuilder RuntimeBuilder::MultiThread() {
  return RuntimeBuilder([](const internal::RuntimeOptions& options) -> StatusOr<std::shared_ptr<internal::RuntimeCore>> {
    return internal::WorkStealingCore::Make(options);
  });
}

void internal::MainHasEnded(bool ended) { signal::internal::RestoreUnusedAlways(ended); }

}  // namespace kioto
