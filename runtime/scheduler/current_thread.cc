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
  base::MutexLock lock(drive_lock_);
  driving_ = false;
  if (!waiting_.empty()) waiting_.front()->parker.Unpark();  // it takes itself off the list
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
  bool drive = false;
  if (Status status = AwaitRoot(root, &drive); !status.ok() || !drive) return status;
  Drive(root);
  StopDriving();
  return OkStatus();
}

// Waits for the right to drive (R2), polling `root` meanwhile; it may even end here.
Status CurrentThreadCore::AwaitRoot(RootFuture& root, bool* drive) {
  Waiting waiting;
  *drive = TryStartDriving(&waiting);
  if (*drive) {
    base::MutexLock lock(drive_lock_);
    if (!shut_down_) return OkStatus();
    driving_ = false;
    *drive = false;
    return ShutdownError("BlockOn");
  }
  ContextScope scope(this, &drivers, nullptr, nullptr);
  RootWaker waker([](void* arg) { static_cast<Waiting*>(arg)->parker.Unpark(); }, &waiting);
  bool done = false;
  while (!done && !*drive) {
    if (waker.TakeWoken()) {
      PollScope poll;
      Context cx(waker.waker(), poll);
      done = root.Poll(cx);
      if (done) break;
      if (poll.yielded) waker.waker().Wake();
    }
    *drive = TryStartDriving(&waiting);
    if (!*drive) waiting.parker.Park();
  }
  base::MutexLock lock(drive_lock_);
  auto place = std::find(waiting_.begin(), waiting_.end(), &waiting);
  if (place != waiting_.end()) {
    waiting_.erase(place);
    if (!driving_ && !waiting_.empty()) waiting_.front()->parker.Unpark();  // our turn passes to the next
  }
  return OkStatus();
}

void CurrentThreadCore::Drive(RootFuture& root) {
  ContextScope scope(this, &drivers, driver_.get(), this);
  ThreadContext& thread = kioto::internal::CurrentThread();
  if (random_ == 0) {
    SeedThread(options_.seed, 0);
  } else {
    thread.random = random_;
  }
  RootWaker waker([](void* arg) { static_cast<Driver*>(arg)->Unpark(); }, driver_.get());
  for (;;) {
    if (waker.TakeWoken()) {
      PollScope poll;
      poll.random = &thread.random;
      Context cx(waker.waker(), poll);
      thread.blocking_allowed = false;
      const bool done = root.Poll(cx);
      thread.blocking_allowed = true;
      if (done) break;
      if (poll.yielded) waker.waker().Wake();
    }
    uint32_t ran = 0;
    while (ran < options_.event_interval) {
      TaskHeader* task = Next();
      if (task == nullptr) break;
      Run(task);
      ++ran;
      if (waker.woken()) break;
    }
    if (waker.woken() || HasReady()) {
      driver_->Turn();
    } else {
      driver_->Park(kNever);
    }
  }
  random_ = thread.random;
}

// --- Attached ----------------------------------------------------------------------------------------------------------

bool CurrentThreadCore::RunReady(int max_tasks, int64_t max_nanos) {
  ContextScope scope(this, &drivers, driver_.get(), this);
  if (random_ == 0) SeedThread(options_.seed, 0);
  const int64_t start = base::MonotonicNanos();
  for (int ran = 0; ran < max_tasks; ++ran) {
    TaskHeader* task = Next();
    if (task == nullptr) break;
    Run(task);
    if (base::MonotonicNanos() - start >= max_nanos) break;
  }
  return HasReady();
}

bool CurrentThreadCore::KeepAlive() { return owned.size() > 0; }

Status CurrentThreadCore::Detach(void (*done)(void*), void* arg) {
  if (attached_ == nullptr) return absl::FailedPreconditionError("Detach: this runtime is not attached to a loop");
  {
    base::MutexLock lock(drive_lock_);
    if (std::exchange(shut_down_, true)) return ShutdownError("Detach");
  }
  EndEverything();
  attached_->Detach(done, arg);
  return OkStatus();
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
}

ShutdownReport CurrentThreadCore::Shutdown(int64_t deadline_ns) {
  ShutdownReport report;
  if (attached_ != nullptr) {
    (void)Detach([](void*) {}, nullptr);
  } else {
    Waiting waiting;
    while (!TryStartDriving(&waiting)) {  // somebody's BlockOn must end first
      if (waiting.parker.ParkUntil(deadline_ns)) continue;
      base::MutexLock lock(drive_lock_);
      waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), &waiting), waiting_.end());
      report.stuck_workers = 1;
      report.live_tasks = owned.size();
      return report;
    }
    bool first;
    {
      base::MutexLock lock(drive_lock_);
      first = !std::exchange(shut_down_, true);
    }
    if (first) EndEverything();
    StopDriving();
  }
  if (blocking != nullptr) report.running_blocking_jobs = blocking->Shutdown(deadline_ns);
  return report;
}

}  // namespace kioto::internal
