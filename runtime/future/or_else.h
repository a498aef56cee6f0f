// future.OrElse(fn): Then, on the bad side. The future gives a Status or a StatusOr<U>; if it is not OK, fn(Status&),
// which may recover or give another error; else the value goes by and fn is not called.
//
//   Fetch(url).OrElse([&](Status& status) { return Fetch(mirror); })
//
// fn gives what the future gives: a Status, a StatusOr<U> or a U. Lifetimes are those of Then.
#ifndef KIOTO_RUNTIME_FUTURE_OR_ELSE_H_
#define KIOTO_RUNTIME_FUTURE_OR_ELSE_H_

#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/chain.h"

namespace kioto {
namespace internal {

template <class T, class Fn>
constexpr bool FitsOrElse() {
  using Out = Unify<T, typename Step<Fn, Status>::Output>;
  constexpr bool fits = std::is_same_v<Out, T> || kIsPoison<Out>;
  static_assert(fits, "kioto: the step of OrElse gives what its future gives: a Status, a StatusOr<T> or a T");
  return std::is_same_v<Out, T>;
}

template <class F, class Fn>
auto MakeOrElse(F&& first, Fn&& fn) {
  using T = OutputOf<F>;
  static_assert(kIsFallible<T> || kIsPoison<T>, "kioto: OrElse continues a future that gives Status or StatusOr<T>; after another one use Then");
  if constexpr (!kIsFallible<T>) {
    return Poison{};
  } else if constexpr (!kStepIsFine<Fn, Status>) {
    return Poison{};
  } else if constexpr (!FitsOrElse<T, Fn>()) {
    return Poison{};
  } else {
    return MakeChain<Side::kBad>(std::move(first), std::move(fn));
  }
}

}  // namespace internal

template <class Self, class T>
template <class Fn>
auto FutureBase<Self, T>::OrElse(Fn fn) && {
  return internal::MakeOrElse(self(), std::move(fn));
}

template <class Self, class T>
template <class Fn>
internal::Poison FutureBase<Self, T>::OrElse(Fn&&) & {
  static_assert(internal::kAlwaysFalse<Fn>, "kioto: OrElse consumes its future: write std::move(future).OrElse(...)");
  return {};
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_OR_ELSE_H_
