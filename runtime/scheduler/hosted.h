// HostedRuntime: a runtime inside a loop of any kind: glib, Qt, a game's frames, a plain poll(2). The host waits for one fd
// and one deadline beside its own, and lets Kioto run for a moment.
//
//   StatusOr<HostedRuntime> kioto = HostedRuntime::Make();
//   kioto->runtime().Spawn(Serve()).Detach();
//   for (;;) {
//     pollfd fds[] = {{kioto->PollFd(), POLLIN, 0}, ...};        // ... the host's own
//     poll(fds, n, std::min(kioto->PollTimeoutMs(), own_timeout));
//     kioto->Drive();
//     ...
//   }
//
// A libuv loop is better served by Runtime::Attach, and a program without a loop by Runtime. Tasks run in Drive, on the host's
// thread, which is the one that made it; any thread may spawn and wake, which makes the fd readable. BlockOn is refused.
#ifndef KIOTO_RUNTIME_SCHEDULER_HOSTED_H_
#define KIOTO_RUNTIME_SCHEDULER_HOSTED_H_

#include <chrono>
#include <optional>
#include <utility>

#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace internal {
class HostedDriver;
}  // namespace internal

// All calls on the host's thread. Its end is that of an attached runtime: every task is ended; see ~Runtime.
class HostedRuntime {
 public:
  // With the knobs of `builder`, a RuntimeBuilder::CurrentThread(). Errors: as RuntimeBuilder::Build.
  static StatusOr<HostedRuntime> Make(RuntimeBuilder builder = RuntimeBuilder::CurrentThread());

  HostedRuntime(HostedRuntime&&) = default;
  HostedRuntime& operator=(HostedRuntime&&) = default;

  // To spawn, to enter, to take a Handle, to shut down. Runtime::Detach ends it at once.
  Runtime& runtime() { return runtime_; }

  // Readable while Drive has something to do. The same fd for its life; wait for it, never read it.
  int PollFd() const;
  // When Drive has something to do even if the fd stays silent: nothing if never; a time that is over: now. Ask before each
  // wait.
  std::optional<std::chrono::steady_clock::time_point> NextDeadline() const;
  // The same as the last argument of poll(2) or epoll_wait(2): -1, or milliseconds, rounded up.
  int PollTimeoutMs() const;

  // Takes what has come, fires timers, and runs ready tasks: at most so many, and none after so long. Whether some are left;
  // NextDeadline is then now. Never blocks, but for what a task does. Inside a task: does nothing.
  bool Drive(int max_tasks = limits::kAttachedTasksPerTurn,
             std::chrono::nanoseconds at_most = std::chrono::nanoseconds(limits::kAttachedTurnNs));

 private:
  HostedRuntime(Runtime runtime, internal::HostedDriver* driver) : runtime_(std::move(runtime)), driver_(driver) {}

  Runtime runtime_;
  internal::HostedDriver* driver_;  // the runtime's
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_SCHEDULER_HOSTED_H_
