// DatagramFramed: a socket of datagrams as a stream of items and a sink of them; a codec (runtime/io/codec/codec.h) says what
// an item is.
//
//   net::DatagramFramed framed(std::move(socket), io::LinesCodec());           // or a std::shared_ptr of the socket
//   framed.Next()                                          // StatusOr<FromAddress<std::string, SocketAddress>>
//   framed.Send(net::ToAddress("a line", address))
//
// READING     One datagram may have many items; what is left of it when there is no further one is dropped. An item that is an
//             error of the codec drops its datagram, of which the codec then knows nothing any more (Reset); so does one that is
//             longer than 64 KiB, which is an error (IsLimitExceeded). The stream goes on, and so after an error of the socket.
//             It has no end.
//             Next() is CANCEL SAFE: yes.
// WRITING     One item is one datagram. It is sent by the next Feed, or Flush.
// Any thread; one task at a time reads, and one writes: two that share a socket may do so at once.
#ifndef KIOTO_NET_DATAGRAM_FRAMED_H_
#define KIOTO_NET_DATAGRAM_FRAMED_H_

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/net/datagram_socket.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/stream/stream_base.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/codec/codec.h"
#include "kioto/runtime/io/codec/sink.h"

namespace kioto::net {

template <class T, class Address>
struct FromAddress {
  T item;
  Address from;
};

template <class T, class Address>
struct ToAddress {
  ToAddress(T item, Address to) : item(std::move(item)), to(std::move(to)) {}

  T item;
  Address to;
};

namespace internal {

template <class S>
S& SocketOf(S& socket) {
  return socket;
}
template <class S>
S& SocketOf(std::shared_ptr<S>& socket) {
  return *socket;
}
template <class S>
const S& SocketOf(const std::shared_ptr<S>& socket) {
  return *socket;
}
template <class S>
using SocketTypeOf = std::remove_reference_t<decltype(SocketOf(std::declval<S&>()))>;
template <class S>
using AddressOf = decltype(SocketTypeOf<S>::Received::from);

}  // namespace internal

template <class S, class C, class Address = internal::AddressOf<S>, class Item = StatusOr<FromAddress<typename C::Item, Address>>>
class [[nodiscard]] DatagramFramed : public StreamBase<DatagramFramed<S, C>, Item>, public io::SinkBase<DatagramFramed<S, C>> {
 public:
  DatagramFramed(S socket, C codec) : socket_(std::move(socket)), codec_(std::move(codec)) {}

  Poll<std::optional<Item>> PollNext(Context& cx) {
    while (true) {
      if (!from_.has_value()) {
        const MutableBytes room = room_.Room(kLongestDatagram);
        auto received = internal::SocketOf(socket_).PollRecvFrom(cx, room);
        if (received.pending()) {
          room_.Release();
          return kPending;
        }
        if (!received->ok()) return std::optional<Item>(received->status());
        if ((*received)->cut) return std::optional<Item>(io::LimitExceededError("a datagram", kLongestDatagram));
        in_.Append(absl::string_view(room.data(), (*received)->size));  // in a block of its size: who keeps an item keeps that
        from_ = std::move((*received)->from);
      } else if (!cx.ConsumePartOfBudget()) {
        return kPending;
      }
      auto item = io::DecodeEof(codec_, in_);
      if (item.ok() && item->has_value()) return std::optional<Item>(FromAddress<typename C::Item, Address>{**std::move(item), *from_});
      in_ = ByteQueue();  // not to be written to again: items may be slices of it
      from_.reset();
      io::ResetDecoder(codec_);  // no part of the next one belongs to it
      if (!item.ok()) return std::optional<Item>(item.status());
    }
  }

  Poll<Status> PollReady(Context& cx) { return PollFlush(cx); }
  template <class T>
  Status StartSend(ToAddress<T, Address> item) {
    Status encoded = codec_.Encode(std::move(item.item), out_);
    if (encoded.ok()) to_ = std::move(item.to);
    return encoded;
  }
  // A datagram that the socket refuses is dropped.
  Poll<Status> PollFlush(Context& cx) {
    if (!to_.has_value()) return OkStatus();
    auto& socket = internal::SocketOf(socket_);
    Poll<StatusOr<size_t>> sent = tries_.Poll(cx, socket.handle_.io, [&] { return socket.PollSendTo(cx, out_.view(), *to_); });
    if (sent.pending()) return kPending;
    out_.Clear();
    to_.reset();
    return sent->status();
  }
  Poll<Status> PollClose(Context& cx) { return PollFlush(cx); }
  void Describe(WaitTrace& trace) const { trace.Node("DatagramFramed", internal::SocketOf(socket_)); }

  S& socket() { return socket_; }
  C& codec() { return codec_; }
  ByteQueue& read_buffer() { return in_; }
  S IntoInner() && { return std::move(socket_); }

 private:
  S socket_;
  C codec_;
  ByteQueue room_;               // where datagrams are received, while there are any
  ByteQueue in_;                 // what is left of the datagram
  std::optional<Address> from_;  // whose it is; none: there is no datagram
  ByteQueue out_;
  std::optional<Address> to_;  // where `out_` goes; none: there is no datagram
  typename internal::SocketTypeOf<S>::Tries tries_;
};

}  // namespace kioto::net

#endif  // KIOTO_NET_DATAGRAM_FRAMED_H_
