#include "kioto/net/datagram_socket.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <utility>

#include "kioto/runtime/base/sys.h"

namespace kioto::net::internal {
namespace {

namespace sys = base::sys;
using kioto::internal::Direction;

static_assert(RawAddress::kMost == sizeof(sockaddr_storage));

constexpr char kSend[] = "sending a datagram";
constexpr char kReceive[] = "receiving a datagram";

// What follows says nothing of what is there: a datagram is short for reasons of its own.
constexpr size_t kUnknown = 0;

int Flags(After after) { return after == After::kStays ? MSG_PEEK : 0; }

ssize_t SendOne(int fd, absl::string_view bytes, const RawAddress* to) {
  if (to == nullptr) return sys::Send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};  // sendmsg only reads it
  msghdr message{};
  message.msg_name = const_cast<unsigned char*>(to->bytes);
  message.msg_namelen = static_cast<socklen_t>(to->size);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  return sys::Sendmsg(fd, &message, MSG_NOSIGNAL);
}

ssize_t ReceiveOne(int fd, MutableBytes into, After after, RawAddress& from, bool& cut) {
  iovec part{into.data(), into.size()};
  msghdr message{};
  message.msg_name = from.bytes;
  message.msg_namelen = RawAddress::kMost;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const ssize_t result = sys::Recvmsg(fd, &message, Flags(after));
  from.size = std::min<size_t>(message.msg_namelen, RawAddress::kMost);
  cut = (message.msg_flags & MSG_TRUNC) != 0;
  return result;
}

}  // namespace

Poll<StatusOr<size_t>> DatagramHandle::PollSend(Context& cx, absl::string_view bytes, const RawAddress* to, Waiter waiter) {
  return io.PollIo(
      cx, Direction::kWrite, kUnknown, kSend, [fd = io.fd(), bytes, to] { return SendOne(fd, bytes, to); }, waiter);
}

StatusOr<size_t> DatagramHandle::TrySend(absl::string_view bytes, const RawAddress* to) {
  StatusOr<size_t> sent =
      io.TryIo(Direction::kWrite, kUnknown, kSend, [fd = io.fd(), bytes, to] { return SendOne(fd, bytes, to); });
  if (!sent.ok() && IsEmpty(sent.status())) return FullError();
  return sent;
}

Poll<StatusOr<size_t>> DatagramHandle::PollReceive(Context& cx, MutableBytes into, After after, Waiter waiter) {
  return io.PollIo(
      cx, Direction::kRead, kUnknown, kReceive,
      [fd = io.fd(), into, after] { return sys::Recv(fd, into.data(), into.size(), Flags(after)); }, waiter);
}

Poll<StatusOr<size_t>> DatagramHandle::PollReceiveFrom(Context& cx, MutableBytes into, After after, RawAddress& from, bool& cut,
                                                       Waiter waiter) {
  return io.PollIo(
      cx, Direction::kRead, kUnknown, kReceive,
      [fd = io.fd(), into, after, &from, &cut] { return ReceiveOne(fd, into, after, from, cut); }, waiter);
}

StatusOr<size_t> DatagramHandle::TryReceive(MutableBytes into, After after) {
  return io.TryIo(Direction::kRead, kUnknown, kReceive,
                  [fd = io.fd(), into, after] { return sys::Recv(fd, into.data(), into.size(), Flags(after)); });
}

StatusOr<size_t> DatagramHandle::TryReceiveFrom(MutableBytes into, After after, RawAddress& from, bool& cut) {
  return io.TryIo(Direction::kRead, kUnknown, kReceive,
                  [fd = io.fd(), into, after, &from, &cut] { return ReceiveOne(fd, into, after, from, cut); });
}

}  // namespace kioto::net::internal
