#include "kioto/net/unix_seqpacket.h"

#include <sys/socket.h>

#include <utility>

#include "kioto/net/socket_options.h"

namespace kioto::net {
namespace {

using internal::NoBytes;
using kioto::internal::IoHandle;

// Without them every empty message is taken for the end: no reason to refuse the socket.
void SetTimeStamps(int fd, bool on) {
  (void)internal::SetIntOption(fd, SOL_SOCKET, SO_TIMESTAMP, on ? 1 : 0, "setting SO_TIMESTAMP");
}

StatusOr<ReceivedPacket> WithoutFds(const StatusOr<ReceivedWithFds>& got) {
  if (!got.ok()) return got.status();
  return ReceivedPacket{got->size, got->end, got->cut};
}

}  // namespace

UnixSeqpacket::UnixSeqpacket(IoHandle handle) : DatagramSocket(std::move(handle)) { SetTimeStamps(fd(), true); }

StatusOr<UnixSeqpacket::Ends> UnixSeqpacket::Pair() {
  IoHandle first, second;
  if (Status status = internal::MakeUnixPair(SOCK_SEQPACKET, first, second); !status.ok()) return status;
  return Ends{UnixSeqpacket(std::move(first)), UnixSeqpacket(std::move(second))};
}

StatusOr<UnixSeqpacket> UnixSeqpacket::FromFd(int fd) {
  constexpr char kWhat[] = "net::UnixSeqpacket::FromFd";
  Status status = internal::PrepareFd(fd, internal::SocketKind::kUnixSeqpacket, kWhat);
  if (status.ok()) status = internal::CheckConnected(fd, kWhat);
  if (!status.ok()) return status;
  return UnixSeqpacket(IoHandle(fd));
}

int UnixSeqpacket::IntoFd() && {
  const int released = handle_.io.Release();
  if (released >= 0) SetTimeStamps(released, false);
  return released;
}

Poll<StatusOr<ReceivedPacket>> UnixSeqpacket::PollRecv(Context& cx, MutableBytes into, Waiter waiter) {
  auto got = internal::PollReceiveWithFds(handle_.io, cx, into, 0, NoBytes::kEndIfUnstamped, waiter);
  if (got.pending()) return kPending;
  return WithoutFds(*got);
}

StatusOr<ReceivedPacket> UnixSeqpacket::TryRecv(MutableBytes into) {
  return WithoutFds(internal::TryReceiveWithFds(handle_.io, into, 0, NoBytes::kEndIfUnstamped));
}

}  // namespace kioto::net
