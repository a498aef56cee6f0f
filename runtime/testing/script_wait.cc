#include "kioto/runtime/testing/script_wait.h"

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/driver/clock.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/thread_context.h"

namespace kioto::test::internal {

bool ScriptWait::Poll(Context& cx, int64_t nanos) {
  if (!started_) {
    kioto::internal::DriverSet* const drivers = kioto::internal::CurrentThread().drivers;
    kioto::internal::TimerWheel* const wheel = drivers != nullptr ? drivers->WheelForThisThread() : nullptr;
    KIOTO_CHECK(wheel != nullptr, "a mock whose script waits is used inside a runtime with time: in a KIOTO_TEST, for instance");
    const int64_t now = drivers->clock.Now();
    timer_.Arm(*wheel, kioto::internal::SaturatingAdd(now, nanos), cx.waker(), now);
    started_ = true;
  }
  if (timer_.Poll(cx.waker()) != kioto::internal::TimerState::kFired) return false;
  started_ = false;
  return true;
}

}  // namespace kioto::test::internal
