// future.Then(fn): when the future is ready, fn(output); the whole gives what fn gives.
//
//   Sleep(1s).Then([&] { return stream.Write(ping); })
//   file.Size().Then([](StatusOr<uint64_t>& size) { return size.ok() ? *size : 0; })
//
// fn returns a value, nothing, or another future. An asynchronous fn is called with T& (or with nothing) and both, fn with
// its captures and the T, live until the future that it returned is finished or dropped; another fn is called with T&& if
// it takes it. A tuple (from Join) may be taken apart: fn(a, b). Fn may be a function or a pointer to a member of T.
// CANCEL SAFE: as the futures in it. Allocates nothing.
#ifndef KIOTO_RUNTIME_FUTURE_THEN_H_
#define KIOTO_RUNTIME_FUTURE_THEN_H_

#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/chain.h"

namespace kioto {

template <class Self, class T>
template <class Fn>
auto FutureBase<Self, T>::Then(Fn fn) && {
  return internal::MakeChain<internal::Side::kAny>(self(), std::move(fn));
}

template <class Self, class T>
template <class Fn>
internal::Poison FutureBase<Self, T>::Then(Fn&&) & {
  static_assert(internal::kAlwaysFalse<Fn>, "kioto: Then consumes its future: write std::move(future).Then(...)");
  return {};
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_THEN_H_
