// WakeList<W>: wakers gathered under a lock, to be woken when it is released. Inline, bounded, no allocation.
//
// Whoever wakes a list of waiters of unknown length drains it in rounds:
//
//   base::WakeList<Waker> wakes;
//   for (bool more = true; more;) {
//     {
//       base::MutexLock lock(mutex_);
//       while (!wakes.full() && !waiters_.empty()) wakes.Add(waiters_.PopFront()->TakeWaker());
//       more = !waiters_.empty();
//     }
//     wakes.WakeAll();  // no lock is held here
//   }
//
// Between two rounds others may join or leave: if only those shall be woken that waited at the start, Splice them into
// a list of their own first, and let a waiter that leaves unlink itself from there under the same lock.
#ifndef KIOTO_RUNTIME_BASE_WAKE_LIST_H_
#define KIOTO_RUNTIME_BASE_WAKE_LIST_H_

#include <cstddef>
#include <new>
#include <utility>

#include "kioto/runtime/base/check.h"

namespace kioto::base {

// W is move-only or copyable and has Wake(), also for one that is not needed any more.
template <class W, size_t kCapacity = 32>
class WakeList {
 public:
  WakeList() = default;
  WakeList(const WakeList&) = delete;
  WakeList& operator=(const WakeList&) = delete;
  // What was gathered is woken: a wake is never lost, whatever path leaves the scope.
  ~WakeList() { WakeAll(); }

  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == kCapacity; }

  // Only when not full().
  void Add(W waker) {
    KIOTO_DCHECK(!full(), "a full WakeList was added to: call WakeAll() first");
    new (Slot(size_)) W(std::move(waker));
    ++size_;
  }

  // Wakes in the order of Add, and forgets. No lock may be held.
  void WakeAll() {
    const size_t size = std::exchange(size_, 0);
    for (size_t i = 0; i < size; ++i) {
      std::move(*Slot(i)).Wake();
      Slot(i)->~W();
    }
  }

 private:
  W* Slot(size_t i) { return std::launder(reinterpret_cast<W*>(bytes_) + i); }

  size_t size_ = 0;
  alignas(W) unsigned char bytes_[kCapacity * sizeof(W)];
};

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_WAKE_LIST_H_
