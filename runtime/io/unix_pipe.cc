#include "kioto/runtime/io/unix_pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/path.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/io/write_fd.h"

namespace kioto::io {
namespace {

namespace sys = base::sys;
using kioto::internal::Direction;

constexpr char kRead[] = "reading from a pipe";
constexpr char kWrite[] = "writing to a pipe";

// One end: how it is called, and what it may not be open for.
struct Kind {
  const char* name;
  int flags;
  int wrong;
  const char* use;
};
constexpr Kind kReceiver = {"io::PipeReceiver", O_RDONLY, O_WRONLY, "reading"};
constexpr Kind kSender = {"io::PipeSender", O_WRONLY, O_RDONLY, "writing"};

// Whether `fd` is such an end; makes it non-blocking and close-on-exec then. `who` asks.
Status Prepare(int fd, const Kind& kind, absl::string_view who) {
  struct stat info;
  if (const int error = sys::Fstat(fd, &info); error < 0) return ErrnoStatus(error, who);
  if (!S_ISFIFO(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(who, ": this is not a pipe; io::AsyncFd takes other fds that can be waited for"));
  }
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return ErrnoStatus(errno, who);
  if ((flags & O_ACCMODE) == kind.wrong) {
    return absl::InvalidArgumentError(absl::StrCat(who, ": this end of the pipe is not open for ", kind.use));
  }
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return ErrnoStatus(errno, who);
  return OkStatus();
}

// The fd, or what is wrong.
StatusOr<int> OpenFifo(const std::string& path, FifoMode mode, const Kind& kind) {
  if (Status status = base::CheckPath(absl::StrCat(kind.name, " of"), path); !status.ok()) return status;
  const int flags = mode == FifoMode::kReadWrite ? O_RDWR : kind.flags;
  const int fd = sys::Open(path.c_str(), flags | O_NONBLOCK, 0);
  const std::string who = absl::StrCat(kind.name, " of ", path);
  if (fd == -ENXIO) return ErrnoStatus(fd, absl::StrCat(who, ": nobody has it open for reading"));
  if (fd < 0) return ErrnoStatus(fd, who);
  Status status = Prepare(fd, kind, who);
  if (status.ok()) return fd;
  sys::Close(fd);
  return status;
}

// What is ready without a system call counts as any other leaf.
Poll<StatusOr<size_t>> ReadyWithNothing(Context& cx) {
  if (!cx.ConsumeBudget()) return kPending;
  return StatusOr<size_t>(0);
}

// What a read gave: for nothing, -EAGAIN where no sender has come yet (a FIFO that was opened first), which the system does not
// tell from the end of the last one.
ssize_t EndOrEmpty(int fd, ssize_t n) {
  if (n != 0) return n;
  pollfd now{fd, POLLIN, 0};
  return ::poll(&now, 1, 0) >= 0 && (now.revents & (POLLHUP | POLLERR)) == 0 ? -EAGAIN : 0;
}

ssize_t ReadFd(int fd, absl::Span<const MutableBytes> pieces) {
  iovec parts[internal::kMostPieces];
  int count = 0;
  for (MutableBytes piece : pieces) {
    if (piece.empty()) continue;
    parts[count++] = {piece.data(), piece.size()};
    if (count == static_cast<int>(internal::kMostPieces)) break;
  }
  return count == 0 ? 0 : EndOrEmpty(fd, sys::Readv(fd, parts, count));
}

}  // namespace

namespace internal {

StatusOr<int> PipeEnd::IntoBlockingFd() && {
  const int fd = handle_.Release();
  if (fd < 0) return ErrnoStatus(fd, "IntoBlockingFd");
  const int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) >= 0) return fd;
  const int error = errno;
  sys::Close(fd);
  return ErrnoStatus(error, "IntoBlockingFd");
}

}  // namespace internal

StatusOr<PipeReceiver> PipeReceiver::FromFd(int fd) {
  Status status = Prepare(fd, kReceiver, kReceiver.name);
  if (!status.ok()) return status;
  return PipeReceiver(fd);
}

StatusOr<PipeReceiver> PipeReceiver::Open(const std::string& path, FifoMode mode) {
  StatusOr<int> fd = OpenFifo(path, mode, kReceiver);
  if (!fd.ok()) return fd.status();
  return PipeReceiver(*fd);
}

// That less came than was asked for proves nothing: a pipe may keep packets apart (O_DIRECT).
Poll<StatusOr<size_t>> PipeReceiver::PollRead(Context& cx, MutableBytes into) {
  if (into.empty()) return ReadyWithNothing(cx);
  return handle_.PollIo(cx, Direction::kRead, 0, kRead,
                        [fd = fd(), into] { return EndOrEmpty(fd, sys::Read(fd, into.data(), into.size())); });
}

StatusOr<size_t> PipeReceiver::TryRead(ByteQueue& queue, size_t room) {
  StatusOr<size_t> n = TryRead(queue.Room(room));
  if (n.ok()) queue.Commit(*n);
  return n;
}

StatusOr<size_t> PipeReceiver::TryReadVectored(absl::Span<const MutableBytes> pieces) {
  return handle_.TryIo(Direction::kRead, 0, kRead, [fd = fd(), pieces] { return ReadFd(fd, pieces); });
}

StatusOr<PipeSender> PipeSender::FromFd(int fd) {
  Status status = Prepare(fd, kSender, kSender.name);
  if (!status.ok()) return status;
  return PipeSender(fd);
}

StatusOr<PipeSender> PipeSender::Open(const std::string& path, FifoMode mode) {
  StatusOr<int> fd = OpenFifo(path, mode, kSender);
  if (!fd.ok()) return fd.status();
  return PipeSender(*fd);
}

// Less than was given proves nothing: a pipe takes no part of a page when the room left is in another one.
Poll<StatusOr<size_t>> PipeSender::PollWriteVectored(Context& cx, Pieces pieces) {
  if (std::all_of(pieces.begin(), pieces.end(), [](absl::string_view piece) { return piece.empty(); })) return ReadyWithNothing(cx);
  return handle_.PollIo(cx, Direction::kWrite, 0, kWrite, [fd = fd(), pieces] { return internal::WriteFd(fd, pieces); });
}

Poll<Status> PipeSender::PollShutdown(Context&) {
  handle_.Close();
  return OkStatus();
}

StatusOr<size_t> PipeSender::TryWriteVectored(Pieces pieces) {
  StatusOr<size_t> n = handle_.TryIo(Direction::kWrite, 0, kWrite, [fd = fd(), pieces] { return internal::WriteFd(fd, pieces); });
  if (!n.ok() && IsEmpty(n.status())) return FullError();
  return n;
}

StatusOr<UnixPipeEnds> UnixPipe() {
  int fds[2];
  if (const int error = sys::Pipe(fds); error < 0) return ErrnoStatus(error, "io::UnixPipe");
  return UnixPipeEnds(fds[0], fds[1]);
}

}  // namespace kioto::io
