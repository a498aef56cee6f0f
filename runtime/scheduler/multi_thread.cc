// What brings work stealing into a program: RuntimeBuilder::MultiThread and what says it.
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/scheduler/work_stealing.h"

namespace kioto {

StatusOr<Runtime> Runtime::MultiThread() { return RuntimeBuilder::MultiThread().Build(); }

RuntimeBuilder RuntimeBuilder::MultiThread() {
  return RuntimeBuilder([](const internal::RuntimeOptions& options) -> StatusOr<std::shared_ptr<internal::RuntimeCore>> {
    return internal::WorkStealingCore::Make(options);
  });
}

}  // namespace kioto
