// Unix sockets of the type SOCK_SEQPACKET: UnixSeqpacketListener and UnixSeqpacket. Connections, as streams are, of whole
// messages, as datagrams are: none is lost, and each comes in its order.
//
//   auto listener = net::UnixSeqpacketListener::Bind("/run/app.sock");
//   net::UnixSeqpacket::Connect("/run/app.sock").AndThen([](net::UnixSeqpacket& s) { return s.Send("hello"); });
//
// Any number of tasks may send and receive at once through one socket. The futures borrow it; bytes are borrowed from a view and
// owned from a string that is moved in. Any thread.
// A message that is longer than the memory given for it is cut, and the rest is lost: `cut` says so. One that is too long to be
// sent is an error with the errno EMSGSIZE. A message may be empty, which is no end: the socket asks for the time stamps of
// messages (SO_TIMESTAMP), since the end has none. A kernel that gives none lets every empty message be taken for the end.
// Dropping a socket closes both directions. If it has not read all that came, the peer is told ECONNRESET once, before what it has
// not received itself; then that comes, then the end: who wants it all receives on behind that error.
#ifndef KIOTO_NET_UNIX_SEQPACKET_H_
#define KIOTO_NET_UNIX_SEQPACKET_H_

#include <sys/socket.h>

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/net/datagram_socket.h"
#include "kioto/net/io_future.h"
#include "kioto/net/socket_options.h"
#include "kioto/net/unix_address.h"
#include "kioto/net/unix_fds.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/write.h"

namespace kioto::net {

class UnixSeqpacket;

using UnixSeqpacketConnectFuture = UnixConnectFutureOf<UnixSeqpacket>;
using UnixSeqpacketListener = UnixListenerOf<UnixSeqpacket>;

namespace internal {

inline constexpr UnixKind kUnixSeqpacket{SOCK_SEQPACKET,
                                         SocketKind::kUnixSeqpacket,
                                         /*dumped=*/"UnixSeqpacketListener",
                                         /*connect=*/"net::UnixSeqpacket::Connect",
                                         /*listener=*/"net::UnixSeqpacketListener",
                                         /*bind=*/"net::UnixSeqpacketListener::Bind",
                                         /*listener_from_fd=*/"net::UnixSeqpacketListener::FromFd",
                                         /*accept=*/"net::UnixSeqpacketListener::Accept"};

}  // namespace internal

struct ReceivedPacket {
  size_t size = 0;   // bytes in the memory given
  bool end = false;  // nothing more will come: the peer has shut down its side, or is gone
  bool cut = false;  // the message was longer
};

class UnixSeqpacket : private DatagramSocket<UnixSeqpacket, UnixAddress> {
 public:
  static constexpr char kKind[] = "UnixSeqpacket";
  static constexpr const internal::UnixKind& kUnixKind = internal::kUnixSeqpacket;

  using DatagramSocket::Waiter;
  struct Ends;

  // As UnixStream::Connect. Output: StatusOr<UnixSeqpacket>. CANCEL SAFE: yes.
  static UnixSeqpacketConnectFuture Connect(UnixEndpoint to);
  // Two that are connected with each other.
  static StatusOr<Ends> Pair();
  // Takes over the fd of a connected socket: nobody else may use it. Makes it close-on-exec, and non-blocking, which other fds
  // of that socket (dup, another process's) become too; and stamps messages (SO_TIMESTAMP). Errors: kInvalidArgument for what is no Unix socket of this type;
  // ENOTCONN for one that is not connected. After an error it is the caller's still.
  static StatusOr<UnixSeqpacket> FromFd(int fd);
  // Gives it up, non-blocking, and without time stamps, whatever it had before. -EMFILE, and keeps it, if that takes a duplicate (--config=portable
  // alone) and no fd is left.
  int IntoFd() &&;
  using DatagramSocket::fd;

  // One message, whole or not at all: as the members of DatagramSocket of the same name.
  using DatagramSocket::Send;
  using DatagramSocket::TrySend;
  // The same, and the fds with it. Output: StatusOr<size_t>. Errors: fds without a byte, more than kMostFds. CANCEL SAFE: yes.
  auto SendWithFds(absl::string_view bytes, FdsToSend fds) {
    return internal::SendWithFds(*this, handle_.io, bytes, std::move(fds));
  }
  template <class S, io::internal::IfString<S> = 0>
  auto SendWithFds(S&& bytes, FdsToSend fds) {
    return internal::SendWithFds(*this, handle_.io, std::move(bytes), std::move(fds));
  }

  // The next message, or the end, again and again. Output: StatusOr<ReceivedPacket>. CANCEL SAFE: yes.
  auto Recv(MutableBytes into) {
    return internal::IoFuture(
        *this, "Recv", [into](UnixSeqpacket& socket, Context& cx, Waiter waiter) { return socket.PollRecv(cx, into, waiter); });
  }
  // The same, and the fds that came with it. Output: StatusOr<ReceivedWithFds>. CANCEL SAFE: yes.
  auto RecvWithFds(MutableBytes into, size_t most_fds = kMostFds) {
    return internal::ReceiveWithFds(*this, handle_.io, into, most_fds, internal::NoBytes::kEndIfUnstamped);
  }
  // At once: IsEmpty when there is neither a message nor the end.
  StatusOr<ReceivedPacket> TryRecv(MutableBytes into);

  // Says that nothing more will be read, written, or both (SHUT_RD, SHUT_WR, SHUT_RDWR). After SHUT_WR the peer comes to the end.
  Status Shutdown(int how) { return internal::UnixShutdown(fd(), how); }

  // As the members of DatagramSocket of the same name.
  using DatagramSocket::Readable;
  using DatagramSocket::Ready;
  using DatagramSocket::Writable;
  // System calls of the user's.
  using DatagramSocket::AsyncIo;
  using DatagramSocket::TryIo;
  using DatagramSocket::Describe;

  // For one poll. Without a waiter of its own, one task per direction at a time.
  using DatagramSocket::PollReadable;
  using DatagramSocket::PollSend;
  using DatagramSocket::PollWritable;
  Poll<StatusOr<ReceivedPacket>> PollRecv(Context& cx, MutableBytes into, Waiter waiter = nullptr);

  StatusOr<UnixAddress> local_address() const { return internal::UnixLocalAddress(fd()); }
  StatusOr<UnixAddress> peer_address() const { return internal::UnixPeerAddress(fd()); }
  StatusOr<PeerCredentials> peer_credentials() const { return internal::UnixPeerCredentials(fd()); }
  // The socket's pending error, which is thereby forgotten.
  Status TakeError() { return internal::TakeError(fd(), "net::UnixSeqpacket"); }

 private:
  friend class DatagramSocket<UnixSeqpacket, UnixAddress>;
  template <class Connection>
  friend class UnixConnectFutureOf;
  template <class Connection>
  friend class UnixListenerOf;
  explicit UnixSeqpacket(kioto::internal::IoHandle handle);
};

struct UnixSeqpacket::Ends {
  UnixSeqpacket first;
  UnixSeqpacket second;
};

inline UnixSeqpacketConnectFuture UnixSeqpacket::Connect(UnixEndpoint to) { return UnixSeqpacketConnectFuture(std::move(to)); }

}  // namespace kioto::net

#endif  // KIOTO_NET_UNIX_SEQPACKET_H_
