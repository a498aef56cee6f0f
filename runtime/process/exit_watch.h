// ExitWatch: how the end of one child is heard of. A pidfd in the reactor where the kernel has one; else SIGCHLD, whose every
// arrival has a look at this child, and at no other. For child.cc and orphans.cc.
#ifndef KIOTO_RUNTIME_PROCESS_EXIT_WATCH_H_
#define KIOTO_RUNTIME_PROCESS_EXIT_WATCH_H_

#include <sys/types.h>

#include <optional>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/process/exit_status.h"
#include "kioto/runtime/signal/signal.h"

namespace kioto::process::internal {

class ExitWatch {
 public:
  // Of a child that nobody has waited for.
  explicit ExitWatch(pid_t pid);

  pid_t pid() const { return pid_; }

  // Ready once it has ended and was reaped, by this call; not to be asked again then. Errors: IsLost; those of waiting, after
  // which it may be asked again: outside a runtime with I/O, IsShutdown, no fd left.
  Poll<StatusOr<ExitStatus>> PollExit(Context& cx);
  // One look, at once; as PollExit. None: it runs.
  StatusOr<std::optional<ExitStatus>> TryExit();
  // Errors: IsLost.
  Status SendSignal(int signal);
  // To the group of which it is the first. Errors: IsLost.
  Status SignalGroup(int signal);

  // The next wait may be in another runtime than the last.
  void LeaveRuntime();

 private:
  StatusOr<ExitStatus> Lost() const;
  Poll<StatusOr<ExitStatus>> PollPidfd(Context& cx);
  Poll<StatusOr<ExitStatus>> PollSignals(Context& cx);

  pid_t pid_;
  kioto::internal::IoHandle pidfd_;           // none where there is none, or no fd was left
  std::optional<signal::Listener> children_;  // for SIGCHLD, in its place
};

// Somebody else has reaped the child: nothing more will be known of it.
bool IsLost(const Status& status);

}  // namespace kioto::process::internal

#endif  // KIOTO_RUNTIME_PROCESS_EXIT_WATCH_H_
