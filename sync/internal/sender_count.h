// SenderCount: the handles through which a channel is sent to. Weak ones do not keep it open.
//
// STATE       `strong_`: handles that send. At 0 the channel is over, and it stays 0.
//             `weak_`: handles that can become strong while it is not 0. A figure, nothing hangs on it.
// OWNERSHIP   anybody's, by RMWs alone.
// RACES       R1 a weak handle becomes a strong one while the last strong one goes: TryAdd looks and counts in one RMW.
//                First: that one was not the last. Second: the channel is over, and the weak handle gets nothing.
// COST        RMWs: 1 each.
#ifndef KIOTO_SYNC_INTERNAL_SENDER_COUNT_H_
#define KIOTO_SYNC_INTERNAL_SENDER_COUNT_H_

#include <cstddef>
#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto::sync::internal {

class SenderCount {
 public:
  void Add() {
    strong_.fetch_add(1, std::memory_order_relaxed);  // relaxed: made from a handle that is held
  }
  // From a weak handle. False: the last strong one is gone.
  bool TryAdd() {
    uint32_t count = strong_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the CAS
    while (count != 0 || KIOTO_MUTANT("sender_count.revive")) {
      // relaxed, both: it pairs with nothing. R1 needs the count alone; what earlier senders did, Drop passes on through it.
      if (strong_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  // True: it was the last.
  bool Drop() {
    // acq_rel: pairs with the Drop of each other sender: what they did comes before the end that the last one tells.
    return strong_.fetch_sub(1, KIOTO_ORDER("sender_count.drop_order", std::memory_order_acq_rel)) == 1;
  }
  size_t strong() const {
    return strong_.load(std::memory_order_acquire);  // acquire: pairs with Drop; what the last one sent is seen with its end
  }

  void AddWeak() { weak_.fetch_add(1, std::memory_order_relaxed); }   // relaxed: a figure
  void DropWeak() { weak_.fetch_sub(1, std::memory_order_relaxed); }  // relaxed: a figure
  size_t weak() const {
    return weak_.load(std::memory_order_relaxed);  // relaxed: a figure
  }

 private:
  base::Atomic<uint32_t> strong_{1};
  base::Atomic<uint32_t> weak_{0};
};

}  // namespace kioto::sync::internal

#endif  // KIOTO_SYNC_INTERNAL_SENDER_COUNT_H_
