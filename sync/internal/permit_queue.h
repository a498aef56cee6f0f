// PermitQueue: who waits for permits, first come first served. Shared by Semaphore and the bounded channel, which keep
// the count of what is free in a word of their own (the Source).
//
// STATE       a waiter: kIdle -> kQueued -> kGranted | kClosed; a waiter that is dropped while kQueued just leaves.
// OWNERSHIP   list, `needed`, `got` and `waker` of a queued waiter: the lock's. Once its state says kGranted or
//             kClosed, the waiter is its task's alone: nobody looks at it again.
// INVARIANT   a permit that is free while somebody waits is given to the first in the queue, piece by piece, by whoever
//             freed it: TakeUpTo runs under the lock, and nobody takes past the queue (no barging). So a waiter that is
//             not the first finds nothing free.
// RACES       R1 a permit is freed while somebody joins: the one who joins says so first (SetWaiting) and looks for
//                free permits second; the one who frees does it first and looks for waiters second. The Source's orders
//                make one of the two see the other.
//             R2 a waiter is granted, and dropped before it looks: Leave gives back what it got.
//             R3 Close takes the whole queue to its stack and signals in rounds; who is dropped meanwhile unlinks
//             itself.
#ifndef KIOTO_SYNC_INTERNAL_PERMIT_QUEUE_H_
#define KIOTO_SYNC_INTERNAL_PERMIT_QUEUE_H_

#include <cstdint>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/intrusive_list.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/wake_list.h"
#include "kioto/runtime/future/waker.h"

namespace kioto::sync::internal {

struct PermitWaiter : base::ListNode<> {
  enum State : uint8_t { kIdle, kQueued, kGranted, kClosed };

  base::Atomic<uint8_t> state{kIdle};
  uint64_t needed = 0;
  uint64_t got = 0;
  base::Cell<Waker> waker;
  kioto::internal::WakeTarget* registered = nullptr;  // what `waker` wakes; only ever compared, by the task
};

// Source, all called with the lock:
//   bool closed();
//   uint64_t TakeUpTo(uint64_t n);  // takes what is free, at most n
//   void SetWaiting();              // from now on nobody takes past the queue
//   void ClearWaiting();
class PermitQueue {
 public:
  using State = PermitWaiter::State;

  // Joins, unless what is needed is free after all. Returns kQueued, kGranted or kClosed.
  template <class Source>
  State Join(Source& source, PermitWaiter& waiter, uint64_t n, const Waker& task) {
    Waker mine = task;  // copied before the lock, and destroyed after it
    base::SpinLockGuard lock(lock_);
    if (source.closed()) return State::kClosed;
    waiter.needed = n;
    waiter.got = 0;
    waiters_.PushBack(waiter);
    source.SetWaiting();
    if (&waiters_.front() == &waiter && Feed(source, waiter)) {
      waiter.Unlink();
      source.ClearWaiting();
      waiter.state.store(State::kGranted, std::memory_order_relaxed);  // relaxed: only its task looks
      return State::kGranted;
    }
    waiter.registered = mine.target();
    std::swap(waiter.waker.Write(), mine);
    waiter.state.store(State::kQueued,
                       std::memory_order_relaxed);  // relaxed: only its task looks, and the lock's owner
    return State::kQueued;
  }

  // A queued waiter is polled again.
  State Check(PermitWaiter& waiter, const Waker& task);

  // Gives free permits to those who wait. Called by whoever freed some and found somebody waiting.
  template <class Source>
  void HandOver(Source& source) {
    base::WakeList<Waker> wakes;
    for (bool more = true; more;) {
      {
        base::SpinLockGuard lock(lock_);
        while (!wakes.full() && !waiters_.empty() && Feed(source, waiters_.front())) {
          Signal(*waiters_.PopFront(), State::kGranted, wakes);
        }
        more = wakes.full();
        if (waiters_.empty()) source.ClearWaiting();
      }
      wakes.WakeAll();
    }
  }

  // A waiter goes before it has looked at a grant. Returns the permits that it had: the caller gives them back.
  template <class Source>
  [[nodiscard]] uint64_t Leave(Source& source, PermitWaiter& waiter) {
    Waker mine;  // destroyed after the lock
    base::SpinLockGuard lock(lock_);
    if (waiter.Unlink()) {
      std::swap(waiter.waker.Write(), mine);
      if (waiters_.empty()) source.ClearWaiting();
    }
    waiter.state.store(State::kIdle, std::memory_order_relaxed);  // relaxed: only its task looks
    return KIOTO_MUTANT("permit_queue.leave_with_permits") ? 0 : std::exchange(waiter.got, 0);
  }

  // `close` marks the source closed, under the lock; then everybody who waits is told. They keep what they got until
  // they look or leave.
  template <class Close>
  void CloseAll(Close close) {
    base::IntrusiveList<PermitWaiter> all;
    base::WakeList<Waker> wakes;
    lock_.Lock();
    close();
    all.Splice(waiters_);
    while (PermitWaiter* waiter = all.PopFront()) {
      Signal(*waiter, State::kClosed, wakes);
      if (wakes.full()) {
        lock_.Unlock();
        wakes.WakeAll();
        lock_.Lock();
      }
    }
    lock_.Unlock();
    wakes.WakeAll();
  }

 private:
  template <class Source>
  static bool Feed(Source& source, PermitWaiter& waiter) {
    const uint64_t n = source.TakeUpTo(waiter.needed);
    waiter.got += n;
    waiter.needed -= n;
    return waiter.needed == 0;
  }
  static void Signal(PermitWaiter& waiter, State state, base::WakeList<Waker>& wakes) {
    wakes.Add(std::move(waiter.waker.Write()));
    // release: pairs with Check; the waiter is its task's from here.
    waiter.state.store(state, KIOTO_ORDER("permit_queue.signal_order", std::memory_order_release));
  }

  base::SpinLock lock_;
  base::IntrusiveList<PermitWaiter> waiters_;
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_PERMIT_QUEUE_H_
