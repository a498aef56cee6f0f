#include "kioto/sync/internal/oneshot_core.h"

#include "kioto/runtime/base/check.h"

namespace kioto::sync::internal {

OneshotCore::Leave OneshotCore::LeaveSender() {
  uint64_t word = word_.load(std::memory_order_acquire);  // acquire: pairs with the receiver's leave
  for (;;) {
    if ((word & kRxGone) != 0) return {true, false};
    // acq_rel: a leave that comes second acquires what this side did; the waker was released by Await. acquire on
    // failure: kRxGone may have come.
    if (word_.compare_exchange_weak(word, (word & ~kPointer) | kTxGone, std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      if (!KIOTO_MUTANT("oneshot.leave_silently")) WakeAndForget(word);
      return {false, false};
    }
  }
}

bool OneshotCore::PollClosed(const Waker& waker) {
  if (rx_closed()) return true;
  closed_.Register(waker);
  // acq_rel: pairs with Close. Close first: kRxClosed is seen here. Close second: it sees kTxWaiting and wakes.
  return (word_.fetch_or(kTxWaiting, std::memory_order_acq_rel) & kRxClosed) != 0;
}

OneshotCore::View OneshotCore::Await(const Waker& waker) {
  kioto::internal::WakeTarget* const mine = waker.target();
  const uint64_t pointer = reinterpret_cast<uintptr_t>(mine);
  KIOTO_DCHECK((pointer & ~kPointer) == 0, "a pointer has more than 48 bits: Oneshot does not fit this platform");
  uint64_t word = word_.load(std::memory_order_acquire);  // acquire: pairs with Send
  if (ViewOf(word) != View::kPending || Target(word) == mine) return ViewOf(word);
  if (mine != nullptr) mine->Ref();
  // acq_rel: releases the target to the sender that will wake it. acquire on failure: pairs with Send (R2).
  while (!word_.compare_exchange_weak(word, (word & ~kPointer) | pointer,
                                      KIOTO_ORDER("oneshot.await_order", std::memory_order_acq_rel),
                                      std::memory_order_acquire)) {
    if (ViewOf(word) != View::kPending) {
      if (mine != nullptr) mine->Unref();
      return ViewOf(word);
    }
  }
  if (Target(word) != nullptr) Target(word)->Unref();
  return View::kPending;
}

void OneshotCore::Close() {
  uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
  do {
    if ((word & (kTxGone | kRxClosed)) != 0) return;
    // acq_rel: pairs with PollClosed and Send (R1). relaxed on failure: only a guess for the next round.
  } while (!word_.compare_exchange_weak(word, (word & ~kPointer) | kRxClosed, std::memory_order_acq_rel,
                                        std::memory_order_relaxed));
  if (Target(word) != nullptr) Target(word)->Unref();
  if ((word & kTxWaiting) != 0) closed_.Wake();
}

OneshotCore::Leave OneshotCore::LeaveReceiver() {
  uint64_t word = word_.load(std::memory_order_acquire);  // acquire: pairs with Send and with the sender's leave
  for (;;) {
    if ((word & kTxGone) != 0) return {true, (word & kSent) != 0};
    if ((word & kTxWaiting) != 0 && (word & kRxClosed) == 0 && !KIOTO_MUTANT("oneshot.leave_without_close")) {  // R3
      Close();
      word = word_.load(std::memory_order_acquire);  // acquire: as above
      continue;
    }
    // acq_rel: a sender that leaves second acquires what this side did. acquire on failure: as above.
    if (word_.compare_exchange_weak(word, (word & ~kPointer) | kRxClosed | kRxGone, std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      if (Target(word) != nullptr) Target(word)->Unref();
      return {false, false};
    }
  }
}

}  // namespace kioto::sync::internal
