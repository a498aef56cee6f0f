// Site: what all connections of the server share: the files, the limits, and the end.
#ifndef KIOTO_TOOLS_EXAMPLES_HTTP_SERVER_SITE_H_
#define KIOTO_TOOLS_EXAMPLES_HTTP_SERVER_SITE_H_

#include <cstdint>
#include <string>

#include "kioto/fs/file.h"
#include "kioto/fs/metadata.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/erased.h"
#include "kioto/runtime/task/task_tracker.h"
#include "kioto/sync/cancellation_token.h"

namespace http_server {

// Times in milliseconds.
struct Limits {
  int64_t connections = 1024;
  int64_t head = 16 * 1024;      // bytes of a request without its body
  int64_t body = 64 * 1024;      // bytes of a body, which nobody reads
  int64_t idle_ms = 30'000;      // between two requests
  int64_t request_ms = 10'000;   // from a request's first byte to its last
  int64_t write_ms = 30'000;     // for a client to take a piece of an answer (64 KiB)
  int64_t linger_ms = 1'000;     // for a client to stop sending when it has its last answer
  int64_t drain_ms = 10'000;     // at the end, for answers that are being sent
};

struct Site {
  std::string root;  // absolute, without links
  Limits limits;
  kioto::TaskTracker clients;
  kioto::CancellationToken stop;  // finish the answer, then leave
  kioto::CancellationToken kill;  // leave
};

struct Found {
  kioto::fs::File file;
  kioto::fs::Metadata metadata;
};

// Opens what a request's target names: of a path that ends with a slash, the index.html in it. Links are followed, but what they
// lead to out of the root is not given, even if they change meanwhile. Needs /proc. Errors: kInvalidArgument for what is no path, or the system's. CANCEL SAFE: yes.
kioto::Future<kioto::StatusOr<Found>> Find(const Site& site, const std::string& target);

// What a server answers when it could not Find.
int AnswerFor(const kioto::Status& error);

}  // namespace http_server

#endif  // KIOTO_TOOLS_EXAMPLES_HTTP_SERVER_SITE_H_
