#include "kioto/runtime/scheduler/runtime.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/cpus.h"
#include "kioto/runtime/scheduler/current_thread.h"

namespace kioto {
namespace internal {
namespace {

int64_t DeadlineAfter(std::chrono::nanoseconds at_most) {
  const int64_t now = base::MonotonicNanos();
  return at_most.count() > kNever - now ? kNever : now + at_most.count();
}

// Not inside a task, nor in a blocking job or a BlockInPlace of this runtime: the wait might be for itself.
bool MayWaitHere(const RuntimeCore& core) {
  const TaskHeader* task = CurrentThread().task;
  if (task != nullptr && (task->scheduler == core.blocking.get() || task->scheduler == &core)) return false;
  return base::thread_may_block;
}

}  // namespace

int ExitCode(const Status& status) {
  if (status.ok()) return 0;
  // For people: without the payloads. (An errno's name is in the message.)
  std::fprintf(stderr, "%s\n", status.ToString(absl::StatusToStringMode::kWithNoExtraData).c_str());
  return 1;
}

}  // namespace internal

StatusOr<Handle> Handle::Current() {
  auto* core = static_cast<internal::RuntimeCore*>(internal::CurrentThread().scheduler);
  if (core == nullptr) return OutsideRuntimeError("Handle::Current");
  return Handle(core->shared_from_this());
}

StatusOr<Runtime> Runtime::CurrentThread() { return RuntimeBuilder::CurrentThread().Build(); }

Runtime& Runtime::operator=(Runtime&& other) noexcept {
  if (this != &other) {
    End();
    core_ = std::move(other.core_);
  }
  return *this;
}

Runtime::~Runtime() { End(); }

void Runtime::End() {
  if (core_ == nullptr) return;
  if (core_->fork_mark.inherited()) return std::exchange(core_, nullptr)->KeepForEver();
  // Who called Shutdown knows what was left, and has waited for it as long as he wanted to.
  const bool wait = internal::MayWaitHere(*core_) && !core_->ended_by_caller() && !core_->EndsElsewhere();
  core_->Shutdown(wait ? internal::kNever : 0);
  core_ = nullptr;
}

ShutdownReport Runtime::Shutdown(std::chrono::nanoseconds at_most) {
  if (core_->fork_mark.inherited()) {
    ShutdownReport report;
    report.stuck.emplace_back(InheritedError("Shutdown").message());
    return report;
  }
  if (!internal::MayWaitHere(*core_)) return core_->Shutdown(0);  // a task's: the destructor is yet to wait
  core_->NoteEndedByCaller();
  return core_->Shutdown(internal::DeadlineAfter(at_most));
}

void Runtime::ShutdownBackground() {
  if (core_->fork_mark.inherited()) return;
  core_->NoteEndedByCaller();
  core_->Shutdown(0);
}

Status Runtime::Detach(void (*done)(void*), void* arg) {
  return core_->fork_mark.inherited() ? InheritedError("Detach") : core_->Detach(done, arg);
}

// --- RuntimeBuilder ----------------------------------------------------------------------------------------------------

RuntimeBuilder& RuntimeBuilder::WorkerThreads(int threads) {
  options_.workers = threads;
  if (threads < 1) options_.workers = -1;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::ThreadName(std::string name) {
  options_.thread_name = std::move(name);
  return *this;
}
RuntimeBuilder& RuntimeBuilder::ThreadName(Hook<std::string(int)> name) {
  options_.name_thread = std::move(name);
  return *this;
}
RuntimeBuilder& RuntimeBuilder::Name(std::string name) {
  options_.name = std::move(name);
  return *this;
}
RuntimeBuilder& RuntimeBuilder::PinWorkers(std::vector<int> cpus) {
  options_.cpus = std::move(cpus);
  options_.pin = true;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::ThreadStackSize(size_t bytes) {
  options_.stack_size = bytes;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::WithoutIo() {
  options_.io = false;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::WithoutTime() {
  options_.time = false;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::StartPaused() {
  options_.start_paused = true;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::WithoutLifoSlot() {
  options_.lifo_slot = false;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::WithoutMonitor() {
  options_.monitor = false;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::TaskDetails() {
  options_.task_details = true;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::GlobalQueueInterval(uint32_t polls) {
  options_.global_queue_interval = polls;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::EventInterval(uint32_t polls) {
  options_.event_interval = polls;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::Seed(uint64_t seed) {
  options_.seed = seed;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::ShuffleReadyTasks() {
  options_.shuffle = true;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::MaxBlockingThreads(int threads) {
  options_.max_blocking_threads = threads;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::BlockingQueue(size_t jobs) {
  options_.blocking_queue = jobs;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::BlockingKeepAlive(std::chrono::nanoseconds idle) {
  options_.blocking_keep_alive_ns = idle.count();
  return *this;
}
RuntimeBuilder& RuntimeBuilder::BlockingThreadName(std::string name) {
  options_.blocking_thread_name = std::move(name);
  return *this;
}
RuntimeBuilder& RuntimeBuilder::MeasurePollTimes(uint32_t every) {
  options_.metrics.poll_time_every = std::max(every, uint32_t{1});
  return *this;
}
RuntimeBuilder& RuntimeBuilder::PollTimeScale(StatusOr<HistogramScale> scale) {
  if (!scale.ok()) {
    bad_scale_ = scale.status();
  } else {
    options_.metrics.poll_time_scale = *scale;
  }
  return *this;
}
RuntimeBuilder& RuntimeBuilder::MeasureScheduleLatency() {
  options_.metrics.schedule_latency = true;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::ScheduleLatencyScale(StatusOr<HistogramScale> scale) {
  if (!scale.ok()) {
    bad_scale_ = scale.status();
  } else {
    options_.metrics.schedule_latency_scale = *scale;
  }
  return *this;
}
RuntimeBuilder& RuntimeBuilder::OnUnhandled(Hook<void(const UnhandledFailure&)> hook) {
  options_.on_unhandled = std::move(hook);
  return *this;
}

RuntimeBuilder& RuntimeBuilder::Trace(std::shared_ptr<TraceSink> sink) {
  options_.trace = std::move(sink);
  return *this;
}
RuntimeBuilder& RuntimeBuilder::OnStall(Hook<void(const StallReport&)> hook) {
  options_.on_stall = std::move(hook);
  return *this;
}

RuntimeBuilder& RuntimeBuilder::ShutDownOnUnhandled() {
  options_.shut_down_on_unhandled = true;
  return *this;
}
RuntimeBuilder& RuntimeBuilder::OnThreadStart(Hook<void()> hook) {
  options_.thread_hooks.started = std::move(hook);
  return *this;
}
RuntimeBuilder& RuntimeBuilder::OnThreadStop(Hook<void()> hook) {
  options_.thread_hooks.stops = std::move(hook);
  return *this;
}
RuntimeBuilder& RuntimeBuilder::OnThreadPark(Hook<void()> hook) {
  options_.thread_hooks.parks = std::move(hook);
  return *this;
}
RuntimeBuilder& RuntimeBuilder::OnThreadUnpark(Hook<void()> hook) {
  options_.thread_hooks.unparked = std::move(hook);
  return *this;
}
RuntimeBuilder& RuntimeBuilder::OnTaskSpawn(Hook<void(const TaskMeta&)> hook) {
  options_.task_hooks.spawned = std::move(hook);
  return *this;
}
RuntimeBuilder& RuntimeBuilder::OnTaskTerminate(Hook<void(const TaskMeta&)> hook) {
  options_.task_hooks.terminated = std::move(hook);
  return *this;
}
RuntimeBuilder& RuntimeBuilder::OnPollStart(Hook<void(const TaskMeta&)> hook) {
  options_.task_hooks.poll_begins = std::move(hook);
  return *this;
}
RuntimeBuilder& RuntimeBuilder::OnPollStop(Hook<void(const TaskMeta&)> hook) {
  options_.task_hooks.poll_ends = std::move(hook);
  return *this;
}

// The processors of PinWorkers.
Status RuntimeBuilder::CheckCpus() {
  if (!options_.pin) return OkStatus();
  if (make_multi_thread_ == nullptr) {
    return absl::InvalidArgumentError("RuntimeBuilder::PinWorkers needs a multi-thread runtime: a current-thread one runs on "
                                      "its caller's thread, which you may pin yourself");
  }
  if (options_.cpus.empty()) return absl::InvalidArgumentError("RuntimeBuilder::PinWorkers needs at least one processor");
  const std::vector<int> usable = base::UsableCpus();
  for (int cpu : options_.cpus) {
    if (usable.empty() || std::find(usable.begin(), usable.end(), cpu) != usable.end()) continue;
    return absl::InvalidArgumentError(absl::StrCat("RuntimeBuilder::PinWorkers: this process may not use a processor ", cpu));
  }
  return OkStatus();
}

Status RuntimeBuilder::Check() {
  if (!bad_scale_.ok()) return bad_scale_;
  if (options_.name && absl::StripAsciiWhitespace(*options_.name).empty()) {
    return absl::InvalidArgumentError("RuntimeBuilder::Name must not be blank; leave it out for a runtime without a name");
  }
  if (Status status = CheckCpus(); !status.ok()) return status;
  if (options_.event_interval == 0u) return absl::InvalidArgumentError("RuntimeBuilder::EventInterval must be at least 1");
  if (options_.global_queue_interval == 0u) {
    return absl::InvalidArgumentError("RuntimeBuilder::GlobalQueueInterval must be at least 1");
  }
  if (options_.max_blocking_threads < 1) {
    return absl::InvalidArgumentError("RuntimeBuilder::MaxBlockingThreads must be at least 1");
  }
  if (options_.start_paused && make_multi_thread_ != nullptr) {
    return absl::InvalidArgumentError("RuntimeBuilder::StartPaused needs a current-thread runtime: several threads can not "
                                      "agree on when there is nothing else to do");
  }
  if (options_.shuffle && make_multi_thread_ != nullptr) {
    return absl::InvalidArgumentError("RuntimeBuilder::ShuffleReadyTasks needs a current-thread runtime: with several threads "
                                      "no seed repeats an order");
  }
  if (make_multi_thread_ == nullptr) return OkStatus();
  if (options_.workers < 0 || options_.workers > limits::kMaxWorkers) {
    return absl::InvalidArgumentError(
        absl::StrCat("RuntimeBuilder::WorkerThreads must be from 1 to ", limits::kMaxWorkers));
  }
  if (options_.workers == 0) {
    StatusOr<int> workers = base::DefaultWorkerThreads();
    if (!workers.ok()) return workers.status();
    options_.workers = *workers;
  }
  return OkStatus();
}

StatusOr<Runtime> RuntimeBuilder::Build() {
  if (Status status = Check(); !status.ok()) return status;
  std::shared_ptr<internal::RuntimeCore> core;
  if (make_multi_thread_ != nullptr) {
    auto made = make_multi_thread_(options_);
    if (!made.ok()) return made.status();
    core = *std::move(made);
  } else {
    auto made = internal::CurrentThreadCore::Make(options_);
    if (!made.ok()) return made.status();
    core = *std::move(made);
    core->AddBlockingPool(options_);
  }
  return Runtime(std::move(core));
}

}  // namespace kioto
