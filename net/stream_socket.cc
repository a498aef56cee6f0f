#include "kioto/net/stream_socket.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kioto/runtime/base/sys.h"

namespace kioto::net::internal {
namespace {

namespace sys = base::sys;
using kioto::internal::Direction;
using kioto::internal::IoHandle;

constexpr char kRead[] = "reading from a stream";
constexpr char kWrite[] = "writing to a stream";
constexpr char kPeek[] = "peeking into a stream";

// Pieces handed to the kernel at once; the rest waits for the next call.
constexpr size_t kMaxPieces = 64;

struct Vectors {
  explicit Vectors(PiecesToFill pieces) {
    for (MutableBytes piece : pieces) Add(piece.data(), piece.size());
  }
  explicit Vectors(io::Pieces pieces) {
    for (absl::string_view piece : pieces) Add(const_cast<char*>(piece.data()), piece.size());  // sendmsg only reads them
  }
  void Add(char* data, size_t size) {
    if (size == 0 || count == kMaxPieces) return;
    parts[count].iov_base = data;
    parts[count].iov_len = size;
    ++count;
    total += size;
  }
  // readv and writev for sockets, with flags.
  ssize_t Receive(int fd) {
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    return sys::Recvmsg(fd, &message, 0);
  }
  ssize_t Send(int fd) {
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    return sys::Sendmsg(fd, &message, MSG_NOSIGNAL);
  }

  iovec parts[kMaxPieces];
  size_t count = 0;
  size_t total = 0;
};

// "Not now" is said by IsEmpty for reading and by IsFull for writing.
StatusOr<size_t> EmptyMeansFull(StatusOr<size_t> n) {
  if (!n.ok() && IsEmpty(n.status())) return FullError();
  return n;
}

// What is ready without a system call counts as any other leaf.
Poll<StatusOr<size_t>> ReadyWithNothing(Context& cx) {
  if (!cx.ConsumeBudget()) return kPending;
  return StatusOr<size_t>(0);
}

// What PollIo shall judge a short result by.
size_t Wanted(size_t size, ShortRead proves) { return proves == ShortRead::kProvesEmpty ? size : 0; }

}  // namespace

Poll<StatusOr<size_t>> PollRead(IoHandle& handle, Context& cx, MutableBytes into, ShortRead proves) {
  if (into.empty()) return ReadyWithNothing(cx);
  return handle.PollIo(cx, Direction::kRead, Wanted(into.size(), proves), kRead,
                       [fd = handle.fd(), into] { return sys::Recv(fd, into.data(), into.size(), 0); });
}

Poll<StatusOr<size_t>> PollReadVectored(IoHandle& handle, Context& cx, PiecesToFill pieces, ShortRead proves) {
  Vectors vectors(pieces);
  if (vectors.total == 0) return ReadyWithNothing(cx);
  return handle.PollIo(cx, Direction::kRead, Wanted(vectors.total, proves), kRead,
                       [fd = handle.fd(), &vectors] { return vectors.Receive(fd); });
}

Poll<StatusOr<size_t>> PollPeek(IoHandle& handle, Context& cx, MutableBytes into) {
  if (into.empty()) return ReadyWithNothing(cx);
  // Wanted is unknown: a short look leaves the bytes there, so it says nothing about what the next one finds.
  return handle.PollIo(cx, Direction::kRead, 0, kPeek,
                       [fd = handle.fd(), into] { return sys::Recv(fd, into.data(), into.size(), MSG_PEEK); });
}

Poll<StatusOr<size_t>> PollWrite(IoHandle& handle, Context& cx, absl::string_view bytes) {
  if (bytes.empty()) return ReadyWithNothing(cx);
  return handle.PollIo(cx, Direction::kWrite, bytes.size(), kWrite,
                       [fd = handle.fd(), bytes] { return sys::Send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
}

Poll<StatusOr<size_t>> PollWriteVectored(IoHandle& handle, Context& cx, io::Pieces pieces) {
  Vectors vectors(pieces);
  if (vectors.total == 0) return ReadyWithNothing(cx);
  return handle.PollIo(cx, Direction::kWrite, vectors.total, kWrite,
                       [fd = handle.fd(), &vectors] { return vectors.Send(fd); });
}

Status ShutdownWriting(IoHandle& handle) {
  const int result = sys::Shutdown(handle.fd(), SHUT_WR);
  if (result == -ENOTCONN) return OkStatus();  // the peer has reset it: nothing more will come either
  return ErrnoStatus(std::min(0, result), "shutting down the writing side of a stream");
}

StatusOr<size_t> TryRead(IoHandle& handle, MutableBytes into, ShortRead proves) {
  if (into.empty()) return 0;
  return handle.TryIo(Direction::kRead, Wanted(into.size(), proves), kRead,
                      [fd = handle.fd(), into] { return sys::Recv(fd, into.data(), into.size(), 0); });
}

StatusOr<size_t> TryReadVectored(IoHandle& handle, PiecesToFill pieces, ShortRead proves) {
  Vectors vectors(pieces);
  if (vectors.total == 0) return 0;
  return handle.TryIo(Direction::kRead, Wanted(vectors.total, proves), kRead,
                       [fd = handle.fd(), &vectors] { return vectors.Receive(fd); });
}

StatusOr<size_t> TryWrite(IoHandle& handle, absl::string_view bytes) {
  if (bytes.empty()) return 0;
  StatusOr<size_t> n = handle.TryIo(Direction::kWrite, bytes.size(), kWrite,
                                    [fd = handle.fd(), bytes] { return sys::Send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
  return EmptyMeansFull(std::move(n));
}

StatusOr<size_t> TryWriteVectored(IoHandle& handle, io::Pieces pieces) {
  Vectors vectors(pieces);
  if (vectors.total == 0) return 0;
  StatusOr<size_t> n =
      handle.TryIo(Direction::kWrite, vectors.total, kWrite, [fd = handle.fd(), &vectors] { return vectors.Send(fd); });
  return EmptyMeansFull(std::move(n));
}

}  // namespace kioto::net::internal
