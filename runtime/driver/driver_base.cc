#include "kioto/runtime/driver/driver_base.h"

#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/driver/timer_wheel.h"

namespace kioto::internal {

DriverBase::DriverBase(const DriverOptions& options) : clock_(options.clock) {
  if (!options.time) return;
  wheel_ = TimerWheel::Make(clock_->Now());
  wheel_->SetHurry([](void* driver) { static_cast<DriverBase*>(driver)->Unpark(); }, this);
}

DriverBase::~DriverBase() { ReleaseParts(); }

void DriverBase::Turn() {
  Harvest();
  FireTimers();
}

void DriverBase::Park(int64_t deadline_ns) {
  if (clock_->paused()) return ParkPaused(deadline_ns);
  const int64_t until = wheel_ != nullptr ? wheel_->BeginPark(deadline_ns) : deadline_ns;
  Sleep(until);
  if (wheel_ != nullptr) wheel_->EndPark();
  Turn();
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
}

bool DriverBase::Harvest() { return false; }

void DriverBase::FireTimers() {
  if (wheel_ == nullptr || wheel_->size() == 0) return;
  const int64_t now = clock_->Now();
  if (wheel_->next_deadline() <= now) wheel_->Expire(now, limits::kTimersPerTurn);
}

void DriverBase::ReleaseParts() {
  if (wheel_ == nullptr) return;
  wheel_->Shutdown();
  wheel_->Recycle();
  wheel_ = nullptr;
}

}  // namespace kioto::internal
