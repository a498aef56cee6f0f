// mini_redis: a server that speaks Redis' protocol.
//
//   bazel run -c opt //tools/examples/mini_redis -- --port 6379        then:  redis-cli
#include <cstddef>
#include <cstdint>
#include <cstdio>

#include "absl/status/status.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tools/examples/flags/descriptors.h"
#include "kioto/tools/examples/mini_redis/options.h"
#include "kioto/tools/examples/mini_redis/server.h"

namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "mini_redis: %.*s\n", static_cast<int>(status.message().size()), status.message().data());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  auto options = mini_redis::ParseOptions(argc, argv);
  if (!options.ok()) return Fail(options.status());
  const auto clients = static_cast<int64_t>(options->max_clients);
  const auto workers = static_cast<size_t>(options->workers);
  options->max_clients = static_cast<size_t>(examples::RoomForConnections("mini_redis", clients, /*each=*/1, workers));
  auto builder = options->workers == 0 ? kioto::RuntimeBuilder::CurrentThread()
                                       : kioto::RuntimeBuilder::MultiThread().WorkerThreads(options->workers);
  auto runtime = builder.Build();
  if (!runtime.ok()) return Fail(runtime.status());
  const absl::Status status = runtime->BlockOn([&] { return mini_redis::RunServer(*options); });
  return status.ok() ? 0 : Fail(status);
}
