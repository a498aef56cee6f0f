#include "kioto/net/tcp_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace kioto::net {

StatusOr<TcpStream> TcpStream::FromFd(int fd) {
  constexpr char kWhat[] = "net::TcpStream::FromFd";
  Status status = internal::PrepareFd(fd, internal::SocketKind::kTcp, kWhat);
  if (status.ok()) status = internal::CheckConnected(fd, kWhat);
  if (!status.ok()) return status;
  return TcpStream(kioto::internal::IoHandle(fd));
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

}  // namespace kioto::net
