// Seat: the right to drive a worker, while its thread blocks inside BlockInPlace. The thread leaves the seat free and calls
// another one; whichever of the two comes first has it.
//
// STATE       one word: kFree (nobody drives; the seat is to be taken), kCalled (a thread is on its way here, which will look
//             once), and above them how often the seat was left.
// OWNERSHIP   the worker, with all that its thread alone may touch: the thread in the seat. While kFree: nobody.
// RACES       R1 the thread that left comes back while the one that it called arrives: both are RMWs of the word, and only one
//                of them finds kFree.
//             R2 it comes back, and leaves once more before the called thread has arrived: that one serves as well, no other
//                is called.
//             R3 it comes back when its successor has left the seat in turn: the number says so, and the seat is not its own;
//                what the successor's poll has written into the worker stays true.
// COST        1 RMW for each step.
#ifndef KIOTO_RUNTIME_SCHEDULER_SEAT_H_
#define KIOTO_RUNTIME_SCHEDULER_SEAT_H_

#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto::internal {

class Seat {
 public:
  struct [[nodiscard]] Left {
    uint64_t pass;  // for TakeBack
    bool call;      // a thread has to be called, which then calls Take once
  };

  // The thread in the seat: leaves it.
  Left Leave() {
    uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the compare-exchange
    // release: pairs with Take's acquire (R1).
    while (!word_.compare_exchange_weak(word, Number(word) + kOnce + kFree + kCalled,
                                        KIOTO_ORDER("seat.leave_order", std::memory_order_release),
                                        std::memory_order_relaxed)) {
    }
    const bool called = (word & kCalled) != 0 && !KIOTO_MUTANT("seat.calls_twice");
    return {Number(word) + kOnce, !called};
  }

  // Once for each call. True: the caller is in the seat now.
  [[nodiscard]] bool Take() {
    // acquire: pairs with Leave's release (R1).
    const uint64_t before = word_.fetch_and(~kBits, KIOTO_ORDER("seat.take_order", std::memory_order_acquire));
    return (before & kFree) != 0 || KIOTO_MUTANT("seat.take_what_is_not_free");
  }

  // The thread that left, with its pass. True: it is in the seat again, and nobody else was.
  [[nodiscard]] bool TakeBack(uint64_t pass) {
    uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the compare-exchange
    while ((word & kFree) != 0 && (Number(word) == pass || KIOTO_MUTANT("seat.take_another_s"))) {
      // relaxed: what it takes back is as it left it (R3).
      if (word_.compare_exchange_weak(word, word & ~kFree, std::memory_order_relaxed)) return true;
    }
    return false;
  }

 private:
  static constexpr uint64_t kFree = 1;
  static constexpr uint64_t kCalled = 2;
  static constexpr uint64_t kBits = kFree | kCalled;
  static constexpr uint64_t kOnce = 4;
  static uint64_t Number(uint64_t word) { return word & ~kBits; }

  base::Atomic<uint64_t> word_{0};
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_SEAT_H_
