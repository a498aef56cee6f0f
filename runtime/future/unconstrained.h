// Unconstrained(future): the future is polled without a budget: it stops only when it waits. For what must look at every
// item in one go; whoever uses it answers for the other tasks of the worker. CANCEL SAFE: as the future.
#ifndef KIOTO_RUNTIME_FUTURE_UNCONSTRAINED_H_
#define KIOTO_RUNTIME_FUTURE_UNCONSTRAINED_H_

#include <limits>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/poison.h"

namespace kioto {
namespace internal {

// While it lives, the budget of the poll is without end; then it is what it was.
class NoBudget {
 public:
  explicit NoBudget(Context& cx) : scope_(cx.scope()), budget_(scope_.budget), parts_(scope_.parts) {
    scope_.budget = std::numeric_limits<int>::max();
  }
  ~NoBudget() {
    scope_.budget = budget_;
    scope_.parts = parts_;
  }
  NoBudget(const NoBudget&) = delete;
  NoBudget& operator=(const NoBudget&) = delete;

 private:
  PollScope& scope_;
  const int budget_;
  const int parts_;
};

template <class F>
class [[nodiscard]] UnconstrainedFuture : public FutureBase<UnconstrainedFuture<F>, OutputOf<F>> {
 public:
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  explicit UnconstrainedFuture(F future) : future_(std::move(future)) {}
  Poll<OutputOf<F>> PollOnce(Context& cx) {
    NoBudget no_budget(cx);
    return PollChild(future_, cx);
  }
  void Describe(WaitTrace& trace) const { trace.Child(future_); }

 private:
  F future_;
};

}  // namespace internal

template <class F>
auto Unconstrained(F future) {
  static_assert(IsFuture<F>, "kioto: Unconstrained takes a future");
  if constexpr (IsFuture<F> && !internal::kIsPoison<F>) {
    return internal::UnconstrainedFuture<F>(std::move(future));
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_UNCONSTRAINED_H_
