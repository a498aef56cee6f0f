#include "kioto/runtime/scheduler/current_thread.h"

#include <algorithm>
#include <utility>

#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/scheduler/root_waker.h"

namespace kioto::internal {

// A thread in BlockOn while another one drives.
struct CurrentThreadCore::Waiting {
  base::Parker parker;
};

CurrentThreadCore::CurrentThreadCore(const RuntimeOptions& options) : RuntimeCore(/*shards=*/2), options_(options) {
  on_unhandled = options.on_unhandled;
  on_unhandled_arg = options.on_unhandled_arg;
  if (options.start_paused) drivers.clock.Pause();
}

void CurrentThreadCore::AddDriver(std::unique_ptr<Driver> driver) {
  driver_ = std::move(driver);
  drivers.drivers.push_back(driver_.get());
}

StatusOr<std::shared_ptr<CurrentThreadCore>> CurrentThreadCore::Make(const RuntimeOptions& options) {
  std::shared_ptr<CurrentThreadCore> core(new CurrentThreadCore(options));
  const DriverOptions driver_options = core->DriverOptionsFor(options);
  auto driver = options.io ? MakeOwnedDriver(driver_options) : MakeParkDriver(driver_options);
  if (!driver.ok()) return driver.status();
  core->AddDriver(*std::move(driver));
  return core;
}

CurrentThreadCore::~CurrentThreadCore() = default;

// --- Queues ----------------------------------------------------------------------------------------------------------

void CurrentThreadCore::PushLocal(TaskHeader* task) {
  task->queue_next = nullptr;
  if (local_head_ == nullptr) {
    local_head_ = task;
  } else {
    local_tail_->queue_next = task;
  }
  local_tail_ = task;
}

TaskHeader* CurrentThreadCore::PopLocal() {
  TaskHeader* task = local_head_;
  if (task != nullptr) local_head_ = task->queue_next;
  return task;
}

void CurrentThreadCore::EnqueueNew(TaskHeader* task) {
  if (task->local) bound_to_ = &kioto::internal::CurrentThread();
  Enqueue(task);
}

void CurrentThreadCore::Enqueue(TaskHeader* task) {
  if (InDrivingThread()) {
    PushLocal(task);
    return;
  }
  foreign_.Enter();
  injector_.Push(task);
  driver_->Unpark();
  foreign_.Leave();
}

TaskHeader* CurrentThreadCore::Next() {
  if (++tick_ % options_.event_interval == 0 || local_head_ == nullptr) {
    for (TaskHeader* task = injector_.Pop(limits::kRunQueueCapacity); task != nullptr;) {
      PushLocal(std::exchange(task, task->queue_next));
    }
  }
  TaskHeader* task = PopLocal();
  if (task != nullptr && task == turn_before_) {  // all that was ready when it yielded has had its turn: so has the driver
    turn_before_ = nullptr;
    driver_->Turn();
  }
  return task;
}

void CurrentThreadCore::Run(TaskHeader* task) {
  switch (RunTask(task, kioto::internal::CurrentThread())) {
    case RunResult::kGone:
      return;
    case RunResult::kYielded:
      if (turn_before_ == nullptr) turn_before_ = task;
      PushLocal(task);
      return;
    case RunResult::kWoken:
      PushLocal(task);
      return;
  }
}

// --- BlockOn -----------------------------------------------------------------------------------------------------------

bool CurrentThreadCore::TryStartDriving(Waiting* waiting) {
  base::MutexLock lock(drive_lock_);
  if (driving_) {
    if (std::find(waiting_.begin(), waiting_.end(), waiting) == waiting_.end()) waiting_.push_back(waiting);
    return false;
  }
  waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), waiting), waiting_.end());
  driving_ = true;
  return true;
}

void CurrentThreadCore::StopDriving() {
  for (;; EndEverything()) {
    base::MutexLock lock(drive_lock_);
    if (shutting_down() && !ended_) continue;  // R3
    driving_ = false;
    if (!waiting_.empty()) waiting_.front()->parker.Unpark();  // it takes itself off the list
    return;
  }
}

// Leaves the line, unless it was left already. If our turn had come, it passes to the next.
void CurrentThreadCore::StopWaiting(Waiting* waiting) {
  base::MutexLock lock(drive_lock_);
  auto place = std::find(waiting_.begin(), waiting_.end(), waiting);
  if (place == waiting_.end()) return;
  waiting_.erase(place);
  if (!driving_ && !waiting_.empty()) waiting_.front()->parker.Unpark();
}

// Whether there are tasks that only another thread may poll. The driving thread.
bool CurrentThreadCore::BoundElsewhere() const {
  return bound_to_ != nullptr && bound_to_ != &kioto::internal::CurrentThread() && owned.any_local();
}

Status CurrentThreadCore::BlockOn(RootFuture& root) {
  ThreadContext& thread = kioto::internal::CurrentThread();
  if (attached_ != nullptr) {
    return absl::FailedPreconditionError(
        "BlockOn: this runtime is attached to a loop, which alone drives it; Spawn the future and let the loop run");
  }
  if (!thread.blocking_allowed || thread.worker != nullptr) {
    return absl::FailedPreconditionError(
        "BlockOn was called inside a task, whose thread it would block; return the future instead");
  }
  if (shutting_down()) return ShutdownError("BlockOn");
  if (AwaitRoot(root)) return OkStatus();
  Status status;
  if (BoundElsewhere()) {
    status = absl::FailedPreconditionError(
        "BlockOn: this runtime has tasks of SpawnLocal, which are bound to the thread that ran it before; call it there");
  } else {
    Drive(root);
  }
  StopDriving();
  return status;
}

// Waits for the right to drive (R2), polling `root` meanwhile. True: it has ended here, and we do not drive.
bool CurrentThreadCore::AwaitRoot(RootFuture& root) {
  Waiting waiting;
  if (TryStartDriving(&waiting)) return false;
  ContextScope scope(this, &drivers, nullptr, nullptr);
  RootWaker waker([](void* arg) { static_cast<Waiting*>(arg)->parker.Unpark(); }, &waiting);
  for (;;) {
    if (PollRoot(root, waker)) break;
    if (TryStartDriving(&waiting)) return false;
    waiting.parker.Park();
  }
  StopWaiting(&waiting);
  return true;
}

void CurrentThreadCore::SeedFromLastTime() {
  if (random_ == 0) {
    SeedThread(options_.seed, 0);
  } else {
    kioto::internal::CurrentThread().random = random_;
  }
}

void CurrentThreadCore::Drive(RootFuture& root) {
  ContextScope scope(this, &drivers, driver_.get(), this);
  SeedFromLastTime();
  RootWaker waker([](void* arg) { static_cast<Driver*>(arg)->Unpark(); }, driver_.get());
  for (;;) {
    if (shutting_down() && !ended_) EndEverything();  // R3
    if (PollRoot(root, waker)) break;
    for (uint32_t ran = 0; ran < options_.event_interval; ++ran) {
      TaskHeader* task = Next();
      if (task == nullptr) break;
      Run(task);
      if (waker.woken()) break;
    }
    if (waker.woken() || HasReady()) {
      driver_->Turn();
    } else {
      driver_->Park(kNever);
    }
  }
  random_ = kioto::internal::CurrentThread().random;
}

// --- Attached ----------------------------------------------------------------------------------------------------------

bool CurrentThreadCore::RunReady(int max_tasks, int64_t max_nanos) {
  {
    ContextScope scope(this, &drivers, driver_.get(), this);
    SeedFromLastTime();
    in_turn_ = true;
    const int64_t start = base::MonotonicNanos();
    for (int ran = 0; ran < max_tasks && !detach_after_turn_; ++ran) {
      TaskHeader* task = Next();
      if (task == nullptr) break;
      Run(task);
      if (base::MonotonicNanos() - start >= max_nanos) break;
    }
    in_turn_ = false;
    random_ = kioto::internal::CurrentThread().random;
  }
  if (detach_after_turn_) FinishDetach();
  return HasReady();
}

bool CurrentThreadCore::KeepAlive() { return owned.size() > 0; }

Status CurrentThreadCore::Detach(void (*done)(void*), void* arg) {
  if (attached_ == nullptr) return absl::FailedPreconditionError("Detach: this runtime is not attached to a loop");
  if (!BeginShutdown()) return ShutdownError("Detach");
  detached_ = done;
  detached_arg_ = arg;
  if (in_turn_) {  // a task is on the stack: it can not be ended here
    detach_after_turn_ = true;
    self_ = shared_from_this();
  } else {
    FinishDetach();
  }
  return OkStatus();
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

// --- The end -----------------------------------------------------------------------------------------------------------

// Ends every task on this thread. Tasks whose right to poll is on its way here from another thread are awaited.
void CurrentThreadCore::EndEverything() {
  ContextScope scope(this, &drivers, driver_.get(), this);
  const Status reason = ShutdownError("the task");
  owned.Close();
  owned.AbortAll([](TaskHeader* task, void* core) { static_cast<CurrentThreadCore*>(core)->PushLocal(task); }, this);
  turn_before_ = nullptr;
  while (owned.size() > 0) {
    TaskHeader* task = PopLocal();
    if (task == nullptr) task = injector_.Pop(1);
    if (task != nullptr) {
      CancelTask(task, reason);
    } else {
      base::YieldThread();
    }
  }
  foreign_.AwaitNone();
  driver_->Shutdown();
  base::MutexLock lock(drive_lock_);
  ended_ = true;
  for (Waiting* waiting : waiting_) waiting->parker.Unpark();  // one of them may be in AwaitEnd
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
      return true;
    }
    {
      base::MutexLock lock(drive_lock_);
      if (ended_) break;
    }
    if (!waiting.parker.ParkUntil(deadline_ns)) break;
  }
  StopWaiting(&waiting);
  base::MutexLock lock(drive_lock_);
  return ended_;
}

ShutdownReport CurrentThreadCore::Shutdown(int64_t deadline_ns) {
  ShutdownReport report;
  if (attached_ != nullptr) {
    (void)Detach([](void*) {}, nullptr);
  } else {
    (void)BeginShutdown();
    owned.Close();
    driver_->Unpark();
    if (!AwaitEnd(deadline_ns)) {
      report.stuck_workers = 1;
      report.live_tasks = owned.size();
    }
  }
  if (blocking != nullptr) report.running_blocking_jobs = blocking->Shutdown(deadline_ns);
  return report;
}

}  // namespace kioto::internal
