// BlockingClient: a Client for threads that run no tasks: each call returns when its answer is there.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_CLIENT_BLOCKING_CLIENT_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_CLIENT_BLOCKING_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tools/examples/mini_redis/client/client.h"

namespace redis {

// One thread at a time. It has a runtime of its own, which runs only inside the calls.
class BlockingClient {
 public:
  static absl::StatusOr<BlockingClient> Connect(kioto::net::Endpoint to) {
    auto runtime = kioto::Runtime::CurrentThread();
    if (!runtime.ok()) return runtime.status();
    auto client = runtime->BlockOn([&] { return Client::Connect(std::move(to)); });
    if (!client.ok()) return client.status();
    return BlockingClient(*std::move(runtime), *std::move(client));
  }

  absl::StatusOr<std::string> Ping(absl::string_view text = "PONG") {
    return runtime_.BlockOn([&] { return client_.Ping(text); });
  }
  absl::StatusOr<std::optional<std::string>> Get(absl::string_view key) {
    return runtime_.BlockOn([&] { return client_.Get(key); });
  }
  absl::Status Set(absl::string_view key, absl::string_view value) {
    return runtime_.BlockOn([&] { return client_.Set(key, value); });
  }
  absl::Status Set(absl::string_view key, absl::string_view value, std::chrono::milliseconds expires) {
    return runtime_.BlockOn([&] { return client_.Set(key, value, expires); });
  }
  absl::StatusOr<int64_t> Publish(absl::string_view channel, absl::string_view message) {
    return runtime_.BlockOn([&] { return client_.Publish(channel, message); });
  }

 private:
  BlockingClient(kioto::Runtime runtime, Client client) : runtime_(std::move(runtime)), client_(std::move(client)) {}

  kioto::Runtime runtime_;
  Client client_;  // gone before its runtime
};

}  // namespace redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_CLIENT_BLOCKING_CLIENT_H_
