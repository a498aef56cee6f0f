#include "kioto/runtime/task/task_tracker.h"

#include "kioto/runtime/base/wake_list.h"

namespace kioto {
namespace internal {

void TrackerBlock::Unref() {
  // acq_rel: the release pairs with the acquire of the last one, which deletes.
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

void TrackerBlock::Remove() {
  // acq_rel: the release pairs with Load's acquire, so that who sees zero sees what every tracked future did.
  if (word_.fetch_sub(kOne, std::memory_order_acq_rel) == (kOne | kClosed)) WakeAll();
}

bool TrackerBlock::Close() {
  const uint64_t before = word_.fetch_or(kClosed, std::memory_order_acq_rel);  // acq_rel: as in Remove
  if (before == 0) WakeAll();
  return (before & kClosed) == 0;
}

bool TrackerBlock::Reopen() {
  return (word_.fetch_and(~kClosed, std::memory_order_acq_rel) & kClosed) != 0;  // acq_rel: as in Remove
}

void TrackerBlock::WakeAll() {
  base::WakeList<Waker> wakes;
  for (bool more = true; more;) {
    {
      base::SpinLockGuard lock(lock_);
      while (!wakes.full() && !waiters_.empty()) {
        Waiter* waiter = waiters_.PopFront();
        waiter->woken = true;
        wakes.Add(std::move(waiter->waker));
      }
      more = !waiters_.empty();
    }
    wakes.WakeAll();
  }
}

bool TrackerBlock::PollWait(Waiter& waiter, const Waker& waker) {
  Waker copy = waker;  // made and, below, dropped outside the lock
  base::SpinLockGuard lock(lock_);
  if (waiter.woken) return true;
  if (!waiter.linked()) waiters_.PushBack(waiter);
  std::swap(waiter.waker, copy);
  if (Load() != kClosed) return false;  // R1
  waiter.Unlink();
  waiter.woken = true;
  return true;
}

void TrackerBlock::DropWait(Waiter& waiter) {
  base::SpinLockGuard lock(lock_);
  waiter.Unlink();
}

}  // namespace internal

TrackerWait::~TrackerWait() {
  if (block_ == nullptr) return;
  block_->DropWait(waiter_);
  block_->Unref();
}

Poll<Unit> TrackerWait::PollOnce(Context& cx) {
  if (!block_->PollWait(waiter_, cx.waker()) || !cx.ConsumeBudget()) return kPending;
  return Unit{};
}

}  // namespace kioto
