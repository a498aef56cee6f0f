// FutureBase<Self, T>: what every future class inherits: its Output, and the combinators as members.
//
//   class [[nodiscard]] RecvFuture : public FutureBase<RecvFuture, StatusOr<int>> {
//    public:
//     Poll<StatusOr<int>> PollOnce(Context& cx);
//   };
//
// The members consume the future (rvalues only). What they do with `fn` is in the header of each: then.h, map.h, …
// A step lives, with its captures and its argument, until the future that it returned is finished or dropped.
#ifndef KIOTO_RUNTIME_FUTURE_FUTURE_BASE_H_
#define KIOTO_RUNTIME_FUTURE_FUTURE_BASE_H_

#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/future/wait_trace.h"

namespace kioto {

template <class Self, class T>
class FutureBase : public internal::PinCheck {
 public:
  using Output = T;

  // fn(output), whatever the output: a value, nothing, or another future.
  template <class Fn>
  auto Then(Fn fn) &&;
  // The same, for a step that only computes: a future is refused.
  template <class Fn>
  auto Map(Fn fn) &&;
  // On Status and StatusOr: fn() or fn(value) if OK, else the error goes by. Gives Status or StatusOr.
  template <class Fn>
  auto AndThen(Fn fn) &&;
  // On Status and StatusOr: fn(status) if not OK, else the value goes by.
  template <class Fn>
  auto OrElse(Fn fn) &&;
  // fn() after this future has completed, failed or thrown, but not if it is dropped. Keeps the outcome.
  template <class Fn>
  auto Finally(Fn fn) &&;
  // fn(const output&), and the output goes by.
  template <class Fn>
  auto Inspect(Fn fn) &&;
  // A name for whoever looks at the task. `name` is a literal.
  auto Named(const char* name) &&;
  // As a Future<T> (a LocalFuture<T> if it must stay on its thread): one allocation.
  auto Boxed() &&;
  // adaptor(this future): how other packages add steps. std::move(f).Apply(adaptor) is adaptor(std::move(f)).
  template <class Adaptor>
  auto Apply(Adaptor adaptor) &&;

  // On an lvalue: refused with a sentence.
  template <class Fn>
  internal::Poison Then(Fn&&) &;
  template <class Fn>
  internal::Poison Map(Fn&&) &;
  template <class Fn>
  internal::Poison AndThen(Fn&&) &;
  template <class Fn>
  internal::Poison OrElse(Fn&&) &;
  template <class Fn>
  internal::Poison Finally(Fn&&) &;

 protected:
  FutureBase() = default;
  ~FutureBase() = default;
  FutureBase(FutureBase&&) = default;
  FutureBase& operator=(FutureBase&&) = default;

 private:
  Self&& self() { return static_cast<Self&&>(*this); }
};

}  // namespace kioto

// The members' definitions. They include this file in turn; either order works.
#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/apply.h"
#include "kioto/runtime/future/erased.h"
#include "kioto/runtime/future/finally.h"
#include "kioto/runtime/future/inspect.h"
#include "kioto/runtime/future/map.h"
#include "kioto/runtime/future/named.h"
#include "kioto/runtime/future/or_else.h"
#include "kioto/runtime/future/then.h"

#endif  // KIOTO_RUNTIME_FUTURE_FUTURE_BASE_H_
