// UdpSocket: datagrams of UDP. What it can do with them is in datagram_socket.h.
//
//   net::UdpSocket::Bind("127.0.0.1:0").AndThen([](net::UdpSocket& s) {
//     return s.RecvDatagram().AndThen([&s](net::UdpDatagram& got) { return s.SendTo(std::move(got.bytes), got.from); });
//   });
//
// A socket belongs to no worker. It is registered with the runtime in which it first waits: other runtimes' tasks may use it
// too, but when that one shuts down its waits end with IsShutdown.
#ifndef KIOTO_NET_UDP_SOCKET_H_
#define KIOTO_NET_UDP_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "kioto/net/address.h"
#include "kioto/net/datagram_batch.h"
#include "kioto/net/datagram_socket.h"
#include "kioto/net/endpoint.h"
#include "kioto/net/pauses.h"
#include "kioto/net/resolve.h"
#include "kioto/net/socket_options.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/future_base.h"

namespace kioto::net {

class UdpBindFuture;
class UdpConnectFuture;

using UdpDatagram = Datagram<SocketAddress>;
using UdpBatch = DatagramBatch<SocketAddress>;

struct UdpOptions {
  bool reuse_address = false;
  // Several sockets on one port, between which the kernel divides the datagrams.
  bool reuse_port = false;
  // Whether a socket on a v6 address refuses v4; unset: as the system has it.
  std::optional<bool> v6_only;
};

class UdpSocket : public DatagramSocket<UdpSocket, SocketAddress> {
 public:
  static constexpr char kKind[] = "UdpSocket";
  using Tries = internal::HearsOfRoom;

  // Binds to the first address of `at` that can be bound. Port 0: any free one, see local_address().
  // Output: StatusOr<UdpSocket>. Errors: the last address's, with its errno. CANCEL SAFE: yes.
  static UdpBindFuture Bind(Endpoint at, UdpOptions options = {});
  // Takes over the fd of a UDP socket: nobody else may use it. Makes it close-on-exec, and non-blocking, which other fds of
  // that socket (dup, another process's) become too. Errors: kInvalidArgument for what is no UDP socket. After an error it is
  // the caller's still.
  static StatusOr<UdpSocket> FromFd(int fd);
  // Gives it up, non-blocking. -EMFILE, and keeps it, if that takes a duplicate (--config=portable alone) and no fd is left.
  int IntoFd() && { return handle_.io.Release(); }

  // Makes the first address of `to` that will do the one for Send, and lets in from now on only what comes from there: that nobody
  // listens there is then an error of the next call. What has come before is still received, from whomever: drop it with TryRecv
  // until IsEmpty, before anything waits to receive. Output: Status. CANCEL SAFE: yes.
  UdpConnectFuture Connect(Endpoint to);

  using DatagramSocket::SendTo;
  // To the first address of `to` that is of the socket's family. CANCEL SAFE: yes.
  auto SendTo(absl::string_view bytes, Endpoint to) {
    return Resolve(std::move(to)).AndThen([this, bytes](std::vector<SocketAddress>& addresses) {
      return SendTo(bytes, ReachableOf(addresses));
    });
  }
  template <class S, io::internal::IfString<S> = 0>
  auto SendTo(S&& bytes, Endpoint to) {
    return Resolve(std::move(to)).AndThen([this, bytes = std::move(bytes)](std::vector<SocketAddress>& addresses) {
      return SendTo(absl::string_view(bytes), ReachableOf(addresses));
    });
  }

  // --- Segments: datagrams that the kernel cuts from one piece of memory (GSO), of Linux 4.18 and later. ---

  // Sends `bytes` as datagrams of `segment` bytes, the last one with what is left, to `to` or to whom the socket is connected:
  // all of them or none. Output: StatusOr<size_t>, all bytes. Errors: Unimplemented where the system can not cut; more bytes
  // than one datagram can have (EMSGSIZE), more segments than the kernel cuts at once (64 it does: EINVAL), a segment longer
  // than the path takes whole (EINVAL or EMSGSIZE), an interface that can not do its part (EIO). CANCEL SAFE: yes.
  auto SendSegments(absl::string_view bytes, size_t segment, std::optional<SocketAddress> to = std::nullopt) {
    return Wait("SendSegments", [bytes, segment, to](UdpSocket& s, Context& cx, Waiter waiter) {
      return s.PollSendSegments(cx, bytes, segment, to, waiter);
    });
  }
  template <class S, io::internal::IfString<S> = 0>
  auto SendSegments(S&& bytes, size_t segment, std::optional<SocketAddress> to = std::nullopt) {
    return Wait("SendSegments", [bytes = std::move(bytes), segment, to](UdpSocket& s, Context& cx, Waiter waiter) {
      return s.PollSendSegments(cx, bytes, segment, to, waiter);
    });
  }
  // At once: IsFull when there is no room.
  StatusOr<size_t> TrySendSegments(absl::string_view bytes, size_t segment, std::optional<SocketAddress> to = std::nullopt);
  Poll<StatusOr<size_t>> PollSendSegments(Context& cx, absl::string_view bytes, size_t segment,
                                          const std::optional<SocketAddress>& to, Waiter waiter = nullptr);

  // --- The socket. ---

  StatusOr<SocketAddress> local_address() const { return internal::LocalAddress(fd()); }
  StatusOr<SocketAddress> peer_address() const { return internal::PeerAddress(fd()); }
  StatusOr<bool> Broadcast() const;
  Status SetBroadcast(bool on);
  StatusOr<int> Ttl() const { return internal::GetTtl(fd()); }
  Status SetTtl(int hops) { return internal::SetTtl(fd(), hops); }
  // The type-of-service byte of v4 and the traffic class of v6.
  StatusOr<int> TosV4() const;
  Status SetTosV4(int tos);
  StatusOr<int> TrafficClassV6() const;
  Status SetTrafficClassV6(int traffic_class);
  // Linux doubles what is set and gives the double back.
  StatusOr<size_t> SendBufferSize() const;
  Status SetSendBufferSize(size_t bytes);
  StatusOr<size_t> ReceiveBufferSize() const;
  Status SetReceiveBufferSize(size_t bytes);
  // The interface to which the socket is bound, empty: none. Setting it may need a privilege.
  StatusOr<std::string> Device() const { return internal::GetDevice(fd()); }
  Status BindDevice(const std::string& name) { return internal::BindDevice(fd(), name); }
  // The socket's pending error, which is thereby forgotten.
  Status TakeError() { return internal::TakeError(fd(), "net::UdpSocket"); }

  // --- Multicast. ---

  // Whether what is sent to a group comes back to this machine.
  StatusOr<bool> MulticastLoopV4() const;
  Status SetMulticastLoopV4(bool on);
  StatusOr<bool> MulticastLoopV6() const;
  Status SetMulticastLoopV6(bool on);
  StatusOr<int> MulticastTtlV4() const;
  Status SetMulticastTtlV4(int hops);
  // By which interface goes what is sent to a group: by its address, of v6 by its number (0.0.0.0, or 0: the system's choice).
  StatusOr<IpAddress> MulticastInterfaceV4() const;
  Status SetMulticastInterfaceV4(const IpAddress& interface_address);
  StatusOr<uint32_t> MulticastInterfaceV6() const;
  Status SetMulticastInterfaceV6(uint32_t interface_number);
  // On which interface what comes for the group is taken, given in the same way. What is sent to it leaves by the system's choice
  // all the same, without SetMulticastInterface....
  Status JoinMulticastV4(const IpAddress& group, const IpAddress& interface_address);
  Status LeaveMulticastV4(const IpAddress& group, const IpAddress& interface_address);
  Status JoinMulticastV6(const IpAddress& group, uint32_t interface_number);
  Status LeaveMulticastV6(const IpAddress& group, uint32_t interface_number);

 private:
  friend class UdpBindFuture;
  friend class UdpConnectFuture;

  friend class DatagramSocket<UdpSocket, SocketAddress>;

  explicit UdpSocket(kioto::internal::IoHandle handle) : DatagramSocket(std::move(handle)) {}
  // What stands behind the address in the error.
  static const char* WhyNotSent(int error);
  SocketAddress ReachableOf(const std::vector<SocketAddress>& addresses) const;
  Status ConnectTo(const SocketAddress& address);
};

class [[nodiscard]] UdpBindFuture : public FutureBase<UdpBindFuture, StatusOr<UdpSocket>> {
 public:
  UdpBindFuture(Endpoint at, UdpOptions options) : resolve_(std::move(at)), options_(options) {}
  Poll<StatusOr<UdpSocket>> PollOnce(Context& cx);

 private:
  ResolveFuture resolve_;
  UdpOptions options_;
};

class [[nodiscard]] UdpConnectFuture : public FutureBase<UdpConnectFuture, Status> {
 public:
  UdpConnectFuture(UdpSocket& socket, Endpoint to) : socket_(&socket), resolve_(std::move(to)) {}
  Poll<Status> PollOnce(Context& cx);

 private:
  UdpSocket* socket_;
  ResolveFuture resolve_;
};

inline UdpBindFuture UdpSocket::Bind(Endpoint at, UdpOptions options) { return UdpBindFuture(std::move(at), options); }
inline UdpConnectFuture UdpSocket::Connect(Endpoint to) { return UdpConnectFuture(*this, std::move(to)); }

}  // namespace kioto::net

#endif  // KIOTO_NET_UDP_SOCKET_H_
