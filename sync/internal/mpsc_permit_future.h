// MpscPermit: a sender's way through the queue for permits; and the future of Reserve.
//
// STATE       new -> waiting (its waiter is in the queue) -> done. While it waits, what the waiter was given is given
//             back if it is destroyed.
#ifndef KIOTO_SYNC_INTERNAL_MPSC_PERMIT_FUTURE_H_
#define KIOTO_SYNC_INTERNAL_MPSC_PERMIT_FUTURE_H_

#include <cstddef>
#include <new>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/sync/internal/mpsc_bounded_gate.h"

namespace kioto::sync::internal {

class MpscPermit {
 public:
  enum Outcome { kPending, kGranted, kClosed };

  MpscPermit() {}
  MpscPermit(MpscPermit&& other) noexcept {
    KIOTO_CHECK(!other.waiting(), "a Send or Reserve of a channel was moved after its first poll");
  }
  MpscPermit& operator=(MpscPermit&&) = delete;
  ~MpscPermit() {
    if (waiting()) GiveUp();
  }

  bool waiting() const { return gate_ != nullptr; }
  // kGranted: n permits are the caller's.
  Outcome Acquire(BoundedGate& gate, size_t n, const Waker& task);

 private:
  void GiveUp();

  BoundedGate* gate_ = nullptr;  // set while the waiter may be queued, or hold something
  union {
    PermitWaiter waiter_;  // made when it joins: a send that finds room has none
  };
};

template <class Permits, class Channel>
class [[nodiscard]] MpscReserve : public FutureBase<MpscReserve<Permits, Channel>, StatusOr<Permits>> {
 public:
  MpscReserve(Channel& channel, size_t count) : channel_(&channel), count_(count) {}

  void Describe(WaitTrace& trace) const { trace.Leaf("mpsc::Reserve"); }
  Poll<StatusOr<Permits>> PollOnce(Context& cx) {
    if (cx.budget_spent()) {
      (void)cx.ConsumeBudget();
      return kPending;
    }
    if (!permit_.waiting()) {
      const MpscEntry entry = channel_->gate.Reserve(count_);
      if (entry == MpscEntry::kTicket) return Granted(cx);
      if (entry == MpscEntry::kClosed) return Closed(cx);
      if (count_ > channel_->gate.capacity()) {
        (void)cx.ConsumeBudget();
        return StatusOr<Permits>(
            absl::InvalidArgumentError("Reserve: more places than the channel has: ask for fewer"));
      }
    }
    switch (permit_.Acquire(channel_->gate, count_, cx.waker())) {
      case MpscPermit::kPending:
        return kPending;
      case MpscPermit::kClosed:
        return Closed(cx);
      case MpscPermit::kGranted:
        break;
    }
    return Granted(cx);
  }

 private:
  Poll<StatusOr<Permits>> Granted(Context& cx) {
    (void)cx.ConsumeBudget();
    return StatusOr<Permits>(Permits(*channel_, count_));
  }
  static Poll<StatusOr<Permits>> Closed(Context& cx) {
    (void)cx.ConsumeBudget();
    return StatusOr<Permits>(ClosedError("Reserve: the channel's receiver is closed or gone"));
  }

  Channel* channel_;
  size_t count_;
  MpscPermit permit_;
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_MPSC_PERMIT_FUTURE_H_
