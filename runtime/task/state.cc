#include "kioto/runtime/task/state.h"

#include <utility>

#include "kioto/runtime/base/mutant.h"

namespace kioto::internal {

TaskState::ToWoken TaskState::Abort() {
  uint64_t now = state.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the compare-exchange
  for (;;) {
    if ((now & (kComplete | kAborted)) != 0) return ToWoken::kNothing;
    const bool idle = (now & kOwned) == 0;
    const uint64_t next = now | kAborted | (idle ? kOwned : 0);
    // acq_rel: pairs with the acquire of StartPoll or Suspend (R3).
    if (state.compare_exchange_weak(now, next, std::memory_order_acq_rel, std::memory_order_relaxed)) {
      return idle ? ToWoken::kEnqueue : ToWoken::kNothing;
    }
  }
}

bool TaskState::TakeIdle() {
  uint64_t now = state.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the compare-exchange
  while ((now & (kOwned | kComplete)) == 0) {
    // acq_rel: the acquire pairs with the release of the Suspend before, which hands over the future.
    if (state.compare_exchange_weak(now, now | kOwned, KIOTO_ORDER("task_state.take_idle_order", std::memory_order_acq_rel),
                                    std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

TaskState::ToComplete TaskState::Complete(bool output_dropped) {
  uint64_t now = state.load(std::memory_order_acquire);  // acquire: pairs with RegisterJoin's release of join_waker_
  for (;;) {
    if ((now & kJoinInterest) == 0 && !output_dropped && !KIOTO_MUTANT("task_state.complete_forgets_output")) return ToComplete::kDropOutput;
    const bool wake = (now & kJoinWaker) != 0;
    uint64_t next = (now | kComplete) & ~(kOwned | kWoken);
    // The spare references, and the live one, go with the same RMW.
    next -= kRefOne * (KIOTO_MUTANT("task_state.keep_spare") ? 0 : spare_.Read());
    if (!wake) next -= kRefOne;
    // acq_rel: the release publishes the output to the JoinHandle; the acquire pairs with RegisterJoin (R5), and, for the
    // last reference, with the other Unrefs.
    if (state.compare_exchange_weak(now, next, KIOTO_ORDER("task_state.complete_order", std::memory_order_acq_rel),
                                    std::memory_order_acquire)) {
      if (wake) {
        join_waker_.Read().Wake();  // not as its last wake: the JoinHandle may look at it yet
        Unref();
      } else if (next >> kRefShift == 0) {
        vtable->destroy(this);
      }
      return ToComplete::kDone;
    }
  }
}

TaskState::ToJoin TaskState::RegisterJoin(const Waker& waker) {
  uint64_t now = state.load(std::memory_order_acquire);  // acquire: pairs with Complete's release of the output
  if ((now & kComplete) != 0) return ToJoin::kComplete;
  if ((now & kJoinWaker) != 0) {
    if (join_waker_.Read().WillWake(waker)) return ToJoin::kRegistered;
    // Take the cell back, unless completion comes first. acq_rel: pairs with Complete (R5).
    do {
      if ((now & kComplete) != 0) return ToJoin::kComplete;
    } while (!state.compare_exchange_weak(now, now & ~kJoinWaker, std::memory_order_acq_rel, std::memory_order_acquire));
    now &= ~kJoinWaker;
  }
  join_waker_.Write() = waker;
  // acq_rel: the release publishes join_waker_ to Complete; acquire on both sides: pairs with Complete's release (R5).
  do {
    if ((now & kComplete) != 0) return ToJoin::kComplete;
  } while (!state.compare_exchange_weak(now, now | kJoinWaker,
                                        KIOTO_ORDER("task_state.register_order", std::memory_order_acq_rel),
                                        std::memory_order_acquire));
  return ToJoin::kRegistered;
}

TaskState::ToDetached TaskState::DropJoin() {
  uint64_t now = state.load(std::memory_order_acquire);  // acquire: pairs with Complete's release of the output
  for (;;) {
    if ((now & kComplete) != 0) return ToDetached::kDropOutput;
    if ((now & kJoinWaker) != 0) {
      // First take the cell back and empty it: the waker must not outlive the handle. acq_rel: pairs with Complete (R5).
      if (!state.compare_exchange_weak(now, now & ~kJoinWaker, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      now &= ~kJoinWaker;
      join_waker_.Write() = Waker();
    }
    // The live reference keeps the count above zero. acq_rel: pairs with Complete (R6).
    const uint64_t next = (now & ~kJoinInterest) - kRefOne;
    if (state.compare_exchange_weak(now, next, std::memory_order_acq_rel, std::memory_order_acquire)) {
      return ToDetached::kDetached;
    }
  }
}

}  // namespace kioto::internal
