// Command: a process to be started: program, arguments, environment, fds, identity.
//
//   StatusOr<Child> child = Command("git").Args({"fetch", "--all"}).CurrentDir(dir).KillOnDrop().Spawn();
//
//   Command("date").Arg("+%s").Output().AndThen([](ProcessOutput& date) { … date.status.success(), date.out … });
//
// If not told otherwise: no arguments, the environment and directory of this program, its stdin, stdout and stderr (Output():
// pipes for the last two), and no blocked signals. A command may be used again, and copied. There is no hook for code that runs
// in the child: launch.cc says why.
#ifndef KIOTO_RUNTIME_PROCESS_COMMAND_H_
#define KIOTO_RUNTIME_PROCESS_COMMAND_H_

#include <sys/types.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/process/child.h"
#include "kioto/runtime/process/stdio.h"

namespace kioto::process {

class StatusFuture;
class CommandOutputFuture;
namespace internal {
struct Launch;
}  // namespace internal

class Command {
 public:
  // A name without a slash is looked for in PATH, the child's own. A relative one with a slash: from the child's directory.
  explicit Command(std::string program) : program_(std::move(program)) {}

  Command& Arg(std::string arg);
  Command& Args(std::vector<std::string> args);
  // The name that the program sees itself called by, in place of the program's.
  Command& Arg0(std::string arg0);

  Command& Env(std::string key, std::string value);
  Command& Envs(const std::vector<std::pair<std::string, std::string>>& variables);
  Command& EnvRemove(std::string key);
  // Nothing of this program's environment, nor of what was set on this command before. The environment is read by Spawn: no
  // other thread may change it at that moment (setenv).
  Command& EnvClear();
  Command& CurrentDir(std::string directory);

  Command& Stdin(Stdio stdio) { return SetStandard(0, std::move(stdio)); }
  Command& Stdout(Stdio stdio) { return SetStandard(1, std::move(stdio)); }
  Command& Stderr(Stdio stdio) { return SetStandard(2, std::move(stdio)); }
  // One more fd, as number `fd` of the child's. Inherit: this program's of that number, though it be close-on-exec.
  Command& ExtraFd(int fd, Stdio stdio);

  // Who the child is. A uid without Groups: root's supplementary groups are dropped.
  Command& Uid(uid_t uid);
  Command& Gid(gid_t gid);
  Command& Groups(std::vector<gid_t> groups);
  // Puts it into the process group `group`; 0: into a new one, of its own.
  Command& ProcessGroup(pid_t group);
  // Makes it the leader of a new session, and of a process group; it has no terminal then. Excludes ProcessGroup.
  Command& NewSession();
  // The child begins with the signal mask of the thread that spawns it, in place of an empty one.
  Command& InheritSignalMask();
  // Whether a Child that is dropped before its process has ended sends SIGKILL; to that process alone, not to its children.
  Command& KillOnDrop(bool kill = true);
  bool kill_on_drop() const { return kill_on_drop_; }

  // Starts it, now. The thread stands still until the kernel has loaded the program: half a millisecond, if the disk is not in
  // the way. Errors: what the child could not do, with its errno (ENOENT: no such program; EACCES), and then there is none;
  // kInvalidArgument for a zero byte in a string, for a key that is empty or has a '='; outside a runtime with I/O; no fd left.
  StatusOr<Child> Spawn() const;
  // Spawns at its first poll, closes what is piped, and waits. Dropped while it waits: as a Child. CANCEL SAFE: loses data.
  StatusFuture Status() const;
  // Spawns at its first poll with stdout and stderr piped, and waits for all that it writes; see WaitWithOutput.
  // CANCEL SAFE: loses data.
  CommandOutputFuture Output(size_t limit = kMostOutput) const;

 private:
  friend class CommandOutputFuture;
  struct Variable {
    std::string key;
    std::optional<std::string> value;  // none: removed
  };
  struct Ends;

  Command& SetStandard(int fd, Stdio stdio);
  kioto::Status Check() const;
  kioto::Status OpenFds(Ends& ends) const;
  kioto::Status OpenFd(int to, const Stdio& stdio, Ends& ends) const;
  std::vector<std::string> Environment() const;
  internal::Launch MakeLaunch(const Ends& ends) const;

  std::string program_;
  std::vector<std::string> args_;
  std::optional<std::string> arg0_;
  bool clear_environment_ = false;
  std::vector<Variable> variables_;  // the later one wins
  std::string directory_;
  std::optional<Stdio> standard_[3];
  std::vector<std::pair<int, Stdio>> extra_;
  std::optional<uid_t> uid_;
  std::optional<gid_t> gid_;
  std::optional<std::vector<gid_t>> groups_;
  std::optional<pid_t> process_group_;
  bool new_session_ = false;
  bool inherit_signal_mask_ = false;
  bool kill_on_drop_ = false;
};

// Output: StatusOr<ExitStatus>.
class [[nodiscard]] StatusFuture : public FutureBase<StatusFuture, StatusOr<ExitStatus>> {
 public:
  static constexpr bool kLosesData = true;

  explicit StatusFuture(Command command) : command_(std::move(command)) {}
  Poll<StatusOr<ExitStatus>> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const;

 private:
  Command command_;
  std::optional<Child> child_;
};

// Output: StatusOr<ProcessOutput>.
class [[nodiscard]] CommandOutputFuture : public FutureBase<CommandOutputFuture, StatusOr<ProcessOutput>> {
 public:
  static constexpr bool kLosesData = true;

  CommandOutputFuture(Command command, size_t limit) : command_(std::move(command)), limit_(limit) {}
  Poll<StatusOr<ProcessOutput>> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const;

 private:
  Command command_;
  size_t limit_;
  std::optional<OutputFuture> output_;
};

}  // namespace kioto::process

#endif  // KIOTO_RUNTIME_PROCESS_COMMAND_H_
