#include "kioto/runtime/process/command.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/io/owned_fd.h"
#include "kioto/runtime/process/launch.h"
#include "kioto/runtime/process/orphans.h"

extern "C" char** environ;  // not every <unistd.h> declares it

namespace kioto::process {
namespace {

namespace sys = base::sys;

constexpr char kWhat[] = "process::Command::Spawn";
constexpr char kDefaultPath[] = "/bin:/usr/bin";

kioto::Status Invalid(absl::string_view sentence) {
  return absl::InvalidArgumentError(absl::StrCat(kWhat, ": ", sentence));
}

bool HasZeroByte(absl::string_view text) { return text.find('\0') != absl::string_view::npos; }

// Where to look for a program without a slash: never empty.
std::string PathOf(const std::vector<std::string>& environment) {
  absl::string_view path = kDefaultPath;
  for (absl::string_view variable : environment) {
    if (absl::ConsumePrefix(&variable, "PATH=")) path = variable;
  }
  return std::string(path.empty() ? "." : path);  // an empty directory is the child's own
}

std::vector<std::string> Candidates(const std::string& program, absl::string_view path) {
  if (path.empty()) return {program};
  std::vector<std::string> candidates;
  for (absl::string_view directory : absl::StrSplit(path, ':')) {
    candidates.push_back(directory.empty() ? program : absl::StrCat(directory, "/", program));
  }
  return candidates;
}

}  // namespace

// What the fds of one spawn are made of.
struct Command::Ends {
  std::vector<internal::FdMove> moves;
  std::vector<OwnedFd> ours;    // closed after the spawn
  // The program's ends.
  std::optional<ChildStdin> input;
  std::optional<ChildStdout> output, errors;
};

Command& Command::Arg(std::string arg) {
  args_.push_back(std::move(arg));
  return *this;
}

Command& Command::Args(std::vector<std::string> args) {
  for (std::string& arg : args) args_.push_back(std::move(arg));
  return *this;
}

Command& Command::Arg0(std::string arg0) {
  arg0_ = std::move(arg0);
  return *this;
}

Command& Command::Env(std::string key, std::string value) {
  variables_.push_back({std::move(key), std::move(value)});
  return *this;
}

Command& Command::Envs(const std::vector<std::pair<std::string, std::string>>& variables) {
  for (const auto& variable : variables) Env(variable.first, variable.second);
  return *this;
}

Command& Command::EnvRemove(std::string key) {
  variables_.push_back({std::move(key), std::nullopt});
  return *this;
}

Command& Command::EnvClear() {
  variables_.clear();
  clear_environment_ = true;
  return *this;
}

Command& Command::CurrentDir(std::string directory) {
  directory_ = std::move(directory);
  return *this;
}

Command& Command::SetStandard(int fd, Stdio stdio) {
  standard_[fd] = std::move(stdio);
  return *this;
}

Command& Command::ExtraFd(int fd, Stdio stdio) {
  extra_.emplace_back(fd, std::move(stdio));
  return *this;
}

Command& Command::Uid(uid_t uid) {
  uid_ = uid;
  return *this;
}

Command& Command::Gid(gid_t gid) {
  gid_ = gid;
  return *this;
}

Command& Command::Groups(std::vector<gid_t> groups) {
  groups_ = std::move(groups);
  return *this;
}

Command& Command::ProcessGroup(pid_t group) {
  process_group_ = group;
  return *this;
}

Command& Command::NewSession() {
  new_session_ = true;
  return *this;
}

Command& Command::InheritSignalMask() {
  inherit_signal_mask_ = true;
  return *this;
}

Command& Command::KillOnDrop(bool kill) {
  kill_on_drop_ = kill;
  return *this;
}

kioto::Status Command::Check() const {
  bool zero = HasZeroByte(program_) || HasZeroByte(directory_) || (arg0_ && HasZeroByte(*arg0_));
  for (const std::string& arg : args_) zero = zero || HasZeroByte(arg);
  for (const Variable& variable : variables_) {
    zero = zero || HasZeroByte(variable.key) || (variable.value && HasZeroByte(*variable.value));
    if (variable.key.empty() || absl::StrContains(variable.key, '=')) {
      return Invalid(absl::StrCat("'", variable.key, "' can not be the name of a variable of the environment"));
    }
  }
  if (zero) return Invalid("a string has a zero byte, where the kernel would think that it ends");
  if (new_session_ && process_group_) return Invalid("NewSession makes a process group too: leave ProcessGroup out");
  for (const auto& [fd, stdio] : extra_) {
    if (fd <= 2) return Invalid("ExtraFd is for fds above 2: use Stdin, Stdout, Stderr");
    // Room above all of them is needed, to move fds out of each other's way.
    const auto most = ::sysconf(_SC_OPEN_MAX);  // -1: no limit
    if (fd >= (most > 0 ? most : INT_MAX) - 1) return Invalid(absl::StrCat("ExtraFd ", fd, " is as high as the limit of open files, or higher"));
    if (stdio.kind_ == Stdio::Kind::kPiped) return Invalid("an ExtraFd can not be piped: make a pipe and give its end");
  }
  return OkStatus();
}

kioto::Status Command::OpenFd(int to, const Stdio& stdio, Ends& ends) const {
  switch (stdio.kind_) {
    case Stdio::Kind::kInherit:
      if (to > 2) ends.moves.push_back({to, to});
      return OkStatus();
    case Stdio::Kind::kFd:
      ends.moves.push_back({stdio.fd_, to});
      return OkStatus();
    case Stdio::Kind::kNull: {
      const int fd = sys::Open("/dev/null", O_RDWR, 0);
      if (fd < 0) return ErrnoStatus(fd, absl::StrCat(kWhat, ": opening /dev/null"));
      ends.ours.emplace_back(fd);
      ends.moves.push_back({fd, to});
      return OkStatus();
    }
    case Stdio::Kind::kPiped:
      break;
  }
  StatusOr<io::UnixPipeEnds> pipe = io::UnixPipe();
  if (!pipe.ok()) return pipe.status();
  // Programs do not expect -EAGAIN of their standard fds. The two ends have flags of their own.
  StatusOr<int> theirs = to == 0 ? std::move(pipe->receiver).IntoBlockingFd() : std::move(pipe->sender).IntoBlockingFd();
  if (!theirs.ok()) return theirs.status();
  ends.ours.emplace_back(*theirs);
  ends.moves.push_back({*theirs, to});
  if (to == 0) {
    ends.input = std::move(pipe->sender);
  } else {
    (to == 1 ? ends.output : ends.errors) = std::move(pipe->receiver);
  }
  return OkStatus();
}

kioto::Status Command::OpenFds(Ends& ends) const {
  for (int fd = 0; fd < 3; ++fd) {
    if (!standard_[fd]) continue;
    kioto::Status status = OpenFd(fd, *standard_[fd], ends);
    if (!status.ok()) return status;
  }
  for (const auto& [fd, stdio] : extra_) {
    kioto::Status status = OpenFd(fd, stdio, ends);
    if (!status.ok()) return status;
  }
  return OkStatus();
}

std::vector<std::string> Command::Environment() const {
  std::vector<std::string> all;
  if (!clear_environment_) {
    for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) all.emplace_back(*variable);
  }
  for (const Variable& variable : variables_) {
    const std::string prefix = absl::StrCat(variable.key, "=");
    all.erase(std::remove_if(all.begin(), all.end(), [&](const std::string& one) { return absl::StartsWith(one, prefix); }),
              all.end());
    if (variable.value) all.push_back(prefix + *variable.value);
  }
  return all;
}

internal::Launch Command::MakeLaunch(const Ends& ends) const {
  internal::Launch launch;
  launch.environment = Environment();
  launch.program = program_;
  if (!program_.empty() && !absl::StrContains(program_, '/')) launch.path = PathOf(launch.environment);
  launch.programs = Candidates(program_, launch.path);
  launch.args.push_back(arg0_ ? *arg0_ : program_);
  launch.args.insert(launch.args.end(), args_.begin(), args_.end());
  launch.directory = directory_;
  launch.fds = ends.moves;
  launch.uid = uid_;
  launch.gid = gid_;
  launch.groups = groups_;
  launch.process_group = process_group_;
  launch.new_session = new_session_;
  launch.inherit_signal_mask = inherit_signal_mask_;
  return launch;
}

StatusOr<Child> Command::Spawn() const {
  kioto::internal::DriverSet* drivers = kioto::internal::CurrentThread().drivers;
  if (drivers == nullptr || drivers->PickReactor() == nullptr) return kioto::internal::IoUnavailable(kWhat);
  kioto::Status status = Check();
  if (!status.ok()) return status;
  internal::OrphanList::OfProcess().Drain();
  Ends ends;
  status = OpenFds(ends);
  if (!status.ok()) return status;
  StatusOr<pid_t> pid = internal::StartProcess(MakeLaunch(ends));
  if (!pid.ok()) return pid.status();
  Child child(*pid, program_, new_session_ || process_group_ == pid_t{0}, kill_on_drop_);
  child.stdin_ = std::move(ends.input);
  child.stdout_ = std::move(ends.output);
  child.stderr_ = std::move(ends.errors);
  return child;
}

StatusFuture Command::Status() const { return StatusFuture(*this); }

CommandOutputFuture Command::Output(size_t limit) const { return CommandOutputFuture(*this, limit); }

Poll<StatusOr<ExitStatus>> StatusFuture::PollOnce(Context& cx) {
  if (!child_) {
    StatusOr<Child> child = command_.Spawn();
    if (!child.ok()) return child.status();
    child_.emplace(*std::move(child));
    (void)child_->TakeStdout();
    (void)child_->TakeStderr();  // stdin goes with the first poll of the wait
  }
  return child_->PollWait(cx);
}

void StatusFuture::Describe(WaitTrace& trace) const {
  if (child_) {
    trace.Node("Status", *child_);
  } else {
    trace.Leaf("Status");
  }
}

Poll<StatusOr<ProcessOutput>> CommandOutputFuture::PollOnce(Context& cx) {
  if (!output_) {
    StatusOr<Child> child = command_.Stdout(Stdio::Piped()).Stderr(Stdio::Piped()).Spawn();
    if (!child.ok()) return child.status();
    output_.emplace(*std::move(child), limit_);
  }
  return output_->PollOnce(cx);
}

void CommandOutputFuture::Describe(WaitTrace& trace) const {
  if (output_) {
    trace.Node("Output", *output_);
  } else {
    trace.Leaf("Output");
  }
}

}  // namespace kioto::process
