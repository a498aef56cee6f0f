#include "kioto/runtime/driver/clock.h"

#include <algorithm>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/clock.h"

namespace kioto::internal {

int64_t RuntimeClock::Now() const {
  const int64_t paused_at = paused_at_.load(std::memory_order_acquire);  // acquire: pairs with Resume's release (R1)
  if (paused_at != kRunning) return paused_at;
  return base::MonotonicNanos() + offset_.load(std::memory_order_relaxed);  // relaxed: ordered by the acquire above
}

int64_t RuntimeClock::CoarseNow() const {
  const int64_t paused_at = paused_at_.load(std::memory_order_acquire);  // acquire: as in Now (R1)
  if (paused_at != kRunning) return paused_at;
  return base::CoarseMonotonicNanos() + offset_.load(std::memory_order_relaxed);  // relaxed: as in Now
}

bool RuntimeClock::paused() const {
  return paused_at_.load(std::memory_order_relaxed) != kRunning;  // relaxed: a flag alone, nothing is read through it
}

void RuntimeClock::Pause() {
  if (paused()) return;
  const int64_t now = Now();
  const int64_t rest = now % kTickNs;
  // release: pairs with Now's acquire
  paused_at_.store(rest == 0 ? now : now - rest + kTickNs, std::memory_order_release);
}

void RuntimeClock::PauseAt(int64_t nanos) { paused_at_.store(nanos, std::memory_order_release); }  // release: as Pause

void RuntimeClock::Resume() {
  if (!paused()) return;
  const int64_t offset = Now() - base::MonotonicNanos();
  offset_.store(offset, std::memory_order_relaxed);         // relaxed: published by the next line
  paused_at_.store(kRunning, std::memory_order_release);  // release: pairs with Now's acquire (R1)
}

void RuntimeClock::Advance(int64_t nanos) {
  KIOTO_CHECK(paused(), "only a paused clock can be advanced: pause it first (start_paused)");
  const int64_t next = std::min(SaturatingAdd(Now(), nanos), kNever - 1);
  paused_at_.store(next, std::memory_order_release);  // release: pairs with Now's acquire
}

void RuntimeClock::InhibitAutoAdvance() {
  inhibitors_.fetch_add(1, std::memory_order_acq_rel);  // acq_rel: pairs with auto_advance's acquire
}

void RuntimeClock::AllowAutoAdvance() {
  // release: what the inhibitor produced comes before; pairs with auto_advance's acquire
  const bool last = inhibitors_.fetch_sub(1, std::memory_order_release) == 1;
  if (last && unpark_ != nullptr && paused()) unpark_(unpark_arg_);
}

bool RuntimeClock::auto_advance() const {
  // acquire: pairs with AllowAutoAdvance, so that what the last inhibitor produced is seen
  return paused() && inhibitors_.load(std::memory_order_acquire) == 0;
}

int64_t RuntimeClock::ToMonotonic(int64_t nanos) const {
  if (nanos == kNever) return kNever;
  const int64_t offset = offset_.load(std::memory_order_relaxed);  // relaxed: the runtime's own thread, or a hint
  return offset >= 0 ? nanos - offset : SaturatingAdd(nanos, -offset);
}

}  // namespace kioto::internal
