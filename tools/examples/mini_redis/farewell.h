// Farewell: how a connection is left by a server whose last words are still on their way.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_FAREWELL_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_FAREWELL_H_

#include "absl/status/status.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"

namespace mini_redis {

// Says that no more will come, and reads what the client still sends, for a second and a megabyte at most, or until it closes.
// To close with bytes unread would be a reset, which may overtake what was written last. CANCEL SAFE: yes, closes at once.
kioto::Future<absl::Status> Farewell(kioto::net::TcpStream stream);

}  // namespace mini_redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_FAREWELL_H_
