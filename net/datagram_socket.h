// DatagramSocket: what UdpSocket and UnixDatagram have in common: whole datagrams, in and out. (UnixSeqpacket has a part of it.)
//
// Any number of tasks may send and receive at once through one socket: share it by reference, or by std::shared_ptr. The
// futures borrow the socket; bytes are borrowed from a view and owned from a string that is moved in. Any thread.
// A datagram that is longer than the memory given for it is cut, and the rest is lost: ReceivedFrom::cut says so.
// A datagram may be empty: 0 bytes are no end. One that is too long to be sent is an error with the errno EMSGSIZE.
#ifndef KIOTO_NET_DATAGRAM_SOCKET_H_
#define KIOTO_NET_DATAGRAM_SOCKET_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kioto/net/datagram_batch.h"
#include "kioto/net/io_future.h"
#include "kioto/net/socket_options.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/io/async_io.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/fd_result.h"
#include "kioto/runtime/io/write.h"

struct sockaddr_storage;

namespace kioto::net {

// What came, and from whom.
template <class Address>
struct ReceivedFrom {
  size_t size = 0;  // bytes in the memory given
  Address from;
  bool cut = false;  // it was longer
};

template <class Address>
struct Datagram {
  std::string bytes;
  Address from;
  bool cut = false;
};

// Longer than any datagram of UDP.
inline constexpr size_t kLongestDatagram = 65536;

namespace internal {

struct RawAddress {
  static constexpr size_t kMost = 128;
  sockaddr_storage* storage() { return reinterpret_cast<sockaddr_storage*>(bytes); }

  alignas(8) unsigned char bytes[kMost];
  size_t size = 0;
};

// What DatagramHandle is told of a batch: the first `count` are there.
struct RawBatch {
  struct Item {
    char* data;  // only read when it is sent
    size_t size;
    RawAddress address;  // size 0: none
    bool cut;
  };
  Item items[kMostInBatch];
  size_t count = 0;
};

// Whether a datagram that was read is gone.
enum class After { kGone, kStays };

class DatagramHandle {
 public:
  using Waiter = kioto::internal::IoWaiter*;
  explicit DatagramHandle(kioto::internal::IoHandle handle) : io(std::move(handle)) {}

  Poll<StatusOr<size_t>> PollSend(Context& cx, absl::string_view bytes, const RawAddress* to, Waiter waiter);
  StatusOr<size_t> TrySend(absl::string_view bytes, const RawAddress* to);
  Poll<StatusOr<size_t>> PollReceive(Context& cx, MutableBytes into, After after, Waiter waiter);
  Poll<StatusOr<size_t>> PollReceiveFrom(Context& cx, MutableBytes into, After after, RawAddress& from, bool& cut,
                                         Waiter waiter);
  StatusOr<size_t> TryReceive(MutableBytes into, After after);
  StatusOr<size_t> TryReceiveFrom(MutableBytes into, After after, RawAddress& from, bool& cut);
  // These give how many of the batch; 0 for an empty one.
  Poll<StatusOr<size_t>> PollSendBatch(Context& cx, RawBatch& batch, Waiter waiter);
  StatusOr<size_t> TrySendBatch(RawBatch& batch);
  Poll<StatusOr<size_t>> PollReceiveBatch(Context& cx, RawBatch& batch, Waiter waiter);
  StatusOr<size_t> TryReceiveBatch(RawBatch& batch);

  kioto::internal::IoHandle io;
};

}  // namespace internal

template <class Self, class Address>
class DatagramSocket {
 public:
  using Waiter = internal::DatagramHandle::Waiter;
  using Received = ReceivedFrom<Address>;
  using Incoming = IncomingDatagram<Address>;
  using Outgoing = OutgoingDatagram<Address>;

  int fd() const { return handle_.io.fd(); }

  // --- Sending one datagram, whole or not at all. Output: StatusOr<size_t>, all its bytes. CANCEL SAFE: yes. ---

  // To the address that the socket is connected to.
  auto Send(absl::string_view bytes) {
    return Wait("Send", [bytes](Self& s, Context& cx, Waiter waiter) { return s.PollSend(cx, bytes, waiter); });
  }
  template <class S, io::internal::IfString<S> = 0>
  auto Send(S&& bytes) {
    return Wait("Send", [bytes = std::move(bytes)](Self& s, Context& cx, Waiter waiter) {
      return s.PollSend(cx, bytes, waiter);
    });
  }
  // To a Unix socket whose queue others have filled: when there is room is told only to who is connected to it, so others try
  // again, every 100 ms at the latest. (Writable, and the polls below, say that there is room all the time: pause between two.)
  auto SendTo(absl::string_view bytes, const Address& to) {
    return Wait("SendTo", [bytes, to, tries = typename Self::Tries()](Self& s, Context& cx, Waiter waiter) mutable {
      return tries.Poll(cx, s.handle_.io, [&] { return s.PollSendTo(cx, bytes, to, waiter); });
    });
  }
  template <class S, io::internal::IfString<S> = 0>
  auto SendTo(S&& bytes, const Address& to) {
    return Wait("SendTo", [bytes = std::move(bytes), to, tries = typename Self::Tries()](Self& s, Context& cx, Waiter waiter) mutable {
      return tries.Poll(cx, s.handle_.io, [&] { return s.PollSendTo(cx, bytes, to, waiter); });
    });
  }
  // At once: IsFull when there is no room.
  StatusOr<size_t> TrySend(absl::string_view bytes) { return handle_.TrySend(bytes, nullptr); }
  StatusOr<size_t> TrySendTo(absl::string_view bytes, const Address& to) {
    internal::RawAddress raw;
    raw.size = to.ToSockaddr(raw.storage());
    StatusOr<size_t> sent = handle_.TrySend(bytes, &raw);
    if (!sent.ok()) return NotSent(sent.status(), to);
    return sent;
  }

  // --- Receiving one datagram. Peek… leaves it there. CANCEL SAFE: yes. ---

  // Output: StatusOr<size_t>. What is longer than `into` is cut, silently.
  auto Recv(MutableBytes into) {
    return Wait("Recv", [into](Self& s, Context& cx, Waiter waiter) { return s.PollRecv(cx, into, waiter); });
  }
  // At the end of `queue`, which makes `room` for it.
  auto Recv(ByteQueue& queue, size_t room = kLongestDatagram) {
    return Wait("Recv", [&queue, room](Self& s, Context& cx, Waiter waiter) {
      Poll<StatusOr<size_t>> size = s.PollRecv(cx, queue.Room(room), waiter);
      if (size.ready() && size->ok()) queue.Commit(**size);
      return size;
    });
  }
  auto Peek(MutableBytes into) {
    return Wait("Peek", [into](Self& s, Context& cx, Waiter waiter) { return s.PollPeek(cx, into, waiter); });
  }
  // Output: StatusOr<ReceivedFrom<Address>>. Who is said to have sent it may not be who did.
  auto RecvFrom(MutableBytes into) {
    return Wait("RecvFrom", [into](Self& s, Context& cx, Waiter waiter) { return s.PollRecvFrom(cx, into, waiter); });
  }
  auto RecvFrom(ByteQueue& queue, size_t room = kLongestDatagram) {
    return Wait("RecvFrom", [&queue, room](Self& s, Context& cx, Waiter waiter) {
      Poll<StatusOr<Received>> received = s.PollRecvFrom(cx, queue.Room(room), waiter);
      if (received.ready() && received->ok()) queue.Commit((*received)->size);
      return received;
    });
  }
  // Output: StatusOr<Datagram<Address>>, which owns its bytes.
  auto RecvDatagram(size_t longest = kLongestDatagram) {
    using Output = StatusOr<Datagram<Address>>;
    return Wait("RecvDatagram", [longest, buf = Buffer()](Self& s, Context& cx, Waiter waiter) mutable -> Poll<Output> {
      if (buf.size() < longest) buf = Buffer(longest);
      Poll<StatusOr<Received>> got = s.PollRecvFrom(cx, buf.span(), waiter);
      if (got.pending()) return kPending;
      if (!got->ok()) return got->status();
      return Output({std::string(buf.first((*got)->size)), std::move((*got)->from), (*got)->cut});
    });
  }
  auto PeekFrom(MutableBytes into) {
    return Wait("PeekFrom", [into](Self& s, Context& cx, Waiter waiter) { return s.PollPeekFrom(cx, into, waiter); });
  }
  // Output: StatusOr<Address>.
  auto PeekSender() {
    return Wait("PeekSender", [](Self& s, Context& cx, Waiter waiter) { return s.PollPeekSender(cx, waiter); });
  }
  // At once: IsEmpty when there is none.
  StatusOr<size_t> TryRecv(MutableBytes into) { return handle_.TryReceive(into, internal::After::kGone); }
  StatusOr<size_t> TryRecv(ByteQueue& queue, size_t room = kLongestDatagram) {
    StatusOr<size_t> size = TryRecv(queue.Room(room));
    if (size.ok()) queue.Commit(*size);
    return size;
  }
  StatusOr<size_t> TryPeek(MutableBytes into) { return handle_.TryReceive(into, internal::After::kStays); }
  StatusOr<Received> TryRecvFrom(MutableBytes into) { return TryFrom(into, internal::After::kGone); }
  StatusOr<Received> TryRecvFrom(ByteQueue& queue, size_t room = kLongestDatagram) {
    StatusOr<Received> received = TryRecvFrom(queue.Room(room));
    if (received.ok()) queue.Commit(received->size);
    return received;
  }
  StatusOr<Received> TryPeekFrom(MutableBytes into) { return TryFrom(into, internal::After::kStays); }
  StatusOr<Address> TryPeekSender() {
    StatusOr<Received> received = TryPeekFrom(MutableBytes());
    if (!received.ok()) return received.status();
    return std::move(received->from);
  }

  // --- Batches: one call of the system, for kMostInBatch at most. Output: StatusOr<size_t>, how many. CANCEL SAFE: yes. ---

  // Waits for one datagram and takes as many as are there: so many of `into` are set, in the order in which they came. `into`
  // is borrowed. 0: it is empty. An error after the first datagram is the next call's (of the portable build: nobody's).
  auto RecvBatch(absl::Span<Incoming> into) {
    return Wait("RecvBatch", [into](Self& s, Context& cx, Waiter waiter) { return s.PollRecvBatch(cx, into, waiter); });
  }
  // Waits until one can be sent and sends as many as can be, from the first on, each whole: never more than kMostInBatch, so go
  // on with what is left (datagram_batch.h shows how). 0: there are none. One that is
  // refused ends the batch: if it is not the first, its error is that of the next call that begins with it. But what a connected
  // socket is told of an earlier datagram (ECONNREFUSED) may end a batch and be lost with it. A list that is not moved in is
  // borrowed; the bytes are in any case.
  auto SendBatch(absl::Span<const Outgoing> datagrams) {
    return Wait("SendBatch", [datagrams, tries = typename Self::Tries()](Self& s, Context& cx, Waiter waiter) mutable {
      return tries.Poll(cx, s.handle_.io, [&] { return s.PollSendBatch(cx, datagrams, waiter); });
    });
  }
  auto SendBatch(std::vector<Outgoing>&& datagrams) {
    return Wait("SendBatch", [datagrams = std::move(datagrams), tries = typename Self::Tries()](Self& s, Context& cx, Waiter waiter) mutable {
      return tries.Poll(cx, s.handle_.io, [&] { return s.PollSendBatch(cx, datagrams, waiter); });
    });
  }
  // At once: IsEmpty when there is none, IsFull when there is no room.
  StatusOr<size_t> TryRecvBatch(absl::Span<Incoming> into) {
    internal::RawBatch raw;
    Fill(raw, into);
    return Judge(handle_.TryReceiveBatch(raw), raw, into);
  }
  StatusOr<size_t> TrySendBatch(absl::Span<const Outgoing> datagrams) {
    internal::RawBatch raw;
    Fill(raw, datagrams);
    StatusOr<size_t> count = handle_.TrySendBatch(raw);
    if (!count.ok() && datagrams[0].to.has_value()) return NotSent(count.status(), *datagrams[0].to);
    return count;
  }

  // --- Readiness. Stays until an operation finds nothing; may be spurious. Output: StatusOr<Readiness>. CANCEL SAFE: yes. ---

  auto Readable() {
    return Wait("Readable", [](Self& s, Context& cx, Waiter waiter) {
      return internal::PollReady(s.handle_.io, cx, kioto::internal::Direction::kRead, waiter);
    });
  }
  auto Writable() {
    return Wait("Writable", [](Self& s, Context& cx, Waiter waiter) {
      return internal::PollReady(s.handle_.io, cx, kioto::internal::Direction::kWrite, waiter);
    });
  }
  // For one of the two, or both.
  auto Ready() {
    return Wait("Ready", [](Self& s, Context& cx, Waiter waiter) {
      return internal::PollEitherReady(s.handle_.io, cx, *waiter);
    });
  }

  // --- System calls of the user's on the fd, as recvmsg for control messages, time stamps or the error queue. `fn` is as
  // io::AsyncFd's: it gives Status, StatusOr<T> or a number, and has done nothing if that says EAGAIN. ---

  // Calls `fn` when the socket is ready, until it gives something else than EAGAIN. CANCEL SAFE: as `fn`.
  template <class Fn>
  io::AsyncIoFuture<Self, Fn> AsyncIo(Interest interest, Fn fn) {
    return {self(), handle_.io, interest, std::move(fn)};
  }
  // At once: IsEmpty if the socket is not ready, as far as is known (then `fn` is not called), or if `fn` gives EAGAIN.
  template <class Fn>
  typename io::internal::FdResultOf<Fn>::Output TryIo(Interest interest, Fn fn) {
    return io::internal::TryIo(handle_.io, interest, fn);
  }

  // --- For one poll. Without a waiter of its own, one task per direction at a time. ---

  Poll<StatusOr<size_t>> PollSend(Context& cx, absl::string_view bytes, Waiter waiter = nullptr) {
    return handle_.PollSend(cx, bytes, nullptr, waiter);
  }
  Poll<StatusOr<size_t>> PollSendTo(Context& cx, absl::string_view bytes, const Address& to, Waiter waiter = nullptr) {
    internal::RawAddress raw;
    raw.size = to.ToSockaddr(raw.storage());
    Poll<StatusOr<size_t>> sent = handle_.PollSend(cx, bytes, &raw, waiter);
    if (sent.ready() && !sent->ok()) return NotSent(sent->status(), to);
    return sent;
  }
  Poll<StatusOr<size_t>> PollRecv(Context& cx, MutableBytes into, Waiter waiter = nullptr) {
    return handle_.PollReceive(cx, into, internal::After::kGone, waiter);
  }
  Poll<StatusOr<size_t>> PollPeek(Context& cx, MutableBytes into, Waiter waiter = nullptr) {
    return handle_.PollReceive(cx, into, internal::After::kStays, waiter);
  }
  Poll<StatusOr<Received>> PollRecvFrom(Context& cx, MutableBytes into, Waiter waiter = nullptr) {
    return PollFrom(cx, into, internal::After::kGone, waiter);
  }
  Poll<StatusOr<Received>> PollPeekFrom(Context& cx, MutableBytes into, Waiter waiter = nullptr) {
    return PollFrom(cx, into, internal::After::kStays, waiter);
  }
  Poll<StatusOr<Address>> PollPeekSender(Context& cx, Waiter waiter = nullptr) {
    Poll<StatusOr<Received>> received = PollPeekFrom(cx, MutableBytes(), waiter);
    if (received.pending()) return kPending;
    if (!received->ok()) return received->status();
    return StatusOr<Address>(std::move((*received)->from));
  }
  Poll<StatusOr<size_t>> PollRecvBatch(Context& cx, absl::Span<Incoming> into, Waiter waiter = nullptr) {
    internal::RawBatch raw;
    Fill(raw, into);
    Poll<StatusOr<size_t>> count = handle_.PollReceiveBatch(cx, raw, waiter);
    if (count.pending()) return kPending;
    return Judge(*std::move(count), raw, into);
  }
  Poll<StatusOr<size_t>> PollSendBatch(Context& cx, absl::Span<const Outgoing> datagrams, Waiter waiter = nullptr) {
    internal::RawBatch raw;
    Fill(raw, datagrams);
    Poll<StatusOr<size_t>> count = handle_.PollSendBatch(cx, raw, waiter);
    if (count.ready() && !count->ok() && datagrams[0].to.has_value()) return NotSent(count->status(), *datagrams[0].to);
    return count;
  }
  Poll<StatusOr<Readiness>> PollReadable(Context& cx) {
    return internal::PollReady(handle_.io, cx, kioto::internal::Direction::kRead, nullptr);
  }
  Poll<StatusOr<Readiness>> PollWritable(Context& cx) {
    return internal::PollReady(handle_.io, cx, kioto::internal::Direction::kWrite, nullptr);
  }
  // For dumps: "UdpSocket fd 12 127.0.0.1:53", the peer's address if it is connected, else its own.
  void Describe(WaitTrace& trace) const {
    const Self& socket = static_cast<const Self&>(*this);
    StatusOr<Address> address = socket.peer_address();
    if (!address.ok()) address = socket.local_address();
    trace.Leaf(absl::StrCat(Self::kKind, " fd ", fd(), address.ok() ? " " : "", address.ok() ? address->ToString() : ""));
  }

 protected:
  explicit DatagramSocket(kioto::internal::IoHandle handle) : handle_(std::move(handle)) {}
  DatagramSocket(DatagramSocket&&) noexcept = default;
  DatagramSocket& operator=(DatagramSocket&&) noexcept = default;
  ~DatagramSocket() = default;

  template <class S, class C, class A, class Item>
  friend class DatagramFramed;

  internal::DatagramHandle handle_;
  Self& self() { return static_cast<Self&>(*this); }
  // What `step(Self&, Context&, Waiter)` waits for; `name`, a literal, is for dumps.
  template <class Step>
  internal::IoFuture<Self, Step> Wait(const char* name, Step step) {
    return internal::IoFuture<Self, Step>(self(), name, std::move(step));
  }

 private:
  // Names whom, if it is the system that has refused.
  static Status NotSent(const Status& status, const Address& to) {
    const int error = ErrnoOf(status);
    if (error == 0) return status;
    return ErrnoStatus(error, absl::StrCat("sending a datagram to ", to.ToString(), Self::WhyNotSent(error)));
  }
  static StatusOr<Received> Judge(const StatusOr<size_t>& size, internal::RawAddress& raw, bool cut) {
    if (!size.ok()) return size.status();
    StatusOr<Address> from = Address::FromSockaddr(raw.storage(), raw.size);
    if (!from.ok()) return from.status();
    return Received{*size, *std::move(from), cut};
  }
  static StatusOr<size_t> Judge(StatusOr<size_t> count, internal::RawBatch& raw, absl::Span<Incoming> into) {
    for (size_t i = 0; count.ok() && i < *count; ++i) {
      internal::RawBatch::Item& item = raw.items[i];
      StatusOr<Address> from = Address::FromSockaddr(item.address.storage(), item.address.size);
      if (!from.ok()) return from.status();
      into[i].size = item.size;
      into[i].from = *std::move(from);
      into[i].cut = item.cut;
    }
    return count;
  }
  static void Fill(internal::RawBatch& raw, absl::Span<Incoming> into) {
    for (const Incoming& incoming : into.subspan(0, kMostInBatch)) {
      internal::RawBatch::Item& item = raw.items[raw.count++];
      item.data = incoming.into.data();
      item.size = incoming.into.size();
    }
  }
  static void Fill(internal::RawBatch& raw, absl::Span<const Outgoing> datagrams) {
    for (const Outgoing& outgoing : datagrams.subspan(0, kMostInBatch)) {
      internal::RawBatch::Item& item = raw.items[raw.count++];
      item.data = const_cast<char*>(outgoing.bytes.data());
      item.size = outgoing.bytes.size();
      if (outgoing.to.has_value()) item.address.size = outgoing.to->ToSockaddr(item.address.storage());
    }
  }
  Poll<StatusOr<Received>> PollFrom(Context& cx, MutableBytes into, internal::After after, Waiter waiter) {
    internal::RawAddress raw;
    bool cut = false;
    Poll<StatusOr<size_t>> size = handle_.PollReceiveFrom(cx, into, after, raw, cut, waiter);
    if (size.pending()) return kPending;
    return Judge(*size, raw, cut);
  }
  StatusOr<Received> TryFrom(MutableBytes into, internal::After after) {
    internal::RawAddress raw;
    bool cut = false;
    return Judge(handle_.TryReceiveFrom(into, after, raw, cut), raw, cut);
  }
};

}  // namespace kioto::net

#endif  // KIOTO_NET_DATAGRAM_SOCKET_H_
