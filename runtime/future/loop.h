// Loop(fn): calls fn again and again, each time after what it returned is done, until that says stop.
//
//   Loop([&] { return Timeout(30s, s.Read(buf)).AndThen([&](size_t& n) {
//     return If(n == 0, Break, [&] { return s.WriteAll(buf.first(n)); });
//   }); })
//
//   one round gives          it goes on after      it ends by          the loop gives
//   nothing, Continue()      always                being dropped       Unit, never
//   Flow<V>                  Continue()            Break(v)            V
//   Status                   OK                    an error            Status, never OK
//   StatusOr<Flow<V>>        Continue()            Break(v), an error  StatusOr<V>, or Status if V is Unit
//
// Iterates, never recurses. A round in which nothing paid costs one unit of the poll's budget, so that a loop which never
// waits still lets other tasks run. CANCEL SAFE: as one round.
#ifndef KIOTO_RUNTIME_FUTURE_LOOP_H_
#define KIOTO_RUNTIME_FUTURE_LOOP_H_

#include <cstdint>
#include <new>
#include <optional>
#include <utility>

#include "kioto/runtime/future/flow.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/round.h"
#include "kioto/runtime/future/internal/step.h"

namespace kioto {
namespace internal {

template <class Fn>
class [[nodiscard]] LoopFuture : public FutureBase<LoopFuture<Fn>, LoopOutput<typename Step<Fn, Unit>::Output>> {
  using S = Step<Fn, Unit>;
  using Body = typename S::Next;  // char if fn is synchronous
  using Round = typename S::Output;

 public:
  using Output = LoopOutput<Round>;
  static constexpr bool kLocal = IsLocalFuture<Body>;
  static constexpr bool kLosesData = LosesDataWhenDropped<Body>;

  explicit LoopFuture(Fn fn) : fn_(std::move(fn)) {}
  LoopFuture(LoopFuture&& other) : LoopFuture::FutureBase(std::move(other)), fn_(std::move(other.fn_)) {}
  ~LoopFuture() {
    if (in_round_) body_.~Body();
  }

  Poll<Output> PollOnce(Context& cx) {
    for (;;) {
      RoundBudget budget(cx);
      auto polled = PollRound(cx);
      if (polled.pending()) return kPending;
      if (RoundStops(*polled)) return LoopResult<Output>(*std::move(polled));
      if (!budget.MayGoOn()) return kPending;
    }
  }
  void Describe([[maybe_unused]] WaitTrace& trace) const {
    if constexpr (S::kAsync) {
      if (in_round_) trace.Child(body_);
    }
  }

 private:
  Poll<Round> PollRound(Context& cx) {
    Unit none;
    if constexpr (!S::kAsync) {
      return S::Value(fn_, none);
    } else {
      if (!in_round_) {
        ::new (&body_) Body(S::Make(fn_, none));
        in_round_ = true;
      }
      auto polled = PollChild(body_, cx);
      if (polled.ready()) {
        in_round_ = false;
        body_.~Body();
      }
      return polled;
    }
  }

  Fn fn_;
  bool in_round_ = false;
  union {
    Body body_;
  };
};

template <class Fn>
auto MakeLoop(Fn&& fn) {
  if constexpr (!kStepIsFine<Fn, Unit>) {
    return Poison{};
  } else {
    using S = Step<Fn, Unit>;
    constexpr bool known = kIsRound<typename S::Output>;
    constexpr bool ends = S::kAsync || !kGoesOn<typename S::Output>;
    static_assert(known, "kioto: one round of a Loop gives nothing, a Status, Continue() or Break(v); to end with a value give Break(value)");
    static_assert(ends, "kioto: this Loop can neither wait nor break: its body returns a future, a Status, or Break(v) at some time");
    if constexpr (known && ends) {
      return LoopFuture<Fn>(std::move(fn));
    } else {
      return Poison{};
    }
  }
}

}  // namespace internal

template <class Fn>
auto Loop(Fn fn) {
  return internal::MakeLoop(std::move(fn));
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_LOOP_H_
