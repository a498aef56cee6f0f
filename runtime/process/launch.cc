// How a process is started: vfork, a few system calls, execve.
//
// Not fork: it copies the page tables, which costs milliseconds in a large program, and every thread's writes fault afterwards.
// Not posix_spawn: it sets no uid, no groups and no directory (everywhere), and says of an error only its number.
// Not uv_spawn: it takes SIGCHLD for itself.
// vfork costs the same whatever the size of the program. Its price: the child runs in our memory, on our stack, while this
// thread stands still (no other does). So it does nothing but system calls on what was made ready before; that is why there is
// no hook for code of the user's. All signals that could be handled are blocked around it, and the child resets handlers before it
// unblocks them: none of them runs in the child. The ids are set by bare system calls, for the C library's would set them in every
// thread of ours.
//
// An error comes back through a close-on-exec pipe, not through the shared memory: where a vfork is a fork (under
// ThreadSanitizer), only the pipe works.
#include "kioto/runtime/process/launch.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/sys.h"

namespace kioto::process::internal {
namespace {

namespace sys = base::sys;

enum class Step : int { kFds, kGroups, kGid, kUid, kDirectory, kSession, kProcessGroup, kSignals, kExec };

// What the child says when it fails.
struct Failure {
  Step step;
  int error;
};

// The launch as the child uses it: plain pointers.
struct Image {
  const Launch* launch;
  const char* const* programs;  // null at the end, as are the next two
  char* const* args;
  char* const* environment;
  const FdMove* fds;
  size_t fd_count;
  int* moved;    // room for so many fds
  int above;     // every number from here on is free of targets
  int report;    // the pipe's writing end
  sigset_t mask;  // the child's
  // Set by the child: seen by us, it has run in our memory, and has become its program, or ended, by now.
  volatile bool* shared;
};

#if defined(__linux__)
int SetGroups(size_t count, const gid_t* groups) { return static_cast<int>(::syscall(SYS_setgroups, count, groups)); }
int SetGid(gid_t gid) { return static_cast<int>(::syscall(SYS_setresgid, gid, gid, gid)); }
int SetUid(uid_t uid) { return static_cast<int>(::syscall(SYS_setresuid, uid, uid, uid)); }
#else
int SetGroups(size_t count, const gid_t* groups) { return ::setgroups(static_cast<int>(count), groups); }
int SetGid(gid_t gid) { return ::setgid(gid); }
int SetUid(uid_t uid) { return ::setuid(uid); }
#endif

[[noreturn]] void Fail(int report, Step step) {
  const Failure failure{step, errno};
  (void)!::write(report, &failure, sizeof(failure));
  ::_exit(127);
}

// First all out of the way of the targets, then each to its own: whatever the numbers are.
int MoveFds(const Image& image, int report) {
  for (size_t i = 0; i < image.fd_count; ++i) {
    image.moved[i] = ::fcntl(image.fds[i].from, F_DUPFD_CLOEXEC, image.above);
    if (image.moved[i] < 0) Fail(report, Step::kFds);
  }
  const int moved_report = ::fcntl(report, F_DUPFD_CLOEXEC, image.above);
  if (moved_report < 0) Fail(report, Step::kFds);
  for (size_t i = 0; i < image.fd_count; ++i) {
    if (::dup2(image.moved[i], image.fds[i].to) < 0) Fail(moved_report, Step::kFds);
  }
  return moved_report;
}

// Groups while we may still set them; the directory as the one who the child will be.
void BecomeSomebody(const Launch& launch, int report) {
  if (launch.groups) {
    if (SetGroups(launch.groups->size(), launch.groups->data()) != 0) Fail(report, Step::kGroups);
  } else if (launch.uid && ::geteuid() == 0) {
    if (SetGroups(0, nullptr) != 0) Fail(report, Step::kGroups);  // root's are not another's
  }
  if (launch.gid && SetGid(*launch.gid) != 0) Fail(report, Step::kGid);
  if (launch.uid && SetUid(*launch.uid) != 0) Fail(report, Step::kUid);
}

bool HasHandler(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 || (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

// What is blocked around the vfork: all, but not a SIGCHLD that has no handler. The kernel drops such a one on the spot, unless the
// thread which has started the child blocks it: then it wakes another thread of ours, only to drop it there, for every child that
// ends while the next one is started. A handler that somebody sets between this look and the vfork could run in the child if
// somebody also sent it a SIGCHLD of his own before it resets its handlers.
sigset_t SignalsToBlock() {
  sigset_t signals;
  sigfillset(&signals);
  struct sigaction action;
  if (::sigaction(SIGCHLD, nullptr, &action) == 0 && !HasHandler(action)) sigdelset(&signals, SIGCHLD);
  return signals;
}

// Ignored signals stay ignored, but SIGPIPE: programs ignore it for themselves, and what they start relies on it.
void ResetSignals(const Image& image, int report) {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action;
    if (::sigaction(signal, nullptr, &action) != 0) continue;  // the C library's own
    if (!HasHandler(action) && !(signal == SIGPIPE && action.sa_handler == SIG_IGN)) continue;
    action = {};
    action.sa_handler = SIG_DFL;
    if (::sigaction(signal, &action, nullptr) != 0) Fail(report, Step::kSignals);
  }
  if (::pthread_sigmask(SIG_SETMASK, &image.mask, nullptr) != 0) Fail(report, Step::kSignals);
}

// As execvp looks for a program, but one that is no binary is not given to a shell.
[[noreturn]] void Exec(const Image& image, int report) {
  int error = ENOENT;
  for (const char* const* program = image.programs; *program != nullptr; ++program) {
    ::execve(*program, image.args, image.environment);
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) Fail(report, Step::kExec);
    if (error != EACCES) error = errno;  // one that we may not run says more than one that is not there
  }
  errno = error;
  Fail(report, Step::kExec);
}

[[noreturn]] void RunChild(const Image& image) {
  const Launch& launch = *image.launch;
  const int report = MoveFds(image, image.report);
  BecomeSomebody(launch, report);
  if (!launch.directory.empty() && ::chdir(launch.directory.c_str()) != 0) Fail(report, Step::kDirectory);
  if (launch.new_session && ::setsid() < 0) Fail(report, Step::kSession);
  if (launch.process_group && ::setpgid(0, *launch.process_group) != 0) Fail(report, Step::kProcessGroup);
  ResetSignals(image, report);
  Exec(image, report);
}

// Nothing here but the vfork: the child uses this frame.
__attribute__((noinline)) pid_t VforkAndRun(const Image& image) {
  const pid_t pid = ::vfork();
  if (pid == 0) {
    *image.shared = true;
    RunChild(image);
  }
  return pid;
}

const char* NameOf(Step step) {
  switch (step) {
    case Step::kFds:
      return "giving it its fds";
    case Step::kGroups:
      return "setting its groups";
    case Step::kGid:
      return "setting its group id";
    case Step::kUid:
      return "setting its user id";
    case Step::kDirectory:
      return "changing to its directory";
    case Step::kSession:
      return "making it a session";
    case Step::kProcessGroup:
      return "setting its process group";
    case Step::kSignals:
      return "resetting its signals";
    case Step::kExec:
      break;
  }
  return "executing it";
}

std::string WhatFailed(const Failure& failure, const Launch& launch) {
  if (failure.step == Step::kDirectory) return absl::StrCat(NameOf(failure.step), " ", launch.directory);
  if (failure.step != Step::kExec || (failure.error != ENOENT && failure.error != ENOTDIR)) return NameOf(failure.step);
  if (launch.path.empty()) return "it, or the interpreter that it names, is not there";
  return absl::StrCat("it is nowhere in PATH (", launch.path, "), or the interpreter that it names is not there");
}

Status StatusOf(const Failure& failure, const Launch& launch) {
  return ErrnoStatus(failure.error, absl::StrCat("process::Command ", launch.program, ": ", WhatFailed(failure, launch)));
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));  // execve only reads them
  pointers.push_back(nullptr);
  return pointers;
}

// Whether the child has failed. After a true vfork the answer is there: to wait for the pipe's end would be to wait for
// whomever else has inherited it, by a fork of the program's own.
bool ReadFailure(int fd, bool is_there, Failure* failure) {
  pollfd waiting{fd, POLLIN, 0};
  while (!is_there && ::poll(&waiting, 1, -1) < 0 && errno == EINTR) {
  }
  return sys::Read(fd, failure, sizeof(*failure)) == static_cast<ssize_t>(sizeof(*failure));
}

}  // namespace

StatusOr<pid_t> StartProcess(const Launch& launch) {
  const std::vector<char*> programs = Pointers(launch.programs);
  const std::vector<char*> args = Pointers(launch.args);
  const std::vector<char*> environment = Pointers(launch.environment);
  std::vector<int> moved(launch.fds.size());
  int report[2];
  if (const int error = sys::Pipe(report); error < 0) return ErrnoStatus(error, "process::Command: making a pipe");
  volatile bool shared = false;
  Image image{&launch, programs.data(), args.data(), environment.data(), launch.fds.data(), launch.fds.size(),
              moved.data(), 3, report[1], {}, &shared};
  for (const FdMove& fd : launch.fds) image.above = std::max(image.above, fd.to + 1);

  const sigset_t blocked = SignalsToBlock();
  sigset_t before;
  sigemptyset(&image.mask);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  if (launch.inherit_signal_mask) image.mask = before;
  const pid_t pid = VforkAndRun(image);
  const int vfork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

  sys::Close(report[1]);
  Failure failure{};
  const bool failed = pid > 0 && ReadFailure(report[0], shared, &failure);
  sys::Close(report[0]);
  if (pid < 0) return ErrnoStatus(vfork_error, absl::StrCat("process::Command ", launch.program, ": making a process"));
  if (!failed) return pid;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return StatusOf(failure, launch);
}

}  // namespace kioto::process::internal
