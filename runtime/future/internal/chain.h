// The node behind Then, Map, AndThen and OrElse: a future, and a step for one side of its output.
//
//   storage        lives
//   first | next   overlaid: `first` until it is ready, then the future that the step returned
//   fn             from the making of the node to its end: the captures that `next` borrows
//   argument       from the end of `first` to the end of the node: what `next` borrows
// Destruction: first or next, then fn, then the argument. (`first` goes before fn: it may borrow what fn owns.)
#ifndef KIOTO_RUNTIME_FUTURE_INTERNAL_CHAIN_H_
#define KIOTO_RUNTIME_FUTURE_INTERNAL_CHAIN_H_

#include <cstdint>
#include <new>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/runtime/future/internal/unify.h"

namespace kioto::internal {

// Which outputs a step is for.
enum class Side : uint8_t { kAny, kGood, kBad };

// What the step is given of an output T.
template <Side side, class T>
using ArgumentOf = std::conditional_t<side == Side::kAny, T, std::conditional_t<side == Side::kBad, Status, ValueOf<T>>>;

template <Side side, class T>
bool IsFor(const T& output) {
  if constexpr (side == Side::kAny) {
    return true;
  } else {
    return output.ok() == (side == Side::kGood);
  }
}

template <Side side, class T>
ArgumentOf<side, T> TakeArgument(T&& output) {
  if constexpr (side == Side::kAny) {
    return std::move(output);
  } else if constexpr (side == Side::kBad) {
    if constexpr (kIsStatus<T>) {
      return std::move(output);
    } else {
      return std::move(output).status();
    }
  } else if constexpr (kIsStatus<T>) {
    return Unit{};
  } else {
    return *std::move(output);
  }
}

// The output of the node: T came from before, V from the step.
template <Side side, class T, class V>
constexpr auto ChainOutputOf() {
  if constexpr (side == Side::kAny) {
    return Type<V>{};
  } else if constexpr (side == Side::kGood) {
    return Type<Fallible<V>>{};
  } else {
    return Type<Unify<T, V>>{};
  }
}
template <Side side, class T, class V>
using ChainOutput = typename decltype(ChainOutputOf<side, T, V>())::type;

// The output where the step is not called.
template <Side side, class To, class T>
To PassBy(T&& output) {
  if constexpr (side == Side::kBad) {
    return Convert<To>(std::move(output));
  } else if constexpr (kIsStatus<T> || std::is_same_v<To, T>) {
    return To(std::move(output));
  } else {
    return To(std::move(output).status());
  }
}

// A step that returns a value.
template <Side side, class F, class Fn>
class [[nodiscard]] ChainValue
    : public FutureBase<ChainValue<side, F, Fn>,
                        ChainOutput<side, OutputOf<F>, typename Step<Fn, ArgumentOf<side, OutputOf<F>>>::Output>> {
  using T = OutputOf<F>;
  using A = ArgumentOf<side, T>;
  using S = Step<Fn, A>;

 public:
  using Output = ChainOutput<side, T, typename S::Output>;
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  ChainValue(F&& first, Fn&& fn) : fn_(std::move(fn)), first_(std::move(first)) {}
  ChainValue(ChainValue&& other) : ChainValue::FutureBase(std::move(other)), fn_(std::move(other.fn_)), first_(std::move(other.first_)) {}
  ~ChainValue() {
    if (!done_) first_.~F();
  }

  Poll<Output> PollOnce(Context& cx) {
    KIOTO_DCHECK(!done_, "a future was polled after it was ready");
    auto polled = PollChild(first_, cx);
    if (polled.pending()) return kPending;
    done_ = true;
    first_.~F();
    if constexpr (side != Side::kAny) {
      if (!IsFor<side>(*polled)) return PassBy<side, Output, T>(*std::move(polled));
    }
    A argument = TakeArgument<side, T>(*std::move(polled));
    return Convert<Output>(S::Value(fn_, argument));
  }
  void Describe(WaitTrace& trace) const {
    if (!done_) trace.Child(first_);
  }

 private:
  Fn fn_;
  bool done_ = false;
  union {
    F first_;
  };
};

// A step that returns a future.
template <Side side, class F, class Fn>
class [[nodiscard]] Chain
    : public FutureBase<Chain<side, F, Fn>,
                        ChainOutput<side, OutputOf<F>, typename Step<Fn, ArgumentOf<side, OutputOf<F>>>::Output>> {
  using T = OutputOf<F>;
  using A = ArgumentOf<side, T>;
  using S = Step<Fn, A>;
  using Next = typename S::Next;

 public:
  using Output = ChainOutput<side, T, typename S::Output>;
  static constexpr bool kLocal = IsLocalFuture<F> || IsLocalFuture<Next>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F> || LosesDataWhenDropped<Next>;

  Chain(F&& first, Fn&& fn) : fn_(std::move(fn)), first_(std::move(first)) {}
  Chain(Chain&& other) : Chain::FutureBase(std::move(other)), fn_(std::move(other.fn_)), first_(std::move(other.first_)) {}
  ~Chain() {
    if (stage_ == Stage::kFirst) first_.~F();
    if (stage_ == Stage::kNext) next_.~Next();
    fn_.~Fn();
    if (stage_ == Stage::kNext || stage_ == Stage::kArgument) argument_.~A();
  }

  Poll<Output> PollOnce(Context& cx) {
    if (stage_ == Stage::kFirst) {
      auto polled = PollChild(first_, cx);
      if (polled.pending()) return kPending;
      if constexpr (side != Side::kAny) {
        if (!IsFor<side>(*polled)) {
          EndFirst(Stage::kDone);
          return PassBy<side, Output, T>(*std::move(polled));
        }
      }
      ::new (&argument_) A(TakeArgument<side, T>(*std::move(polled)));
      EndFirst(Stage::kArgument);
      ::new (&next_) Next(S::Make(fn_, argument_));
      stage_ = Stage::kNext;
    }
    KIOTO_DCHECK(stage_ == Stage::kNext, "a future was polled after it was ready");
    auto polled = PollChild(next_, cx);
    if (polled.pending()) return kPending;
    stage_ = Stage::kArgument;
    next_.~Next();
    return Convert<Output>(*std::move(polled));
  }
  void Describe(WaitTrace& trace) const {
    if (stage_ == Stage::kFirst) trace.Child(first_);
    if (stage_ == Stage::kNext) trace.Child(next_);
  }

 private:
  enum class Stage : uint8_t { kFirst, kArgument, kNext, kDone };

  void EndFirst(Stage stage) {
    stage_ = stage;
    first_.~F();
  }

  union {
    A argument_;
  };
  union {
    Fn fn_;
  };
  Stage stage_ = Stage::kFirst;
  union {
    F first_;
    Next next_;
  };
};

template <Side side, class F, class Fn>
auto MakeChain(F&& first, Fn&& fn) {
  using A = ArgumentOf<side, OutputOf<F>>;
  if constexpr (!kStepIsFine<Fn, A>) {
    return Poison{};
  } else if constexpr (Step<Fn, A>::kAsync) {
    return Chain<side, F, Fn>(std::move(first), std::move(fn));
  } else {
    return ChainValue<side, F, Fn>(std::move(first), std::move(fn));
  }
}

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_FUTURE_INTERNAL_CHAIN_H_
