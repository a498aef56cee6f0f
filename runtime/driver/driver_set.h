// DriverSet: the clock, wheels and reactors of one runtime, as Sleep and sockets see them. Owned by the runtime's core.
#ifndef KIOTO_RUNTIME_DRIVER_DRIVER_SET_H_
#define KIOTO_RUNTIME_DRIVER_DRIVER_SET_H_

#include <vector>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/clock.h"
#include "kioto/runtime/driver/driver.h"

namespace kioto::internal {

class DriverSet {
 public:
  RuntimeClock clock;
  std::vector<Driver*> drivers;  // fixed before the first thread starts

  // The wheel for an entry armed on this thread: its own driver's if that belongs to this set, else the first driver's
  // (then, if the new deadline is earlier than the one that driver parked for, the wheel unparks it: R4 of timer_wheel.h). Null without time.
  TimerWheel* WheelForThisThread();
  // The reactor that watches the fewest sources, for one that is watched from now on. Null without I/O.
  //
  // So the connections of a listener spread over all loops, whoever accepts them, and nothing is handed over: until it first
  // waits a socket is in no loop, and any thread may add it to any. There it stays until it closes; where many have closed, the
  // next ones go. A source counts when it is watched: threads that choose at the same moment may choose the same reactor, and
  // those that choose later make up for it.
  Reactor* PickReactor();
  // This thread's own reactor; where it drives none, as PickReactor.
  Reactor* OwnReactor();
};

// The clock of the runtime entered on this thread; the real clock outside.
int64_t NowNanos();
// Errors in the three sentences: outside a runtime, part is off, shutting down.
Status TimeUnavailable(const char* what);
Status IoUnavailable(const char* what);

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_DRIVER_SET_H_
