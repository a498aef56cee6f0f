// LockCore: all of a lock but what it protects: a number of permits, of which a reader takes one and a writer all. Mutex
// (one permit) and RwLock are thin templates over it. A lock is never closed: waiting for it ends with it.
//
// STATE       one 64-bit word: kWaiters (bit 0: somebody is in the queue, nobody may pass it) | free permits (bits
//             1..63). Who waits: permit_queue.h.
// OWNERSHIP   a permit: of the word while free, else of its guard, or of the waiter that was given it. The value: who
//             has all permits may change it, who has one may read it.
// RACES       R1 permits are freed while somebody joins the queue: both are RMWs of the word. Freed first: the joiner,
//                which looks after it has set kWaiters, finds them. Freed second: kWaiters is seen, and they are handed
//                over.
//             R2 between freeing and handing over the permits lie in the word: kWaiters keeps everybody else from them.
//             R3 a writer that becomes a reader keeps one permit all the time: no other writer has all meanwhile.
// COST        RMWs: lock 1, unlock 1, both uncontended. Waiting: the queue's lock, 2, a reference and a wake more.
#ifndef KIOTO_SYNC_INTERNAL_LOCK_CORE_H_
#define KIOTO_SYNC_INTERNAL_LOCK_CORE_H_

#include <cstdint>
#include <optional>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/future/context.h"
#include "kioto/sync/internal/permit_queue.h"

namespace kioto::sync::internal {

class LockCore {
 public:
  explicit LockCore(uint64_t permits) : word_(permits * kFreeOne) {}
  LockCore(const LockCore&) = delete;
  LockCore& operator=(const LockCore&) = delete;

  // Takes `count` permits if they are free and nobody waits.
  [[nodiscard]] bool TryEnter(uint64_t count) {
    uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
    while (((word & kWaiters) == 0 || KIOTO_MUTANT("lock_core.barge")) && word >= count * kFreeOne) {
      // acquire: pairs with the release of Leave. relaxed on failure: another guess.
      if (word_.compare_exchange_weak(word, word - count * kFreeOne,
                                      KIOTO_ORDER("lock_core.enter_order", std::memory_order_acquire),
                                      std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }
  // Gives back `count` permits.
  void Leave(uint64_t count) {
    // release: pairs with the acquire of whoever takes them, in TryEnter or TakeUpTo.
    const uint64_t word =
        word_.fetch_add(count * kFreeOne, KIOTO_ORDER("lock_core.leave_order", std::memory_order_release));
    if ((word & kWaiters) != 0 && !KIOTO_MUTANT("lock_core.no_hand_over")) HandOver();  // R1
  }

 private:
  friend class LockWait;
  friend class PermitQueue;

  static constexpr uint64_t kWaiters = 1;
  static constexpr uint64_t kFreeOne = 2;

  void HandOver();

  // As the PermitQueue's source.
  bool closed() const { return false; }
  uint64_t TakeUpTo(uint64_t count);
  // relaxed, both: the order of the RMWs of the word alone decides R1 and R2, and they pass on what Leave has released.
  void SetWaiting() { word_.fetch_or(kWaiters, std::memory_order_relaxed); }
  void ClearWaiting() { word_.fetch_and(~kWaiters, std::memory_order_relaxed); }

  base::Atomic<uint64_t> word_;
  PermitQueue queue_;
};

// The wait for `count` permits: what a future of a lock is, but for its output.
class LockWait {
 public:
  LockWait(LockCore& core, uint64_t count) : core_(&core), count_(count) {}
  LockWait(LockWait&& other) noexcept;  // before the first poll only
  LockWait& operator=(LockWait&&) = delete;
  ~LockWait() {
    if (waiter_.has_value()) GiveUp();
  }

  // Whether the permits are the caller's now. Once.
  [[nodiscard]] bool Poll(Context& cx) {
    if (waiter_.has_value() || cx.budget_spent() || !core_->TryEnter(count_)) return PollSlow(cx);
    (void)cx.ConsumeBudget();
    return true;
  }
  LockCore& core() const { return *core_; }
  uint64_t count() const { return count_; }

 private:
  bool PollSlow(Context& cx);
  void GiveUp();

  LockCore* core_;
  uint64_t count_;
  std::optional<PermitWaiter> waiter_;  // while it is queued, or holds something
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_LOCK_CORE_H_
