#include "kioto/runtime/task/local_set.h"

#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/cpu_relax.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/driver/driver_set.h"

namespace kioto {
namespace internal {
namespace {

// Polls of tasks in one poll of the set, and between two looks at what other threads have woken.
constexpr int kPollsPerTurn = limits::kEventInterval;
constexpr uint32_t kRemoteInterval = 31;

void CheckThread(const LocalQueue* queue) {
  KIOTO_CHECK(queue->OnOwnThread(),
              "a LocalSet was driven or destroyed on a thread that did not make it, which its tasks may not leave");
}

}  // namespace

LocalQueue::LocalQueue() : Scheduler(/*shards=*/1), owner_(&CurrentThread()) { runtime_id = NextRuntimeId(); }

Status LocalQueue::Refusal() const {
  if (fork_mark.inherited()) return InheritedError("SpawnLocal");
  return AbortedError("SpawnLocal: the LocalSet is being destroyed");
}

void LocalQueue::Unref() {
  // acq_rel: the release pairs with the acquire of the last one, which deletes.
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

bool LocalQueue::KeepIfDrivenBy(uint64_t runtime) {
  if (driven_by_.load(std::memory_order_relaxed) != runtime) return false;  // relaxed: a figure
  uint32_t refs = refs_.load(std::memory_order_relaxed);                    // relaxed: the list's lock keeps the block here
  while (refs != 0) {
    // relaxed: a reference is made, which gives nothing; Unref's acq_rel pairs with the others'
    if (refs_.compare_exchange_weak(refs, refs + 1, std::memory_order_relaxed)) return true;
  }
  return false;  // who let go of the last one waits for the list's lock
}

// --- Queues ----------------------------------------------------------------------------------------------------------

void LocalQueue::PushLocal(TaskHeader* task) {
  task->queue_next = nullptr;
  if (local_head_ == nullptr) {
    local_head_ = task;
  } else {
    local_tail_->queue_next = task;
  }
  local_tail_ = task;
}

void LocalQueue::PushFront(TaskHeader* task) {
  if (local_head_ == nullptr) local_tail_ = task;
  task->queue_next = local_head_;
  local_head_ = task;
}

TaskHeader* LocalQueue::PopLocal() {
  TaskHeader* task = local_head_;
  if (task != nullptr) local_head_ = task->queue_next;
  return task;
}

void LocalQueue::EnqueueNew(TaskHeader* task) {
  if (!inside_) {  // StartTask has told nobody either
    task->queue_next = nullptr;
    *(unheard_head_ == nullptr ? &unheard_head_ : &unheard_tail_->queue_next) = task;
    unheard_tail_ = task;
    parent_.Wake();
    return;
  }
  if (TraceSink* sink = CurrentThread().trace) sink->TaskSpawned(TraceOf(task));
  PushLocal(task);
}

// Makes tasks that were spawned while nobody drove the set known to who does now, and ready.
void LocalQueue::TakeUnheard() {
  while (TaskHeader* task = unheard_head_) {
    unheard_head_ = task->queue_next;
    if (TraceSink* sink = CurrentThread().trace) sink->TaskSpawned(TraceOf(task));
    if (hooks != nullptr) hooks->spawned.CallIfSet({task->id, task->name(), task->place_file(), task->line});
    PushLocal(task);
  }
}

// The sink is the one of the runtime that drives the set at the time, of which other threads know nothing.
void LocalQueue::Enqueue(TaskHeader* task) {
  if (TraceSink* sink = OnOwnThread() ? CurrentThread().trace : nullptr) sink->TaskWoken(TraceOf(task));
  EnqueueHere(task);
}

void LocalQueue::EnqueueHere(TaskHeader* task) {
  if (OnOwnThread()) {
    PushLocal(task);
    if (!inside_) parent_.Wake();
    return;
  }
  refs_.fetch_add(1, std::memory_order_relaxed);  // relaxed: the task keeps the set until it is pushed (R2)
  {
    base::SpinLockGuard lock(remote_lock_);
    task->queue_next = nullptr;
    if (remote_head_ == nullptr) {
      remote_head_ = task;
    } else {
      remote_tail_->queue_next = task;
    }
    remote_tail_ = task;
    remote_hint_.store(++remote_size_, std::memory_order_relaxed);  // relaxed: parent's word orders it (R1)
  }
  parent_.Wake();
  Unref();
}

void LocalQueue::TakeRemote() {
  if (remote_hint_.load(std::memory_order_relaxed) == 0) return;  // relaxed: a hint; Register, an RMW, came before (R1)
  TaskHeader* tasks;
  {
    base::SpinLockGuard lock(remote_lock_);
    tasks = std::exchange(remote_head_, nullptr);
    remote_size_ = 0;
    remote_hint_.store(0, std::memory_order_relaxed);  // relaxed: as above
  }
  while (tasks != nullptr) {
    TaskHeader* next = tasks->queue_next;
    PushLocal(tasks);
    tasks = next;
  }
}

size_t LocalQueue::remote_size() const {
  base::SpinLockGuard lock(remote_lock_);
  return remote_size_;
}

TaskHeader* LocalQueue::Next() {
  if (local_head_ == nullptr || ++tick_ % kRemoteInterval == 0) TakeRemote();
  return PopLocal();
}

// --- Polls -------------------------------------------------------------------------------------------------------------

// Whether the task has yielded. On a stack where another task, or none, is being polled.
bool LocalQueue::RunOne(TaskHeader* task) {
  ThreadContext& thread = CurrentThread();
  TaskHeader* outer = thread.task;
  polled_.store(task, std::memory_order_relaxed);  // relaxed: only compared
  const RunResult result = hooks == nullptr ? RunTask(task, thread) : RunTaskWithHooks(task, thread);
  thread.task = outer;
  polled_.store(nullptr, std::memory_order_relaxed);  // relaxed: as above
  if (result != RunResult::kGone) PushLocal(task);
  return result == RunResult::kYielded;
}

LocalTurn::LocalTurn(LocalQueue* queue, Context& cx)
    : queue_(queue), cx_(cx), entered_(queue), outermost_(!queue->inside_) {
  CheckThread(queue);
  if (!outermost_) return;
  queue->inside_ = true;
  const Scheduler* runtime = CurrentThread().scheduler;  // whose hooks hear of our tasks
  queue->driven_by_.store(runtime != nullptr ? runtime->runtime_id : 0, std::memory_order_relaxed);  // relaxed: a figure
  queue->on_unhandled = runtime != nullptr ? runtime->on_unhandled : nullptr;
  queue->ends_unhandled = runtime != nullptr ? runtime->ends_unhandled : nullptr;
  queue->hooks = runtime != nullptr ? runtime->hooks : nullptr;
  queue->parent_.Register(cx.waker());
  queue->TakeUnheard();
}

LocalTurn::~LocalTurn() {
  if (!outermost_) return;
  queue_->inside_ = false;
  queue_->hooks = nullptr;  // the runtime may end before the queue does
  queue_->on_unhandled = nullptr;
  queue_->ends_unhandled = nullptr;
}

void LocalQueue::Run(Context& cx) {
  TaskHeader* yielded = nullptr;  // the first in this turn; only compared
  for (int polls = 0; polls < kPollsPerTurn; ++polls) {
    TaskHeader* task = Next();
    if (task == nullptr) break;
    if (task == yielded) {  // all that was ready has had its turn: so must the runtime
      PushFront(task);
      break;
    }
    if (RunOne(task) && yielded == nullptr) yielded = task;
  }
  TakeRemote();
  if (local_head_ != nullptr) cx.Yield();
}

void LocalQueue::End() {
  CheckThread(this);
  KIOTO_CHECK(!inside_, "a LocalSet was destroyed by one of its own tasks: let who drives it drop it");
  LocalSetEntered entered(this);
  const Status reason = AbortedError("the LocalSet of the task was destroyed");
  owned.Close();
  inside_ = true;
  TakeUnheard();
  owned.AbortAll([](TaskHeader* task, void* queue) { static_cast<LocalQueue*>(queue)->PushLocal(task); }, this);
  while (owned.size() > 0) {
    TaskHeader* task = Next();
    if (task != nullptr) {
      CancelTask(task, reason);
    } else {
      base::YieldThread();  // its right to poll is on its way here from another thread
    }
  }
  parent_.Register(Waker());
  Unref();
}

Poll<Unit> RunLocalSet::PollOnce(Context& cx) {
  LocalTurn turn(queue_, cx);
  turn.Run();
  if (queue_->owned.size() > 0) return kPending;
  return Unit{};
}

}  // namespace internal

RuntimeDump LocalSet::Dump(const DumpOptions& options) const {
  const internal::DriverSet* drivers = internal::CurrentThread().drivers;
  return internal::DumpTasks(*queue_, options, drivers != nullptr ? drivers->clock.Now() : base::MonotonicNanos());
}

}  // namespace kioto
