// The server: accepts clients, and ends in good order.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_SERVER_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_SERVER_H_

#include "absl/status/status.h"
#include "kioto/runtime/future/future.h"
#include "kioto/tools/examples/mini_redis/options.h"

namespace mini_redis {

// Binds, says on standard output where, and serves until SIGINT or SIGTERM. Then the clients get what they have asked for,
// within options.drain_timeout. Errors: it could not bind, or accept no more.
kioto::Future<absl::Status> RunServer(const Options& options);

}  // namespace mini_redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_SERVER_H_
