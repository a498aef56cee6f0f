// Get: one page by HTTP/1.1, with limits on everything that the other side decides.
//
//   fetch::Get("http://localhost:8000/a", {}).AndThen([](fetch::Page& page) { ... page.status ... page.body ... });
#ifndef KIOTO_TOOLS_EXAMPLES_FETCH_CLIENT_H_
#define KIOTO_TOOLS_EXAMPLES_FETCH_CLIENT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/erased.h"

namespace fetch {

struct Url {
  std::string host;
  uint16_t port = 80;
  std::string target;  // "/path?query"

  std::string ToString() const;
};

// "http://host:port/path", and less of it: "host". Errors: kInvalidArgument; kUnimplemented for another scheme.
kioto::StatusOr<Url> ParseUrl(absl::string_view text);
// The same of a Location, which may leave out what is as in `base`.
kioto::StatusOr<Url> ParseLocation(const Url& base, absl::string_view location);

struct Limits {
  int64_t redirects = 5;
  int64_t body = 16 << 20;      // bytes
  int64_t connect_ms = 3'000;
  int64_t silence_ms = 10'000;  // of a server that is asked
  int64_t whole_ms = 60'000;    // redirects and all
};

struct Page {
  std::string url;  // after all redirects
  int status = 0;   // of HTTP, whatever it is
  std::string body;
};

// Errors: kUnavailable if trying again may help, as when the connection broke; IsElapsed; kDataLoss for what is no HTTP;
// kResourceExhausted above a limit. CANCEL SAFE: yes, the connection is closed.
kioto::Future<kioto::StatusOr<Page>> Get(std::string url, Limits limits);

}  // namespace fetch

#endif  // KIOTO_TOOLS_EXAMPLES_FETCH_CLIENT_H_
