#include "kioto/runtime/driver/io_handle.h"

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/driver/thread_context.h"

namespace kioto::internal {
namespace {

// What an operation of `direction` takes when it finds nothing.
uint32_t TakenBy(Direction direction) {
  switch (direction) {
    case Direction::kRead:
      return Ready::kReadable;
    case Direction::kWrite:
      return Ready::kWritable;
    case Direction::kPriority:
      return Ready::kPriority;
  }
  return 0;
}

Status TooManySources(const char* what) {
  return absl::ResourceExhaustedError(absl::StrCat(what, ": all ", IoSource::kMost, " places for sockets of this process are taken; "
                                                   "close some, or limit how many you accept"));
}

constexpr uint32_t kClosed = Ready::kReadClosed | Ready::kWriteClosed;

}  // namespace

IoHandle::IoHandle(int fd, Home home) : fd_(fd), home_(home), source_(fd >= 0 ? IoSource::Allocate() : nullptr) {}

void IoHandle::Close() {
  const int fd = std::exchange(fd_, -1);
  if (IoSource* source = std::exchange(source_, nullptr)) {
    source->Retire(fd, /*close=*/true);
  } else if (fd >= 0) {
    base::sys::Close(fd);
  }
}

int IoHandle::Release() {
  const int kept = source_ != nullptr ? source_->Retire(fd_, /*close=*/false) : fd_;
  if (kept < 0) return kept;
  fd_ = -1;
  source_ = nullptr;
  return kept;
}

bool IoHandle::BeginSlow(Context& cx, Direction direction, const char* what, IoWaiter* waiter, Attempt& attempt) {
  if (cx.budget_spent()) {
    (void)cx.ConsumeBudget();  // refuses, and arranges the next poll
    return false;
  }
  if (source_ == nullptr) {
    attempt.status = fd_ < 0 ? ErrnoStatus(EBADF, what) : TooManySources(what);
    return false;
  }
  if (!attempt.tried) {
    attempt.seen = source_->readiness();
    if (MayTry(attempt.seen, direction)) return true;
  }
  return Wait(cx, direction, what, waiter, attempt);
}

// Registers, looks again, and watches if that is still to be done. Whether an event came meanwhile.
bool IoHandle::Wait(Context& cx, Direction direction, const char* what, IoWaiter* waiter, Attempt& attempt) {
  const uint64_t word = source_->Register(cx.waker(), direction, waiter);
  if ((word & IoSource::kShutdown) != 0) {
    attempt.status = ShutdownError(what);
    return false;
  }
  // After a try only a new event counts: the closed bits stay, and would let us spin.
  const bool again = attempt.tried ? ((word ^ attempt.seen) & IoSource::kTickMask) != 0 : (word & Ready::Of(direction)) != 0;
  if (again) {
    attempt.seen = word;
    attempt.tried = false;
    return true;
  }
  if ((word & IoSource::WatchBit(direction)) != 0) return false;
  attempt.status = Watch(IoSource::WatchBit(direction), what);
  return false;
}

Status IoHandle::Watch(uint64_t wanted, const char* what) {
  Reactor* reactor = nullptr;
  if (DriverSet* drivers = CurrentThread().drivers) {
    reactor = home_ == Home::kOwn ? drivers->OwnReactor() : drivers->PickReactor();
  }
  return reactor != nullptr ? source_->Watch(fd_, wanted, reactor, what) : IoUnavailable(what);
}

Status IoHandle::StartWatching(uint32_t bits, const char* what) {
  if (source_ == nullptr) return fd_ < 0 ? ErrnoStatus(EBADF, what) : TooManySources(what);
  const uint64_t word = source_->readiness();
  const bool writing = (bits & Ready::kWritable) != 0;
  const bool reading = (bits & (Ready::kReadable | Ready::kPriority)) != 0 || !writing;
  const uint64_t wanted = (reading ? IoSource::kWatchIn : 0) | (writing ? IoSource::kWatchOut : 0);
  return (wanted & ~word) == 0 ? OkStatus() : Watch(wanted, what);
}

bool IoHandle::MayBeReady(Direction direction, const char* what, Attempt& attempt) {
  if (source_ == nullptr) {
    if (fd_ < 0) attempt.status = ErrnoStatus(EBADF, what);
    return fd_ >= 0;
  }
  attempt.seen = source_->readiness();
  if (MayTry(attempt.seen, direction)) return true;
  attempt.status = (attempt.seen & IoSource::kShutdown) != 0 ? ShutdownError(what) : EmptyError();
  return false;
}

Poll<StatusOr<uint32_t>> IoHandle::PollReady(Context& cx, Direction direction, const char* what, IoWaiter* waiter) {
  if (cx.budget_spent()) {
    (void)cx.ConsumeBudget();  // refuses, and arranges the next poll
    return kPending;
  }
  if (source_ == nullptr) return fd_ < 0 ? ErrnoStatus(EBADF, what) : TooManySources(what);
  Attempt attempt;
  attempt.seen = source_->readiness();
  const uint32_t wanted = Ready::Of(direction);
  if ((attempt.seen & wanted) == 0 || (attempt.seen & IoSource::kShutdown) != 0) {
    if (!Wait(cx, direction, what, waiter, attempt)) {
      if (attempt.status.ok()) return kPending;
      return std::move(attempt.status);
    }
  }
  (void)cx.ConsumeBudget();  // there is some, see above
  return static_cast<uint32_t>(attempt.seen & wanted);
}

Poll<StatusOr<uint64_t>> IoHandle::PollAny(Context& cx, uint32_t bits, const char* what, IoWaiter& waiter,
                                           const uint64_t* tried) {
  if (cx.budget_spent()) {
    (void)cx.ConsumeBudget();  // refuses, and arranges the next poll
    return kPending;
  }
  if (source_ == nullptr) return fd_ < 0 ? ErrnoStatus(EBADF, what) : TooManySources(what);
  const auto is_ready = [bits, tried](uint64_t word) {
    return (word & bits) != 0 && (tried == nullptr || ((word ^ *tried) & IoSource::kTickMask) != 0);
  };
  uint64_t word = source_->readiness();
  if (!is_ready(word) || (word & IoSource::kShutdown) != 0) {
    word = source_->Register(cx.waker(), bits, waiter);
    if ((word & IoSource::kShutdown) != 0) return ShutdownError(what);
    if (!is_ready(word)) {
      Status watched = StartWatching(bits, what);
      if (watched.ok()) return kPending;
      return watched;
    }
  }
  (void)cx.ConsumeBudget();  // there is some, see above
  return word;
}

void IoHandle::ClearReady(uint64_t seen, uint32_t bits) {
  if (source_ == nullptr) return;
  // As FoundNothing: the closed bits stay, and beside them an error, which comes with no new edge then.
  bits &= ~((seen & kClosed) != 0 ? kClosed | Ready::kError : kClosed);
  if ((seen & bits) != 0) source_->Clear(seen, bits);
}

void IoHandle::CameShort(const Attempt& attempt, Direction direction) {
  if (source_ == nullptr || base::sys::LastWasCut()) return;
  // Not after a hang-up, whose edge came already, nor beside urgent data, at whose mark a read stops.
  if ((attempt.seen & (kClosed | Ready::kError | Ready::kPriority)) != 0) return;
  if ((attempt.seen & TakenBy(direction)) != 0) source_->Clear(attempt.seen, TakenBy(direction));
}

void IoHandle::FoundNothing(Attempt& attempt, Direction direction) {
  attempt.tried = true;
  if (source_ == nullptr) return;
  // The error was fetched by somebody, or nothing would not have been found. A hang-up stays.
  const uint32_t bits = TakenBy(direction) | ((attempt.seen & kClosed) == 0 ? Ready::kError : 0);
  if ((attempt.seen & bits) != 0) source_->Clear(attempt.seen, bits);
}

}  // namespace kioto::internal
