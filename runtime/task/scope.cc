#include "kioto/runtime/task/scope.h"

#include "kioto/runtime/base/wake_list.h"

namespace kioto {
using internal::ScopeLink;
using internal::ScopeTurn;
using internal::ScopeWaiter;

Scope::~Scope() = default;

void Scope::Unref() {
  // acq_rel: the release pairs with the acquire of the last one, which deletes.
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

size_t Scope::size() const {
  base::SpinLockGuard lock(lock_);
  return live_;
}

bool Scope::Empty() const { return size() == 0; }

// --- Children --------------------------------------------------------------------------------------------------------------

bool Scope::Add() {
  base::SpinLockGuard lock(lock_);
  if (cancelled_.load(std::memory_order_relaxed)) return false;  // relaxed: set under the lock
  ++live_;
  refs_.fetch_add(1, std::memory_order_relaxed);  // relaxed: made from a reference that is held
  return true;
}

// Before a child's future is polled for the first time, and when the scope is ending. `waker` is its task's, always the same.
ScopeTurn Scope::Enter(ScopeLink& link, const Waker& waker) {
  Waker copy = waker;  // made and, below, dropped outside the lock
  base::SpinLockGuard lock(lock_);
  if (cancelled_.load(std::memory_order_relaxed)) return ScopeTurn::kCancelled;  // relaxed: set under the lock
  if (link.state == ScopeLink::State::kRunning) return ScopeTurn::kRun;
  if (link.state == ScopeLink::State::kWaiting) return ScopeTurn::kWait;
  std::swap(link.waker, copy);
  if (limit_ != 0 && at_work_ >= limit_) {
    link.state = ScopeLink::State::kWaiting;
    waiting_.PushBack(link);
    return ScopeTurn::kWait;
  }
  link.state = ScopeLink::State::kRunning;
  ++at_work_;
  running_.PushBack(link);
  return ScopeTurn::kRun;
}

void Scope::Ended(ScopeLink& link, Status status) {
  Waker next;
  bool failed = false;
  bool over;
  bool room;
  {
    base::SpinLockGuard lock(lock_);
    link.Unlink();
    --live_;
    if (link.state == ScopeLink::State::kRunning) {
      --at_work_;
      if (ScopeLink* first = waiting_.PopFront()) {
        first->state = ScopeLink::State::kRunning;
        ++at_work_;
        running_.PushBack(*first);
        next = first->waker;
      }
    }
    const bool ending = cancelled_.load(std::memory_order_relaxed);  // relaxed: set under the lock
    if (!status.ok() && !ending && failure_.ok()) {
      failure_ = std::move(status);
      failed = true;
    }
    over = live_ == 0;
    room = limit_ != 0 && live_ + 1 == limit_;
  }
  next.Wake();
  if (failed || over) parent_.Wake();  // R1
  if (over || room) WakeWaiters();
  Unref();
}

// --- The scope's future ----------------------------------------------------------------------------------------------------

bool Scope::Failed(Status* failure) const {
  base::SpinLockGuard lock(lock_);
  *failure = failure_;
  return !failure_.ok();
}

Status Scope::Leave() {
  Status failure;
  {
    base::SpinLockGuard lock(lock_);
    if (cancelled_.load(std::memory_order_relaxed)) return failure_;  // relaxed: set under the lock
    cancelled_.store(true, std::memory_order_release);  // release: pairs with cancelled()
    failure = failure_;
  }
  TellAll();
  return failure;
}

// Wakes every child, so that it finds that it is to end. Those not polled yet are queued anyway.
void Scope::TellAll() {
  base::WakeList<Waker> wakes;
  for (bool more = true; more;) {
    {
      base::SpinLockGuard lock(lock_);
      while (!wakes.full() && !(running_.empty() && waiting_.empty())) {
        ScopeLink* link = running_.empty() ? waiting_.PopFront() : running_.PopFront();
        told_.PushBack(*link);
        wakes.Add(link->waker);
      }
      more = !(running_.empty() && waiting_.empty());
    }
    wakes.WakeAll();
  }
}

// --- Wait and Room ---------------------------------------------------------------------------------------------------------

// Those whose condition holds.
void Scope::WakeWaiters() {
  base::WakeList<Waker> wakes;
  for (bool more = true; more;) {
    {
      base::SpinLockGuard lock(lock_);
      auto it = waiters_.begin();
      while (!wakes.full() && it != waiters_.end()) {
        ScopeWaiter& waiter = *it++;
        if (!HoldsLocked(waiter.for_room)) continue;
        waiter.Unlink();
        wakes.Add(std::move(waiter.waker));
      }
      more = wakes.full();
    }
    wakes.WakeAll();
  }
}

bool Scope::PollWait(ScopeWaiter& waiter, const Waker& waker) {
  Waker copy = waker;  // made and, below, dropped outside the lock
  base::SpinLockGuard lock(lock_);
  if (HoldsLocked(waiter.for_room)) {
    waiter.Unlink();
    return true;
  }
  if (!waiter.linked()) waiters_.PushBack(waiter);
  std::swap(waiter.waker, copy);
  return false;
}

void Scope::DropWait(ScopeWaiter& waiter) {
  base::SpinLockGuard lock(lock_);
  waiter.Unlink();
}

ScopeWait::~ScopeWait() { scope_->DropWait(waiter_); }

Poll<Status> ScopeWait::PollOnce(Context& cx) {
  if (!scope_->PollWait(waiter_, cx.waker()) || !cx.ConsumeBudget()) return kPending;
  return OkStatus();
}

}  // namespace kioto
