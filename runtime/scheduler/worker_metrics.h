// WorkerMetrics: what one worker has done, in numbers. WorkerCounters: where it counts.
//
// STATE       each counter is written by the thread that is the worker, by a plain load and store, and read by any thread. So
//             counting costs no read-modify-write; sums are exact once nothing moves.
//             parks_: one up at each park and at each end of one; odd while parked.
// OWNERSHIP   since_, polls_before_, polls_at_park_, until_next, chance: the worker's thread.
// RACES       R1 the worker moves to another thread: what hands it over orders the counters, too.
//             R2 a reader sees two counters at two moments: it must not take one from the other and call the result exact.
#ifndef KIOTO_RUNTIME_SCHEDULER_WORKER_METRICS_H_
#define KIOTO_RUNTIME_SCHEDULER_WORKER_METRICS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/ticks.h"
#include "kioto/runtime/scheduler/histogram.h"
#include "kioto/runtime/task/scheduler.h"

namespace kioto {

struct HistogramBucket {
  HistogramRange range;  // nanoseconds
  uint64_t count;
};

// Empty if what it counts is not measured.
struct HistogramMetrics {
  std::vector<HistogramBucket> buckets;
  std::chrono::nanoseconds sum{0};  // of all values

  bool enabled() const { return !buckets.empty(); }
  uint64_t count() const;  // of all values
};

// Since the worker's start, if nothing else is said. A current-thread runtime has one worker: who drives it.
struct WorkerMetrics {
  std::thread::id thread_id;      // its thread, or the last one; none before the first
  uint64_t parks = 0;             // times that it went to wait, for want of tasks
  uint64_t park_unparks = 0;      // one up at each of them and one at the end of each: odd while it waits
  uint64_t noop_parks = 0;        // of `parks`, those without a poll since the one before
  uint64_t polls = 0;             // of tasks
  uint64_t local_schedules = 0;   // tasks that it made ready itself: spawned, woken, or yielding
  uint64_t stolen_tasks = 0;      // that it took from other workers
  uint64_t steal_operations = 0;  // in so many goes
  uint64_t overflows = 0;         // times that its queue was full, and tasks went to the global one
  size_t local_queue_depth = 0;   // tasks that wait in its own queue now
  std::chrono::nanoseconds busy_time{0};       // not waiting, up to the last park, or the last look at the global queue
  std::chrono::nanoseconds mean_poll_time{0};  // of late, with all that a poll entails; 0 on a current-thread runtime, whose
                                               // thread has more to do than polls
};

namespace internal {

struct MetricsOptions {
  uint32_t poll_time_every = 0;  // of so many polls one is timed; 0: none
  HistogramScale poll_time_scale;
  bool schedule_latency = false;
  HistogramScale schedule_latency_scale;
};

// `task`, which the caller has the right to poll, is about to be enqueued in a runtime that measures the latency.
void StampSchedule(TaskHeader* task);

class WorkerCounters {
 public:
  explicit WorkerCounters(const MetricsOptions& options);

  // --- The worker's thread ---

  // This thread is the worker from now on; it is that no longer. `polls`: so far.
  void Starts();
  void Stops(uint64_t polls) { CountBusy(polls); }
  // Between two polls. Gives the mean time of a poll, in ticks; 0: not known.
  uint64_t Looks(uint64_t polls) {
    CountBusy(polls);
    return Read(mean_poll_ticks_);
  }
  // Around each wait.
  void Parks(uint64_t polls);
  void Unparked();
  // A poll: RunTask, measured if that was asked for, and between the hooks of its scheduler, if it has some.
  RunResult Run(TaskHeader* task, ThreadContext& thread, const TaskHooks* hooks) {
    if (__builtin_expect(hooks == nullptr && measures_ == nullptr, 1)) return RunTask(task, thread);
    return RunWatched(task, thread, hooks);
  }
  // Before a task is enqueued here: spawned or woken; or after a poll, which Run has seen.
  void Scheduled(TaskHeader* task) {
    Add(local_schedules_);
    if (__builtin_expect(measures_ != nullptr, 0)) StampSchedule(task);
  }
  void ScheduledAgain() { Add(local_schedules_); }
  void Stole(uint64_t tasks) {
    Add(stolen_tasks_, tasks);
    Add(steal_operations_);
  }
  void ForcedYield() { Add(forced_yields_); }

  // --- Any thread ---

  uint64_t local_schedules() const { return Read(local_schedules_); }
  uint64_t forced_yields() const { return Read(forced_yields_); }
  // All but what the owner adds: polls, overflows, local_queue_depth.
  WorkerMetrics Get(const base::TickScale& ticks) const;
  HistogramMetrics PollTimes() const;
  HistogramMetrics ScheduleLatencies() const;

  // For counters that a worker's owner keeps; its thread alone.
  static void Add(base::Atomic<uint64_t>& counter, uint64_t by = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);  // relaxed: one writer, a figure
  }
  static uint64_t Read(const base::Atomic<uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);  // relaxed: a figure
  }

 private:
  struct Measures {
    explicit Measures(const MetricsOptions& options);
    std::unique_ptr<Histogram> poll_times;          // null: not measured
    std::unique_ptr<Histogram> schedule_latencies;  // as above
    const uint32_t every;                           // polls
    uint32_t until_next = 1;                        // polls
    uint64_t chance = 0x9e3779b97f4a7c15u;
  };

  RunResult RunWatched(TaskHeader* task, ThreadContext& thread, const TaskHooks* hooks);
  std::optional<std::chrono::nanoseconds> TakeLatency(TaskHeader* task);
  int64_t PollStarts();
  void CountBusy(uint64_t polls);

  const std::unique_ptr<Measures> measures_;  // null: nothing is measured
  base::Atomic<uint64_t> local_schedules_{0};
  base::Atomic<uint64_t> parks_{0};
  base::Atomic<uint64_t> noop_parks_{0};
  base::Atomic<uint64_t> busy_ticks_{0};
  base::Atomic<uint64_t> mean_poll_ticks_{0};
  uint64_t since_ = 0;           // ticks, when it began to be busy, or was last counted
  uint64_t polls_before_ = 0;    // that moment's
  uint64_t polls_at_park_ = 0;
  base::Atomic<uint64_t> stolen_tasks_{0};
  base::Atomic<uint64_t> steal_operations_{0};
  base::Atomic<uint64_t> forced_yields_{0};
  base::Atomic<std::thread::id> thread_id_{std::thread::id()};
};

}  // namespace internal
}  // namespace kioto

#endif  // KIOTO_RUNTIME_SCHEDULER_WORKER_METRICS_H_
