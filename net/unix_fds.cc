#include "kioto/net/unix_fds.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::net::internal {
namespace {

namespace sys = base::sys;
using kioto::internal::Direction;
using kioto::internal::IoHandle;
using kioto::internal::IoWaiter;

constexpr char kSend[] = "sending fds";
constexpr char kReceive[] = "receiving from a Unix socket";

// What follows says nothing of what is there: a boundary lies between bytes that carry fds.
constexpr size_t kUnknown = 0;

// In front of fds there may be a time stamp.
constexpr size_t kStampRoom = CMSG_SPACE(sizeof(timeval));
constexpr size_t kFdsRoom = CMSG_SPACE(kMostFds * sizeof(int));

Status Check(absl::string_view bytes, absl::Span<const int> fds) {
  if (fds.size() > kMostFds) {
    return absl::InvalidArgumentError(absl::StrCat(kSend, ": ", fds.size(), " of them, and ", kMostFds, " are the most at a time"));
  }
  if (bytes.empty() && !fds.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(kSend, ": they go with bytes, and there are none: give at least one"));
  }
  return OkStatus();
}

ssize_t SendOne(int fd, absl::string_view bytes, absl::Span<const int> fds) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};  // sendmsg only reads it
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[kFdsRoom] = {};
  if (!fds.empty()) {
    const size_t size = fds.size() * sizeof(int);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), fds.data(), size);
  }
  return sys::Sendmsg(fd, &message, MSG_NOSIGNAL);
}

bool IsStamped(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMP) return true;
  }
  return false;
}

// `got` is set if the result is none of an error.
ssize_t ReceiveOne(int fd, MutableBytes into, size_t most_fds, NoBytes no_bytes, ReceivedWithFds& got) {
  iovec part{into.data(), into.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[kStampRoom + kFdsRoom];
  const size_t most = std::min(most_fds, kMostFds);
  message.msg_control = control;
  message.msg_controllen = kStampRoom + (most == 0 ? 0 : CMSG_LEN(most * sizeof(int)));
  const ssize_t result = sys::Recvmsg(fd, &message, 0);
  if (result < 0) return result;
  got.size = static_cast<size_t>(result);
  sys::ForEachFdOf(message, [&got](int came) { got.fds.emplace_back(came); });
  got.cut = (message.msg_flags & MSG_TRUNC) != 0;
  // Where there is no time stamp, its room is for more fds.
  got.fds_lost = (message.msg_flags & MSG_CTRUNC) != 0 || got.fds.size() > most;
  if (got.fds_lost) got.fds.clear();
  got.end = result == 0 && (no_bytes == NoBytes::kEnd || (no_bytes == NoBytes::kEndIfUnstamped && !IsStamped(message)));
  return result;
}

}  // namespace

Poll<StatusOr<size_t>> PollSendWithFds(IoHandle& handle, Context& cx, absl::string_view bytes, const FdsToSend& fds,
                                       IoWaiter* waiter) {
  if (Status status = Check(bytes, fds.numbers()); !status.ok()) return status;
  return handle.PollIo(
      cx, Direction::kWrite, kUnknown, kSend,
      [fd = handle.fd(), bytes, &fds] { return SendOne(fd, bytes, fds.numbers()); }, waiter);
}

Poll<StatusOr<ReceivedWithFds>> PollReceiveWithFds(IoHandle& handle, Context& cx, MutableBytes into, size_t most_fds,
                                                   NoBytes no_bytes, IoWaiter* waiter) {
  if (into.empty() && no_bytes == NoBytes::kEnd) {
    return Status(absl::InvalidArgumentError(absl::StrCat(kReceive, ": fds come with bytes: give room for at least one")));
  }
  ReceivedWithFds got;
  Poll<StatusOr<size_t>> size = handle.PollIo(
      cx, Direction::kRead, kUnknown, kReceive,
      [fd = handle.fd(), into, most_fds, no_bytes, &got] { return ReceiveOne(fd, into, most_fds, no_bytes, got); }, waiter);
  if (size.pending()) return kPending;
  if (!size->ok()) return size->status();
  return StatusOr<ReceivedWithFds>(std::move(got));
}

StatusOr<ReceivedWithFds> TryReceiveWithFds(IoHandle& handle, MutableBytes into, size_t most_fds, NoBytes no_bytes) {
  ReceivedWithFds got;
  const StatusOr<size_t> size =
      handle.TryIo(Direction::kRead, kUnknown, kReceive, [fd = handle.fd(), into, most_fds, no_bytes, &got] {
        return ReceiveOne(fd, into, most_fds, no_bytes, got);
      });
  if (!size.ok()) return size.status();
  return StatusOr<ReceivedWithFds>(std::move(got));
}

}  // namespace kioto::net::internal
