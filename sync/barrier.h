// Barrier: n tasks wait for each other; when the last arrives all go on, and the next n may meet.
//
//   sync::Barrier ready(workers);      // a member, or a state of a With, InPlace<sync::Barrier>(workers): the futures borrow it
//   return ready.Wait().Then([&](sync::BarrierResult& r) { if (r.is_leader) Report(); });
//
// STATE       one 64-bit word that only grows: how many have ever arrived. Arrival number a (from 0) is of generation
//             a / n, and its leader if it is the last of it; a generation is complete when (its number + 1) * n have
//             arrived. The word never wraps: 2^64 arrivals are centuries.
// RACES       R1 the last arrives while another is about to wait: the last arrives first and notifies second. The other's
//                Notified was made before it was notified, and counts; or after, and it sees the arrival, by the
//                Notify's word.
//             R2 who has arrived for the next generation is notified, too: it looks, finds its own incomplete, and
//                waits on.
// COST        RMWs: to arrive 1; the last 1 more, and a wake each; to wait as Notify.
#ifndef KIOTO_SYNC_BARRIER_H_
#define KIOTO_SYNC_BARRIER_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/sync/notify.h"

namespace kioto::sync {

class Barrier;

struct BarrierResult {
  bool is_leader;  // of exactly one of each generation: the last to arrive
};

// Arrives at its first poll. CANCEL SAFE of Barrier::Wait(): loses data: the arrival of one that is dropped stays
// counted. Borrows its Barrier.
class [[nodiscard]] BarrierFuture : public FutureBase<BarrierFuture, BarrierResult> {
 public:
  static constexpr bool kLosesData = true;

  explicit BarrierFuture(Barrier& barrier) : barrier_(&barrier) {}

  void Describe(WaitTrace& trace) const { trace.Leaf("Barrier::Wait"); }
  Poll<BarrierResult> PollOnce(Context& cx);

 private:
  Barrier* barrier_;
  uint64_t complete_ = 0;  // with so many arrivals its generation is complete; 0: has not arrived
  std::optional<NotifiedFuture> notified_;
};

// Threads: any. It must outlive its futures.
class Barrier {
 public:
  // For `parties` tasks; 0 is as 1.
  explicit Barrier(size_t parties) : parties_(parties == 0 ? 1 : parties) {}
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  BarrierFuture Wait() { return BarrierFuture(*this); }

 private:
  friend class BarrierFuture;

  const uint64_t parties_;
  base::Atomic<uint64_t> arrived_{0};
  Notify notify_;
};

}  // namespace kioto::sync

#endif  // KIOTO_SYNC_BARRIER_H_
