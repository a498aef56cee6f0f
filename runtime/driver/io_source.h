// IoSource: one registered fd as the runtime sees it: what is ready, and who waits. Lives in a slab that is never freed, so
// that an event that comes late, or a waker on its way, finds a source, if perhaps a later one.
//
// STATE      readiness_, one word:
//              bits 0..5    Ready bits, from events
//              kShutdown    the reactor is gone: every wait ends with an error
//              kHasWaiters  the list is not empty: whoever brings an event takes the lock and wakes it
//              kWatchIn     the fd is watched for reading (and priority, and hang-up); kWatchOut: for writing. A direction
//                           that is not watched may be ready: the operation is simply tried.
//              tick         22 bits, one more with every event: a task clears only what it has seen
//              generation   32 bits, one more with every owner of the slot: an event of an earlier one is dropped
// OWNERSHIP  readiness_: any thread. lock_ guards the reactor, the list and every system call that registers. One task
//            per direction in the WakerSlots; any number in the list.
// RACES      R1 an event against a wait: the waiter registers its waker, then reads the word; the event sets the word, then
//               wakes. Slots: WakerSlot's own races. List: link, then fetch_or(kHasWaiters) on the same word.
//            R2 an event against a clear: the clear is a CAS that wants the tick it saw.
//            R3 an event against Retire and reuse: setting bits is a CAS that wants the event's generation. What follows it
//               may wake the slot's next owner for nothing, which is allowed.
//            R4 Retire against Reactor::Shutdown: both hold lock_; the one that comes second finds no reactor.
//            R5 a first wait against Shutdown: Shutdown sets its flag before it looks at any source; Watch looks at the flag
//               under lock_. A source that was made meanwhile, which Shutdown does not look at, sees the flag by the lock
//               under which the slab grows.
// COST       event 1 RMW + WakerSlot::Wake; wait 1 RMW; clear 1 RMW; a ready operation none.
#ifndef KIOTO_RUNTIME_DRIVER_IO_SOURCE_H_
#define KIOTO_RUNTIME_DRIVER_IO_SOURCE_H_

#include <cstddef>
#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/intrusive_list.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/waker.h"
#include "kioto/runtime/future/waker_slot.h"

namespace kioto::internal {

class IoSource;
class Reactor;

enum class Direction : uint8_t { kRead, kWrite, kPriority };

// Bits of readiness, cached from events; hints, except the closed bits, which stay.
struct Ready {
  static constexpr uint32_t kReadable = 1, kWritable = 2, kReadClosed = 4, kWriteClosed = 8, kError = 16, kPriority = 32;
  static constexpr uint32_t kAll = 63;

  // What tells a waiter of `direction` to try.
  static constexpr uint32_t Of(Direction direction) {
    switch (direction) {
      case Direction::kRead:
        return kReadable | kReadClosed | kError;
      case Direction::kWrite:
        return kWritable | kWriteClosed | kError;
      case Direction::kPriority:
        return kPriority | kReadClosed | kError;
    }
    return 0;
  }
};

// One of several tasks that wait for the same direction. Lives in the waiting future (pinned); any thread, one at a time.
class IoWaiter : private base::ListNode<> {
 public:
  IoWaiter() = default;
  ~IoWaiter() { Cancel(); }
  IoWaiter(const IoWaiter&) = delete;
  IoWaiter& operator=(const IoWaiter&) = delete;

  // Waits no more. A wake that it was given and did not use is not passed on: all waiters are woken by every event.
  void Cancel();

 private:
  friend class IoSource;
  template <class T, class Tag>
  friend class base::IntrusiveList;

  IoSource* source_ = nullptr;  // the last one waited for; the rest is under its lock
  uint32_t mask_ = 0;
  Waker waker_;
};

class IoSource {
 public:
  // What readiness() packs.
  static constexpr uint64_t kShutdown = 1u << 6;
  static constexpr uint64_t kHasWaiters = 1u << 7;
  static constexpr uint64_t kWatchIn = 1u << 8;
  static constexpr uint64_t kWatchOut = 1u << 9;
  static constexpr uint64_t kTickOne = 1u << 10;
  static constexpr uint64_t kTickMask = (uint64_t{1} << 32) - kTickOne;
  static constexpr int kGenerationShift = 32;

  static constexpr uint64_t WatchBit(Direction direction) {
    return direction == Direction::kWrite ? kWatchOut : kWatchIn;
  }

  // Sources that a process may have at a time: more than the fds that Linux lets it have, unless fs.nr_open was raised.
  static constexpr uint32_t kMost = KIOTO_MODEL ? 4 : 512 * 8192;

  // From the slab; null when it is full (kMost). Any thread.
  static IoSource* Allocate();
#if KIOTO_MODEL
  // An execution of a model begins with no slab, whatever one that failed has left, and leaves none.
  static void ForgetSlab();
  static void FreeSlab();
#endif
  // Deregisters `fd`, wakes whoever still waits, makes old events void and gives the slot back; then, if `close`, closes
  // the fd, now or, where the reactor still needs it, soon. Gives the fd to keep, if not; -errno when it can not be had, and
  // then nothing has changed (portable reactor, no fd left for a duplicate). Any thread.
  int Retire(int fd, bool close);

  // An event for the owner that `token` names: sets the bits and wakes. False if that owner is gone. `disarm`: watch bits
  // to clear with it (one-shot reactors). Any thread.
  static bool Dispatch(uint64_t token, uint32_t bits, uint64_t disarm = 0);

  uint64_t readiness() const {
    return readiness_.load(std::memory_order_acquire);  // acquire: pairs with Dispatch's release (R1)
  }

  // Leaves `waker` for `direction`, in `waiter` if given; returns the word read after that.
  uint64_t Register(const Waker& waker, Direction direction, IoWaiter* waiter);
  // The same for any of `bits`.
  uint64_t Register(const Waker& waker, uint32_t bits, IoWaiter& waiter);

  // Clears `bits` if no event came since `seen`.
  void Clear(uint64_t seen, uint32_t bits);

  // Makes the directions of `wanted` (watch bits) watched, all or none: where the source is, or in `reactor` if it is in none yet.
  // An event follows for those that are ready.
  Status Watch(int fd, uint64_t wanted, Reactor* reactor, const char* what);

  // Marks every source of `reactor` and wakes its waiters. Called by Reactor::Shutdown.
  static void ShutDownAll(Reactor* reactor);

  // For reactors, with lock_ held (Reactor::Watch, Forget) or by their own thread.
  uint64_t token() const {
    // relaxed: the generation is written only by the owner
    return (readiness_.load(std::memory_order_relaxed) >> kGenerationShift << kGenerationShift) | index_;
  }
  void* reactor_data = nullptr;

 private:
  friend class IoWaiter;
  friend struct IoSlab;

  using WaiterList = base::IntrusiveList<IoWaiter>;

  WakerSlot& Slot(Direction direction) { return wakers_[static_cast<int>(direction)]; }
  void WakeFor(uint32_t bits);
  void WakeWaiters(uint32_t bits);
  void ForgetWakers();

  base::Atomic<uint64_t> readiness_{0};
  WakerSlot wakers_[3];
  base::SpinLock lock_;
  uint32_t index_ = 0;
  Reactor* reactor_ = nullptr;
  WaiterList waiters_;
  IoSource* next_free_ = nullptr;  // under the slab's lock
};
static_assert(KIOTO_MODEL || sizeof(IoSource) <= 96, "a connection pays for it");

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_IO_SOURCE_H_
