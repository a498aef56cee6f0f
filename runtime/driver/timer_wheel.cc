#include "kioto/runtime/driver/timer_wheel.h"

#include <algorithm>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/mutant.h"

namespace kioto::internal {
namespace {

// Wheels that no runtime uses.
base::SpinLock pool_lock;
TimerWheel* pool_head = nullptr;

void WakeAndDrop(WakeTarget* target) {
  if (target != nullptr) target->vtable->wake_last(target);
}

}  // namespace

// --- Placing ------------------------------------------------------------------------------------------------------------

inline void TimerWheel::Place(TimerEntry* entry) {
  // `| 63`: what differs in the lowest six bits, or not at all, is at level 0.
  const uint64_t differs = static_cast<uint64_t>(entry->tick_ ^ elapsed_) | (kSlots - 1);
  const int level = (63 - __builtin_clzll(differs)) / kBits;
  const int slot = static_cast<int>(entry->tick_ >> (kBits * level)) & (kSlots - 1);
  TimerLink* head = &slots_[level][slot];
  entry->next = head;
  entry->prev = head->prev;
  head->prev->next = entry;
  head->prev = entry;
  occupied_[level] |= uint64_t{1} << slot;
}

inline bool TimerWheel::PlaceAhead(TimerEntry* entry) {
  Place(entry);
  const int64_t due = entry->tick_ * kTickNs;
  if (due < next_deadline()) next_deadline_.store(due, std::memory_order_relaxed);  // relaxed: a hint
  if (__builtin_expect(due >= parked_until_ || hurry_ == nullptr, 1) || KIOTO_MUTANT("timer_wheel.arm_without_hurry")) return false;
  parked_until_ = due;  // once is enough for all that are later
  return true;
}

// --- TimerEntry --------------------------------------------------------------------------------------------------------

TimerState TimerEntry::Rearm(const Waker& waker) {
  WakeTarget* mine = waker.target();
  Take(mine);
  wheel_->lock_.Lock();
  const bool still = armed();  // R1
  if (still) std::swap(target_, mine);
  wheel_->lock_.Unlock();
  if (still) registered_ = waker.target();
  Drop(mine);
  return still ? TimerState::kArmed : state();
}

void TimerEntry::Arm(TimerWheel& wheel, int64_t deadline_ns, const Waker& waker, int64_t now_ns) {
  if (!KIOTO_MUTANT("timer_wheel.arm_without_cancel")) Cancel();
  WakeTarget* const mine = waker.target();
  Take(mine);
  wheel_ = &wheel;
  registered_ = mine;
  target_ = mine;
  tick_ = TimerWheel::TickOf(deadline_ns);

  wheel.lock_.Lock();
  const size_t others = wheel.size();
  if (others == 0) wheel.elapsed_ = std::max(wheel.elapsed_, now_ns / kTickNs);
  if (__builtin_expect(wheel.shut_down_ || wheel.IsPast(tick_), 0)) {
    const TimerState end = wheel.shut_down_ ? TimerState::kShutdown : TimerState::kFired;
    wheel.lock_.Unlock();
    target_ = nullptr;
    state_.store(static_cast<uint32_t>(end), std::memory_order_relaxed);  // relaxed: never armed, so it is ours alone
    waker.Wake();
    Drop(mine);
    return;
  }
  state_.store(static_cast<uint32_t>(TimerState::kArmed), std::memory_order_relaxed);  // relaxed: under the lock
  wheel.size_.store(others + 1, std::memory_order_relaxed);  // relaxed: under the lock; elsewhere a hint
  if (__builtin_expect(wheel.PlaceAhead(this), 0)) {
    void (*const hurry)(void*) = wheel.hurry_;
    void* const arg = wheel.hurry_arg_;
    wheel.lock_.Unlock();
    hurry(arg);
    return;
  }
  wheel.lock_.Unlock();
}

bool TimerEntry::Move(int64_t deadline_ns) {
  if (state() != TimerState::kArmed) return false;
  wheel_->lock_.Lock();
  if (!armed() && !KIOTO_MUTANT("timer_wheel.move_without_look")) {  // R6
    wheel_->lock_.Unlock();
    return false;
  }
  tick_ = TimerWheel::TickOf(deadline_ns);
  if (wheel_->IsPast(tick_)) {
    WakeTarget* const target = wheel_->Finish(this, TimerState::kFired);
    wheel_->lock_.Unlock();
    WakeAndDrop(target);
    return true;
  }
  wheel_->Unlink(this);
  if (wheel_->PlaceAhead(this)) wheel_->hurry_(wheel_->hurry_arg_);  // under the lock (R6)
  wheel_->lock_.Unlock();
  return true;
}

void TimerEntry::CancelArmed() {
  WakeTarget* dropped = nullptr;
  wheel_->lock_.Lock();
  if (armed() || KIOTO_MUTANT("timer_wheel.cancel_without_look")) {  // R1, R3
    wheel_->Unlink(this);
    wheel_->CountDown();
    dropped = std::exchange(target_, nullptr);
    state_.store(static_cast<uint32_t>(TimerState::kIdle), std::memory_order_relaxed);  // relaxed: under the lock
  }
  wheel_->lock_.Unlock();
  Drop(dropped);
}

// --- TimerWheel --------------------------------------------------------------------------------------------------------

TimerWheel::TimerWheel() {
  for (auto& level : slots_) {
    for (TimerLink& slot : level) slot.prev = slot.next = &slot;
  }
}

TimerWheel* TimerWheel::Make(int64_t now_ns) {
  pool_lock.Lock();
  TimerWheel* wheel = pool_head;
  if (wheel != nullptr) pool_head = wheel->next_free_;
  pool_lock.Unlock();
  if (wheel == nullptr) wheel = new TimerWheel;
  wheel->lock_.Lock();  // against late looks of R3
  wheel->shut_down_ = false;
  wheel->cascading_ = 0;
  wheel->elapsed_ = now_ns / kTickNs;
  wheel->parked_until_ = kAwake;
  wheel->hurry_ = nullptr;
  wheel->next_deadline_.store(kNever, std::memory_order_relaxed);  // relaxed: not shared yet
  wheel->lock_.Unlock();
  return wheel;
}

#if KIOTO_MODEL
void TimerWheel::ForgetRecycled() { pool_head = nullptr; }

void TimerWheel::FreeRecycled() {
  while (TimerWheel* wheel = pool_head) {
    pool_head = wheel->next_free_;
    delete wheel;
  }
}
#endif

void TimerWheel::Recycle() {
  lock_.Lock();
  KIOTO_CHECK(shut_down_ && size() == 0, "a wheel is recycled only after its Shutdown");
  hurry_ = nullptr;
  lock_.Unlock();
  pool_lock.Lock();
  next_free_ = pool_head;
  pool_head = this;
  pool_lock.Unlock();
}

void TimerWheel::Shutdown() {
  for (;;) {
    WakeTarget* targets[kBatch];
    int count = 0;
    lock_.Lock();
    shut_down_ = true;
    for (int level = 0; level < kLevels && count < kBatch; ++level) {
      while (occupied_[level] != 0 && count < kBatch) {
        TimerLink& slot = slots_[level][__builtin_ctzll(occupied_[level])];
        targets[count++] = Finish(static_cast<TimerEntry*>(slot.next), TimerState::kShutdown);
      }
    }
    const bool more = size() != 0;
    if (!more) next_deadline_.store(kNever, std::memory_order_relaxed);  // relaxed: a hint
    lock_.Unlock();
    for (int i = 0; i < count; ++i) WakeAndDrop(targets[i]);
    if (!more) return;
  }
}

int TimerWheel::Expire(int64_t now_ns, int max, int steps) {
  const int64_t now_tick = now_ns / kTickNs;
  int fired = 0;
  bool more = true;
  for (; more && fired < max && steps > 0; steps -= kBatch) {
    WakeTarget* targets[kBatch];
    int count = 0;
    lock_.Lock();
    more = Collect(now_tick, std::min<int>(kBatch, max - fired), targets, &count);
    Publish();
    lock_.Unlock();
    for (int i = 0; i < count; ++i) WakeAndDrop(targets[i]);
    fired += count;
  }
  return fired;
}

int64_t TimerWheel::BeginPark(int64_t deadline_ns) {
  lock_.Lock();
  parked_until_ = KIOTO_MUTANT("timer_wheel.park_without_look") ? deadline_ns : std::min(deadline_ns, next_deadline());  // R4
  const int64_t until = parked_until_;
  lock_.Unlock();
  return until;
}

void TimerWheel::EndPark() {
  lock_.Lock();
  parked_until_ = kAwake;
  lock_.Unlock();
}

void TimerWheel::SetHurry(void (*hurry)(void*), void* arg) {
  lock_.Lock();
  hurry_ = hurry;
  hurry_arg_ = arg;
  lock_.Unlock();
}

void TimerWheel::Unlink(TimerEntry* entry) {
  TimerLink* const prev = entry->prev;
  TimerLink* const next = entry->next;
  prev->next = next;
  next->prev = prev;
  if (prev != next) return;
  // The same neighbour on both sides: the head of a slot that is now empty.
  const ptrdiff_t index = prev - &slots_[0][0];
  occupied_[index / kSlots] &= ~(uint64_t{1} << (index % kSlots));
}

WakeTarget* TimerWheel::Finish(TimerEntry* entry, TimerState state) {
  Unlink(entry);
  CountDown();
  WakeTarget* const target = std::exchange(entry->target_, nullptr);
  if (target != nullptr && entry->LiesIn(target)) target->Ref();  // R5
  // release: pairs with the owner's acquire (R2)
  entry->state_.store(static_cast<uint32_t>(state), KIOTO_ORDER("timer_wheel.finish_order", std::memory_order_release));
  return target;
}

TimerWheel::Next TimerWheel::FindNext() const {
  if (cascading_ != 0) {
    const int slot = static_cast<int>(elapsed_ >> (kBits * cascading_)) & (kSlots - 1);
    if ((occupied_[cascading_] >> slot & 1) != 0) return {cascading_, slot, elapsed_};
  }
  // What lies at a level comes before everything at the levels above it.
  for (int level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const int slot = __builtin_ctzll(occupied_[level]);
    const int shift = kBits * level;
    const int64_t above = elapsed_ >> shift >> kBits << kBits;
    return {level, slot, (above | slot) << shift};
  }
  return {-1, 0, 0};
}

// Takes what is due, at most `limit` entries and kBatch steps. True if there may be more.
bool TimerWheel::Collect(int64_t now_tick, int limit, WakeTarget** targets, int* count) {
  for (int steps = kBatch; steps > 0;) {
    const Next next = FindNext();
    if (next.level < 0 || next.tick > now_tick) {
      elapsed_ = std::max(elapsed_, now_tick);
      return false;
    }
    elapsed_ = next.tick;
    cascading_ = next.level;
    TimerLink* const head = &slots_[next.level][next.slot];
    for (; steps > 0 && head->next != head; --steps) {
      TimerEntry* entry = static_cast<TimerEntry*>(head->next);
      if (next.level == 0) {
        if (*count == limit) return true;
        targets[(*count)++] = Finish(entry, TimerState::kFired);
      } else {
        Unlink(entry);
        Place(entry);
      }
    }
  }
  return true;
}

void TimerWheel::Publish() {
  const Next next = FindNext();
  // relaxed: a hint
  next_deadline_.store(next.level < 0 ? kNever : next.tick * kTickNs, std::memory_order_relaxed);
}

void TimerWheel::CountDown() {
  const size_t size = this->size() - 1;
  size_.store(size, std::memory_order_relaxed);                            // relaxed: under the lock; elsewhere a hint
  if (size == 0) next_deadline_.store(kNever, std::memory_order_relaxed);  // relaxed: a hint
}

}  // namespace kioto::internal
