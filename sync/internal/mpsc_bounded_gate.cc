#include "kioto/sync/internal/mpsc_bounded_gate.h"

#include "kioto/runtime/base/mutant.h"

namespace kioto::sync::internal {

uint64_t BoundedGate::free() const {
  const uint32_t head = head_.load(std::memory_order_acquire);  // acquire: then the tail seen next is not behind it
  const uint64_t used = Used(Load(), head);
  return used < capacity_ ? capacity_ - used : 0;
}

MpscEntry BoundedGate::Reserve(uint64_t n) {
  uint64_t word = Load();
  for (;;) {
    if (n == 0) return (word & kMpscClosed) != 0 ? MpscEntry::kClosed : MpscEntry::kTicket;
    if (n > capacity_) return (word & kMpscClosed) != 0 ? MpscEntry::kClosed : MpscEntry::kFull;
    if (const MpscEntry entry = Admit(word, n); entry != MpscEntry::kTicket) return entry;
    // acq_rel: R5, R7. acquire on failure: as Load.
    if (word_.compare_exchange_weak(word, word + n * kReservedOne, std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      return MpscEntry::kTicket;
    }
  }
}

void BoundedGate::Return(uint64_t n) {
  if (n == 0) return;
  // acq_rel: R5, and the receiver that sees the last permit gone sees all that was done under it.
  const uint64_t word = word_.fetch_sub(n * kReservedOne, std::memory_order_acq_rel) - n * kReservedOne;
  if ((word & kMpscWaiters) != 0 && !KIOTO_MUTANT("mpsc_bounded.return_without_hand_over")) queue_.HandOver(*this);
  if (Over(word) && (word & kMpscRxParked) != 0) WakeReceiver();  // R3
}

void BoundedGate::Close() {
  queue_.CloseAll([this] {
    word_.fetch_or(kMpscClosed, std::memory_order_acq_rel);  // acq_rel: as every RMW of the word
    ClearWaiting();
  });
  if (!KIOTO_MUTANT("mpsc.silent_close")) closed_.NotifyAll();
}

uint64_t BoundedGate::TakeUpTo(uint64_t n) {
  uint64_t word = Load();
  for (;;) {
    const uint64_t used = Used(word, head_.load(std::memory_order_seq_cst));  // seq_cst: R4
    const uint64_t now = used < capacity_ ? std::min(n, capacity_ - used) : 0;
    if (now == 0) {
      // `word` may be older than head: then it has changed. What is really full does not change while we hold the lock,
      // except by a receive or a returned permit, and those come to the queue after us.
      const uint64_t again = Load();
      if (again == word) return 0;
      word = again;
      continue;
    }
    // acq_rel: R5, R7. acquire on failure: as Load.
    if (word_.compare_exchange_weak(word, word + now * kReservedOne, std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      return now;
    }
  }
}

void BoundedGate::SetWaiting() {
  word_.fetch_or(kMpscWaiters, std::memory_order_acq_rel);  // acq_rel: R5
  waiting_.store(1, std::memory_order_seq_cst);             // seq_cst: R4
}

void BoundedGate::ClearWaiting() {
  waiting_.store(0, std::memory_order_relaxed);  // relaxed: who still sees 1 takes the lock and finds nobody
  word_.fetch_and(~kMpscWaiters, std::memory_order_acq_rel);  // acq_rel: as every RMW of the word
}

}  // namespace kioto::sync::internal
