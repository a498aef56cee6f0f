// future.Map(fn): Then, for an fn that only computes. A future as its result is refused: that is Then's work.
//
//   listener.Accept().Map([](StatusOr<TcpStream>& s) { return s.ok(); })
#ifndef KIOTO_RUNTIME_FUTURE_MAP_H_
#define KIOTO_RUNTIME_FUTURE_MAP_H_

#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/chain.h"

namespace kioto {
namespace internal {

template <class F, class Fn>
auto MakeMap(F&& first, Fn&& fn) {
  if constexpr (!kStepIsFine<Fn, OutputOf<F>>) {
    return Poison{};
  } else {
    constexpr bool async = Step<Fn, OutputOf<F>>::kAsync;
    static_assert(!async, "kioto: the step of Map computes a value; for one that returns a future use Then");
    if constexpr (async) {
      return Poison{};
    } else {
      return ChainValue<Side::kAny, F, Fn>(std::move(first), std::move(fn));
    }
  }
}

}  // namespace internal

template <class Self, class T>
template <class Fn>
auto FutureBase<Self, T>::Map(Fn fn) && {
  return internal::MakeMap(self(), std::move(fn));
}

template <class Self, class T>
template <class Fn>
internal::Poison FutureBase<Self, T>::Map(Fn&&) & {
  static_assert(internal::kAlwaysFalse<Fn>, "kioto: Map consumes its future: write std::move(future).Map(...)");
  return {};
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_MAP_H_
