// TcpListener: a socket that accepts connections.
//
//   net::TcpListener::Bind("127.0.0.1:8080").AndThen([](net::TcpListener& listener) {
//     return ForEach(listener.Incoming(), [](net::TcpStream s) { Spawn(Serve(std::move(s))).Detach(); });
//   });
//
// Accepting survives what happens to a server: a connection that broke before it was accepted is passed over; out of fds or
// memory, it waits, up to 100 ms at a time, and goes on, or sheds clients (ListenOptions). Any number of tasks may accept at once.
// Any thread. To serve so many at a time, and accept no more: ForEachConcurrent(listener.Incoming(), 1000, Serve).
//
// Whoever accepts them, connections spread over the loops of the runtime: each goes, when it first waits, to the loop that
// watches the fewest sockets (DriverSet::PickReactor). So one listener with one task does for most servers. Where accepting
// itself takes all of a worker's time, BindShared makes a listener for each.
#ifndef KIOTO_NET_TCP_LISTENER_H_
#define KIOTO_NET_TCP_LISTENER_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "kioto/net/acceptor.h"
#include "kioto/net/endpoint.h"
#include "kioto/net/resolve.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/future_base.h"

namespace kioto::net {

class AcceptFuture;
class BindFuture;
class BindSharedFuture;
class IncomingStream;

struct ListenOptions {
  // Connections that may wait to be accepted; the system has a cap of its own (net.core.somaxconn).
  int backlog = 1024;
  // So that a restarted server gets its port back although old connections linger.
  bool reuse_address = true;
  // Several listeners on one port, between which the kernel divides the connections. Each must ask for it: BindShared does.
  bool reuse_port = false;
  // Whether a listener on a v6 address refuses v4 clients; unset: as the system has it.
  std::optional<bool> v6_only;
  // When the process, or the system, has no fd left, whoever comes is reset at once, by means of an fd that is kept in reserve.
  // Without, clients wait in the system's queue until there are fds again, and know nothing of it.
  bool shed = false;
};

class TcpListener {
 public:
  // Binds to the first address of `at` that can be bound, and listens. Port 0: any free one, see local_address().
  // Errors: the last address's, with its errno. CANCEL SAFE: yes.
  static BindFuture Bind(Endpoint at, ListenOptions options = {});
  // So many listeners on one port (port 0: the same free one), all or none; sets reuse_port. The kernel gives each client to one
  // of them, and only the tasks of that one are woken. As any socket, each goes to the least loaded loop when it first waits: in
  // an idle pool with as many workers, one to each. Or it is moved to a thread of a LocalPool, where its connections stay, too.
  // One that is closed resets the clients in its queue: close them together. A fixed port is shared with whoever else of this user
  // asks for it so, a second run of the program too, which is no error then. Errors: Bind's; kInvalidArgument if `count` is
  // below 1. CANCEL SAFE: yes.
  static BindSharedFuture BindShared(Endpoint at, int count, ListenOptions options = {});
  // Takes over the fd of a socket that listens already: nobody else may use it. Makes it close-on-exec, and
  // non-blocking, which other fds of that socket (dup, another process's) become too. Errors: kInvalidArgument for what is no
  // TCP socket, or does not listen. After an error it is the caller's still.
  static StatusOr<TcpListener> FromFd(int fd);
  // Gives it up, non-blocking. -EMFILE, and keeps it, if that takes a duplicate (--config=portable alone) and no fd is left.
  int IntoFd() && { return acceptor_.handle.Release(); }
  int fd() const { return acceptor_.handle.fd(); }

  // The next connection. Errors: only those that accepting again would not mend: the socket listens no more, the runtime has
  // no I/O or shuts down; without timers in the runtime also that fds or memory are used up.
  // CANCEL SAFE: yes, no connection is lost.
  AcceptFuture Accept();
  // The stream of them; ends behind the first error.
  IncomingStream Incoming();

  StatusOr<SocketAddress> local_address() const { return internal::LocalAddress(fd()); }
  StatusOr<int> Ttl() const { return internal::GetTtl(fd()); }
  Status SetTtl(int hops) { return internal::SetTtl(fd(), hops); }
  Status TakeError() { return internal::TakeError(fd(), "net::TcpListener"); }
  // ListenOptions::shed. Not while somebody accepts. Errors: there is no fd for the reserve.
  Status SetShed(bool on) { return acceptor_.SetShed(on); }
  // Clients that were reset because there were no fds.
  uint64_t shed() const { return acceptor_.shed(); }

  Poll<StatusOr<TcpStream>> PollAccept(Context& cx, internal::AcceptWait& wait);
  // For dumps: "TcpListener fd 7 127.0.0.1:8080".
  void Describe(WaitTrace& trace) const;

 private:
  friend class BindFuture;
  friend class TcpSocket;

  explicit TcpListener(kioto::internal::IoHandle handle);

  internal::Acceptor acceptor_;  // not to be moved while somebody accepts
};

// Output: StatusOr<TcpStream>.
class [[nodiscard]] AcceptFuture : public FutureBase<AcceptFuture, StatusOr<TcpStream>> {
 public:
  explicit AcceptFuture(TcpListener& listener) : listener_(&listener) {}
  AcceptFuture(AcceptFuture&& other) noexcept : FutureBase(std::move(other)), listener_(other.listener_) {}
  Poll<StatusOr<TcpStream>> PollOnce(Context& cx) { return listener_->PollAccept(cx, wait_); }
  void Describe(WaitTrace& trace) const { trace.Node("Accept", *listener_); }

 private:
  TcpListener* listener_;
  internal::AcceptWait wait_;
};

// A stream of StatusOr<TcpStream>. Borrows the listener.
class [[nodiscard]] IncomingStream {
 public:
  using Item = StatusOr<TcpStream>;

  explicit IncomingStream(TcpListener& listener) : listener_(&listener) {}
  IncomingStream(IncomingStream&& other) noexcept : listener_(other.listener_), ended_(other.ended_) {}
  Poll<std::optional<Item>> PollNext(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("Accept", *listener_); }

 private:
  TcpListener* listener_;
  bool ended_ = false;
  internal::AcceptWait wait_;
};

// Output: StatusOr<TcpListener>.
class [[nodiscard]] BindFuture : public FutureBase<BindFuture, StatusOr<TcpListener>> {
 public:
  BindFuture(Endpoint at, ListenOptions options) : resolve_(std::move(at)), options_(options) {}
  Poll<StatusOr<TcpListener>> PollOnce(Context& cx);

 private:
  friend class BindSharedFuture;

  StatusOr<TcpListener> BindTo(const SocketAddress& address) const;

  ResolveFuture resolve_;
  ListenOptions options_;
};

// Output: StatusOr<std::vector<TcpListener>>.
class [[nodiscard]] BindSharedFuture : public FutureBase<BindSharedFuture, StatusOr<std::vector<TcpListener>>> {
 public:
  BindSharedFuture(BindFuture first, int count) : first_(std::move(first)), count_(count) {}
  Poll<StatusOr<std::vector<TcpListener>>> PollOnce(Context& cx);

 private:
  BindFuture first_;
  int count_;
};

inline BindFuture TcpListener::Bind(Endpoint at, ListenOptions options) { return BindFuture(std::move(at), options); }
inline BindSharedFuture TcpListener::BindShared(Endpoint at, int count, ListenOptions options) {
  options.reuse_port = true;
  return BindSharedFuture(Bind(std::move(at), options), count);
}
inline AcceptFuture TcpListener::Accept() { return AcceptFuture(*this); }
inline IncomingStream TcpListener::Incoming() { return IncomingStream(*this); }

}  // namespace kioto::net

#endif  // KIOTO_NET_TCP_LISTENER_H_
