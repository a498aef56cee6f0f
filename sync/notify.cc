#include "kioto/sync/notify.h"

#include <utility>

#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/base/wake_list.h"

namespace kioto::sync {

NotifiedFuture::NotifiedFuture(Notify& notify)
    // acquire: what was done before the NotifyAll that this future no longer counts for is seen by its task.
    : notify_(&notify), round_(Notify::RoundOf(notify.word_.load(std::memory_order_acquire))) {}

NotifiedFuture::NotifiedFuture(NotifiedFuture&& other) noexcept
    : notify_(other.notify_), round_(other.round_), step_(other.step_) {
  KIOTO_CHECK(other.step_ != Step::kLinked, "a Notified() was moved after its first poll or Enable()");
}

bool NotifiedFuture::Advance(const Waker* waker) {
  switch (step_) {
    case Step::kNew:
      return Start(waker);
    case Step::kLinked:
      return Again(waker);
    case Step::kDone:
      break;
  }
  return true;
}

bool NotifiedFuture::Start(const Waker* waker) {
  base::Atomic<uint64_t>& word = notify_->word_;
  uint64_t seen = word.load(std::memory_order_acquire);  // acquire: pairs with NotifyAll
  if (Notify::RoundOf(seen) != round_) return Done();
  if (Notify::StateOf(seen) == Notify::kPermit &&
      // acquire: pairs with the NotifyOne that stored the permit. relaxed on failure: the lock will tell.
      word.compare_exchange_strong(seen, Notify::WithState(seen, Notify::kEmpty), std::memory_order_acq_rel,
                                   std::memory_order_relaxed)) {
    return Done();
  }
  Waker mine;  // copied before the lock, and destroyed after it if it was not needed
  if (waker != nullptr) mine = *waker;
  base::SpinLockGuard lock(notify_->lock_);
  seen = word.load(std::memory_order_acquire);  // acquire: pairs with NotifyAll
  while (true) {
    if (Notify::RoundOf(seen) != round_) return Done();
    const uint64_t state = Notify::StateOf(seen);
    if (state == Notify::kWaiting) break;
    const uint64_t next = state == Notify::kPermit ? Notify::kEmpty : Notify::kWaiting;
    // acq_rel: acquires what came with a permit, and orders this waiter's list before a NotifyOne that sees kWaiting
    // (R1).
    if (!word.compare_exchange_weak(seen, Notify::WithState(seen, next), std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      continue;
    }
    if (state == Notify::kPermit) return Done();
    break;
  }
  registered_ = mine.target();
  std::swap(waiter_.waker.Write(), mine);
  notify_->waiters_.PushBack(waiter_);
  step_ = Step::kLinked;
  return false;
}

bool NotifiedFuture::Again(const Waker* waker) {
  if (waiter_.signal.load(std::memory_order_acquire) != kNone) return Done();  // acquire: pairs with the notifier
  // acquire: pairs with NotifyAll
  const bool missed = Notify::RoundOf(notify_->word_.load(std::memory_order_acquire)) != round_;
  if (!missed && (waker == nullptr || waker->target() == registered_)) return false;
  Waker mine;
  if (waker != nullptr && !missed) mine = *waker;
  base::SpinLockGuard lock(notify_->lock_);
  if (waiter_.signal.load(std::memory_order_acquire) != kNone) return Done();  // acquire: pairs with the notifier
  std::swap(waiter_.waker.Write(), mine);
  if (!missed) {
    registered_ = waker->target();
    return false;
  }
  waiter_.Unlink();  // R2
  return Done();
}

void NotifiedFuture::Cancel() {
  Waker mine;  // destroyed after the lock
  uint8_t signal;
  {
    base::SpinLockGuard lock(notify_->lock_);
    signal = waiter_.signal.load(std::memory_order_relaxed);  // relaxed: the lock orders it
    if (signal == kNone) {
      std::swap(waiter_.waker.Write(), mine);
      waiter_.Unlink();
      notify_->SetEmptyIfNobodyWaits();
    }
  }
  if (KIOTO_MUTANT("notify.swallow")) return;
  if (signal == kOne || signal == kLast) notify_->NotifyWith(static_cast<Signal>(signal));  // R3
}

void Notify::SetEmptyIfNobodyWaits() {
  const uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: while kWaiting, the lock's
  if (StateOf(word) == kWaiting && waiters_.empty()) {
    // release: a NotifyOne or a waiter that goes on from this word acquires what was done under the lock.
    word_.store(WithState(word, kEmpty), std::memory_order_release);
  }
}

void Notify::NotifyWith(NotifiedFuture::Signal signal) {
  uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
  while (StateOf(word) != kWaiting) {
    // A permit that is there already is written once more, so that its taker acquires this notifier's work too.
    if (KIOTO_MUTANT("notify.keep_permit") && StateOf(word) == kPermit) return;
    // acq_rel: pairs with the taker's CAS, and with R1. relaxed on failure: only a guess for the next round.
    if (word_.compare_exchange_weak(word, WithState(word, kPermit), std::memory_order_acq_rel,
                                    std::memory_order_relaxed)) {
      return;
    }
  }
  Waker waker;
  {
    base::SpinLockGuard lock(lock_);
    word = word_.load(std::memory_order_relaxed);  // relaxed: as above
    while (StateOf(word) != kWaiting) {
      // acq_rel, relaxed: as above.
      if (word_.compare_exchange_weak(word, WithState(word, kPermit), std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
        return;
      }
    }
    Waiter* waiter = signal == NotifiedFuture::kOne ? waiters_.PopFront() : waiters_.PopBack();
    waker = std::move(waiter->waker.Write());
    // release: the waiter is its task's from here on.
    waiter->signal.store(signal, KIOTO_ORDER("notify.signal_order", std::memory_order_release));
    SetEmptyIfNobodyWaits();
  }
  waker.Wake();
}

void Notify::NotifyAll() {
  uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
  while (StateOf(word) != kWaiting) {
    // acq_rel: pairs with a waiter's look at the round. relaxed on failure: only a guess for the next round.
    if (word_.compare_exchange_weak(word, word + kRoundOne, std::memory_order_acq_rel, std::memory_order_relaxed))
      return;
  }
  base::IntrusiveList<Waiter> all;
  base::WakeList<Waker> wakes;
  lock_.Lock();
  word = word_.load(std::memory_order_relaxed);  // relaxed: as above
  // acq_rel, relaxed: as above.
  while (!word_.compare_exchange_weak(word,
                                      WithState(word + kRoundOne, StateOf(word) == kWaiting ? kEmpty : StateOf(word)),
                                      std::memory_order_acq_rel, std::memory_order_relaxed)) {
  }
  all.Splice(waiters_);
  while (Waiter* waiter = all.PopFront()) {
    wakes.Add(std::move(waiter->waker.Write()));
    waiter->signal.store(NotifiedFuture::kAll,
                         std::memory_order_release);  // release: the waiter is its task's from here on
    if (wakes.full()) {
      lock_.Unlock();
      wakes.WakeAll();
      lock_.Lock();
    }
  }
  lock_.Unlock();
  wakes.WakeAll();
}

}  // namespace kioto::sync
