// A session: one connection, from its first byte to its last.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_SESSION_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_SESSION_H_

#include <memory>

#include "absl/status/status.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/tools/examples/mini_redis/state.h"

namespace mini_redis {

// Serves the client until it leaves, breaks the protocol, is too slow, or State::stop is cancelled. OK in all these cases.
kioto::Future<absl::Status> Serve(kioto::net::TcpStream stream, std::shared_ptr<State> state);

}  // namespace mini_redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_SESSION_H_
