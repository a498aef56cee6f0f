// Endpoint: where to connect or bind: an address, several, or a name and a port. What Connect and Bind take; made implicitly.
//
//   net::TcpStream::Connect("example.org:80")     net::TcpListener::Bind(address)
//   net::TcpStream::Connect({host, 80})           net::TcpListener::Bind("[::]:8080")
//   net::TcpStream::Connect(addresses)            // a std::vector, tried as those of a name: what net::Resolve gave, say
//
// Making one fails never: what is wrong with it is said by the call that uses it.
#ifndef KIOTO_NET_ENDPOINT_H_
#define KIOTO_NET_ENDPOINT_H_

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "kioto/net/address.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/internal/poison.h"

namespace kioto::net {

class Endpoint {
 public:
  Endpoint(SocketAddress address) : addresses_{address} {}                                     // NOLINT
  Endpoint(std::vector<SocketAddress> addresses);                                              // NOLINT: not empty
  Endpoint(IpAddress ip, uint16_t port) : Endpoint(SocketAddress(ip, port)) {}                 // NOLINT
  Endpoint(absl::string_view host_and_port) { Set(host_and_port); }                            // NOLINT: "host:80"
  Endpoint(const char* host_and_port) : Endpoint(absl::string_view(host_and_port)) {}          // NOLINT
  Endpoint(const std::string& host_and_port) : Endpoint(absl::string_view(host_and_port)) {}   // NOLINT
  // The host without port and without brackets.
  Endpoint(absl::string_view host, uint16_t port) { Set(host, port); }                         // NOLINT
  template <class Port, std::enable_if_t<std::is_integral_v<Port>, int> = 0>
  Endpoint(Port) {  // NOLINT: refused
    static_assert(kioto::internal::kAlwaysFalse<Port>,
                  "kioto: a port alone is no endpoint: write the address too, 0.0.0.0:8080 for every one of this machine");
  }

  // Addresses that need no look-up.
  const std::vector<SocketAddress>& addresses() const& { return addresses_; }
  std::vector<SocketAddress> addresses() && { return std::move(addresses_); }
  // Else the name to look up, and its port; or what is wrong with it.
  const Status& status() const { return status_; }
  const std::string& host() const { return host_; }
  uint16_t port() const { return port_; }

  // As it was given.
  std::string ToString() const;

 private:
  void Set(absl::string_view host_and_port);
  void Set(absl::string_view host, uint16_t port);

  std::vector<SocketAddress> addresses_;
  Status status_;
  std::string host_;
  uint16_t port_ = 0;
};

}  // namespace kioto::net

#endif  // KIOTO_NET_ENDPOINT_H_
