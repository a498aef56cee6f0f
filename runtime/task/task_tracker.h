// TaskTracker: counts tasks that nobody joins one by one, so that all of them can be awaited at the end.
//
//   TaskTracker connections;
//   connections.Spawn(Serve(std::move(stream)));                 // as kioto::Spawn, and counted
//   return Timeout(10s, connections.CloseAndWait());             // no more will come: until the last has gone
//
// Prefer it to keeping JoinHandles when there are many and their outputs do not matter: it keeps nothing of a task that has
// ended. Copies share one tracker. Closing it forbids nothing: it only says that waiting may end once none is left.
//
// STATE       one word: kClosed (bit 0) | twice the number of tracked futures. The waiters, under a lock.
// RULE        a wait ends when the word is kClosed alone: closed, and empty, at some moment since it was made, or while it
//             was made. Opened again later makes no difference to those who were woken then: and, since they are woken a
//             little later than that moment, to a wait that began in between.
// RACES       R1 the last future goes against a waiter that registers: the waiter links itself first and looks at the word
//                second, under the lock; who makes the word kClosed takes the lock after it. One of them sees the other.
#ifndef KIOTO_RUNTIME_TASK_TASK_TRACKER_H_
#define KIOTO_RUNTIME_TASK_TASK_TRACKER_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kioto/runtime/base/intrusive_list.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/task/internal/joining.h"
#include "kioto/runtime/task/spawn.h"

namespace kioto {
namespace internal {

// What the copies of a tracker, its tokens and its waiters share.
class TrackerBlock {
 public:
  struct Waiter : base::ListNode<> {
    Waker waker;
    bool woken = false;
  };

  void Ref() { refs_.fetch_add(1, std::memory_order_relaxed); }  // relaxed: made from a reference that is held
  void Unref();

  void Add() { word_.fetch_add(kOne, std::memory_order_relaxed); }  // relaxed: only its fall to zero says something
  void Remove();
  bool Close();
  bool Reopen();
  bool closed() const { return (Load() & kClosed) != 0; }
  size_t size() const { return static_cast<size_t>(Load() / kOne); }
  // Closed and empty, by one look: two would take one moment's half for the other's.
  bool over() const { return Load() == kClosed; }

  // Whether the wait is over; if not, `waker` will be woken.
  bool PollWait(Waiter& waiter, const Waker& waker);
  void DropWait(Waiter& waiter);

 private:
  static constexpr uint64_t kClosed = 1;
  static constexpr uint64_t kOne = 2;

  uint64_t Load() const { return word_.load(std::memory_order_acquire); }  // acquire: pairs with Remove's release
  void WakeAll();

  base::Atomic<uint64_t> word_{0};
  base::Atomic<uint32_t> refs_{1};
  base::SpinLock lock_;
  base::IntrusiveList<Waiter> waiters_;
};

}  // namespace internal

class TaskTracker;

// One tracked thing: counted until this goes away.
class TaskTrackerToken {
 public:
  explicit TaskTrackerToken(internal::TrackerBlock* block) : block_(block) {
    block->Ref();
    block->Add();
  }
  // Another one.
  TaskTrackerToken(const TaskTrackerToken& other) : TaskTrackerToken(other.block_) {}
  TaskTrackerToken(TaskTrackerToken&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  TaskTrackerToken& operator=(TaskTrackerToken other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~TaskTrackerToken() {
    if (block_ == nullptr) return;
    block_->Remove();
    block_->Unref();
  }

  // Where it counts.
  TaskTracker tracker() const;

 private:
  internal::TrackerBlock* block_;
};

// A future that counts until it is destroyed: see TaskTracker::Track.
template <class F>
class [[nodiscard]] TrackedFuture : public FutureBase<TrackedFuture<F>, typename F::Output> {
 public:
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  TrackedFuture(F future, TaskTrackerToken token) : token_(std::move(token)), future_(std::move(future)) {}
  Poll<typename F::Output> PollOnce(Context& cx) { return internal::PollChild(future_, cx); }
  void Describe(WaitTrace& trace) const { trace.Child(future_); }

 private:
  TaskTrackerToken token_;  // goes last: what the future held is gone before the count falls
  F future_;
};

// Ready once the tracker is closed and nothing is tracked. CANCEL SAFE of TaskTracker::Wait(), CloseAndWait(): yes.
class [[nodiscard]] TrackerWait : public FutureBase<TrackerWait, Unit> {
 public:
  explicit TrackerWait(internal::TrackerBlock* block) : block_(block) {
    block->Ref();
    waiter_.woken = block->over();
  }
  TrackerWait(TrackerWait&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {
    waiter_.woken = other.waiter_.woken;
  }
  ~TrackerWait();
  Poll<Unit> PollOnce(Context& cx);

 private:
  internal::TrackerBlock* block_;
  internal::TrackerBlock::Waiter waiter_;
};

namespace internal {

template <class Fn>
struct TrackedFn {
  TaskTrackerToken token;  // goes last
  Fn fn;
  decltype(auto) operator()() && { return std::move(fn)(); }
};

}  // namespace internal

// THREADS: any, for all of it.
class TaskTracker {
 public:
  TaskTracker() : block_(new internal::TrackerBlock) {}
  TaskTracker(const TaskTracker& other) : block_(other.block_) { block_->Ref(); }
  TaskTracker& operator=(const TaskTracker& other) {
    other.block_->Ref();
    std::exchange(block_, other.block_)->Unref();
    return *this;
  }
  ~TaskTracker() { block_->Unref(); }

  // As kioto::Spawn, and counted until the task's future is destroyed. Nobody joins it: the tracker is its owner, and an
  // error that it ends with is logged; where errors are everyday, end it with .Then([](Status&) {}). For a JoinHandle as
  // well, say kioto::Spawn(tracker.Track(future)).
  template <class F>
  AbortHandle Spawn(F&& future, TaskOptions options = {},
                    base::SourceLocation place = base::SourceLocation::Current()) const {
    if constexpr (internal::MaySpawn<F>()) {
      return kioto::Spawn(Track(std::move(future)), std::move(options), place).abort_handle();
    } else {
      return {};
    }
  }
  // On another runtime: a Handle or a Runtime.
  template <class On, class F>
  AbortHandle SpawnOn(const On& on, F&& future, TaskOptions options = {},
                      base::SourceLocation place = base::SourceLocation::Current()) const {
    if constexpr (internal::MaySpawn<F>()) {
      return on.Spawn(Track(std::move(future)), std::move(options), place).abort_handle();
    } else {
      return {};
    }
  }
  template <class F>
  AbortHandle SpawnLocal(F&& future, TaskOptions options = {},
                         base::SourceLocation place = base::SourceLocation::Current()) const {
    if constexpr (MaySpawnLocal<F>()) {
      return kioto::SpawnLocal(Track(std::move(future)), std::move(options), place).abort_handle();
    } else {
      return {};
    }
  }
  // In a LocalSet that need not be driven yet.
  template <class Set, class F>
  AbortHandle SpawnLocalOn(const Set& set, F&& future, TaskOptions options = {},
                           base::SourceLocation place = base::SourceLocation::Current()) const {
    if constexpr (MaySpawnLocal<F>()) {
      return set.SpawnLocal(Track(std::move(future)), std::move(options), place).abort_handle();
    } else {
      return {};
    }
  }
  // Needs kioto/runtime/blocking/spawn_blocking.h. The job counts until its function is destroyed.
  template <class Fn>
  AbortHandle SpawnBlocking(Fn fn, TaskOptions options = {},
                            base::SourceLocation place = base::SourceLocation::Current()) const {
    return internal::MakeBlockingTask(internal::TrackedFn<Fn>{Token(), std::move(fn)}, std::move(options), place).abort_handle();
  }
  template <class On, class Fn>
  AbortHandle SpawnBlockingOn(const On& on, Fn fn, TaskOptions options = {},
                              base::SourceLocation place = base::SourceLocation::Current()) const {
    auto entered = on.Enter();
    return SpawnBlocking(std::move(fn), std::move(options), place);
  }
  // The same future, counted from now until it is destroyed.
  template <class F>
  TrackedFuture<std::decay_t<F>> Track(F&& future) const {
    return TrackedFuture<std::decay_t<F>>(std::forward<F>(future), Token());
  }
  TaskTrackerToken Token() const { return TaskTrackerToken(block_); }

  // Says that waiting may end. Whether it was open. Reopen takes it back.
  bool Close() const { return block_->Close(); }
  bool Reopen() const { return block_->Reopen(); }
  bool IsClosed() const { return block_->closed(); }

  // Ends when the tracker is closed and nothing is tracked: at once if it is so already.
  TrackerWait Wait() const { return TrackerWait(block_); }
  TrackerWait CloseAndWait() const {
    Close();
    return Wait();
  }

  size_t size() const { return block_->size(); }
  bool empty() const { return size() == 0; }

  // Whether both are copies of one tracker.
  friend bool operator==(const TaskTracker& a, const TaskTracker& b) { return a.block_ == b.block_; }
  friend bool operator!=(const TaskTracker& a, const TaskTracker& b) { return a.block_ != b.block_; }

 private:
  friend class TaskTrackerToken;
  explicit TaskTracker(internal::TrackerBlock* block) : block_(block) { block->Ref(); }

  template <class F>
  static constexpr bool MaySpawnLocal() {
    constexpr bool fine = IsFuture<std::decay_t<F>>;
    static_assert(fine, "kioto: SpawnLocal needs a future; give a function's result, not the function");
    static_assert(!fine || !std::is_lvalue_reference_v<F>, "kioto: SpawnLocal takes its future by value: write std::move(future)");
    return fine;
  }

  internal::TrackerBlock* block_;
};

inline TaskTracker TaskTrackerToken::tracker() const { return TaskTracker(block_); }

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_TASK_TRACKER_H_
