#include "kioto/sync/internal/broadcast_core.h"

#include <algorithm>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto::sync::internal {
namespace {

constexpr int kSpinsBeforeYield = 100;  // about 3 µs; a copy of a small value takes less

uint64_t RoundUp(uint64_t capacity) {
  uint64_t size = 1;
  while (size < capacity) size *= 2;
  return size;
}

}  // namespace

// --- BroadcastWord ---

BroadcastWord::Look BroadcastWord::Begin(uint64_t lap) {
  // seq_cst: pairs with Publish's (R5); acquire is the mutant that loses a wake, and pairs with Publish's release
  const auto order = KIOTO_MUTANT("broadcast.weak_begin") ? std::memory_order_acquire : std::memory_order_seq_cst;
  uint64_t word = word_.load(order);
  for (;;) {
    if ((word & (kLap | kBusy)) != LapBits(lap)) return Missing(word, lap);
    if ((word & kFull) == 0) return Look::kSkipped;
    const bool last = (word & (kNeeded | kCopying)) == kNeededOne;
    if (!last && (word & kCopying) == kCopying) {  // 4,095 threads copy it now
      base::YieldThread();
      word = word_.load(std::memory_order_acquire);  // acquire: as below
      continue;
    }
    // acq_rel: acquires the value, and what the others did with it. acquire on failure: the first look has met this lap, so
    // what is there now is it, or kBusy or a later one (R3).
    if (word_.compare_exchange_weak(word, last ? word | kBusy : word + kCopyingOne, std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      return last ? Look::kTake : Look::kCopy;
    }
  }
}

bool BroadcastWord::Drop(uint64_t word, uint64_t change) {
  for (;;) {
    uint64_t next = word - change;
    const bool last = (next & (kNeeded | kCopying)) == 0;
    if (last) next |= kBusy;
    // acq_rel: releases this reader's use of the value to whoever takes it out, and acquires the others'.
    if (word_.compare_exchange_weak(word, next, KIOTO_ORDER("broadcast.drop_order", std::memory_order_acq_rel),
                                    std::memory_order_relaxed)) {
      return last;
    }
  }
}

bool BroadcastWord::FinishCopy() {
  const uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
  return Drop(word, kCopyingOne + kNeededOne);
}

bool BroadcastWord::PassBy(uint64_t lap) {
  uint64_t word = word_.load(std::memory_order_acquire);  // acquire: pairs with Publish
  for (int spins = 0; spins < kSpinsBeforeYield && word < LapBits(lap); ++spins) {
    base::CpuRelax();                              // R1: its sender is about to write it
    word = word_.load(std::memory_order_acquire);  // acquire: as above
  }
  for (;;) {
    if ((word & kLap) != LapBits(lap) || (word & kBusy) != 0 || (word & kFull) == 0) return false;
    uint64_t next = word - kNeededOne;
    const bool last = (next & (kNeeded | kCopying)) == 0;
    if (last) next |= kBusy;
    // acq_rel: as in Drop. acquire on failure: as above.
    if (word_.compare_exchange_weak(word, next, std::memory_order_acq_rel, std::memory_order_acquire)) return last;
  }
}

bool BroadcastWord::BeginWrite(uint64_t lap) {
  const uint64_t before = LapBits(lap - 1);
  for (int spins = 0;; ++spins) {
    uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
    const uint64_t others = KIOTO_MUTANT("broadcast.ignore_copies") ? kBusy : kBusy | kCopying;
    if ((word & kLap) == before && (word & others) == 0 &&
        // acquire: the value's readers are done with it. relaxed on failure: only a guess for the next round.
        word_.compare_exchange_weak(word, word | kBusy, std::memory_order_acq_rel, std::memory_order_relaxed)) {
      return (word & kFull) != 0;
    }
    if (spins < kSpinsBeforeYield) {
      base::CpuRelax();
    } else {
      base::YieldThread();  // R2
    }
  }
}

void BroadcastWord::BeginWords(uint64_t lap) {
  const uint64_t before = LapBits(lap - 1);
  // acquire: pairs with Publish; what the sender of the lap before wrote comes before what this one will
  for (int spins = 0; (word_.load(std::memory_order_acquire) & (kLap | kBusy)) != before; ++spins) {
    if (spins < kSpinsBeforeYield) {
      base::CpuRelax();
    } else {
      base::YieldThread();  // R2
    }
  }
  // release: pairs with Peek; who finds kBusy finds the tail, too (R3)
  word_.store(before | kBusy, KIOTO_ORDER("broadcast.busy_order", std::memory_order_release));
}

// --- BroadcastCore ---

BroadcastCore::BroadcastCore(size_t capacity) : mask_(RoundUp(capacity) - 1), lap_shift_(0) {
  while (uint64_t{1} << lap_shift_ < size()) ++lap_shift_;
  state_.store(size() << kTailShift, std::memory_order_relaxed);  // relaxed: nobody else is there yet
}

BroadcastCore::Moment BroadcastCore::TakePosition() {
  uint64_t state = state_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
  do {
    if ((state & kReceivers) == 0) return MomentOf(state);
    // acq_rel: R4. relaxed on failure: only a guess for the next round.
  } while (!state_.compare_exchange_weak(state, state + (uint64_t{1} << kTailShift), std::memory_order_acq_rel,
                                         std::memory_order_relaxed));
  return MomentOf(state);
}

void BroadcastCore::AddReceiver(BroadcastPosition& position) {
  base::MutexLock lock(positions_lock_);  // so that who is counted is in the list for size()
  const uint64_t state = state_.fetch_add(1, std::memory_order_acq_rel);  // acq_rel: R4
  KIOTO_CHECK((state & kReceivers) < kReceivers, "a broadcast has more than a million receivers");
  position.MoveTo(MomentOf(state).tail);
  positions_.PushBack(position);
}

BroadcastCore::Moment BroadcastCore::DropReceiver(BroadcastPosition& position) {
  Moment moment;
  {
    base::MutexLock lock(positions_lock_);
    moment = MomentOf(state_.fetch_sub(1, std::memory_order_acq_rel));  // acq_rel: R4
    position.Unlink();
  }
  if (moment.receivers == 1) no_receiver_.NotifyAll();
  return moment;
}

size_t BroadcastCore::Needed() const {
  base::MutexLock lock(positions_lock_);
  const uint64_t tail = Now().tail;
  uint64_t most = 0;
  for (const BroadcastPosition& position : positions_) {
    const uint64_t behind = tail - position.Seen();
    if (static_cast<int64_t>(behind) > 0) most = std::max(most, behind);  // else it is past our tail already
  }
  return std::min(most, size());
}

bool BroadcastCore::DropSender() {
  if (!senders_.Drop()) return false;
  sent_.NotifyAll();
  return true;
}

Poll<Unit> BroadcastClosed::PollOnce(Context& cx) {
  for (;;) {
    if (!notified_) notified_.emplace(core_->no_receiver());
    if (core_->Now().receivers == 0) {
      if (!cx.ConsumeBudget()) return kPending;
      notified_.reset();
      return Unit{};
    }
    if (notified_->PollOnce(cx).pending()) return kPending;
    notified_.reset();  // somebody has subscribed since: wait for the next time
  }
}

}  // namespace kioto::sync::internal
