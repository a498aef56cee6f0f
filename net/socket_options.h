// What the sockets of this folder share: options, addresses, set-up of plain fds. `what` names the caller's call.
#ifndef KIOTO_NET_SOCKET_OPTIONS_H_
#define KIOTO_NET_SOCKET_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "kioto/net/address.h"
#include "kioto/runtime/base/status.h"

namespace kioto::net {

// TCP keep-alive: after `idle` without traffic, a probe every `interval`; the connection ends after `probes` without answer.
// Rounded up to seconds.
struct KeepAlive {
  std::chrono::seconds idle{60};
  std::chrono::seconds interval{10};
  int probes = 3;
};

namespace internal {

StatusOr<int> GetIntOption(int fd, int level, int option, const char* what);
Status SetIntOption(int fd, int level, int option, int value, const char* what);
StatusOr<bool> GetBoolOption(int fd, int level, int option, const char* what);
StatusOr<size_t> GetSizeOption(int fd, int option, const char* what);  // of level SOL_SOCKET

StatusOr<std::optional<std::chrono::seconds>> GetLinger(int fd);
Status SetLinger(int fd, std::optional<std::chrono::seconds> linger);
Status SetKeepAlive(int fd, const std::optional<KeepAlive>& keep_alive);
// The interface to which the socket is bound, empty: none.
StatusOr<std::string> GetDevice(int fd);
Status BindDevice(int fd, const std::string& name);
Status SetBufferSize(int fd, int option, size_t bytes, const char* what);
Status SetTtl(int fd, int hops);
StatusOr<int> GetTtl(int fd);
// The pending error of the socket, which is thereby taken; OK if there is none.
Status TakeError(int fd, const char* what);

StatusOr<SocketAddress> LocalAddress(int fd);
StatusOr<SocketAddress> PeerAddress(int fd);

enum class SocketKind { kTcp, kUdp, kUnixStream, kUnixDatagram, kUnixSeqpacket };
// Makes it non-blocking and close-on-exec. Errors: kInvalidArgument for what is no socket of this kind; EBADF.
Status PrepareFd(int fd, SocketKind kind, const char* what);
// Errors: ENOTCONN for a socket that is not connected, or no more.
Status CheckConnected(int fd, const char* what);
// A new socket of this family and type.
StatusOr<int> MakeSocket(int family, int type, const char* what);

struct BindOptions {
  bool reuse_address;
  bool reuse_port;
  std::optional<bool> v6_only;
};
// The same, bound to `address`.
StatusOr<int> MakeBoundSocket(const SocketAddress& address, int type, const BindOptions& options, const char* what);
// Whether this thread is in a runtime with I/O; else one of the three sentences.
Status CheckIo(const char* what);

}  // namespace internal
}  // namespace kioto::net

#endif  // KIOTO_NET_SOCKET_OPTIONS_H_
