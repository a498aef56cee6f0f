#include "kioto/fs/job.h"

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/path.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::fs::internal {

SharedFd::~SharedFd() {
  if (fd_ >= 0) base::sys::Close(fd_);
}

Status CheckRequest(absl::string_view what, const Request& request) {
  Status status = base::CheckPath(what, request.path);
  return status.ok() ? base::CheckPath(what, request.other) : status;
}

Status PathError(int error, absl::string_view what, absl::string_view path) {
  return ErrnoStatus(error, absl::StrCat(what, " ", path));
}

}  // namespace kioto::fs::internal
