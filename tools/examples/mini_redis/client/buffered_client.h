// BufferedClient: one connection for many tasks. A task owns it and takes what they ask for from a channel; what has come
// together, up to 64 calls, is sent together, and the answers go back one by one when the last of them is there.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_CLIENT_BUFFERED_CLIENT_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_CLIENT_BUFFERED_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "kioto/runtime/future/future.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tools/examples/mini_redis/client/client.h"

namespace redis {

// A handle: copy it for every task. The connection closes when the last one has gone and its calls are answered. A call that is
// dropped while it waits for room is not made; later, it is made all the same. Errors: as Client's; calls that come after an error
// of the connection, or wait for room then, are IsClosed.
class BufferedClient {
 public:
  // In a runtime: the task begins at once. `waiting` calls may wait for it; more of them wait for room.
  explicit BufferedClient(Client client, size_t waiting = 32);

  kioto::Future<absl::StatusOr<std::optional<std::string>>> Get(absl::string_view key) const;
  kioto::Future<absl::Status> Set(absl::string_view key, absl::string_view value) const;
  kioto::Future<absl::StatusOr<Reply>> Call(absl::Span<const absl::string_view> words) const;

 private:
  struct Request {
    std::string command;
    kioto::sync::OneshotSender<absl::StatusOr<Reply>> reply;
  };
  class Owner;

  kioto::sync::MpscSender<Request> requests_;
};

}  // namespace redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_CLIENT_BUFFERED_CLIENT_H_
