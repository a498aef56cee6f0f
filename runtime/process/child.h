// Child: a process that Command has started.
//
//   Child child = *Command("sort").Stdin(Stdio::Piped()).Stdout(Stdio::Piped()).Spawn();
//   ChildStdin input = *child.TakeStdin();
//   …
//   std::move(child).WaitWithOutput()                                  // StatusOr<ProcessOutput>
//
// Dropping a Child does not end the process, unless KillOnDrop says so; it is reaped all the same when it ends: by the runtime
// in which the Child was dropped, or, where that has gone, with the next spawn.
//
// Only this process is ever waited for: other children of the program, and its handler of SIGCHLD, are left alone. Let nobody
// else wait for every child (waitpid(-1), SIGCHLD ignored): how ours ended would be lost, and is an error then.
//
// Threads: any, one at a time. Its waits belong to the runtime of the first, as a socket's do. One fd: its pidfd;
// without pidfd that of a listener, while it waits, and each SIGCHLD lets all that wait look.
#ifndef KIOTO_RUNTIME_PROCESS_CHILD_H_
#define KIOTO_RUNTIME_PROCESS_CHILD_H_

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/unix_pipe.h"
#include "kioto/runtime/process/exit_status.h"
#include "kioto/runtime/process/exit_watch.h"

namespace kioto::process {

// The program's ends of a child's pipes. Dropping the input, or its Shutdown(), is the end of what the child reads.
using ChildStdin = io::PipeSender;
using ChildStdout = io::PipeReceiver;
using ChildStderr = io::PipeReceiver;

// What WaitWithOutput and Command::Output keep of each pipe, if not told otherwise.
inline constexpr size_t kMostOutput = 16 << 20;

// What a process has written until it ended.
struct ProcessOutput {
  ExitStatus status;
  std::string out;
  std::string err;
};

class WaitFuture;
class KillFuture;
class OutputFuture;

class Child {
 public:
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  // None once its end was observed: the number may be another process's by then.
  std::optional<pid_t> id() const;

  // How it ends; again after that, the same. Closes its stdin first, which it may be waiting for. Errors: how it ended is lost;
  // outside a runtime with I/O; IsShutdown. CANCEL SAFE: yes.
  WaitFuture Wait();
  Poll<StatusOr<ExitStatus>> PollWait(Context& cx);
  // At once; none: it runs. Does not touch its stdin.
  StatusOr<std::optional<ExitStatus>> TryWait();

  // Sends SIGKILL; nothing if its end was observed. A kill that was sent is not sent again when the Child is dropped.
  Status StartKill();
  // The same, then waits. CANCEL SAFE: yes.
  KillFuture Kill();
  // Errors: ESRCH when its end was observed.
  Status SendSignal(int signal);
  // The same to every process of the group that it was started as the first of (ProcessGroup(0), NewSession); so before its end is
  // observed: wait last. kFailedPrecondition for any other child.
  Status SignalGroup(int signal);

  // Closes its stdin, reads what it writes to its other pipes, and waits. Errors: those of Wait; a pipe's; IsLimitExceeded when
  // one gives more than `limit` bytes. After an error it is dropped. A process that the child has left behind with its pipes keeps
  // this waiting. CANCEL SAFE: loses data.
  OutputFuture WaitWithOutput(size_t limit = kMostOutput) &&;

  // The pipes that Stdio::Piped() has made. Take: to own one, for another task or after the Child; there is none then.
  ChildStdin* stdin_pipe() { return stdin_ ? &*stdin_ : nullptr; }
  ChildStdout* stdout_pipe() { return stdout_ ? &*stdout_ : nullptr; }
  ChildStderr* stderr_pipe() { return stderr_ ? &*stderr_ : nullptr; }
  std::optional<ChildStdin> TakeStdin() { return std::exchange(stdin_, std::nullopt); }
  std::optional<ChildStdout> TakeStdout() { return std::exchange(stdout_, std::nullopt); }
  std::optional<ChildStderr> TakeStderr() { return std::exchange(stderr_, std::nullopt); }

  void Describe(WaitTrace& trace) const;

 private:
  friend class Command;
  friend class OutputFuture;
  Child(pid_t pid, std::string program, bool leads_group, bool kill_on_drop)
      : program_(std::move(program)), watch_(internal::ExitWatch(pid)), leads_group_(leads_group), kill_on_drop_(kill_on_drop) {}
  void Drop();
  void Ended(StatusOr<ExitStatus> end);
  const StatusOr<ExitStatus>& end() const;

  std::string program_;                       // as the Command has named it, for errors
  std::optional<internal::ExitWatch> watch_;  // until its end was observed
  std::optional<StatusOr<ExitStatus>> end_;   // from then on
  bool leads_group_;
  bool kill_on_drop_;
  std::optional<ChildStdin> stdin_;
  std::optional<ChildStdout> stdout_;
  std::optional<ChildStderr> stderr_;
};

// Output: StatusOr<ExitStatus>.
class [[nodiscard]] WaitFuture : public FutureBase<WaitFuture, StatusOr<ExitStatus>> {
 public:
  explicit WaitFuture(Child& child) : child_(&child) {}
  Poll<StatusOr<ExitStatus>> PollOnce(Context& cx) { return child_->PollWait(cx); }
  void Describe(WaitTrace& trace) const { trace.Node("Wait", *child_); }

 private:
  Child* child_;
};

// Output: Status.
class [[nodiscard]] KillFuture : public FutureBase<KillFuture, Status> {
 public:
  explicit KillFuture(Child& child) : child_(&child) {}
  Poll<Status> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("Kill", *child_); }

 private:
  Child* child_;
  bool sent_ = false;
};

// Output: StatusOr<ProcessOutput>.
class [[nodiscard]] OutputFuture : public FutureBase<OutputFuture, StatusOr<ProcessOutput>> {
 public:
  static constexpr bool kLosesData = true;

  OutputFuture(Child child, size_t limit) : child_(std::move(child)), limit_(limit) {}
  Poll<StatusOr<ProcessOutput>> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("WaitWithOutput", child_); }

 private:
  struct Drain {
    std::optional<ChildStdout> pipe;  // until its end
    std::optional<io::AppendToEndFuture> reading;
    std::string bytes;
  };
  Status PollDrain(Context& cx, Drain& drain);

  Child child_;
  size_t limit_;
  bool started_ = false;
  Drain out_, err_;
  std::optional<ExitStatus> status_;
};

inline WaitFuture Child::Wait() { return WaitFuture(*this); }
inline KillFuture Child::Kill() { return KillFuture(*this); }
inline OutputFuture Child::WaitWithOutput(size_t limit) && { return OutputFuture(std::move(*this), limit); }

}  // namespace kioto::process

#endif  // KIOTO_RUNTIME_PROCESS_CHILD_H_
