// IpAddress and SocketAddress: where a socket is. Plain values: compare, hash, print, parse. No allocation, no name is
// ever looked up here (see resolve.h).
//
//   auto address = SocketAddress::Parse("[::1]:8080");
//   SocketAddress any(IpAddress::AnyV4(), 0);
#ifndef KIOTO_NET_ADDRESS_H_
#define KIOTO_NET_ADDRESS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"

struct sockaddr;
struct sockaddr_storage;

namespace kioto::net {

class IpAddress {
 public:
  using V4Bytes = std::array<uint8_t, 4>;
  using V6Bytes = std::array<uint8_t, 16>;

  constexpr IpAddress() = default;  // 0.0.0.0
  static constexpr IpAddress V4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) { return IpAddress(V4Bytes{a, b, c, d}); }
  explicit constexpr IpAddress(const V4Bytes& bytes) : bytes_{bytes[0], bytes[1], bytes[2], bytes[3]} {}
  explicit constexpr IpAddress(const V6Bytes& bytes) : bytes_(bytes), v6_(true) {}
  static constexpr IpAddress AnyV4() { return IpAddress(); }
  static constexpr IpAddress AnyV6() { return IpAddress(V6Bytes{}); }
  static constexpr IpAddress LoopbackV4() { return V4(127, 0, 0, 1); }
  static constexpr IpAddress LoopbackV6() { return IpAddress(V6Bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}); }

  // "127.0.0.1" or "::1": four decimal numbers without leading zeros, or the forms of RFC 4291; nothing else, no scope.
  static StatusOr<IpAddress> Parse(absl::string_view text);
  std::string ToString() const;

  constexpr bool is_v4() const { return !v6_; }
  constexpr bool is_v6() const { return v6_; }
  bool is_loopback() const;
  bool is_any() const { return bytes_ == V6Bytes{}; }
  V4Bytes v4_bytes() const { return {bytes_[0], bytes_[1], bytes_[2], bytes_[3]}; }  // is_v4() only
  const V6Bytes& v6_bytes() const { return bytes_; }                                 // is_v6() only

  friend bool operator==(const IpAddress& a, const IpAddress& b) { return a.v6_ == b.v6_ && a.bytes_ == b.bytes_; }
  friend bool operator!=(const IpAddress& a, const IpAddress& b) { return !(a == b); }
  friend bool operator<(const IpAddress& a, const IpAddress& b) {
    return a.v6_ != b.v6_ ? b.v6_ : a.bytes_ < b.bytes_;
  }
  template <class H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.v6_, a.bytes_);
  }
  template <class Sink>
  friend void AbslStringify(Sink& sink, const IpAddress& a) {
    sink.Append(a.ToString());
  }

 private:
  V6Bytes bytes_{};  // of a v4 address the first four, the rest is zero
  bool v6_ = false;
};

class SocketAddress {
 public:
  constexpr SocketAddress() = default;  // 0.0.0.0:0
  // The scope (interface number) tells apart link-local v6 addresses; 0: none.
  constexpr SocketAddress(IpAddress ip, uint16_t port, uint32_t scope_id = 0)
      : ip_(ip), scope_id_(ip.is_v6() ? scope_id : 0), port_(port) {}

  // "127.0.0.1:80", "[::1]:80", "[fe80::1%3]:80" (also with an interface's name). The port is a decimal number.
  static StatusOr<SocketAddress> Parse(absl::string_view text);
  // The same form, the scope as a number.
  std::string ToString() const;

  const IpAddress& ip() const { return ip_; }
  uint16_t port() const { return port_; }
  uint32_t scope_id() const { return scope_id_; }

  // From and to the kernel's form, byte by byte. `size` bytes at `address` are read, whatever its family claims.
  static StatusOr<SocketAddress> FromSockaddr(const void* address, size_t size);
  // Returns how many bytes of `storage` are used.
  size_t ToSockaddr(sockaddr_storage* storage) const;
  int family() const;  // AF_INET or AF_INET6

  friend bool operator==(const SocketAddress& a, const SocketAddress& b) {
    return a.port_ == b.port_ && a.scope_id_ == b.scope_id_ && a.ip_ == b.ip_;
  }
  friend bool operator!=(const SocketAddress& a, const SocketAddress& b) { return !(a == b); }
  friend bool operator<(const SocketAddress& a, const SocketAddress& b) {
    if (a.ip_ != b.ip_) return a.ip_ < b.ip_;
    return a.port_ != b.port_ ? a.port_ < b.port_ : a.scope_id_ < b.scope_id_;
  }
  template <class H>
  friend H AbslHashValue(H h, const SocketAddress& a) {
    return H::combine(std::move(h), a.ip_, a.port_, a.scope_id_);
  }
  template <class Sink>
  friend void AbslStringify(Sink& sink, const SocketAddress& a) {
    sink.Append(a.ToString());
  }

 private:
  IpAddress ip_;
  uint32_t scope_id_ = 0;
  uint16_t port_ = 0;
};

}  // namespace kioto::net

#endif  // KIOTO_NET_ADDRESS_H_
