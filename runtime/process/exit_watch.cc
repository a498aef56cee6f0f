#include "kioto/runtime/process/exit_watch.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/process/child_calls.h"

namespace kioto::process::internal {
namespace {

using kioto::internal::Direction;
using kioto::internal::Home;
using kioto::internal::IoHandle;

constexpr char kWhat[] = "waiting for a child process";

}  // namespace

// No pidfd, for whatever reason, is no error: the signal does it too.
ExitWatch::ExitWatch(pid_t pid) : pid_(pid), pidfd_(std::max(-1, ChildCalls::Get().OpenPidfd(pid)), Home::kOwn) {}

bool IsLost(const Status& status) { return ErrnoOf(status) == ECHILD; }

StatusOr<ExitStatus> ExitWatch::Lost() const {
  return ErrnoStatus(ECHILD, absl::StrCat("how process ", pid_, " ended is lost: the program ignores SIGCHLD, or waits for every child "
                                          "somewhere, which it must not beside kioto::process"));
}

Poll<StatusOr<ExitStatus>> ExitWatch::PollExit(Context& cx) {
  Poll<StatusOr<ExitStatus>> exit = pidfd_.is_open() ? PollPidfd(cx) : PollSignals(cx);
  if (exit.ready() && !exit->ok() && IsLost(exit->status())) return Lost();
  return exit;
}

Poll<StatusOr<ExitStatus>> ExitWatch::PollPidfd(Context& cx) {
  ExitStatus status = ExitStatus::Exited(0);
  // An event may come early, as it does under a debugger: nothing to be reaped means to wait on.
  Poll<StatusOr<size_t>> reaped = pidfd_.PollIo(cx, Direction::kRead, 0, kWhat, [this, &status]() -> ssize_t {
    const int result = ChildCalls::Get().Reap(pid_, pidfd_.fd(), &status);
    return result == 0 ? -EAGAIN : result;
  });
  if (reaped.pending()) return kPending;
  if (!reaped->ok()) return reaped->status();
  return StatusOr<ExitStatus>(status);
}

Poll<StatusOr<ExitStatus>> ExitWatch::PollSignals(Context& cx) {
  if (!children_) {
    StatusOr<signal::Listener> listener = signal::Listener::Make(SIGCHLD);
    if (!listener.ok()) return listener.status();
    children_.emplace(*std::move(listener));
  }
  // Listen first, look second: a signal that comes behind the look is the next poll's.
  while (true) {
    Poll<StatusOr<int>> came = children_->PollRecv(cx);
    if (came.ready() && !came->ok()) return came->status();
    if (came.ready()) continue;
    StatusOr<std::optional<ExitStatus>> exit = TryExit();
    if (!exit.ok()) return exit.status();
    if (!exit->has_value()) return kPending;
    return StatusOr<ExitStatus>(**exit);
  }
}

StatusOr<std::optional<ExitStatus>> ExitWatch::TryExit() {
  ExitStatus status = ExitStatus::Exited(0);
  const int result = ChildCalls::Get().Reap(pid_, pidfd_.fd(), &status);
  if (result == -ECHILD) return Lost().status();
  if (result < 0) return ErrnoStatus(result, kWhat);
  if (result == 0) return std::optional<ExitStatus>();
  return std::optional<ExitStatus>(status);
}

Status ExitWatch::SendSignal(int signal) {
  const int error = ChildCalls::Get().SendSignal(pid_, pidfd_.fd(), signal);
  if (error == -ESRCH) return Lost().status();
  return ErrnoStatus(error, absl::StrCat("sending signal ", signal, " to child process ", pid_));
}

Status ExitWatch::SignalGroup(int signal) {
  const int error = ChildCalls::Get().SignalGroup(pid_, signal);
  if (error == -ESRCH) return Lost().status();
  return ErrnoStatus(error, absl::StrCat("sending signal ", signal, " to the group of child process ", pid_));
}

void ExitWatch::LeaveRuntime() {
  children_.reset();
  if (!pidfd_.is_open()) return;
  const int fd = pidfd_.Release();
  if (fd >= 0) pidfd_ = IoHandle(fd, Home::kOwn);
}

}  // namespace kioto::process::internal
