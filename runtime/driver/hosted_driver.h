// HostedDriver: a guest of a loop that is not libuv's: glib, Qt, a game's frames, a plain poll(2). The host waits, for one
// fd and until one deadline, and calls Drive.
#ifndef KIOTO_RUNTIME_DRIVER_HOSTED_DRIVER_H_
#define KIOTO_RUNTIME_DRIVER_HOSTED_DRIVER_H_

#include <cstdint>
#include <memory>

#include "kioto/runtime/driver/driver.h"

namespace kioto::internal {

// Park is not supported (a check), as with every guest. Everything but Unpark on the host's thread, on which it was made.
// Detach closes everything and calls `done` at once; inside Drive at its end.
class HostedDriver : public AttachedDriver {
 public:
  // Readable when Drive has something to do. The same for as long as it lives; never read from it. -1 once detached.
  virtual int PollFd() const = 0;
  // When Drive has something to do even if nothing comes, on the runtime's clock; 0: now; kNever. Holds until the next Drive.
  virtual int64_t NextDeadline() const = 0;
  // Takes events, fires timers, runs ready tasks by the hook, at most so many and so long. Whether some are left. A call
  // from inside a task does nothing.
  virtual bool Drive(int max_tasks, int64_t max_nanos) = 0;
};
StatusOr<std::unique_ptr<HostedDriver>> MakeHostedDriver(const DriverOptions& options, DriveHook* hook);

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_HOSTED_DRIVER_H_
