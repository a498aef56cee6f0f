// future.Finally(fn): fn() once the future has completed, failed or thrown, and then the outcome of the future.
//
//   Work(conn).Finally([&] { return conn.Close(); })
//
// fn returns nothing, a value or a future; what that gives is ignored: the outcome is the future's, or its exception.
// Not on a drop: dropping is at once, and nothing may wait then (OnDrop is for that).
// CANCEL SAFE: as the futures in it; fn is not called.
#ifndef KIOTO_RUNTIME_FUTURE_FINALLY_H_
#define KIOTO_RUNTIME_FUTURE_FINALLY_H_

#include <cstdint>
#include <new>
#include <optional>
#include <utility>

#include "kioto/runtime/base/config.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/step.h"

#if KIOTO_EXCEPTIONS
#include <exception>
#endif

namespace kioto {
namespace internal {

template <class F, class Fn>
class [[nodiscard]] FinallyNode : public FutureBase<FinallyNode<F, Fn>, OutputOf<F>> {
  using T = OutputOf<F>;
  using S = Step<Fn, Unit>;
  using Next = typename S::Next;  // char if fn is synchronous

 public:
  static constexpr bool kLocal = IsLocalFuture<F> || IsLocalFuture<Next>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F> || LosesDataWhenDropped<Next>;

  FinallyNode(F first, Fn fn) : fn_(std::move(fn)), first_(std::move(first)) {}
  FinallyNode(FinallyNode&& other)
      : FinallyNode::FutureBase(std::move(other)), fn_(std::move(other.fn_)), first_(std::move(other.first_)) {}
  ~FinallyNode() {
    if (stage_ == Stage::kFirst) first_.~F();
    if (stage_ == Stage::kNext) next_.~Next();
  }

  Poll<T> PollOnce(Context& cx) {
    if (stage_ == Stage::kFirst) {
      if (!PollFirst(cx)) return kPending;
      stage_ = Stage::kBetween;
      first_.~F();
      Unit none;
      if constexpr (S::kAsync) {
        ::new (&next_) Next(S::Make(fn_, none));
        stage_ = Stage::kNext;
      } else {
        static_cast<void>(S::Value(fn_, none));
      }
    }
    if constexpr (S::kAsync) {
      if (PollChild(next_, cx).pending()) return kPending;
      stage_ = Stage::kBetween;
      next_.~Next();
    }
#if KIOTO_EXCEPTIONS
    if (thrown_ != nullptr) std::rethrow_exception(std::exchange(thrown_, nullptr));
#endif
    return *std::move(outcome_);
  }
  void Describe(WaitTrace& trace) const {
    if (stage_ == Stage::kFirst) trace.Child(first_);
    if constexpr (S::kAsync) {
      if (stage_ == Stage::kNext) trace.Child(next_);
    }
  }

 private:
  enum class Stage : uint8_t { kFirst, kBetween, kNext };

  // Whether the first future is over, one way or another.
  bool PollFirst(Context& cx) {
#if KIOTO_EXCEPTIONS
    try {
#endif
      auto polled = PollChild(first_, cx);
      if (polled.pending()) return false;
      outcome_.emplace(*std::move(polled));
#if KIOTO_EXCEPTIONS
    } catch (...) {
      thrown_ = std::current_exception();
    }
#endif
    return true;
  }

  std::optional<T> outcome_;
#if KIOTO_EXCEPTIONS
  std::exception_ptr thrown_;
#endif
  Fn fn_;
  Stage stage_ = Stage::kFirst;
  union {
    F first_;
    Next next_;
  };
};

template <class F, class Fn>
auto MakeFinally(F&& first, Fn&& fn) {
  constexpr bool callable = std::is_invocable_v<Fn&> || IsFuture<Fn>;
  static_assert(callable || kAnyPoison<Fn, OutputOf<F>>,
                "kioto: the step of Finally takes no argument: it runs after errors and exceptions too");
  if constexpr (!callable || kIsPoison<OutputOf<F>>) {
    return Poison{};
  } else if constexpr (!kStepIsFine<Fn, Unit>) {
    return Poison{};
  } else {
    return FinallyNode<F, Fn>(std::move(first), std::move(fn));
  }
}

}  // namespace internal

template <class Self, class T>
template <class Fn>
auto FutureBase<Self, T>::Finally(Fn fn) && {
  return internal::MakeFinally(self(), std::move(fn));
}

template <class Self, class T>
template <class Fn>
internal::Poison FutureBase<Self, T>::Finally(Fn&&) & {
  static_assert(internal::kAlwaysFalse<Fn>, "kioto: Finally consumes its future: write std::move(future).Finally(...)");
  return {};
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_FINALLY_H_
