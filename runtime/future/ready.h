// Ready(value), Never(), PollFn(fn): the sources, futures that wait for nothing, for ever, or as a function says; and Lazy, which
// makes its future at the first poll. CANCEL SAFE: yes; of PollFn as the function is.
#ifndef KIOTO_RUNTIME_FUTURE_READY_H_
#define KIOTO_RUNTIME_FUTURE_READY_H_

#include <type_traits>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/lazy.h"

namespace kioto {
namespace internal {

template <class T>
class [[nodiscard]] ReadyFuture : public FutureBase<ReadyFuture<T>, T> {
 public:
  explicit ReadyFuture(T value) : value_(std::move(value)) {}
  Poll<T> PollOnce(Context&) { return std::move(value_); }

 private:
  T value_;
};

template <class T>
class [[nodiscard]] NeverFuture : public FutureBase<NeverFuture<T>, T> {
 public:
  Poll<T> PollOnce(Context&) { return kPending; }
  void Describe(WaitTrace& trace) const { trace.Leaf("Never"); }
};

template <class Fn>
using PollFnOutput = typename std::invoke_result_t<Fn&, Context&>::Value;

template <class Fn>
class [[nodiscard]] PollFnFuture : public FutureBase<PollFnFuture<Fn>, PollFnOutput<Fn>> {
 public:
  explicit PollFnFuture(Fn fn) : fn_(std::move(fn)) {}
  Poll<PollFnOutput<Fn>> PollOnce(Context& cx) { return fn_(cx); }
  void Describe(WaitTrace& trace) const { trace.Leaf("PollFn"); }

 private:
  Fn fn_;
};

template <class Fn, class = void>
inline constexpr bool kPolls = false;
template <class Fn>
inline constexpr bool kPolls<Fn, std::void_t<PollFnOutput<Fn>>> = true;

}  // namespace internal

// A value that is there already; nothing, for Ready().
template <class T>
auto Ready(T value) {
  return internal::ReadyFuture<T>(std::move(value));
}
inline auto Ready() { return internal::ReadyFuture<Unit>(Unit{}); }

// Never ready, and never woken: for the branch of a Select that is off, or a task that lives until it is aborted.
template <class T = Unit>
auto Never() {
  return internal::NeverFuture<T>();
}

// The future that fn is: fn(Context&) gives a Poll<T>. Register the waker first, test second.
template <class Fn>
auto PollFn(Fn fn) {
  constexpr bool polls = internal::kPolls<Fn>;
  static_assert(polls, "kioto: PollFn takes a callable from Context& to Poll<T>");
  if constexpr (polls) {
    return internal::PollFnFuture<Fn>(std::move(fn));
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_READY_H_
