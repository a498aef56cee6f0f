#include "kioto/runtime/scheduler/idle.h"

#include <algorithm>

#include "kioto/runtime/base/mutant.h"

namespace kioto::internal {

Idle::Idle(int workers) : workers_(workers), word_(static_cast<uint64_t>(workers) * kUnparkedOne) {
  parked_.Write().reserve(workers);
}

int Idle::WorkerToNotify(bool* wake_monitor) {
  *wake_monitor = false;
  // seq_cst RMW that changes nothing: pairs with the RMW of the last searcher in StopSearching and Park (R1).
  uint64_t word = word_.fetch_add(0, KIOTO_ORDER("idle.notify_order", std::memory_order_seq_cst));
  if (Searching(word) > 0 || UnparkedCount(word) == workers_) return -1;
  base::SpinLockGuard lock(lock_);
  word = word_.load(std::memory_order_seq_cst);  // seq_cst: as above (R2)
  if (Searching(word) > 0 || parked_.Read().empty()) return -1;
  const int worker = parked_.Read().back();
  parked_.Write().pop_back();
  *wake_monitor = AddUnparked(kUnparkedOne + kSearchingOne);
  return worker;
}

bool Idle::StartSearching() {
  const uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: the limit is for economy, not for safety
  if (2 * Searching(word) >= workers_) return false;
  word_.fetch_add(kSearchingOne, std::memory_order_seq_cst);  // seq_cst: pairs with WorkerToNotify's RMW (R1)
  return true;
}

bool Idle::StopSearching() {
  // seq_cst: pairs with WorkerToNotify's RMW (R1).
  const uint64_t before = word_.fetch_sub(kSearchingOne, std::memory_order_seq_cst);
  return Searching(before) == 1 && !KIOTO_MUTANT("idle.stop_without_notify");
}

bool Idle::Park(int worker, bool searching) {
  base::SpinLockGuard lock(lock_);
  // seq_cst: pairs with WorkerToNotify's RMW (R1).
  const uint64_t before =
      word_.fetch_sub(kUnparkedOne + (searching ? kSearchingOne : 0),
                      KIOTO_ORDER("idle.park_order", std::memory_order_seq_cst));
  parked_.Write().push_back(worker);
  if (KIOTO_MUTANT("idle.park_without_last_look")) return false;
  if (KIOTO_MUTANT("idle.only_searchers_look") && !searching) return false;
  return Searching(before) == (searching ? 1 : 0);
}

Idle::Wakeup Idle::Unparked(int worker, bool has_work, bool* wake_monitor) {
  *wake_monitor = false;
  base::SpinLockGuard lock(lock_);
  std::vector<int>& parked = parked_.Write();
  auto place = std::find(parked.begin(), parked.end(), worker);
  if (place == parked.end()) return Wakeup::kNotified;
  if (!has_work) return Wakeup::kStillParked;
  parked.erase(place);
  *wake_monitor = AddUnparked(kUnparkedOne);
  return Wakeup::kOwnEvent;
}

bool Idle::AddUnparked(uint64_t add) {
  uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the compare-exchange
  // seq_cst: pairs with MonitorSleeps (R4) and with the other RMWs (R1).
  while (!word_.compare_exchange_weak(word, (word & ~kMonitorAsleep) + add, std::memory_order_seq_cst,
                                      std::memory_order_relaxed)) {
  }
  return (word & kMonitorAsleep) != 0 && !KIOTO_MUTANT("idle.forget_monitor");
}

bool Idle::MonitorSleeps() {
  uint64_t word = word_.load(std::memory_order_relaxed);  // relaxed: a guess, confirmed by the compare-exchange
  do {
    if (UnparkedCount(word) > 0) return false;
    // seq_cst: pairs with AddUnparked (R4).
  } while (!word_.compare_exchange_weak(word, word | kMonitorAsleep, std::memory_order_seq_cst, std::memory_order_relaxed));
  return true;
}

int Idle::unparked() const {
  return UnparkedCount(word_.load(std::memory_order_relaxed));  // relaxed: a hint
}

int Idle::searching() const {
  return Searching(word_.load(std::memory_order_relaxed));  // relaxed: a hint
}

}  // namespace kioto::internal
