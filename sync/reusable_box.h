// ReusableBox<T>: a future of T on the heap, and after it another one in the same memory, of whatever type.
//
//   ReusableBox<Status> step(First());
//   ... step.PollOnce(cx) ...
//   step.Set(Second());                                  // allocates only if it does not fit
//
// For hand-written polls that go on from one future to the next; Future<T> allocates for each. The future that was ready
// stays until the next Set, and what another poll of it gives is its own affair. It is a future itself: movable at any
// time, since what is polled stays where it is. Empty after a move: it may be Set, assigned or destroyed.
// CANCEL SAFE: as the future in it. Threads: one at a time.
//
// STATE       `memory_`: null, or `size_` bytes aligned to `align_`. `future_`: null, or what lies there, which `ops_` knows.
#ifndef KIOTO_SYNC_REUSABLE_BOX_H_
#define KIOTO_SYNC_REUSABLE_BOX_H_

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/erased_memory.h"
#include "kioto/runtime/future/internal/pin.h"

namespace kioto::sync {

template <class T>
class [[nodiscard]] ReusableBox : public FutureBase<ReusableBox<T>, T> {
  template <class F>
  static constexpr bool Takes() {
    static_assert(IsFuture<F>, "kioto: a ReusableBox takes a future, as an rvalue: std::move(future) or a call that makes one");
    if constexpr (IsFuture<F>) {
      static_assert(std::is_same_v<OutputOf<F>, T>, "kioto: each future of a ReusableBox<T> gives exactly T: use Map, or Boxed");
      static_assert(!IsLocalFuture<F>,
                    "kioto: a ReusableBox may go to another thread, and this future may not: use a LocalFuture");
      return std::is_same_v<OutputOf<F>, T> && !IsLocalFuture<F>;
    } else {
      return false;
    }
  }

 public:
  static constexpr bool kMovable = true;

  template <class F, std::enable_if_t<!std::is_same_v<F, ReusableBox>, int> = 0>
  explicit ReusableBox(F future) {
    Set(std::move(future));
  }
  ReusableBox(ReusableBox&& other) noexcept { Swap(other); }
  ReusableBox& operator=(ReusableBox&& other) noexcept {
    ReusableBox(std::move(other)).Swap(*this);
    return *this;
  }
  ~ReusableBox() {
    Clear();
    Free();
  }

  // Destroys the future that was there first.
  template <class F>
  void Set(F future) {
    if constexpr (Takes<F>()) {
      Clear();
      if (!Fits<F>()) {
        Free();
        memory_ = kioto::internal::AllocateErased(sizeof(F), alignof(F));
        size_ = sizeof(F);
        align_ = alignof(F);
      }
      Put(std::move(future));
    }
  }
  // The same if it fits; else false, and nothing was touched.
  template <class F>
  bool TrySet(F&& future) {  // an lvalue makes F a reference, which is no future
    if constexpr (Takes<F>()) {
      if (!Fits<F>()) return false;
      Clear();
      Put(std::move(future));
    }
    return true;
  }

  void Describe(WaitTrace& trace) const {
    if (future_ != nullptr) ops_->describe(future_, trace);
  }
  Poll<T> PollOnce(Context& cx) {
    KIOTO_CHECK(future_ != nullptr, "a ReusableBox was polled that is empty: Set it first");
    return ops_->poll(future_, cx);
  }

 private:
  struct Ops {
    Poll<T> (*poll)(void*, Context&);
    void (*destroy)(void*);
    void (*describe)(const void*, WaitTrace&);
  };
  template <class F>
  struct OpsOf {
    static Poll<T> PollIt(void* future, Context& cx) { return kioto::internal::PollChild(*static_cast<F*>(future), cx); }
    static void DestroyIt(void* future) { static_cast<F*>(future)->~F(); }
    [[gnu::cold]] static void DescribeIt(const void* future, WaitTrace& trace) { trace.Child(*static_cast<const F*>(future)); }
    static constexpr Ops kOps = {&PollIt, &DestroyIt, &DescribeIt};
  };

  template <class F>
  bool Fits() const {
    return memory_ != nullptr && sizeof(F) <= size_ && alignof(F) <= align_;
  }
  template <class F>
  void Put(F&& future) {
    future_ = ::new (memory_) F(std::move(future));
    ops_ = &OpsOf<F>::kOps;
  }
  void Clear() {
    if (future_ != nullptr) ops_->destroy(std::exchange(future_, nullptr));
  }
  void Free() {
    if (memory_ != nullptr) kioto::internal::FreeErased(std::exchange(memory_, nullptr), size_, align_);
  }
  void Swap(ReusableBox& other) {
    std::swap(memory_, other.memory_);
    std::swap(size_, other.size_);
    std::swap(align_, other.align_);
    std::swap(future_, other.future_);
    std::swap(ops_, other.ops_);
  }

  void* memory_ = nullptr;
  size_t size_ = 0;
  size_t align_ = 0;
  void* future_ = nullptr;
  const Ops* ops_ = nullptr;
};

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_REUSABLE_BOX_H_
