#include "kioto/sync/internal/lock_core.h"

#include <algorithm>

#include "kioto/runtime/base/check.h"

namespace kioto::sync::internal {

void LockCore::HandOver() { queue_.HandOver(*this); }

uint64_t LockCore::TakeUpTo(uint64_t count) {
  uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: not older than this thread's own RMW (R1)
  for (;;) {
    const uint64_t now = std::min(count, word / kFreeOne);
    if (now == 0) return 0;
    // relaxed on failure: another guess. acquire: pairs with the release of Leave; who gets the permits acquires it from here.
    if (word_.compare_exchange_weak(word, word - now * kFreeOne,
                                    KIOTO_ORDER("lock_core.take_order", std::memory_order_acquire),
                                    std::memory_order_relaxed)) {
      return now;
    }
  }
}

LockWait::LockWait(LockWait&& other) noexcept : core_(other.core_), count_(other.count_) {
  KIOTO_CHECK(!other.waiter_.has_value(), "the wait for a lock was moved after its first poll");
}

bool LockWait::PollSlow(Context& cx) {
  if (cx.budget_spent()) {
    (void)cx.ConsumeBudget();
    return false;
  }
  PermitWaiter::State state;
  if (waiter_.has_value()) {
    state = core_->queue_.Check(*waiter_, cx.waker());
  } else {
    waiter_.emplace();
    state = core_->queue_.Join(*core_, *waiter_, count_, cx.waker());
  }
  if (state != PermitWaiter::kGranted) return false;
  waiter_.reset();
  (void)cx.ConsumeBudget();
  return true;
}

void LockWait::GiveUp() {
  const uint64_t got = core_->queue_.Leave(*core_, *waiter_);
  waiter_.reset();
  if (got > 0 && !KIOTO_MUTANT("lock_wait.keeps_grant")) core_->Leave(got);
}

}  // namespace kioto::sync::internal
