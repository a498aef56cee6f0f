#include "kioto/net/tcp_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;
using kioto::internal::Direction;

constexpr char kRead[] = "reading from a TCP stream";
constexpr char kWrite[] = "writing to a TCP stream";
constexpr char kPeek[] = "peeking into a TCP stream";

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

}  // namespace

StatusOr<TcpStream> TcpStream::FromFd(int fd) {
  Status status = internal::PrepareFd(fd, "net::TcpStream::FromFd");
  if (!status.ok()) return status;
  return TcpStream(kioto::internal::IoHandle(fd));
}

int TcpStream::IntoFd() && { return handle_.Release(); }

Poll<StatusOr<size_t>> TcpStream::PollRead(Context& cx, MutableBytes into) {
  if (into.empty()) return ReadyWithNothing(cx);
  return handle_.PollIo(cx, Direction::kRead, into.size(), kRead,
                        [fd = fd(), into] { return sys::Recv(fd, into.data(), into.size(), 0); });
}

Poll<StatusOr<size_t>> TcpStream::PollReadVectored(Context& cx, PiecesToFill pieces) {
  Vectors vectors(pieces);
  if (vectors.total == 0) return ReadyWithNothing(cx);
  return handle_.PollIo(cx, Direction::kRead, vectors.total, kRead, [fd = fd(), &vectors] { return vectors.Receive(fd); });
}

Poll<StatusOr<size_t>> TcpStream::PollPeek(Context& cx, MutableBytes into) {
  if (into.empty()) return ReadyWithNothing(cx);
  // Wanted is unknown: a short look leaves the bytes there, so it says nothing about what the next one finds.
  return handle_.PollIo(cx, Direction::kRead, 0, kPeek,
                        [fd = fd(), into] { return sys::Recv(fd, into.data(), into.size(), MSG_PEEK); });
}

Poll<StatusOr<size_t>> TcpStream::PollWrite(Context& cx, absl::string_view bytes) {
  if (bytes.empty()) return ReadyWithNothing(cx);
  return handle_.PollIo(cx, Direction::kWrite, bytes.size(), kWrite,
                        [fd = fd(), bytes] { return sys::Send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
}

Poll<StatusOr<size_t>> TcpStream::PollWriteVectored(Context& cx, io::Pieces pieces) {
  Vectors vectors(pieces);
  if (vectors.total == 0) return ReadyWithNothing(cx);
  return handle_.PollIo(cx, Direction::kWrite, vectors.total, kWrite, [fd = fd(), &vectors] { return vectors.Send(fd); });
}

Poll<Status> TcpStream::PollShutdown(Context&) { return ShutdownNow(); }

Status TcpStream::ShutdownNow() {
  const int result = sys::Shutdown(fd(), SHUT_WR);
  if (result == -ENOTCONN) return OkStatus();  // the peer has reset it: nothing more will come either
  return ErrnoStatus(std::min(0, result), "shutting down the writing side of a TCP stream");
}

StatusOr<size_t> TcpStream::TryRead(MutableBytes into) {
  if (into.empty()) return 0;
  return handle_.TryIo(Direction::kRead, into.size(), kRead,
                       [fd = fd(), into] { return sys::Recv(fd, into.data(), into.size(), 0); });
}

StatusOr<size_t> TcpStream::TryReadVectored(PiecesToFill pieces) {
  Vectors vectors(pieces);
  if (vectors.total == 0) return 0;
  return handle_.TryIo(Direction::kRead, vectors.total, kRead, [fd = fd(), &vectors] { return vectors.Receive(fd); });
}

StatusOr<size_t> TcpStream::TryWrite(absl::string_view bytes) {
  if (bytes.empty()) return 0;
  StatusOr<size_t> n = handle_.TryIo(Direction::kWrite, bytes.size(), kWrite,
                                     [fd = fd(), bytes] { return sys::Send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
  return EmptyMeansFull(std::move(n));
}

StatusOr<size_t> TcpStream::TryWriteVectored(io::Pieces pieces) {
  Vectors vectors(pieces);
  if (vectors.total == 0) return 0;
  StatusOr<size_t> n =
      handle_.TryIo(Direction::kWrite, vectors.total, kWrite, [fd = fd(), &vectors] { return vectors.Send(fd); });
  return EmptyMeansFull(std::move(n));
}

StatusOr<bool> TcpStream::NoDelay() const {
  return internal::GetBoolOption(fd(), IPPROTO_TCP, TCP_NODELAY, "reading TCP_NODELAY");
}
Status TcpStream::SetNoDelay(bool on) {
  return internal::SetIntOption(fd(), IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0, "setting TCP_NODELAY");
}
StatusOr<bool> TcpStream::KeepAliveOn() const {
  return internal::GetBoolOption(fd(), SOL_SOCKET, SO_KEEPALIVE, "reading SO_KEEPALIVE");
}
StatusOr<bool> TcpStream::QuickAck() const {
  return internal::GetBoolOption(fd(), IPPROTO_TCP, TCP_QUICKACK, "reading TCP_QUICKACK");
}
Status TcpStream::SetQuickAck(bool on) {
  return internal::SetIntOption(fd(), IPPROTO_TCP, TCP_QUICKACK, on ? 1 : 0, "setting TCP_QUICKACK");
}
StatusOr<size_t> TcpStream::SendBufferSize() const {
  return internal::GetSizeOption(fd(), SO_SNDBUF, "reading SO_SNDBUF");
}
Status TcpStream::SetSendBufferSize(size_t bytes) {
  return internal::SetBufferSize(fd(), SO_SNDBUF, bytes, "setting SO_SNDBUF");
}
StatusOr<size_t> TcpStream::ReceiveBufferSize() const {
  return internal::GetSizeOption(fd(), SO_RCVBUF, "reading SO_RCVBUF");
}
Status TcpStream::SetReceiveBufferSize(size_t bytes) {
  return internal::SetBufferSize(fd(), SO_RCVBUF, bytes, "setting SO_RCVBUF");
}

void TcpStream::Describe(WaitTrace& trace) const {
  const StatusOr<SocketAddress> peer = peer_address();
  trace.Leaf(absl::StrCat("TcpStream fd ", fd(), peer.ok() ? " " : "", peer.ok() ? peer->ToString() : ""));
}

}  // namespace kioto::net
