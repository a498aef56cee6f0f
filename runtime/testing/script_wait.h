// ScriptWait: the pauses in the script of a mock: so long, on the runtime's clock, before the next step.
#ifndef KIOTO_RUNTIME_TESTING_SCRIPT_WAIT_H_
#define KIOTO_RUNTIME_TESTING_SCRIPT_WAIT_H_

#include <cstdint>

#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/future/context.h"

namespace kioto::test::internal {

// One task at a time. Pinned.
class ScriptWait {
 public:
  // Whether `nanos` have passed since the first call after the last one that said so. If not, the waker will be woken.
  // Needs a runtime with time (checked). A runtime that shuts down ends no pause.
  bool Poll(Context& cx, int64_t nanos);

 private:
  kioto::internal::TimerEntry timer_;
  bool started_ = false;
};

}  // namespace kioto::test::internal

#endif  // KIOTO_RUNTIME_TESTING_SCRIPT_WAIT_H_
