// TimerWheel: a hierarchical timing wheel (Varghese & Lauck 1987), one per worker; millisecond ticks; O(1) arm and cancel.
//
// Eight levels of 64 slots: an entry lies at the level of the highest group of six bits in which its tick differs from
// `elapsed_`, and moves down when the wheel reaches its slot. A deadline is rounded up to a tick, and a tick fires when it
// is over: late by up to a millisecond, never early.
//
// STATE      TimerEntry::state_: kIdle -> kArmed (Arm) -> kFired | kShutdown (the wheel) or kIdle (Cancel).
// OWNERSHIP  kArmed: links, tick and waker of the entry belong to its wheel's lock. Else: to the entry's owner.
//            wheel_ and registered_: the owner alone, always. The waker is never dropped or woken under the lock.
// RACES      R1 Cancel against expiry: both hold the lock and look at state_ under it; one of them takes the entry.
//            R2 the owner frees the entry as soon as it sees that it is not armed: the wheel's store of state_ is the last
//               thing it does to it.
//            R3 Cancel against Shutdown and reuse of the wheel: wheels are type-stable, so the lock is still a lock; only
//               the owner can arm, so what it then finds is not armed.
//            R4 Arm against a parking driver (a thread without a wheel arms on another's): both hold the lock; Arm sees
//               until when the driver means to sleep, or the driver sees the new deadline.
//            R5 an entry inside a task's own future holds no reference to that task (WakeTarget::VTable::interior): while it
//               is linked the future lives, and so does the task. Who takes it off makes the reference before it stores
//               state_ (R2), under the lock that the future's destructor would have to take (R1).
//            R6 Move against expiry: as R1; either the old deadline was met and the waker woken, or it will be at the new one.
//               Against the end of the runtime, which Move need not have entered: it hurries the driver under the lock, and the
//               driver goes after Shutdown, which takes the lock and leaves nothing armed.
// COST       Arm, Cancel, Move: 1 lock. Arm and Cancel 1 RMW more for an entry outside its task's future (R5). Poll of an armed
//            entry by the same task: no RMW. Unlocking is a store, publishing the next deadline too. Expiry: 1 lock per 64 entries,
//            and per entry the wake, and 1 Ref for one inside its task.
#ifndef KIOTO_RUNTIME_DRIVER_TIMER_WHEEL_H_
#define KIOTO_RUNTIME_DRIVER_TIMER_WHEEL_H_

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/driver/clock.h"
#include "kioto/runtime/future/waker.h"

namespace kioto::internal {

class TimerWheel;

enum class [[nodiscard]] TimerState : uint32_t { kIdle, kArmed, kFired, kShutdown };

// The place in a slot's circular list. A slot is a link by itself.
struct TimerLink {
  TimerLink* prev = nullptr;
  TimerLink* next = nullptr;
};

// Lives inside a Sleep (pinned). Its owner: one task at a time; its wheel: any thread.
class TimerEntry : private TimerLink {
 public:
  TimerEntry() = default;
  ~TimerEntry() { Cancel(); }
  TimerEntry(const TimerEntry&) = delete;
  TimerEntry& operator=(const TimerEntry&) = delete;

  // Where it stands; kFired and kShutdown are final until the next Arm. When kArmed, `waker` is what will be woken.
  TimerState Poll(const Waker& waker) {
    const TimerState now = state();
    if (now != TimerState::kArmed || registered_ == waker.target()) return now;
    return Rearm(waker);
  }
  // The same, without a look at who will be woken.
  TimerState state() const {
    return static_cast<TimerState>(state_.load(std::memory_order_acquire));  // acquire: pairs with the wheel's release (R2)
  }

  // Puts it on `wheel` for `deadline_ns` (of the runtime's clock), whatever it was on before. Any wheel, any state. A
  // deadline that the wheel has passed already fires at once, and wakes. `now_ns`: the clock, if the caller has just read
  // it; spares the wheel a move of the entry later.
  void Arm(TimerWheel& wheel, int64_t deadline_ns, const Waker& waker, int64_t now_ns = 0);

  // Another deadline for an armed entry, which keeps its wheel and its waker; one that the wheel has passed already fires at
  // once, and wakes. False: it was not armed, or no longer, and stays as it is.
  bool Move(int64_t deadline_ns);

  // Off its wheel: kIdle, unless it has fired. The waker is dropped.
  void Cancel() {
    if (state() == TimerState::kArmed) CancelArmed();
  }

 private:
  friend class TimerWheel;

  TimerState Rearm(const Waker& waker);
  void CancelArmed();
  // With the wheel's lock held.
  bool armed() const {
    return state_.load(std::memory_order_relaxed) == static_cast<uint32_t>(TimerState::kArmed);  // relaxed: under the lock
  }

  // A reference to `target`, which may be null, unless the entry lies inside what it destroys (R5).
  bool LiesIn(const WakeTarget* target) const {
    return reinterpret_cast<uintptr_t>(this) - reinterpret_cast<uintptr_t>(target) < target->vtable->interior;
  }
  void Take(WakeTarget* target) {
    if (target != nullptr && !LiesIn(target)) target->Ref();
  }
  void Drop(WakeTarget* target) {
    if (target != nullptr && !LiesIn(target)) target->Unref();
  }

  int64_t tick_ = 0;
  WakeTarget* target_ = nullptr;            // taken (Take), while armed
  TimerWheel* wheel_ = nullptr;             // the last one armed on
  const WakeTarget* registered_ = nullptr;  // what target_ was when armed: compared without the lock
  base::Atomic<uint32_t> state_{static_cast<uint32_t>(TimerState::kIdle)};
};
static_assert(KIOTO_MODEL || sizeof(void*) != 8 || sizeof(TimerEntry) <= 56, "timers are counted in millions");

class TimerWheel {
 public:
  // Wheels are type-stable: recycled, never freed, so that an entry may outlive its runtime.
  static TimerWheel* Make(int64_t now_ns);
  // Gives the wheel back for another runtime, after Shutdown, when nobody can Arm on it any more.
  void Recycle();
#if KIOTO_MODEL
  // An execution of a model begins with no recycled wheels, whatever one that failed has left, and leaves none.
  static void ForgetRecycled();
  static void FreeRecycled();
#endif

  // Every entry becomes kShutdown and is woken; later Arms too. Any thread, any number of times.
  void Shutdown();

  // Fires what is due at `now_ns` (never early), at most `max` entries, and touches `steps` of them at most, rounded up to 64, for one may only
  // move down a level; what is left keeps next_deadline() in the past. Wakes after unlocking. Any thread. Returns fired.
  int Expire(int64_t now_ns, int max, int steps = INT_MAX);

  // Not later than the earliest deadline (rounded up to ticks), and not in the past of the last Expire unless entries were
  // left due; kNever if there are none. An entry that was cancelled may still count until the next Expire. Any thread, one
  // load; a hint for all but the driver.
  int64_t next_deadline() const {
    return next_deadline_.load(std::memory_order_relaxed);  // relaxed: a hint; BeginPark is the exact one
  }
  size_t size() const {
    return size_.load(std::memory_order_relaxed);  // relaxed: as above
  }

  // The driver is about to sleep until `deadline_ns`. Returns the earlier of that and the next deadline; from here to
  // EndPark an Arm of something earlier calls `hurry` (R4), after unlocking.
  int64_t BeginPark(int64_t deadline_ns);
  void EndPark();
  void SetHurry(void (*hurry)(void*), void* arg);

 private:
  friend class TimerEntry;

  static constexpr int kBits = 6;
  static constexpr int kSlots = 1 << kBits;
  static constexpr int kLevels = 8;  // 48 bits of milliseconds: all that 63 bits of nanoseconds can say
  static constexpr int kBatch = 64;  // entries touched under one lock
  static constexpr int64_t kAwake = INT64_MIN;

  struct Next {
    int level;  // -1: nothing
    int slot;
    int64_t tick;
  };

  TimerWheel();
#if KIOTO_MODEL
  ~TimerWheel() = default;
#else
  ~TimerWheel() = delete;
#endif

  static int64_t TickOf(int64_t deadline_ns) {
    if (deadline_ns <= 0) return 0;
    // Rounded up; unsigned, so that it neither overflows nor divides twice.
    const uint64_t tick = (static_cast<uint64_t>(deadline_ns) + (kTickNs - 1)) / kTickNs;
    return static_cast<int64_t>(std::min<uint64_t>(tick, kNever / kTickNs));
  }

  // All with the lock held.
  bool IsPast(int64_t tick) const { return tick <= elapsed_; }
  void Place(TimerEntry* entry);
  // One that is to come. Whether the driver means to sleep longer, and is to be hurried (R4).
  bool PlaceAhead(TimerEntry* entry);
  void Unlink(TimerEntry* entry);
  WakeTarget* Finish(TimerEntry* entry, TimerState state);
  Next FindNext() const;
  bool Collect(int64_t now_tick, int limit, WakeTarget** targets, int* count);
  void Publish();
  void CountDown();

  base::SpinLock lock_;
  bool shut_down_ = false;
  int cascading_ = 0;          // the level whose current slot is being moved down; 0: none
  int64_t elapsed_ = 0;        // ticks that are over: nothing earlier is linked
  int64_t parked_until_ = kAwake;
  void (*hurry_)(void*) = nullptr;
  void* hurry_arg_ = nullptr;
  base::Atomic<int64_t> next_deadline_{kNever};  // written under the lock
  base::Atomic<size_t> size_{0};                 // written under the lock
  TimerWheel* next_free_ = nullptr;              // under the pool's lock
  uint64_t occupied_[kLevels] = {};
  TimerLink slots_[kLevels][kSlots];
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_TIMER_WHEEL_H_
