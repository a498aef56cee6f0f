#include "kioto/runtime/scheduler/work_stealing.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/scheduler/end_of_jobs.h"
#include "kioto/runtime/scheduler/monitor.h"
#include "kioto/runtime/scheduler/root_waker.h"

namespace kioto::internal {

WorkStealingCore::WorkStealingCore(const RuntimeOptions& options, int workers)
    : RuntimeCore(/*shards=*/workers + 1, options), options_(options), idle_(workers) {
  trace = options.trace;
  measures_latency = options.metrics.schedule_latency;
  keeps_details = options.task_details;
}

// Maybe on one of these threads, which was the last to hold the core.
WorkStealingCore::~WorkStealingCore() {
  for (base::Thread& thread : threads_) {
    if (thread.joinable()) thread.Detach();
  }
}

StatusOr<std::shared_ptr<WorkStealingCore>> WorkStealingCore::Make(const RuntimeOptions& options) {
  std::shared_ptr<WorkStealingCore> core(new WorkStealingCore(options, options.workers));
  const DriverOptions driver_options = core->DriverOptionsFor(options);
  for (int i = 0; i < options.workers; ++i) {
    auto driver = options.io ? MakeOwnedDriver(driver_options) : MakeParkDriver(driver_options);
    if (!driver.ok()) return driver.status();
    core->drivers.drivers.push_back(driver->get());
    core->workers_.push_back(std::make_unique<Worker>(core.get(), i, *std::move(driver)));
  }
  core->AddBlockingPool(options);  // before the first worker, whose hooks may use it
  if (Status status = core->Start(); !status.ok()) {
    core->Shutdown(kNever);
    return status;
  }
  return core;
}

Status WorkStealingCore::Start() {
  monitor_ = std::make_unique<Monitor>(this);
  running_ = size();
  Status status = StartThreads();
  for (size_t i = threads_.size(); i < workers_.size(); ++i) WorkerEnds();  // those whose thread was refused
  return status;
}

Status WorkStealingCore::StartThreads() {
  if (options_.monitor) {
    if (Status status = monitor_->Start(); !status.ok()) return status;
  }
  threads_.reserve(size());
  for (int i = 0; i < size(); ++i) {
    const std::string name = NameOfThread(i);  // by the user's function, maybe
    base::MutexLock lock(end_lock_);           // LetGo finds the thread here
    // The thread holds the core: one that is stuck in user code may outlive everybody else.
    auto thread = base::Thread::Start(name,
                                      [core = std::static_pointer_cast<WorkStealingCore>(shared_from_this()), i]() mutable {
                                        RunFirst(std::move(core), i);
                                      },
                                      options_.stack_size);
    if (!thread.ok()) return thread.status();
    threads_.push_back(*std::move(thread));
  }
  return OkStatus();
}

std::string WorkStealingCore::NameOfThread(int worker) const {
  return options_.name_thread ? options_.name_thread(worker) : absl::StrCat(options_.thread_name, "-", worker);
}

// This thread is in the worker's seat. Whether it still is at the end.
bool WorkStealingCore::RunWorker(WorkStealingCore& core, int index) {
  Worker& worker = core.worker(index);
  const std::vector<int>& cpus = core.options_.cpus;
  const base::PinnedThread pinned(cpus.empty() ? base::PinnedThread::kAnywhere : cpus[index % cpus.size()]);
  ContextScope scope(&core, &core.drivers, worker.driver(), &worker, &worker);
  if (CurrentThread().random == 0) SeedThread(core.options_.seed, index);
  const bool seated = worker.Loop();
  if (seated) {
    core.WorkerEnds();
  } else {
    core.BlockedPollEnds();
  }
  return seated;
}

// The body of the thread that a worker begins with. When it has lost its seat, it may do for the blocking pool, which sent
// another thread there.
void WorkStealingCore::RunFirst(std::shared_ptr<WorkStealingCore> core, int index) {
  core->options_.thread_hooks.started.CallIfSet();
  if (!RunWorker(*core, index) && core->blocking->Enlist()) {
    if (core->LetGo(index)) {
      const std::shared_ptr<BlockingPool> pool = std::exchange(core, nullptr)->blocking;
      return pool->RunThread();  // which calls the last hook
    }
    core->blocking->Leave();
  }
  core->options_.thread_hooks.stops.CallIfSet();  // Shutdown joins this thread
}

// --- BlockInPlace --------------------------------------------------------------------------------------------------------

bool WorkStealingCore::CallToSeat(int worker) {
  return blocking->Lend([core = std::static_pointer_cast<WorkStealingCore>(shared_from_this()), worker] {
    if (!core->worker(worker).TakeSeat()) return;
    base::SetCurrentThreadName(core->NameOfThread(worker));
    (void)RunWorker(*core, worker);
  });
}

void WorkStealingCore::PollBlocks(const Worker& worker) {
  base::MutexLock lock(end_lock_);
  blocked_.push_back({&CurrentThread(), &worker, worker.polls(), worker.DescribePoll()});
}

void WorkStealingCore::BlockedPollEnds() {
  base::MutexLock lock(end_lock_);
  blocked_.erase(std::find_if(blocked_.begin(), blocked_.end(),
                              [](const BlockedPoll& blocked) { return blocked.thread == &CurrentThread(); }));
  blocked_ended_.Unpark();
}

// Whether nobody will join the thread that worker `index` began with.
bool WorkStealingCore::LetGo(int index) {
  base::MutexLock lock(end_lock_);
  if (threads_.empty()) return false;  // Shutdown joins it
  threads_[index].Detach();
  return true;
}

// --- Queues ----------------------------------------------------------------------------------------------------------

Worker* WorkStealingCore::WorkerOfThisThread() const {
  const ThreadContext& thread = CurrentThread();
  return thread.scheduler == this ? static_cast<Worker*>(thread.worker) : nullptr;
}

WorkerCounters* WorkStealingCore::CountersHere() {
  Worker* worker = WorkerOfThisThread();
  return worker != nullptr ? &worker->counters() : nullptr;
}

void WorkStealingCore::AddMetricsOf(int worker, WorkerMetrics& metrics) const {
  const RunQueue& queue = workers_[worker]->queue();
  metrics.polls = (workers_[worker]->polls() + 1) / 2;
  metrics.overflows = queue.overflows();
  metrics.local_queue_depth = queue.size() + (queue.slot_empty() ? 0 : 1);
}

int WorkStealingCore::ShardForThisThread() const {
  const Worker* worker = WorkerOfThisThread();
  return worker != nullptr ? worker->index() : size();
}

bool WorkStealingCore::FindRunning(const TaskHeader* task, RunningPoll* poll) const {
  for (const auto& worker : workers_) {
    if (!worker->polling() || worker->polled_task() != task->id) continue;
    *poll = {worker->index(), worker->stuck_since_ns()};
    return true;
  }
  return false;
}

void WorkStealingCore::Enqueue(TaskHeader* task) {
  if (Worker* worker = WorkerOfThisThread()) {
    worker->PushWoken(task);
  } else {
    EnqueueForeign(task);
  }
}

void WorkStealingCore::EnqueueNew(TaskHeader* task) {
  if (Worker* worker = WorkerOfThisThread()) {
    worker->PushNew(task);
  } else {
    EnqueueForeign(task);
  }
}

void WorkStealingCore::EnqueueForeign(TaskHeader* task) {
  foreign_.Enter();
  if (measures_latency) StampSchedule(task);
  injector_.Push(task);
  NotifyOne();
  foreign_.Leave();
}

void WorkStealingCore::NotifyOne() {
  bool wake_monitor = false;
  const int worker = idle_.WorkerToNotify(&wake_monitor);
  if (worker >= 0) workers_[worker]->driver()->Unpark();
  if (wake_monitor) WakeMonitor();
}

void WorkStealingCore::WakeMonitor() { monitor_->Wake(); }

// --- BlockOn -----------------------------------------------------------------------------------------------------------

// The calling thread only polls its own future; the workers do the rest.
Status WorkStealingCore::BlockOn(RootFuture& root) {
  if (!base::thread_may_block) {
    return absl::FailedPreconditionError(
        "BlockOn was called inside a task, whose thread it would block; return the future instead");
  }
  if (shutting_down()) return ShutdownError("BlockOn");
  ContextScope scope(this, &drivers, nullptr, nullptr, nullptr);
  if (CurrentThread().random == 0) SeedThread(options_.seed, size());
  base::Parker parker;
  AwaitingEnd awaiting(this, &parker);
  RootWaker waker([](void* arg) { static_cast<base::Parker*>(arg)->Unpark(); }, &parker);
  while (!PollRoot(root, waker)) {
    // Nothing will happen any more in the runtime that `root` waits for; what the end itself woke was polled.
    if (shutting_down() && awaiting.ended() && !waker.woken()) return ShutdownError("BlockOn");
    parker.Park();
  }
  return OkStatus();
}

// --- The end -----------------------------------------------------------------------------------------------------------

TaskHeader* WorkStealingCore::TakeAny() {
  for (auto& worker : workers_) {
    if (TaskHeader* task = worker->queue().TakeSlot()) return task;
    if (TaskHeader* task = worker->queue().Pop()) return task;
  }
  return injector_.Pop(1);
}

// On the last worker's thread, or, if none was started, on that of Make: nobody else pops, so we may own every queue.
void WorkStealingCore::EndEverything() {
  const Status reason = ShutdownError("the task");
  owned.Close();
  owned.AbortAll([](TaskHeader* task, void* core) { static_cast<WorkStealingCore*>(core)->injector_.Push(task); }, this);
  for (;;) {
    const size_t blocked = blocked_polls();
    if (TaskHeader* task = TakeAny()) {
      CancelTask(task, reason);
    } else if (owned.size() > blocked) {
      base::YieldThread();  // its right to poll is on its way here from another thread
    } else if (blocked > 0) {
      ReleaseBlockedPolls();
      blocked_ended_.Park();
    } else {
      break;
    }
  }
  foreign_.AwaitNone();
  for (Driver* driver : drivers.drivers) driver->Shutdown();
}

// Threads inside BlockInPlace may wait for anything of the runtime's: nothing will happen there any more.
void WorkStealingCore::ReleaseBlockedPolls() {
  for (Driver* driver : drivers.drivers) driver->Shutdown();
  base::MutexLock lock(end_lock_);
  cancelled_ = true;
  for (base::Parker* parker : awaiting_) parker->Unpark();
}

size_t WorkStealingCore::blocked_polls() {
  base::MutexLock lock(end_lock_);
  return blocked_.size();
}

void WorkStealingCore::WorkerEnds() {
  bool last;
  {
    base::MutexLock lock(end_lock_);
    last = --running_ == 0;
  }
  if (!last) return;
  monitor_->Stop();
  EndEverything();
  base::MutexLock lock(end_lock_);
  ended_ = true;
  for (base::Parker* parker : awaiting_) parker->Unpark();
}

void WorkStealingCore::ReportStuck(ShutdownReport& report) {
  base::MutexLock lock(end_lock_);
  for (auto& worker : workers_) {
    const bool handed_over = std::any_of(blocked_.begin(), blocked_.end(), [&](const BlockedPoll& blocked) {
      return blocked.worker == worker.get() && blocked.polls == worker->polls();
    });
    if (!worker->polling() || handed_over) continue;
    ++report.stuck_workers;
    report.stuck.push_back(worker->DescribePoll());
  }
  for (const BlockedPoll& blocked : blocked_) {
    ++report.stuck_workers;
    report.stuck.push_back(blocked.poll);
  }
}

WorkStealingCore::AwaitingEnd::AwaitingEnd(WorkStealingCore* core, base::Parker* parker) : core_(core), parker_(parker) {
  base::MutexLock lock(core_->end_lock_);
  core_->awaiting_.push_back(parker_);
  in_blocked_poll_ = std::any_of(core_->blocked_.begin(), core_->blocked_.end(),
                                 [](const BlockedPoll& blocked) { return blocked.thread == &CurrentThread(); });
}

WorkStealingCore::AwaitingEnd::~AwaitingEnd() {
  base::MutexLock lock(core_->end_lock_);
  core_->awaiting_.erase(std::find(core_->awaiting_.begin(), core_->awaiting_.end(), parker_));
}

bool WorkStealingCore::AwaitingEnd::ended() const {
  base::MutexLock lock(core_->end_lock_);
  return core_->ended_ || (in_blocked_poll_ && core_->cancelled_);
}

// Whether everything had ended by `deadline_ns`: never so inside a poll of this runtime, whose thread can not be joined there.
bool WorkStealingCore::AwaitEnd(int64_t deadline_ns) {
  base::Parker parker;
  AwaitingEnd awaiting(this, &parker);
  while (!awaiting.ended() && parker.ParkUntil(deadline_ns)) {
  }
  base::MutexLock lock(end_lock_);
  return ended_;
}

// Nothing runs on them any more but their last hooks. Of two Shutdowns the second waits until the first one has joined them.
void WorkStealingCore::JoinThreads() {
  base::MutexLock joining(join_lock_);
  std::vector<base::Thread> threads;
  {
    base::MutexLock lock(end_lock_);
    threads.swap(threads_);
  }
  for (base::Thread& thread : threads) {
    if (thread.joinable()) thread.Join();  // else it was let go
  }
}

ShutdownReport WorkStealingCore::Shutdown(int64_t deadline_ns) {
  ShutdownReport report;
  shutting_down_.store(true, std::memory_order_release);  // release: pairs with shutting_down()
  owned.Close();
  for (auto& worker : workers_) worker->driver()->Unpark();
  const bool ended = AwaitEnd(deadline_ns);
  if (!ended) {
    ReportStuck(report);
    report.live_tasks = owned.size();
  }
  if (ended && deadline_ns != 0) JoinThreads();  // else they are left to a Shutdown that waits, or to the destructor
  if (blocking != nullptr) EndBlockingJobs(*blocking, deadline_ns, report);
  return report;
}

}  // namespace kioto::internal
