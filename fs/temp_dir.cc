#include "kioto/fs/temp_dir.h"

#include <errno.h>
#include <sys/stat.h>

namespace kioto::fs {

JobFuture<StatusOr<TempDir>> TempDir::Create(std::string in, std::string prefix) {
  constexpr const char* kName = "fs::TempDir::Create";
  const auto run = +[](internal::Request& r) -> StatusOr<TempDir> {
    auto name = internal::TempName::Make(kName, std::move(r.path), r.other,
                                         [](const char* path) { return ::mkdir(path, 0700) == 0 ? 0 : -errno; });
    if (!name.ok()) return name.status();
    return TempDir(*std::move(name));
  };
  internal::Request request;
  request.path = std::move(in);
  request.other = std::move(prefix);
  return {kName, run, std::move(request)};
}

}  // namespace kioto::fs
