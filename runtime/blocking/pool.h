// BlockingPool: threads for code that blocks: files, name look-ups, SpawnBlocking. Grows on demand up to a cap, queues up to
// a bound, reuses a waiting thread before it starts one, and lets a thread go that has waited too long.
//
// STATE       under one lock: the queue of tasks, the number of threads, how many of them wait, how many wake-ups were sent
//             to waiting threads and not yet taken; whether a timer is to look again (looks_later_).
// RULES       a job wakes a thread only if one waits that no other job has woken: a busy thread is never woken.
//             Accepted are as many jobs at a time as there may be threads, and max_queued beside them, which wait: how many threads
//             there are by now, and which of them have noticed that they have a job, or none any more, makes no difference. But
//             of two that come in the moment between a job's end and its thread's noticing it, one may be refused though there is
//             room.
//             A thread whose creation is refused is no error while another one lives: the job stays queued. With none, the
//             job is refused. If all that live are inside jobs, which may wait for what is queued, a timer of the runtime asks
//             for the thread again, as often as needed (limits::kThreadRetryNs; if it was set for a full pool, at the end of that time). If all threads that there may be are
//             inside the same jobs for long (limits::kPoolStuckNs), while others wait, that is told to the log, once. The
//             timer needs a runtime with time, which somebody drives, and whose clock runs.
//             A thread that is lent to somebody else (to drive a worker, for BlockInPlace) is none of ours until it comes back:
//             it neither takes part in the cap nor is refused for it. A loan brings its own thread, an idle or a new one, so it
//             waits for no job; the pool takes threads that are no longer needed elsewhere for it (Enlist).
//             A job that is mandatory (TaskHeader::mandatory) and was accepted runs, also when the pool ends meanwhile: Shutdown
//             leaves it to the threads, which end only when none is queued. But if the system refuses the thread that was on
//             its way, and no other lives, it ends with kResourceExhausted, perhaps after StartTask has returned.
// RACES       R1 keep-alive runs out while a job is queued: under the lock the thread sees whether somebody has counted on
//                it (Waiter::woken), and leaves only if nobody has.
//             R2 a mandatory job is submitted while the pool ends: it is queued before Shutdown drops the others, or refused,
//                both under the lock, and refused is over when StartTask returns.
//             R3 a loan waits for a new thread, which is refused, and meanwhile the last other thread takes the loan: what
//                is queued then has no thread, and is refused too.
//             R4 who sets looks_later_, under the lock, owns the timer from then on, until it fires and clears it. The timer
//                keeps no pool.
#ifndef KIOTO_RUNTIME_BLOCKING_POOL_H_
#define KIOTO_RUNTIME_BLOCKING_POOL_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/park.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/blocking/thread_hooks.h"
#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/task/scheduler.h"
#include "kioto/runtime/task/scheduler_list.h"

namespace kioto::internal {

struct BlockingOptions {
  int max_threads;
  size_t max_queued;  // jobs, beside one for each thread that there may be
  int64_t keep_alive_ns;
  std::string thread_name = "kioto-blocking";
  size_t stack_size = 0;
  ThreadHooks hooks = {};
  UnhandledHook on_unhandled = {};  // of jobs
  bool shut_down_on_unhandled = false;  // such a failure stops the runtime
};

class BlockingPool final : public Scheduler, public std::enable_shared_from_this<BlockingPool> {
 public:
  explicit BlockingPool(const BlockingOptions& options);
  ~BlockingPool();

  // The runtime that a job's thread belongs to while it runs: Spawn and Handle::Current work there. A running job keeps its
  // memory, for it may outlive the Runtime.
  void SetRuntime(std::weak_ptr<Scheduler> runtime, DriverSet* drivers);

  // Scheduler: a blocking job is a task that is polled once, on one of our threads.
  void Enqueue(TaskHeader* task) override;
  void EnqueueNew(TaskHeader* task) override { Enqueue(task); }
  int ShardForThisThread() const override { return 0; }
  bool CanSpawnLocal() const override { return false; }
  Status Refusal() const override;
  void EndUnhandled(const UnhandledFailure& failure) override;

  // Takes a place in the queue for a job that is started next (TaskHeader::has_place); or says why there is none.
  Status TakePlace();
  void ReturnPlace();  // the job is not to come

  // Refuses new jobs, drops those that have not started and are not mandatory, waits until `deadline_ns` of the real clock for
  // the others. Returns how many have not ended; their threads end by themselves. Any number of times.
  size_t Shutdown(int64_t deadline_ns);

  // Runs `loan` on a thread that is idle or new, also while the pool shuts down, which awaits it. At most max_threads at a
  // time: false if there are so many, or the system refuses a thread.
  bool Lend(absl::AnyInvocable<void() &&> loan);
  // The calling thread becomes one of the pool's. False: there are enough. Then it calls either of these at once.
  bool Enlist();
  void RunThread();  // until there is too little to do
  void Leave();

  // The timer's: asks again for a thread that was refused, or tells that the jobs stand still.
  void Look();

  int threads() const;
  int idle_threads() const;
  // Jobs that wait because all threads that there may be have one; at most max_queued. Exact when nothing moves.
  size_t queued() const;
  // The jobs that no thread has taken yet, sorted by their addresses, which say which ones they are and no more.
  std::vector<const TaskHeader*> Waiting() const;
  // Some of those that run, for reports.
  std::vector<std::string> DescribeRunning();

 private:
  static constexpr uint64_t kNotFull = UINT64_MAX;

  struct Waiter {
    base::Parker parker;
    bool woken = false;
  };

  void RunJob(TaskHeader* task);
  Status AdmitLocked(const TaskHeader* job) const;
  bool HasRoomLocked(const TaskHeader* job) const;
  void PushLocked(TaskHeader* task);
  TaskHeader* TakeDroppableLocked();
  Waiter* PopWaiterLocked();
  bool RunLoanLocked();
  bool NeedsThreadLocked() const;
  bool StartThread();
  void BringThread();
  void ThreadEndsLocked();
  TaskHeader* ThreadIsRefusedLocked();
  void CancelOrphans(TaskHeader* orphans);
  void LookLater();
  void TellStuck();

  const BlockingOptions options_;
  mutable base::Mutex lock_;
  TaskHeader* head_ = nullptr;
  TaskHeader* tail_ = nullptr;
  size_t queued_ = 0;  // from head_ to tail_: which no thread has taken yet
  size_t places_ = 0;  // taken, for jobs that are still to come
  int threads_ = 0;
  int running_ = 0;
  std::list<absl::AnyInvocable<void() &&>> loans_;  // not begun; for each a thread is on its way
  int lent_ = 0;
  bool shut_down_ = false;
  uint64_t taken_ = 0;         // jobs, by threads
  bool looks_later_ = false;   // look_ is armed, or about to be (R4); for ever once its wheel has shut down
  uint64_t taken_before_ = 0;  // taken_ at that time, if all threads were inside jobs; else kNotFull
  bool told_ = false;          // that the jobs stand still
  TimerEntry look_;
  std::vector<Waiter*> waiting_;          // last in first out: the warmest thread is reused
  std::vector<base::Parker*> awaiting_;   // threads in Shutdown
  std::weak_ptr<Scheduler> runtime_;
  DriverSet* drivers_ = nullptr;
  const ListedScheduler listed_{ListedScheduler::Kind::kBlockingPool, this};
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_BLOCKING_POOL_H_
