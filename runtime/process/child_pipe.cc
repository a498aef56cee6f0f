#include "kioto/runtime/process/child_pipe.h"

#include <fcntl.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/io/write_fd.h"

namespace kioto::process {
namespace {

using kioto::internal::Direction;
using kioto::internal::IoHandle;

// 0 or errno.
int SetBlocking(int fd, bool blocking) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return errno;
  return ::fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) == 0 ? 0 : errno;
}

// What is ready without a system call counts as any other leaf.
Poll<StatusOr<size_t>> ReadyWithNothing(Context& cx) {
  if (!cx.ConsumeBudget()) return kPending;
  return StatusOr<size_t>(0);
}

size_t TotalSize(io::Pieces pieces) {
  size_t total = 0;
  for (absl::string_view piece : pieces) total += piece.size();
  return total;
}

}  // namespace

StatusOr<IoHandle> Pipe::Take(int fd) {
  int error = SetBlocking(fd, false);
  if (error == 0 && ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) error = errno;
  if (error != 0) return ErrnoStatus(error, "taking over a pipe");
  return IoHandle(fd);
}

StatusOr<int> Pipe::IntoFd() && {
  const int fd = handle_.Release();
  if (fd < 0) return ErrnoStatus(fd, "giving up a pipe");
  if (const int error = SetBlocking(fd, true); error != 0) {
    base::sys::Close(fd);
    return ErrnoStatus(error, "giving up a pipe");
  }
  return fd;
}

StatusOr<PipeReader> PipeReader::FromFd(int fd) {
  StatusOr<IoHandle> handle = Take(fd);
  if (!handle.ok()) return handle.status();
  return PipeReader(*std::move(handle));
}

Poll<StatusOr<size_t>> PipeReader::PollRead(Context& cx, MutableBytes into) {
  if (into.empty()) return ReadyWithNothing(cx);
  return handle_.PollIo(cx, Direction::kRead, into.size(), "reading from a pipe",
                        [fd = fd(), into] { return base::sys::Read(fd, into.data(), into.size()); });
}

void PipeReader::Describe(WaitTrace& trace) const { trace.Leaf(absl::StrCat("PipeReader fd ", fd())); }

StatusOr<PipeWriter> PipeWriter::FromFd(int fd) {
  StatusOr<IoHandle> handle = Take(fd);
  if (!handle.ok()) return handle.status();
  return PipeWriter(*std::move(handle));
}

Poll<StatusOr<size_t>> PipeWriter::PollWriteVectored(Context& cx, io::Pieces pieces) {
  if (TotalSize(pieces) == 0) return ReadyWithNothing(cx);
  // Less than was given proves nothing: a pipe takes no part of a page when the room left is in another one.
  return handle_.PollIo(cx, Direction::kWrite, 0, "writing to a pipe",
                        [fd = fd(), pieces] { return io::internal::WriteFd(fd, pieces); });
}

Poll<Status> PipeWriter::PollShutdown(Context&) {
  handle_.Close();
  return OkStatus();
}

void PipeWriter::Describe(WaitTrace& trace) const { trace.Leaf(absl::StrCat("PipeWriter fd ", fd())); }

}  // namespace kioto::process
