// Parker: one thread sleeps until it is told to go on. It holds at most one token: Unpark puts it there, Park takes it,
// and sleeps only while there is none, so an Unpark that comes first is not lost.
//
// STATE       one word: kEmpty, kParked (the owner sleeps or is about to), kToken.
// OWNERSHIP   one thread parks (the owner); any thread unparks. What a thread did before Unpark is seen by the owner
//             after the Park that took the token.
// RACES       R1 Park against Unpark: both are RMWs of the word. Unpark second: it finds kParked and wakes. Park
//                second: it finds the token and does not sleep.
//             R2 Unpark between the owner's RMW and its sleep: the kernel compares the word again and refuses.
//             R3 a deadline against Unpark: the owner leaves by an exchange, which says whether a token came in time.
//             R4 the owner takes the token, ends and frees the Parker while Unpark is on its way to the kernel: Unpark
//                uses only the address after its exchange.
//             R5 two Unparks: the second finds the token and leaves it; its release joins the first one's sequence.
// COST        Park with a token 1 RMW; Unpark 1 RMW, and a system call (7 µs) only if the owner sleeps.
// The portable twin has a mutex and a condition variable instead.
#ifndef KIOTO_RUNTIME_BASE_PARK_H_
#define KIOTO_RUNTIME_BASE_PARK_H_

#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/config.h"

#if !KIOTO_MODEL && (KIOTO_PORTABLE || !defined(__linux__))
#include <condition_variable>
#include <mutex>
#endif

namespace kioto::base {

class Parker {
 public:
  Parker() = default;
  Parker(const Parker&) = delete;
  Parker& operator=(const Parker&) = delete;

  // The owner only. Returns with the token, never without.
  void Park();

  // The owner only. Whether the token came before the real monotonic clock (CLOCK_MONOTONIC) showed `deadline_ns`.
  // A deadline in the past only looks for the token.
  [[nodiscard]] bool ParkUntil(int64_t deadline_ns);

  // Any thread. Never blocks.
  void Unpark();

 private:
#if !KIOTO_MODEL && (KIOTO_PORTABLE || !defined(__linux__))
  std::mutex mutex_;
  std::condition_variable changed_;
  bool token_ = false;
#else
  static constexpr uint32_t kEmpty = 0;
  static constexpr uint32_t kParked = 1;
  static constexpr uint32_t kToken = 2;

  // Takes the token or enters kParked. Whether it was the token.
  bool TakeTokenOrEnter();

  Atomic<uint32_t> word_{kEmpty};
#endif
};

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_PARK_H_
