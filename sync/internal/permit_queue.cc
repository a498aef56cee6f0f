#include "kioto/sync/internal/permit_queue.h"

namespace kioto::sync::internal {

PermitWaiter::State PermitQueue::Check(PermitWaiter& waiter, const Waker& task) {
  auto state = static_cast<State>(waiter.state.load(std::memory_order_acquire));  // acquire: pairs with Signal
  if (state != State::kQueued || task.target() == waiter.registered) return state;
  Waker mine = task;  // copied before the lock, and what it replaces is destroyed after it
  base::SpinLockGuard lock(lock_);
  state = static_cast<State>(waiter.state.load(std::memory_order_acquire));  // acquire: pairs with Signal
  if (state == State::kQueued) {
    waiter.registered = mine.target();
    std::swap(waiter.waker.Write(), mine);
  }
  return state;
}

}  // namespace kioto::sync::internal
