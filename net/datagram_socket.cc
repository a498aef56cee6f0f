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
constexpr char kSendBatch[] = "sending datagrams";
constexpr char kReceiveBatch[] = "receiving datagrams";

// What follows says nothing of what is there: a datagram is short for reasons of its own.
constexpr size_t kUnknown = 0;

int Flags(After after) { return after == After::kStays ? MSG_PEEK : 0; }

ssize_t SendOne(int fd, absl::string_view bytes, const RawAddress* to) {
  if (to == nullptr) return sys::Send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return sys::Sendto(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(to->bytes),
                     static_cast<socklen_t>(to->size));
}

ssize_t ReceiveOne(int fd, MutableBytes into, After after, RawAddress& from, bool& cut) {
  socklen_t size = RawAddress::kMost;
  const ssize_t result =
      sys::Recvfrom(fd, into.data(), into.size(), Flags(after), reinterpret_cast<sockaddr*>(from.bytes), &size, &cut);
  from.size = std::min<size_t>(size, RawAddress::kMost);
  return result;
}

// What the kernel is given of a batch.
struct Messages {
  explicit Messages(RawBatch& batch) {
    for (size_t i = 0; i < batch.count; ++i) {
      RawBatch::Item& item = batch.items[i];
      parts[i] = {item.data, item.size};
      list[i] = {};
      list[i].msg_hdr.msg_iov = &parts[i];
      list[i].msg_hdr.msg_iovlen = 1;
    }
  }
  void SetAddress(size_t i, RawAddress& address, size_t size) {
    list[i].msg_hdr.msg_name = address.bytes;
    list[i].msg_hdr.msg_namelen = static_cast<socklen_t>(size);
  }

  iovec parts[kMostInBatch];
  sys::Message list[kMostInBatch];
};

int SendMany(int fd, RawBatch& batch) {
  Messages messages(batch);
  for (size_t i = 0; i < batch.count; ++i) {
    RawAddress& to = batch.items[i].address;
    if (to.size != 0) messages.SetAddress(i, to, to.size);
  }
  return sys::Sendmmsg(fd, messages.list, static_cast<unsigned int>(batch.count), MSG_NOSIGNAL);
}

int ReceiveMany(int fd, RawBatch& batch) {
  Messages messages(batch);
  for (size_t i = 0; i < batch.count; ++i) messages.SetAddress(i, batch.items[i].address, RawAddress::kMost);
  const int count = sys::Recvmmsg(fd, messages.list, static_cast<unsigned int>(batch.count), 0);
  for (int i = 0; i < count; ++i) {
    RawBatch::Item& item = batch.items[i];
    const sys::Message& message = messages.list[i];
    item.size = message.msg_len;
    item.address.size = std::min<size_t>(message.msg_hdr.msg_namelen, RawAddress::kMost);
    item.cut = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
  }
  return count;
}

// "Not now" is said by IsEmpty for receiving and by IsFull for sending.
StatusOr<size_t> EmptyMeansFull(StatusOr<size_t> sent) {
  if (!sent.ok() && IsEmpty(sent.status())) return FullError();
  return sent;
}

// What is ready without a system call counts as any other leaf.
Poll<StatusOr<size_t>> ReadyWithNothing(Context& cx) {
  if (!cx.ConsumeBudget()) return kPending;
  return StatusOr<size_t>(0);
}

}  // namespace

Poll<StatusOr<size_t>> DatagramHandle::PollSend(Context& cx, absl::string_view bytes, const RawAddress* to, Waiter waiter) {
  return io.PollIo(
      cx, Direction::kWrite, kUnknown, kSend, [fd = io.fd(), bytes, to] { return SendOne(fd, bytes, to); }, waiter);
}

StatusOr<size_t> DatagramHandle::TrySend(absl::string_view bytes, const RawAddress* to) {
  return EmptyMeansFull(
      io.TryIo(Direction::kWrite, kUnknown, kSend, [fd = io.fd(), bytes, to] { return SendOne(fd, bytes, to); }));
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

Poll<StatusOr<size_t>> DatagramHandle::PollSendBatch(Context& cx, RawBatch& batch, Waiter waiter) {
  if (batch.count == 0) return ReadyWithNothing(cx);
  // Fewer than there are proves nothing: one that is refused ends the batch as a lack of room does.
  return io.PollIo(
      cx, Direction::kWrite, kUnknown, kSendBatch, [fd = io.fd(), &batch] { return SendMany(fd, batch); }, waiter);
}

StatusOr<size_t> DatagramHandle::TrySendBatch(RawBatch& batch) {
  if (batch.count == 0) return 0;
  return EmptyMeansFull(
      io.TryIo(Direction::kWrite, kUnknown, kSendBatch, [fd = io.fd(), &batch] { return SendMany(fd, batch); }));
}

// Fewer than there is memory for: there are no more, or there is an error, of which its own event has told, or will.
Poll<StatusOr<size_t>> DatagramHandle::PollReceiveBatch(Context& cx, RawBatch& batch, Waiter waiter) {
  if (batch.count == 0) return ReadyWithNothing(cx);
  return io.PollIo(
      cx, Direction::kRead, batch.count, kReceiveBatch, [fd = io.fd(), &batch] { return ReceiveMany(fd, batch); }, waiter);
}

StatusOr<size_t> DatagramHandle::TryReceiveBatch(RawBatch& batch) {
  if (batch.count == 0) return 0;
  return io.TryIo(Direction::kRead, batch.count, kReceiveBatch,
                  [fd = io.fd(), &batch] { return ReceiveMany(fd, batch); });
}

}  // namespace kioto::net::internal
