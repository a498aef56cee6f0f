#include "kioto/net/pauses.h"

#include <algorithm>

#include "kioto/runtime/driver/clock.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/thread_context.h"

namespace kioto::net::internal {
namespace {

constexpr int64_t kFirstNs = 1'000'000;
constexpr int64_t kLastNs = 100'000'000;

}  // namespace

Pauses::State Pauses::Poll(Context& cx) {
  if (timer_ == nullptr) return State::kNone;
  switch (timer_->Poll(cx.waker())) {
    case kioto::internal::TimerState::kArmed:
      return State::kLasts;
    case kioto::internal::TimerState::kShutdown:
      return State::kShutdown;
    default:
      return State::kOver;
  }
}

bool Pauses::Begin(Context& cx) {
  kioto::internal::DriverSet* drivers = kioto::internal::CurrentThread().drivers;
  kioto::internal::TimerWheel* wheel = drivers != nullptr ? drivers->WheelForThisThread() : nullptr;
  if (wheel == nullptr) return false;
  if (timer_ == nullptr) timer_ = std::make_unique<kioto::internal::TimerEntry>();
  pause_ = pause_ == 0 ? kFirstNs : std::min(pause_ * 2, kLastNs);
  const int64_t now = kioto::internal::NowNanos();
  timer_->Arm(*wheel, now + pause_, cx.waker(), now);
  return true;
}

}  // namespace kioto::net::internal
