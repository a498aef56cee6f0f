// UnboundedGate: a channel's tickets when there is always room. See mpsc_gate.h for the word.
//
// COST        RMWs: a send 1; a receive 0.
#ifndef KIOTO_SYNC_INTERNAL_MPSC_UNBOUNDED_GATE_H_
#define KIOTO_SYNC_INTERNAL_MPSC_UNBOUNDED_GATE_H_

#include <cstdint>

#include "kioto/runtime/base/mutant.h"
#include "kioto/sync/internal/mpsc_gate.h"

namespace kioto::sync::internal {

class UnboundedGate : public MpscGate<uint64_t, kMpscFlagBits, 0> {
 public:
  // --- senders ---

  // kTicket or kClosed.
  MpscEntry Enter(Ticket& ticket) {
    uint64_t word = Load();
    for (;;) {
      if ((word & kMpscClosed) != 0) return MpscEntry::kClosed;
      // acq_rel: R1. acquire on failure: as Load.
      if (word_.compare_exchange_weak(word, (word + kTailOne) & ~kMpscRxParked, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        ticket = {TailOf(word), (word & kMpscRxParked) != 0};
        return MpscEntry::kTicket;
      }
    }
  }
  // The tail, after everything that came before this call in the word's order (BlockQueue, R2).
  uint64_t TailNow() {
    return TailOf(word_.fetch_add(0, std::memory_order_acq_rel));  // acq_rel: pairs with Enter
  }

  // --- the receiver ---

  uint64_t head() const {
    return head_.load(std::memory_order_relaxed);  // relaxed: the receiver's own; for others a guess
  }
  bool Advance(uint64_t head) {
    parked_ = false;
    head_.store(head, std::memory_order_relaxed);  // relaxed: no sender waits for it
    return false;
  }
  bool MayPutOff() const { return false; }
  void Serve() {}
  uint64_t len() const { return TailOf(Load()) - head(); }
  uint64_t permits_out() const { return 0; }
  void Close() {
    word_.fetch_or(kMpscClosed, std::memory_order_acq_rel);  // acq_rel: as every RMW of the word
    if (!KIOTO_MUTANT("mpsc.silent_close")) closed_.NotifyAll();
  }

 private:
  base::Atomic<uint64_t> head_{0};
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_MPSC_UNBOUNDED_GATE_H_
