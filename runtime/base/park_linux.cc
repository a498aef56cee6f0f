#include "kioto/runtime/base/park.h"

#if KIOTO_MODEL || (defined(__linux__) && !KIOTO_PORTABLE)

#include "kioto/runtime/base/futex.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto::base {

bool Parker::TakeTokenOrEnter() {
  uint32_t word = kEmpty;
  // acq_rel: acquires when a token is taken, pairs with Unpark's release; one RMW either way (R1).
  if (word_.compare_exchange_strong(word, kParked, std::memory_order_acq_rel, std::memory_order_relaxed)) return false;
  // Only the token can have been there, and only the owner takes it away. acquire: pairs with Unpark's release (R5).
  word_.exchange(kEmpty, KIOTO_ORDER("parker.token_order", std::memory_order_acquire));
  return true;
}

void Parker::Park() {
  if (TakeTokenOrEnter()) return;
  uint32_t word;
  do {
    FutexWait(&word_, kParked);  // R2
    word = kToken;
    // acquire: pairs with Unpark's release. relaxed on failure: it was a wake for no reason.
  } while (!word_.compare_exchange_strong(word, kEmpty, KIOTO_ORDER("parker.park_order", std::memory_order_acquire),
                                          std::memory_order_relaxed));
}

bool Parker::ParkUntil(int64_t deadline_ns) {
  if (TakeTokenOrEnter()) return true;
  while (FutexWait(&word_, kParked, deadline_ns)) {
    if (word_.load(std::memory_order_relaxed) == kToken) break;  // relaxed: the exchange below acquires
  }
  // acquire: pairs with Unpark's release, if it came in time (R3).
  return word_.exchange(kEmpty, KIOTO_ORDER("parker.deadline_order", std::memory_order_acquire)) == kToken;
}

void Parker::Unpark() {
  // release: pairs with the acquire of the Park that takes the token.
  const uint32_t before = word_.exchange(kToken, KIOTO_ORDER("parker.unpark_order", std::memory_order_release));
  if (before == kParked && !KIOTO_MUTANT("parker.no_wake")) FutexWake(&word_, 1);  // R4
}

}  // namespace kioto::base

#endif
