// Lazy(fn): calls fn at the first poll, keeps it and its captures until the future that it returned is done, and gives
// what that gives. An fn that returns a value makes a future of it. CANCEL SAFE: as the future of fn.
#ifndef KIOTO_RUNTIME_FUTURE_LAZY_H_
#define KIOTO_RUNTIME_FUTURE_LAZY_H_

#include <cstdint>
#include <new>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/step.h"

namespace kioto {
namespace internal {

template <class Fn>
class [[nodiscard]] LazyFuture : public FutureBase<LazyFuture<Fn>, typename Step<Fn, Unit>::Output> {
  using S = Step<Fn, Unit>;
  using Next = typename S::Next;  // char if fn is synchronous

 public:
  using Output = typename S::Output;
  static constexpr bool kLocal = IsLocalFuture<Next>;
  static constexpr bool kLosesData = LosesDataWhenDropped<Next>;

  explicit LazyFuture(Fn fn) : fn_(std::move(fn)) {}
  LazyFuture(LazyFuture&& other) : LazyFuture::FutureBase(std::move(other)), fn_(std::move(other.fn_)) {}
  ~LazyFuture() {
    if (stage_ == Stage::kNext) next_.~Next();
  }

  Poll<Output> PollOnce(Context& cx) {
    Unit none;
    if constexpr (!S::kAsync) {
      KIOTO_DCHECK(stage_ == Stage::kFn, "a future was polled after it was ready");
      stage_ = Stage::kDone;
      return S::Value(fn_, none);
    } else {
      if (stage_ == Stage::kFn) {
        stage_ = Stage::kDone;
        ::new (&next_) Next(S::Make(fn_, none));
        stage_ = Stage::kNext;
      }
      KIOTO_DCHECK(stage_ == Stage::kNext, "a future was polled after it was ready");
      auto polled = PollChild(next_, cx);
      if (polled.ready()) {
        stage_ = Stage::kDone;
        next_.~Next();
      }
      return polled;
    }
  }
  void Describe([[maybe_unused]] WaitTrace& trace) const {
    if constexpr (S::kAsync) {
      if (stage_ == Stage::kNext) trace.Child(next_);
    }
  }

 private:
  enum class Stage : uint8_t { kFn, kNext, kDone };

  Fn fn_;
  Stage stage_ = Stage::kFn;
  union {
    Next next_;
  };
};

}  // namespace internal

template <class Fn>
auto Lazy(Fn fn) {
  if constexpr (internal::kStepIsFine<Fn, Unit>) {
    return internal::LazyFuture<Fn>(std::move(fn));
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_LAZY_H_
