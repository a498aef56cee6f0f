// future.Apply(adaptor) is adaptor(std::move(future)): how a package above adds a step that reads from left to right.
//
//   stream.Read(buf).Apply(WithTimeout(30s)).AndThen(...)
#ifndef KIOTO_RUNTIME_FUTURE_APPLY_H_
#define KIOTO_RUNTIME_FUTURE_APPLY_H_

#include <utility>

#include "kioto/runtime/future/future_base.h"

namespace kioto {

template <class Self, class T>
template <class Adaptor>
auto FutureBase<Self, T>::Apply(Adaptor adaptor) && {
  static_assert(std::is_invocable_v<Adaptor&, Self>, "kioto: the adaptor of Apply is called with the future, as an rvalue");
  if constexpr (std::is_invocable_v<Adaptor&, Self>) {
    return adaptor(self());
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_APPLY_H_
