// The server: accepts clients, no more than it has slots for, and ends in good order.
#ifndef KIOTO_TOOLS_EXAMPLES_HTTP_SERVER_SERVER_H_
#define KIOTO_TOOLS_EXAMPLES_HTTP_SERVER_SERVER_H_

#include <string>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/erased.h"
#include "kioto/tools/examples/http_server/site.h"

namespace http_server {

// Serves the files below `root` at `address`, which it says on standard error, until SIGINT or SIGTERM. Then it refuses clients,
// finishes the answers that are being sent, within limits.drain_ms, and cuts what is left. Errors: no such root; it could not
// bind, or accept no more.
kioto::Future<kioto::Status> RunServer(std::string address, std::string root, Limits limits);

}  // namespace http_server

#endif  // KIOTO_TOOLS_EXAMPLES_HTTP_SERVER_SERVER_H_
