#include "kioto/net/unix_address.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace kioto::net {
namespace {

constexpr size_t kPathAt = offsetof(sockaddr_un, sun_path);
constexpr size_t kLongest = sizeof(sockaddr_un) - kPathAt - 1;  // beside the NUL of a path, or in front of a name

Status CheckLength(absl::string_view name, const char* what) {
  if (name.empty()) return absl::InvalidArgumentError(absl::StrCat(what, ": empty"));
  if (name.size() <= kLongest) return OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", name.size(), " bytes, and ", kLongest, " are the most"));
}

}  // namespace

StatusOr<UnixAddress> UnixAddress::Path(absl::string_view path) {
  constexpr char kWhat[] = "net::UnixAddress::Path";
  if (Status status = CheckLength(path, kWhat); !status.ok()) return status;
  if (path.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat(kWhat, ": a NUL in ", absl::CHexEscape(path)));
  }
  return UnixAddress(Kind::kPath, path);
}

StatusOr<UnixAddress> UnixAddress::Abstract(absl::string_view name) {
  if (Status status = CheckLength(name, "net::UnixAddress::Abstract"); !status.ok()) return status;
  return UnixAddress(Kind::kAbstract, name);
}

std::string UnixAddress::ToString() const {
  switch (kind_) {
    case Kind::kPath:
      return name_;
    case Kind::kAbstract:
      return absl::StrCat("@", absl::CEscape(name_));
    case Kind::kUnnamed:
      break;
  }
  return "(unnamed)";
}

StatusOr<UnixAddress> UnixAddress::FromSockaddr(const void* address, size_t size) {
  if (size <= kPathAt) return UnixAddress();  // datagrams of unbound sockets have no address at all
  sockaddr_un native{};
  std::memcpy(&native, address, std::min(size, sizeof(native)));
  if (native.sun_family != AF_UNIX) return absl::InvalidArgumentError("net::UnixAddress: not an address of a Unix socket");
  const absl::string_view name(native.sun_path, std::min(size, sizeof(native)) - kPathAt);
  if (name[0] == '\0') return UnixAddress(Kind::kAbstract, name.substr(1));
  return UnixAddress(Kind::kPath, name.substr(0, name.find('\0')));
}

size_t UnixAddress::ToSockaddr(sockaddr_storage* storage) const {
  sockaddr_un native{};
  native.sun_family = AF_UNIX;
  const size_t front = kind_ == Kind::kAbstract ? 1 : 0;
  std::memcpy(native.sun_path + front, name_.data(), name_.size());
  std::memcpy(storage, &native, sizeof(native));
  if (kind_ == Kind::kUnnamed) return kPathAt;
  // With the NUL of a path, for which one of 108 bytes that the kernel gave has no room, or the one in front of a name.
  return std::min(kPathAt + 1 + name_.size(), sizeof(native));
}

}  // namespace kioto::net
