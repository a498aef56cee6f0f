// BoundedGate: a channel's tickets when their number is bounded. See mpsc_gate.h for the word.
//
//   tail - head + permits out <= capacity, always.
//
// A sender takes its permit and its ticket in one CAS of the word. Whoever finds no room, or finds kWaiters, joins the
// PermitQueue; what it is given is a permit in the word, which it turns into a ticket when it is polled.
//
// RACES       R4 the receiver frees a slot while a sender joins: the receiver stores head, then loads `waiting_`; the
//                sender stores `waiting_` (and kWaiters, which stops the fast path), then loads head: all four seq_cst,
//                so one sees the other. `waiting_` lies in the receiver's line: it looks without touching the senders'.
//             R5 a permit is dropped while a sender joins: both are RMWs of the word.
//             R6 `head_seen_`, the head that some sender saw last, may lag: its reader then looks at head itself.
//             R7 a slot is written again only after it was read: the check against a head that some sender acquired
//                lies before the ticket in the word's order, and all of that order's RMWs acquire and release.
//             R8 while senders wait, the receiver may put off serving them (MpscChannel::PutOff) until half is left,
//                so that one wake of theirs is for many sends. Meanwhile the room is there, and nobody passes them.
// COST        RMWs: a send 1; a receive 1 (the store of head), for RecvMany 1 in all; a permit 1, used 1. Waiting: the
//             lock, 2, a reference and a wake more. The receiver's sleep: 1, and the sender's wake 1 and what the task
//             costs.
#ifndef KIOTO_SYNC_INTERNAL_MPSC_BOUNDED_GATE_H_
#define KIOTO_SYNC_INTERNAL_MPSC_BOUNDED_GATE_H_

#include <algorithm>
#include <cstdint>

#include "kioto/sync/internal/mpsc_gate.h"
#include "kioto/sync/internal/permit_queue.h"

namespace kioto::sync::internal {

// From this capacity on serving is put off until half of it is in use: the receiver is then busy for as long as a wake may
// take. Half of a small queue is received before anybody is awake.
inline constexpr uint64_t kMpscPutOffFrom = KIOTO_MODEL ? 3 : 16;
inline constexpr uint64_t kMpscMaxCapacity = (uint64_t{1} << (kMpscReservedBits - 1)) - 1;

class BoundedGate : public MpscGate<uint32_t, 32, ((uint64_t{1} << kMpscReservedBits) - 1) << kMpscFlagBits> {
 public:
  explicit BoundedGate(uint64_t capacity)
      : capacity_(capacity), few_(capacity >= kMpscPutOffFrom ? capacity / 2 : capacity) {}

  uint64_t capacity() const { return capacity_; }
  // Room for this many more: a number that may be old at once.
  uint64_t free() const;
  uint64_t permits_out() const { return ReservedOf(Load()); }

  // --- senders ---

  // A ticket at once, or why not.
  MpscEntry Enter(Ticket& ticket) {
    uint64_t word = Load();
    for (;;) {
      if (const MpscEntry entry = Admit(word, 1); entry != MpscEntry::kTicket) return entry;
      // acq_rel: R1, R7. acquire on failure: as Load.
      if (word_.compare_exchange_weak(word, (word + kTailOne) & ~kMpscRxParked, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        ticket = {TailOf(word), (word & kMpscRxParked) != 0};
        return MpscEntry::kTicket;
      }
    }
  }
  // n permits at once, or why not. kTicket means that they are the caller's.
  MpscEntry Reserve(uint64_t n);
  // Turns one permit into a ticket.
  Ticket Redeem() {
    uint64_t word = Load();
    // acq_rel: R1, R7. acquire on failure: as Load.
    while (!word_.compare_exchange_weak(word, (word + kTailOne - kReservedOne) & ~kMpscRxParked,
                                        std::memory_order_acq_rel, std::memory_order_acquire)) {
    }
    return {TailOf(word), (word & kMpscRxParked) != 0};
  }
  // Gives permits back unused.
  void Return(uint64_t n);

  PermitWaiter::State Join(PermitWaiter& waiter, uint64_t n, const Waker& task) {
    return queue_.Join(*this, waiter, n, task);
  }
  PermitWaiter::State Check(PermitWaiter& waiter, const Waker& task) { return queue_.Check(waiter, task); }
  // The waiter goes, with whatever it had.
  void Leave(PermitWaiter& waiter) { Return(queue_.Leave(*this, waiter)); }

  // --- the receiver ---

  uint32_t head() const {
    return head_.load(std::memory_order_relaxed);  // relaxed: the receiver's own; for others a guess
  }
  // Everything before `head` was taken, and its slots are free. True: somebody waits for them, and is to be served.
  [[nodiscard]] bool Advance(uint32_t head) {
    parked_ = false;
    // seq_cst: R4; and releases the slots to the senders (R7).
    head_.store(head, KIOTO_ORDER("mpsc_bounded.advance_order", std::memory_order_seq_cst));
    // seq_cst: R4.
    return waiting_.load(KIOTO_ORDER("mpsc_bounded.look_order", std::memory_order_seq_cst)) != 0;
  }
  // Whether so much is in use that those who wait may be served later (R8).
  bool MayPutOff() const { return Used(Load(), head()) > few_; }
  // Any thread.
  void Serve() { queue_.HandOver(*this); }
  uint64_t len() const { return static_cast<uint32_t>(TailOf(Load()) - head()); }
  void Close();

  // --- as the PermitQueue's source, under its lock ---

  bool closed() const { return rx_closed(); }
  uint64_t TakeUpTo(uint64_t n);
  void SetWaiting();
  void ClearWaiting();

 private:
  static constexpr uint64_t kReservedOne = uint64_t{1} << kMpscFlagBits;
  static uint64_t ReservedOf(uint64_t word) {
    return (word >> kMpscFlagBits) & ((uint64_t{1} << kMpscReservedBits) - 1);
  }
  static uint64_t Used(uint64_t word, uint32_t head) {
    return uint64_t{static_cast<uint32_t>(TailOf(word) - head)} + ReservedOf(word);
  }
  // Whether n more fit into `word`; if not, and the word has changed, looks again at the new one.
  MpscEntry Admit(uint64_t& word, uint64_t n) {
    for (;;) {
      if ((word & (kMpscClosed | kMpscWaiters)) != 0) {
        return (word & kMpscClosed) != 0 ? MpscEntry::kClosed : MpscEntry::kFull;
      }
      const uint32_t seen = head_seen_.load(std::memory_order_acquire);  // acquire: R7, pairs with the store below
      if (Used(word, seen) + n <= capacity_) return MpscEntry::kTicket;
      const uint32_t head = head_.load(std::memory_order_acquire);          // acquire: R7, pairs with Advance
      if (head != seen) head_seen_.store(head, std::memory_order_release);  // release: R6, R7
      if (Used(word, head) + n <= capacity_) return MpscEntry::kTicket;
      const uint64_t now = Load();
      if (now == word) return MpscEntry::kFull;
      word = now;
    }
  }

  const uint64_t capacity_;  // with few_ after `parked_`, in the receiver's line: read by all, written by none
  const uint64_t few_;
  base::Atomic<uint32_t> head_{0};
  base::Atomic<uint32_t> waiting_{0};  // mirrors kWaiters (R4)
  alignas(64) base::Atomic<uint32_t> head_seen_{0};
  PermitQueue queue_;
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_MPSC_BOUNDED_GATE_H_
