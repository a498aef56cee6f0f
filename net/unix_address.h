// UnixAddress: where a Unix socket is: a path, an abstract name (Linux), or nowhere. A plain value.
//
//   auto path = net::UnixAddress::Path("/run/app.sock");
//   auto name = net::UnixAddress::Abstract("app");
#ifndef KIOTO_NET_UNIX_ADDRESS_H_
#define KIOTO_NET_UNIX_ADDRESS_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"

struct sockaddr_storage;

namespace kioto::net {

class UnixAddress {
 public:
  UnixAddress() = default;  // nowhere: of a socket that was not bound
  // Errors: empty, longer than the system allows (107 bytes on Linux), a NUL inside.
  static StatusOr<UnixAddress> Path(absl::string_view path);
  // A name without a file, which goes with the socket; any bytes, 107 at most.
  static StatusOr<UnixAddress> Abstract(absl::string_view name);

  bool is_unnamed() const { return kind_ == Kind::kUnnamed; }
  // Null if it is not that.
  const std::string* path() const { return kind_ == Kind::kPath ? &name_ : nullptr; }
  const std::string* abstract_name() const { return kind_ == Kind::kAbstract ? &name_ : nullptr; }
  // The path, "@name", or "(unnamed)".
  std::string ToString() const;

  // From and to the kernel's form.
  static StatusOr<UnixAddress> FromSockaddr(const void* address, size_t size);
  size_t ToSockaddr(sockaddr_storage* storage) const;

  friend bool operator==(const UnixAddress& a, const UnixAddress& b) { return a.kind_ == b.kind_ && a.name_ == b.name_; }
  friend bool operator!=(const UnixAddress& a, const UnixAddress& b) { return !(a == b); }
  template <class H>
  friend H AbslHashValue(H h, const UnixAddress& a) {
    return H::combine(std::move(h), a.kind_, a.name_);
  }
  template <class Sink>
  friend void AbslStringify(Sink& sink, const UnixAddress& a) {
    sink.Append(a.ToString());
  }

 private:
  enum class Kind { kUnnamed, kPath, kAbstract };
  UnixAddress(Kind kind, absl::string_view name) : kind_(kind), name_(name) {}

  Kind kind_ = Kind::kUnnamed;
  std::string name_;
};

}  // namespace kioto::net

#endif  // KIOTO_NET_UNIX_ADDRESS_H_
