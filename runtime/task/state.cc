#include "kioto/runtime/task/state.h"

#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto::internal {

TaskState::ToWoken TaskState::Wake() {
  uint64_t now = state.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the compare-exchange
  for (;;) {
    if ((now & kComplete) != 0) return ToWoken::kNothing;
    if (KIOTO_MUTANT("task_state.wake_only_if_needed") && (now & kWoken) != 0) return ToWoken::kNothing;
    const bool idle = (now & kOwned) == 0;
    const uint64_t next = now | (idle ? kOwned : kWoken);
    // acq_rel: the release pairs with the acquire of StartPoll or Suspend, so the next poll sees what came before the wake.
    if (state.compare_exchange_weak(now, next, KIOTO_ORDER("task_state.wake_order", std::memory_order_acq_rel),
                                    std::memory_order_relaxed)) {
      return idle ? ToWoken::kEnqueue : ToWoken::kNothing;
    }
  }
}

TaskState::ToWoken TaskState::WakeLast() {
  uint64_t now = state.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the compare-exchange
  for (;;) {
    if ((now & kComplete) != 0) {
      Unref();
      return ToWoken::kNothing;
    }
    const bool idle = (now & kOwned) == 0;
    // An owned task is live: the reference that goes is not the last.
    const uint64_t next = idle ? now | kOwned : (now | kWoken) - kRefOne;
    // acq_rel: as in Wake; the acquire also takes over `spare_` from the Suspend before.
    if (state.compare_exchange_weak(now, next, KIOTO_ORDER("task_state.wake_last_order", std::memory_order_acq_rel),
                                    std::memory_order_relaxed)) {
      if (!idle) return ToWoken::kNothing;
      if (spare_.Read() < kMaxSpare) {
        ++spare_.Write();
      } else {
        Unref();
      }
      return ToWoken::kEnqueue;
    }
  }
}

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

TaskState::ToPoll TaskState::StartPoll() {
  uint64_t now = state.load(std::memory_order_acquire);  // acquire: pairs with the release of the Wake or Suspend before
  KIOTO_DCHECK((now & kOwned) != 0 && (now & kComplete) == 0, "a task was polled by somebody without the right to");
  if ((now & kWoken) != 0) {
    // acq_rel: pairs with every Wake so far (R2).
    now = state.fetch_and(~kWoken, KIOTO_ORDER("task_state.start_poll_order", std::memory_order_acq_rel));
  }
  return (now & kAborted) != 0 ? ToPoll::kCancel : ToPoll::kPoll;
}

TaskState::ToIdle TaskState::Suspend() {
  uint64_t now = state.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the compare-exchange
  for (;;) {
    KIOTO_DCHECK((now & kOwned) != 0, "a task was suspended by somebody without the right to");
    if ((now & kAborted) != 0) {
      state.fetch_and(~kWoken, std::memory_order_acq_rel);  // acq_rel: pairs with Abort's release (R3)
      return ToIdle::kCancel;
    }
    const bool woken = (now & kWoken) != 0 && !KIOTO_MUTANT("task_state.suspend_ignores_woken");
    // Woken: the right is kept, for the caller to enqueue (R1). Else it is given back.
    const uint64_t next = woken ? now & ~kWoken : now & ~kOwned;
    // acq_rel: the release hands the future's state to the next poller (pairs with Wake's acquire and StartPoll's); the
    // acquire pairs with the Wake that set kWoken.
    if (state.compare_exchange_weak(now, next, KIOTO_ORDER("task_state.suspend_order", std::memory_order_acq_rel),
                                    std::memory_order_relaxed)) {
      return woken ? ToIdle::kRequeue : ToIdle::kIdle;
    }
  }
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
