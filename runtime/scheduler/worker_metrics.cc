#include "kioto/runtime/scheduler/worker_metrics.h"

#include <utility>

#include "kioto/runtime/base/clock.h"

namespace kioto {

uint64_t HistogramMetrics::count() const {
  uint64_t sum = 0;
  for (const HistogramBucket& bucket : buckets) sum += bucket.count;
  return sum;
}

namespace internal {
namespace {

HistogramMetrics MetricsOf(const Histogram& histogram) {
  HistogramMetrics metrics;
  for (size_t i = 0; i < histogram.scale().buckets(); ++i) {
    metrics.buckets.push_back({histogram.scale().Range(i), histogram.count(i)});
  }
  metrics.sum = std::chrono::nanoseconds(histogram.sum_nanos());
  return metrics;
}

}  // namespace

void StampSchedule(TaskHeader* task) {
  if (task->detailed) task->details->scheduled_ns = base::MonotonicNanos();
}

WorkerCounters::Measures::Measures(const MetricsOptions& options) : every(options.poll_time_every) {
  if (every > 0) poll_times = std::make_unique<Histogram>(options.poll_time_scale);
  if (options.schedule_latency) schedule_latencies = std::make_unique<Histogram>(options.schedule_latency_scale);
}

WorkerCounters::WorkerCounters(const MetricsOptions& options)
    : measures_(options.poll_time_every > 0 || options.schedule_latency ? std::make_unique<Measures>(options) : nullptr) {}

void WorkerCounters::Starts() {
  thread_id_.store(std::this_thread::get_id(), std::memory_order_relaxed);  // relaxed: a figure
  since_ = base::Ticks();
}

void WorkerCounters::Parks(uint64_t polls) {
  if (std::exchange(polls_at_park_, polls) == polls) Add(noop_parks_);
  CountBusy(polls);
  Add(parks_);
}

void WorkerCounters::Unparked() {
  Add(parks_);
  since_ = base::Ticks();
}

// The mean follows the last few polls: each one counts for a tenth, and what was before for the rest.
void WorkerCounters::CountBusy(uint64_t polls) {
  const uint64_t now = base::Ticks();
  const uint64_t busy = now > since_ ? now - since_ : 0;
  since_ = now;
  Add(busy_ticks_, busy);
  const uint64_t polled = polls - polls_before_;
  polls_before_ = polls;
  if (polled == 0) return;
  const uint64_t mean = Read(mean_poll_ticks_);
  const uint64_t next = mean == 0 ? busy / polled : (busy + 9 * mean) / (polled + 9);
  mean_poll_ticks_.store(next, std::memory_order_relaxed);  // relaxed: a figure
}

[[gnu::noinline, gnu::cold]] RunResult WorkerCounters::RunWatched(TaskHeader* task, ThreadContext& thread, const TaskHooks* hooks) {
  const void* const worker = thread.worker;
  const auto latency = measures_ != nullptr ? TakeLatency(task) : std::nullopt;
  const int64_t started = measures_ != nullptr ? PollStarts() : 0;
  const RunResult result = hooks != nullptr ? RunTaskWithHooks(task, thread, latency) : RunTask(task, thread);
  if (measures_ != nullptr && result != RunResult::kGone) StampSchedule(task);
  // If the poll has handed the worker over, the histogram is another thread's now.
  if (started != 0 && thread.worker == worker) measures_->poll_times->Record(base::MonotonicNanos() - started);
  return result;
}

// How long the task has waited for this poll, if that is measured.
std::optional<std::chrono::nanoseconds> WorkerCounters::TakeLatency(TaskHeader* task) {
  if (measures_->schedule_latencies == nullptr || !task->detailed || task->details->scheduled_ns == 0) return std::nullopt;
  const int64_t waited = base::MonotonicNanos() - std::exchange(task->details->scheduled_ns, 0);
  measures_->schedule_latencies->Record(waited);
  return std::chrono::nanoseconds(waited);
}

// 0: this poll is not one that is timed.
int64_t WorkerCounters::PollStarts() {
  Measures& m = *measures_;
  if (m.every == 0 || --m.until_next > 0) return 0;
  // The next one by chance, one of `every` in the mean: what comes round as regularly as we look would be seen too often.
  m.chance = m.chance * 6364136223846793005u + 1442695040888963407u;
  m.until_next = 1 + static_cast<uint32_t>((m.chance >> 33) % (2 * uint64_t{m.every} - 1));
  return base::MonotonicNanos();
}

WorkerMetrics WorkerCounters::Get(const base::TickScale& ticks) const {
  WorkerMetrics metrics;
  metrics.thread_id = thread_id_.load(std::memory_order_relaxed);  // relaxed: a figure
  metrics.park_unparks = Read(parks_);
  metrics.parks = (metrics.park_unparks + 1) / 2;
  metrics.noop_parks = Read(noop_parks_);
  metrics.local_schedules = Read(local_schedules_);
  metrics.stolen_tasks = Read(stolen_tasks_);
  metrics.steal_operations = Read(steal_operations_);
  metrics.busy_time = std::chrono::nanoseconds(ticks.ToNanos(Read(busy_ticks_)));
  metrics.mean_poll_time = std::chrono::nanoseconds(ticks.ToNanos(Read(mean_poll_ticks_)));
  return metrics;
}

HistogramMetrics WorkerCounters::PollTimes() const {
  if (measures_ == nullptr || measures_->poll_times == nullptr) return {};
  return MetricsOf(*measures_->poll_times);
}

HistogramMetrics WorkerCounters::ScheduleLatencies() const {
  if (measures_ == nullptr || measures_->schedule_latencies == nullptr) return {};
  return MetricsOf(*measures_->schedule_latencies);
}

}  // namespace internal
}  // namespace kioto
