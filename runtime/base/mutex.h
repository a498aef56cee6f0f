// Locks for short sections inside the runtime: Mutex, which sleeps, and SpinLock, which does not. (What tasks wait for
// is in kioto/sync.) Never run user code, wake a waker or destroy user data under either.
//
// STATE       Mutex: kFree, kHeld, kContended (held, and somebody may sleep). SpinLock: kFree, kHeld.
// OWNERSHIP   the section belongs to the thread that took the word from kFree.
// RACES       R1 a waiter that has set kContended against Unlock: both are RMWs of the word. Unlock second: it sees
//                kContended and wakes one. Unlock first: the waiter's exchange finds kFree and has the lock.
//             R2 a waiter that got the lock leaves kContended, though it may have been the last: its Unlock then wakes
//                nobody for one system call, and no sleeper is ever forgotten.
// COST        uncontended: one RMW to lock, one to unlock (SpinLock: one, and a store).
#ifndef KIOTO_RUNTIME_BASE_MUTEX_H_
#define KIOTO_RUNTIME_BASE_MUTEX_H_

#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/base/mutant.h"

#if KIOTO_MODEL
#include "kioto/runtime/base/model/mutex.h"
#elif KIOTO_PORTABLE || !defined(__linux__)
#include <mutex>
#endif

namespace kioto::base {

#if KIOTO_MODEL

using Mutex = model::Mutex;

#elif KIOTO_PORTABLE || !defined(__linux__)

class Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void Lock() { mutex_.lock(); }
  bool TryLock() { return mutex_.try_lock(); }
  void Unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

#else

// Four bytes, on a futex. Not recursive, not fair.
class Mutex {
 public:
  constexpr Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() {
    if (!TryLock()) LockSlow();
  }
  [[nodiscard]] bool TryLock() {
    uint32_t word = kFree;
    // acquire: pairs with Unlock's release. relaxed on failure: nothing was learned.
    return word_.compare_exchange_strong(word, kHeld, std::memory_order_acquire, std::memory_order_relaxed);
  }
  void Unlock() {
    // release: pairs with the acquire of the next owner.
    if (word_.exchange(kFree, std::memory_order_release) == kContended) WakeOne();  // R1
  }

 private:
  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kHeld = 1;
  static constexpr uint32_t kContended = 2;

  void LockSlow();
  void WakeOne();

  Atomic<uint32_t> word_{kFree};
};

#endif

// Holds `mutex` for as long as it lives; Unlock() ends it earlier.
class [[nodiscard]] MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) : mutex_(&mutex) { mutex.Lock(); }
  explicit MutexLock(Mutex* mutex) : MutexLock(*mutex) {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() {
    if (mutex_ != nullptr) mutex_->Unlock();
  }
  void Unlock() {
    mutex_->Unlock();
    mutex_ = nullptr;
  }

 private:
  Mutex* mutex_;
};

// For sections of a few instructions that never block. Spins, then gives its core away: the owner may have none.
class SpinLock {
 public:
  constexpr SpinLock() = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void Lock() {
    if (!TryLock()) LockSlow();
  }
  [[nodiscard]] bool TryLock() {
    // acquire: pairs with Unlock's release.
    return word_.exchange(kHeld, KIOTO_ORDER("spin_lock.lock_order", std::memory_order_acquire)) == kFree;
  }
  void Unlock() {
    // release: pairs with the acquire of the next owner.
    word_.store(kFree, KIOTO_ORDER("spin_lock.unlock_order", std::memory_order_release));
  }

 private:
  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kHeld = 1;
  static constexpr int kSpinsBeforeYield = 100;  // about 3 µs; such a section lasts 10 ns

  void LockSlow() {
    do {
      // relaxed: only looks whether it is worth another try, without taking the cache line from the owner.
      for (int spins = 0; word_.load(std::memory_order_relaxed) != kFree; ++spins) {
        if (spins < kSpinsBeforeYield) {
          CpuRelax();
        } else {
          YieldThread();
        }
      }
    } while (!KIOTO_MUTANT("spin_lock.no_retry") && !TryLock());
  }

  Atomic<uint32_t> word_{kFree};
};

class [[nodiscard]] SpinLockGuard {
 public:
  explicit SpinLockGuard(SpinLock& lock) : lock_(lock) { lock_.Lock(); }
  SpinLockGuard(const SpinLockGuard&) = delete;
  SpinLockGuard& operator=(const SpinLockGuard&) = delete;
  ~SpinLockGuard() { lock_.Unlock(); }

 private:
  SpinLock& lock_;
};

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_MUTEX_H_
