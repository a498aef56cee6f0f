// future.Inspect(fn): fn(const output&) when the future is ready, to log or count; the output goes by unchanged.
// fn is synchronous; what it returns is ignored. CANCEL SAFE: as the future.
#ifndef KIOTO_RUNTIME_FUTURE_INSPECT_H_
#define KIOTO_RUNTIME_FUTURE_INSPECT_H_

#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/step.h"

namespace kioto {
namespace internal {

template <class F, class Fn>
class [[nodiscard]] InspectNode : public FutureBase<InspectNode<F, Fn>, OutputOf<F>> {
 public:
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  InspectNode(F future, Fn fn) : fn_(std::move(fn)), future_(std::move(future)) {}

  Poll<OutputOf<F>> PollOnce(Context& cx) {
    auto polled = PollChild(future_, cx);
    if (polled.ready()) {
      const auto& output = *polled;
      static_cast<void>(Invoke(fn_, output));
    }
    return polled;
  }
  void Describe(WaitTrace& trace) const { trace.Child(future_); }

 private:
  Fn fn_;
  F future_;
};

template <class F, class Fn>
auto MakeInspect(F&& future, Fn&& fn) {
  constexpr bool callable = std::is_invocable_v<Fn&, const OutputOf<F>&>;
  static_assert(callable || kAnyPoison<OutputOf<F>>, "kioto: the step of Inspect is called with const T&");
  if constexpr (!callable || kAnyPoison<OutputOf<F>>) {
    return Poison{};
  } else {
    constexpr bool async = IsFuture<Plain<std::invoke_result_t<Fn&, const OutputOf<F>&>>>;
    static_assert(!async, "kioto: the step of Inspect only looks on; for one that returns a future use Then");
    if constexpr (async) {
      return Poison{};
    } else {
      return InspectNode<F, Fn>(std::move(future), std::move(fn));
    }
  }
}

}  // namespace internal

template <class Self, class T>
template <class Fn>
auto FutureBase<Self, T>::Inspect(Fn fn) && {
  return internal::MakeInspect(self(), std::move(fn));
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_INSPECT_H_
