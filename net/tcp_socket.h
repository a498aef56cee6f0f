// TcpSocket: a TCP socket before it connects or listens, for what must be set that early.
//
//   auto socket = net::TcpSocket::V4();
//   socket->SetReusePort(true);
//   socket->Bind(address);
//   auto listener = std::move(*socket).Listen(1024);
//
// Where Connect and Bind with ListenOptions do, prefer those. One thread at a time.
#ifndef KIOTO_NET_TCP_SOCKET_H_
#define KIOTO_NET_TCP_SOCKET_H_

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "kioto/net/address.h"
#include "kioto/net/socket_options.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"

namespace kioto::net {

class TcpSocket {
 public:
  // A new one, non-blocking and close-on-exec.
  static StatusOr<TcpSocket> V4();
  static StatusOr<TcpSocket> V6();
  // Takes over the fd of a socket that neither listens nor is connected: nobody else may use it. Makes it close-on-exec, and
  // non-blocking, which other fds of that socket (dup, another process's) become too. Errors: kInvalidArgument for what is no
  // TCP socket. After an error it is the caller's still.
  static StatusOr<TcpSocket> FromFd(int fd);
  // Gives it up, non-blocking. -EMFILE, and keeps it, if that takes a duplicate (--config=portable alone) and no fd is left.
  int IntoFd() && { return handle_.Release(); }
  int fd() const { return handle_.fd(); }

  Status Bind(const SocketAddress& address);
  // Connects; errors as TcpStream::Connect. CANCEL SAFE: yes, the socket is closed.
  ConnectFuture Connect(const SocketAddress& to) && { return ConnectFuture(std::move(handle_), to); }
  // Listens; `backlog` connections may wait to be accepted.
  StatusOr<TcpListener> Listen(int backlog) &&;

  StatusOr<bool> ReuseAddress() const;
  Status SetReuseAddress(bool on);
  StatusOr<bool> ReusePort() const;
  Status SetReusePort(bool on);
  StatusOr<bool> KeepAliveOn() const;
  Status SetKeepAlive(const std::optional<KeepAlive>& keep_alive) { return internal::SetKeepAlive(fd(), keep_alive); }
  StatusOr<bool> NoDelay() const;
  Status SetNoDelay(bool on);
  // Linux doubles what is set and gives the double back.
  StatusOr<size_t> SendBufferSize() const;
  Status SetSendBufferSize(size_t bytes);
  StatusOr<size_t> ReceiveBufferSize() const;
  Status SetReceiveBufferSize(size_t bytes);
  StatusOr<std::optional<std::chrono::seconds>> Linger() const { return internal::GetLinger(fd()); }
  Status SetLinger(std::optional<std::chrono::seconds> linger) { return internal::SetLinger(fd(), linger); }
  // The type-of-service byte of v4 and the traffic class of v6.
  StatusOr<int> TosV4() const;
  Status SetTosV4(int tos);
  StatusOr<int> TrafficClassV6() const;
  Status SetTrafficClassV6(int traffic_class);
  // The interface to which the socket is bound, empty: none. Setting it may need a privilege.
  StatusOr<std::string> Device() const { return internal::GetDevice(fd()); }
  Status BindDevice(const std::string& name) { return internal::BindDevice(fd(), name); }

  StatusOr<SocketAddress> local_address() const { return internal::LocalAddress(fd()); }
  Status TakeError() { return internal::TakeError(fd(), "net::TcpSocket"); }

 private:
  explicit TcpSocket(kioto::internal::IoHandle handle) : handle_(std::move(handle)) {}
  static StatusOr<TcpSocket> Make(int family);

  kioto::internal::IoHandle handle_;
};

}  // namespace kioto::net

#endif  // KIOTO_NET_TCP_SOCKET_H_
