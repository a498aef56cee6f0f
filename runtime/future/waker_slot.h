// WakerSlot: where a leaf future leaves the waker of the one task that waits for it. Use it whenever readiness is decided
// by another thread.
//
// RULE        Register() first, test the condition second. The other order loses a wake:
//               task: tests, finds nothing | producer: sets, wakes nobody | task: registers, sleeps for ever.
//             The producer sets the condition first and calls Wake() second. It keeps the slot's memory alive until
//             Wake() has returned: the woken task may be running by then.
//
// STATE       one 64-bit word: kArmed (bit 0) | pointer to the target (bits 1..47) | producers inside Wake (bits 48..63).
//             The slot owns one reference to the target, and keeps it after a wake, so that the same task registers
//             again without counting. User-space pointers have 47 bits on x86-64 and 48 on arm64 (checked in debug).
// OWNERSHIP   the pointer: replaced by the registrant alone, and only while no producer is inside.
//             kArmed: set by the registrant; cleared by the producer that goes inside, or by Disarm.
// RACES       R1 Wake against Register: both are RMWs of this word. Wake second: it sees kArmed and wakes. Register second:
//                it acquires what the producer released, so the test that follows sees the condition.
//             R2 Register of another target while a producer is inside: the pointer may not be replaced. It wakes its own
//                task once instead (spurious, allowed), which will register again.
//             R3 two producers: only one finds kArmed; the other may go inside if the task registers again meanwhile.
//             R4 two registrants: a bug of the caller, one task per slot.
// COST        Register of the same waker 1 RMW, of another 1 RMW + 1 Ref + 1 Unref; Wake with nobody armed 1 RMW, else 2.
#ifndef KIOTO_RUNTIME_FUTURE_WAKER_SLOT_H_
#define KIOTO_RUNTIME_FUTURE_WAKER_SLOT_H_

#include <cstdint>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/future/waker.h"

namespace kioto {

class WakerSlot {
 public:
  WakerSlot() = default;
  ~WakerSlot();
  WakerSlot(const WakerSlot&) = delete;
  WakerSlot& operator=(const WakerSlot&) = delete;

  // The waiting task's thread. Test the condition after it.
  void Register(const Waker& waker);

  // Any thread, any number at once. Set the condition before it. Returns whether somebody was armed.
  bool Wake();

  // The waiting task's thread: no wake is wanted any more (a dropped future). Keeps the waker for the next one.
  void Disarm();

  // Whether a task is armed: a hint for callers that may skip work; true or false may be stale at once.
  bool armed() const {
    return (word_.load(std::memory_order_relaxed) & kArmed) != 0;  // relaxed: a hint
  }

 private:
  static constexpr uint64_t kArmed = 1;
  static constexpr int kInsideShift = 48;
  static constexpr uint64_t kInsideOne = uint64_t{1} << kInsideShift;
  static constexpr uint64_t kPointer = kInsideOne - 2;

  static internal::WakeTarget* Target(uint64_t word) { return reinterpret_cast<internal::WakeTarget*>(word & kPointer); }

  base::Atomic<uint64_t> word_{0};
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_WAKER_SLOT_H_
