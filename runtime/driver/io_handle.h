// IoHandle: a non-blocking fd and its place in a reactor. What every socket is made of.
//
// An operation is tried first, and waited for when it finds nothing. The first wait adds the fd to a reactor of the runtime
// entered on this thread, the least loaded one if not told otherwise; from then on what events said is remembered, and an
// operation is tried only when something came since it last found nothing: an exchange of an echo is one read and one write.
//
// Threads: one task at a time per direction (reading and writing may be two tasks on two threads); with an IoWaiter each,
// any number of tasks per direction. Destruction and Release: when no other thread uses the handle.
#ifndef KIOTO_RUNTIME_DRIVER_IO_HANDLE_H_
#define KIOTO_RUNTIME_DRIVER_IO_HANDLE_H_

#include <errno.h>
#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_source.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"

namespace kioto::internal {

// The reactor that watches an fd from its first wait on.
enum class Home : uint8_t {
  kLeastLoaded,  // for what lives long and says much
  kOwn,          // this thread's own: for what says one thing to one task. No other worker is woken for it
};

class IoHandle {
 public:
  IoHandle() = default;
  explicit IoHandle(int fd, Home home = Home::kLeastLoaded);  // owns it; it must be non-blocking already
  IoHandle(IoHandle&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), home_(other.home_), source_(std::exchange(other.source_, nullptr)) {}
  IoHandle& operator=(IoHandle&& other) noexcept {
    if (this == &other) return *this;
    Close();
    fd_ = std::exchange(other.fd_, -1);
    home_ = other.home_;
    source_ = std::exchange(other.source_, nullptr);
    return *this;
  }
  ~IoHandle() { Close(); }

  int fd() const { return fd_; }  // -1: none
  bool is_open() const { return fd_ >= 0; }

  // Deregisters, closes, and wakes whoever still waits. Any thread, at once. Again: no effect.
  void Close();
  // Deregisters and gives the fd back, under another number perhaps where the reactor is the portable one. -EMFILE when that
  // needs a number and none is left; the handle is then what it was.
  int Release();

  // Calls `op` (returns >= 0, or -errno) when `direction` may be ready. On -EAGAIN clears the cached readiness (only the
  // tick it saw), registers cx's waker, tries once more if an event came meanwhile, else Pending. Errors: what `op` gave;
  // IoUnavailable if the first wait is outside a runtime; ShutdownError. Consumes one unit of budget per ready result, and
  // one more for each kBytesPerUnit of it.
  //
  // `wanted`: a result shorter than this proves that there is no more, and spares the next call an -EAGAIN. 0 where it
  // proves nothing: datagrams, terminals, Unix sockets that carry fds.
  // `waiter`: for handles that several tasks wait for, one in each waiting future.
  template <class Op>
  Poll<StatusOr<size_t>> PollIo(Context& cx, Direction direction, size_t wanted, const char* what, Op op,
                                IoWaiter* waiter = nullptr) {
    Attempt attempt;
    while (Begin(cx, direction, what, waiter, attempt)) {
      const ssize_t result = op();
      if (result >= 0) {
        Spend(cx, static_cast<size_t>(result));
        Succeeded(attempt, direction, wanted, static_cast<size_t>(result));
        return static_cast<size_t>(result);
      }
      if (result != -EAGAIN) return Status(ErrnoStatus(static_cast<int>(result), what));
      FoundNothing(attempt, direction);
    }
    if (attempt.status.ok()) return kPending;
    return std::move(attempt.status);
  }

  // One try, no waiting: IsEmpty when not ready. Does not call `op` when the reactor knows that nothing has come.
  template <class Op>
  StatusOr<size_t> TryIo(Direction direction, size_t wanted, const char* what, Op op) {
    Attempt attempt;
    if (!MayBeReady(direction, what, attempt)) return std::move(attempt.status);
    const ssize_t result = op();
    if (result >= 0) {
      Succeeded(attempt, direction, wanted, static_cast<size_t>(result));
      return static_cast<size_t>(result);
    }
    if (result != -EAGAIN) return ErrnoStatus(static_cast<int>(result), what);
    FoundNothing(attempt, direction);
    return EmptyError();
  }

  // Waits for readiness alone: gives the Ready bits of that direction. Spurious readiness is allowed.
  Poll<StatusOr<uint32_t>> PollReady(Context& cx, Direction direction, const char* what, IoWaiter* waiter = nullptr);

  // The same for any of `bits`; gives IoSource's word with them, for ClearReady. `tried`: the word before an operation that
  // has found nothing since: only a later event counts.
  Poll<StatusOr<uint64_t>> PollAny(Context& cx, uint32_t bits, const char* what, IoWaiter& waiter,
                                   const uint64_t* tried = nullptr);
  // An operation for `bits` found nothing: forgets them, unless an event came since `seen`. A hang-up stays.
  void ClearReady(uint64_t seen, uint32_t bits);
  // As if an event of `direction` had come: for what the kernel tells nobody of.
  void AssumeReady(Direction direction) {
    if (source_ != nullptr) (void)IoSource::Dispatch(source_->token(), Ready::Of(direction) & (Ready::kReadable | Ready::kWritable));
  }
  // Watches what `bits` need now, not at the first wait. Errors: IoUnavailable, the reactor's; then no more is watched than before.
  Status StartWatching(uint32_t bits, const char* what);
  // IoSource's word as it is now; 0 without one.
  uint64_t word() const { return source_ != nullptr ? source_->readiness() : 0; }

  // The Ready bits known now, of all directions. Any thread; a hint.
  uint32_t ready() const { return source_ != nullptr ? source_->readiness() & Ready::kAll : 0; }

  // What a unit of budget is in bytes: 64 KiB spend a poll, some 20 us of copying, so that a task which moves much leaves its
  // worker as soon as one which moves little and often; and bytes that pass through several tasks are still in the cache.
  static constexpr size_t kBytesPerUnit = 512;

 private:
  struct Attempt {
    uint64_t seen = 0;    // the word before the operation
    bool tried = false;   // the operation has found nothing since
    Status status;        // why there will be no operation, if not because it has to wait
  };

  // Whether the operation shall be called now. If not: attempt.status, or it waits.
  bool Begin(Context& cx, Direction direction, const char* what, IoWaiter* waiter, Attempt& attempt) {
    if (source_ != nullptr && !attempt.tried && !cx.budget_spent()) {
      attempt.seen = source_->readiness();
      if (MayTry(attempt.seen, direction)) return true;
    }
    return BeginSlow(cx, direction, what, waiter, attempt);
  }
  static bool MayTry(uint64_t word, Direction direction) {
    if ((word & IoSource::kShutdown) != 0) return false;
    return (word & Ready::Of(direction)) != 0 || (word & IoSource::WatchBit(direction)) == 0;
  }
  bool BeginSlow(Context& cx, Direction direction, const char* what, IoWaiter* waiter, Attempt& attempt);
  bool Wait(Context& cx, Direction direction, const char* what, IoWaiter* waiter, Attempt& attempt);
  Status Watch(uint64_t wanted, const char* what);
  bool MayBeReady(Direction direction, const char* what, Attempt& attempt);

  static void Spend(Context& cx, size_t result) {
    int& left = cx.scope().budget;  // Begin has seen that there is some
    left -= static_cast<int>(std::min(static_cast<size_t>(left), 1 + result / kBytesPerUnit));
  }
  void Succeeded(const Attempt& attempt, Direction direction, size_t wanted, size_t result) {
    if (result < wanted && result != 0) CameShort(attempt, direction);
  }
  void CameShort(const Attempt& attempt, Direction direction);
  void FoundNothing(Attempt& attempt, Direction direction);

  int fd_ = -1;
  Home home_ = Home::kLeastLoaded;
  IoSource* source_ = nullptr;  // null: no fd, or none was left in the slab
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_IO_HANDLE_H_
