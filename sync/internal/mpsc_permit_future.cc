#include "kioto/sync/internal/mpsc_permit_future.h"

#include <utility>

namespace kioto::sync::internal {

MpscPermit::Outcome MpscPermit::Acquire(BoundedGate& gate, size_t n, const Waker& task) {
  const bool joins = !waiting();
  if (joins) ::new (&waiter_) PermitWaiter;
  const auto state = joins ? gate.Join(waiter_, n, task) : gate.Check(waiter_, task);
  gate_ = &gate;
  if (state == PermitWaiter::kQueued) return kPending;
  if (state == PermitWaiter::kGranted && !gate.rx_closed()) {
    gate_ = nullptr;
    waiter_.~PermitWaiter();
    return kGranted;
  }
  GiveUp();  // closed: what it got goes back, and the receiver hears of it
  return kClosed;
}

void MpscPermit::GiveUp() {
  std::exchange(gate_, nullptr)->Leave(waiter_);
  waiter_.~PermitWaiter();
}

}  // namespace kioto::sync::internal
