#include "kioto/runtime/scheduler/metrics.h"

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/driver/reactor.h"

namespace kioto {
namespace {

// Of all drivers.
uint64_t Sum(const internal::DriverSet& set, base::Atomic<uint64_t> internal::IoCounts::* counter) {
  uint64_t sum = 0;
  for (const internal::Driver* driver : set.drivers) {
    const internal::IoCounts* counts = driver->io_counts();
    if (counts != nullptr) sum += (counts->*counter).load(std::memory_order_relaxed);  // relaxed: a figure
  }
  return sum;
}

}  // namespace

const internal::WorkerCounters& RuntimeMetrics::Counters(size_t worker) const {
  KIOTO_CHECK(worker < core_->workers(), "RuntimeMetrics was asked about a worker that the runtime does not have");
  return core_->CountersOf(static_cast<int>(worker));
}

size_t RuntimeMetrics::workers() const { return core_->workers(); }

WorkerMetrics RuntimeMetrics::worker(size_t index) const {
  WorkerMetrics metrics = Counters(index).Get(core_->ticks);
  core_->AddMetricsOf(static_cast<int>(index), metrics);
  return metrics;
}

size_t RuntimeMetrics::alive_tasks() const { return core_->owned.size(); }
uint64_t RuntimeMetrics::spawned_tasks() const { return core_->owned.linked(); }
size_t RuntimeMetrics::global_queue_depth() const { return core_->global_queue_depth(); }
uint64_t RuntimeMetrics::remote_schedules() const { return core_->remote_schedules(); }

uint64_t RuntimeMetrics::budget_forced_yields() const {
  uint64_t sum = core_->foreign_forced_yields();
  for (size_t i = 0; i < core_->workers(); ++i) sum += Counters(i).forced_yields();
  return sum;
}

size_t RuntimeMetrics::blocking_threads() const { return static_cast<size_t>(core_->blocking->threads()); }
size_t RuntimeMetrics::idle_blocking_threads() const { return static_cast<size_t>(core_->blocking->idle_threads()); }
size_t RuntimeMetrics::blocking_queue_depth() const { return core_->blocking->queued(); }

uint64_t RuntimeMetrics::io_fds_registered() const { return Sum(core_->drivers, &internal::IoCounts::registered); }
uint64_t RuntimeMetrics::io_fds_deregistered() const { return Sum(core_->drivers, &internal::IoCounts::deregistered); }
uint64_t RuntimeMetrics::io_ready_events() const { return Sum(core_->drivers, &internal::IoCounts::events); }

HistogramMetrics RuntimeMetrics::poll_times(size_t worker) const { return Counters(worker).PollTimes(); }
HistogramMetrics RuntimeMetrics::schedule_latencies(size_t worker) const { return Counters(worker).ScheduleLatencies(); }

}  // namespace kioto
