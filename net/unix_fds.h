// Fds that travel with the bytes of a Unix socket (SCM_RIGHTS): what to send, and what came. The calls are members of
// UnixStream, UnixDatagram and UnixSeqpacket.
//
//   stream.WriteAllWithFds("take this", {file.fd()});                       // borrowed until it is sent
//   stream.ReadWithFds(buf).AndThen([](net::ReceivedWithFds& got) { ... std::move(got.fds[0]) ... });
//
// An fd that is received is another number for what the sender has open: close-on-exec, and blocking or not as the sender had
// it. A read that asks for no fds throws those away that came.
#ifndef KIOTO_NET_UNIX_FDS_H_
#define KIOTO_NET_UNIX_FDS_H_

#include <cstddef>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kioto/net/io_future.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/owned_fd.h"

namespace kioto::net {

// So many fds go with one message: Linux's SCM_MAX_FD.
inline constexpr size_t kMostFds = 253;

// What to send, made implicitly: numbers, whose fds are borrowed until they are sent; or owners, which close theirs then.
class FdsToSend {
 public:
  FdsToSend(std::initializer_list<int> fds) : numbers_(fds) {}        // NOLINT
  FdsToSend(std::vector<int> fds) : numbers_(std::move(fds)) {}       // NOLINT
  FdsToSend(OwnedFd fd) { Own(std::move(fd)); }                       // NOLINT
  FdsToSend(std::vector<OwnedFd> fds) {                               // NOLINT
    for (OwnedFd& fd : fds) Own(std::move(fd));
  }

  absl::Span<const int> numbers() const { return numbers_; }

 private:
  void Own(OwnedFd fd) {
    numbers_.push_back(fd.fd());
    owned_.push_back(std::move(fd));
  }

  std::vector<int> numbers_;
  std::vector<OwnedFd> owned_;
};

struct ReceivedWithFds {
  size_t size = 0;  // bytes in the memory given
  std::vector<OwnedFd> fds;
  // Nothing more will come: the peer has shut down its side, or is gone. Never of a UnixDatagram.
  bool end = false;
  bool cut = false;  // the message was longer; never of a stream
  // There were more fds than were asked for, or than this process may have. Those that came are closed: `fds` is empty.
  bool fds_lost = false;
};

namespace internal {

// What it means that there were no bytes: of a stream, the end; of datagrams, one that is empty; of a socket with SO_TIMESTAMP,
// the end if there was no time stamp either.
enum class NoBytes { kEnd, kMessage, kEndIfUnstamped };

// Errors: fds without bytes, and more than kMostFds; the kernel's, EBADF and ETOOMANYREFS among them.
Poll<StatusOr<size_t>> PollSendWithFds(kioto::internal::IoHandle& handle, Context& cx, absl::string_view bytes,
                                       const FdsToSend& fds, kioto::internal::IoWaiter* waiter);
// Of more than kMostFds it takes kMostFds.
Poll<StatusOr<ReceivedWithFds>> PollReceiveWithFds(kioto::internal::IoHandle& handle, Context& cx, MutableBytes into,
                                                   size_t most_fds, NoBytes no_bytes, kioto::internal::IoWaiter* waiter);
StatusOr<ReceivedWithFds> TryReceiveWithFds(kioto::internal::IoHandle& handle, MutableBytes into, size_t most_fds,
                                            NoBytes no_bytes);

// `handle` is the socket's. Output: StatusOr<size_t>, the bytes sent. The second form owns them.
template <class Socket>
auto SendWithFds(Socket& socket, kioto::internal::IoHandle& handle, absl::string_view bytes, FdsToSend fds) {
  return IoFuture(socket, "SendWithFds", [&handle, bytes, fds = std::move(fds)](Socket&, Context& cx, kioto::internal::IoWaiter* waiter) {
    return PollSendWithFds(handle, cx, bytes, fds, waiter);
  });
}
template <class Socket>
auto SendWithFds(Socket& socket, kioto::internal::IoHandle& handle, std::string&& bytes, FdsToSend fds) {
  return IoFuture(socket, "SendWithFds",
                  [&handle, bytes = std::move(bytes), fds = std::move(fds)](Socket&, Context& cx, kioto::internal::IoWaiter* waiter) {
                    return PollSendWithFds(handle, cx, bytes, fds, waiter);
                  });
}

// Output: StatusOr<ReceivedWithFds>.
template <class Socket>
auto ReceiveWithFds(Socket& socket, kioto::internal::IoHandle& handle, MutableBytes into, size_t most_fds, NoBytes no_bytes) {
  return IoFuture(socket, "ReceiveWithFds",
                  [&handle, into, most_fds, no_bytes](Socket&, Context& cx, kioto::internal::IoWaiter* waiter) {
                    return PollReceiveWithFds(handle, cx, into, most_fds, no_bytes, waiter);
                  });
}

}  // namespace internal
}  // namespace kioto::net

#endif  // KIOTO_NET_UNIX_FDS_H_
