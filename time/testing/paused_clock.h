// PausedClock: this thread inside a current-thread runtime whose clock stands still, for futures polled by hand.
//
//   PausedClock clock;
//   PolledTask task(Sleep(10ms));
//   EXPECT_THAT(task.Poll(), IsPending());
//   clock.Advance(10ms);                        // and fires what is due
//   EXPECT_EQ(task.wakes(), 1);
//   EXPECT_THAT(task.Poll(), IsReady());
#ifndef KIOTO_TIME_TESTING_PAUSED_CLOCK_H_
#define KIOTO_TIME_TESTING_PAUSED_CLOCK_H_

#include <chrono>
#include <cstddef>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/time/instant.h"

namespace kioto::time {

class PausedClock {
 public:
  PausedClock() : runtime_(Make()), entered_(runtime_.Enter()), start_(Instant::Now()) {}

  // Jumps, then lets the driver make one turn.
  void Advance(std::chrono::nanoseconds by) {
    drivers().clock.Advance(by.count());
    Turn();
  }
  void Turn() { drivers().drivers.front()->Turn(); }
  // Since this object was made.
  std::chrono::nanoseconds elapsed() const { return Instant::Now() - start_; }
  Instant start() const { return start_; }
  // Timers that are armed.
  size_t timers() const { return drivers().drivers.front()->wheel()->size(); }

  Runtime& runtime() { return runtime_; }

 private:
  static Runtime Make() {
    StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().StartPaused().Seed(1).WithoutIo().Build();
    KIOTO_CHECK(runtime.ok(), "the runtime of a test could not be built");
    return *std::move(runtime);
  }
  kioto::internal::DriverSet& drivers() const { return *kioto::internal::CurrentThread().drivers; }

  Runtime runtime_;
  EnterGuard entered_;
  Instant start_;
};

}  // namespace kioto::time

#endif  // KIOTO_TIME_TESTING_PAUSED_CLOCK_H_
