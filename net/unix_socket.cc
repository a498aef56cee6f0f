#include "kioto/net/unix_socket.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "kioto/net/socket_options.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;
using kioto::internal::IoHandle;

template <int (*kCall)(int, sockaddr*, socklen_t*)>
StatusOr<UnixAddress> AddressBy(int fd, const char* what) {
  sockaddr_storage storage;
  socklen_t size = sizeof(storage);
  const int result = kCall(fd, reinterpret_cast<sockaddr*>(&storage), &size);  // the one cast that the call demands
  if (result < 0) return ErrnoStatus(result, what);
  return UnixAddress::FromSockaddr(&storage, std::min<size_t>(size, sizeof(storage)));
}

// sys::Bind or sys::Connect: 0, or -errno.
int CallWith(int (*call)(int, const sockaddr*, socklen_t), int fd, const UnixAddress& address) {
  sockaddr_storage storage;
  const size_t size = address.ToSockaddr(&storage);
  return call(fd, reinterpret_cast<const sockaddr*>(&storage), static_cast<socklen_t>(size));
}

StatusOr<IoHandle> BindNew(int type, const UnixEndpoint& at, const char* what) {
  if (Status status = internal::CheckIo(what); !status.ok()) return status;
  if (!at.address().ok()) return at.address().status();
  StatusOr<int> fd = internal::MakeSocket(AF_UNIX, type, what);
  if (!fd.ok()) return fd.status();
  IoHandle handle(*fd);
  const int result = CallWith(&sys::Bind, *fd, *at.address());
  if (result < 0) {
    const bool file_is_there = result == -EADDRINUSE && at.address()->path() != nullptr;
    return ErrnoStatus(result, absl::StrCat(what, " to ", at.address()->ToString(),
                                            file_is_there ? " (a file that an earlier run has left? remove it)" : ""));
  }
  return StatusOr<IoHandle>(std::move(handle));
}

}  // namespace

namespace internal {

StatusOr<UnixAddress> UnixLocalAddress(int fd) { return AddressBy<&sys::Getsockname>(fd, "getsockname"); }
StatusOr<UnixAddress> UnixPeerAddress(int fd) { return AddressBy<&sys::Getpeername>(fd, "getpeername"); }

StatusOr<PeerCredentials> UnixPeerCredentials(int fd) {
  ucred found{};
  socklen_t size = sizeof(found);
  const int result = sys::Getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &size);
  if (result < 0) return ErrnoStatus(result, "reading SO_PEERCRED");
  PeerCredentials credentials{found.uid, found.gid, std::nullopt};
  if (found.pid != 0) credentials.pid = found.pid;
  return credentials;
}

Status UnixShutdown(int fd, int how) {
  return ErrnoStatus(std::min(0, sys::Shutdown(fd, how)), "shutting down a Unix socket");
}

void DescribeUnixListener(const UnixKind& kind, int fd, WaitTrace& trace) {
  const StatusOr<UnixAddress> address = UnixLocalAddress(fd);
  trace.Leaf(absl::StrCat(kind.dumped, " fd ", fd, address.ok() ? " " : "", address.ok() ? address->ToString() : ""));
}

Status MakeUnixPair(int type, IoHandle& first, IoHandle& second) {
  int fds[2];
  const int result = sys::Socketpair(AF_UNIX, type, 0, fds);
  if (result < 0) return ErrnoStatus(result, "making a pair of Unix sockets");
  first = IoHandle(fds[0]);
  second = IoHandle(fds[1]);
  return OkStatus();
}

StatusOr<IoHandle> BindUnixListener(const UnixKind& kind, const UnixEndpoint& at, int backlog) {
  StatusOr<IoHandle> handle = BindNew(kind.type, at, kind.bind);
  if (!handle.ok()) return handle.status();
  const int result = sys::Listen(handle->fd(), backlog);
  if (result < 0) return ErrnoStatus(result, kind.bind);
  return handle;
}

StatusOr<IoHandle> AdoptUnixListener(const UnixKind& kind, int fd) {
  const char* const what = kind.listener_from_fd;
  if (Status status = PrepareFd(fd, kind.socket, what); !status.ok()) return status;
  if (!IsListening(fd)) return absl::InvalidArgumentError(absl::StrCat(what, ": this fd is not a socket that listens"));
  return StatusOr<IoHandle>(IoHandle(fd));
}

Poll<StatusOr<IoHandle>> UnixConnecting::PollConnect(Context& cx, const UnixKind& kind) {
  if (Status status = CheckIo(kind.connect); !status.ok()) return status;
  if (!to_.address().ok()) return to_.address().status();
  while (true) {
    const Pauses::State pause = pauses_.Poll(cx);
    if (pause == Pauses::State::kLasts) return kPending;
    if (pause == Pauses::State::kShutdown) return ShutdownError(kind.connect);
    if (!cx.ConsumeBudget()) return kPending;
    StatusOr<int> fd = MakeSocket(AF_UNIX, kind.type, kind.connect);
    if (!fd.ok()) return fd.status();
    IoHandle handle(*fd);
    const int result = CallWith(&sys::Connect, *fd, *to_.address());
    if (result >= 0) return StatusOr<IoHandle>(std::move(handle));
    const bool again = result == -EAGAIN || result == -EINTR;
    if (!again || !pauses_.Begin(cx)) return ErrnoStatus(result, absl::StrCat("connecting to ", to_.address()->ToString()));
  }
}

}  // namespace internal

StatusOr<UnixStream::Ends> UnixStream::Pair() {
  IoHandle first, second;
  if (Status status = internal::MakeUnixPair(SOCK_STREAM, first, second); !status.ok()) return status;
  return Ends{UnixStream(std::move(first)), UnixStream(std::move(second))};
}

StatusOr<UnixStream> UnixStream::FromFd(int fd) {
  constexpr char kWhat[] = "net::UnixStream::FromFd";
  Status status = internal::PrepareFd(fd, internal::SocketKind::kUnixStream, kWhat);
  if (status.ok()) status = internal::CheckConnected(fd, kWhat);
  if (!status.ok()) return status;
  return UnixStream(IoHandle(fd));
}

StatusOr<UnixDatagram> UnixDatagram::Bind(const UnixEndpoint& at) {
  StatusOr<IoHandle> handle = BindNew(SOCK_DGRAM, at, "net::UnixDatagram::Bind");
  if (!handle.ok()) return handle.status();
  return UnixDatagram(*std::move(handle));
}

StatusOr<UnixDatagram> UnixDatagram::Unbound() {
  StatusOr<int> fd = internal::MakeSocket(AF_UNIX, SOCK_DGRAM, "net::UnixDatagram::Unbound");
  if (!fd.ok()) return fd.status();
  return UnixDatagram(IoHandle(*fd));
}

StatusOr<UnixDatagram::Ends> UnixDatagram::Pair() {
  IoHandle first, second;
  if (Status status = internal::MakeUnixPair(SOCK_DGRAM, first, second); !status.ok()) return status;
  return Ends{UnixDatagram(std::move(first)), UnixDatagram(std::move(second))};
}

StatusOr<UnixDatagram> UnixDatagram::FromFd(int fd) {
  Status status = internal::PrepareFd(fd, internal::SocketKind::kUnixDatagram, "net::UnixDatagram::FromFd");
  if (!status.ok()) return status;
  return UnixDatagram(IoHandle(fd));
}

Status UnixDatagram::Connect(const UnixEndpoint& to) {
  if (!to.address().ok()) return to.address().status();
  const int result = CallWith(&sys::Connect, fd(), *to.address());
  return ErrnoStatus(std::min(0, result), absl::StrCat("net::UnixDatagram::Connect to ", to.address()->ToString()));
}

}  // namespace kioto::net
