#include "kioto/runtime/future/waker_slot.h"

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto {

WakerSlot::~WakerSlot() {
  uint64_t word = word_.load(std::memory_order_acquire);  // acquire: pairs with the release of the last Wake or Register
  KIOTO_DCHECK(word < kInsideOne, "a WakerSlot was destroyed while Wake was inside it: keep it alive until Wake returns");
  if (internal::WakeTarget* target = Target(word)) target->Unref();
}

void WakerSlot::Register(const Waker& waker) {
  internal::WakeTarget* mine = waker.target();
  uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: only the registrant writes the pointer
  if (Target(word) == mine) {
    if (KIOTO_MUTANT("waker_slot.rearm_only_if_needed") && (word & kArmed) != 0) return;
    // acq_rel: pairs with Wake's (R1). Armed or not: the RMW is what acquires.
    word_.fetch_or(kArmed, KIOTO_ORDER("waker_slot.rearm_order", std::memory_order_acq_rel));
    return;
  }
  const uint64_t next = reinterpret_cast<uintptr_t>(mine) | kArmed;
  KIOTO_DCHECK((next & ~(kPointer | kArmed)) == 0, "a pointer has more than 48 bits: WakerSlot does not fit this platform");
  if (mine != nullptr) mine->Ref();
  do {
    if (word >= kInsideOne) {  // R2
      waker.Wake();
      if (mine != nullptr) mine->Unref();
      return;
    }
    // acq_rel: pairs with Wake's (R1). relaxed on failure: only a guess for the next round.
  } while (!word_.compare_exchange_weak(word, next, KIOTO_ORDER("waker_slot.arm_order", std::memory_order_acq_rel),
                                        std::memory_order_relaxed));
  if (internal::WakeTarget* old = Target(word)) old->Unref();
}

bool WakerSlot::Wake() {
  uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the compare-exchange
  uint64_t next;
  const uint64_t inside = KIOTO_MUTANT("waker_slot.not_inside") ? 0 : kInsideOne;
  do {
    // Nobody armed: still an RMW, so that a Register that comes second acquires the condition (R1).
    next = (word & kArmed) != 0 ? (word & ~kArmed) + inside : word;
    // acq_rel: pairs with Register's (R1). relaxed on failure: only a guess for the next round.
  } while (!word_.compare_exchange_weak(word, next, KIOTO_ORDER("waker_slot.wake_order", std::memory_order_acq_rel),
                                        std::memory_order_relaxed));
  if ((word & kArmed) == 0) return false;
  if (internal::WakeTarget* target = Target(word)) target->vtable->wake(target);
  // release: the use of the target above comes before its replacement; pairs with Register's acquire.
  word_.fetch_sub(inside, KIOTO_ORDER("waker_slot.leave_order", std::memory_order_release));
  return true;
}

void WakerSlot::Disarm() {
  word_.fetch_and(~kArmed, std::memory_order_acq_rel);  // acq_rel: pairs with Wake's; a wake that came first was given
}

}  // namespace kioto
