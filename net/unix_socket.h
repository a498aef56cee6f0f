// Unix sockets: UnixListener, UnixStream and UnixDatagram, between programs of one machine.
//
//   auto listener = net::UnixListener::Bind("/run/app.sock");            // or *net::UnixAddress::Abstract("app")
//   net::UnixStream::Connect("/run/app.sock").AndThen([](net::UnixStream& s) { return s.WriteAll("hello\n"); });
//
// What a stream can do with bytes is in stream_socket.h, what a datagram's socket can in datagram_socket.h. A file that
// Bind makes stays when the socket goes: remove it, before the next Bind at the latest.
#ifndef KIOTO_NET_UNIX_SOCKET_H_
#define KIOTO_NET_UNIX_SOCKET_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "kioto/net/acceptor.h"
#include "kioto/net/datagram_socket.h"
#include "kioto/net/stream_socket.h"
#include "kioto/net/unix_address.h"
#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/future/future_base.h"

namespace kioto::net {

class UnixAcceptFuture;
class UnixConnectFuture;
class UnixIncomingStream;

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

class UnixStream : public StreamSocket<UnixStream, internal::ShortRead::kProvesNothing> {
 public:
  static constexpr char kKind[] = "UnixStream";

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

  StatusOr<UnixAddress> local_address() const;
  StatusOr<UnixAddress> peer_address() const;
  StatusOr<PeerCredentials> peer_credentials() const;
  // The socket's pending error, which is thereby forgotten.
  Status TakeError();

 private:
  friend class UnixConnectFuture;
  friend class UnixListener;
  explicit UnixStream(kioto::internal::IoHandle handle) : StreamSocket(std::move(handle)) {}
};

struct UnixStream::Ends {
  UnixStream first;
  UnixStream second;
};

class [[nodiscard]] UnixConnectFuture : public FutureBase<UnixConnectFuture, StatusOr<UnixStream>> {
 public:
  explicit UnixConnectFuture(UnixEndpoint to) : to_(std::move(to)) {}
  Poll<StatusOr<UnixStream>> PollOnce(Context& cx);

 private:
  UnixEndpoint to_;
  std::unique_ptr<kioto::internal::TimerEntry> timer_;  // made when the backlog is full
  int64_t pause_ = 0;                                   // nanoseconds
};

class UnixListener {
 public:
  // Makes the socket's file, if the address is a path. Needs a runtime with I/O. Errors: EADDRINUSE also for a file that is left
  // of an earlier run.
  static StatusOr<UnixListener> Bind(const UnixEndpoint& at, int backlog = 1024);
  // As UnixStream's, of a socket that listens already: kInvalidArgument for one that does not.
  static StatusOr<UnixListener> FromFd(int fd);
  int IntoFd() && { return acceptor_.handle.Release(); }
  int fd() const { return acceptor_.handle.fd(); }

  // The next connection. Errors: only those that accepting again would not mend (see TcpListener). Any number of tasks may
  // accept at once. Output: StatusOr<UnixStream>. CANCEL SAFE: yes, no connection is lost.
  UnixAcceptFuture Accept();
  // The stream of them; ends behind the first error.
  UnixIncomingStream Incoming();

  StatusOr<UnixAddress> local_address() const;
  Status TakeError();

  Poll<StatusOr<UnixStream>> PollAccept(Context& cx, internal::AcceptWait& wait);
  // For dumps: "UnixListener fd 7 /run/app.sock".
  void Describe(WaitTrace& trace) const;

 private:
  explicit UnixListener(kioto::internal::IoHandle handle);

  internal::Acceptor acceptor_;
};

// Output: StatusOr<UnixStream>.
class [[nodiscard]] UnixAcceptFuture : public FutureBase<UnixAcceptFuture, StatusOr<UnixStream>> {
 public:
  explicit UnixAcceptFuture(UnixListener& listener) : listener_(&listener) {}
  UnixAcceptFuture(UnixAcceptFuture&& other) noexcept : FutureBase(std::move(other)), listener_(other.listener_) {}
  Poll<StatusOr<UnixStream>> PollOnce(Context& cx) { return listener_->PollAccept(cx, wait_); }
  void Describe(WaitTrace& trace) const { trace.Node("Accept", *listener_); }

 private:
  UnixListener* listener_;
  internal::AcceptWait wait_;
};

// A stream of StatusOr<UnixStream>. Borrows the listener.
class [[nodiscard]] UnixIncomingStream {
 public:
  using Item = StatusOr<UnixStream>;

  explicit UnixIncomingStream(UnixListener& listener) : listener_(&listener) {}
  UnixIncomingStream(UnixIncomingStream&& other) noexcept : listener_(other.listener_), ended_(other.ended_) {}
  Poll<std::optional<Item>> PollNext(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("Accept", *listener_); }

 private:
  UnixListener* listener_;
  bool ended_ = false;
  internal::AcceptWait wait_;
};

class UnixDatagram : public DatagramSocket<UnixDatagram, UnixAddress> {
 public:
  static constexpr char kKind[] = "UnixDatagram";

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
  Status Shutdown(int how);

  StatusOr<UnixAddress> local_address() const;
  StatusOr<UnixAddress> peer_address() const;
  Status TakeError();

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
inline UnixAcceptFuture UnixListener::Accept() { return UnixAcceptFuture(*this); }
inline UnixIncomingStream UnixListener::Incoming() { return UnixIncomingStream(*this); }

}  // namespace kioto::net

#endif  // KIOTO_NET_UNIX_SOCKET_H_
