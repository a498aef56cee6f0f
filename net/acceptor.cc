// STATE       retry_at_  0: accept when there is something to accept; else, after a shortage of fds or memory, the time of the
//                        runtime's clock at which one of the waiting tasks may try again
//             pause_     how long the present shortage makes us wait, doubling from kFirstPauseNs to kLastPauseNs; 0: none
//             reserve_   an fd that means nothing, kept for the time when there are no others; -1: none, or somebody uses it
// OWNERSHIP   the first two: any accepting task. They are hints about the process, not data: nothing else is published through
//             them. The fd in reserve is his who takes it out by an exchange.
// RACES       R1 several tasks find the pause over: the one whose CAS moves retry_at_ on tries, the others wait once more; so
//                a shortage costs one accept call per pause, however many tasks accept.
//             R2 a success against another task's shortage: either order is right, but one word may be of the success and the
//                other of the shortage. That costs at most the one pause: the next success finds a word that is not 0 and
//                ends both (so EndPause looks at both), the next shortage sets both.
//             R3 somebody else of this process takes the fd that was in reserve before the client has it, or before it is in
//                reserve again: then there is none, the shortage pauses as without, and the next success makes a new one.
#include "kioto/net/acceptor.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "kioto/net/socket_options.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/thread_context.h"

namespace kioto::net::internal {
namespace {

namespace sys = base::sys;
using kioto::internal::Direction;
using kioto::internal::IoHandle;
using kioto::internal::TimerState;

// While fds or memory are short: the first wait between two tries, and the longest. Short enough that clients do not
// notice, long enough that trying costs nothing.
constexpr int64_t kFirstPauseNs = 5'000'000;
constexpr int64_t kLastPauseNs = 100'000'000;

// What Linux reports of the connection that would have been accepted, not of the listener (accept(2), "Error handling").
bool IsOfOneConnection(int error) {
  switch (error) {
    case ECONNABORTED:
    case ECONNRESET:
    case EPROTO:
    case EPERM:  // a firewall's rule
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
    case EINTR:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool IsListening(int fd) {
  StatusOr<int> listening = GetIntOption(fd, SOL_SOCKET, SO_ACCEPTCONN, "whether a socket listens");
  return listening.ok() && *listening != 0;
}

Acceptor::Acceptor(Acceptor&& other) noexcept
    : handle(std::move(other.handle)),
      what_(other.what_),
      sheds_(other.sheds_),
      reserve_(other.reserve_.exchange(-1, std::memory_order_relaxed)),    // relaxed: nobody accepts while a listener is moved
      shed_(other.shed_.exchange(0, std::memory_order_relaxed)) {}         // relaxed: as above

Acceptor& Acceptor::operator=(Acceptor&& other) noexcept {
  CloseReserve();
  handle = std::move(other.handle);
  sheds_ = other.sheds_;
  // relaxed, these two: nobody accepts while a listener is moved
  reserve_.store(other.reserve_.exchange(-1, std::memory_order_relaxed), std::memory_order_relaxed);
  shed_.store(other.shed_.exchange(0, std::memory_order_relaxed), std::memory_order_relaxed);
  retry_at_.store(0, std::memory_order_relaxed);  // relaxed: nobody accepts while a listener is moved
  pause_.store(0, std::memory_order_relaxed);     // relaxed: as above
  return *this;
}

Status Acceptor::SetShed(bool on) {
  sheds_ = on;
  if (!on) {
    CloseReserve();
    return OkStatus();
  }
  const int error = KeepReserve();
  return error == 0 ? OkStatus() : ErrnoStatus(error, absl::StrCat(what_, ": an fd to shed clients with"));
}

// Opens the fd in reserve, unless there is one. 0, or an errno.
int Acceptor::KeepReserve() {
  if (reserve_.load(std::memory_order_relaxed) >= 0) return 0;  // relaxed: a hint; the exchange decides
  const int fd = sys::Open("/dev/null", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return -fd;
  const int before = reserve_.exchange(fd, std::memory_order_relaxed);  // relaxed: a number, his who takes it out
  if (before >= 0) (void)sys::Close(before);
  return 0;
}

void Acceptor::CloseReserve() {
  const int fd = reserve_.exchange(-1, std::memory_order_relaxed);  // relaxed: as in KeepReserve
  if (fd >= 0) (void)sys::Close(fd);
}

// No fd is left for a client, said the kernel by `shortage`: the one in reserve takes its call, to end it. ECONNABORTED then, as
// of a client that left by itself; EAGAIN if nobody waits; `shortage` if there is none in reserve (R3). All negative.
int Acceptor::Shed(int shortage) {
  const int reserve = reserve_.exchange(-1, std::memory_order_relaxed);  // relaxed: as in KeepReserve
  if (reserve < 0) return shortage;
  (void)sys::Close(reserve);
  const int fd = sys::Accept(handle.fd(), nullptr, nullptr);
  if (fd >= 0) {
    const linger reset = {1, 0};
    (void)sys::Setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    (void)sys::Close(fd);
    shed_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a figure
  }
  (void)KeepReserve();
  return fd >= 0 ? -ECONNABORTED : fd;
}

// Ready when the pause, if there is one, is over for this task; else its timer is armed.
Poll<Status> Acceptor::PollPause(Context& cx, AcceptWait& wait) {
  while (true) {
    int64_t at = retry_at_.load(std::memory_order_relaxed);  // relaxed: a hint (R2)
    if (at == 0) return OkStatus();
    const int64_t now = kioto::internal::NowNanos();
    if (now >= at) {
      // relaxed: the pause of whoever tries, which is about to be decided anew
      const int64_t next = now + std::max(kFirstPauseNs, pause_.load(std::memory_order_relaxed));
      // relaxed: only who tries is decided (R1)
      if (retry_at_.compare_exchange_strong(at, next, std::memory_order_relaxed)) return OkStatus();
      continue;
    }
    kioto::internal::DriverSet* drivers = kioto::internal::CurrentThread().drivers;
    kioto::internal::TimerWheel* wheel = drivers != nullptr ? drivers->WheelForThisThread() : nullptr;
    if (wheel == nullptr) {
      return absl::ResourceExhaustedError(absl::StrCat(what_, ": out of fds or memory, and no timers to wait with"));
    }
    if (wait.timer == nullptr) wait.timer = std::make_unique<kioto::internal::TimerEntry>();
    wait.timer->Arm(*wheel, at, cx.waker(), now);
    switch (wait.timer->Poll(cx.waker())) {
      case TimerState::kArmed:
        return kPending;
      case TimerState::kShutdown:
        return ShutdownError(what_);
      case TimerState::kFired:
      case TimerState::kIdle:
        break;
    }
  }
}

// After an error that is not one connection's. OK: there is a pause now; else accepting again would not help.
Status Acceptor::BeginPause(int error) {
  const bool shortage = error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
  if (!shortage && !IsListening(handle.fd())) return ErrnoStatus(error, what_);
  const int64_t before = pause_.load(std::memory_order_relaxed);  // relaxed: a hint (R2)
  const int64_t pause = before == 0 ? kFirstPauseNs : std::min(before * 2, kLastPauseNs);
  pause_.store(pause, std::memory_order_relaxed);                                      // relaxed: as above
  retry_at_.store(kioto::internal::NowNanos() + pause, std::memory_order_relaxed);  // relaxed: as above
  return OkStatus();
}

void Acceptor::EndPause() {
  const int64_t retry_at = retry_at_.load(std::memory_order_relaxed);        // relaxed: a hint (R2)
  if (pause_.load(std::memory_order_relaxed) == 0 && retry_at == 0) return;  // relaxed: as above
  pause_.store(0, std::memory_order_relaxed);     // relaxed: as above
  retry_at_.store(0, std::memory_order_relaxed);  // relaxed: as above
}

// One accept call that waits; gives the fd, or -errno.
Poll<StatusOr<int>> Acceptor::PollAcceptOnce(Context& cx, AcceptWait& wait) {
  int result = 0;
  Poll<StatusOr<size_t>> done = handle.PollIo(
      cx, Direction::kRead, 0, what_,
      [this, &result, fd = handle.fd()]() -> ssize_t {
        result = sys::Accept(fd, nullptr, nullptr);
        if (sheds_ && (result == -EMFILE || result == -ENFILE)) result = Shed(result);
        return result == -EAGAIN ? -EAGAIN : 0;  // errors are judged here, not by the handle: no Status is made of them
      },
      &wait.waiter);
  if (done.pending()) {
    if (result == -EAGAIN) EndPause();  // the kernel takes an fd before it looks for a connection: there was one
    return kPending;
  }
  if (!done->ok()) return done->status();
  return StatusOr<int>(result);
}

Poll<StatusOr<IoHandle>> Acceptor::PollAccept(Context& cx, AcceptWait& wait) {
  while (true) {
    Poll<Status> pause = PollPause(cx, wait);
    if (pause.pending()) return kPending;
    if (!pause->ok()) return *pause;
    Poll<StatusOr<int>> fd = PollAcceptOnce(cx, wait);
    if (fd.pending()) return kPending;
    if (!fd->ok()) return fd->status();
    if (**fd >= 0) {
      EndPause();
      if (sheds_) (void)KeepReserve();
      return StatusOr<IoHandle>(IoHandle(**fd));
    }
    const int error = -**fd;
    if (IsOfOneConnection(error)) continue;
    Status status = BeginPause(error);
    if (!status.ok()) return status;
  }
}

}  // namespace kioto::net::internal
