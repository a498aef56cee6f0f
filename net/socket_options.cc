#include "kioto/net/socket_options.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/driver/thread_context.h"

namespace kioto::net::internal {
namespace {

namespace sys = base::sys;

int ClampToInt(int64_t value) { return static_cast<int>(std::clamp<int64_t>(value, 0, INT_MAX)); }

template <int (*kCall)(int, sockaddr*, socklen_t*)>
StatusOr<SocketAddress> AddressBy(int fd, const char* what) {
  sockaddr_storage storage;
  socklen_t size = sizeof(storage);
  const int result = kCall(fd, reinterpret_cast<sockaddr*>(&storage), &size);  // the one cast that the call demands
  if (result < 0) return ErrnoStatus(result, what);
  return SocketAddress::FromSockaddr(&storage, std::min<size_t>(size, sizeof(storage)));
}

// What a socket is, and who takes one over, in the order of SocketKind.
struct KindOfSocket {
  bool unix_family;
  int type;
  const char* name;
  const char* takers;
};
constexpr KindOfSocket kKinds[] = {
    {false, SOCK_STREAM, "TCP", "net::TcpStream, TcpListener or TcpSocket"},
    {false, SOCK_DGRAM, "UDP", "net::UdpSocket"},
    {true, SOCK_STREAM, "Unix, a stream", "net::UnixStream or UnixListener"},
    {true, SOCK_DGRAM, "Unix, datagrams", "net::UnixDatagram"},
    {true, SOCK_SEQPACKET, "Unix, messages in a row", "net::UnixSeqpacket or UnixSeqpacketListener"},
};

// OK if the fd is a socket of that kind.
Status CheckKind(int fd, SocketKind wanted, const char* what) {
  StatusOr<int> family = GetIntOption(fd, SOL_SOCKET, SO_DOMAIN, what);
  if (!family.ok()) return family.status();
  StatusOr<int> type = GetIntOption(fd, SOL_SOCKET, SO_TYPE, what);
  if (!type.ok()) return type.status();
  if (*family == AF_UNIX || *family == AF_INET || *family == AF_INET6) {
    for (const KindOfSocket& kind : kKinds) {
      if (kind.unix_family != (*family == AF_UNIX) || kind.type != *type) continue;
      if (&kind == &kKinds[static_cast<int>(wanted)]) return OkStatus();
      return absl::InvalidArgumentError(
          absl::StrCat(what, ": this fd is a socket of another kind (", kind.name, "); ", kind.takers, " can take it"));
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": this fd is a socket of another kind (family ", *family, ", type ", *type, "); io::AsyncFd can take it"));
}

}  // namespace

StatusOr<int> GetIntOption(int fd, int level, int option, const char* what) {
  int value = 0;
  socklen_t size = sizeof(value);
  const int result = sys::Getsockopt(fd, level, option, &value, &size);
  if (result < 0) return ErrnoStatus(result, what);
  return value;
}

Status SetIntOption(int fd, int level, int option, int value, const char* what) {
  return ErrnoStatus(std::min(0, sys::Setsockopt(fd, level, option, &value, sizeof(value))), what);
}

StatusOr<bool> GetBoolOption(int fd, int level, int option, const char* what) {
  StatusOr<int> value = GetIntOption(fd, level, option, what);
  if (!value.ok()) return value.status();
  return *value != 0;
}

StatusOr<size_t> GetSizeOption(int fd, int option, const char* what) {
  StatusOr<int> value = GetIntOption(fd, SOL_SOCKET, option, what);
  if (!value.ok()) return value.status();
  return static_cast<size_t>(*value);
}

StatusOr<std::optional<std::chrono::seconds>> GetLinger(int fd) {
  linger value{};
  socklen_t size = sizeof(value);
  const int result = sys::Getsockopt(fd, SOL_SOCKET, SO_LINGER, &value, &size);
  if (result < 0) return ErrnoStatus(result, "reading SO_LINGER");
  if (value.l_onoff == 0) return std::optional<std::chrono::seconds>();
  return std::optional<std::chrono::seconds>(value.l_linger);
}

Status SetLinger(int fd, std::optional<std::chrono::seconds> linger_time) {
  linger value{};
  value.l_onoff = linger_time.has_value() ? 1 : 0;
  value.l_linger = linger_time.has_value() ? ClampToInt(linger_time->count()) : 0;
  return ErrnoStatus(std::min(0, sys::Setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof(value))), "setting SO_LINGER");
}

Status SetKeepAlive(int fd, const std::optional<KeepAlive>& keep_alive) {
  constexpr char kWhat[] = "setting keep-alive";
  if (!keep_alive.has_value()) return SetIntOption(fd, SOL_SOCKET, SO_KEEPALIVE, 0, kWhat);
  const int idle = std::max(1, ClampToInt(keep_alive->idle.count()));
  const int interval = std::max(1, ClampToInt(keep_alive->interval.count()));
  Status status = SetIntOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle, kWhat);
  if (status.ok()) status = SetIntOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval, kWhat);
  if (status.ok()) status = SetIntOption(fd, IPPROTO_TCP, TCP_KEEPCNT, keep_alive->probes, kWhat);
  if (status.ok()) status = SetIntOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1, kWhat);
  return status;
}

StatusOr<std::string> GetDevice(int fd) {
  char name[IFNAMSIZ] = {};
  socklen_t size = sizeof(name);
  const int result = sys::Getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &size);
  if (result < 0) return ErrnoStatus(result, "reading SO_BINDTODEVICE");
  return std::string(name, strnlen(name, size));
}

Status BindDevice(int fd, const std::string& name) {
  const int result = sys::Setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name.data(), static_cast<socklen_t>(name.size()));
  return ErrnoStatus(std::min(0, result), "setting SO_BINDTODEVICE");
}

Status SetBufferSize(int fd, int option, size_t bytes, const char* what) {
  return SetIntOption(fd, SOL_SOCKET, option, static_cast<int>(std::min<size_t>(bytes, INT_MAX / 2)), what);
}

Status SetTtl(int fd, int hops) {
  StatusOr<SocketAddress> local = LocalAddress(fd);
  if (!local.ok()) return local.status();
  if (local->ip().is_v6()) return SetIntOption(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops, "setting IPV6_UNICAST_HOPS");
  return SetIntOption(fd, IPPROTO_IP, IP_TTL, hops, "setting IP_TTL");
}

StatusOr<int> GetTtl(int fd) {
  StatusOr<SocketAddress> local = LocalAddress(fd);
  if (!local.ok()) return local.status();
  if (local->ip().is_v6()) return GetIntOption(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, "reading IPV6_UNICAST_HOPS");
  return GetIntOption(fd, IPPROTO_IP, IP_TTL, "reading IP_TTL");
}

Status TakeError(int fd, const char* what) {
  StatusOr<int> error = GetIntOption(fd, SOL_SOCKET, SO_ERROR, what);
  return error.ok() ? ErrnoStatus(*error, what) : error.status();
}

StatusOr<SocketAddress> LocalAddress(int fd) { return AddressBy<&sys::Getsockname>(fd, "getsockname"); }

StatusOr<SocketAddress> PeerAddress(int fd) { return AddressBy<&sys::Getpeername>(fd, "getpeername"); }

Status PrepareFd(int fd, SocketKind kind, const char* what) {
  if (Status status = CheckKind(fd, kind, what); !status.ok()) return status;
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return ErrnoStatus(errno, what);
  if ((flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return ErrnoStatus(errno, what);
  const int fd_flags = fcntl(fd, F_GETFD);
  if (fd_flags < 0 || fcntl(fd, F_SETFD, fd_flags | FD_CLOEXEC) < 0) return ErrnoStatus(errno, what);
  return OkStatus();
}

Status CheckConnected(int fd, const char* what) {
  sockaddr_storage storage;
  socklen_t size = sizeof(storage);
  return ErrnoStatus(std::min(0, sys::Getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size)), what);
}

StatusOr<int> MakeSocket(int family, int type, const char* what) {
  const int fd = sys::Socket(family, type, 0);
  if (fd < 0) return ErrnoStatus(fd, what);
  return fd;
}

StatusOr<int> MakeBoundSocket(const SocketAddress& address, int type, const BindOptions& options, const char* what) {
  StatusOr<int> fd = MakeSocket(address.family(), type, what);
  if (!fd.ok()) return fd;
  auto set = [&](int level, int option, bool on) { return SetIntOption(*fd, level, option, on ? 1 : 0, what); };
  Status status = options.reuse_address ? set(SOL_SOCKET, SO_REUSEADDR, true) : OkStatus();
  if (status.ok() && options.reuse_port) status = set(SOL_SOCKET, SO_REUSEPORT, true);
  if (status.ok() && options.v6_only.has_value() && address.ip().is_v6()) {
    status = set(IPPROTO_IPV6, IPV6_V6ONLY, *options.v6_only);
  }
  if (status.ok()) {
    sockaddr_storage storage;
    const size_t size = address.ToSockaddr(&storage);
    const int bound = sys::Bind(*fd, reinterpret_cast<const sockaddr*>(&storage), static_cast<socklen_t>(size));
    status = ErrnoStatus(std::min(0, bound), what);
  }
  if (status.ok()) return fd;
  sys::Close(*fd);
  return status;
}

Status CheckIo(const char* what) {
  kioto::internal::DriverSet* drivers = kioto::internal::CurrentThread().drivers;
  kioto::internal::Reactor* const reactor = drivers != nullptr ? drivers->PickReactor() : nullptr;
  if (reactor == nullptr) return kioto::internal::IoUnavailable(what);
  return reactor->shut_down() ? ShutdownError(what) : OkStatus();
}

}  // namespace kioto::net::internal
