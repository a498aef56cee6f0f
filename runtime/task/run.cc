// What follows from the transitions of a task: polling, completion, cancellation.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/log.h"
#include "kioto/runtime/task/scheduler.h"

namespace kioto::internal {
namespace {

TaskMeta MetaOf(const TaskHeader* task) { return {task->id, task->name(), task->place_file(), task->line}; }

std::string Who(uint64_t id, const char* name) {
  return name[0] == 0 ? absl::StrCat("task ", id) : absl::StrCat("task ", id, " \"", name, "\"");
}

void LogUnhandled(const UnhandledFailure& failure) {
  base::LogFailure(absl::StrCat(Who(failure.task_id, failure.name), ", which nobody joins, has failed: ", failure.status.ToString(absl::StatusToStringMode::kWithNoExtraData)),
                   base::SourceLocation::Current(failure.file, failure.line));
}

// To the hook of `to`, or, without one, to the log.
void ReportUnhandled(TaskHeader* task, const Scheduler* to) {
  const Status* status = task->table()->failure(task);
  if (status == nullptr || kioto::IsAborted(*status) || IsShutdown(*status) || IsStopped(*status)) return;
  const UnhandledFailure failure{*status, task->name(), task->place_file(), task->line, task->id};
  if (to != nullptr && to->on_unhandled != nullptr) {
    (*to->on_unhandled)(failure);
  } else {
    LogUnhandled(failure);
  }
  if (to != nullptr && to->ends_unhandled != nullptr && to->Owns(task->scheduler)) to->ends_unhandled->EndUnhandled(failure);
}

// Whom a task's life is told to, and what is kept of it, if that was asked for: apart, so that others pay a test for it alone.
[[gnu::noinline, gnu::cold]] void TellSpawned(TaskHeader* task) {
  const Scheduler* scheduler = task->scheduler;
  if (scheduler->trace != nullptr) scheduler->trace->TaskSpawned(TraceOf(task));
  if (scheduler->hooks != nullptr) scheduler->hooks->spawned.CallIfSet(MetaOf(task));
}
[[gnu::noinline, gnu::cold]] void TellTerminated(TaskHeader* task) {
  task->scheduler->hooks->terminated.CallIfSet(MetaOf(task));
}
[[gnu::noinline, gnu::cold]] void KeepDetails(TaskHeader* task, std::string&& name) {
  task->details = new TaskDetails(std::move(name), task->file, base::MonotonicNanos());
  task->detailed = true;
}

// The future is destroyed, the output stored, and the task still ours.
void Finish(TaskHeader* task) {
  if (task->scheduler->hooks != nullptr) TellTerminated(task);
  task->scheduler->owned.Unlink(task);
  if (task->Complete(/*output_dropped=*/false) == TaskState::ToComplete::kDone) return;
  ReportUnhandled(task, task->scheduler);
  DropTaskOutput(task);
  (void)task->Complete(/*output_dropped=*/true);
}

// Apart, so that RunTask, which every poll goes through, has no Status on its stack.
[[gnu::noinline, gnu::cold]] RunResult EndAborted(TaskHeader* task) {
  CancelTask(task, AbortedError(absl::StrCat(Who(task->id, task->name()), " was aborted")));
  return RunResult::kGone;
}

void TraceEnded(TraceSink* sink, TaskHeader* task, TraceEnd end) {
  if (sink == nullptr) sink = task->scheduler->trace.get();
  if (sink != nullptr) sink->TaskEnded(TraceOf(task), end);
}

// A poll between two words to the sink. kPending's comes before the task may be polled elsewhere.
bool TracedPoll(TaskHeader* task, Context& cx, TraceSink* sink) {
  const uint64_t id = task->id;
  sink->PollBegin(TraceOf(task));
  const bool ready = task->table()->poll(task, cx);
  sink->PollEnd(id, ready ? TracePoll::kReady : cx.scope().yielded ? TracePoll::kYielded : TracePoll::kPending);
  return ready;
}

template <bool kTraced>
RunResult Run(TaskHeader* task, ThreadContext& thread) {
  if (task->StartPoll() == TaskState::ToPoll::kCancel) return EndAborted(task);
  if (task->detailed) task->details->CountPoll();
  BorrowedWaker waker(task);
  PollScope scope;
  scope.random = &thread.random;
  scope.spare = &task->spare();
  Context cx(waker.get(), scope);
  thread.task = task;
  const bool ready = kTraced ? TracedPoll(task, cx, thread.trace) : task->table()->poll(task, cx);
  thread.task = nullptr;
  if (ready) {
    if (kTraced) TraceEnded(thread.trace, task, TraceEnd::kReady);
    Finish(task);
    return RunResult::kGone;
  }
  if (scope.yielded) {
    if (scope.budget == PollScope::kRefused && thread.scheduler != nullptr) thread.scheduler->OnForcedYield();
    return RunResult::kYielded;
  }
  switch (task->Suspend()) {
    case TaskState::ToIdle::kIdle:
      return RunResult::kGone;
    case TaskState::ToIdle::kRequeue:
      if (kTraced) thread.trace->TaskWoken(TraceOf(task));
      return RunResult::kWoken;
    case TaskState::ToIdle::kCancel:
      return EndAborted(task);
  }
  return RunResult::kGone;
}

}  // namespace

#if KIOTO_EXCEPTIONS
Status TaskThrew(const TaskHeader* task, std::exception_ptr exception) {
  return WithTaskId(ThrownError(absl::StrCat("the future of ", Who(task->id, task->name()), " threw"), std::move(exception)), task->id);
}
#endif

RunResult RunTask(TaskHeader* task, ThreadContext& thread) {
  return thread.trace == nullptr ? Run<false>(task, thread) : Run<true>(task, thread);
}

TraceTask TraceOf(const TaskHeader* task) { return {task->id, task->name(), task->place_file(), task->line}; }

RunResult RunTaskWithHooks(TaskHeader* task, ThreadContext& thread, std::optional<std::chrono::nanoseconds> latency) {
  const TaskHooks& hooks = *task->scheduler->hooks;
  const std::string name = task->name();  // afterwards the task may be gone
  const TaskMeta meta = {task->id, name.c_str(), task->place_file(), task->line, latency};
  hooks.poll_begins.CallIfSet(meta);
  const RunResult result = RunTask(task, thread);
  hooks.poll_ends.CallIfSet(meta);
  return result;
}

void CancelTask(TaskHeader* task, const Status& reason) {
  ThreadContext& thread = CurrentThread();
  TaskHeader* outer = std::exchange(thread.task, task);  // the future's destructor knows whose it is
  task->table()->cancel(task, WithTaskId(reason, task->id));
  thread.task = outer;
  TraceEnded(thread.trace, task, TraceEnd::kCancelled);
  Finish(task);
}

void DropTaskOutput(TaskHeader* task) {
  ThreadContext& thread = CurrentThread();
  TaskHeader* outer = std::exchange(thread.task, task);
  task->table()->drop_output(task);
  thread.task = outer;
}

void DropUnreadOutput(TaskHeader* task) {
  ReportUnhandled(task, CurrentThread().scheduler);  // not the task's own, which may be gone
  DropTaskOutput(task);
}

namespace {

// Apart, so that a wake that nobody traces needs no frame.
[[gnu::noinline, gnu::cold]] void EnqueueTraced(TaskHeader* task) {
  Scheduler* scheduler = task->scheduler;
  scheduler->trace->TaskWoken(TraceOf(task));
  scheduler->Enqueue(task);
}

// The right to poll is the caller's: so the task is live, and its scheduler too.
inline void EnqueueWoken(TaskHeader* task) {
  Scheduler* scheduler = task->scheduler;
  if (scheduler->trace != nullptr) return EnqueueTraced(task);
  scheduler->Enqueue(task);
}

}  // namespace

void WakeTask(WakeTarget* target) {
  TaskHeader* task = static_cast<TaskHeader*>(target);
  if (task->Wake() == TaskState::ToWoken::kEnqueue) EnqueueWoken(task);
}

void WakeTaskLast(WakeTarget* target) {
  TaskHeader* task = static_cast<TaskHeader*>(target);
  if (task->WakeLast() == TaskState::ToWoken::kEnqueue) EnqueueWoken(task);
}

void AbortTask(TaskHeader* task) {
  if (task->Abort() == TaskState::ToWoken::kEnqueue) EnqueueWoken(task);
}

void StartTask(TaskHeader* task) {
  Scheduler* scheduler = task->scheduler;
  if (scheduler->fork_mark.inherited() || !scheduler->owned.Link(task, scheduler->ShardForThisThread())) {
    task->table()->cancel(task, WithTaskId(scheduler->Refusal(), task->id));
    if (task->Complete(/*output_dropped=*/false) == TaskState::ToComplete::kDropOutput) {
      DropTaskOutput(task);
      (void)task->Complete(/*output_dropped=*/true);
    }
    return;
  }
  if (scheduler->trace != nullptr || scheduler->hooks != nullptr) TellSpawned(task);
  scheduler->EnqueueNew(task);
}

void NameTask(TaskHeader* task, std::string&& name) {
  const Scheduler* scheduler = task->scheduler;
  if (!name.empty() || scheduler->keeps_details || scheduler->measures_latency) KeepDetails(task, std::move(name));
}

std::string DescribeTask(uint64_t id, const char* name, const char* file, int line) {
  return absl::StrCat(Who(id, name), ", spawned at ", file, ":", line);
}

uint64_t NextTaskId() {
  static constexpr uint64_t kBatch = 1024;
  static base::Atomic<uint64_t> next_batch{1};
  static thread_local uint64_t next = 0;
  static thread_local uint64_t left = 0;
  if (left == 0) {
    next = next_batch.fetch_add(kBatch, std::memory_order_relaxed);  // relaxed: only uniqueness is asked
    left = kBatch;
  }
  --left;
  return next++;
}

uint64_t NextRuntimeId() {
  static base::Atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);  // relaxed: only uniqueness is asked
}

}  // namespace kioto::internal
