#include "kioto/net/tcp_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;
using kioto::internal::IoHandle;

}  // namespace

StatusOr<TcpSocket> TcpSocket::Make(int family) {
  StatusOr<int> fd = internal::MakeSocket(family, SOCK_STREAM, "net::TcpSocket");
  if (!fd.ok()) return fd.status();
  return TcpSocket(IoHandle(*fd));
}

StatusOr<TcpSocket> TcpSocket::V4() { return Make(AF_INET); }
StatusOr<TcpSocket> TcpSocket::V6() { return Make(AF_INET6); }

StatusOr<TcpSocket> TcpSocket::FromFd(int fd) {
  Status status = internal::PrepareFd(fd, internal::SocketKind::kTcp, "net::TcpSocket::FromFd");
  if (!status.ok()) return status;
  return TcpSocket(IoHandle(fd));
}

Status TcpSocket::Bind(const SocketAddress& address) {
  sockaddr_storage storage;
  const size_t size = address.ToSockaddr(&storage);
  const int result = sys::Bind(fd(), reinterpret_cast<const sockaddr*>(&storage), static_cast<socklen_t>(size));
  return ErrnoStatus(std::min(0, result), absl::StrCat("net::TcpSocket::Bind to ", address.ToString()));
}

StatusOr<TcpListener> TcpSocket::Listen(int backlog) && {
  const int result = sys::Listen(fd(), backlog);
  if (result < 0) return ErrnoStatus(result, "net::TcpSocket::Listen");
  return TcpListener(std::move(handle_));
}

StatusOr<bool> TcpSocket::ReuseAddress() const { return internal::GetBoolOption(fd(), SOL_SOCKET, SO_REUSEADDR, "reading SO_REUSEADDR"); }
Status TcpSocket::SetReuseAddress(bool on) {
  return internal::SetIntOption(fd(), SOL_SOCKET, SO_REUSEADDR, on ? 1 : 0, "setting SO_REUSEADDR");
}
StatusOr<bool> TcpSocket::ReusePort() const { return internal::GetBoolOption(fd(), SOL_SOCKET, SO_REUSEPORT, "reading SO_REUSEPORT"); }
Status TcpSocket::SetReusePort(bool on) {
  return internal::SetIntOption(fd(), SOL_SOCKET, SO_REUSEPORT, on ? 1 : 0, "setting SO_REUSEPORT");
}
StatusOr<bool> TcpSocket::KeepAliveOn() const { return internal::GetBoolOption(fd(), SOL_SOCKET, SO_KEEPALIVE, "reading SO_KEEPALIVE"); }
StatusOr<bool> TcpSocket::NoDelay() const { return internal::GetBoolOption(fd(), IPPROTO_TCP, TCP_NODELAY, "reading TCP_NODELAY"); }
Status TcpSocket::SetNoDelay(bool on) {
  return internal::SetIntOption(fd(), IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0, "setting TCP_NODELAY");
}
StatusOr<size_t> TcpSocket::SendBufferSize() const { return internal::GetSizeOption(fd(), SO_SNDBUF, "reading SO_SNDBUF"); }
Status TcpSocket::SetSendBufferSize(size_t bytes) {
  return internal::SetBufferSize(fd(), SO_SNDBUF, bytes, "setting SO_SNDBUF");
}
StatusOr<size_t> TcpSocket::ReceiveBufferSize() const { return internal::GetSizeOption(fd(), SO_RCVBUF, "reading SO_RCVBUF"); }
Status TcpSocket::SetReceiveBufferSize(size_t bytes) {
  return internal::SetBufferSize(fd(), SO_RCVBUF, bytes, "setting SO_RCVBUF");
}
StatusOr<int> TcpSocket::TosV4() const { return internal::GetIntOption(fd(), IPPROTO_IP, IP_TOS, "reading IP_TOS"); }
Status TcpSocket::SetTosV4(int tos) { return internal::SetIntOption(fd(), IPPROTO_IP, IP_TOS, tos, "setting IP_TOS"); }
StatusOr<int> TcpSocket::TrafficClassV6() const {
  return internal::GetIntOption(fd(), IPPROTO_IPV6, IPV6_TCLASS, "reading IPV6_TCLASS");
}
Status TcpSocket::SetTrafficClassV6(int traffic_class) {
  return internal::SetIntOption(fd(), IPPROTO_IPV6, IPV6_TCLASS, traffic_class, "setting IPV6_TCLASS");
}

}  // namespace kioto::net
