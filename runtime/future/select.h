// Select(Case(future, handler)…): polls all; when one is ready, drops the others and then runs its handler.
//
//   Select(Case(lines.Next(), [&](StatusOr<std::optional<std::string>>& line) { … }),
//          Case(inbox.Recv(), [&](StatusOr<std::string>& said) { return s.WriteAll(*said); }),
//          Case(ByRef(sleep), [&] { return Break(); }).When(!expired))
//
// - Starts at a random one of the cases that are on at every poll (Context::Random, seeded), so that none starves; SelectBiased
//   in order.
// - Losers are destroyed before the handler runs: it may use what they borrowed.
// - Handlers are steps like those of Then: they return nothing, a value or a future, whose outputs are unified (If has the
//   rules), and get the output whole: a StatusOr is not unwrapped as for AndThen. Without a handler the case gives the
//   future's output. Handler, captures and output live until the end.
// - Case(…).When(false) is off: made, never polled. Case(on, factory, handler) makes its future only if `on`, when it is
//   polled first. If all are off, Otherwise(handler), which must be the last argument, runs; without one that is a checked
//   error.
// - A future that loses data when it is dropped is refused unless it says so: Case(LosesData(reader.ReadLine()), …).
// - Pending, with a wake arranged, if the poll's budget is spent. At most 64 cases. Allocates nothing.
// Race(futures…): the output of the first that is ready. CANCEL SAFE: as the futures.
#ifndef KIOTO_RUNTIME_FUTURE_SELECT_H_
#define KIOTO_RUNTIME_FUTURE_SELECT_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <new>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/pack.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/runtime/future/internal/unify.h"
#include "kioto/runtime/future/lazy.h"

namespace kioto {
namespace internal {

// The handler of a Case that has none.
struct PassOn {
  template <class T>
  T operator()(T&& output) const {
    return std::forward<T>(output);
  }
};

template <class F, class H>
struct [[nodiscard]] CaseOf {
  using Future = F;
  using Handler = H;
  static constexpr bool kOtherwise = false;

  F future;
  H handler;
  bool on = true;

  CaseOf When(bool condition) && {
    on = condition;
    return std::move(*this);
  }
};

// The branch that is taken when all others are off: one whose future is never polled.
struct NoFuture {
  using Output = Unit;
  Poll<Unit> PollOnce(Context&) { return kPending; }
};
template <class H>
struct [[nodiscard]] OtherwiseOf {
  using Future = NoFuture;
  using Handler = H;
  static constexpr bool kOtherwise = true;

  NoFuture future;
  H handler;
  bool on = false;
};

template <class T>
inline constexpr bool kIsCase = false;
template <class F, class H>
inline constexpr bool kIsCase<CaseOf<F, H>> = true;
template <class H>
inline constexpr bool kIsCase<OtherwiseOf<H>> = true;

template <class C>
using CaseStep = Step<typename C::Handler, OutputOf<typename C::Future>>;

// What the winner needs after the losers are gone: its output, and the future of its handler, side by side.
template <class C>
struct CaseResult {
  using A = std::conditional_t<CaseStep<C>::kAsync, OutputOf<typename C::Future>, char>;
  using Next = typename CaseStep<C>::Next;
  alignas(A) unsigned char argument[sizeof(A)];
  alignas(Next) unsigned char next[sizeof(Next)];
};

constexpr size_t MaxOf(std::initializer_list<size_t> sizes) {
  size_t max = 0;
  for (size_t size : sizes) max = size > max ? size : max;
  return max;
}

template <class... T>
struct Widest {
  alignas(T...) unsigned char bytes[MaxOf({sizeof(T)...})];
};

template <bool biased, class Indexes, class... C>
class SelectFuture;

template <bool biased, size_t... I, class... C>
class [[nodiscard]] SelectFuture<biased, std::index_sequence<I...>, C...>
    : public FutureBase<SelectFuture<biased, std::index_sequence<I...>, C...>, Unify<typename CaseStep<C>::Output...>> {
  static constexpr uint32_t kCases = sizeof...(C);
  static constexpr uint32_t kBranches = (uint32_t{0} + ... + uint32_t{!C::kOtherwise});

 public:
  using Output = Unify<typename CaseStep<C>::Output...>;
  static constexpr bool kLocal =
      (false || ... || (IsLocalFuture<typename C::Future> || IsLocalFuture<typename CaseStep<C>::Next>));
  static constexpr bool kLosesData =
      (false || ... || (LosesDataWhenDropped<typename C::Future> || LosesDataWhenDropped<typename CaseStep<C>::Next>));

  explicit SelectFuture(C&&... cases)
      : on_((uint64_t{0} | ... | (uint64_t{cases.on} << I))),
        handlers_(std::in_place, std::move(cases.handler)...),
        futures_(std::in_place, std::move(cases.future)...) {}
  SelectFuture(SelectFuture&& other)
      : SelectFuture::FutureBase(std::move(other)),
        on_(other.on_),
        handlers_(std::move(other.handlers_)),
        futures_(std::move(other.futures_)) {}
  ~SelectFuture() {
    if (stage_ == Stage::kWaiting) EndFutures();
    if (stage_ == Stage::kHandling) (EndNext<I, C>(), ...);
    handlers_.~Handlers();
    if (stage_ == Stage::kHandling || stage_ == Stage::kArgument) (EndArgument<I, C>(), ...);
  }

  Poll<Output> PollOnce(Context& cx) {
    Poll<Output> answer = kPending;
    if (stage_ == Stage::kWaiting) {
      if (cx.budget_spent()) {
        cx.Yield();
        return kPending;
      }
      if (on_ == 0) {
        TakeOtherwise(answer);
      } else {
        const uint32_t start = biased || kBranches < 2 ? 0 : RandomStart(cx);
        if (!PollRange(start, kCases, answer, cx)) PollRange(0, start, answer, cx);
      }
      if (stage_ == Stage::kWaiting || answer.ready()) return answer;
    }
    KIOTO_DCHECK(stage_ == Stage::kHandling, "a future was polled after it was ready");
    (PollNext<I, C>(answer, cx), ...);
    return answer;
  }
  void Describe(WaitTrace& trace) const {
    if (stage_ == Stage::kHandling) (DescribeNext<I, C>(trace), ...);
    if (stage_ != Stage::kWaiting) return;
    const WaitTrace::Below below = trace.Node("Select");
    (DescribeCase<I>(trace), ...);
  }

 private:
  // Waiting: futures_ live. Argument: the winner's output lives. Handling: that and the handler's future. Done: none.
  enum class Stage : uint8_t { kWaiting, kArgument, kHandling, kDone };
  using Handlers = Pack<typename C::Handler...>;
  using Futures = Pack<typename C::Future...>;

  // One of the cases that are on: there are some.
  uint32_t RandomStart(Context& cx) const {
    constexpr uint64_t kAll = (uint64_t{0} | ... | (uint64_t{I < kBranches} << I));
    if (on_ == kAll) return cx.Random(kBranches);
    uint64_t on = on_;
    for (auto skip = cx.Random(static_cast<uint32_t>(__builtin_popcountll(on))); skip > 0; --skip) on &= on - 1;
    return static_cast<uint32_t>(__builtin_ctzll(on));
  }
  // Polls the cases [from, to). Whether one has won.
  bool PollRange(uint32_t from, uint32_t to, Poll<Output>& answer, Context& cx) {
    return (false || ... || (I >= from && I < to && ((on_ >> I) & 1) != 0 && PollCase<I, C>(answer, cx)));
  }
  template <size_t i, class Case>
  bool PollCase(Poll<Output>& answer, Context& cx) {
    auto polled = PollChild(At<i>(futures_), cx);
    if (polled.pending()) return false;
    Win<i, Case>(*std::move(polled), answer);
    return true;
  }
  void TakeOtherwise(Poll<Output>& answer) {
    constexpr bool has_otherwise = (false || ... || C::kOtherwise);
    KIOTO_CHECK(has_otherwise, "every case of a Select is off (.When) and it has no Otherwise(handler)");
    (TakeIfOtherwise<I, C>(answer), ...);
  }
  template <size_t i, class Case>
  void TakeIfOtherwise([[maybe_unused]] Poll<Output>& answer) {
    if constexpr (Case::kOtherwise) Win<i, Case>(Unit{}, answer);
  }

  // gcc 12 loses track of a StatusOr whose state it has just looked at, once all of this is inlined.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
  // The losers go, then the winner's handler runs.
  template <size_t i, class Case>
  void Win(OutputOf<typename Case::Future>&& value, Poll<Output>& answer) {
    using A = OutputOf<typename Case::Future>;
    using S = CaseStep<Case>;
    A output = std::move(value);
    stage_ = Stage::kDone;
    EndFutures();
    if constexpr (S::kAsync) {
      auto* argument = ::new (Result<Case>().argument) A(std::move(output));
      winner_ = i;
      stage_ = Stage::kArgument;
      ::new (Result<Case>().next) typename S::Next(S::Make(At<i>(handlers_), *argument));
      stage_ = Stage::kHandling;
    } else {
      answer = Convert<Output>(S::Value(At<i>(handlers_), output));
    }
  }

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

  template <size_t i, class Case>
  void PollNext([[maybe_unused]] Poll<Output>& answer, [[maybe_unused]] Context& cx) {
    if constexpr (CaseStep<Case>::kAsync) {
      if (winner_ != i || stage_ != Stage::kHandling) return;
      auto polled = PollChild(*Next<Case>(), cx);
      if (polled.pending()) return;
      EndNext<i, Case>();
      stage_ = Stage::kArgument;
      answer = Convert<Output>(*std::move(polled));
    }
  }
  template <size_t i>
  void DescribeCase(WaitTrace& trace) const {
    if (((on_ >> i) & 1) != 0) trace.Child(At<i>(futures_));
  }
  template <size_t i, class Case>
  void DescribeNext([[maybe_unused]] WaitTrace& trace) const {
    if constexpr (CaseStep<Case>::kAsync) {
      using N = typename CaseStep<Case>::Next;
      const auto& result = *reinterpret_cast<const CaseResult<Case>*>(won_.bytes);
      if (winner_ == i) trace.Child(*std::launder(reinterpret_cast<const N*>(result.next)));
    }
  }
  template <size_t i, class Case>
  void EndNext() {
    using N = typename CaseStep<Case>::Next;
    if constexpr (CaseStep<Case>::kAsync) {
      if (winner_ == i) Next<Case>()->~N();
    }
  }
  template <size_t i, class Case>
  void EndArgument() {
    using A = OutputOf<typename Case::Future>;
    if constexpr (CaseStep<Case>::kAsync) {
      if (winner_ == i) std::launder(reinterpret_cast<A*>(Result<Case>().argument))->~A();
    }
  }
  void EndFutures() { futures_.~Futures(); }

  template <class Case>
  CaseResult<Case>& Result() {
    return *reinterpret_cast<CaseResult<Case>*>(won_.bytes);
  }
  template <class Case>
  auto* Next() {
    return std::launder(reinterpret_cast<typename CaseStep<Case>::Next*>(Result<Case>().next));
  }

  const uint64_t on_;
  union {
    Handlers handlers_;
  };
  Stage stage_ = Stage::kWaiting;
  uint8_t winner_ = 0;
  union {
    Futures futures_;
    Widest<CaseResult<C>...> won_;
  };
};

// Whether the arguments of Select make sense; its sentences.
template <class... C>
constexpr bool AreCases() {
  if constexpr (kAnyPoison<C...>) {
    return false;
  } else {
    constexpr bool cases = sizeof...(C) > 0 && (true && ... && kIsCase<C>);
    static_assert(cases, "kioto: each argument of Select is a Case(future, handler), the last may be an Otherwise(handler)");
    static_assert(sizeof...(C) <= 64, "kioto: a Select has at most 64 cases");
    if constexpr (cases && sizeof...(C) <= 64) {
      return Unifies<typename CaseStep<C>::Output...>();
    } else {
      return false;
    }
  }
}

template <bool biased, class... C>
auto MakeSelect(C&&... cases) {
  if constexpr (AreCases<C...>()) {
    return SelectFuture<biased, std::index_sequence_for<C...>, C...>(std::move(cases)...);
  } else {
    return Poison{};
  }
}

template <class F>
class [[nodiscard]] LosesDataFuture : public FutureBase<LosesDataFuture<F>, OutputOf<F>> {
 public:
  static constexpr bool kLocal = IsLocalFuture<F>;
  explicit LosesDataFuture(F future) : future_(std::move(future)) {}
  Poll<OutputOf<F>> PollOnce(Context& cx) { return PollChild(future_, cx); }
  void Describe(WaitTrace& trace) const { trace.Child(future_); }

 private:
  F future_;
};

template <class F>
constexpr bool MayBeCase() {
  constexpr bool future = IsFuture<F>;
  static_assert(future, "kioto: the first argument of Case is a future, as an rvalue; one that is kept elsewhere is ByRef(future)");
  constexpr bool keeps = !LosesDataWhenDropped<F>;
  static_assert(keeps, "kioto: this future loses data if another case wins: keep it outside with ByRef(future), or accept that with LosesData(future)");
  return future && keeps && !kIsPoison<F>;
}

}  // namespace internal

// A branch of a Select.
template <class F, class H>
auto Case(F future, H handler) {
  if constexpr (internal::MayBeCase<F>()) {
    if constexpr (internal::kStepIsFine<H, OutputOf<F>>) {
      return internal::CaseOf<F, H>{std::move(future), std::move(handler)};
    } else {
      return internal::Poison{};
    }
  } else {
    return internal::Poison{};
  }
}
template <class F>
auto Case(F future) {
  return Case(std::move(future), internal::PassOn{});
}

// The same, off unless `on`; its future is what factory() gives, which is called only if the branch is polled.
template <class Fn, class H>
auto Case(bool on, Fn factory, H handler) {
  if constexpr (internal::kStepIsFine<Fn, Unit>) {
    using F = internal::LazyFuture<Fn>;
    if constexpr (internal::MayBeCase<F>()) {
      if constexpr (internal::kStepIsFine<H, OutputOf<F>>) {
        return internal::CaseOf<F, H>{F(std::move(factory)), std::move(handler), on};
      } else {
        return internal::Poison{};
      }
    } else {
      return internal::Poison{};
    }
  } else {
    return internal::Poison{};
  }
}
template <class Fn>
auto Case(bool on, Fn factory) {
  return Case(on, std::move(factory), internal::PassOn{});
}

// The branch that is taken when all others are off.
template <class H>
auto Otherwise(H handler) {
  if constexpr (internal::kStepIsFine<H, Unit>) {
    return internal::OtherwiseOf<H>{{}, std::move(handler)};
  } else {
    return internal::Poison{};
  }
}

// Says that losing what `future` has taken is accepted.
template <class F>
auto LosesData(F future) {
  static_assert(IsFuture<F>, "kioto: LosesData takes a future");
  if constexpr (IsFuture<F> && !internal::kIsPoison<F>) {
    return internal::LosesDataFuture<F>(std::move(future));
  } else {
    return internal::Poison{};
  }
}

template <class... C>
auto Select(C... cases) {
  return internal::MakeSelect<false>(std::move(cases)...);
}
template <class... C>
auto SelectBiased(C... cases) {
  return internal::MakeSelect<true>(std::move(cases)...);
}
template <class... F>
auto Race(F... futures) {
  if constexpr (internal::AreFutures<F...>()) {
    return internal::MakeSelect<false>(Case(std::move(futures))...);
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_SELECT_H_
