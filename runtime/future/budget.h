// ConsumeBudget(), HasBudgetRemaining(): a task's share of its worker, 128 units a poll, of which every leaf that is ready takes one, or, if it is
// small, a part of one (limits.h).
//
//   Loop([&] { return ConsumeBudget().Then([&] { return Work(next++); }); })   // computes, and lets others run
//   HasBudgetRemaining().Then([&](bool& left) { … })
//
// ConsumeBudget() takes a unit as a leaf does: ready at once, or, when all are spent, after everything else that is ready has
// had its turn. HasBudgetRemaining() takes none. Unconstrained (unconstrained.h) has no budget; Cooperative
// (cooperative.h) takes a unit for a future that does not. CANCEL SAFE: yes. Any thread.
#ifndef KIOTO_RUNTIME_FUTURE_BUDGET_H_
#define KIOTO_RUNTIME_FUTURE_BUDGET_H_

#include "kioto/runtime/future/future_base.h"

namespace kioto {

class [[nodiscard]] ConsumeBudgetFuture : public FutureBase<ConsumeBudgetFuture, Unit> {
 public:
  Poll<Unit> PollOnce(Context& cx) {
    if (!cx.ConsumeBudget()) return kPending;
    return Unit{};
  }
};

class [[nodiscard]] HasBudgetRemainingFuture : public FutureBase<HasBudgetRemainingFuture, bool> {
 public:
  Poll<bool> PollOnce(Context& cx) { return !cx.budget_spent(); }
};

inline ConsumeBudgetFuture ConsumeBudget() { return ConsumeBudgetFuture(); }
inline HasBudgetRemainingFuture HasBudgetRemaining() { return HasBudgetRemainingFuture(); }

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_BUDGET_H_
