// STATE       ChildCalls::current: what a test has put in the place of the real calls; null: nothing.
#include "kioto/runtime/process/child_calls.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include <cerrno>

#include "kioto/runtime/base/config.h"

#if defined(SYS_pidfd_open) && defined(SYS_pidfd_send_signal) && !KIOTO_PORTABLE
#define KIOTO_HAS_PIDFD 1
#else
#define KIOTO_HAS_PIDFD 0
#endif

namespace kioto::process::internal {
namespace {

#if KIOTO_HAS_PIDFD
constexpr idtype_t kByPidfd = static_cast<idtype_t>(3);  // P_PIDFD, which older headers do not know
#endif

// waitid: 0, or -errno. `info.si_pid` stays 0 if the child runs.
int WaitFor(pid_t pid, int pidfd, int flags, siginfo_t& info) {
  info.si_pid = 0;
  int result;
  do {
#if KIOTO_HAS_PIDFD
    result = pidfd >= 0 ? ::waitid(kByPidfd, static_cast<id_t>(pidfd), &info, flags)
                        : ::waitid(P_PID, static_cast<id_t>(pid), &info, flags);
#else
    (void)pidfd;
    result = ::waitid(P_PID, static_cast<id_t>(pid), &info, flags);
#endif
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : -errno;
}

// kill(`whom`, …), where the number is that of the child `pid`.
int Kill(pid_t pid, pid_t whom, int signal) {
  // Somebody who reaps every child may have taken this one, and its pid be another's by now: look first.
  siginfo_t info{};
  const int error = WaitFor(pid, -1, WEXITED | WNOHANG | WNOWAIT, info);
  if (error != 0) return error == -ECHILD ? -ESRCH : error;
  return ::kill(whom, signal) == 0 ? 0 : -errno;
}

}  // namespace

base::Atomic<ChildCalls*> ChildCalls::current{nullptr};

ChildCalls& ChildCalls::Get() {
  static ChildCalls* const real = new ChildCalls;  // never destroyed: children may be dropped later than anything else
  ChildCalls* const instead = current.load(std::memory_order_acquire);  // acquire: pairs with ScopedChildCalls' release
  return instead != nullptr ? *instead : *real;
}

int ChildCalls::OpenPidfd(pid_t pid) {
#if KIOTO_HAS_PIDFD
  const long fd = ::syscall(SYS_pidfd_open, pid, 0);
  return fd >= 0 ? static_cast<int>(fd) : -errno;
#else
  (void)pid;
  return -ENOSYS;
#endif
}

int ChildCalls::Reap(pid_t pid, int pidfd, ExitStatus* status) {
  siginfo_t info{};
  int error = WaitFor(pid, pidfd, WEXITED | WNOHANG, info);
  if (error == -EINVAL && pidfd >= 0) error = WaitFor(pid, -1, WEXITED | WNOHANG, info);  // Linux 5.3 has one half of it
  if (error != 0) return error;
  if (info.si_pid == 0) return 0;
  *status = info.si_code == CLD_EXITED ? ExitStatus::Exited(info.si_status)
                                       : ExitStatus::Killed(info.si_status, info.si_code == CLD_DUMPED);
  return 1;
}

int ChildCalls::SendSignal(pid_t pid, int pidfd, int signal) {
#if KIOTO_HAS_PIDFD
  if (pidfd >= 0) return ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0 ? 0 : -errno;
#else
  (void)pidfd;
#endif
  return Kill(pid, pid, signal);
}

int ChildCalls::SignalGroup(pid_t pid, int signal) { return Kill(pid, -pid, signal); }

}  // namespace kioto::process::internal
