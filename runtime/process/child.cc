#include "kioto/runtime/process/child.h"

#include <signal.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/process/orphans.h"

namespace kioto::process {

Child::Child(Child&& other) noexcept
    : program_(std::move(other.program_)),
      watch_(std::exchange(other.watch_, std::nullopt)),
      end_(other.end_),
      leads_group_(other.leads_group_),
      kill_on_drop_(other.kill_on_drop_),
      stdin_(other.TakeStdin()),
      stdout_(other.TakeStdout()),
      stderr_(other.TakeStderr()) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this == &other) return *this;
  Drop();
  program_ = std::move(other.program_);
  watch_ = std::exchange(other.watch_, std::nullopt);
  end_ = other.end_;
  leads_group_ = other.leads_group_;
  kill_on_drop_ = other.kill_on_drop_;
  stdin_ = other.TakeStdin();
  stdout_ = other.TakeStdout();
  stderr_ = other.TakeStderr();
  return *this;
}

Child::~Child() { Drop(); }

void Child::Drop() {
  if (!watch_) return;
  if (kill_on_drop_) (void)watch_->SendSignal(SIGKILL);  // nobody is left to hear of an error
  internal::LeaveToReaper(*std::exchange(watch_, std::nullopt));
}

std::optional<pid_t> Child::id() const { return watch_ ? std::optional<pid_t>(watch_->pid()) : std::nullopt; }

void Child::Ended(StatusOr<ExitStatus> end) {
  end_ = std::move(end);
  watch_.reset();
}

const StatusOr<ExitStatus>& Child::end() const {
  KIOTO_CHECK(end_.has_value(), "a Child was used that was moved from");
  return *end_;
}

Poll<StatusOr<ExitStatus>> Child::PollWait(Context& cx) {
  stdin_.reset();
  if (!watch_) {
    if (!cx.ConsumeBudget()) return kPending;
    return end();
  }
  Poll<StatusOr<ExitStatus>> exit = watch_->PollExit(cx);
  if (exit.ready() && (exit->ok() || internal::IsLost(exit->status()))) Ended(*exit);
  return exit;
}

StatusOr<std::optional<ExitStatus>> Child::TryWait() {
  if (!watch_) {
    if (!end().ok()) return end().status();
    return std::optional<ExitStatus>(*end());
  }
  StatusOr<std::optional<ExitStatus>> exit = watch_->TryExit();
  if (exit.ok() && exit->has_value()) Ended(**exit);
  if (!exit.ok() && internal::IsLost(exit.status())) Ended(exit.status());
  return exit;
}

Status Child::StartKill() {
  if (!watch_) return OkStatus();
  Status status = watch_->SendSignal(SIGKILL);
  if (status.ok()) kill_on_drop_ = false;
  return status;
}

Status Child::SendSignal(int signal) {
  if (!watch_) return ErrnoStatus(ESRCH, absl::StrCat("sending signal ", signal, " to a child process that has ended"));
  return watch_->SendSignal(signal);
}

Status Child::SignalGroup(int signal) {
  if (!leads_group_) {
    return absl::FailedPreconditionError("process::Child::SignalGroup: it leads no group: start it with ProcessGroup(0) or NewSession()");
  }
  if (!watch_) return ErrnoStatus(ESRCH, absl::StrCat("sending signal ", signal, " to the group of a child process that has ended"));
  return watch_->SignalGroup(signal);
}

void Child::Describe(WaitTrace& trace) const {
  trace.Leaf(watch_ ? absl::StrCat("Child process ", watch_->pid()) : std::string("Child process that has ended"));
}

Poll<Status> KillFuture::PollOnce(Context& cx) {
  if (!std::exchange(sent_, true)) {
    Status status = child_->StartKill();
    if (!status.ok()) return status;
  }
  Poll<StatusOr<ExitStatus>> exit = child_->PollWait(cx);
  if (exit.pending()) return kPending;
  return exit->status();
}

Status OutputFuture::PollDrain(Context& cx, Drain& drain) {
  if (!drain.pipe) return OkStatus();
  if (!drain.reading) drain.reading.emplace(*drain.pipe, drain.bytes, limit_);
  Poll<StatusOr<size_t>> read = drain.reading->PollOnce(cx);
  if (read.pending()) return OkStatus();
  drain.reading.reset();
  drain.pipe.reset();
  if (!io::IsLimitExceeded(read->status())) return read->status();
  return io::LimitExceededError(absl::StrCat("process::Command ", child_.program_, ": ", &drain == &out_ ? "stdout" : "stderr"), limit_);
}

Poll<StatusOr<ProcessOutput>> OutputFuture::PollOnce(Context& cx) {
  if (!std::exchange(started_, true)) {
    out_.pipe = child_.TakeStdout();
    err_.pipe = child_.TakeStderr();
  }
  for (Drain* drain : {&out_, &err_}) {
    Status status = PollDrain(cx, *drain);
    if (!status.ok()) return status;
  }
  if (!status_) {
    Poll<StatusOr<ExitStatus>> exit = child_.PollWait(cx);
    if (exit.ready() && !exit->ok()) return exit->status();
    if (exit.ready()) status_ = **exit;
  }
  if (out_.pipe || err_.pipe || !status_) return kPending;
  return StatusOr<ProcessOutput>(ProcessOutput{*status_, std::move(out_.bytes), std::move(err_.bytes)});
}

}  // namespace kioto::process
