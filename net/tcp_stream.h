// TcpStream: a TCP connection.
//
//   net::TcpStream::Connect("localhost:7000").AndThen([](net::TcpStream& s) {
//     return s.WriteAll("hello\n").AndThen([&s] { return s.ReadToEnd(1 << 20); });
//   });
//
// What it can do with bytes, halves included, is in stream_socket.h.
#ifndef KIOTO_NET_TCP_STREAM_H_
#define KIOTO_NET_TCP_STREAM_H_

#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

#include "kioto/net/address.h"
#include "kioto/net/endpoint.h"
#include "kioto/net/socket_options.h"
#include "kioto/net/stream_socket.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/future_base.h"

namespace kioto::net {

class ConnectFuture;
class TcpStream;

using OwnedReadHalf = OwnedReadHalfOf<TcpStream>;
using OwnedWriteHalf = OwnedWriteHalfOf<TcpStream>;
using ReadHalf = ReadHalfOf<TcpStream>;
using WriteHalf = WriteHalfOf<TcpStream>;

class TcpStream : public StreamSocket<TcpStream, internal::ShortRead::kProvesEmpty> {
 public:
  static constexpr char kKind[] = "TcpStream";

  // Looks the name up and tries its addresses, the families taking turns; an address that has not answered after 250 ms gets
  // company from the next, and the first to connect wins. Nagle's algorithm is left on (SetNoDelay).
  // Errors: the last address's, with its errno. CANCEL SAFE: yes, half-open sockets are closed.
  static ConnectFuture Connect(Endpoint to);

  // Takes over the fd of a connected socket: nobody else may use it. Makes it close-on-exec, and
  // non-blocking, which other fds of that socket (dup, another process's) become too. Errors: kInvalidArgument for what is no
  // TCP socket; ENOTCONN for one that is not connected, or no more. After an error it is the caller's still.
  static StatusOr<TcpStream> FromFd(int fd);

  // --- The socket. ---

  StatusOr<SocketAddress> local_address() const { return internal::LocalAddress(fd()); }
  StatusOr<SocketAddress> peer_address() const { return internal::PeerAddress(fd()); }
  StatusOr<bool> NoDelay() const;
  Status SetNoDelay(bool on);
  // How long closing may take to send what is left; 0 s sends a reset instead. More than 0 s blocks the thread that closes.
  StatusOr<std::optional<std::chrono::seconds>> Linger() const { return internal::GetLinger(fd()); }
  Status SetLinger(std::optional<std::chrono::seconds> linger) { return internal::SetLinger(fd(), linger); }
  StatusOr<bool> KeepAliveOn() const;
  Status SetKeepAlive(const std::optional<KeepAlive>& keep_alive) { return internal::SetKeepAlive(fd(), keep_alive); }
  StatusOr<int> Ttl() const { return internal::GetTtl(fd()); }
  Status SetTtl(int hops) { return internal::SetTtl(fd(), hops); }
  StatusOr<bool> QuickAck() const;
  Status SetQuickAck(bool on);
  // Linux doubles what is set and gives the double back.
  StatusOr<size_t> SendBufferSize() const;
  Status SetSendBufferSize(size_t bytes);
  StatusOr<size_t> ReceiveBufferSize() const;
  Status SetReceiveBufferSize(size_t bytes);
  // The socket's pending error, which is thereby forgotten.
  Status TakeError() { return internal::TakeError(fd(), "net::TcpStream"); }

 private:
  friend class ConnectFuture;
  friend class TcpListener;
  friend class TcpSocket;

  explicit TcpStream(kioto::internal::IoHandle handle) : StreamSocket(std::move(handle)) {}
};

}  // namespace kioto::net

#include "kioto/net/tcp_connect.h"  // ConnectFuture, so that Connect can be called

#endif  // KIOTO_NET_TCP_STREAM_H_
