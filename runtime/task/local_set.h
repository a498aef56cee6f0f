// LocalSet: tasks that stay on one thread, on a thread that belongs to any runtime, or to none yet.
//
//   LocalSet set;                                             // of this thread
//   set.SpawnLocal(Draw(window));                             // may be bound to the thread: a LocalFuture, say
//   Status status = set.BlockOn(runtime, Session(window));    // runs both; what Session spawns by SpawnLocal comes here
//
// A future drives it: RunUntil(f), until f is ready, or Run(), until no task is left. Both are bound to the thread, so on a
// multi-thread runtime they go to BlockOn; on a current-thread runtime also to SpawnLocal. Tasks that are left wait for the
// next one. A runtime's own BlockOn binds tasks to its thread without a LocalSet: use one where there is no such runtime, or
// where tasks are to end together.
//
// Dropping the set destroys every task. THREADS: all calls on the thread that made it (checked); the handles of its tasks, and
// wakes, on any. Drive it by one future at a time.
//
// STATE       local: a FIFO through TaskHeader::queue_next. inside: whether the set is being polled. The owner thread's alone.
//             remote: the same for tasks woken by other threads. Under a lock.
//             parent: the task that drives the set (a WakerSlot).
//             the block is counted: the set's reference, and one of each thread that is inside Enqueue or a dump.
// RACES       R1 a task queued against the driver going idle: pushed first, parent woken second; the driver registers first
//                and looks second.
//             R2 Enqueue against the end of the set: the task that it brings keeps the set's destructor waiting until it is
//                pushed; after that the reference keeps the block.
#ifndef KIOTO_RUNTIME_TASK_LOCAL_SET_H_
#define KIOTO_RUNTIME_TASK_LOCAL_SET_H_

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/source_location.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/lazy.h"
#include "kioto/runtime/future/waker_slot.h"
#include "kioto/runtime/task/scheduler_list.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/task/task_dump.h"

namespace kioto {
namespace internal {

class LocalQueue final : public Scheduler {
 public:
  LocalQueue();

  void Enqueue(TaskHeader* task) override;
  void EnqueueNew(TaskHeader* task) override;
  int ShardForThisThread() const override { return 0; }
  bool CanSpawnLocal() const override { return OnOwnThread(); }
  Status Refusal() const override;

  bool FindRunning(const TaskHeader* task, RunningPoll*) const override {
    return polled_.load(std::memory_order_relaxed) == task;  // relaxed: only compared
  }
  bool KeepIfDrivenBy(uint64_t runtime) override;
  void EndKeep() override { Unref(); }

  bool OnOwnThread() const { return owner_ == &CurrentThread(); }
  // Destroys every task, and gives back the set's reference.
  void End();

  void Unref();
  size_t remote_size() const;

 private:
  friend class LocalTurn;

  void Run(Context& cx);
  TaskHeader* Next();
  void EnqueueHere(TaskHeader* task);
  void PushLocal(TaskHeader* task);
  void PushFront(TaskHeader* task);
  void TakeUnheard();
  TaskHeader* PopLocal();
  void TakeRemote();
  bool RunOne(TaskHeader* task);

  const void* const owner_;
  TaskHeader* local_head_ = nullptr;
  TaskHeader* local_tail_ = nullptr;
  TaskHeader* unheard_head_ = nullptr;  // spawned outside of turns: the next one begins with them
  TaskHeader* unheard_tail_ = nullptr;
  bool inside_ = false;  // in a LocalTurn, which will look at `local`
  uint32_t tick_ = 0;
  base::Atomic<const TaskHeader*> polled_{nullptr};  // the task of the present poll, for dumps; only compared
  base::Atomic<uint64_t> driven_by_{0};              // the id of the runtime on whose thread it was driven last; 0: of none

  WakerSlot parent_;
  mutable base::SpinLock remote_lock_;
  TaskHeader* remote_head_ = nullptr;
  TaskHeader* remote_tail_ = nullptr;
  size_t remote_size_ = 0;
  base::Atomic<size_t> remote_hint_{0};
  base::Atomic<uint32_t> refs_{1};
  const ListedScheduler listed_{ListedScheduler::Kind::kLocalSet, this};
};

// While it lives, SpawnLocal on this thread goes to the set.
class [[nodiscard]] LocalSetEntered {
 public:
  explicit LocalSetEntered(LocalQueue* queue) : outer_(std::exchange(CurrentThread().local_set, queue)) {}
  ~LocalSetEntered() { CurrentThread().local_set = outer_; }
  LocalSetEntered(const LocalSetEntered&) = delete;
  LocalSetEntered& operator=(const LocalSetEntered&) = delete;

 private:
  Scheduler* const outer_;
};

// One poll of what drives the set, on its thread (checked). Inside another one, of the same set, it leaves the tasks to that.
class [[nodiscard]] LocalTurn {
 public:
  LocalTurn(LocalQueue* queue, Context& cx);
  ~LocalTurn();
  // Runs what is ready, within limits; if there is more, `cx` asks for another turn.
  void Run() {
    if (outermost_) queue_->Run(cx_);
  }

 private:
  LocalQueue* const queue_;
  Context& cx_;
  const LocalSetEntered entered_;
  const bool outermost_;
};

template <class F>
class [[nodiscard]] RunUntilFuture : public FutureBase<RunUntilFuture<F>, OutputOf<F>> {
 public:
  static constexpr bool kLocal = true;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  RunUntilFuture(LocalQueue* queue, F future) : queue_(queue), future_(std::move(future)) {}
  ~RunUntilFuture() {
    if (!future_.has_value()) return;
    LocalSetEntered entered(queue_);
    future_.reset();
  }
  RunUntilFuture(RunUntilFuture&& other)
      : RunUntilFuture::FutureBase(std::move(other)), queue_(other.queue_), future_(std::move(other.future_)) {
    other.future_.reset();
  }

  Poll<OutputOf<F>> PollOnce(Context& cx) {
    LocalTurn turn(queue_, cx);
    KIOTO_DCHECK(future_.has_value(), "a future was polled after it was ready");
    auto polled = PollChild(*future_, cx);
    if (polled.ready()) {
      future_.reset();
    } else {
      turn.Run();
    }
    return polled;
  }
  void Describe(WaitTrace& trace) const {
    if (future_.has_value()) trace.Child(*future_);
  }

 private:
  LocalQueue* queue_;
  std::optional<F> future_;
};

class [[nodiscard]] RunLocalSet : public FutureBase<RunLocalSet, Unit> {
 public:
  static constexpr bool kLocal = true;

  explicit RunLocalSet(LocalQueue* queue) : queue_(queue) {}
  Poll<Unit> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Leaf("LocalSet::Run"); }

 private:
  LocalQueue* queue_;
};

}  // namespace internal

class LocalSet {
 public:
  LocalSet() : queue_(new internal::LocalQueue) {}
  LocalSet(const LocalSet&) = delete;
  LocalSet& operator=(const LocalSet&) = delete;
  // Destroys every task; handles give IsAborted.
  ~LocalSet() { queue_->End(); }

  // Starts `future` as a task of this set. It runs when the set is driven. On another thread: the handle gives a status.
  template <class F>
  JoinHandle<typename std::decay_t<F>::Output> SpawnLocal(
      F&& future, TaskOptions options = {}, base::SourceLocation place = base::SourceLocation::Current()) const {
    static_assert(!std::is_lvalue_reference_v<F>, "kioto: SpawnLocal takes its future by value: write std::move(future)");
    static_assert(IsFuture<std::decay_t<F>>, "kioto: SpawnLocal needs a future; give a function's result, not the function");
    internal::Scheduler* scheduler = queue_;
    if (!queue_->OnOwnThread()) scheduler = internal::NoLocalScheduler();
    return internal::SpawnOn(scheduler, std::forward<F>(future), /*local=*/true, std::move(options), place);
  }

  // While the guard lives, kioto::SpawnLocal on this thread goes to this set, driven or not. The set must outlive it.
  internal::LocalSetEntered Enter() const { return internal::LocalSetEntered(queue_); }

  // `future`, which drives the set until it is ready. It shares its task's budget; each task of the set has its own.
  // CANCEL SAFE: as the future. May be polled inside a task of the set itself, which then is driven by who drives it.
  template <class F>
  auto RunUntil(F future) const {
    static_assert(IsFuture<F>, "kioto: RunUntil takes a future; give a function's result, not the function");
    if constexpr (IsFuture<F>) {
      return internal::RunUntilFuture<F>(queue_, std::move(future));
    } else {
      return internal::Poison{};
    }
  }
  // Drives the set until it has no task. CANCEL SAFE: yes.
  internal::RunLocalSet Run() const { return internal::RunLocalSet(queue_); }

  // runtime.BlockOn(RunUntil(f)): `runtime` is a Runtime or Handle, `f` a future or a function that makes one.
  template <class R, class F>
  auto BlockOn(const R& runtime, F&& f, base::SourceLocation place = base::SourceLocation::Current()) const {
    if constexpr (IsFuture<std::decay_t<F>>) {
      return runtime.BlockOn(RunUntil(std::decay_t<F>(std::forward<F>(f))), place);
    } else {
      return runtime.BlockOn(RunUntil(Lazy(std::forward<F>(f))), place);
    }
  }

  // No other set of this process has the same, nor has a runtime. From 1.
  uint64_t id() const { return queue_->runtime_id; }
  // What every task of the set is doing: task_dump.h. A dump of the runtime that was the last to drive it shows them, too.
  RuntimeDump Dump(const DumpOptions& options = {}) const;
  // Tasks that have not ended.
  size_t size() const { return queue_->owned.size(); }
  bool empty() const { return size() == 0; }
  // Of them, those that other threads have woken since the set was last driven.
  size_t woken_by_others() const { return queue_->remote_size(); }

 private:
  internal::LocalQueue* const queue_;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_LOCAL_SET_H_
