// Unix sockets: UnixListener, UnixStream and UnixDatagram, between programs of one machine.
//
//   auto listener = net::UnixListener::Bind("/run/app.sock");            // or *net::UnixAddress::Abstract("app")
//   net::UnixStream::Connect("/run/app.sock").AndThen([](net::UnixStream& s) { return s.WriteAll("hello\n"); });
//
// What a stream can do with bytes is in stream_socket.h, what a datagram's socket can in datagram_socket.h, what there is to say
// of fds that travel with them in unix_fds.h. A file that Bind makes stays when the socket goes: remove it, before the next Bind
// at the latest.
#ifndef KIOTO_NET_UNIX_SOCKET_H_
#define KIOTO_NET_UNIX_SOCKET_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/net/acceptor.h"
#include "kioto/net/datagram_socket.h"
#include "kioto/net/pauses.h"
#include "kioto/net/socket_options.h"
#include "kioto/net/stream_socket.h"
#include "kioto/net/unix_address.h"
#include "kioto/net/unix_fds.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/with.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/write.h"

namespace kioto::net {

class UnixStream;
template <class Connection>
class UnixAcceptFutureOf;
template <class Connection>
class UnixConnectFutureOf;
template <class Connection>
class UnixIncomingStreamOf;
template <class Connection>
class UnixListenerOf;

using UnixAcceptFuture = UnixAcceptFutureOf<UnixStream>;
using UnixConnectFuture = UnixConnectFutureOf<UnixStream>;
using UnixIncomingStream = UnixIncomingStreamOf<UnixStream>;
using UnixListener = UnixListenerOf<UnixStream>;

// Where to bind or connect: an address, or a path. What is wrong with a path is said by the call that uses it.
class UnixEndpoint {
 public:
  UnixEndpoint(UnixAddress address) : address_(std::move(address)) {}                            // NOLINT
  UnixEndpoint(absl::string_view path) : address_(UnixAddress::Path(path)) {}                    // NOLINT
  UnixEndpoint(const char* path) : UnixEndpoint(absl::string_view(path)) {}                      // NOLINT
  UnixEndpoint(const std::string& path) : UnixEndpoint(absl::string_view(path)) {}               // NOLINT
  const StatusOr<UnixAddress>& address() const { return address_; }

 private:
  StatusOr<UnixAddress> address_;
};

// Who is at the other end, as the kernel saw it when it connected.
struct PeerCredentials {
  uid_t uid = 0;
  gid_t gid = 0;
  std::optional<pid_t> pid;
};

namespace internal {

// What kinds of connected Unix sockets differ in: their type, and how their calls are named.
struct UnixKind {
  int type;
  SocketKind socket;
  const char* dumped;  // the listener
  const char* connect;
  const char* listener;
  const char* bind;
  const char* listener_from_fd;
  const char* accept;
};
inline constexpr UnixKind kUnixStream{SOCK_STREAM,
                                      SocketKind::kUnixStream,
                                      /*dumped=*/"UnixListener",
                                      /*connect=*/"net::UnixStream::Connect",
                                      /*listener=*/"net::UnixListener",
                                      /*bind=*/"net::UnixListener::Bind",
                                      /*listener_from_fd=*/"net::UnixListener::FromFd",
                                      /*accept=*/"net::UnixListener::Accept"};

// What all Unix sockets share.
StatusOr<UnixAddress> UnixLocalAddress(int fd);
StatusOr<UnixAddress> UnixPeerAddress(int fd);
StatusOr<PeerCredentials> UnixPeerCredentials(int fd);
Status UnixShutdown(int fd, int how);
// Both ends of a pair.
Status MakeUnixPair(int type, kioto::internal::IoHandle& first, kioto::internal::IoHandle& second);
StatusOr<kioto::internal::IoHandle> BindUnixListener(const UnixKind& kind, const UnixEndpoint& at, int backlog);
StatusOr<kioto::internal::IoHandle> AdoptUnixListener(const UnixKind& kind, int fd);
void DescribeUnixListener(const UnixKind& kind, int fd, WaitTrace& trace);

// What connects.
class UnixConnecting {
 public:
  explicit UnixConnecting(UnixEndpoint to) : to_(std::move(to)) {}
  Poll<StatusOr<kioto::internal::IoHandle>> PollConnect(Context& cx, const UnixKind& kind);

 private:
  UnixEndpoint to_;
  Pauses pauses_;  // while the backlog is full
};

}  // namespace internal

class UnixStream : public StreamSocket<UnixStream, internal::ShortRead::kProvesNothing> {
 public:
  static constexpr char kKind[] = "UnixStream";
  static constexpr const internal::UnixKind& kUnixKind = internal::kUnixStream;

  struct Ends;

  // While the listener's backlog is full it tries again, every 100 ms at the latest; fails when nobody listens (any more).
  // Output: StatusOr<UnixStream>. CANCEL SAFE: yes.
  static UnixConnectFuture Connect(UnixEndpoint to);
  // Two that are connected with each other.
  static StatusOr<Ends> Pair();
  // Takes over the fd of a connected socket: nobody else may use it. Makes it close-on-exec, and non-blocking, which other fds
  // of that socket (dup, another process's) become too. Errors: kInvalidArgument for what is no Unix socket of this type;
  // ENOTCONN for one that is not connected. After an error it is the caller's still.
  static StatusOr<UnixStream> FromFd(int fd);

  // All of the bytes; the fds go with the first of them. Output: Status. Errors: fds without a byte, more than kMostFds.
  // CANCEL SAFE: loses place.
  auto WriteAllWithFds(absl::string_view bytes, FdsToSend fds) {
    return internal::SendWithFds(*this, handle_, bytes, std::move(fds)).AndThen([this, bytes](size_t& sent) {
      return WriteAll(bytes.substr(sent));
    });
  }
  template <class S, io::internal::IfString<S> = 0>
  auto WriteAllWithFds(S&& bytes, FdsToSend fds) {
    return With(std::move(bytes), std::move(fds), [this](std::string& kept, FdsToSend& to_send) {
      return WriteAllWithFds(absl::string_view(kept), std::move(to_send));
    });
  }
  // At least one byte, and the fds that came with the bytes read: it stops behind the first that carry any. `into` has room for a
  // byte at least. Output: StatusOr<ReceivedWithFds>. CANCEL SAFE: yes.
  auto ReadWithFds(MutableBytes into, size_t most_fds = kMostFds) {
    return internal::ReceiveWithFds(*this, handle_, into, most_fds, internal::NoBytes::kEnd);
  }

  StatusOr<UnixAddress> local_address() const { return internal::UnixLocalAddress(fd()); }
  StatusOr<UnixAddress> peer_address() const { return internal::UnixPeerAddress(fd()); }
  StatusOr<PeerCredentials> peer_credentials() const { return internal::UnixPeerCredentials(fd()); }
  // The socket's pending error, which is thereby forgotten.
  Status TakeError() { return internal::TakeError(fd(), "net::UnixStream"); }

 private:
  template <class Connection>
  friend class UnixConnectFutureOf;
  template <class Connection>
  friend class UnixListenerOf;
  explicit UnixStream(kioto::internal::IoHandle handle) : StreamSocket(std::move(handle)) {}
};

struct UnixStream::Ends {
  UnixStream first;
  UnixStream second;
};

// Output: StatusOr<Connection>.
template <class Connection>
class [[nodiscard]] UnixConnectFutureOf : public FutureBase<UnixConnectFutureOf<Connection>, StatusOr<Connection>> {
 public:
  explicit UnixConnectFutureOf(UnixEndpoint to) : connecting_(std::move(to)) {}
  Poll<StatusOr<Connection>> PollOnce(Context& cx) {
    Poll<StatusOr<kioto::internal::IoHandle>> handle = connecting_.PollConnect(cx, Connection::kUnixKind);
    if (handle.pending()) return kPending;
    if (!handle->ok()) return handle->status();
    return StatusOr<Connection>(Connection(**std::move(handle)));
  }

 private:
  internal::UnixConnecting connecting_;
};

// UnixListener and UnixSeqpacketListener: Connection is UnixStream or UnixSeqpacket.
template <class Connection>
class UnixListenerOf {
 public:
  // Makes the socket's file, if the address is a path. Needs a runtime with I/O. Errors: EADDRINUSE also for a file that is left
  // of an earlier run.
  static StatusOr<UnixListenerOf> Bind(const UnixEndpoint& at, int backlog = 1024) {
    return Of(internal::BindUnixListener(Connection::kUnixKind, at, backlog));
  }
  // As UnixStream's, of a socket that listens already: kInvalidArgument for one that does not.
  static StatusOr<UnixListenerOf> FromFd(int fd) { return Of(internal::AdoptUnixListener(Connection::kUnixKind, fd)); }
  int IntoFd() && { return acceptor_.handle.Release(); }
  int fd() const { return acceptor_.handle.fd(); }

  // The next connection. Errors: only those that accepting again would not mend (see TcpListener). Any number of tasks may
  // accept at once. Output: StatusOr<Connection>. CANCEL SAFE: yes, no connection is lost.
  UnixAcceptFutureOf<Connection> Accept() { return UnixAcceptFutureOf<Connection>(*this); }
  // The stream of them; ends behind the first error.
  UnixIncomingStreamOf<Connection> Incoming() { return UnixIncomingStreamOf<Connection>(*this); }

  StatusOr<UnixAddress> local_address() const { return internal::UnixLocalAddress(fd()); }
  Status TakeError() { return internal::TakeError(fd(), Connection::kUnixKind.listener); }

  Poll<StatusOr<Connection>> PollAccept(Context& cx, internal::AcceptWait& wait) {
    Poll<StatusOr<kioto::internal::IoHandle>> next = acceptor_.PollAccept(cx, wait);
    if (next.pending()) return kPending;
    if (!next->ok()) return next->status();
    return StatusOr<Connection>(Connection(**std::move(next)));
  }
  // For dumps: "UnixListener fd 7 /run/app.sock".
  void Describe(WaitTrace& trace) const { internal::DescribeUnixListener(Connection::kUnixKind, fd(), trace); }

 private:
  explicit UnixListenerOf(kioto::internal::IoHandle handle) : acceptor_(std::move(handle), Connection::kUnixKind.accept) {}
  static StatusOr<UnixListenerOf> Of(StatusOr<kioto::internal::IoHandle> handle) {
    if (!handle.ok()) return handle.status();
    return UnixListenerOf(*std::move(handle));
  }

  internal::Acceptor acceptor_;
};

// Output: StatusOr<Connection>.
template <class Connection>
class [[nodiscard]] UnixAcceptFutureOf : public FutureBase<UnixAcceptFutureOf<Connection>, StatusOr<Connection>> {
 public:
  explicit UnixAcceptFutureOf(UnixListenerOf<Connection>& listener) : listener_(&listener) {}
  UnixAcceptFutureOf(UnixAcceptFutureOf&& other) noexcept
      : FutureBase<UnixAcceptFutureOf, StatusOr<Connection>>(std::move(other)), listener_(other.listener_) {}
  Poll<StatusOr<Connection>> PollOnce(Context& cx) { return listener_->PollAccept(cx, wait_); }
  void Describe(WaitTrace& trace) const { trace.Node("Accept", *listener_); }

 private:
  UnixListenerOf<Connection>* listener_;
  internal::AcceptWait wait_;
};

// A stream of StatusOr<Connection>. Borrows the listener.
template <class Connection>
class [[nodiscard]] UnixIncomingStreamOf {
 public:
  using Item = StatusOr<Connection>;

  explicit UnixIncomingStreamOf(UnixListenerOf<Connection>& listener) : listener_(&listener) {}
  UnixIncomingStreamOf(UnixIncomingStreamOf&& other) noexcept : listener_(other.listener_), ended_(other.ended_) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (ended_) return std::optional<Item>();
    Poll<Item> next = listener_->PollAccept(cx, wait_);
    if (next.pending()) return kPending;
    ended_ = !next->ok();
    return std::optional<Item>(*std::move(next));
  }
  void Describe(WaitTrace& trace) const { trace.Node("Accept", *listener_); }

 private:
  UnixListenerOf<Connection>* listener_;
  bool ended_ = false;
  internal::AcceptWait wait_;
};

class UnixDatagram : public DatagramSocket<UnixDatagram, UnixAddress> {
 public:
  static constexpr char kKind[] = "UnixDatagram";
  using Tries = internal::TriesAgain;

  struct Ends;

  // Makes the socket's file, if the address is a path. Needs a runtime with I/O.
  static StatusOr<UnixDatagram> Bind(const UnixEndpoint& at);
  // One that has no address: it sends, and nobody can answer.
  static StatusOr<UnixDatagram> Unbound();
  static StatusOr<Ends> Pair();
  // As UnixStream's, connected or not.
  static StatusOr<UnixDatagram> FromFd(int fd);
  int IntoFd() && { return handle_.io.Release(); }

  // Makes `to` the address for Send.
  Status Connect(const UnixEndpoint& to);
  // Says that nothing more will be read, written, or both (SHUT_RD, SHUT_WR, SHUT_RDWR).
  Status Shutdown(int how) { return internal::UnixShutdown(fd(), how); }

  // As Send, and the fds with it. Errors: fds without a byte, more than kMostFds. CANCEL SAFE: yes.
  auto SendWithFds(absl::string_view bytes, FdsToSend fds) {
    return internal::SendWithFds(*this, handle_.io, bytes, std::move(fds));
  }
  template <class S, io::internal::IfString<S> = 0>
  auto SendWithFds(S&& bytes, FdsToSend fds) {
    return internal::SendWithFds(*this, handle_.io, std::move(bytes), std::move(fds));
  }
  // One datagram and its fds. Output: StatusOr<ReceivedWithFds>. CANCEL SAFE: yes.
  auto RecvWithFds(MutableBytes into, size_t most_fds = kMostFds) {
    return internal::ReceiveWithFds(*this, handle_.io, into, most_fds, internal::NoBytes::kMessage);
  }

  StatusOr<UnixAddress> local_address() const { return internal::UnixLocalAddress(fd()); }
  StatusOr<UnixAddress> peer_address() const { return internal::UnixPeerAddress(fd()); }
  Status TakeError() { return internal::TakeError(fd(), "net::UnixDatagram"); }

 private:
  friend class DatagramSocket<UnixDatagram, UnixAddress>;

  explicit UnixDatagram(kioto::internal::IoHandle handle) : DatagramSocket(std::move(handle)) {}
  static const char* WhyNotSent(int) { return ""; }
};

struct UnixDatagram::Ends {
  UnixDatagram first;
  UnixDatagram second;
};

inline UnixConnectFuture UnixStream::Connect(UnixEndpoint to) { return UnixConnectFuture(std::move(to)); }

}  // namespace kioto::net

#endif  // KIOTO_NET_UNIX_SOCKET_H_
