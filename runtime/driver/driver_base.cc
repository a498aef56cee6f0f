#include "kioto/runtime/driver/driver_base.h"

#include <climits>
#include <utility>

#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/standard_fds.h"
#include "kioto/runtime/driver/harvest_fault.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/driver/timer_wheel.h"

namespace kioto::internal {
namespace {

// A deadline this far ahead of the coarse clock (whose ticks are 10 ms at most) is not looked at by the exact one.
constexpr int64_t kFarNs = 20'000'000;

}  // namespace

DriverBase::DriverBase(const DriverOptions& options) : clock_(options.clock) {
  base::FillStandardFds();
  if (!options.time) return;
  wheel_ = TimerWheel::Make(clock_->Now());
  wheel_->SetHurry([](void* driver) { static_cast<DriverBase*>(driver)->Unpark(); }, this);
}

DriverBase::~DriverBase() { ReleaseParts(); }

void DriverBase::Turn() {
  Harvest();
  if (wheel_ == nullptr || wheel_->size() == 0) return;
  // A busy worker makes many turns in a millisecond, and most timers are time-outs that lie far ahead. If the coarse clock
  // lags more than that, timers are late by its lag.
  if (wheel_->next_deadline() > SaturatingAdd(clock_->CoarseNow(), kFarNs)) return;
  FireTimers();
}

void DriverBase::Park(int64_t deadline_ns) {
  if (clock_->paused()) return ParkPaused(deadline_ns);
  // One look (100 ns) before the sleep: under load something is there, and a turn of the loop costs three times as much.
  if (Harvest() || due_left_) return FireTimers();
  const int64_t until = wheel_ != nullptr ? wheel_->BeginPark(deadline_ns) : deadline_ns;
  Sleep(until);
  if (wheel_ != nullptr) wheel_->EndPark();
  Harvest();
  FireTimers();  // by the exact clock: it may be what ended the sleep
}

void DriverBase::ParkPaused(int64_t deadline_ns) {
  if (Harvest() || TakeToken()) return FireTimers();
  const int64_t until = wheel_ != nullptr ? wheel_->BeginPark(deadline_ns) : deadline_ns;
  if (until > clock_->Now()) {
    if (until != kNever && clock_->auto_advance()) {
      clock_->Advance(until - clock_->Now());
    } else {
      Sleep(kNever);  // time stands still: only a token or an event ends this
    }
  }
  if (wheel_ != nullptr) wheel_->EndPark();
  Turn();
}

void DriverBase::Shutdown() {
  if (wheel_ != nullptr) wheel_->Shutdown();
  if (reactor_ != nullptr) reactor_->Shutdown();
}

void DriverBase::Adopt(std::unique_ptr<Reactor> reactor) {
  reactor_owner_ = std::move(reactor);
  reactor_ = reactor_owner_.get();
  io_counts_ = reactor_->counts();
}

bool DriverBase::Harvest() {
  if (reactor_ == nullptr || (reactor_->sources() == 0 && !reactor_->has_requests())) return false;
  const bool any = LookAtReactor() > 0;
  ScopedHarvestFault* const fault = ScopedHarvestFault::Installed();
  return any || (fault != nullptr && fault->Holds(reactor_));
}

void DriverBase::FireTimers() {
  due_left_ = false;
  if (wheel_ == nullptr || wheel_->size() == 0) return;
  const int64_t now = clock_->Now();
  if (wheel_->next_deadline() > now) return;
  if (clock_->paused()) {
    wheel_->Expire(now, INT_MAX);  // together, as tests expect: no socket waits that is not the test's own
  } else {
    wheel_->Expire(now, timers_per_turn_, limits::kTimerStepsPerTurn);
  }
  due_left_ = wheel_->next_deadline() <= now;
}

void DriverBase::ReleaseParts() {
  if (reactor_ != nullptr) reactor_->Shutdown();
  reactor_owner_.reset();
  reactor_ = nullptr;
  if (wheel_ == nullptr) return;
  wheel_->Shutdown();
  wheel_->Recycle();
  wheel_ = nullptr;
}

}  // namespace kioto::internal
