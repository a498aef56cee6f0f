// RuntimeCore: what the two schedulers share, and what Runtime and Handle see of them.
#ifndef KIOTO_RUNTIME_SCHEDULER_CORE_H_
#define KIOTO_RUNTIME_SCHEDULER_CORE_H_

#include <memory>
#include <string>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/may_block.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/ticks.h"
#include "kioto/runtime/blocking/pool.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/scheduler/options.h"
#include "kioto/runtime/scheduler/worker_metrics.h"
#include "kioto/runtime/task/root_future.h"
#include "kioto/runtime/task/scheduler.h"

namespace kioto::internal {

class RootWaker;

// Counts the calls of Enqueue by threads outside a runtime, and those that are under way: the last of them may still touch the
// scheduler after the task that it brought is gone, so shutdown waits for them.
class ForeignCalls {
 public:
  // relaxed: made while the task is live, which shutdown sees in its own way.
  void Enter() { word_.fetch_add(kCallOne + 1, std::memory_order_relaxed); }
  void EnterUncounted() { word_.fetch_add(1, std::memory_order_relaxed); }  // relaxed: as above
  void Leave() { word_.fetch_sub(1, std::memory_order_release); }           // release: pairs with AwaitNone's acquire
  void AwaitNone();
  uint64_t calls() const {
    return word_.load(std::memory_order_relaxed) / kCallOne;  // relaxed: a figure
  }

 private:
  static constexpr uint64_t kCallOne = uint64_t{1} << 16;
  base::Atomic<uint64_t> word_{0};  // calls so far (bits 16..63) | calls under way
};

class RuntimeCore : public Scheduler, public std::enable_shared_from_this<RuntimeCore> {
 public:
  virtual ~RuntimeCore() = default;

  // Drives `root` to its end on this thread. Not OK: why it can not be driven here.
  virtual Status BlockOn(RootFuture& root) = 0;
  // Attached to a loop only: ends every task, closes the handles, calls `done` in a later turn of the host. Any thread.
  virtual Status Detach(void (*done)(void*), void* arg);
  // Whether its end has to wait for the turn of a host's loop on another thread, which nobody promises to come.
  virtual bool EndsElsewhere() const { return false; }
  // Stops; waits until `deadline_ns` of the real clock for what still runs. Any thread, any number of times, at once too.
  virtual ShutdownReport Shutdown(int64_t deadline_ns) = 0;
  // See Runtime::trace_hash.
  virtual uint64_t trace_hash() const { return 0; }
  // The Runtime's owner has called Shutdown, ShutdownBackground or (not in vain) Detach, so its destructor does not wait. Several
  // threads may at once. relaxed: who reads it, the destructor, comes after all of them.
  void NoteEndedByCaller() { ended_by_caller_.store(true, std::memory_order_relaxed); }
  bool ended_by_caller() const {
    return ended_by_caller_.load(std::memory_order_relaxed);  // relaxed: as above
  }
  // In a child of fork(): it can not be ended there, and to destroy it would take sockets out of the parent's epoll sets.
  void KeepForEver() { kept_ = shared_from_this(); }
  // Whether Shutdown (or Detach) was called.
  bool shutting_down() const {
    return shutting_down_.load(std::memory_order_acquire);  // acquire: pairs with the release of who stops it
  }

  const std::string& name() const { return name_; }  // "" without one

  // Stops the runtime because of a task that failed with nobody to join it.
  void EndUnhandled(const UnhandledFailure& failure) override;
  bool Owns(const Scheduler* scheduler) const override;
  // Why a BlockOn was refused or ended: with that task, if it was the reason.
  Status Explain(Status refusal) const;

  void AddBlockingPool(const RuntimeOptions& options);
  DriverOptions DriverOptionsFor(const RuntimeOptions& options);

  virtual RuntimeFlavor flavor() const = 0;

  // For RuntimeMetrics. Any thread.
  virtual size_t workers() const = 0;
  virtual const WorkerCounters& CountersOf(int worker) const = 0;
  // What the worker's counters do not know: polls, overflows, the depth of its queue.
  virtual void AddMetricsOf(int worker, WorkerMetrics& metrics) const = 0;
  virtual size_t global_queue_depth() const = 0;
  uint64_t remote_schedules() const { return foreign_.calls(); }
  uint64_t foreign_forced_yields() const { return WorkerCounters::Read(foreign_forced_yields_); }
  const base::TickScale ticks;

  void OnForcedYield() final;

  DriverSet drivers;
  std::shared_ptr<BlockingPool> blocking;

 protected:
  RuntimeCore(int shards, const RuntimeOptions& options);

  // Those of the worker that this thread is; null if it is none.
  virtual WorkerCounters* CountersHere() = 0;

  ForeignCalls foreign_;
  base::Atomic<bool> shutting_down_{false};  // never cleared
  base::Atomic<bool> ended_by_caller_{false};  // never cleared

 private:
  base::Atomic<uint64_t> foreign_forced_yields_{0};  // by BlockOn's futures on threads that are no worker
  const std::string name_;
  const TaskHooks task_hooks_;
  std::shared_ptr<RuntimeCore> kept_;  // itself, or null
  const UnhandledHook on_unhandled_;
  mutable base::Mutex ended_by_lock_;
  std::string ended_by_;  // the first failure that stopped the runtime; ""
};

// Polls the future of a BlockOn if it was woken. Whether it has ended. One that yields is woken, and `*yielded` says so: who runs
// tasks on this thread lets them have their turn before the next poll.
bool PollRoot(RootFuture& root, RootWaker& waker, bool* yielded = nullptr);

// What a thread drives, as BlockInPlace sees it. On its thread alone.
class Driving {
 public:
  // Another thread is to go on with it; this one is told so by its ThreadContext. Not OK: why that can not be. A pass of 0: it
  // stays here all the same, and stands still meanwhile.
  virtual StatusOr<uint64_t> HandOver() = 0;
  // With a pass: whether it is this thread's again.
  virtual bool TakeBack(uint64_t pass) = 0;
  // As WorkerIndex.
  virtual int index() const = 0;

 protected:
  ~Driving() = default;
};

// What one thread alone may drive.
Driving* DrivenHereOnly();

// This thread drives nothing any more.
inline void LeaveWorker(ThreadContext& thread) {
  thread.driver = nullptr;
  thread.worker = nullptr;
  thread.driving = nullptr;
}

// Sets what this thread belongs to, and puts back what was there before. With a worker: it runs tasks, and may not block.
class ContextScope {
 public:
  // For who enters, and goes on driving what he drives.
  ContextScope(Scheduler* scheduler, DriverSet* drivers)
      : ContextScope(scheduler, drivers, nullptr, nullptr, CurrentThread().driving) {
    enters_ = true;
  }
  ContextScope(Scheduler* scheduler, DriverSet* drivers, Driver* driver, void* worker, Driving* driving)
      : saved_(CurrentThread()), scheduler_(scheduler), may_block_(base::thread_may_block) {
    if (worker != nullptr) base::thread_may_block = false;
    ThreadContext& now = CurrentThread();
    now.scheduler = scheduler;
    now.drivers = drivers;
    now.trace = scheduler->trace.get();
    now.driver = driver;
    now.worker = worker;
    now.driving = driving;
  }
  ~ContextScope() {
    const ThreadContext before = CurrentThread();
    KIOTO_CHECK(before.scheduler == scheduler_,
                "an EnterGuard went away before one that was made after it: guards go in reverse order, on their own thread");
    ThreadContext& now = CurrentThread();
    now = saved_;
    now.random = before.random;
    if (enters_ && before.driving != saved_.driving) LeaveWorker(now);  // it was handed over meanwhile
    base::thread_may_block = may_block_;
  }
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;

 private:
  const ThreadContext saved_;
  const Scheduler* const scheduler_;
  const bool may_block_;
  bool enters_ = false;
};

// Seeds this thread's generator: from `seed` and `index`, or by chance if `seed` is 0.
void SeedThread(uint64_t seed, int index);

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_CORE_H_
