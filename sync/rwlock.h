// RwLock<T>: a T that many tasks may read at once, or one may change. First come first served: a writer that waits keeps
// later readers back, and so is never starved.
//
//   sync::RwLock<Table> table;      // a member, or a state of a With, InPlace<sync::RwLock<Table>>(): the futures borrow it
//   return table.Read().Then([&](sync::ReadGuard<Table>& t) { return Answer(t->Find(key)); });
//   return table.Write().Then([&](sync::WriteGuard<Table>& t) { t->Insert(key, value); });
//
// A task that reads and asks to read once more may wait for ever: for a writer between, who waits for the first guard.
// States and races: internal/lock_core.h.
#ifndef KIOTO_SYNC_RWLOCK_H_
#define KIOTO_SYNC_RWLOCK_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/sync/internal/blocking.h"
#include "kioto/sync/lock_guard.h"

namespace kioto::sync {

// Borrow their lock. See lock_guard.h for their members: *, ->, Unlock, Map, TryMap, and to read on after a write
// Downgrade, DowngradeMap, TryDowngradeMap. What is read is const.
template <class T>
using ReadGuard = LockGuard<const T, internal::Hold::kRead, internal::Borrowed>;
template <class T>
using WriteGuard = LockGuard<T, internal::Hold::kWrite, internal::Borrowed>;
// Keep their lock alive.
template <class T>
using OwnedReadGuard = LockGuard<const T, internal::Hold::kRead, internal::Shared>;
template <class T>
using OwnedWriteGuard = LockGuard<T, internal::Hold::kWrite, internal::Shared>;
template <class T>
using ReadFuture = internal::LockFuture<const T, internal::Hold::kRead, internal::Borrowed>;
template <class T>
using WriteFuture = internal::LockFuture<T, internal::Hold::kWrite, internal::Borrowed>;
template <class T>
using OwnedReadFuture = internal::LockFuture<const T, internal::Hold::kRead, internal::Shared>;
template <class T>
using OwnedWriteFuture = internal::LockFuture<T, internal::Hold::kWrite, internal::Shared>;

// Threads: any. It must outlive its guards and futures, but for the owned ones.
template <class T>
class RwLock {
  using Hold = internal::Hold;

 public:
  static constexpr uint32_t kMaxReaders = UINT32_MAX >> 3;

  RwLock() : value_() {}
  // At most `max_readers` (1 to kMaxReaders, checked) read at once; more of them wait.
  explicit RwLock(T value, uint32_t max_readers = kMaxReaders)
      : all_(max_readers), core_(max_readers), value_(std::move(value)) {
    KIOTO_CHECK(max_readers >= 1 && max_readers <= kMaxReaders, "RwLock: max_readers is 1 to RwLock::kMaxReaders");
  }
  RwLock(const RwLock&) = delete;
  RwLock& operator=(const RwLock&) = delete;

  // The guard; no error. CANCEL SAFE: loses place.
  ReadFuture<T> Read() { return ReadFuture<T>(core_, 1, value_, {}); }
  WriteFuture<T> Write() { return WriteFuture<T>(core_, all_, value_, {}); }
  // The guard, or IsEmpty: somebody writes, or waits (to write: or reads).
  StatusOr<ReadGuard<T>> TryRead() {
    return internal::TryLockCore<Hold::kRead>(core_, 1, std::as_const(value_), internal::Borrowed());
  }
  StatusOr<WriteGuard<T>> TryWrite() {
    return internal::TryLockCore<Hold::kWrite>(core_, all_, value_, internal::Borrowed());
  }
  // A plain thread waits. On a thread that runs tasks: a checked error.
  ReadGuard<T> BlockingRead() { return internal::BlockingWait(Read()); }
  WriteGuard<T> BlockingWrite() { return internal::BlockingWait(Write()); }

  // The same, with guards and futures that keep `lock` alive: for other tasks.
  static OwnedReadFuture<T> ReadOwned(std::shared_ptr<RwLock> lock) {
    RwLock& self = *lock;
    return OwnedReadFuture<T>(self.core_, 1, self.value_, std::move(lock));
  }
  static OwnedWriteFuture<T> WriteOwned(std::shared_ptr<RwLock> lock) {
    RwLock& self = *lock;
    return OwnedWriteFuture<T>(self.core_, self.all_, self.value_, std::move(lock));
  }
  static StatusOr<OwnedReadGuard<T>> TryReadOwned(std::shared_ptr<RwLock> lock) {
    RwLock& self = *lock;
    return internal::TryLockCore<Hold::kRead>(self.core_, 1, std::as_const(self.value_), internal::Shared(std::move(lock)));
  }
  static StatusOr<OwnedWriteGuard<T>> TryWriteOwned(std::shared_ptr<RwLock> lock) {
    RwLock& self = *lock;
    return internal::TryLockCore<Hold::kWrite>(self.core_, self.all_, self.value_, internal::Shared(std::move(lock)));
  }

  // Without a lock, for who has it alone.
  T& Get() { return value_; }
  T Into() && { return std::move(value_); }

 private:
  const uint64_t all_ = kMaxReaders;
  internal::LockCore core_{kMaxReaders};
  T value_;
};

// RwLock<T>::ReadOwned and WriteOwned, for which T need not be said. CANCEL SAFE: loses place.
template <class T>
OwnedReadFuture<T> ReadOwned(std::shared_ptr<RwLock<T>> lock) {
  return RwLock<T>::ReadOwned(std::move(lock));
}
// CANCEL SAFE: loses place.
template <class T>
OwnedWriteFuture<T> WriteOwned(std::shared_ptr<RwLock<T>> lock) {
  return RwLock<T>::WriteOwned(std::move(lock));
}

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_RWLOCK_H_
