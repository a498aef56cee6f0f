#include "kioto/sync/internal/mpsc_permit_future.h"

namespace kioto::sync::internal {

MpscPermit::Outcome MpscPermit::Acquire(BoundedGate& gate, size_t n, const Waker& task) {
  const auto state = waiting() ? gate.Check(waiter_, task) : gate.Join(waiter_, n, task);
  if (state == PermitWaiter::kQueued) {
    gate_ = &gate;
    return kPending;
  }
  gate_ = nullptr;
  if (state == PermitWaiter::kGranted && !gate.rx_closed()) return kGranted;
  gate.Leave(waiter_);  // closed: what it got goes back, and the receiver hears of it
  return kClosed;
}

}  // namespace kioto::sync::internal
