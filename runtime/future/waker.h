// Waker: the right to say, from any thread, "poll this again". It owns a reference to what it wakes and is one word.
//
// Wake() only enqueues: it never polls, and never runs user code of the task inside the caller. It may be called any
// number of times, before, during and after the poll, and after the task has ended.
//
// STATE       WakeTarget::state, one word that a task shares with its references:
//               bits 0..kRefShift-1   belong to the target (a task keeps its life in them; a Wakeable leaves them 0)
//               bits kRefShift..63    the number of references
// OWNERSHIP   the target is destroyed by whoever takes the count to zero; nothing in it is touched after that.
// RACES       R1 Ref against the last Unref: impossible, a Ref is only made from a reference that is held.
#ifndef KIOTO_RUNTIME_FUTURE_WAKER_H_
#define KIOTO_RUNTIME_FUTURE_WAKER_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto {
namespace internal {

// What a Waker points to: the header of a task, or a Wakeable.
struct WakeTarget {
  struct VTable {
    void (*wake)(WakeTarget*);       // enqueue the target; the caller keeps its reference
    void (*destroy)(WakeTarget*);    // the last reference is gone
    void (*wake_last)(WakeTarget*);  // wake, and take over the caller's reference
    // So many bytes, from the target on, hold things that are destroyed while references are still held: what lies there
    // may keep the target without a reference of its own.
    size_t interior = 0;
  };

  static constexpr int kRefShift = 16;
  static constexpr uint64_t kRefOne = uint64_t{1} << kRefShift;

  WakeTarget(const VTable* vtable, uint64_t state) : vtable(vtable), state(state) {}

  void Ref() {
    state.fetch_add(kRefOne, std::memory_order_relaxed);  // relaxed: made from a reference that is held (R1)
  }
  void Unref() {
    // acq_rel: the release pairs with the acquire of the last Unref, which must see all that the others did.
    const uint64_t before = state.fetch_sub(kRefOne, KIOTO_ORDER("waker.unref_order", std::memory_order_acq_rel));
    if (before >> kRefShift == 1) vtable->destroy(this);
  }

  const VTable* const vtable;
  base::Atomic<uint64_t> state;
};

}  // namespace internal

class Waker {
 public:
  Waker() = default;  // wakes nothing
  // Takes over one reference of `target`.
  explicit Waker(internal::WakeTarget* target) : target_(target) {}
  Waker(const Waker& other) : target_(other.target_) {
    if (target_ != nullptr && !KIOTO_MUTANT("waker.copy_without_reference")) target_->Ref();
  }
  Waker(Waker&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
  Waker& operator=(Waker other) noexcept {
    std::swap(target_, other.target_);
    return *this;
  }
  ~Waker() {
    if (target_ != nullptr) target_->Unref();
  }

  // Any thread. Idempotent until the next poll.
  void Wake() const& {
    if (target_ != nullptr) target_->vtable->wake(target_);
  }
  // The same for a waker that is not needed any more: waking and letting go are one step, and no reference is counted.
  void Wake() && {
    if (internal::WakeTarget* target = Release()) target->vtable->wake_last(target);
  }

  // Whether both wake the same thing: then replacing one by the other changes nothing.
  bool WillWake(const Waker& other) const { return target_ == other.target_; }
  explicit operator bool() const { return target_ != nullptr; }

  // The target, without and with its reference.
  internal::WakeTarget* target() const { return target_; }
  internal::WakeTarget* Release() { return std::exchange(target_, nullptr); }

 private:
  internal::WakeTarget* target_ = nullptr;
};

// A Waker on loan: made from a target that somebody else keeps alive, at no cost. What is copied from it owns.
class BorrowedWaker {
 public:
  explicit BorrowedWaker(internal::WakeTarget* target) : waker_(target) {}
  ~BorrowedWaker() { waker_.Release(); }
  BorrowedWaker(const BorrowedWaker&) = delete;
  BorrowedWaker& operator=(const BorrowedWaker&) = delete;

  const Waker& get() const { return waker_; }

 private:
  Waker waker_;
};

// The base of anything that is not a task and wants to be woken: a blocked thread, a child of a wide join, a test.
// Made with `new`; destroyed with its last reference. OnWake runs on the waking thread: it must be short, may not throw
// (that ends the program), and may not assume that no lock of the waker's caller is held elsewhere.
class Wakeable : public internal::WakeTarget {
 public:
  Wakeable(const Wakeable&) = delete;
  Wakeable& operator=(const Wakeable&) = delete;

  Waker MakeWaker() {
    Ref();
    return Waker(this);
  }

 protected:
  Wakeable() : WakeTarget(&kVTable, kRefOne) {}  // the maker's reference; drop it with Unref()
  virtual ~Wakeable() = default;
  virtual void OnWake() = 0;

 private:
  static const VTable kVTable;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_WAKER_H_
