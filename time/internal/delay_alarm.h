// DelayAlarm: the one timer of a DelayQueue, and the task that waits for it.
#ifndef KIOTO_TIME_INTERNAL_DELAY_ALARM_H_
#define KIOTO_TIME_INTERNAL_DELAY_ALARM_H_

#include <cstdint>

#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/waker.h"
#include "kioto/time/internal/timer.h"

namespace kioto::internal {

class DelayAlarm {
 public:
  static constexpr int64_t kNothing = -1;  // no deadline is negative
  enum class State : uint8_t { kPending, kNothing, kDue };

  // `due`: the earliest deadline, or kNothing. kDue consumes budget. Else the waker is kept.
  State Poll(Context& cx, int64_t due);
  // The earliest deadline is another one, or none: the task that was told to wait must ask again.
  void Changed();

 private:
  Timer timer_{Timer::From::kClockZero, 0};
  int64_t set_for_ = kNothing;  // what timer_ waits for
  int64_t reached_ = 0;         // the clock has shown it: what is due by then needs no look at it
  Waker waiting_;               // whoever was not given an entry by the last poll
};

}  // namespace kioto::internal

#endif  // KIOTO_TIME_INTERNAL_DELAY_ALARM_H_
