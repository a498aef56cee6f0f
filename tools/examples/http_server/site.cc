#include "kioto/tools/examples/http_server/site.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kioto/fs/paths.h"
#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/if.h"
#include "kioto/tools/examples/http/fields.h"

namespace http_server {

using kioto::Status;
using kioto::StatusOr;

// [region find]
kioto::Future<StatusOr<Found>> Find(const Site& site, const std::string& target) {
  const auto path = http::ParsePath(target);
  if (!path.ok()) return path.status();
  const bool folder = path->empty() || absl::EndsWith(*path, "/");
  // Opened first, and then asked what it is: between a look at a name and its use somebody may put another file there. Without
  // O_NONBLOCK a pipe that nobody writes to would hold a thread of the pool for ever.
  return kioto::fs::OpenOptions()
      .Read(true)
      .CustomFlags(O_NONBLOCK | O_NOCTTY)
      .Open(absl::StrCat(site.root, "/", *path, folder ? "index.html" : ""))
      .AndThen([&site](kioto::fs::File& file) {
        return kioto::fs::ReadLink(absl::StrCat("/proc/self/fd/", file.fd())).AndThen([&site, &file](std::string& real) {
          const bool inside = real == site.root || absl::StartsWith(real, site.root == "/" ? "/" : site.root + "/");
          return kioto::If(
              inside, [&file] { return file.GetMetadata(); }, [] { return absl::NotFoundError("a link leads out of the root"); });
        }).AndThen([&file](kioto::fs::Metadata& metadata) { return Found{std::move(file), metadata}; });
      });
}
// [end find]

int AnswerFor(const Status& error) {
  switch (kioto::ErrnoOf(error)) {
    case 0:
      return absl::IsNotFound(error) ? 404 : 400;
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case ENXIO:  // a socket
      return 404;
    case EACCES:
    case EPERM:
      return 403;
    default:
      return 500;
  }
}

}  // namespace http_server
