// The attempts of one Connect: addresses in the resolver's order, the families taking turns; the next one starts when the
// last has failed, or has not answered for 250 ms (RFC 8305, "Happy Eyeballs"). The first that connects wins; dropping the
// future closes the others.
#include "kioto/net/tcp_connect.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kioto/net/resolve.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/driver/timer_wheel.h"

namespace kioto::net {
namespace {

namespace sys = base::sys;
using kioto::internal::Direction;
using kioto::internal::IoHandle;
using kioto::internal::TimerState;

constexpr char kWhat[] = "net::TcpStream::Connect";

// RFC 8305's "Connection Attempt Delay".
constexpr int64_t kNextAttemptNs = 250'000'000;

// The first family first, then in turns.
std::vector<SocketAddress> InTurns(const std::vector<SocketAddress>& addresses) {
  std::vector<SocketAddress> one, other, result;
  for (const SocketAddress& address : addresses) {
    (address.ip().is_v4() == addresses.front().ip().is_v4() ? one : other).push_back(address);
  }
  for (size_t i = 0; i < std::max(one.size(), other.size()); ++i) {
    if (i < one.size()) result.push_back(one[i]);
    if (i < other.size()) result.push_back(other[i]);
  }
  return result;
}

// 0 when connected, -EAGAIN while it is not decided, else what went wrong.
ssize_t ConnectResult(int fd) {
  sockaddr_storage peer;
  socklen_t size = sizeof(peer);
  const int named = sys::Getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size);
  if (named != -ENOTCONN) return named;
  int error = 0;
  size = sizeof(error);
  const int asked = sys::Getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (asked < 0) return asked;
  return error != 0 ? -error : -EAGAIN;
}

}  // namespace

struct ConnectFuture::State {
  struct Attempt {
    IoHandle handle;
    SocketAddress to;
  };

  explicit State(Endpoint to) : resolve(std::move(to)) {}

  // Begins to connect `handle`; false if that failed at once.
  bool Begin(IoHandle handle, const SocketAddress& to) {
    sockaddr_storage storage;
    const size_t size = to.ToSockaddr(&storage);
    const int result =
        sys::Connect(handle.fd(), reinterpret_cast<const sockaddr*>(&storage), static_cast<socklen_t>(size));
    if (result < 0 && result != -EINPROGRESS && result != -EINTR) {
      Failed(result, to);
      return false;
    }
    attempts.push_back(Attempt{std::move(handle), to});
    return true;
  }

  // Begins the next one that can be begun.
  void BeginNext(Context& cx) {
    while (next < addresses.size()) {
      const SocketAddress& to = addresses[next++];
      if (given) {
        if (Begin(std::move(socket), to)) break;
        continue;
      }
      StatusOr<int> fd = internal::MakeSocket(to.family(), SOCK_STREAM, kWhat);
      if (!fd.ok()) {
        error = fd.status();
      } else if (Begin(IoHandle(*fd), to)) {
        break;
      }
    }
    kioto::internal::DriverSet* drivers = kioto::internal::CurrentThread().drivers;
    kioto::internal::TimerWheel* wheel = drivers != nullptr ? drivers->WheelForThisThread() : nullptr;
    if (next < addresses.size() && wheel != nullptr) {
      const int64_t now = kioto::internal::NowNanos();
      timer.Arm(*wheel, now + kNextAttemptNs, cx.waker(), now);
    }
  }

  void Failed(int with_errno, const SocketAddress& to) {
    error = ErrnoStatus(with_errno, absl::StrCat("connecting to ", to.ToString()));
  }

  // The attempt that is connected; null if none is yet. Those that failed are gone.
  Attempt* Connected(Context& cx) {
    for (size_t i = 0; i < attempts.size();) {
      Attempt& attempt = attempts[i];
      Poll<StatusOr<size_t>> result = attempt.handle.PollIo(cx, Direction::kWrite, 0, kWhat,
                                                            [fd = attempt.handle.fd()] { return ConnectResult(fd); });
      if (result.ready() && result->ok()) return &attempt;
      if (result.pending()) {
        ++i;
        continue;
      }
      if (const int number = ErrnoOf(result->status()); number != 0) {
        Failed(number, attempt.to);
      } else {
        error = result->status();  // the runtime has no I/O, or ends
        next = addresses.size();
      }
      attempts.erase(attempts.begin() + static_cast<ptrdiff_t>(i));
    }
    return nullptr;
  }

  ResolveFuture resolve;
  IoHandle socket;     // one that was made by the caller,
  bool given = false;  // if so
  bool resolved = false;
  std::vector<SocketAddress> addresses;
  size_t next = 0;  // the first that was not tried
  std::vector<Attempt> attempts;
  kioto::internal::TimerEntry timer;  // when the next one gets its chance
  Status error;
};

ConnectFuture::ConnectFuture(Endpoint to) : state_(std::make_unique<State>(std::move(to))) {}

ConnectFuture::ConnectFuture(IoHandle socket, SocketAddress to) : state_(std::make_unique<State>(Endpoint(to))) {
  state_->socket = std::move(socket);
  state_->given = true;
}

ConnectFuture::ConnectFuture(ConnectFuture&&) noexcept = default;
ConnectFuture& ConnectFuture::operator=(ConnectFuture&&) noexcept = default;
ConnectFuture::~ConnectFuture() = default;

Poll<StatusOr<TcpStream>> ConnectFuture::PollOnce(Context& cx) {
  State& state = *state_;
  if (!state.resolved) {
    if (Status status = internal::CheckIo(kWhat); !status.ok()) return status;
    Poll<StatusOr<std::vector<SocketAddress>>> addresses = state.resolve.PollOnce(cx);
    if (addresses.pending()) return kPending;
    if (!addresses->ok()) return addresses->status();
    state.addresses = InTurns(**addresses);
    state.resolved = true;
  }
  while (true) {
    if (State::Attempt* attempt = state.Connected(cx)) return TcpStream(std::move(attempt->handle));
    if (state.next < state.addresses.size() &&
        (state.attempts.empty() || state.timer.Poll(cx.waker()) == TimerState::kFired)) {
      state.BeginNext(cx);
      continue;
    }
    if (state.attempts.empty()) return state.error;
    return kPending;
  }
}

}  // namespace kioto::net
