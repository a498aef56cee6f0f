// Driver: what a worker parks in. The narrow waist between schedulers and event loops: owned libuv loop, attached libuv
// loop, or none (parking on a futex). One conformance suite holds for all (driver_conformance.h).
#ifndef KIOTO_RUNTIME_DRIVER_DRIVER_H_
#define KIOTO_RUNTIME_DRIVER_DRIVER_H_

#include <cstdint>
#include <memory>

#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/clock.h"

#if KIOTO_PORTABLE || !defined(__linux__)
#define KIOTO_DRIVER_IS_PORTABLE true
#else
#define KIOTO_DRIVER_IS_PORTABLE false
#endif

typedef struct uv_loop_s uv_loop_t;

namespace kioto::internal {

class Reactor;
class TimerWheel;
struct IoCounts;

class Driver {
 public:
  Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  virtual ~Driver() = default;

  // Waits until an event, a due timer, Unpark, or `deadline_ns` of the runtime's clock (kNever: no limit); then harvests
  // the reactor and fires timers, as Turn does. The driving thread. Wakers are called from here. May return early.
  // Under a paused clock that may auto-advance, and with nothing else to do, it jumps to the next deadline instead.
  virtual void Park(int64_t deadline_ns) = 0;

  // A driver turn without waiting: harvests, fires due timers. With no source registered, no timer due and no Unpark
  // pending it makes no system call, and reads no clock when no timer is armed. Leaves an Unpark to the next Park. The
  // driving thread.
  virtual void Turn() = 0;

  // Ends the present Park, or the next one. Any thread; coalesced; lock-free but for the system call.
  virtual void Unpark() = 0;

  // Every timer and every source of this driver ends with a ShutdownError and is woken; later ones too. Park, Turn and
  // Unpark go on working. The driving thread, or any while nobody drives; any number of times. The destructor does it too.
  virtual void Shutdown() = 0;

  // One turn fires at most so many timers, 1 or more, and leaves the rest to the next ones: as many as tasks are polled between
  // two turns. So what a flood of timers wakes is polled as it is woken, and a socket waits for a few of them, not for all. While
  // the clock stands still there is no limit: what is due fires together. The driving thread.
  virtual void LimitTimers(uint32_t per_turn) = 0;

  Reactor* reactor() const { return reactor_; }  // null without I/O
  TimerWheel* wheel() const { return wheel_; }   // null without time
  const IoCounts* io_counts() const { return io_counts_.get(); }  // the reactor's, as long as the driver; null without I/O

 protected:
  Reactor* reactor_ = nullptr;
  TimerWheel* wheel_ = nullptr;
  std::shared_ptr<const IoCounts> io_counts_;
};

struct DriverOptions {
  bool io = true;
  bool time = true;
  // One uv_poll_t per fd in the place of the epoll set. Always so where there is no epoll.
  bool portable = KIOTO_DRIVER_IS_PORTABLE;
  RuntimeClock* clock = nullptr;  // outlives the driver
};

// A loop of our own. Made, driven and destroyed on any one thread at a time.
StatusOr<std::unique_ptr<Driver>> MakeOwnedDriver(const DriverOptions& options);
// No loop at all: parks on a futex. For a runtime without I/O; time still works.
StatusOr<std::unique_ptr<Driver>> MakeParkDriver(const DriverOptions& options);

// What an attached loop drives. All calls on the loop's thread.
class DriveHook {
 public:
  // Runs ready tasks, at most so many and so long; true if some are left.
  virtual bool RunReady(int max_tasks, int64_t max_nanos) = 0;
  // Whether the host's loop must be kept alive: live tasks or guards.
  virtual bool KeepAlive() = 0;

 protected:
  ~DriveHook() = default;
};

// A guest on the host's loop: design of the five handles in attached_driver.cc. Park is not supported (a check). Made,
// detached and destroyed on the loop's thread, which stays the same, while the loop lives.
class AttachedDriver : public Driver {
 public:
  // Shuts down and closes the handles; `done` runs on the loop's thread after the last close callback. If the host has
  // closed them all: at once, or, within RunReady, at the end of that turn. From then on the driver may be destroyed;
  // Unpark stays harmless until then. Once.
  virtual void Detach(void (*done)(void*), void* arg) = 0;
};
StatusOr<std::unique_ptr<AttachedDriver>> MakeAttachedDriver(uv_loop_t* loop, const DriverOptions& options, DriveHook* hook);

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_DRIVER_H_
