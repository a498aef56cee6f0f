// The system calls about one child, behind a seam: tests count them, refuse them, and take the pidfd away.
//
// A child is named by its pid and, where there is one, by its pidfd. Until it is reaped, which is only done here, its pid is
// nobody else's; so a call by the pid is safe too, as long as the program reaps no children that are not its own.
#ifndef KIOTO_RUNTIME_PROCESS_CHILD_CALLS_H_
#define KIOTO_RUNTIME_PROCESS_CHILD_CALLS_H_

#include <sys/types.h>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/process/exit_status.h"

namespace kioto::process::internal {

class ChildCalls {
 public:
  virtual ~ChildCalls() = default;

  // An fd that can be read when the child has ended, close-on-exec. -errno: there is none (an old kernel, --config=portable, a
  // sandbox), or no fd is left.
  virtual int OpenPidfd(pid_t pid);
  // Reaps this child, if it has ended: 1 and `*status`. 0: it runs. -errno; -ECHILD: somebody else has reaped it.
  // `pidfd`: -1 for none.
  virtual int Reap(pid_t pid, int pidfd, ExitStatus* status);
  // 0 or -errno; -ESRCH, and no signal, if somebody else has reaped it.
  virtual int SendSignal(pid_t pid, int pidfd, int signal);
  // The same to the group whose first process it is.
  virtual int SignalGroup(pid_t pid, int signal);

  // The real ones, but in a test.
  static ChildCalls& Get();

 private:
  friend class ScopedChildCalls;
  static base::Atomic<ChildCalls*> current;
};

// For tests: `calls` are made in place of the real ones for as long as it lives.
class ScopedChildCalls {
 public:
  explicit ScopedChildCalls(ChildCalls& calls)
      : before_(ChildCalls::current.exchange(&calls, std::memory_order_acq_rel)) {}  // acq_rel: pairs with Get's acquire
  ~ScopedChildCalls() {
    ChildCalls::current.store(before_, std::memory_order_release);  // release: pairs with Get's acquire
  }
  ScopedChildCalls(const ScopedChildCalls&) = delete;
  ScopedChildCalls& operator=(const ScopedChildCalls&) = delete;

 private:
  ChildCalls* const before_;
};

}  // namespace kioto::process::internal

#endif  // KIOTO_RUNTIME_PROCESS_CHILD_CALLS_H_
