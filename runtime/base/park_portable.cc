#include "kioto/runtime/base/park.h"

#if !KIOTO_MODEL && (KIOTO_PORTABLE || !defined(__linux__))

#include <chrono>

namespace kioto::base {

void Parker::Park() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return token_; });
  token_ = false;
}

bool Parker::ParkUntil(int64_t deadline_ns) {
  using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC wherever we build
  const Clock::time_point deadline{std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds(deadline_ns))};
  std::unique_lock<std::mutex> lock(mutex_);
  if (!changed_.wait_until(lock, deadline, [this] { return token_; })) return false;
  token_ = false;
  return true;
}

void Parker::Unpark() {
  // All of it under the lock: once the owner has it and sees the token, nobody touches the Parker any more (R4).
  std::lock_guard<std::mutex> lock(mutex_);
  token_ = true;
  changed_.notify_one();
}

}  // namespace kioto::base

#endif
