// What the bounded and the unbounded channel have in common: the word through which senders get tickets, and the
// receiver sleeps and learns that it is over. A ticket is a position in the queue; who has one writes its value there
// and publishes it by the slot's own flag, with a plain store.
//
// STATE       word: kRxParked   the receiver sleeps, or is about to: the next to take a ticket wakes it
//                   kClosed     the receiver takes nothing new
//                   kTxGone     all senders are gone
//                   kWaiters    (bounded) somebody is in the queue for permits: nobody may pass it
//                   bits 4..31  (bounded) permits given out and not used yet
//                   the rest    tail: the next ticket (bounded: bits 32..63; unbounded: bits 4..63)
//             head: the next position to receive. len = tail - head.
//             rx: the waker of the receiver's task, or null. Who wakes takes it out.
// OWNERSHIP   the slot of a ticket: its sender's until it is published, then the receiver's until head has passed it.
//             `parked_`, and writing head: the receiver's.
// RACES       R1 the receiver finds nothing and parks, against a sender: both are RMWs of the word. Sender second: it
//                sees kRxParked, clears it in the step that takes its ticket, publishes, then wakes: one wake for many
//                items.
//                Receiver second: it sees the ticket, and does not sleep.
//             R2 a ticket is taken, its value not published yet. If its sender cleared kRxParked (the receiver had
//                parked at this very position: `parked_`), it wakes after publishing; registering again, then looking
//                again, is enough. Else nobody will wake: the receiver spins for as long as a move may take, then asks
//                for another turn. So a sender pays no RMW for publishing.
//             R3 only a ticket's taker clears kRxParked. The last sender to go and the last permit to be dropped wake,
//                and leave the bit.
//             R4 the receiver's waker is stored against one that takes it out. Only the receiver stores one: null stays
//                null until then, and a plain store will do if the RMW that sets kRxParked comes after it, since who wakes
//                has seen the bit. If the bit is not to be set (R2, or because it is) rx itself is the place: both do an
//                RMW of it, so that either the waker is taken, or the store acquires what was published before the taking.
//                A waker that is still there was not taken: its task will be polled again when it is.
#ifndef KIOTO_SYNC_INTERNAL_MPSC_GATE_H_
#define KIOTO_SYNC_INTERNAL_MPSC_GATE_H_

#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/waker.h"
#include "kioto/sync/notify.h"

namespace kioto::sync::internal {

inline constexpr uint64_t kMpscRxParked = 1;
inline constexpr uint64_t kMpscClosed = 2;
inline constexpr uint64_t kMpscTxGone = 4;
inline constexpr uint64_t kMpscWaiters = 8;
inline constexpr int kMpscFlagBits = 4;
inline constexpr int kMpscReservedBits = 28;

enum class [[nodiscard]] MpscEntry{kTicket, kFull, kClosed};

// A place in the queue. `wake`: its sender wakes the receiver after it has published.
template <class Position>
struct MpscTicket {
  Position position;
  bool wake;
};

enum class [[nodiscard]] MpscWait{
    kParked,   // registered; nothing there
    kOver,     // closed or without senders, drained, no permit out: nothing will come any more
    kAgain,    // something came meanwhile
    kWriting,  // a sender is between its ticket and its publishing, and will not wake
    kWaking,   // the same, registered, and it will wake: look once more
};

template <class PositionType, int kTailShift, uint64_t kReservedMask>
class MpscGate {
 public:
  using Position = PositionType;
  using Ticket = MpscTicket<Position>;

  // --- any thread ---

  static Position TailOf(uint64_t word) { return static_cast<Position>(word >> kTailShift); }
  bool rx_closed() const { return (Load() & kMpscClosed) != 0; }
  bool rx_sees_closed() const { return (Load() & (kMpscClosed | kMpscTxGone)) != 0; }
  Notify& closed_notify() { return closed_; }

  // After a ticket's value was published.
  void Published(Ticket ticket) {
    if (ticket.wake) WakeReceiver();
  }
  // The last sender is gone.
  void SendersGone() {
    // acq_rel: pairs with Wait (R1, R3); all that was published before is seen by a receiver that sees this.
    const uint64_t before = word_.fetch_or(kMpscTxGone, std::memory_order_acq_rel);
    if ((before & kMpscRxParked) != 0 && !KIOTO_MUTANT("mpsc.end_without_wake")) WakeReceiver();
  }

  // --- the receiver ---

  // Nothing is published at `head`: what now?
  MpscWait Wait(const Context& cx, Position head) {
    uint64_t word = Load();
    if (TailOf(word) != head) {
      if (!parked_) return MpscWait::kWriting;
      if (!KIOTO_MUTANT("mpsc.wait_without_register")) Register(cx);  // R2
      return MpscWait::kWaking;
    }
    const bool says_so = (word & kMpscRxParked) != 0 || KIOTO_MUTANT("mpsc.park_without_bit");
    if (!says_so && rx_.load(std::memory_order_acquire) == nullptr) {  // acquire: after the taking (R4)
      rx_.store(cx.CloneWaker().Release(), std::memory_order_release);  // release: pairs with WakeReceiver
    } else {
      Register(cx);
    }
    // acq_rel: pairs with the RMW that takes a ticket (R1). A bit that is set needs no RMW: whoever clears it wakes
    // after that, so either Register came first, and gets the wake, or it acquired what the load then sees.
    word = says_so ? Load() : word_.fetch_or(kMpscRxParked, std::memory_order_acq_rel);
    if (TailOf(word) != head) return MpscWait::kAgain;
    if (Over(word)) return MpscWait::kOver;
    parked_ = true;
    return MpscWait::kParked;
  }
  // The same question without waiting.
  MpscWait Ask(Position head) const {
    const uint64_t word = Load();
    if (TailOf(word) != head && !KIOTO_MUTANT("mpsc.ask_gives_up")) return MpscWait::kWriting;
    return Over(word) ? MpscWait::kOver : MpscWait::kParked;
  }
  // Lets go of the waker.
  void ForgetWaker() {
    const Waker mine(rx_.exchange(nullptr, std::memory_order_acq_rel));  // acq_rel: as in WakeReceiver
  }

 protected:
  uint64_t Load() const {
    return word_.load(std::memory_order_acquire);  // acquire: pairs with every RMW of the word, all of which release
  }
  static bool Over(uint64_t word) { return (word & (kMpscClosed | kMpscTxGone)) != 0 && (word & kReservedMask) == 0; }
  static constexpr uint64_t kTailOne = uint64_t{1} << kTailShift;

  ~MpscGate() { ForgetWaker(); }

  // After what it is to see was done.
  void WakeReceiver() {
    // acq_rel: takes over the waker, and releases what was published to Register (R4).
    Waker(rx_.exchange(nullptr, KIOTO_ORDER("mpsc.take_waker_order", std::memory_order_acq_rel))).Wake();
  }
  // The receiver's waker, by an RMW unless it is there (R4).
  void Register(const Context& cx) {
    if (rx_.load(std::memory_order_acquire) == cx.waker().target()) return;  // acquire: after the taking (R4)
    // acq_rel: pairs with WakeReceiver, both ways.
    const Waker old(rx_.exchange(cx.CloneWaker().Release(), KIOTO_ORDER("mpsc.register_order", std::memory_order_acq_rel)));
  }

  alignas(64) base::Atomic<uint64_t> word_{0};  // the senders' line
  base::Atomic<kioto::internal::WakeTarget*> rx_{nullptr};
  Notify closed_;

  alignas(64) bool parked_ = false;  // the receiver's line: kRxParked was set while nothing lay at head (R2)
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_MPSC_GATE_H_
