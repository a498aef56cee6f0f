#include "kioto/net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace kioto::net {
namespace {

// The longest text of a v6 address with its terminating NUL.
constexpr size_t kMaxIpText = INET6_ADDRSTRLEN;

Status BadAddress(absl::string_view text, absl::string_view why) {
  constexpr size_t kShown = 80;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(text.substr(0, kShown)), "\" is not a socket address: ", why));
}

// Decimal digits only: no sign, no space, no empty text.
bool ParseNumber(absl::string_view text, uint32_t most, uint32_t* value) {
  uint64_t sum = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    sum = sum * 10 + static_cast<uint64_t>(c - '0');
    if (sum > most) return false;
  }
  *value = static_cast<uint32_t>(sum);
  return !text.empty();
}

// A C string of `text` in `out`; false if it does not fit or holds a NUL.
template <size_t kSize>
bool CString(absl::string_view text, char (&out)[kSize]) {
  if (text.size() >= kSize || text.find('\0') != absl::string_view::npos) return false;
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  out[text.size()] = '\0';
  return true;
}

bool ParseScope(absl::string_view text, uint32_t* scope) {
  if (ParseNumber(text, UINT32_MAX, scope)) return true;
  char name[IF_NAMESIZE];
  if (text.empty() || !CString(text, name)) return false;
  *scope = if_nametoindex(name);
  return *scope != 0;
}

}  // namespace

StatusOr<IpAddress> IpAddress::Parse(absl::string_view text) {
  char copy[kMaxIpText];
  if (CString(text, copy)) {
    V4Bytes v4;
    if (inet_pton(AF_INET, copy, v4.data()) == 1) return IpAddress(v4);
    V6Bytes v6;
    if (inet_pton(AF_INET6, copy, v6.data()) == 1) return IpAddress(v6);
  }
  return BadAddress(text, "it is neither four numbers with dots nor an IPv6 address");
}

std::string IpAddress::ToString() const {
  char text[kMaxIpText];
  const char* written = inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes_.data(), text, sizeof(text));
  return written != nullptr ? written : "";
}

bool IpAddress::is_loopback() const { return v6_ ? *this == LoopbackV6() : bytes_[0] == 127; }

StatusOr<SocketAddress> SocketAddress::Parse(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return BadAddress(text, "it has no port; write HOST:PORT");
  uint32_t port;
  if (!ParseNumber(text.substr(colon + 1), UINT16_MAX, &port)) {
    return BadAddress(text, "its port is not a number from 0 to 65535");
  }
  absl::string_view host = text.substr(0, colon);
  const bool brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  uint32_t scope = 0;
  if (brackets) {
    host = host.substr(1, host.size() - 2);
    const size_t percent = host.find('%');
    if (percent != absl::string_view::npos) {
      if (!ParseScope(host.substr(percent + 1), &scope)) return BadAddress(text, "its scope is no interface of this machine");
      host = host.substr(0, percent);
    }
  }
  StatusOr<IpAddress> ip = IpAddress::Parse(host);
  if (!ip.ok()) return BadAddress(text, "its host is not an IP address");
  if (ip->is_v6() != brackets) {
    return BadAddress(text, brackets ? "only an IPv6 address stands in brackets" : "an IPv6 address must stand in brackets");
  }
  return SocketAddress(*ip, static_cast<uint16_t>(port), scope);
}

std::string SocketAddress::ToString() const {
  if (ip_.is_v4()) return absl::StrCat(ip_.ToString(), ":", port_);
  if (scope_id_ != 0) return absl::StrCat("[", ip_.ToString(), "%", scope_id_, "]:", port_);
  return absl::StrCat("[", ip_.ToString(), "]:", port_);
}

int SocketAddress::family() const { return ip_.is_v4() ? AF_INET : AF_INET6; }

StatusOr<SocketAddress> SocketAddress::FromSockaddr(const void* address, size_t size) {
  sa_family_t family = AF_UNSPEC;
  if (size >= offsetof(sockaddr, sa_family) + sizeof(family)) {
    std::memcpy(&family, static_cast<const char*>(address) + offsetof(sockaddr, sa_family), sizeof(family));
  }
  if (family == AF_INET && size >= sizeof(sockaddr_in)) {
    sockaddr_in in;
    std::memcpy(&in, address, sizeof(in));
    IpAddress::V4Bytes bytes;
    std::memcpy(bytes.data(), &in.sin_addr, sizeof(bytes));
    return SocketAddress(IpAddress(bytes), ntohs(in.sin_port));
  }
  if (family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in6;
    std::memcpy(&in6, address, sizeof(in6));
    IpAddress::V6Bytes bytes;
    std::memcpy(bytes.data(), &in6.sin6_addr, sizeof(bytes));
    return SocketAddress(IpAddress(bytes), ntohs(in6.sin6_port), in6.sin6_scope_id);
  }
  return absl::InvalidArgumentError(absl::StrCat("the kernel's address of family ", family, " and ", size,
                                                 " bytes is neither IPv4 nor IPv6"));
}

size_t SocketAddress::ToSockaddr(sockaddr_storage* storage) const {
  std::memset(storage, 0, sizeof(*storage));
  if (ip_.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port_);
    const IpAddress::V4Bytes bytes = ip_.v4_bytes();
    std::memcpy(&in.sin_addr, bytes.data(), bytes.size());
    std::memcpy(storage, &in, sizeof(in));
    return sizeof(in);
  }
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port_);
  in6.sin6_scope_id = scope_id_;
  std::memcpy(&in6.sin6_addr, ip_.v6_bytes().data(), sizeof(in6.sin6_addr));
  std::memcpy(storage, &in6, sizeof(in6));
  return sizeof(in6);
}

}  // namespace kioto::net
