#include "kioto/runtime/base/mutex.h"

#include <sched.h>

#if defined(__linux__) && !KIOTO_PORTABLE && !KIOTO_MODEL
#include "kioto/runtime/base/futex.h"
#endif

namespace kioto::base {

void YieldThread() {
#if KIOTO_MODEL
  CpuRelax();
#else
  sched_yield();
#endif
}

#if defined(__linux__) && !KIOTO_PORTABLE && !KIOTO_MODEL

namespace {
constexpr int kSpinsBeforeSleep = 60;  // about 2 µs, a third of what sleeping and waking cost
}

void Mutex::LockSlow() {
  for (int spins = 0; spins < kSpinsBeforeSleep; ++spins) {
    const uint32_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, TryLock decides
    if (word == kFree && TryLock()) return;
    if (word == kContended) break;  // others sleep already: the section is long
    CpuRelax();
  }
  // acquire: pairs with Unlock's release when it finds kFree. Leaves kContended (R1, R2).
  while (word_.exchange(kContended, std::memory_order_acquire) != kFree) FutexWait(&word_, kContended);
}

void Mutex::WakeOne() { FutexWake(&word_, 1); }

#endif

}  // namespace kioto::base
