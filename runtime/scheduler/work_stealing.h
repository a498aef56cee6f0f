// WorkStealing: the scheduler with several workers, each a thread with a run queue, a driver and a timer wheel.
//
//   spawn, wake on a worker  -> its LIFO slot or ring        on any other thread -> the injector
//   a worker's next task     -> slot (a few times in a row), ring, injector, then another worker's ring, then its reactor
//   nothing at all           -> parks inside its driver
//
// A task woken into the slot wakes nobody. A queue that grows past one wakes one worker, if nobody searches (idle.h): who
// finds work while being the last to search wakes the next. The queue's order, the RMW budget and the races are in
// run_queue.h, those of parking in idle.h.
//
// A worker that is inside a long poll must not freeze what is bound to it: monitor.h.
#ifndef KIOTO_RUNTIME_SCHEDULER_WORK_STEALING_H_
#define KIOTO_RUNTIME_SCHEDULER_WORK_STEALING_H_

#include <memory>
#include <vector>

#include "kioto/runtime/base/park.h"
#include "kioto/runtime/base/thread.h"
#include "kioto/runtime/scheduler/core.h"
#include "kioto/runtime/scheduler/idle.h"
#include "kioto/runtime/scheduler/injector.h"
#include "kioto/runtime/scheduler/worker.h"
#include "kioto/runtime/task/scheduler_list.h"

namespace kioto::internal {

class Monitor;

class WorkStealingCore final : public RuntimeCore {
 public:
  static StatusOr<std::shared_ptr<WorkStealingCore>> Make(const RuntimeOptions& options);
  ~WorkStealingCore();

  Status BlockOn(RootFuture& root) override;
  ShutdownReport Shutdown(int64_t deadline_ns) override;

  void Enqueue(TaskHeader* task) override;
  void EnqueueNew(TaskHeader* task) override;
  int ShardForThisThread() const override;
  bool CanSpawnLocal() const override { return false; }
  bool FindRunning(const TaskHeader* task, RunningPoll* poll) const override;

  RuntimeFlavor flavor() const override { return RuntimeFlavor::kMultiThread; }
  size_t workers() const override { return workers_.size(); }
  const WorkerCounters& CountersOf(int worker) const override { return workers_[worker]->counters(); }
  void AddMetricsOf(int worker, WorkerMetrics& metrics) const override;
  size_t global_queue_depth() const override { return injector_.size(); }

  // For workers and the monitor.
  int size() const { return static_cast<int>(workers_.size()); }
  Worker& worker(int index) { return *workers_[index]; }
  Injector& injector() { return injector_; }
  Idle& idle() { return idle_; }
  const RuntimeOptions& options() const { return options_; }
  // Work was queued that any worker may take: wakes one if none is searching.
  void NotifyOne();
  void WakeMonitor();
  // A thread is needed in the worker's seat: one of the blocking pool comes. False: none can be had.
  bool CallToSeat(int worker);
  // This thread leaves its seat inside the poll so described; the poll is over, or the seat its own again.
  void PollBlocks(const Worker& worker);
  void BlockedPollEnds();

 private:
  // A thread in the middle of a poll that has handed its worker over.
  struct BlockedPoll {
    const void* thread;
    const Worker* worker;  // and its polls() then: until the next thread sits down, they look like a poll of its own
    uint64_t polls;
    std::string poll;
  };

  // While it lives, `parker` is unparked when everything that this thread may wait for has ended.
  class AwaitingEnd {
   public:
    AwaitingEnd(WorkStealingCore* core, base::Parker* parker);
    ~AwaitingEnd();
    bool ended() const;

   private:
    WorkStealingCore* const core_;
    base::Parker* const parker_;
    bool in_blocked_poll_;
  };

  WorkStealingCore(const RuntimeOptions& options, int workers);

  Worker* WorkerOfThisThread() const;
  WorkerCounters* CountersHere() override;
  void EnqueueForeign(TaskHeader* task);
  Status Start();
  Status StartThreads();
  std::string NameOfThread(int worker) const;
  static bool RunWorker(WorkStealingCore& core, int index);
  static void RunFirst(std::shared_ptr<WorkStealingCore> core, int index);
  bool LetGo(int index);
  void WorkerEnds();
  size_t blocked_polls();
  void ReleaseBlockedPolls();
  void EndEverything();
  TaskHeader* TakeAny();
  bool AwaitEnd(int64_t deadline_ns);
  void JoinThreads();
  void ReportStuck(ShutdownReport& report);

  const RuntimeOptions options_;
  Idle idle_;
  Injector injector_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Monitor> monitor_;

  // Under end_lock_:
  base::Mutex end_lock_;
  int running_ = 0;                      // workers that have not ended; the thread of the last one ends everything
  std::vector<BlockedPoll> blocked_;
  bool cancelled_ = false;               // all tasks have ended but those inside of blocked_
  bool ended_ = false;                   // everything has
  std::vector<base::Thread> threads_;    // of the workers, until they hand them over; the first Shutdown takes them
  std::vector<base::Parker*> awaiting_;  // threads in Shutdown and BlockOn

  // Held while a Shutdown joins threads, and so while their last hooks run, which must not ask for it. end_lock_ is taken inside.
  base::Mutex join_lock_;
  base::Parker blocked_ended_;  // of the thread that ends everything

  const ListedScheduler listed_{ListedScheduler::Kind::kWorkStealing, this};
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_WORK_STEALING_H_
