#include "kioto/sync/notify.h"

#include <new>
#include <utility>

#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/base/wake_list.h"

namespace kioto::sync {

bool NotifiedFuture::Start(Context* cx) {
  // What differs from a word without anybody in this future's round: at most kState and kLocked, or the round has passed.
  uint64_t seen = notify_->word_.load(std::memory_order_acquire);  // acquire: pairs with NotifyAll
  if ((seen ^ round_) >= Notify::kRoundOne) return Done();
  if (seen == (round_ | Notify::kPermit) &&
      // acquire: pairs with the NotifyOne that stored the permit. relaxed on failure: the lock will tell.
      notify_->word_.compare_exchange_strong(seen, round_ | Notify::kEmpty, std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
    return Done();
  }
  Waker mine;  // made before the lock, and destroyed after it if it was not needed
  if (cx != nullptr) mine = cx->CloneWaker();
  seen = notify_->Lock(seen);
  if ((seen ^ round_) >= Notify::kPermit) {
    notify_->Unlock(Notify::RoundOf(seen) == round_ ? Notify::WithState(seen, Notify::kEmpty) : seen);
    return Done();
  }
  registered_ = mine.target();
  ::new (&waiter_) Waiter(std::move(mine));
  notify_->waiters_.PushBack(waiter_);
  step_ = Step::kLinked;
  notify_->Unlock(round_ | Notify::kWaiting);
  return false;
}

bool NotifiedFuture::Again(Context* cx) {
  // acquire: pairs with NotifyAll
  uint64_t seen = notify_->word_.load(std::memory_order_acquire);
  const bool missed = Notify::RoundOf(seen) != round_;
  if (!missed && (cx == nullptr || cx->waker().target() == registered_)) return false;
  Waker mine;
  if (cx != nullptr && !missed) mine = cx->CloneWaker();
  seen = notify_->Lock(seen);
  const bool signalled = waiter_.signal.load(std::memory_order_relaxed) != kNone;  // relaxed: the lock orders it
  if (!signalled) {
    std::swap(waiter_.waker.Write(), mine);
    if (missed) waiter_.Unlink();  // R2
  }
  notify_->Unlock(seen);
  if (signalled || missed) return Unlinked();
  registered_ = cx->waker().target();
  return false;
}

void NotifiedFuture::Cancel() {
  uint8_t signal = waiter_.signal.load(std::memory_order_acquire);  // acquire: pairs with the notifier
  if (signal == kNone) {
    // relaxed: a guess, which Lock confirms
    const uint64_t word = notify_->Lock(notify_->word_.load(std::memory_order_relaxed));
    signal = waiter_.signal.load(std::memory_order_relaxed);  // relaxed: the lock orders it
    if (signal == kNone) waiter_.Unlink();
    notify_->Unlock(notify_->AfterLeaving(word));
  }
  waiter_.~Waiter();  // its waker, after the lock
  if (KIOTO_MUTANT("notify.swallow")) return;
  if (signal == kOne || signal == kLast) notify_->NotifyWith(static_cast<Signal>(signal));  // R3
}

uint64_t Notify::Await(int& spins) const {
  constexpr int kSpinsBeforeYield = 100;  // about 3 µs; a locked section lasts 10 ns
  if (spins++ < kSpinsBeforeYield) {
    base::CpuRelax();
  } else {
    base::YieldThread();
  }
  return word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
}

uint64_t Notify::Lock(uint64_t word) {
  for (int spins = 0;;) {
    if ((word & kLocked) != 0) {
      word = Await(spins);
      // seq_cst: pairs with Unlock and with every other RMW of the word, and with NotifyLinked (R4). relaxed on failure:
      // only the next guess.
    } else if (word_.compare_exchange_weak(word, word | kLocked,
                                           KIOTO_MUTANT("notify.weak_lock")
                                               ? std::memory_order_acq_rel
                                               : KIOTO_ORDER("notify.lock_order", std::memory_order_seq_cst),
                                           std::memory_order_relaxed)) {
      return word;
    }
  }
}

void Notify::NotifyWith(NotifiedFuture::Signal signal) {
  uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
  for (int spins = 0;;) {
    if ((word & kLocked) != 0) {
      word = Await(spins);
      continue;
    }
    // A permit that is there already is written once more, so that its taker acquires this notifier's work too.
    if (KIOTO_MUTANT("notify.keep_permit") && StateOf(word) == kPermit) return;
    const bool waiting = StateOf(word) == kWaiting;
    // acq_rel: pairs with the taker's CAS (R1) and with Unlock. relaxed on failure: only a guess for the next round.
    if (word_.compare_exchange_weak(word, waiting ? word | kLocked : WithState(word, kPermit), std::memory_order_acq_rel,
                                    std::memory_order_relaxed)) {
      if (!waiting) return;
      break;
    }
  }
  Waiter* waiter = signal == NotifiedFuture::kOne ? waiters_.PopFront() : waiters_.PopBack();
  Waker waker = std::move(waiter->waker.Write());
  // release: the waiter is its task's from here on.
  waiter->signal.store(signal, KIOTO_ORDER("notify.signal_order", std::memory_order_release));
  Unlock(waiters_.empty() ? WithState(word, kEmpty) : word);
  if (KIOTO_MUTANT("notify.silent_one")) return;
  std::move(waker).Wake();
}

void Notify::NotifyLinked() {
  // seq_cst: pairs with Lock (R4)
  const uint64_t word = word_.load(KIOTO_ORDER("notify.look_order", std::memory_order_seq_cst));
  if (StateOf(word) == kWaiting || (word & kLocked) != 0) NotifyAll();
}

void Notify::NotifyAll() {
  uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
  while (StateOf(word) != kWaiting && (word & kLocked) == 0) {
    // acq_rel: pairs with a waiter's look at the round. relaxed on failure: only a guess for the next round.
    if (word_.compare_exchange_weak(word, word + kRoundOne, std::memory_order_acq_rel, std::memory_order_relaxed))
      return;
  }
  base::IntrusiveList<Waiter> all;
  base::WakeList<Waker> wakes;
  word = Lock(word) + kRoundOne;
  if (StateOf(word) == kWaiting) word = WithState(word, kEmpty);
  // Before the first signal: who sees one waiter notified finds every other one notified too (R2).
  // release: pairs with a waiter's look at the round
  if (!KIOTO_MUTANT("notify.one_by_one")) word_.store(word | kLocked, std::memory_order_release);
  all.Splice(waiters_);
  while (Waiter* waiter = all.PopFront()) {
    if (!KIOTO_MUTANT("notify.silent_all")) wakes.Add(std::move(waiter->waker.Write()));
    waiter->signal.store(NotifiedFuture::kAll,
                         std::memory_order_release);  // release: the waiter is its task's from here on
    if (wakes.full()) {
      Unlock(word);
      wakes.WakeAll();
      word = Lock(word);
    }
  }
  Unlock(word);
  wakes.WakeAll();
}

}  // namespace kioto::sync
