#include "kioto/net/tcp_listener.h"

#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;
using kioto::internal::IoHandle;

}  // namespace

TcpListener::TcpListener(IoHandle handle) : acceptor_(std::move(handle), "net::TcpListener::Accept") {}

StatusOr<TcpListener> TcpListener::FromFd(int fd) {
  constexpr char kWhat[] = "net::TcpListener::FromFd";
  if (Status status = internal::PrepareFd(fd, internal::SocketKind::kTcp, kWhat); !status.ok()) return status;
  if (!internal::IsListening(fd)) return absl::InvalidArgumentError(absl::StrCat(kWhat, ": this fd is not a socket that listens"));
  return TcpListener(IoHandle(fd));
}

Poll<StatusOr<TcpStream>> TcpListener::PollAccept(Context& cx, internal::AcceptWait& wait) {
  Poll<StatusOr<IoHandle>> next = acceptor_.PollAccept(cx, wait);
  if (next.pending()) return kPending;
  if (!next->ok()) return next->status();
  return StatusOr<TcpStream>(TcpStream(**std::move(next)));
}

Poll<std::optional<StatusOr<TcpStream>>> IncomingStream::PollNext(Context& cx) {
  if (ended_) return std::optional<Item>();
  Poll<Item> next = listener_->PollAccept(cx, wait_);
  if (next.pending()) return kPending;
  ended_ = !next->ok();
  return std::optional<Item>(*std::move(next));
}

StatusOr<TcpListener> BindFuture::BindTo(const SocketAddress& address) const {
  const std::string what = absl::StrCat("net::TcpListener::Bind to ", address.ToString());
  const internal::BindOptions options{options_.reuse_address, options_.reuse_port, options_.v6_only};
  StatusOr<int> fd = internal::MakeBoundSocket(address, SOCK_STREAM, options, what.c_str());
  if (!fd.ok()) return fd.status();
  IoHandle handle(*fd);
  const int result = sys::Listen(*fd, options_.backlog);
  if (result < 0) return ErrnoStatus(result, what);
  TcpListener listener(std::move(handle));
  if (Status status = listener.SetShed(options_.shed); !status.ok()) return status;
  return StatusOr<TcpListener>(std::move(listener));
}

Poll<StatusOr<TcpListener>> BindFuture::PollOnce(Context& cx) {
  if (Status status = internal::CheckIo("net::TcpListener::Bind"); !status.ok()) return status;
  return internal::PollFirstOf<StatusOr<TcpListener>>(cx, resolve_, [this](const SocketAddress& to) { return BindTo(to); });
}

Poll<StatusOr<std::vector<TcpListener>>> BindSharedFuture::PollOnce(Context& cx) {
  if (count_ < 1) {
    return absl::InvalidArgumentError(absl::StrCat("net::TcpListener::BindShared: ", count_, " listeners: ask for one at least"));
  }
  Poll<StatusOr<TcpListener>> first = first_.PollOnce(cx);
  if (first.pending()) return kPending;
  if (!first->ok()) return first->status();
  const StatusOr<SocketAddress> address = (*first)->local_address();  // with the port that it got
  if (!address.ok()) return address.status();
  std::vector<TcpListener> listeners;
  listeners.push_back(**std::move(first));
  while (static_cast<int>(listeners.size()) < count_) {
    StatusOr<TcpListener> next = first_.BindTo(*address);
    if (!next.ok()) return next.status();
    listeners.push_back(*std::move(next));
  }
  return StatusOr<std::vector<TcpListener>>(std::move(listeners));
}

void TcpListener::Describe(WaitTrace& trace) const {
  const StatusOr<SocketAddress> address = local_address();
  trace.Leaf(absl::StrCat("TcpListener fd ", fd(), address.ok() ? " " : "", address.ok() ? address->ToString() : ""));
}

}  // namespace kioto::net
