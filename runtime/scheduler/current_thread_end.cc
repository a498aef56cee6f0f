// How a current-thread runtime ends: detached from its host's loop, or shut down. Its races: current_thread.h.
#include <utility>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/scheduler/current_thread.h"
#include "kioto/runtime/scheduler/end_of_jobs.h"

namespace kioto::internal {

Status CurrentThreadCore::Detach(void (*done)(void*), void* arg) {
  if (attached_ == nullptr) return absl::FailedPreconditionError("Detach: this runtime is not attached to a loop");
  if (!BeginShutdown()) return ShutdownError("Detach");
  NoteEndedByCaller();  // before `done`, which may destroy the Runtime
  StartDetach(done, arg);
  return OkStatus();
}

// Once.
void CurrentThreadCore::StartDetach(void (*done)(void*), void* arg) {
  detached_ = done;
  detached_arg_ = arg;
  if (OnLoopThread() && !in_turn_) {
    FinishDetach();
    return;
  }
  // Not here: a task is on the stack, or this is another thread. At the end of this turn, or of the next one.
  self_ = shared_from_this();
  foreign_.EnterUncounted();
  detach_asked_.store(true, std::memory_order_release);  // release: pairs with RunReady's acquire (R5)
  driver_->Unpark();
  foreign_.Leave();
}

void CurrentThreadCore::FinishDetach() {
  EndEverything();
  if (self_ == nullptr) return attached_->Detach(detached_, detached_arg_);
  attached_->Detach(
      [](void* arg) {
        auto* core = static_cast<CurrentThreadCore*>(arg);
        const std::shared_ptr<RuntimeCore> self = std::move(core->self_);
        core->detached_(core->detached_arg_);
      },
      this);
}

// Ends every task on this thread but those that are bound to another one.
void CurrentThreadCore::EndEverything() {
  ContextScope scope(this, &drivers, driver_.get(), this, DrivenHereOnly());
  owned.Close();
  owned.AbortAll([](TaskHeader* task, void* core) { static_cast<CurrentThreadCore*>(core)->Enqueue(task); }, this);
  turn_before_ = nullptr;
  others_ended_ = BoundElsewhere();
  EndTasks(others_ended_ ? owned.local() : 0);
  if (others_ended_) return;
  foreign_.AwaitNone();
  driver_->Shutdown();
  base::MutexLock lock(drive_lock_);
  ended_ = true;
  for (Waiting* waiting : waiting_) waiting->parker.Unpark();  // one of them may be in AwaitEnd
}

// All tasks but for so many that are bound to another thread. Those whose right to poll is on its way here from another
// thread are awaited.
void CurrentThreadCore::EndTasks(size_t but_for) {
  const Status reason = ShutdownError("the task");
  TaskHeader* kept = nullptr;
  while (owned.size() > but_for) {
    TaskHeader* task = PopLocal();
    if (task == nullptr && (task = injector_.Pop(1)) != nullptr) WorkerCounters::Add(fetched_);
    if (task == nullptr) {
      base::YieldThread();
    } else if (but_for > 0 && task->local) {
      task->queue_next = std::exchange(kept, task);
    } else {
      WorkerCounters::Add(ended_here_);
      CancelTask(task, reason);
    }
  }
  while (kept != nullptr) PushLocal(std::exchange(kept, kept->queue_next));
}

// Whether it is the first call.
bool CurrentThreadCore::BeginShutdown() {
  base::MutexLock lock(drive_lock_);
  if (shutting_down()) return false;
  shutting_down_.store(true, std::memory_order_release);  // release: pairs with shutting_down()
  return true;
}

// Whether everything had ended by `deadline_ns`. Ends it here, unless another thread drives: then that one does (R3).
bool CurrentThreadCore::AwaitEnd(int64_t deadline_ns) {
  Waiting waiting;
  for (;;) {
    if (TryStartDriving(&waiting)) {
      StopDriving();
      return HasEnded();
    }
    if (HasEnded() || !waiting.parker.ParkUntil(deadline_ns)) break;
  }
  StopWaiting(&waiting);
  return HasEnded();
}

void CurrentThreadCore::ReportLeft(ShutdownReport& report, bool ended) {
  if (ended) return;
  report.live_tasks = owned.size();
  bool driven;
  {
    base::MutexLock lock(drive_lock_);
    driven = driving_;
  }
  if (!driven) {
    report.stuck.push_back(absl::StrCat(owned.local(), " tasks of SpawnLocal: only the thread that spawned them may end them; "
                                        "call Shutdown there"));
    return;
  }
  report.stuck_workers = 1;
  OwnedTasks::Description task;
  // relaxed: only compared
  if (owned.Find(polled_.load(std::memory_order_relaxed), &task)) {
    report.stuck.push_back(DescribeTask(task.id, task.name.c_str(), task.file, task.line));
  }
}

ShutdownReport CurrentThreadCore::Shutdown(int64_t deadline_ns) {
  ShutdownReport report;
  if (attached_ != nullptr) {
    if (BeginShutdown()) StartDetach([](void*) {}, nullptr);
    if (!OnLoopThread()) ReportLeft(report, AwaitEnd(deadline_ns));
  } else {
    (void)BeginShutdown();
    owned.Close();
    driver_->Unpark();
    ReportLeft(report, AwaitEnd(deadline_ns));
  }
  if (blocking != nullptr) EndBlockingJobs(*blocking, deadline_ns, report);
  return report;
}

}  // namespace kioto::internal
