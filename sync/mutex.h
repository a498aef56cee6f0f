// Mutex<T>: a T that one task at a time may use, also across waiting. Strictly first come first served: what is unlocked
// is handed to the one that has waited longest, and nobody passes the queue.
//
//   sync::Mutex<Connection> shared(...);      // a member, or a state of a With, InPlace<sync::Mutex<Connection>>(...):
//                                             // the futures borrow it
//   return shared.Lock().Then([](sync::MutexGuard<Connection>& c) { return c->Send(request); });   // unlocked with the node
//
// For a section that waits for nothing, a mutex of absl or std is cheaper; it must then never be held over a poll.
// A task that locks what it has locked waits for ever. States and races: internal/lock_core.h.
#ifndef KIOTO_SYNC_MUTEX_H_
#define KIOTO_SYNC_MUTEX_H_

#include <memory>
#include <utility>

#include "kioto/sync/internal/blocking.h"
#include "kioto/sync/lock_guard.h"

namespace kioto::sync {

// Borrows its mutex. See lock_guard.h for its members: *, ->, Unlock, Map, TryMap; a mapped guard of a U is a MutexGuard<U>.
template <class T>
using MutexGuard = LockGuard<T, internal::Hold::kMutex, internal::Borrowed>;
// Keeps its mutex alive.
template <class T>
using OwnedMutexGuard = LockGuard<T, internal::Hold::kMutex, internal::Shared>;
template <class T>
using LockFuture = internal::LockFuture<T, internal::Hold::kMutex, internal::Borrowed>;
template <class T>
using OwnedLockFuture = internal::LockFuture<T, internal::Hold::kMutex, internal::Shared>;

// Threads: any. It must outlive its guards and futures, but for the owned ones.
template <class T>
class Mutex {
 public:
  Mutex() : value_() {}
  explicit Mutex(T value) : value_(std::move(value)) {}
  // T(args...), in place.
  template <class... A>
  explicit Mutex(std::in_place_t, A&&... args) : value_(std::forward<A>(args)...) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  // The guard; no error. CANCEL SAFE: loses place.
  LockFuture<T> Lock() { return LockFuture<T>(core_, 1, value_, {}); }
  // The guard, or IsEmpty while it is locked, or promised to one that waits.
  StatusOr<MutexGuard<T>> TryLock() {
    return internal::TryLockCore<internal::Hold::kMutex>(core_, 1, value_, internal::Borrowed());
  }
  // A plain thread waits. On a thread that runs tasks: a checked error.
  MutexGuard<T> BlockingLock() { return internal::BlockingWait(Lock()); }

  // The same, with guards and futures that keep `mutex` alive: for other tasks.
  static OwnedLockFuture<T> LockOwned(std::shared_ptr<Mutex> mutex) {
    Mutex& self = *mutex;
    return OwnedLockFuture<T>(self.core_, 1, self.value_, std::move(mutex));
  }
  static StatusOr<OwnedMutexGuard<T>> TryLockOwned(std::shared_ptr<Mutex> mutex) {
    Mutex& self = *mutex;
    return internal::TryLockCore<internal::Hold::kMutex>(self.core_, 1, self.value_, internal::Shared(std::move(mutex)));
  }
  static OwnedMutexGuard<T> BlockingLockOwned(std::shared_ptr<Mutex> mutex) {
    return internal::BlockingWait(LockOwned(std::move(mutex)));
  }

  // Without a lock, for who has it alone.
  T& Get() { return value_; }
  T Into() && { return std::move(value_); }

  // The value, or "<locked>".
  template <class Stream>
  friend auto operator<<(Stream& out, Mutex& mutex) -> decltype(out << std::declval<T&>()) {
    auto guard = mutex.TryLock();
    return guard.ok() ? out << **guard : out << "<locked>";
  }

 private:
  internal::LockCore core_{1};
  T value_;
};

// Mutex<T>::LockOwned, for which T need not be said. CANCEL SAFE: loses place.
template <class T>
OwnedLockFuture<T> LockOwned(std::shared_ptr<Mutex<T>> mutex) {
  return Mutex<T>::LockOwned(std::move(mutex));
}

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_MUTEX_H_
