// A session: one connection, from its first request to its last answer.
#ifndef KIOTO_TOOLS_EXAMPLES_HTTP_SERVER_SESSION_H_
#define KIOTO_TOOLS_EXAMPLES_HTTP_SERVER_SESSION_H_

#include <memory>

#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/erased.h"
#include "kioto/tools/examples/http_server/site.h"

namespace http_server {

// Answers the client's requests until it leaves, breaks the protocol, is too slow, or Site::stop is cancelled: OK in all these
// cases. What had come when that was cancelled is still answered. Errors: those of reading and writing.
kioto::Future<kioto::Status> Serve(kioto::net::TcpStream stream, std::shared_ptr<Site> site);

}  // namespace http_server

#endif  // KIOTO_TOOLS_EXAMPLES_HTTP_SERVER_SESSION_H_
