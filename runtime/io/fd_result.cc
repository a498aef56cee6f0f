#include "kioto/runtime/io/fd_result.h"

namespace kioto::io::internal {

using kioto::internal::IoSource;
using kioto::internal::Ready;

bool WouldBlock(const Status& status) {
  if (status.ok()) return false;
  const int error = ErrnoOf(status);
  return error == EAGAIN || error == EWOULDBLOCK || IsEmpty(status) || IsFull(status);
}

Status FdError(int error) {
  return error == EAGAIN || error == EWOULDBLOCK ? EmptyError() : ErrnoStatus(error, "an operation on an fd");
}

Status MayTry(uint64_t word, Interest interest) {
  if ((word & IoSource::kShutdown) != 0) return ShutdownError("an operation on an fd");
  if ((word & interest.bits()) != 0) return OkStatus();
  // What is not watched may be ready.
  const uint64_t needed = ((interest.bits() & Ready::kWritable) != 0 ? IoSource::kWatchOut : 0) |
                          ((interest.bits() & ~(Ready::kWritable | Ready::kWriteClosed | Ready::kError)) != 0 ? IoSource::kWatchIn : 0);
  return (word & needed) == needed ? EmptyError() : OkStatus();
}

}  // namespace kioto::io::internal
