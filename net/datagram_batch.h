// Batches of datagrams: what one call of the system brings or takes. For DatagramSocket::RecvBatch and SendBatch.
//
//   net::UdpBatch batch(/*most=*/32, /*longest=*/1500);
//   socket.RecvBatch(batch).AndThen([&](size_t& count) { ... batch[i].bytes(), batch[i].from ... });
//
//   net::UdpSocket::Outgoing answers[] = {{"one", a}, {"another", b}};
//   socket.SendBatch(answers).AndThen([&](size_t& count) { ... the first `count` are sent ... });
//
//   absl::Span<const net::UdpSocket::Outgoing> left = ...                           // all of a longer list, 32 a call
//   Loop([&] {
//     return If(left.empty(), Break, [&] { return socket.SendBatch(left).AndThen([&](size_t n) { left.remove_prefix(n); }); });
//   })
#ifndef KIOTO_NET_DATAGRAM_BATCH_H_
#define KIOTO_NET_DATAGRAM_BATCH_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kioto/runtime/io/buffer.h"

namespace kioto::net {

// So many datagrams go by one call. The list that the kernel is given lies on the stack: 8 KiB.
inline constexpr size_t kMostInBatch = 32;

template <class Address>
struct IncomingDatagram {
  absl::string_view bytes() const { return absl::string_view(into.data(), size); }

  MutableBytes into;  // memory for it; borrowed
  // What came, set by RecvBatch.
  size_t size = 0;  // bytes in that memory
  Address from{};
  bool cut = false;  // it was longer
};

template <class Address>
struct OutgoingDatagram {
  absl::string_view bytes;      // borrowed
  std::optional<Address> to{};  // none: whom the socket is connected to
};

// Memory for up to `most` datagrams, of up to `longest` bytes each. Owned, movable, not initialized.
template <class Address>
class DatagramBatch {
 public:
  using Incoming = IncomingDatagram<Address>;

  DatagramBatch(size_t most, size_t longest) : memory_(most * longest), incoming_(most) {
    for (size_t i = 0; i < most; ++i) incoming_[i].into = memory_.span().subspan(i * longest, longest);
  }

  size_t size() const { return incoming_.size(); }
  const Incoming& operator[](size_t i) const { return incoming_[i]; }
  operator absl::Span<Incoming>() & { return absl::MakeSpan(incoming_); }  // NOLINT: what RecvBatch wants

 private:
  Buffer memory_;
  std::vector<Incoming> incoming_;
};

}  // namespace kioto::net

#endif  // KIOTO_NET_DATAGRAM_BATCH_H_
