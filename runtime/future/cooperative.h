// Cooperative(future): takes one unit of the budget when `future` is ready, as most leaves of ours do: for a leaf of yours that
// may be ready for ever, and would keep its worker from everybody else. CANCEL SAFE: as `future`. Any thread.
#ifndef KIOTO_RUNTIME_FUTURE_COOPERATIVE_H_
#define KIOTO_RUNTIME_FUTURE_COOPERATIVE_H_

#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/poison.h"

namespace kioto {
namespace internal {

template <class F>
class [[nodiscard]] CooperativeFuture : public FutureBase<CooperativeFuture<F>, OutputOf<F>> {
 public:
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  explicit CooperativeFuture(F future) : future_(std::move(future)) {}
  Poll<OutputOf<F>> PollOnce(Context& cx) {
    if (cx.budget_spent()) {
      (void)cx.ConsumeBudget();  // arranges the wake
      return kPending;
    }
    Poll<OutputOf<F>> polled = PollChild(future_, cx);
    if (polled.ready() && !cx.budget_spent()) (void)cx.ConsumeBudget();  // the future may have taken the last one
    return polled;
  }
  void Describe(WaitTrace& trace) const { trace.Child(future_); }

 private:
  F future_;
};

}  // namespace internal

template <class F>
auto Cooperative(F future) {
  static_assert(IsFuture<F>, "kioto: Cooperative takes a future");
  if constexpr (IsFuture<F> && !internal::kIsPoison<F>) {
    return internal::CooperativeFuture<F>(std::move(future));
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_COOPERATIVE_H_
