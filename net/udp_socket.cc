#include "kioto/net/udp_socket.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;
using kioto::internal::Direction;
using kioto::internal::IoHandle;

Status SetOption(int fd, int level, int option, const void* value, size_t size, const char* what) {
  return ErrnoStatus(std::min(0, sys::Setsockopt(fd, level, option, value, static_cast<socklen_t>(size))), what);
}

Status MembershipV4(int fd, int option, const IpAddress& group, const IpAddress& at, const char* what) {
  if (!group.is_v4() || !at.is_v4()) return absl::InvalidArgumentError(absl::StrCat(what, ": group and interface are v4 addresses"));
  ip_mreq request{};
  std::memcpy(&request.imr_multiaddr, group.v4_bytes().data(), sizeof(request.imr_multiaddr));
  std::memcpy(&request.imr_interface, at.v4_bytes().data(), sizeof(request.imr_interface));
  return SetOption(fd, IPPROTO_IP, option, &request, sizeof(request), what);
}

Status MembershipV6(int fd, int option, const IpAddress& group, uint32_t at, const char* what) {
  if (!group.is_v6()) return absl::InvalidArgumentError(absl::StrCat(what, ": the group is a v6 address"));
  ipv6_mreq request{};
  std::memcpy(&request.ipv6mr_multiaddr, group.v6_bytes().data(), sizeof(request.ipv6mr_multiaddr));
  request.ipv6mr_interface = at;
  return SetOption(fd, IPPROTO_IPV6, option, &request, sizeof(request), what);
}

constexpr char kSendSegments[] = "net::UdpSocket::SendSegments";

// The option by which the kernel cuts; where there is none, one that no system knows.
#if defined(UDP_SEGMENT) && !KIOTO_PORTABLE
constexpr int kSegmentOption = UDP_SEGMENT;
#else
constexpr int kSegmentOption = -1;
#endif

// Asked before each send: a kernel that does not know the option would send the bytes as one datagram.
Status CheckSegments(int fd, size_t segment) {
  if (segment == 0 || segment > UINT16_MAX) {
    return absl::InvalidArgumentError(absl::StrCat(kSendSegments, ": a segment has 1 to ", UINT16_MAX, " bytes, not ", segment));
  }
  int of_socket = 0;
  socklen_t size = sizeof(of_socket);
  const int result = sys::Getsockopt(fd, IPPROTO_UDP, kSegmentOption, &of_socket, &size);
  if (result != -ENOPROTOOPT) return ErrnoStatus(std::min(0, result), kSendSegments);
  return absl::UnimplementedError(
      absl::StrCat(kSendSegments, ": this system does not cut datagrams (UDP_SEGMENT); cut them yourself, and use SendBatch"));
}

ssize_t SendCut(int fd, absl::string_view bytes, size_t segment, const std::optional<SocketAddress>& to) {
  sockaddr_storage storage;
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};  // sendmsg only reads it
  const auto segment_size = static_cast<uint16_t>(segment);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(segment_size))] = {};
  msghdr message{};
  if (to.has_value()) {
    message.msg_name = &storage;
    message.msg_namelen = static_cast<socklen_t>(to->ToSockaddr(&storage));
  }
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* const option = CMSG_FIRSTHDR(&message);
  option->cmsg_level = IPPROTO_UDP;
  option->cmsg_type = kSegmentOption;
  option->cmsg_len = CMSG_LEN(sizeof(segment_size));
  std::memcpy(CMSG_DATA(option), &segment_size, sizeof(segment_size));
  return sys::Sendmsg(fd, &message, MSG_NOSIGNAL);
}

}  // namespace

StatusOr<UdpSocket> UdpSocket::FromFd(int fd) {
  Status status = internal::PrepareFd(fd, internal::SocketKind::kUdp, "net::UdpSocket::FromFd");
  if (!status.ok()) return status;
  return UdpSocket(IoHandle(fd));
}

const char* UdpSocket::WhyNotSent(int error) {
  if (error == EACCES) return " (SetBroadcast(true) allows a broadcast)";
  if (error == EAFNOSUPPORT) return " (the socket is of IPv4)";
  return "";
}

SocketAddress UdpSocket::ReachableOf(const std::vector<SocketAddress>& addresses) const {
  StatusOr<SocketAddress> local = local_address();
  if (!local.ok()) return addresses.front();
  for (const SocketAddress& address : addresses) {
    if (address.family() == local->family()) return address;
  }
  return addresses.front();
}

Status UdpSocket::ConnectTo(const SocketAddress& address) {
  sockaddr_storage storage;
  const size_t size = address.ToSockaddr(&storage);
  const int result = sys::Connect(fd(), reinterpret_cast<const sockaddr*>(&storage), static_cast<socklen_t>(size));
  return ErrnoStatus(std::min(0, result), absl::StrCat("net::UdpSocket::Connect to ", address.ToString()));
}

StatusOr<size_t> UdpSocket::TrySendSegments(absl::string_view bytes, size_t segment, std::optional<SocketAddress> to) {
  if (Status status = CheckSegments(fd(), segment); !status.ok()) return status;
  StatusOr<size_t> sent = handle_.io.TryIo(Direction::kWrite, /*wanted=*/0, kSendSegments,
                                           [this, bytes, segment, &to] { return SendCut(fd(), bytes, segment, to); });
  if (!sent.ok() && IsEmpty(sent.status())) return FullError();
  return sent;
}

Poll<StatusOr<size_t>> UdpSocket::PollSendSegments(Context& cx, absl::string_view bytes, size_t segment,
                                                   const std::optional<SocketAddress>& to, Waiter waiter) {
  if (Status status = CheckSegments(fd(), segment); !status.ok()) return status;
  return handle_.io.PollIo(
      cx, Direction::kWrite, /*wanted=*/0, kSendSegments,
      [this, bytes, segment, &to] { return SendCut(fd(), bytes, segment, to); }, waiter);
}

Poll<StatusOr<UdpSocket>> UdpBindFuture::PollOnce(Context& cx) {
  if (Status status = internal::CheckIo("net::UdpSocket::Bind"); !status.ok()) return status;
  return internal::PollFirstOf<StatusOr<UdpSocket>>(cx, resolve_, [this](const SocketAddress& at) -> StatusOr<UdpSocket> {
    const std::string what = absl::StrCat("net::UdpSocket::Bind to ", at.ToString());
    const internal::BindOptions options{options_.reuse_address, options_.reuse_port, options_.v6_only};
    StatusOr<int> fd = internal::MakeBoundSocket(at, SOCK_DGRAM, options, what.c_str());
    if (!fd.ok()) return fd.status();
    return UdpSocket(IoHandle(*fd));
  });
}

Poll<Status> UdpConnectFuture::PollOnce(Context& cx) {
  return internal::PollFirstOf<Status>(cx, resolve_, [this](const SocketAddress& to) { return socket_->ConnectTo(to); });
}

StatusOr<bool> UdpSocket::Broadcast() const {
  return internal::GetBoolOption(fd(), SOL_SOCKET, SO_BROADCAST, "reading SO_BROADCAST");
}
Status UdpSocket::SetBroadcast(bool on) {
  return internal::SetIntOption(fd(), SOL_SOCKET, SO_BROADCAST, on ? 1 : 0, "setting SO_BROADCAST");
}
StatusOr<int> UdpSocket::TosV4() const { return internal::GetIntOption(fd(), IPPROTO_IP, IP_TOS, "reading IP_TOS"); }
Status UdpSocket::SetTosV4(int tos) { return internal::SetIntOption(fd(), IPPROTO_IP, IP_TOS, tos, "setting IP_TOS"); }
StatusOr<int> UdpSocket::TrafficClassV6() const {
  return internal::GetIntOption(fd(), IPPROTO_IPV6, IPV6_TCLASS, "reading IPV6_TCLASS");
}
Status UdpSocket::SetTrafficClassV6(int traffic_class) {
  return internal::SetIntOption(fd(), IPPROTO_IPV6, IPV6_TCLASS, traffic_class, "setting IPV6_TCLASS");
}
StatusOr<size_t> UdpSocket::SendBufferSize() const {
  return internal::GetSizeOption(fd(), SO_SNDBUF, "reading SO_SNDBUF");
}
Status UdpSocket::SetSendBufferSize(size_t bytes) {
  return internal::SetBufferSize(fd(), SO_SNDBUF, bytes, "setting SO_SNDBUF");
}
StatusOr<size_t> UdpSocket::ReceiveBufferSize() const {
  return internal::GetSizeOption(fd(), SO_RCVBUF, "reading SO_RCVBUF");
}
Status UdpSocket::SetReceiveBufferSize(size_t bytes) {
  return internal::SetBufferSize(fd(), SO_RCVBUF, bytes, "setting SO_RCVBUF");
}

StatusOr<bool> UdpSocket::MulticastLoopV4() const {
  return internal::GetBoolOption(fd(), IPPROTO_IP, IP_MULTICAST_LOOP, "reading IP_MULTICAST_LOOP");
}
Status UdpSocket::SetMulticastLoopV4(bool on) {
  return internal::SetIntOption(fd(), IPPROTO_IP, IP_MULTICAST_LOOP, on ? 1 : 0, "setting IP_MULTICAST_LOOP");
}
StatusOr<bool> UdpSocket::MulticastLoopV6() const {
  return internal::GetBoolOption(fd(), IPPROTO_IPV6, IPV6_MULTICAST_LOOP, "reading IPV6_MULTICAST_LOOP");
}
Status UdpSocket::SetMulticastLoopV6(bool on) {
  return internal::SetIntOption(fd(), IPPROTO_IPV6, IPV6_MULTICAST_LOOP, on ? 1 : 0, "setting IPV6_MULTICAST_LOOP");
}
StatusOr<int> UdpSocket::MulticastTtlV4() const {
  return internal::GetIntOption(fd(), IPPROTO_IP, IP_MULTICAST_TTL, "reading IP_MULTICAST_TTL");
}
Status UdpSocket::SetMulticastTtlV4(int hops) {
  return internal::SetIntOption(fd(), IPPROTO_IP, IP_MULTICAST_TTL, hops, "setting IP_MULTICAST_TTL");
}
StatusOr<IpAddress> UdpSocket::MulticastInterfaceV4() const {
  IpAddress::V4Bytes bytes{};
  socklen_t size = sizeof(bytes);
  const int result = sys::Getsockopt(fd(), IPPROTO_IP, IP_MULTICAST_IF, bytes.data(), &size);
  if (result < 0) return ErrnoStatus(result, "reading IP_MULTICAST_IF");
  return IpAddress(bytes);
}
Status UdpSocket::SetMulticastInterfaceV4(const IpAddress& interface_address) {
  constexpr char kWhat[] = "setting IP_MULTICAST_IF";
  if (!interface_address.is_v4()) return absl::InvalidArgumentError(absl::StrCat(kWhat, ": the interface is a v4 address"));
  const IpAddress::V4Bytes bytes = interface_address.v4_bytes();
  return SetOption(fd(), IPPROTO_IP, IP_MULTICAST_IF, bytes.data(), bytes.size(), kWhat);
}
StatusOr<uint32_t> UdpSocket::MulticastInterfaceV6() const {
  StatusOr<int> number = internal::GetIntOption(fd(), IPPROTO_IPV6, IPV6_MULTICAST_IF, "reading IPV6_MULTICAST_IF");
  if (!number.ok()) return number.status();
  return static_cast<uint32_t>(*number);
}
Status UdpSocket::SetMulticastInterfaceV6(uint32_t interface_number) {
  return internal::SetIntOption(fd(), IPPROTO_IPV6, IPV6_MULTICAST_IF, static_cast<int>(interface_number),
                                "setting IPV6_MULTICAST_IF");
}
Status UdpSocket::JoinMulticastV4(const IpAddress& group, const IpAddress& interface_address) {
  return MembershipV4(fd(), IP_ADD_MEMBERSHIP, group, interface_address, "joining a v4 multicast group");
}
Status UdpSocket::LeaveMulticastV4(const IpAddress& group, const IpAddress& interface_address) {
  return MembershipV4(fd(), IP_DROP_MEMBERSHIP, group, interface_address, "leaving a v4 multicast group");
}
Status UdpSocket::JoinMulticastV6(const IpAddress& group, uint32_t interface_number) {
  return MembershipV6(fd(), IPV6_JOIN_GROUP, group, interface_number, "joining a v6 multicast group");
}
Status UdpSocket::LeaveMulticastV6(const IpAddress& group, uint32_t interface_number) {
  return MembershipV6(fd(), IPV6_LEAVE_GROUP, group, interface_number, "leaving a v6 multicast group");
}

}  // namespace kioto::net
