// A step: what a user gives a combinator to call. A lambda, a function, or a pointer to a member of the argument.
//
// How a step is called with an argument of type T that the node keeps:
//   - it returns a future (asynchronous): with T&. The argument lives until that future is finished or dropped.
//   - it returns a value or nothing:      with T&& if it takes it, else with T&.
//   - it takes no argument:               with none.
//   - T is a tuple (Join) and the step takes its elements: with each of them.
#ifndef KIOTO_RUNTIME_FUTURE_INTERNAL_STEP_H_
#define KIOTO_RUNTIME_FUTURE_INTERNAL_STEP_H_

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/future/internal/unify.h"

namespace kioto::internal {

template <class T>
using Plain = std::remove_cv_t<std::remove_reference_t<T>>;

// --- Calling ---------------------------------------------------------------------------------------------------------

// (first.*member)(rest…), through a smart pointer if need be.
template <class R, class C, class First, class... A>
decltype(auto) InvokeMember(R C::*member, First&& first, A&&... rest) {
  if constexpr (!std::is_base_of_v<C, Plain<First>>) {
    return InvokeMember(member, *std::forward<First>(first), std::forward<A>(rest)...);
  } else if constexpr (std::is_function_v<R>) {
    return (std::forward<First>(first).*member)(std::forward<A>(rest)...);
  } else {
    return std::forward<First>(first).*member;
  }
}

// fn(args…). What is returned by value is made where the caller says: it need not be movable.
template <class Fn, class... A>
decltype(auto) Invoke(Fn& fn, A&&... args) {
  if constexpr (std::is_member_pointer_v<Fn>) {
    return InvokeMember(fn, std::forward<A>(args)...);
  } else {
    return fn(std::forward<A>(args)...);
  }
}

enum class How : uint8_t { kNoArgument, kLvalue, kRvalue, kElements, kImpossible };

template <class T>
inline constexpr bool kIsTuple = false;
template <class... E>
inline constexpr bool kIsTuple<std::tuple<E...>> = true;

template <class Fn, class T>
inline constexpr bool kTakesElements = false;
template <class Fn, class... E>
inline constexpr bool kTakesElements<Fn, std::tuple<E...>> = std::is_invocable_v<Fn&, E&...>;

template <class R>
inline constexpr bool kIsAsync = IsFuture<Plain<R>>;

template <class Fn, class T>
constexpr How HowToCall() {
  if constexpr (kIsUnit<T> && std::is_invocable_v<Fn&>) {
    return How::kNoArgument;
  } else if constexpr (std::is_invocable_v<Fn&, T&>) {
    if constexpr (kIsAsync<std::invoke_result_t<Fn&, T&>>) {
      return How::kLvalue;
    } else {
      return std::is_invocable_v<Fn&, T> ? How::kRvalue : How::kLvalue;
    }
  } else if constexpr (std::is_invocable_v<Fn&, T>) {
    return How::kRvalue;
  } else if constexpr (std::is_invocable_v<Fn&>) {
    return How::kNoArgument;
  } else if constexpr (kTakesElements<Fn, T>) {
    return How::kElements;
  } else {
    return How::kImpossible;
  }
}

template <How how, class Fn, class T>
decltype(auto) CallStep(Fn& fn, T& argument) {
  if constexpr (how == How::kNoArgument) {
    return Invoke(fn);
  } else if constexpr (how == How::kLvalue) {
    return Invoke(fn, argument);
  } else if constexpr (how == How::kRvalue) {
    return Invoke(fn, std::move(argument));
  } else {
    return std::apply([&fn](auto&... element) -> decltype(auto) { return Invoke(fn, element...); }, argument);
  }
}

// --- What a step gives -----------------------------------------------------------------------------------------------

template <class R, bool async = kIsAsync<R>>
struct ResultOf {  // a value or nothing
  using Next = char;
  using Output = std::decay_t<R>;
};
template <>
struct ResultOf<void, false> {
  using Next = char;
  using Output = Unit;
};
template <class R>
struct ResultOf<R, true> {
  using Next = Plain<R>;
  using Output = OutputOf<Next>;
};

// A step Fn on an argument that the node keeps as a T. Only for steps that pass StepIsFine.
template <class Fn, class T>
struct Step {
  static constexpr How kHow = HowToCall<Fn, T>();
  using Result = decltype(CallStep<kHow>(std::declval<Fn&>(), std::declval<T&>()));
  static constexpr bool kAsync = kIsAsync<Result>;
  using Next = typename ResultOf<Result>::Next;      // the future that it returns
  using Output = typename ResultOf<Result>::Output;  // what that future gives, or what the step returns

  // The future, made where the caller says: it need not be movable.
  static Result Make(Fn& fn, T& argument) { return CallStep<kHow>(fn, argument); }
  // The value of a step that is not asynchronous.
  static Output Value(Fn& fn, T& argument) {
    if constexpr (std::is_void_v<Result>) {
      CallStep<kHow>(fn, argument);
      return Unit{};
    } else {
      return CallStep<kHow>(fn, argument);
    }
  }
};

// --- What is refused -------------------------------------------------------------------------------------------------

// The declared parameters of Fn, where they can be known: not those of a generic lambda.
template <class... P>
struct Params {
  static constexpr bool kByValue = (false || ... || !std::is_reference_v<P>);
};
struct UnknownParams {
  static constexpr bool kByValue = false;
};

// clang-format off
template <class C, class R, class... P> Params<P...> ParamsOfMember(R (C::*)(P...));
template <class C, class R, class... P> Params<P...> ParamsOfMember(R (C::*)(P...) const);
template <class C, class R, class... P> Params<P...> ParamsOfMember(R (C::*)(P...) noexcept);
template <class C, class R, class... P> Params<P...> ParamsOfMember(R (C::*)(P...) const noexcept);
template <class R, class... P> Params<P...> ParamsOf(R (*)(P...), int);
template <class R, class... P> Params<P...> ParamsOf(R (*)(P...) noexcept, int);
template <class C, class R, class... P> Params<P...> ParamsOf(R (C::*)(P...), int);
template <class C, class R, class... P> Params<P...> ParamsOf(R (C::*)(P...) const, int);
template <class Fn> decltype(ParamsOfMember(&Fn::operator())) ParamsOf(Fn, int);
template <class Fn> UnknownParams ParamsOf(const Fn&, ...);
// clang-format on

template <class Fn>
using ParametersOf = decltype(ParamsOf(std::declval<Fn>(), 0));

// A reference parameter that T does not bind to itself: the conversion makes a temporary, which dies at the return.
template <class P, class T>
inline constexpr bool kMakesTemporary = std::is_reference_v<P> && !std::is_same_v<Plain<P>, T> && !std::is_base_of_v<Plain<P>, T>;
template <class Ps, class T>
inline constexpr bool kBindsTemporary = false;
template <class P, class T>
inline constexpr bool kBindsTemporary<Params<P>, T> = kMakesTemporary<P, T>;

enum class Mistake : uint8_t { kNone, kPoison, kFuture, kNotCallable, kByValue, kTemporary };

template <class R, class Ps, class T>
constexpr Mistake MistakeOfResult(How how) {
  if (kIsPoison<R>) return Mistake::kPoison;
  if (!kIsAsync<R> || how == How::kNoArgument) return Mistake::kNone;
  if (Ps::kByValue) return Mistake::kByValue;
  // Called with T& it could not be, and its parameters are not known: a generic lambda that takes by value.
  if (how == How::kRvalue && std::is_same_v<Ps, UnknownParams>) return Mistake::kByValue;
  return (how == How::kLvalue || how == How::kRvalue) && kBindsTemporary<Ps, T> ? Mistake::kTemporary : Mistake::kNone;
}

template <class Fn, class T>
constexpr Mistake MistakeOf() {
  if constexpr (kAnyPoison<Fn, T>) {
    return Mistake::kPoison;
  } else if constexpr (IsFuture<Fn>) {
    return Mistake::kFuture;
  } else {
    constexpr How how = HowToCall<Fn, T>();
    if constexpr (how == How::kImpossible) {
      return Mistake::kNotCallable;
    } else {
      return MistakeOfResult<typename Step<Fn, T>::Result, ParametersOf<Fn>, T>(how);
    }
  }
}

// Says what is wrong with a step, in one sentence. False: the caller returns Poison.
template <Mistake mistake>
constexpr bool Refuse() {
  static_assert(mistake != Mistake::kFuture,
                "kioto: a step is a callable that returns a future, not a future: wrap it, [&] { return future; }");
  static_assert(mistake != Mistake::kNotCallable,
                "kioto: the step cannot be called with what the future gives: take that type by reference (T&), or nothing");
  static_assert(mistake != Mistake::kByValue,
                "kioto: an asynchronous step takes its argument by reference (T&): a by-value parameter dies when the step returns");
  static_assert(mistake != Mistake::kTemporary,
                "kioto: an asynchronous step takes a reference to exactly the type that it is given (or auto&): a converted "
                "argument is a temporary that dies when the step returns");
  return mistake == Mistake::kNone;
}

template <class Fn, class T>
inline constexpr bool kStepIsFine = Refuse<MistakeOf<Fn, T>()>();

// Whether branches with these outputs become one; its sentence.
template <class... Output>
constexpr bool Unifies() {
  constexpr bool fits = !std::is_same_v<Unify<Output...>, Mismatch>;
  static_assert(fits,
                "kioto: the branches give different outputs: only nothing, Status, StatusOr<T>, Continue() and Break(v) mix; "
                "let each give the same type");
  return fits && !kIsPoison<Unify<Output...>>;
}

// Whether the arguments of a join or a race are futures; its sentence.
template <class... F>
constexpr bool AreFutures() {
  constexpr bool futures = (true && ... && IsFuture<F>);
  static_assert(futures, "kioto: each argument of a join or race is a future, as an rvalue: std::move(future) or a call that makes one");
  return futures && !kAnyPoison<F...>;
}

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_FUTURE_INTERNAL_STEP_H_
