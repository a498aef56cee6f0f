// future.AndThen(fn): Then, on the good side. The future gives a Status or a StatusOr<U>; if it is OK, fn() or fn(U&);
// else the error goes by and fn is not called.
//
//   TcpStream::Connect(host).AndThen([](TcpStream& s) { return s.WriteAll("hello\n"); })
//
// Gives Status if fn gives nothing or a Status, else StatusOr of what fn gives. Lifetimes are those of Then.
#ifndef KIOTO_RUNTIME_FUTURE_AND_THEN_H_
#define KIOTO_RUNTIME_FUTURE_AND_THEN_H_

#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/chain.h"

namespace kioto {
namespace internal {

template <class F, class Fn>
auto MakeAndThen(F&& first, Fn&& fn) {
  using T = OutputOf<F>;
  static_assert(kIsFallible<T> || kIsPoison<T>, "kioto: AndThen continues a future that gives Status or StatusOr<T>; after another one use Then");
  if constexpr (!kIsFallible<T>) {
    return Poison{};
  } else {
    return MakeChain<Side::kGood>(std::move(first), std::move(fn));
  }
}

}  // namespace internal

template <class Self, class T>
template <class Fn>
auto FutureBase<Self, T>::AndThen(Fn fn) && {
  return internal::MakeAndThen(self(), std::move(fn));
}

template <class Self, class T>
template <class Fn>
internal::Poison FutureBase<Self, T>::AndThen(Fn&&) & {
  static_assert(internal::kAlwaysFalse<Fn>, "kioto: AndThen consumes its future: write std::move(future).AndThen(...)");
  return {};
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_AND_THEN_H_
