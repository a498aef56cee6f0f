#include "kioto/runtime/testing/runtime.h"

namespace kioto::test {

StatusOr<Runtime> MakeRuntime(const Options& options) {
  RuntimeBuilder builder = options.workers > 0 ? RuntimeBuilder::MultiThread() : RuntimeBuilder::CurrentThread();
  if (options.workers > 0) builder.WorkerThreads(options.workers);
  if (options.paused) builder.StartPaused();
  if (options.shuffled > 0) builder.ShuffleReadyTasks();
  if (!options.name.empty()) builder.Name(options.name);
  return builder.Seed(options.seed).Build();
}

}  // namespace kioto::test
