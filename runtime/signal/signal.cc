#include "kioto/runtime/signal/signal.h"

#include <signal.h>
#if defined(__linux__)
#include <sys/eventfd.h>
#endif

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/thread_context.h"

namespace kioto::signal {
namespace {

namespace sys = base::sys;
using kioto::internal::Direction;
using kioto::internal::IoHandle;

constexpr char kWhat[] = "kioto::signal";

Status CheckSignal(int signal) {
  if (signal < 1 || signal > internal::kMaxSignal) {
    return absl::InvalidArgumentError(absl::StrCat(kWhat, ": ", signal, " is no signal"));
  }
  switch (signal) {
    case SIGKILL:
    case SIGSTOP:
      return absl::InvalidArgumentError(absl::StrCat(kWhat, ": signal ", signal, " can not be caught"));
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
      return absl::InvalidArgumentError(
          absl::StrCat(kWhat, ": signal ", signal, " says that the program is broken: its code can not go on behind a handler"));
    default:
      return OkStatus();
  }
}

// fds[0] can be read when something was written to fds[1]; they may be one.
int MakeWakeFds(int fds[2]) {
#if defined(__linux__) && !KIOTO_PORTABLE
  fds[0] = fds[1] = sys::Eventfd(0, EFD_NONBLOCK);
  return std::min(fds[0], 0);
#else
  return sys::Pipe(fds);
#endif
}

}  // namespace

StatusOr<Listener> Listener::Make(std::initializer_list<int> signals) {
  if (signals.size() == 0) return absl::InvalidArgumentError(absl::StrCat(kWhat, ": no signal to listen to"));
  internal::SignalSet wanted = 0;
  for (int signal : signals) {
    Status status = CheckSignal(signal);
    if (!status.ok()) return status;
    wanted |= internal::BitOf(signal);
  }
  kioto::internal::DriverSet* drivers = kioto::internal::CurrentThread().drivers;
  if (drivers == nullptr || drivers->PickReactor() == nullptr) return kioto::internal::IoUnavailable(kWhat);
  int fds[2];
  const int result = MakeWakeFds(fds);
  if (result < 0) return ErrnoStatus(result, kWhat);
  Listener listener;
  listener.handle_ = IoHandle(fds[0]);
  listener.write_fd_ = fds[1];
  StatusOr<internal::Slot*> slot = internal::Open(wanted, fds[1]);
  if (!slot.ok()) return slot.status();
  listener.slot_ = *slot;
  return listener;
}

Listener::Listener(Listener&& other) noexcept
    : handle_(std::move(other.handle_)),
      failed_(other.failed_),
      write_fd_(std::exchange(other.write_fd_, -1)),
      slot_(std::exchange(other.slot_, nullptr)) {}

Listener& Listener::operator=(Listener&& other) noexcept {
  if (this != &other) {
    Close();
    handle_ = std::move(other.handle_);
    failed_ = other.failed_;
    write_fd_ = std::exchange(other.write_fd_, -1);
    slot_ = std::exchange(other.slot_, nullptr);
  }
  return *this;
}

Listener::~Listener() { Close(); }

void Listener::Close() {
  if (slot_ != nullptr) internal::Close(slot_);  // before the fds: the handler writes to them
  slot_ = nullptr;
  if (write_fd_ >= 0 && write_fd_ != handle_.fd()) (void)sys::Close(write_fd_);
  write_fd_ = -1;
  handle_.Close();
}

Poll<StatusOr<int>> Listener::PollRecv(Context& cx) {
  int signal = 0;
  Poll<StatusOr<size_t>> came = handle_.PollIo(cx, Direction::kRead, 0, kWhat, [this, &signal]() -> ssize_t {
    signal = slot_->Take();
    if (signal != 0) return 0;
    // Read empty first, look again second: what comes behind this look is announced by a new write.
    char bytes[256];
    while (sys::Read(handle_.fd(), bytes, sizeof(bytes)) == static_cast<ssize_t>(sizeof(bytes))) {
    }
    signal = slot_->Take();
    return signal != 0 ? 0 : -EAGAIN;
  });
  if (came.pending()) return kPending;
  if (!came->ok()) return came->status();
  return StatusOr<int>(signal);
}

Poll<std::optional<StatusOr<int>>> Listener::PollNext(Context& cx) {
  if (failed_) return std::optional<Item>();
  Poll<StatusOr<int>> came = PollRecv(cx);
  if (came.pending()) return kPending;
  failed_ = !came->ok();
  return std::optional<Item>(*std::move(came));
}

Poll<StatusOr<int>> SignalFuture::PollOnce(Context& cx) {
  if (!listener_.has_value()) {
    StatusOr<Listener> listener = other_ == 0 ? Listener::Make(one_) : Listener::Make({one_, other_});
    if (!listener.ok()) return listener.status();
    listener_.emplace(*std::move(listener));
  }
  return listener_->PollRecv(cx);
}

SignalFuture CtrlC() { return SignalFuture(SIGINT); }

SignalFuture Shutdown() { return SignalFuture(SIGINT, SIGTERM); }

}  // namespace kioto::signal
