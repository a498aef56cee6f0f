// OneshotCore: everything of a oneshot but the value: who is still there, who waits, who frees the block.
//
// STATE       one 64-bit word:
//               kSent       the value is in the block, and belongs to the receiver (implies kTxGone)
//               kTxGone     the sender has left: it touches nothing of the block any more
//               kRxClosed   the receiver takes no value any more (implied by kRxGone)
//               kRxGone     the receiver has left
//               kTxWaiting  `closed_` may hold the waker of a sender that waits for kRxClosed
//               bits 0..47  the receiver's waker: a target, with one reference that the word owns
// OWNERSHIP   the value: the sender's until kSent is set, the receiver's from then on.
//             the waker: whoever takes it out of the word owns its reference. The sender takes it by the same step that
//             sets kTxGone, the receiver by Close or by leaving: so a block that is freed holds none.
//             the block: freed by the one that finds the other gone. A receiver that sees kTxGone owns it alone.
// RACES       R1 Send against Close: both are RMWs of the word. Close first: the CAS of Send fails, and the value,
//                which the receiver never looks at without kSent, goes back. Send first: Close sees kTxGone and changes
//                nothing.
//             R2 Await against Send: a CAS that registers fails if kSent or kTxGone came meanwhile.
//             R3 the receiver leaves while the sender waits in PollClosed: it closes and wakes first, and leaves by a
//                second RMW, since a sender that sees kRxGone may free the block and `closed_` with it.
// COST        RMWs: Send 1 (a receiver that waits: its wake, and 1 to give up the reference). Receive of what is there:
//             0, the free included. To wait: 1 and a reference; again with the same waker: 0. To leave early: 1.
#ifndef KIOTO_SYNC_INTERNAL_ONESHOT_CORE_H_
#define KIOTO_SYNC_INTERNAL_ONESHOT_CORE_H_

#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/future/waker.h"
#include "kioto/runtime/future/waker_slot.h"

namespace kioto::sync::internal {

class OneshotCore {
 public:
  enum class [[nodiscard]] View{
      kPending,   // the sender may still send
      kSent,      // the value is the receiver's, and so is the block
      kTxGone,    // the sender left without a value; the block is the receiver's
      kRxClosed,  // the receiver has closed before anything was sent
  };
  // Whether the caller is the last: then it destroys the value, if there is one, and frees the block.
  struct [[nodiscard]] Leave {
    bool last;
    bool has_value;
  };

  OneshotCore() = default;

  // --- the sender, who has put the value into the block ---

  // True: the value is the receiver's, and the sender has left. False: closed; nothing has changed.
  [[nodiscard]] bool Send() {
    uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
    do {
      if ((word & kRxClosed) != 0 && !KIOTO_MUTANT("oneshot.send_after_close")) return false;  // R1
      // acq_rel: the value is released to the receiver's acquire; the waker was released by Await. relaxed on failure.
    } while (!word_.compare_exchange_weak(word, (word & ~kPointer) | kSent | kTxGone,
                                          KIOTO_ORDER("oneshot.send_order", std::memory_order_acq_rel),
                                          std::memory_order_relaxed));
    WakeAndForget(word);
    return true;
  }
  // Leaves without sending.
  Leave LeaveSender();
  bool rx_closed() const {
    return (word_.load(std::memory_order_acquire) & kRxClosed) != 0;  // acquire: pairs with Close
  }
  // Whether the receiver has closed or left; else `waker` is woken when it does.
  [[nodiscard]] bool PollClosed(const Waker& waker);
  // A PollClosed is dropped.
  void DisarmClosed() { closed_.Disarm(); }

  // --- the receiver ---

  View Look() const { return ViewOf(word_.load(std::memory_order_acquire)); }  // acquire: pairs with Send
  // Like Look; if pending, `waker` is woken by the change.
  View Await(const Waker& waker);
  void Close();
  Leave LeaveReceiver();

 private:
  static constexpr int kPointerBits = 48;
  static constexpr uint64_t kPointer = (uint64_t{1} << kPointerBits) - 1;
  static constexpr uint64_t kSent = uint64_t{1} << kPointerBits;
  static constexpr uint64_t kTxGone = kSent << 1;
  static constexpr uint64_t kRxClosed = kSent << 2;
  static constexpr uint64_t kRxGone = kSent << 3;
  static constexpr uint64_t kTxWaiting = kSent << 4;

  static kioto::internal::WakeTarget* Target(uint64_t word) {
    return reinterpret_cast<kioto::internal::WakeTarget*>(word & kPointer);
  }
  // Wakes the waker that the caller has just taken out of the word.
  static void WakeAndForget(uint64_t word) {
    if ((word & kPointer) != 0) Waker(Target(word)).Wake();
  }
  static View ViewOf(uint64_t word) {
    if ((word & kSent) != 0) return View::kSent;
    if ((word & kTxGone) != 0) return View::kTxGone;
    return (word & kRxClosed) != 0 ? View::kRxClosed : View::kPending;
  }

  base::Atomic<uint64_t> word_{0};
  WakerSlot closed_;
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_ONESHOT_CORE_H_
