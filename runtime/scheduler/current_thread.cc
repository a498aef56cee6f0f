#include "kioto/runtime/scheduler/current_thread.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/scheduler/root_waker.h"

namespace kioto::internal {
namespace {

// What every run of a deterministic runtime starts at: the place of timers in their wheel, and so their order within a
// millisecond and the stops of the clock, depend on the time itself.
constexpr int64_t kFirstTick = int64_t{1} << 36;

}  // namespace

CurrentThreadCore::CurrentThreadCore(const RuntimeOptions& options)
    : RuntimeCore(/*shards=*/2, options),
      options_(options),
      event_interval_(options.event_interval.value_or(limits::kEventInterval)),
      global_queue_interval_(options.global_queue_interval.value_or(event_interval_)),
      counters_(options.metrics),
      run_hash_(options.deterministic() ? new RunHash : nullptr) {
  trace = options.trace;
  measures_latency = options.metrics.schedule_latency;
  keeps_details = options.task_details;
  if (options.deterministic()) {
    drivers.clock.PauseAt(kFirstTick * kTickNs);
  } else if (options.start_paused) {
    drivers.clock.Pause();
  }
}

void CurrentThreadCore::AddDriver(std::unique_ptr<Driver> driver) {
  driver_ = std::move(driver);
  drivers.drivers.push_back(driver_.get());
  drivers.clock.OnAllowed([](void* driver) { static_cast<Driver*>(driver)->Unpark(); }, driver_.get());
}

StatusOr<std::shared_ptr<CurrentThreadCore>> CurrentThreadCore::Make(const RuntimeOptions& options) {
  std::shared_ptr<CurrentThreadCore> core(new CurrentThreadCore(options));
  const DriverOptions driver_options = core->DriverOptionsFor(options);
  auto driver = options.io ? MakeOwnedDriver(driver_options) : MakeParkDriver(driver_options);
  if (!driver.ok()) return driver.status();
  core->AddDriver(*std::move(driver));
  return core;
}

CurrentThreadCore::~CurrentThreadCore() {
  KIOTO_CHECK(!owned.any_local(),
              "a runtime went away with tasks of SpawnLocal, which must be destroyed on the thread that spawned them: end "
              "the runtime on that thread, or call Shutdown there first");
}

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

// One of the first few that are ready.
TaskHeader* CurrentThreadCore::PopRandom() {
  uint32_t ready = 0;
  for (TaskHeader* task = local_head_; task != nullptr && ready < limits::kShuffledTasks; task = task->queue_next) ++ready;
  if (ready < 2) return PopLocal();
  PollScope scope;  // for its numbers
  scope.random = &kioto::internal::CurrentThread().random;
  const Waker none;
  uint32_t pick = Context(none, scope).Random(ready);
  if (pick == 0) return PopLocal();
  TaskHeader* before = local_head_;
  while (--pick > 0) before = before->queue_next;
  TaskHeader* task = before->queue_next;
  before->queue_next = task->queue_next;
  if (task == local_tail_) local_tail_ = before;
  return task;
}

// A hint; BindHere decides. Not in a blocking job, whose thread belongs to the pool.
bool CurrentThreadCore::CanSpawnLocal() const {
  if (attached_ != nullptr) return OnLoopThread();
  return InDrivingThread() || kioto::internal::CurrentThread().task == nullptr;
}

bool CurrentThreadCore::FindRunning(const TaskHeader* task, RunningPoll* poll) const {
  if (polled_.load(std::memory_order_relaxed) != task) return false;  // relaxed: only compared
  *poll = {0, 0};
  return true;
}

// Binds the runtime to this thread, on behalf of a task of SpawnLocal, which is counted already.
bool CurrentThreadCore::BindHere() {
  if (InDrivingThread()) {
    bound_to_ = &kioto::internal::CurrentThread();
    return true;
  }
  base::MutexLock lock(drive_lock_);
  if (attached_ == nullptr && (driving_ || BoundElsewhere(/*not_counted=*/1))) return false;  // R4
  bound_to_ = &kioto::internal::CurrentThread();
  return true;
}

void CurrentThreadCore::EnqueueNew(TaskHeader* task) {
  if (task->local && !BindHere()) {
    CancelTask(task, absl::FailedPreconditionError(
                         "SpawnLocal: another thread drives this runtime, or has tasks of SpawnLocal on it; call it on that "
                         "thread, or use Spawn"));
    return;
  }
  Enqueue(task);
}

void CurrentThreadCore::Enqueue(TaskHeader* task) {
  if (!InDrivingThread()) return EnqueueForeign(task);
  counters_.Scheduled(task);
  if (run_hash_ != nullptr) return EnqueueHashed(task);
  PushLocal(task);
}

// These two apart, so that the common way needs no frame.
void CurrentThreadCore::EnqueueForeign(TaskHeader* task) {
  foreign_.Enter();
  if (measures_latency) StampSchedule(task);
  injector_.Push(task);
  driver_->Unpark();
  foreign_.Leave();
}

void CurrentThreadCore::EnqueueHashed(TaskHeader* task) {
  Record(RunHash::Event::kWoken, task);
  PushLocal(task);
}

void CurrentThreadCore::TakeInjected() {
  for (TaskHeader* task = injector_.Pop(limits::kRunQueueCapacity); task != nullptr;) {
    WorkerCounters::Add(fetched_);
    if (run_hash_ != nullptr) Record(RunHash::Event::kFromOutside, task);
    PushLocal(std::exchange(task, task->queue_next));
  }
}

// Null if none is.
TaskHeader* CurrentThreadCore::LastReady() {
  TakeInjected();
  return local_head_ != nullptr ? local_tail_ : nullptr;
}

inline TaskHeader* CurrentThreadCore::Next() {
  const uint64_t polls = WorkerCounters::Read(polls_);
  if (polls >= look_at_ || local_head_ == nullptr) {
    look_at_ = polls + global_queue_interval_;
    TakeInjected();
  }
  TaskHeader* task = options_.shuffle ? PopRandom() : PopLocal();
  if (task != nullptr && task == turn_before_) {  // all that was ready when it yielded has had its turn: so has the driver
    turn_before_ = nullptr;
    driver_->Turn();
  }
  return task;
}

// A clock that goes on (time::Resume) says what no other run will say again.
void CurrentThreadCore::Record(RunHash::Event event, const TaskHeader* task) {
  run_hash_->Record(event, task, drivers.clock.paused() ? drivers.clock.Now() : 0);
}

inline RunResult CurrentThreadCore::Poll(TaskHeader* task) {
  if (run_hash_ != nullptr) return PollHashed(task);
  return counters_.Run(task, kioto::internal::CurrentThread(), hooks);
}

RunResult CurrentThreadCore::PollHashed(TaskHeader* task) {
  Record(RunHash::Event::kPolled, task);
  const RunResult result = counters_.Run(task, kioto::internal::CurrentThread(), hooks);
  run_hash_->Record(result == RunResult::kGone      ? RunHash::Event::kGone
                 : result == RunResult::kYielded ? RunHash::Event::kYielded
                                                 : RunHash::Event::kWokenInPoll);
  return result;
}

inline void CurrentThreadCore::Run(TaskHeader* task) {
  polled_.store(task, std::memory_order_relaxed);  // relaxed: only compared, see OwnedTasks::Find
  WorkerCounters::Add(polls_);
  const RunResult result = Poll(task);
  if (result == RunResult::kGone) return;
  if (result == RunResult::kYielded && turn_before_ == nullptr) turn_before_ = task;
  counters_.ScheduledAgain();
  PushLocal(task);
}

// A current-thread runtime has no mean: its thread polls BlockOn's future too, or lives in a host's loop.
void CurrentThreadCore::AddMetricsOf(int, WorkerMetrics& metrics) const {
  metrics.mean_poll_time = {};
  metrics.polls = WorkerCounters::Read(polls_);
  const uint64_t came = WorkerCounters::Read(fetched_) + metrics.local_schedules;
  const int64_t waiting = static_cast<int64_t>(came - metrics.polls - WorkerCounters::Read(ended_here_));
  metrics.local_queue_depth = waiting > 0 ? static_cast<size_t>(waiting) : 0;
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
    if (NeedsEnd()) continue;  // R3
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

// Whether there are tasks, besides so many, that only another thread may poll. The driving thread, or as BindHere.
bool CurrentThreadCore::BoundElsewhere(size_t not_counted) const {
  return bound_to_ != nullptr && bound_to_ != &kioto::internal::CurrentThread() && owned.local() > not_counted;
}

// Whether it is time for EndEverything. The driving thread.
bool CurrentThreadCore::NeedsEnd() const {
  return shutting_down() && !ended_ && !(others_ended_ && BoundElsewhere());
}

bool CurrentThreadCore::HasEnded() {
  base::MutexLock lock(drive_lock_);
  return ended_;
}

Status CurrentThreadCore::BlockOn(RootFuture& root) {
  if (attached_ != nullptr) {
    return absl::FailedPreconditionError(
        "BlockOn: this runtime is attached to a loop, which alone drives it; Spawn the future and let the loop run");
  }
  if (!base::thread_may_block) {
    return absl::FailedPreconditionError(
        "BlockOn was called inside a task, whose thread it would block; return the future instead");
  }
  if (shutting_down()) return ShutdownError("BlockOn");
  switch (AwaitRoot(root)) {
    case Awaited::kReady:
      return OkStatus();
    case Awaited::kShutdown:
      return ShutdownError("BlockOn");
    case Awaited::kMayDrive:
      break;
  }
  Status status;
  if (BoundElsewhere()) {
    status = absl::FailedPreconditionError(
        "BlockOn: this runtime has tasks of SpawnLocal, which are bound to the thread that ran it before; call it there");
  } else if (!Drive(root)) {
    status = ShutdownError("BlockOn");
  }
  StopDriving();
  return status;
}

// Waits for the right to drive (R2), polling `root` meanwhile.
CurrentThreadCore::Awaited CurrentThreadCore::AwaitRoot(RootFuture& root) {
  Waiting waiting;
  if (TryStartDriving(&waiting)) return Awaited::kMayDrive;
  ContextScope scope(this, &drivers, nullptr, nullptr, DrivenHereOnly());
  RootWaker waker([](void* arg) { static_cast<Waiting*>(arg)->parker.Unpark(); }, &waiting);
  Awaited answer = Awaited::kReady;
  while (!PollRoot(root, waker)) {
    if (TryStartDriving(&waiting)) return Awaited::kMayDrive;
    if (shutting_down() && HasEnded() && !waker.woken()) {
      answer = Awaited::kShutdown;
      break;
    }
    waiting.parker.Park();
  }
  StopWaiting(&waiting);
  return answer;
}

void CurrentThreadCore::SeedFromLastTime() {
  if (random_ == 0) {
    SeedThread(options_.seed, 0);
  } else {
    kioto::internal::CurrentThread().random = random_;
  }
}

// False: the runtime has ended, and `root` waits for something that may never come.
bool CurrentThreadCore::Drive(RootFuture& root) {
  ContextScope scope(this, &drivers, driver_.get(), this, DrivenHereOnly());
  SeedFromLastTime();
  counters_.Starts();
  RootWaker waker([](void* arg) { static_cast<Driver*>(arg)->Unpark(); }, driver_.get());
  ThreadContext& thread = kioto::internal::CurrentThread();
  TaskHeader* const outer = thread.task;  // whose poll this is, if it may block: `root` is a part of it, our tasks are not
  TaskHeader* behind = nullptr;  // `root` has yielded, and is polled again when this one, the last that was ready, has been
  bool ready;
  for (;;) {
    if (shutting_down() && !ended_) {
      EndEverything();  // R3
      behind = nullptr;
    }
    if (behind == nullptr) {
      thread.task = outer;
      bool yielded = false;
      ready = PollRoot(root, waker, &yielded);
      if (ready || (ended_ && !waker.woken())) break;
      if (yielded) behind = LastReady();
    }
    uint32_t ran = 0;
    for (; ran < event_interval_; ++ran) {
      TaskHeader* task = Next();
      if (task == nullptr) break;
      if (task == behind) behind = nullptr;
      Run(task);
      if (behind == nullptr && waker.woken()) break;
    }
    polled_.store(nullptr, std::memory_order_relaxed);  // relaxed: as in Run
    if (!waker.woken() && !HasReady()) options_.thread_hooks.parks.CallIfSet();
    driver_->LimitTimers(HasReady() ? std::max<uint32_t>(ran, 1) : event_interval_);
    if (waker.woken() || HasReady()) {
      driver_->Turn();
    } else {
      if (trace != nullptr) trace->WorkerParks(0);
      counters_.Parks(WorkerCounters::Read(polls_));
      driver_->Park(kNever);
      counters_.Unparked();
      if (trace != nullptr) trace->WorkerUnparks(0);
      options_.thread_hooks.unparked.CallIfSet();
    }
  }
  counters_.Stops(WorkerCounters::Read(polls_));
  random_ = kioto::internal::CurrentThread().random;
  return ready;
}

// --- Attached ----------------------------------------------------------------------------------------------------------

bool CurrentThreadCore::RunReady(int max_tasks, int64_t max_nanos) {
  {
    ContextScope scope(this, &drivers, driver_.get(), this, DrivenHereOnly());
    SeedFromLastTime();
    counters_.Starts();
    in_turn_ = true;
    const int64_t start = base::MonotonicNanos();
    // acquire: pairs with Detach's release (R5)
    for (int ran = 0; ran < max_tasks && !detach_asked_.load(std::memory_order_acquire); ++ran) {
      TaskHeader* task = Next();
      if (task == nullptr) break;
      Run(task);
      if (base::MonotonicNanos() - start >= max_nanos) break;
    }
    in_turn_ = false;
    counters_.Stops(WorkerCounters::Read(polls_));
    polled_.store(nullptr, std::memory_order_relaxed);  // relaxed: as in Run
    random_ = kioto::internal::CurrentThread().random;
  }
  if (detach_asked_.load(std::memory_order_acquire)) FinishDetach();  // acquire: pairs with Detach's release (R5)
  return HasReady();
}

bool CurrentThreadCore::KeepAlive() { return owned.size() > 0; }

}  // namespace kioto::internal
