#include "kioto/runtime/io/write_fd.h"

#include <cerrno>

#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/io/sigpipe.h"

namespace kioto::io::internal {

ssize_t WriteFd(int fd, Pieces pieces) {
  iovec parts[kMostPieces];
  int count = 0;
  for (absl::string_view piece : pieces) {
    if (piece.empty()) continue;
    parts[count++] = {const_cast<char*>(piece.data()), piece.size()};  // writev only reads them
    if (count == static_cast<int>(kMostPieces)) break;
  }
  SigpipeBlocked blocked;
  const ssize_t result = count == 1 ? base::sys::Write(fd, parts[0].iov_base, parts[0].iov_len)
                                    : base::sys::Writev(fd, parts, count);
  if (result == -EPIPE) blocked.Take();
  return result;
}

}  // namespace kioto::io::internal
