// RunQueue: the ready tasks of one worker. A LIFO slot for the task just woken, whose data is still in the cache, and a
// bounded ring. The owner pushes and pops; any worker may steal half of the ring, the monitor may take the slot.
//
// STATE       slot_    null, or a task. Only the owner stores a task; everyone takes by exchange.
//             ring_    kCapacity atomic pointers, indexed by free-running 32-bit counters.
//             head_    two counters in one word: `steal` (low 32 bits) and `real` (high 32 bits). Tasks real … tail_-1 wait.
//                      steal != real: a thief has claimed steal … real-1 and copies them out; their cells may not be
//                      reused before it is done. At most one thief at a time.
//             tail_    where the owner pushes next; written by the owner alone.
//             kept_    how many tasks of a driver's turn found a full ring: a list of the owner's, until the turn ends.
// OWNERSHIP   ring_[i]: the owner while i is in tail_ … steal+kCapacity-1; the claimer (owner by pop, or thief) once claimed.
// RACES       R1 pop against steal: both claim by a CAS of head_; one fails and tries again.
//             R2 push against a thief that still copies: a push may only use cells up to steal + kCapacity; if `real` has
//                room but `steal` does not, the task overflows to the injector, alone.
//             R3 two thieves: the second sees steal != real and leaves.
//             R4 the owner puts a task into the slot while the monitor takes it: the owner stores only after it has seen
//                null, else exchanges; so no task is taken twice and none is overwritten.
//             R5 ABA on head_: 32-bit counters would have to wrap within one CAS.
// COST        push 0 RMW; pop 1; steal 2; slot: put into an empty one 0, into a full one 1, take 1.
#ifndef KIOTO_RUNTIME_SCHEDULER_RUN_QUEUE_H_
#define KIOTO_RUNTIME_SCHEDULER_RUN_QUEUE_H_

#include <cstddef>
#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/scheduler/injector.h"

namespace kioto::internal {

class RunQueue {
 public:
  static constexpr uint32_t kCapacity = limits::kRunQueueCapacity;

  RunQueue() = default;
  RunQueue(const RunQueue&) = delete;

  // --- The owner ---

  // Puts `task` at the tail. A full ring moves its older half and `task` to the injector.
  void Push(TaskHeader* task, Injector& overflow);
  // The same while a driver's turn brings many at once: what finds a full ring is kept apart until Flush, and no older task leaves
  // for it. A busy driver brings some in every turn: a task that had to leave in each would never be polled.
  void PushBrought(TaskHeader* task);
  // What PushBrought has kept goes to the injector; whether there was something.
  bool Flush(Injector& overflow) {
    if (kept_ == 0) return false;
    FlushKept(overflow);
    return true;
  }
  // The oldest task, or null.
  TaskHeader* Pop();
  // Puts `task` into the slot; what was there is returned, for the caller to Push.
  TaskHeader* PutSlot(TaskHeader* task);
  // Any thread; for another than the owner a hint.
  bool slot_empty() const {
    return slot_.load(std::memory_order_relaxed) == nullptr;  // relaxed: only the owner stores tasks, so to it null is final
  }
  // Tasks that the ring may still take without overflow, and the counters of its two ends.
  uint32_t room() const;
  uint32_t tail() const {
    return tail_.load(std::memory_order_relaxed);  // relaxed: the owner's own
  }
  uint32_t head() const { return Real(head_.load(std::memory_order_relaxed)); }  // relaxed: thieves only move it on

  // Moves up to half of `victim`'s ring here, and returns the newest of them, to be run at once. Null: nothing to steal,
  // or another thief is at it.
  TaskHeader* StealFrom(RunQueue& victim);

  // --- Anyone ---

  // Takes the task in the slot.
  TaskHeader* TakeSlot();
  // Tasks in the ring: a hint.
  uint32_t size() const;
  // Times that the ring was full and tasks went to the injector.
  uint64_t overflows() const {
    return overflows_.load(std::memory_order_relaxed);  // relaxed: a figure
  }
  bool empty() const { return size() == 0; }

 private:
  static uint64_t Pack(uint32_t steal, uint32_t real) { return uint64_t{real} << 32 | steal; }
  static uint32_t Steal(uint64_t head) { return static_cast<uint32_t>(head); }
  static uint32_t Real(uint64_t head) { return static_cast<uint32_t>(head >> 32); }
  static constexpr uint32_t kMask = kCapacity - 1;
  static_assert((kCapacity & kMask) == 0, "a power of two");

  bool PutAtTail(TaskHeader* task, uint64_t head);
  void CountOverflow();
  void FlushKept(Injector& overflow);
  bool PushOverflow(TaskHeader* task, uint64_t head, uint32_t tail, Injector& overflow);
  uint32_t ClaimHalf(uint32_t own_tail, RunQueue& target);

  base::Atomic<TaskHeader*> slot_{nullptr};
  base::Atomic<uint64_t> head_{0};
  base::Atomic<uint32_t> tail_{0};
  base::Atomic<TaskHeader*> ring_[kCapacity] = {};
  base::Atomic<uint64_t> overflows_{0};  // the owner's
  TaskHeader* first_kept_ = nullptr;     // the owner's, as are these
  TaskHeader* last_kept_ = nullptr;
  size_t kept_ = 0;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_RUN_QUEUE_H_
