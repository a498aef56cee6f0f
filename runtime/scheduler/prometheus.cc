// RuntimeMetrics as text: https://prometheus.io/docs/instrumenting/exposition_formats. A part of its own: who never asks for it
// does not link it.
#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "kioto/runtime/scheduler/metrics.h"

namespace kioto {
namespace {

// To the nanosecond: a counter of years still shows them.
std::string Seconds(std::chrono::nanoseconds time) {
  return absl::StrCat(time.count() / 1'000'000'000, ".", absl::Dec(time.count() % 1'000'000'000, absl::kZeroPad9));
}

void Head(std::string& text, absl::string_view name, absl::string_view type, absl::string_view help) {
  absl::StrAppend(&text, "# HELP kioto_", name, " ", help, "\n# TYPE kioto_", name, " ", type, "\n");
}

void One(std::string& text, absl::string_view name, absl::string_view type, uint64_t value, absl::string_view help) {
  Head(text, name, type, help);
  absl::StrAppend(&text, "kioto_", name, " ", value, "\n");
}

// A line for each worker. `value(WorkerMetrics)` is a number, perhaps as text.
template <class Value>
void PerWorker(std::string& text, const std::vector<WorkerMetrics>& workers, absl::string_view name, absl::string_view type,
               Value value, absl::string_view help) {
  Head(text, name, type, help);
  for (size_t i = 0; i < workers.size(); ++i) {
    absl::StrAppend(&text, "kioto_", name, "{worker=\"", i, "\"} ", value(workers[i]), "\n");
  }
}

// Buckets are cumulative, and empty ones that change nothing are left out: a histogram has hundreds.
void AppendHistogram(std::string& text, absl::string_view name, size_t worker, const HistogramMetrics& histogram) {
  const std::string label = absl::StrCat("worker=\"", worker, "\"");
  uint64_t sum = 0;
  for (size_t i = 0; i + 1 < histogram.buckets.size(); ++i) {
    const HistogramBucket& bucket = histogram.buckets[i];
    sum += bucket.count;
    if (bucket.count == 0 && i > 0) continue;
    absl::StrAppend(&text, "kioto_", name, "_bucket{", label, ",le=\"",
                    absl::SixDigits(static_cast<double>(bucket.range.end) / 1e9), "\"} ", sum, "\n");
  }
  sum += histogram.buckets.back().count;
  absl::StrAppend(&text, "kioto_", name, "_bucket{", label, ",le=\"+Inf\"} ", sum, "\n");
  absl::StrAppend(&text, "kioto_", name, "_sum{", label, "} ", Seconds(histogram.sum), "\n");
  absl::StrAppend(&text, "kioto_", name, "_count{", label, "} ", sum, "\n");
}

// Nothing if it is off: it is so for all workers.
template <class Get>
void Histograms(std::string& text, size_t workers, absl::string_view name, Get get, absl::string_view help) {
  for (size_t i = 0; i < workers; ++i) {
    const HistogramMetrics histogram = get(i);
    if (!histogram.enabled()) return;
    if (i == 0) Head(text, name, "histogram", help);
    AppendHistogram(text, name, i, histogram);
  }
}

void RuntimeLines(std::string& text, const RuntimeMetrics& m) {
  One(text, "workers", "gauge", m.workers(), "Workers of the runtime.");
  One(text, "alive_tasks", "gauge", m.alive_tasks(), "Tasks spawned and not yet ended.");
  One(text, "spawned_tasks_total", "counter", m.spawned_tasks(), "Tasks ever spawned.");
  One(text, "global_queue_depth", "gauge", m.global_queue_depth(), "Ready tasks that any worker may take.");
  One(text, "remote_schedules_total", "counter", m.remote_schedules(), "Tasks spawned or woken by other threads than workers.");
  One(text, "budget_forced_yields_total", "counter", m.budget_forced_yields(), "Polls that ended because the budget was spent.");
  One(text, "blocking_threads", "gauge", m.blocking_threads(), "Threads for code that blocks.");
  One(text, "idle_blocking_threads", "gauge", m.idle_blocking_threads(), "Threads for code that blocks that have nothing to do.");
  One(text, "blocking_queue_depth", "gauge", m.blocking_queue_depth(), "Jobs that wait for a blocking thread.");
  One(text, "io_fds_registered_total", "counter", m.io_fds_registered(), "Descriptors that a reactor began to watch.");
  One(text, "io_fds_deregistered_total", "counter", m.io_fds_deregistered(), "Descriptors that a reactor watches no more.");
  One(text, "io_ready_events_total", "counter", m.io_ready_events(), "Readiness events that arrived.");
}

void WorkerLines(std::string& text, const std::vector<WorkerMetrics>& workers) {
  auto counter = [&](absl::string_view name, uint64_t WorkerMetrics::* field, absl::string_view help) {
    PerWorker(text, workers, name, "counter", [field](const WorkerMetrics& worker) { return worker.*field; }, help);
  };
  counter("worker_parks_total", &WorkerMetrics::parks, "Times the worker went to wait for tasks.");
  counter("worker_park_unparks_total", &WorkerMetrics::park_unparks, "Parks and their ends: odd while the worker is parked.");
  counter("worker_noop_parks_total", &WorkerMetrics::noop_parks, "Parks without a poll since the one before.");
  counter("worker_polls_total", &WorkerMetrics::polls, "Polls of tasks.");
  counter("worker_local_schedules_total", &WorkerMetrics::local_schedules, "Tasks that the worker made ready itself.");
  counter("worker_stolen_tasks_total", &WorkerMetrics::stolen_tasks, "Tasks that the worker took from others.");
  counter("worker_steal_operations_total", &WorkerMetrics::steal_operations, "Times that it took some.");
  counter("worker_overflows_total", &WorkerMetrics::overflows, "Times that the worker's queue was full.");
  PerWorker(text, workers, "worker_local_queue_depth", "gauge", [](const WorkerMetrics& worker) { return worker.local_queue_depth; },
            "Ready tasks in the worker's own queue.");
  PerWorker(text, workers, "worker_busy_seconds_total", "counter", [](const WorkerMetrics& worker) { return Seconds(worker.busy_time); },
            "Time that the worker did not wait, up to its last park.");
  PerWorker(text, workers, "worker_mean_poll_seconds", "gauge", [](const WorkerMetrics& worker) { return Seconds(worker.mean_poll_time); },
            "Mean time of the worker's last polls.");
}

}  // namespace

std::string RuntimeMetrics::ToPrometheus() const {
  std::vector<WorkerMetrics> all;
  for (size_t i = 0; i < workers(); ++i) all.push_back(worker(i));
  std::string text;
  RuntimeLines(text, *this);
  WorkerLines(text, all);
  Histograms(text, all.size(), "poll_seconds", [this](size_t worker) { return poll_times(worker); },
             "Time of the polls that were timed.");
  Histograms(text, all.size(), "schedule_latency_seconds", [this](size_t worker) { return schedule_latencies(worker); },
             "Time from a task's being ready to its poll.");
  return text;
}

}  // namespace kioto
