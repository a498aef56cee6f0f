#include "kioto/runtime/io/async_fd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/io/write_fd.h"

namespace kioto::io {
namespace {

using kioto::internal::Direction;
using kioto::internal::IoHandle;

constexpr char kWhat[] = "io::AsyncFd";
constexpr char kWait[] = "waiting for an AsyncFd";
constexpr char kNoEvents[] =
    "io::AsyncFd: the system can not tell when this is ready, as of regular files and directories; fs::File and SpawnBlocking "
    "are for what blocks";

// OK if it is of a kind that can be waited for, as far as that is known before it is tried.
Status CheckKind(int fd) {
  struct stat info;
  const int error = base::sys::Fstat(fd, &info);
  if (error < 0) return ErrnoStatus(error, kWhat);
  if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) return ErrnoStatus(EPERM, kNoEvents);
  return OkStatus();
}

Status SetFlags(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return ErrnoStatus(errno, kWhat);
  if ((flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return ErrnoStatus(errno, kWhat);
  return OkStatus();
}

}  // namespace

void ReadyGuard::ClearReady(Interest part) {
  handle_->ClearReady(seen_, part.taken() & interest_.taken());
  bits_ &= ~part.taken();
}

StatusOr<AsyncFd> AsyncFd::Watch(int fd, Interest interest) {
  AsyncFd result{IoHandle(fd)};
  Status status = result.handle_.StartWatching(interest.bits(), kWhat);
  if (status.ok()) return result;
  (void)result.handle_.Release();  // nothing is watched: this is the fd itself
  if (ErrnoOf(status) == EPERM) return ErrnoStatus(EPERM, kNoEvents);
  return status;
}

StatusOr<AsyncFd> AsyncFd::FromFd(int fd, Interest interest) {
  Status status = CheckKind(fd);
  if (status.ok()) status = SetFlags(fd);
  if (!status.ok()) return status;
  return Watch(fd, interest);
}

StatusOr<AsyncFd> AsyncFd::Borrow(int fd, Interest interest) {
  Status status = CheckKind(fd);
  if (!status.ok()) return status;
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return ErrnoStatus(errno, kWhat);
  StatusOr<AsyncFd> result = Watch(copy, interest);
  if (!result.ok()) base::sys::Close(copy);
  return result;
}

Poll<StatusOr<ReadyGuard>> AsyncFd::PollReady(Context& cx, Interest interest, kioto::internal::IoWaiter& waiter) {
  Poll<StatusOr<uint64_t>> word = handle_.PollAny(cx, interest.bits(), kWait, waiter);
  if (word.pending()) return kPending;
  if (!word->ok()) return word->status();
  return StatusOr<ReadyGuard>(ReadyGuard(handle_, interest, **word));
}

Poll<StatusOr<ReadyGuard>> AsyncFd::PollReadable(Context& cx) {
  Poll<StatusOr<uint32_t>> bits = handle_.PollReady(cx, Direction::kRead, kWait);
  if (bits.pending()) return kPending;
  if (!bits->ok()) return bits->status();
  return StatusOr<ReadyGuard>(ReadyGuard(handle_, Interest::kReadable, handle_.word()));
}

Poll<StatusOr<ReadyGuard>> AsyncFd::PollWritable(Context& cx) {
  Poll<StatusOr<uint32_t>> bits = handle_.PollReady(cx, Direction::kWrite, kWait);
  if (bits.pending()) return kPending;
  if (!bits->ok()) return bits->status();
  return StatusOr<ReadyGuard>(ReadyGuard(handle_, Interest::kWritable, handle_.word()));
}

Poll<StatusOr<size_t>> AsyncFd::PollRead(Context& cx, MutableBytes into) {
  // Less than was asked for proves nothing: a terminal gives lines, others give packets.
  return handle_.PollIo(cx, Direction::kRead, 0, "reading from an AsyncFd",
                        [fd = fd(), into] { return base::sys::Read(fd, into.data(), into.size()); });
}

Poll<StatusOr<size_t>> AsyncFd::PollWriteVectored(Context& cx, Pieces pieces) {
  return handle_.PollIo(cx, Direction::kWrite, 0, "writing to an AsyncFd",
                        [fd = fd(), pieces] { return internal::WriteFd(fd, pieces); });
}

}  // namespace kioto::io
