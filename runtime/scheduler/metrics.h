// RuntimeMetrics: what a runtime has done and has to do, in numbers. Always counted: a counter is a load and a store by the
// worker whose it is.
//
//   RuntimeMetrics metrics = runtime.metrics();                       // any thread, any number of times
//   metrics.alive_tasks(), metrics.worker(0).parks …
//   response.body = metrics.ToPrometheus();
//
// Each call looks at the counters as they are at that moment: two calls see two moments. Once nothing moves, sums are exact.
// Histograms are off until RuntimeBuilder::MeasurePollTimes and MeasureScheduleLatency turn them on.
#ifndef KIOTO_RUNTIME_SCHEDULER_METRICS_H_
#define KIOTO_RUNTIME_SCHEDULER_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kioto/runtime/scheduler/core.h"
#include "kioto/runtime/scheduler/worker_metrics.h"

namespace kioto {

// Copyable; keeps the runtime's memory, not its tasks, so it can be asked after the runtime's end. THREADS: any.
class RuntimeMetrics {
 public:
  explicit RuntimeMetrics(std::shared_ptr<internal::RuntimeCore> core) : core_(std::move(core)) {}

  size_t workers() const;
  // Of one of them, from 0; there must be one (checked).
  WorkerMetrics worker(size_t index) const;

  // --- Tasks ---

  // Spawned, and not yet ended. Blocking jobs and the futures of BlockOn are none.
  size_t alive_tasks() const;
  // Ever accepted.
  uint64_t spawned_tasks() const;
  // That wait where any worker may take them: those from other threads, and what overflowed.
  size_t global_queue_depth() const;
  // Times that a task was spawned or woken by a thread that is no worker of the runtime.
  uint64_t remote_schedules() const;
  // Polls that ended because the budget was spent (a leaf was ready, and refused), those of BlockOn's futures among them.
  uint64_t budget_forced_yields() const;

  // --- Threads for code that blocks ---

  size_t blocking_threads() const;
  size_t idle_blocking_threads() const;
  // Jobs that wait because all threads that there may be have one.
  size_t blocking_queue_depth() const;

  // --- I/O; 0 without ---

  // Sockets and other descriptors that reactors began to watch: at their first wait; that they watch no more; and readiness
  // events that arrived.
  uint64_t io_fds_registered() const;
  uint64_t io_fds_deregistered() const;
  uint64_t io_ready_events() const;

  // --- Histograms, of one worker ---

  // How long polls took, of those that were timed.
  HistogramMetrics poll_times(size_t worker) const;
  // From the moment when a task was spawned, woken or yielded until its next poll.
  HistogramMetrics schedule_latencies(size_t worker) const;

  // All of it in Prometheus' text format 0.0.4: kioto_… with HELP and TYPE, workers by the label `worker`, times in seconds; a
  // runtime with a name has it on each line, as the label `runtime`.
  // The guide has the list of names: tools/guide/metrics.md.
  std::string ToPrometheus() const;

 private:
  const internal::WorkerCounters& Counters(size_t worker) const;

  std::shared_ptr<internal::RuntimeCore> core_;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_SCHEDULER_METRICS_H_
