// CurrentThread: the scheduler whose tasks all run on the thread that drives it: under BlockOn, or on an attached loop.
//
// STATE       the local queue: a FIFO through TaskHeader::queue_next; the driving thread's alone, no atomics.
//             injector_: tasks from other threads, and from this one while it does not drive.
//             driving_: whether some thread drives; under drive_lock_, with the threads that wait for their turn.
//             shutting_down_: set under drive_lock_. Whoever drives then ends every task, at the latest when it stops;
//             ended_ says so. But tasks of SpawnLocal are ended by the thread that they are bound to (bound_to_): another
//             one ends all others, and leaves the rest.
//             Attached, the loop's thread drives all the time; detach_asked_ tells it to end.
// RACES       R1 a task injected while the driving thread goes to park: pushed first, Unpark second; the driver's token
//                makes the park return.
//             R2 two BlockOn calls: the second polls its own root, parked on its Parker, and takes over driving when the
//                first leaves.
//             R3 Shutdown while another thread drives: it unparks the driver; the driving thread sees shutting_down_ in its
//                next round, or in StopDriving, under the lock.
//             R4 SpawnLocal on a thread that has entered the runtime but does not drive it: it binds the runtime to itself
//                under drive_lock_, and only while nobody drives; who comes to drive later sees that.
//             R5 Detach on another thread: what it asks for is published by detach_asked_, and the loop's thread awaits that
//                call's end (foreign_) before it closes what the call still unparks.
#ifndef KIOTO_RUNTIME_SCHEDULER_CURRENT_THREAD_H_
#define KIOTO_RUNTIME_SCHEDULER_CURRENT_THREAD_H_

#include <memory>
#include <vector>

#include "kioto/runtime/base/park.h"
#include "kioto/runtime/scheduler/core.h"
#include "kioto/runtime/scheduler/injector.h"
#include "kioto/runtime/scheduler/run_hash.h"
#include "kioto/runtime/task/scheduler_list.h"

namespace kioto::internal {

class HostedDriver;

class CurrentThreadCore final : public RuntimeCore, private DriveHook {
 public:
  static StatusOr<std::shared_ptr<CurrentThreadCore>> Make(const RuntimeOptions& options);
  // On the loop's thread, which becomes the only one that drives.
  static StatusOr<std::shared_ptr<CurrentThreadCore>> Attach(uv_loop_t* loop, const RuntimeOptions& options);
  // The same on a thread that drives by hand (hosted.h), with its driver, for as long as the core lives.
  static StatusOr<std::shared_ptr<CurrentThreadCore>> Host(const RuntimeOptions& options, HostedDriver** driver);
  ~CurrentThreadCore();

  Status BlockOn(RootFuture& root) override;
  ShutdownReport Shutdown(int64_t deadline_ns) override;
  Status Detach(void (*done)(void*), void* arg) override;
  bool EndsElsewhere() const override { return attached_ != nullptr && !OnLoopThread(); }

  void Enqueue(TaskHeader* task) override;
  void EnqueueNew(TaskHeader* task) override;
  int ShardForThisThread() const override { return InDrivingThread() ? 0 : 1; }
  bool CanSpawnLocal() const override;
  bool FindRunning(const TaskHeader* task, RunningPoll* poll) const override;

  RuntimeFlavor flavor() const override { return RuntimeFlavor::kCurrentThread; }
  size_t workers() const override { return 1; }
  const WorkerCounters& CountersOf(int) const override { return counters_; }
  void AddMetricsOf(int worker, WorkerMetrics& metrics) const override;
  size_t global_queue_depth() const override { return injector_.size(); }
  uint64_t trace_hash() const override { return run_hash_ != nullptr ? run_hash_->hash() : 0; }

 private:
  struct Waiting {  // a thread in BlockOn while another one drives
    base::Parker parker;
  };

  explicit CurrentThreadCore(const RuntimeOptions& options);
  void AddDriver(std::unique_ptr<Driver> driver);

  bool InDrivingThread() const { return kioto::internal::CurrentThread().worker == this; }
  bool TryStartDriving(Waiting* waiting);
  void StopDriving();
  void StopWaiting(Waiting* waiting);
  bool BeginShutdown();
  bool AwaitEnd(int64_t deadline_ns);
  bool OnLoopThread() const { return loop_thread_ == &kioto::internal::CurrentThread(); }
  bool BindHere();
  bool BoundElsewhere(size_t not_counted = 0) const;
  bool NeedsEnd() const;
  enum class Awaited { kMayDrive, kReady, kShutdown };
  Awaited AwaitRoot(RootFuture& root);
  bool Drive(RootFuture& root);
  bool HasEnded();

  WorkerCounters* CountersHere() override { return InDrivingThread() ? &counters_ : nullptr; }

  [[gnu::noinline]] void EnqueueForeign(TaskHeader* task);
  [[gnu::noinline]] void EnqueueHashed(TaskHeader* task);
  void PushLocal(TaskHeader* task);
  TaskHeader* PopLocal();
  TaskHeader* PopRandom();
  TaskHeader* LastReady();
  TaskHeader* Next();
  void TakeInjected();
  void Run(TaskHeader* task);
  RunResult Poll(TaskHeader* task);
  RunResult PollHashed(TaskHeader* task);
  void Record(RunHash::Event event, const TaskHeader* task);
  bool HasReady() const { return local_head_ != nullptr || !injector_.empty(); }
  void EndEverything();
  void EndTasks(size_t but_for);
  void ReportLeft(ShutdownReport& report, bool ended);
  void StartDetach(void (*done)(void*), void* arg);
  void FinishDetach();
  void SeedFromLastTime();

  // DriveHook: an attached loop's turn.
  bool RunReady(int max_tasks, int64_t max_nanos) override;
  bool KeepAlive() override;

  const RuntimeOptions options_;
  std::unique_ptr<Driver> driver_;
  AttachedDriver* attached_ = nullptr;  // driver_, if attached
  const void* loop_thread_ = nullptr;   // of the attached loop
  Injector injector_;
  const uint32_t event_interval_;         // polls
  const uint32_t global_queue_interval_;  // polls

  // The driving thread's.
  TaskHeader* local_head_ = nullptr;
  TaskHeader* local_tail_ = nullptr;
  TaskHeader* turn_before_ = nullptr;  // the first task that yielded since the last driver turn
  uint64_t look_at_ = 0;  // so many polls from the start, it is time to look at the injector
  uint64_t random_ = 0;
  WorkerCounters counters_;
  base::Atomic<uint64_t> polls_{0};    // of tasks; as all counters: see worker_metrics.h
  base::Atomic<uint64_t> fetched_{0};  // tasks that came to the local queue out of the injector
  base::Atomic<uint64_t> ended_here_{0};  // tasks that left the local queue without a poll
  const std::unique_ptr<RunHash> run_hash_;  // null unless the runtime is deterministic
  const void* bound_to_ = nullptr;  // the thread of the last SpawnLocal; also written under drive_lock_ while nobody drives
  bool others_ended_ = false;       // all but the tasks that are bound to another thread
  base::Atomic<const TaskHeader*> polled_{nullptr};  // the task of the present poll, for reports; only compared

  base::Mutex drive_lock_;
  bool driving_ = false;
  bool ended_ = false;  // also read by the driving thread, which alone sets it
  std::vector<Waiting*> waiting_;

  // Attached: a Detach inside a task or on another thread is done at the end of the turn. The rest is written before
  // detach_asked_ is set.
  bool in_turn_ = false;  // the loop's thread
  base::Atomic<bool> detach_asked_{false};
  void (*detached_)(void*) = nullptr;
  void* detached_arg_ = nullptr;
  std::shared_ptr<RuntimeCore> self_;  // until `detached_` is called: the turn that detaches us is still ours

  const ListedScheduler listed_{ListedScheduler::Kind::kCurrentThread, this};
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_CURRENT_THREAD_H_
