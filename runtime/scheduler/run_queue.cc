#include "kioto/runtime/scheduler/run_queue.h"

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto::internal {

// False: no room by `head`, which the caller has acquired from the thief's release of its cells (R2).
inline bool RunQueue::PutAtTail(TaskHeader* task, uint64_t head) {
  const uint32_t tail = this->tail();
  if (tail - (KIOTO_MUTANT("run_queue.ignore_thief") ? Real(head) : Steal(head)) >= kCapacity) return false;
  ring_[tail & kMask].store(task, std::memory_order_relaxed);  // relaxed: published by tail_
  // release: pairs with the acquire of tail_ in ClaimHalf and size().
  tail_.store(tail + 1, KIOTO_ORDER("run_queue.push_order", std::memory_order_release));
  return true;
}

void RunQueue::Push(TaskHeader* task, Injector& overflow) {
  for (;;) {
    uint64_t head = head_.load(std::memory_order_acquire);  // acquire: see PutAtTail
    if (PutAtTail(task, head)) return;
    if (Steal(head) != Real(head)) {  // R2: a thief makes room; no need to wait for it
      overflow.Push(task);
      return;
    }
    if (PushOverflow(task, head, tail(), overflow)) return;
  }
}

void RunQueue::PushBrought(TaskHeader* task) {
  if (kept_ == 0 && PutAtTail(task, head_.load(std::memory_order_acquire))) return;  // acquire: see PutAtTail
  task->queue_next = nullptr;
  if (kept_++ == 0) {
    first_kept_ = task;
  } else {
    last_kept_->queue_next = task;
  }
  last_kept_ = task;
}

void RunQueue::CountOverflow() {
  overflows_.store(overflows() + 1, std::memory_order_relaxed);  // relaxed: a figure
}

void RunQueue::FlushKept(Injector& overflow) {
  overflow.PushBatch(first_kept_, last_kept_, kept_);
  kept_ = 0;
  CountOverflow();
}

// Claims the older half as a pop of many would, and hands it over in one go.
bool RunQueue::PushOverflow(TaskHeader* task, uint64_t head, uint32_t tail, Injector& overflow) {
  constexpr uint32_t kHalf = kCapacity / 2;
  const uint32_t first = Real(head);
  KIOTO_DCHECK(tail - first == kCapacity, "overflow of a ring that is not full");
  (void)tail;
  const uint64_t next = Pack(first + kHalf, first + kHalf);
  // acq_rel: as in Pop; a thief that claims meanwhile makes it fail (R1).
  if (!head_.compare_exchange_strong(head, next, std::memory_order_acq_rel, std::memory_order_relaxed)) return false;
  TaskHeader* oldest = ring_[first & kMask].load(std::memory_order_relaxed);  // relaxed: stored by this thread
  TaskHeader* last = oldest;
  for (uint32_t i = 1; i < kHalf; ++i) {
    TaskHeader* each = ring_[(first + i) & kMask].load(std::memory_order_relaxed);  // relaxed: stored by this thread
    last->queue_next = each;
    last = each;
  }
  last->queue_next = task;
  overflow.PushBatch(oldest, task, kHalf + 1);
  CountOverflow();
  return true;
}

TaskHeader* RunQueue::Pop() {
  uint64_t head = head_.load(std::memory_order_acquire);        // acquire: pairs with the release of a thief's claim
  const uint32_t tail = tail_.load(std::memory_order_relaxed);  // relaxed: the owner's own
  for (;;) {
    const uint32_t real = Real(head);
    if (real == tail) return nullptr;
    // While a thief copies, its claim stays as it is.
    const uint64_t next = Steal(head) == real ? Pack(real + 1, real + 1) : Pack(Steal(head), real + 1);
    // acq_rel: pairs with the CAS of the thieves (R1).
    if (head_.compare_exchange_weak(head, next, std::memory_order_acq_rel, std::memory_order_acquire)) {
      return ring_[real & kMask].load(std::memory_order_relaxed);  // relaxed: stored by this thread
    }
  }
}

TaskHeader* RunQueue::PutSlot(TaskHeader* task) {
  // relaxed: only the owner stores tasks, so null stays null (R4).
  if (slot_.load(std::memory_order_relaxed) == nullptr) {
    // release: pairs with TakeSlot's acquire.
    slot_.store(task, KIOTO_ORDER("run_queue.slot_order", std::memory_order_release));
    return nullptr;
  }
  return slot_.exchange(task, std::memory_order_acq_rel);  // acq_rel: pairs with TakeSlot on both sides (R4)
}

TaskHeader* RunQueue::TakeSlot() {
  if (slot_.load(std::memory_order_relaxed) == nullptr) return nullptr;  // relaxed: a hint; the exchange decides
  // acq_rel: pairs with PutSlot's release.
  return slot_.exchange(nullptr, KIOTO_ORDER("run_queue.take_slot_order", std::memory_order_acq_rel));
}

uint32_t RunQueue::room() const {
  return kCapacity - (tail() - Steal(head_.load(std::memory_order_relaxed)));  // relaxed: it only grows under the owner
}

uint32_t RunQueue::size() const {
  const uint64_t head = head_.load(std::memory_order_acquire);        // acquire: a hint, kept in the order of the reads
  const uint32_t tail = tail_.load(std::memory_order_acquire);        // acquire: pairs with Push's release
  const uint32_t size = tail - Real(head);
  return size > kCapacity ? 0 : size;  // the two reads are not one: a pop between them may make it "negative"
}

TaskHeader* RunQueue::StealFrom(RunQueue& victim) {
  const uint32_t tail = tail_.load(std::memory_order_relaxed);  // relaxed: the owner's own
  if (tail - Steal(head_.load(std::memory_order_acquire)) > kCapacity / 2) {  // acquire: pairs with our thieves' release
    return nullptr;  // no room for half of another ring
  }
  uint32_t count = victim.ClaimHalf(tail, *this);
  if (count == 0) return nullptr;
  --count;  // the newest is run at once
  TaskHeader* task = ring_[(tail + count) & kMask].load(std::memory_order_relaxed);  // relaxed: stored by this thread
  if (count > 0) tail_.store(tail + count, std::memory_order_release);  // release: pairs with the thieves' acquire of tail_
  return task;
}

// On the victim, by the thief: claims the older half, copies it into `target`'s free cells, and gives the cells back.
uint32_t RunQueue::ClaimHalf(uint32_t own_tail, RunQueue& target) {
  uint64_t head = head_.load(std::memory_order_acquire);  // acquire: pairs with Pop's and the thieves' release
  uint32_t first;
  uint32_t count;
  for (;;) {
    // acquire: pairs with Push's release of the cells.
    const uint32_t tail = tail_.load(KIOTO_ORDER("run_queue.claim_order", std::memory_order_acquire));
    if (Steal(head) != Real(head) && !KIOTO_MUTANT("run_queue.two_thieves")) return 0;  // R3
    first = Real(head);
    count = tail - first;
    count -= count / 2;
    if (count == 0 || count > kCapacity / 2) {
      // Empty, or the two reads do not belong together: look again once the head is fresh.
      if (count == 0) return 0;
      head = head_.load(std::memory_order_acquire);  // acquire: as above
      continue;
    }
    const uint64_t claim = Pack(first, first + count);
    // acq_rel: pairs with Pop's (R1). acquire on failure: the loop reads tail_ after it.
    if (head_.compare_exchange_strong(head, claim, std::memory_order_acq_rel, std::memory_order_acquire)) break;
  }
  for (uint32_t i = 0; i < count; ++i) {
    TaskHeader* task = ring_[(first + i) & kMask].load(std::memory_order_relaxed);  // relaxed: published by tail_ (acquired)
    target.ring_[(own_tail + i) & kMask].store(task, std::memory_order_relaxed);    // relaxed: published by target's tail_
  }
  // Done with the cells: `steal` catches up with wherever `real` is by now.
  head = head_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the compare-exchange
  uint64_t done;
  do {
    done = Pack(Real(head), Real(head));
    // release: pairs with Push's acquire of head_: the cells were read before they are reused (R2).
  } while (!head_.compare_exchange_weak(head, done, std::memory_order_acq_rel, std::memory_order_relaxed));
  return count;
}

}  // namespace kioto::internal
