// THREADS COME ONE AFTER THE OTHER. Jobs that come faster than a thread wakes up need no thread each: who queues a job brings a
// thread only if none is on its way (but for those that loans count on), and the thread that has come brings the next one, if more
// is queued, before it begins its own job, which may block. So a flood of short jobs costs few wake-ups, n jobs that block have n
// threads after n wake-ups, and who spawned them waits for none. A thread that does not come after all, or leaves, leaves that to
// one that waits (ThreadEndsLocked, Leave), or, if none does, to a timer (LookLater).
#include "kioto/runtime/blocking/pool.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/log.h"
#include "kioto/runtime/base/mutant.h"
#include "kioto/runtime/base/thread.h"
#include "kioto/runtime/driver/clock.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/future/waker.h"

#if KIOTO_MODEL
#include "kioto/runtime/base/model/thread.h"
#endif

namespace kioto::internal {
namespace {

// Whether a thread is on its way, neither busy nor waiting, that no loan counts on.
bool OneComes(int threads, int running, size_t waiting, size_t loans) {
  return threads - running > static_cast<int>(waiting + loans);
}

// What the timer wakes.
class LooksAgain final : public Wakeable {
 public:
  explicit LooksAgain(std::weak_ptr<BlockingPool> pool) : pool_(std::move(pool)) {}

 private:
  void OnWake() override {
    if (const std::shared_ptr<BlockingPool> pool = pool_.lock()) pool->Look();
  }

  const std::weak_ptr<BlockingPool> pool_;
};

}  // namespace

BlockingPool::BlockingPool(const BlockingOptions& options) : Scheduler(/*shards=*/1), options_(options) {
  if (options_.on_unhandled) on_unhandled = &options_.on_unhandled;
  if (options_.shut_down_on_unhandled) ends_unhandled = this;
}

BlockingPool::~BlockingPool() = default;

void BlockingPool::SetRuntime(std::weak_ptr<Scheduler> runtime, DriverSet* drivers) {
  runtime_ = std::move(runtime);
  drivers_ = drivers;
}

void BlockingPool::EndUnhandled(const UnhandledFailure& failure) {
  if (const std::shared_ptr<Scheduler> runtime = runtime_.lock()) runtime->EndUnhandled(failure);
}

Status BlockingPool::Refusal() const {
  return fork_mark.inherited() ? InheritedError("SpawnBlocking") : ShutdownError("SpawnBlocking");
}

BlockingPool::Waiter* BlockingPool::PopWaiterLocked() {
  if (waiting_.empty()) return nullptr;
  Waiter* waiter = waiting_.back();
  waiting_.pop_back();
  waiter->woken = true;
  return waiter;
}

void BlockingPool::PushLocked(TaskHeader* task) {
  task->queue_next = nullptr;
  if (head_ == nullptr) {
    head_ = task;
  } else {
    tail_->queue_next = task;
  }
  tail_ = task;
  ++queued_;
}

// The queued jobs that are not mandatory, through queue_next.
TaskHeader* BlockingPool::TakeDroppableLocked() {
  TaskHeader* jobs = std::exchange(head_, nullptr);
  queued_ = 0;
  TaskHeader* droppable = nullptr;
  TaskHeader** end = &droppable;
  while (jobs != nullptr) {
    TaskHeader* job = std::exchange(jobs, jobs->queue_next);
    if (job->mandatory && !KIOTO_MUTANT("blocking_pool.drop_mandatory")) {
      PushLocked(job);
    } else {
      job->queue_next = nullptr;
      *end = job;
      end = &job->queue_next;
    }
  }
  return droppable;
}

// `job` is linked already; null: it is still to come.
bool BlockingPool::HasRoomLocked(const TaskHeader* job) const {
  const size_t threads = static_cast<size_t>(options_.max_threads);
  const auto fits = [&](size_t jobs) { return jobs < threads || jobs - threads < options_.max_queued; };
  const size_t jobs = queued_ + static_cast<size_t>(running_);
  if (fits(jobs + places_)) return true;
  // Who knows of a job's end may come before its thread has counted that. The job is unlinked by then.
  return fits(std::min(jobs, owned.size() - (job != nullptr ? 1 : 0)) + places_);
}

Status BlockingPool::AdmitLocked(const TaskHeader* job) const {
  if (shut_down_ && !KIOTO_MUTANT("blocking_pool.late_job")) return Refusal();
  if ((job != nullptr && job->has_place) || HasRoomLocked(job)) return OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("BlockingQueue(", options_.max_queued, ") is full: ", options_.max_queued,
                                                   " jobs wait for one of at most ", options_.max_threads,
                                                   " threads (MaxBlockingThreads); raise one of the two, or slow down"));
}

Status BlockingPool::TakePlace() {
  if (fork_mark.inherited()) return InheritedError("TrySpawnBlocking");
  base::MutexLock lock(lock_);
  Status refusal = AdmitLocked(/*job=*/nullptr);
  if (refusal.ok()) ++places_;
  return refusal;
}

void BlockingPool::ReturnPlace() {
  base::MutexLock lock(lock_);
  --places_;
}

void BlockingPool::Enqueue(TaskHeader* task) {
  // A clock that stands still does not jump from now on until the job has ended.
  const std::shared_ptr<Scheduler> runtime = runtime_.lock();
  if (runtime != nullptr) drivers_->clock.InhibitAutoAdvance();
  Status refusal;
  bool full = false;
  {
    base::MutexLock lock(lock_);
    if (task->has_place) --places_;
    refusal = AdmitLocked(task);
    if (refusal.ok()) {
      PushLocked(task);
      if (OneComes(threads_, running_, waiting_.size(), loans_.size())) return;
      if (Waiter* waiter = PopWaiterLocked()) {
        // Under the lock: the waiter can not leave before it has taken the lock again.
        if (!KIOTO_MUTANT("blocking_pool.no_wake")) waiter->parker.Unpark();
        return;
      }
      full = threads_ >= options_.max_threads;
      if (full && (looks_later_ || told_)) return;
      if (!full) ++threads_;
    }
  }
  if (!refusal.ok()) {
    CancelTask(task, refusal);
    if (runtime != nullptr) drivers_->clock.AllowAutoAdvance();
    return;
  }
  if (full) return LookLater();
  BringThread();
}

// Whether a job waits for a thread, and none is on its way to take it.
bool BlockingPool::NeedsThreadLocked() const {
  return head_ != nullptr && !OneComes(threads_, running_, waiting_.size(), loans_.size());
}

// One that is counted already; and what follows if the system refuses it.
void BlockingPool::BringThread() {
  if (StartThread()) return;
  TaskHeader* orphans;
  {
    base::MutexLock lock(lock_);
    orphans = ThreadIsRefusedLocked();
  }
  CancelOrphans(orphans);
  if (orphans == nullptr) LookLater();
}

// If no thread comes for what is queued, all that live are inside jobs, which may wait for it: a timer looks again. Without one only
// who queues the next job does, or has ended one. (A clock that stands still would jump to it.)
void BlockingPool::LookLater() {
  const std::shared_ptr<Scheduler> runtime = runtime_.lock();
  TimerWheel* wheel = runtime != nullptr ? drivers_->WheelForThisThread() : nullptr;
  if (wheel == nullptr || drivers_->clock.paused()) return;
  bool full;
  {
    base::MutexLock lock(lock_);
    full = threads_ >= options_.max_threads;
    if (looks_later_ || !NeedsThreadLocked() || (full && told_)) return;
    looks_later_ = true;
    taken_before_ = full ? taken_ : kNotFull;
  }
  const Waker looks_again(new LooksAgain(weak_from_this()));
  look_.Arm(*wheel, SaturatingAdd(drivers_->clock.Now(), full ? limits::kPoolStuckNs : limits::kThreadRetryNs), looks_again);
}

void BlockingPool::Look() {
  if (look_.state() == TimerState::kShutdown) return;
  bool full;
  bool stuck;
  {
    base::MutexLock lock(lock_);
    looks_later_ = false;
    if (!NeedsThreadLocked()) return;
    full = threads_ >= options_.max_threads;
    stuck = full && taken_ == taken_before_;
    if (stuck) told_ = true;
    if (!full) ++threads_;
  }
  if (!full) return BringThread();
  if (stuck) return TellStuck();
  LookLater();
}

void BlockingPool::TellStuck() {
  std::string jobs;
  for (const std::string& job : DescribeRunning()) absl::StrAppend(&jobs, "\n    ", job);
  base::LogFailure(absl::StrCat("SpawnBlocking: all ", options_.max_threads, " threads have been inside the same jobs for ",
                                limits::kPoolStuckNs / 1'000'000'000, " s, and ", queued(),
                                " others wait: a DEADLOCK if one waits for another; raise MaxBlockingThreads:", jobs));
}

// A thread that was counted does not come. What is queued, if no other lives to take it: it must not wait for ever.
TaskHeader* BlockingPool::ThreadIsRefusedLocked() {
  ThreadEndsLocked();
  if (threads_ > 0 || KIOTO_MUTANT("blocking_pool.leave_orphans")) return nullptr;
  queued_ = 0;
  return std::exchange(head_, nullptr);
}

void BlockingPool::CancelOrphans(TaskHeader* orphans) {
  const std::shared_ptr<Scheduler> runtime = runtime_.lock();
  while (orphans != nullptr) {
    TaskHeader* next = orphans->queue_next;
    CancelTask(orphans, absl::ResourceExhaustedError("SpawnBlocking: the system refused to start a thread"));
    if (runtime != nullptr) drivers_->clock.AllowAutoAdvance();
    orphans = next;
  }
}

bool BlockingPool::StartThread() {
  auto body = [self = shared_from_this()] {
    self->options_.hooks.started.CallIfSet();
    self->RunThread();
  };
#if KIOTO_MODEL
  return model::Thread::StartDetached(std::move(body));
#else
  auto thread = base::Thread::Start(options_.thread_name, std::move(body), options_.stack_size);
  if (!thread.ok()) return false;
  thread->Detach();  // counted, and awaited by Shutdown
  return true;
#endif
}

void BlockingPool::RunJob(TaskHeader* task) {
  ThreadContext& thread = CurrentThread();
  const std::shared_ptr<Scheduler> runtime = runtime_.lock();
  thread.scheduler = runtime.get();
  thread.drivers = runtime != nullptr ? drivers_ : nullptr;
  // A job may block: RunTask forbids that to its polls, so the job's own future allows it again.
  if (RunTask(task, thread) != RunResult::kGone) CancelTask(task, absl::InternalError("a blocking job did not end"));
  thread.scheduler = nullptr;
  thread.drivers = nullptr;
  if (runtime != nullptr) drivers_->clock.AllowAutoAdvance();
}

// --- Threads for others ------------------------------------------------------------------------------------------------

bool BlockingPool::Lend(absl::AnyInvocable<void() &&> loan) {
  std::list<absl::AnyInvocable<void() &&>> one;  // a node, which stays where it is
  one.push_back(std::move(loan));
  const auto* const ours = &one.front();
  {
    base::MutexLock lock(lock_);
    if (lent_ + static_cast<int>(loans_.size()) >= options_.max_threads) return false;
    loans_.splice(loans_.end(), one);
    if (Waiter* waiter = PopWaiterLocked()) {
      waiter->parker.Unpark();  // under the lock: as in Enqueue
      return true;
    }
    ++threads_;
  }
  if (StartThread()) return true;
  bool taken;
  TaskHeader* orphans;
  {
    base::MutexLock lock(lock_);
    orphans = ThreadIsRefusedLocked();
    const auto place = std::find_if(loans_.begin(), loans_.end(), [&](const auto& other) { return &other == ours; });
    taken = place == loans_.end();                     // by a thread that came by, perhaps the last that there was (R3)
    if (!taken) one.splice(one.end(), loans_, place);  // dropped without the lock
  }
  CancelOrphans(orphans);
  if (orphans == nullptr) LookLater();  // it was the one that a job counted on whose own took another loan
  return taken;
}

bool BlockingPool::Enlist() {
  base::MutexLock lock(lock_);
  if (shut_down_ || threads_ >= options_.max_threads) return false;
  ++threads_;
  return true;
}

void BlockingPool::Leave() {
  {
    base::MutexLock lock(lock_);
    const bool counted_on = head_ != nullptr && !OneComes(threads_ - 1, running_, waiting_.size(), loans_.size());
    if (!counted_on || !waiting_.empty()) return ThreadEndsLocked();
  }
  BringThread();  // in its place
}

// Whether there is room for this thread when it comes back.
bool BlockingPool::RunLoanLocked() {
  std::list<absl::AnyInvocable<void() &&>> loan;
  loan.splice(loan.end(), loans_, loans_.begin());
  --threads_;
  ++lent_;
  lock_.Unlock();
  std::move(loan.front())();
  loan.clear();
  base::SetCurrentThreadName(options_.thread_name);
  lock_.Lock();
  --lent_;
  ++threads_;
  return threads_ <= options_.max_threads;
}

// --- A thread ------------------------------------------------------------------------------------------------------------

void BlockingPool::RunThread() {
  Waiter self;
  CurrentThread().trace = trace.get();
  lock_.Lock();
  for (bool needed = true; needed;) {
    if (!loans_.empty()) {
      needed = RunLoanLocked();
      continue;
    }
    while (head_ != nullptr && loans_.empty()) {
      TaskHeader* task = head_;
      head_ = task->queue_next;
      --queued_;
      ++taken_;
      ++running_;
      bool starts = false;
      bool looks = false;
      if (NeedsThreadLocked() && !KIOTO_MUTANT("blocking_pool.bring_no_next")) {
        if (Waiter* waiter = PopWaiterLocked()) {
          waiter->parker.Unpark();  // under the lock: as in Enqueue
        } else if (threads_ < options_.max_threads) {
          ++threads_;
          starts = true;
        } else {
          looks = !looks_later_ && !told_;
        }
      }
      lock_.Unlock();
      if (starts) BringThread();
      if (looks) LookLater();
      RunJob(task);
      lock_.Lock();
      --running_;
    }
    if (!loans_.empty()) continue;
    if (shut_down_) break;
    self.woken = false;
    waiting_.push_back(&self);
    lock_.Unlock();
    const bool woken = self.parker.ParkUntil(SaturatingAdd(base::MonotonicNanos(), options_.keep_alive_ns));
    lock_.Lock();
    if (!woken && !self.woken) {  // R1: nobody counts on us
      waiting_.erase(std::find(waiting_.begin(), waiting_.end(), &self));
      break;
    }
    if (!woken) self.parker.Park();  // woken at the last moment: the token is on its way
  }
  if (KIOTO_MUTANT("blocking_pool.leave_in_two_steps")) {
    lock_.Unlock();
    lock_.Lock();
  }
  // Its last hook is the user's: none of the pool's any more, and still awaited by Shutdown, as if it were lent.
  --threads_;
  ++lent_;
  lock_.Unlock();
  options_.hooks.stops.CallIfSet();
  base::MutexLock lock(lock_);
  --lent_;
  ++threads_;
  ThreadEndsLocked();
}

void BlockingPool::ThreadEndsLocked() {
  --threads_;
  if (NeedsThreadLocked() && !KIOTO_MUTANT("blocking_pool.leave_to_none")) {
    if (Waiter* waiter = PopWaiterLocked()) waiter->parker.Unpark();
  }
  if (threads_ > 0 || lent_ > 0 || KIOTO_MUTANT("blocking_pool.end_in_silence")) return;
  for (base::Parker* parker : awaiting_) parker->Unpark();
}

size_t BlockingPool::Shutdown(int64_t deadline_ns) {
  owned.Close();
  TaskHeader* dropped;
  base::Parker parker;
  {
    base::MutexLock lock(lock_);
    shut_down_ = true;
    dropped = TakeDroppableLocked();
    while (Waiter* waiter = PopWaiterLocked()) waiter->parker.Unpark();
    awaiting_.push_back(&parker);
  }
  while (dropped != nullptr) {
    TaskHeader* next = dropped->queue_next;
    CancelTask(dropped, Refusal());
    dropped = next;
  }
  for (;;) {
    {
      base::MutexLock lock(lock_);
      if (threads_ + lent_ == 0) break;
    }
    if (!parker.ParkUntil(deadline_ns)) break;
  }
  base::MutexLock lock(lock_);
  awaiting_.erase(std::find(awaiting_.begin(), awaiting_.end(), &parker));
  return static_cast<size_t>(running_) + queued_;
}

int BlockingPool::threads() const {
  base::MutexLock lock(lock_);
  return threads_;
}

int BlockingPool::idle_threads() const {
  base::MutexLock lock(lock_);
  return static_cast<int>(waiting_.size());
}

size_t BlockingPool::queued() const {
  base::MutexLock lock(lock_);
  const size_t threads = static_cast<size_t>(options_.max_threads);
  const size_t jobs = std::min(queued_ + static_cast<size_t>(running_), owned.size());  // as in HasRoomLocked
  return jobs > threads ? std::min(jobs - threads, options_.max_queued) : 0;
}

std::vector<const TaskHeader*> BlockingPool::Waiting() const {
  std::vector<const TaskHeader*> jobs;
  {
    base::MutexLock lock(lock_);
    for (const TaskHeader* job = head_; job != nullptr; job = job->queue_next) jobs.push_back(job);
  }
  std::sort(jobs.begin(), jobs.end());
  return jobs;
}

std::vector<std::string> BlockingPool::DescribeRunning() {
  constexpr size_t kAtATime = 16, kNamed = 16;
  std::vector<TaskHeader*> jobs;
  {
    base::MutexLock walk(owned.walk());
    TaskHeader* some[kAtATime];
    bool first = true;
    while (const size_t found = owned.Collect(/*shard=*/0, std::exchange(first, false), some, kAtATime)) {
      jobs.insert(jobs.end(), some, some + found);
    }
  }
  const std::vector<const TaskHeader*> waiting = Waiting();  // second: what was there, and does not wait by now, has begun
  std::vector<std::string> running;
  for (TaskHeader* job : jobs) {
    if (running.size() < kNamed && !job->complete() && !std::binary_search(waiting.begin(), waiting.end(), job)) {
      running.push_back(DescribeTask(job->id, job->name(), job->place_file(), job->line));
    }
    job->Unref();
  }
  return running;
}

}  // namespace kioto::internal
