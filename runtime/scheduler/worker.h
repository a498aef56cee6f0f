// Worker: one seat of a work-stealing runtime: its queue, its driver, and the loop of the thread that feeds on them. A task's
// BlockInPlace hands it to another thread (seat.h): so nothing keeps a pointer to a worker across a poll but the loop itself,
// which asks afterwards whether it is still its own.
//
// STATE       polls_: twice the polls so far, plus one while a poll is in progress; written by the worker alone, read by the
//             monitor, which takes a value that is odd and has not moved for a tick for a worker that is stuck in a poll.
// OWNERSHIP   everything else here belongs to the thread in the seat, but for the queue's shared ends and the driver's own.
//             While the seat is free polls_ stays odd: the monitor does its work until a thread comes.
#ifndef KIOTO_RUNTIME_SCHEDULER_WORKER_H_
#define KIOTO_RUNTIME_SCHEDULER_WORKER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/driver/driver.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/scheduler/core.h"
#include "kioto/runtime/scheduler/run_queue.h"
#include "kioto/runtime/scheduler/seat.h"
#include "kioto/runtime/scheduler/thread_stack.h"
#include "kioto/runtime/scheduler/worker_metrics.h"

namespace kioto::internal {

class WorkStealingCore;

class alignas(128) Worker final : public Driving {
 public:
  Worker(WorkStealingCore* core, int index, std::unique_ptr<Driver> driver);

  // The body of the thread in the seat: until the runtime shuts down. False: a poll has handed the seat over for good.
  [[nodiscard]] bool Loop();
  // On a thread that was called: whether it is in the seat now.
  [[nodiscard]] bool TakeSeat() { return seat_.Take(); }
  // Inside a poll.
  StatusOr<uint64_t> HandOver() override;
  bool TakeBack(uint64_t pass) override;
  int index() const override { return index_; }

  // On this worker's thread: a task was woken, or spawned.
  void PushWoken(TaskHeader* task);
  void PushNew(TaskHeader* task);

  WorkStealingCore* core() const { return core_; }
  Driver* driver() const { return driver_.get(); }
  RunQueue& queue() { return queue_; }
  WorkerCounters& counters() { return counters_; }

  // Any thread.
  uint64_t polls() const {
    return polls_.load(std::memory_order_acquire);  // acquire: pairs with the first poll's release of the thread's names
  }
  bool polling() const { return (polls() & 1) != 0; }
  // "task 17 \"name\", spawned at file.cc:42": the task of the present poll, or of the last one. Copied out at the poll's start, for
  // the task itself may be gone while one looks.
  std::string DescribePoll() const;
  struct Polled {
    uint64_t task_id;
    std::string name;
    const char* file;
    int line;
  };
  Polled polled() const;
  // The number of that task.
  uint64_t polled_task() const { return task_id_.load(std::memory_order_relaxed); }  // relaxed: see polled()
  // The monitor has found the poll with that number going on at that time; and when that was, 0 if it is over.
  void NoteStuck(uint64_t polls, int64_t since_ns) {
    stuck_since_ns_.store(since_ns, std::memory_order_relaxed);  // relaxed: published with stuck_polls_
    stuck_polls_.store(polls, std::memory_order_release);        // release: pairs with stuck_since_ns
  }
  int64_t stuck_since_ns() const {
    // acquire: pairs with NoteStuck. Its next note may be half seen: a report, off by one poll.
    if (stuck_polls_.load(std::memory_order_acquire) != polls()) return 0;
    return stuck_since_ns_.load(std::memory_order_relaxed);  // relaxed: as above
  }
  // Valid once the worker has polled. In the middle of a hand-over the two parts may belong to two threads.
  ThreadIdentity thread() const;

 private:
  TaskHeader* Next();
  TaskHeader* Search();
  TaskHeader* StealFromOthers();
  TaskHeader* TakeShare();
  TaskHeader* TakeInjected(size_t max);
  bool HarvestOthers();
  void SitDown();
  bool Run(TaskHeader* task);
  TaskHeader* Look();
  void LookAtDriver();
  void Turn();
  void BeginBringing();
  void EndBringing();
  void Park();
  bool WorkAnywhere();
  void PushRing(TaskHeader* task);
  void CopyName(const std::string& name);

  WorkStealingCore* const core_;
  const int index_;
  const std::unique_ptr<Driver> driver_;
  base::Atomic<uintptr_t> pthread_{0};  // both are written before the first poll, which whoever reads them has seen
  base::Atomic<int> system_id_{0};
  Seat seat_;
  RunQueue queue_;
  WorkerCounters counters_;

  uint32_t tick_ = 0;   // polls since the last look at the driver or the injector
  uint32_t interval_;   // so many polls from one look at the driver to the next
  uint32_t to_driver_;  // and those of them that were left at the last look
  uint32_t to_global_;  // the same of the injector, if it has an interval of its own
  uint32_t next_look_;  // polls from the last look to the next
  uint32_t looks_ = 0;
  uint64_t interval_ticks_ = 0;  // limits::kEventIntervalNs, as it was found to be some looks ago
  int lifo_polls_ = 0;                 // polls in a row from the slot
  bool use_slot_;
  bool bringing_ = false;              // a driver's turn delivers many wakes at once, in their order: the slot is not used
  bool searching_ = false;
  bool parked_ = false;                // in Park, counted as parked
  TaskHeader* turn_before_ = nullptr;  // the first task that yielded since the last turn; only compared
  uint64_t chance_ = 0;                // whom to steal from first; of its own: how often it looks changes no Select

  alignas(64) base::Atomic<uint64_t> polls_{0};
  base::Atomic<uint64_t> task_id_{0};
  base::Atomic<const char*> file_{""};
  base::Atomic<int> line_{0};
  static constexpr int kNameWords = 6;
  base::Atomic<uint64_t> name_[kNameWords] = {};  // of the task; cut, and ended by 0
  // The monitor's.
  base::Atomic<uint64_t> stuck_polls_{0};
  base::Atomic<int64_t> stuck_since_ns_{0};
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_WORKER_H_
