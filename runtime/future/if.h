// If(condition, a, b): a() or b(), at the first poll. Both give one output (see below); without b, nothing is done.
//
//   return If(n == 0, Break, [&] { return s.WriteAll(buf.first(n)); });
//
// This is how a step gives one of two different futures: a lambda with two return types is refused by the language.
// A branch returns nothing, a value or a future. The outputs are unified: nothing ≡ Unit; Continue (or nothing) with Break(v)
// gives Flow<V>; Status with Break gives StatusOr<Flow<V>>; Status with StatusOr<T> gives StatusOr<T>: such a Status is there
// for its errors, [] { return absl::NotFoundError(…); }. An OK one has no T, and becomes a kInternal error that says so.
// The branch that is not taken is destroyed at once. CANCEL SAFE: as the branch.
#ifndef KIOTO_RUNTIME_FUTURE_IF_H_
#define KIOTO_RUNTIME_FUTURE_IF_H_

#include <new>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/unify.h"
#include "kioto/runtime/future/lazy.h"

namespace kioto {
namespace internal {

template <class A, class B>
class [[nodiscard]] IfFuture
    : public FutureBase<IfFuture<A, B>, Unify<typename Step<A, Unit>::Output, typename Step<B, Unit>::Output>> {
  using First = LazyFuture<A>;
  using Second = LazyFuture<B>;

 public:
  using Output = Unify<OutputOf<First>, OutputOf<Second>>;
  static constexpr bool kLocal = IsLocalFuture<First> || IsLocalFuture<Second>;
  static constexpr bool kLosesData = LosesDataWhenDropped<First> || LosesDataWhenDropped<Second>;

  IfFuture(bool condition, A&& a, B&& b) : is_first_(condition) {
    if (condition) {
      ::new (&first_) First(std::move(a));
    } else {
      ::new (&second_) Second(std::move(b));
    }
  }
  IfFuture(IfFuture&& other) : IfFuture::FutureBase(std::move(other)), is_first_(other.is_first_) {
    if (is_first_) {
      ::new (&first_) First(std::move(other.first_));
    } else {
      ::new (&second_) Second(std::move(other.second_));
    }
  }
  ~IfFuture() {
    if (is_first_) {
      first_.~First();
    } else {
      second_.~Second();
    }
  }

  Poll<Output> PollOnce(Context& cx) { return is_first_ ? PollBranch(first_, cx) : PollBranch(second_, cx); }
  void Describe(WaitTrace& trace) const {
    if (is_first_) {
      trace.Child(first_);
    } else {
      trace.Child(second_);
    }
  }

 private:
  template <class F>
  static Poll<Output> PollBranch(F& branch, Context& cx) {
    auto polled = PollChild(branch, cx);
    if (polled.pending()) return kPending;
    return Convert<Output>(*std::move(polled));
  }

  bool is_first_;
  union {
    First first_;
    Second second_;
  };
};

}  // namespace internal

template <class A, class B>
auto If(bool condition, A a, B b) {
  if constexpr (!internal::kStepIsFine<A, Unit> || !internal::kStepIsFine<B, Unit>) {
    return internal::Poison{};
  } else if constexpr (!internal::Unifies<typename internal::Step<A, Unit>::Output, typename internal::Step<B, Unit>::Output>()) {
    return internal::Poison{};
  } else {
    return internal::IfFuture<A, B>(condition, std::move(a), std::move(b));
  }
}

namespace internal {
struct DoNothing {
  void operator()() const {}
};
}  // namespace internal

template <class A>
auto If(bool condition, A a) {
  return If(condition, std::move(a), internal::DoNothing{});
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_IF_H_
