// LockGuard: what Mutex and RwLock give: MutexGuard<T> (mutex.h), ReadGuard<T> and WriteGuard<T> (rwlock.h), and their owned
// forms. A guard of a part (Map, TryMap) is one of the part's type: the MutexGuard<T> of a T with a U gives a MutexGuard<U>.
//
//   return users.Lock().Then([](sync::MutexGuard<Users>& all) {
//     return Use(std::move(all).Map([](Users& users) -> User& { return users.first(); }));
//   });
#ifndef KIOTO_SYNC_LOCK_GUARD_H_
#define KIOTO_SYNC_LOCK_GUARD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/sync/internal/lock_core.h"

namespace kioto::sync {

namespace internal {

enum class Hold : uint8_t { kMutex, kRead, kWrite };

// What keeps the lock alive while a guard lives: nothing, or a share of it.
struct Borrowed {};
using Shared = std::shared_ptr<const void>;

// Whether Fn, called with T&, gives a reference.
template <class Fn, class T, class = void>
inline constexpr bool kRefers = false;
template <class Fn, class T>
inline constexpr bool kRefers<Fn, T, std::void_t<std::invoke_result_t<Fn&, T&>>> = std::is_lvalue_reference_v<std::invoke_result_t<Fn&, T&>>;

}  // namespace internal

// Holds a lock on a T: the value of a lock, or a part of it (Map). Destroyed, by an exception too, it unlocks; there is no
// poison. One thread at a time; it may go to another. Moved from or unlocked, it may only be destroyed or assigned.
template <class T, internal::Hold hold, class Owner>
class [[nodiscard]] LockGuard {
 public:
  LockGuard(internal::LockCore& core, uint64_t permits, T& value, Owner owner)
      : core_(&core), permits_(permits), value_(&value), owner_(std::move(owner)) {}
  LockGuard(LockGuard&& other) noexcept
      : core_(other.core_),
        permits_(std::exchange(other.permits_, 0)),
        value_(std::exchange(other.value_, nullptr)),
        owner_(std::move(other.owner_)) {}
  LockGuard& operator=(LockGuard&& other) noexcept {
    if (this != &other) {
      Unlock();
      core_ = other.core_;
      permits_ = std::exchange(other.permits_, 0);
      value_ = std::exchange(other.value_, nullptr);
      owner_ = std::move(other.owner_);
    }
    return *this;
  }
  ~LockGuard() { Unlock(); }

  T& operator*() const { return *get(); }
  T* operator->() const { return get(); }
  T* get() const {
    KIOTO_DCHECK(value_ != nullptr, "a lock's guard was used after it was unlocked or moved from");
    return value_;
  }

  // Earlier than the destructor; no more than that if it is unlocked already.
  void Unlock() {
    value_ = nullptr;
    if (permits_ > 0) core_->Leave(std::exchange(permits_, 0));
    owner_ = Owner();  // after its lock
  }

  // A guard of a part: fn(T&) gives a reference into the value. The lock is the same.
  template <class Fn>
  auto Map(Fn fn) && {
    constexpr bool refers = internal::kRefers<Fn, T>;
    static_assert(refers, "kioto: the function of Map gives a reference into the value (-> U&); for a pointer use TryMap");
    if constexpr (refers) {
      return Into<hold>(permits_, kioto::internal::Invoke(fn, **this));
    } else {
      return kioto::internal::Poison{};
    }
  }
  // The same for a part that may not be there: fn gives a pointer. Null: nullopt, and this guard keeps the lock.
  template <class Fn>
  auto TryMap(Fn fn) && {
    auto* part = kioto::internal::Invoke(fn, **this);
    using Part = LockGuard<std::remove_pointer_t<decltype(part)>, hold, Owner>;
    return part == nullptr ? std::optional<Part>() : std::optional<Part>(Into<hold>(permits_, *part));
  }

  // WriteGuard: becomes a reader, without a moment between. Other readers come in, unless a writer waits before them.
  auto Downgrade() && {
    return std::move(*this).DowngradeMap([](const T& value) -> const T& { return value; });
  }
  // The same, and a guard of a part: fn(const T&) gives a reference into the value, still alone with it.
  template <class Fn>
  auto DowngradeMap(Fn fn) && {
    constexpr bool refers = internal::kRefers<Fn, const T>;
    static_assert(refers,
                  "kioto: the function of DowngradeMap gives a reference into the value (-> const U&); for a pointer use TryDowngradeMap");
    if constexpr (refers) {
      return Downgraded(kioto::internal::Invoke(fn, std::as_const(**this)));
    } else {
      return kioto::internal::Poison{};
    }
  }
  // fn gives a pointer. Null: nullopt, and this guard keeps the lock, to write.
  template <class Fn>
  auto TryDowngradeMap(Fn fn) && {
    auto* part = kioto::internal::Invoke(fn, std::as_const(**this));
    using Part = LockGuard<std::remove_pointer_t<decltype(part)>, internal::Hold::kRead, Owner>;
    return part == nullptr ? std::optional<Part>() : std::optional<Part>(Downgraded(*part));
  }

  // What is protected, as text.
  template <class Stream>
  friend auto operator<<(Stream& out, const LockGuard& guard) -> decltype(out << std::declval<T&>()) {
    return out << *guard;
  }

 private:
  // Passes `permits` of its own on to a guard of `part`.
  template <internal::Hold to, class U>
  LockGuard<U, to, Owner> Into(uint64_t permits, U& part) {
    permits_ = 0;
    value_ = nullptr;
    return LockGuard<U, to, Owner>(*core_, permits, part, std::move(owner_));
  }
  template <class U>
  LockGuard<const U, internal::Hold::kRead, Owner> Downgraded(const U& part) {
    static_assert(hold == internal::Hold::kWrite, "kioto: only the guard of a RwLock::Write can be downgraded");
    // R3 of lock_core.h.
    const uint64_t kept = KIOTO_MUTANT("lock_guard.downgrade_all") ? 0 : 1;
    core_->Leave(permits_ - kept);
    return Into<internal::Hold::kRead, const U>(kept, part);
  }

  internal::LockCore* core_;
  uint64_t permits_;
  T* value_;
  Owner owner_;
};

namespace internal {

// Gives the guard; a lock has no error. CANCEL SAFE: loses place. Threads: any. First come first served; nobody passes the
// queue.
template <class T, Hold hold, class Owner>
class [[nodiscard]] LockFuture : public FutureBase<LockFuture<T, hold, Owner>, LockGuard<T, hold, Owner>> {
 public:
  using Guard = LockGuard<T, hold, Owner>;

  LockFuture(LockCore& core, uint64_t permits, T& value, Owner owner)
      : value_(&value), owner_(std::move(owner)), wait_(core, permits) {}

  void Describe(WaitTrace& trace) const {
    trace.Leaf(hold == Hold::kMutex ? "Mutex::Lock" : hold == Hold::kRead ? "RwLock::Read" : "RwLock::Write");
  }
  Poll<Guard> PollOnce(Context& cx) {
    if (!wait_.Poll(cx)) return kPending;
    return Guard(wait_.core(), wait_.count(), *value_, std::move(owner_));
  }

 private:
  T* value_;
  Owner owner_;
  LockWait wait_;  // gone before its owner
};

// The guard, or IsEmpty: it is held, or others wait for it.
template <Hold hold, class T, class Owner>
StatusOr<LockGuard<T, hold, Owner>> TryLockCore(LockCore& core, uint64_t permits, T& value, Owner owner) {
  if (!core.TryEnter(permits)) return EmptyError();
  return LockGuard<T, hold, Owner>(core, permits, value, std::move(owner));
}

}  // namespace internal

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_LOCK_GUARD_H_
