// TaskState: the life of a task in one word, and every way it may change.
//
// BITS        kOwned         somebody has the right to poll: a run-queue entry, or the worker that polls. At most one.
//             kWoken         woken since the right was taken; whoever holds kOwned polls again before giving it back
//             kComplete      the future is destroyed and the output stored (or dropped); never cleared
//             kAborted       destroy the future instead of polling it next; never cleared
//             kJoinInterest  a JoinHandle exists
//             kJoinWaker     join_waker is published
//             bits 16..63    references (WakeTarget): one for being live, held until completion, one for the JoinHandle,
//                            one for each Waker
// OWNERSHIP   the future: the holder of kOwned.  The output: the holder of kOwned until kComplete; after it the JoinHandle,
//             or, if there is no interest, the completer.  queue_next: the holder of kOwned.
//             join_waker: the JoinHandle while kJoinWaker is clear; read-only for everyone while it is set.
//             A run-queue entry needs no reference of its own: a task that is owned is not complete, so it is live.
//             spare: the holder of kOwned. So many references are counted, and in nobody's hands: the next wakers of the
//             task get theirs from here, and a wake that makes an idle task owned puts its own there, instead of counting
//             up and down. They go with the live one.
// RACES       R1 wake during a poll: kWoken is set, the poller sees it in ToIdle and queues the task again.
//             R2 wake between enqueue and poll: kWoken is set; StartPoll clears it, acquiring what the waker released.
//                A wake always does its RMW, kWoken set or not: else the second waker's writes could be missed.
//             R3 abort during a poll: kAborted is seen by the poller in ToIdle, or by StartPoll after a yield.
//             R4 abort or wake of an idle task: exactly one CAS sets kOwned; its author enqueues.
//             R5 completion against the JoinHandle's registration: both RMW this word; either the handle sees kComplete, or
//                the completer sees kJoinWaker.
//             R6 completion against the JoinHandle's drop: exactly one of them sees the other, and drops the output.
//             R7 after ToIdle has answered kIdle the task may be gone: nothing of it is touched.
//             R8 a look against everything: TakeIdle takes the right to poll of a task that waits, as a wake would; a wake or an
//                abort meanwhile is seen by the looker in Suspend, who enqueues the task then, as a poller would.
// COST        a waker 1 RMW in 16, none if it comes to an end by waking; wake 1 RMW; start of a poll 0 (1 if woken meanwhile); back to idle 1; yield 0; completion 1 (2 with a
//             registered join waker); join of a finished task 1, with waiting 2; detach 1.
#ifndef KIOTO_RUNTIME_TASK_STATE_H_
#define KIOTO_RUNTIME_TASK_STATE_H_

#include <cstdint>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/future/waker.h"

namespace kioto::internal {

class TaskState : public WakeTarget {
 public:
  static constexpr uint64_t kOwned = 1;
  static constexpr uint64_t kWoken = 2;
  static constexpr uint64_t kComplete = 4;
  static constexpr uint64_t kAborted = 8;
  static constexpr uint64_t kJoinInterest = 16;
  static constexpr uint64_t kJoinWaker = 32;
  // A new task: about to be enqueued, with a JoinHandle.
  static constexpr uint64_t kInitial = kOwned | kJoinInterest | 2 * kRefOne;

  explicit TaskState(const VTable* vtable) : WakeTarget(vtable, kInitial) {}

  // Any thread. Whether the caller has taken the right to poll, and must enqueue the task (R1, R2, R4).
  enum class [[nodiscard]] ToWoken { kEnqueue, kNothing };
  ToWoken Wake();
  ToWoken WakeLast();  // and takes over a reference of the caller
  ToWoken Abort();
  // Any thread that keeps the task's memory. Whether the caller has taken the right to poll of a task that waits for a wake:
  // to look at its future, not to poll it. It gives it back by Suspend, and enqueues the task if that does not answer
  // kIdle (R8).
  [[nodiscard]] bool TakeIdle();

  // The holder of kOwned.
  enum class [[nodiscard]] ToPoll { kPoll, kCancel };
  ToPoll StartPoll();
  enum class [[nodiscard]] ToIdle { kIdle, kRequeue, kCancel };
  ToIdle Suspend();

  // The holder of kOwned, the future being destroyed and the output stored. kDropOutput: nobody will join, the caller
  // drops the output and calls Complete again. Otherwise the live reference is given back, after waking the joiner.
  enum class [[nodiscard]] ToComplete { kDropOutput, kDone };
  ToComplete Complete(bool output_dropped);

  // The JoinHandle. Whether the output may be taken now; if not, `waker` will be woken (R5).
  enum class [[nodiscard]] ToJoin { kComplete, kRegistered };
  ToJoin RegisterJoin(const Waker& waker);
  // The JoinHandle goes away. kDropOutput: the output is the caller's to drop, then Unref. kDetached: the handle's
  // reference is given back already (R6).
  enum class [[nodiscard]] ToDetached { kDropOutput, kDetached };
  ToDetached DropJoin();

  // The holder of kOwned.
  base::Cell<uint8_t>& spare() { return spare_; }

  // Whether somebody has the right to poll, or the task has ended. A hint.
  bool owned() const {
    return (state.load(std::memory_order_relaxed) & (kOwned | kComplete)) != 0;  // relaxed: a hint
  }

  bool complete() const {
    return (state.load(std::memory_order_acquire) & kComplete) != 0;  // acquire: pairs with Complete's release
  }

 private:
  static constexpr uint8_t kMaxSpare = KIOTO_MODEL ? 1 : 64;

  base::Cell<Waker> join_waker_;
  base::Cell<uint8_t> spare_;
};

// What each wake and each poll goes through: inline, so that the two of run.cc that call them are one function each.

inline TaskState::ToWoken TaskState::Wake() {
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

inline TaskState::ToWoken TaskState::WakeLast() {
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

inline TaskState::ToPoll TaskState::StartPoll() {
  uint64_t now = state.load(std::memory_order_acquire);  // acquire: pairs with the release of the Wake or Suspend before
  KIOTO_DCHECK((now & kOwned) != 0 && (now & kComplete) == 0, "a task was polled by somebody without the right to");
  if ((now & kWoken) != 0) {
    // acq_rel: pairs with every Wake so far (R2).
    now = state.fetch_and(~kWoken, KIOTO_ORDER("task_state.start_poll_order", std::memory_order_acq_rel));
  }
  return (now & kAborted) != 0 ? ToPoll::kCancel : ToPoll::kPoll;
}

inline TaskState::ToIdle TaskState::Suspend() {
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

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_TASK_STATE_H_
