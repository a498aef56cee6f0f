#include "kioto/net/endpoint.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace kioto::net {
namespace {

// The longest name that DNS can carry, written with dots (RFC 1035). A longer one is refused, never cut: what is cut is
// another host's name.
constexpr size_t kMaxHost = 253;

Status BadHost(absl::string_view text, absl::string_view why) {
  constexpr size_t kShown = 80;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(text.substr(0, kShown)), "\" is not HOST:PORT: ", why));
}

bool ParsePort(absl::string_view text, uint16_t* port) {
  uint32_t value = 0;
  if (text.empty() || text.size() > 5) return false;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  *port = static_cast<uint16_t>(value);
  return value <= UINT16_MAX;
}

// Printable ASCII without spaces: DNS, hosts files and local names need no more, and no resolver has to be trusted with
// anything else. Names in other scripts come in their ASCII form (punycode).
bool IsHostName(absl::string_view host) {
  for (char c : host) {
    if (c <= ' ' || c > '~' || c == '/' || c == '@' || c == '[' || c == ']') return false;
  }
  return !host.empty();
}

}  // namespace

Endpoint::Endpoint(std::vector<SocketAddress> addresses) : addresses_(std::move(addresses)) {
  if (addresses_.empty()) status_ = absl::InvalidArgumentError("there is no address in the list");
}

void Endpoint::Set(absl::string_view host_and_port) {
  if (StatusOr<SocketAddress> literal = SocketAddress::Parse(host_and_port); literal.ok()) {
    addresses_ = {*literal};
    return;
  }
  const size_t colon = host_and_port.rfind(':');
  if (colon == absl::string_view::npos || host_and_port.back() == ']') {
    status_ = BadHost(host_and_port, "it has no port");
    return;
  }
  uint16_t port;
  if (!ParsePort(host_and_port.substr(colon + 1), &port)) {
    status_ = BadHost(host_and_port, "its port is not a number from 0 to 65535");
    return;
  }
  const absl::string_view host = host_and_port.substr(0, colon);
  if (host.empty()) {
    status_ = BadHost(host_and_port, "it has no host; write 0.0.0.0 or [::] for every address of this machine");
    return;
  }
  if (host.find_first_of(":[]") != absl::string_view::npos) {
    status_ = SocketAddress::Parse(host_and_port).status();
    return;
  }
  Set(host, port);
}

void Endpoint::Set(absl::string_view host, uint16_t port) {
  port_ = port;
  if (StatusOr<IpAddress> ip = IpAddress::Parse(host); ip.ok()) {
    addresses_ = {SocketAddress(*ip, port)};
  } else if (host.size() > kMaxHost) {
    status_ = BadHost(host, absl::StrCat("a host name has at most ", kMaxHost, " bytes, this one ", host.size()));
  } else if (!IsHostName(host)) {
    status_ = BadHost(host, "it has bytes that no host name has (names in other scripts are written in their xn-- form)");
  } else {
    host_ = std::string(host);
  }
}

std::string Endpoint::ToString() const {
  if (addresses_.empty()) return absl::StrCat(host_, ":", port_);
  return absl::StrJoin(addresses_, ", ", [](std::string* out, const SocketAddress& address) { out->append(address.ToString()); });
}

}  // namespace kioto::net
