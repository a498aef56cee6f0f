#include "kioto/sync/barrier.h"

#include "kioto/runtime/base/mutant.h"

namespace kioto::sync {

Poll<BarrierResult> BarrierFuture::PollOnce(Context& cx) {
  if (complete_ == 0) {
    if (!cx.ConsumeBudget()) return kPending;
    // acq_rel: what was done before an arrival is seen by all who go on.
    const uint64_t arrival =
        barrier_->arrived_.fetch_add(1, KIOTO_ORDER("barrier.arrive_order", std::memory_order_acq_rel));
    complete_ = (arrival / barrier_->parties_ + 1) * barrier_->parties_;
    if (arrival + 1 == complete_) {
      if (!KIOTO_MUTANT("barrier.no_notify")) barrier_->notify_.NotifyAll();  // R1
      return BarrierResult{true};
    }
  }
  for (;;) {
    if (!notified_.has_value()) notified_.emplace(barrier_->notify_);
    // acquire: pairs with the arrivals. Looked at after the Notified was made (R1).
    if (barrier_->arrived_.load(std::memory_order_acquire) >= complete_ || KIOTO_MUTANT("barrier.trust_notify")) break;
    if (notified_->PollOnce(cx).pending()) return kPending;
    notified_.reset();  // R2
  }
  notified_.reset();
  return BarrierResult{false};
}

}  // namespace kioto::sync
