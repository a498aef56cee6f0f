// Scheduler: what a task knows of its runtime. Its implementations: runtime/scheduler/{current_thread,
// work_stealing} for tasks, runtime/blocking/pool for jobs that block.
#ifndef KIOTO_RUNTIME_TASK_SCHEDULER_H_
#define KIOTO_RUNTIME_TASK_SCHEDULER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/fork_mark.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/task/owned_tasks.h"
#include "kioto/runtime/task/root_future.h"
#include "kioto/runtime/task/task_hooks.h"
#include "kioto/runtime/trace/trace_sink.h"

namespace kioto::internal {

// A poll that is going on. `since_ns`, of the real clock: it was going on then; 0: not known.
struct RunningPoll {
  int worker = -1;
  int64_t since_ns = 0;
};

class Scheduler {
 public:
  // Takes over the right to poll of a task that was woken or aborted. Any thread; the task is live, so the scheduler is.
  virtual void Enqueue(TaskHeader* task) = 0;
  // The same for a task that has just been spawned.
  virtual void EnqueueNew(TaskHeader* task) = 0;
  // The shard of `owned` for a task spawned on this thread.
  virtual int ShardForThisThread() const = 0;
  // Whether a task may be bound to this thread: it drives this runtime and can not lose its core.
  virtual bool CanSpawnLocal() const = 0;
  // A poll on this thread, of this runtime's, ended because its budget was spent.
  virtual void OnForcedYield() {}
  // Whether a thread of the runtime is inside a poll of `task`, which is only compared, or its number is. Any thread; the
  // answer may be old.
  virtual bool FindRunning(const TaskHeader*, RunningPoll*) const { return false; }
  // Why a task is not accepted, for its JoinHandle.
  virtual Status Refusal() const { return fork_mark.inherited() ? InheritedError("Spawn") : ShutdownError("Spawn"); }

  // Of a LocalSet: whether the runtime with this id was the last to drive it; then its memory is kept until EndKeep. Any thread.
  virtual bool KeepIfDrivenBy(uint64_t) { return false; }
  virtual void EndKeep() {}

  OwnedTasks owned;
  const base::ForkMark fork_mark;
  RootFutures roots;  // of the BlockOn calls that are under way
  uint64_t runtime_id = 0;  // Handle::id, LocalSet::id; 0: neither
  const UnhandledHook* on_unhandled = nullptr;  // null: the log
  std::shared_ptr<TraceSink> trace;  // or null; constant once tasks are spawned
  bool keeps_details = false;  // of every task, not only of those with a name
  bool measures_latency = false;  // its tasks have TaskDetails for the time when they were enqueued; fixed at the start
  const TaskHooks* hooks = nullptr;       // null: none
  Scheduler* ends_unhandled = nullptr;    // whom EndUnhandled is told after that; null: nobody

  // A task failed with nobody to join it. On the thread where it ended, before its end is visible.
  virtual void EndUnhandled(const UnhandledFailure&) {}
  // Whether the tasks of `scheduler`, which is only compared, are this one's: a failure of others does not end it.
  virtual bool Owns(const Scheduler* scheduler) const { return scheduler == this; }

 protected:
  explicit Scheduler(int shards) : owned(shards) {}
  ~Scheduler() = default;
};

// Polls `task` once, or cancels it, on the thread that holds its right to poll, and says what is to be done with it.
enum class [[nodiscard]] RunResult {
  kGone,     // finished, or idle: it is no longer ours, nothing of it may be touched
  kYielded,  // still ours: enqueue it behind everything that is ready
  kWoken,    // still ours: it was woken while it ran
};
RunResult RunTask(TaskHeader* task, ThreadContext& thread);
// The same between the hooks of its scheduler, which has some. They are told `latency`.
RunResult RunTaskWithHooks(TaskHeader* task, ThreadContext& thread,
                           std::optional<std::chrono::nanoseconds> latency = std::nullopt);

// Ends a task that the caller has the right to poll, without polling it: the future is destroyed here and now, the
// JoinHandle gets `reason`, with the task's number.
void CancelTask(TaskHeader* task, const Status& reason);
#if KIOTO_EXCEPTIONS
// Why a task ends whose future has thrown.
Status TaskThrew(const TaskHeader* task, std::exception_ptr exception);
#endif

// Destroys the output of a task that has ended, which nobody joins any more; to the output's destructor it is the task's.
void DropTaskOutput(TaskHeader* task);
// The same where its JoinHandle goes without having read it: a failure is reported to the runtime entered on this thread.
void DropUnreadOutput(TaskHeader* task);

// What a task's wakers do, and AbortHandle: enqueue it unless somebody has.
void WakeTask(WakeTarget* target);
void WakeTaskLast(WakeTarget* target);
void AbortTask(TaskHeader* task);

// Makes a new task live and enqueues it; if the runtime is shutting down, cancels it at once. Any thread.
void StartTask(TaskHeader* task);
// Before StartTask.
void NameTask(TaskHeader* task, std::string&& name);
inline void FreeTaskDetails(TaskHeader* task) {
  if (task->detailed) delete task->details;
}

// "task 17 \"name\", spawned at file.cc:42", for reports. `name` is "" if it has none.
std::string DescribeTask(uint64_t id, const char* name, const char* file, int line);

// What a TraceSink is told of a task; valid while it lives.
TraceTask TraceOf(const TaskHeader* task);

// A number that no other task of this process has. Per-thread batches: no shared write per call.
uint64_t NextTaskId();
// A number that no other runtime or LocalSet of this process has. From 1.
uint64_t NextRuntimeId();

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_TASK_SCHEDULER_H_
