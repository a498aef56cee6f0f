// RuntimeMetrics as text: https://prometheus.io/docs/instrumenting/exposition_formats. A part of its own: who never asks for it
// does not link it.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "kioto/runtime/scheduler/metrics.h"

namespace kioto {
namespace {

// To the nanosecond: a counter of years still shows them.
std::string Seconds(std::chrono::nanoseconds time) {
  return absl::StrCat(time.count() / 1'000'000'000, ".", absl::Dec(time.count() % 1'000'000'000, absl::kZeroPad9));
}

// What is written, sample by sample.
class Page {
 public:
  // The runtime's name, or "", for a label of every sample.
  explicit Page(absl::string_view runtime) {
    if (runtime.empty()) return;
    const std::string value = absl::StrReplaceAll(runtime, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}});
    runtime_label_ = absl::StrCat("runtime=\"", value, "\"");
  }

  void Head(absl::string_view name, absl::string_view type, absl::string_view help) {
    absl::StrAppend(&text_, "# HELP kioto_", name, " ", help, "\n# TYPE kioto_", name, " ", type, "\n");
  }
  // `labels` as they are written, with commas between them; `value` is a number, perhaps as text.
  template <class Value>
  void Sample(absl::string_view name, absl::string_view labels, const Value& value) {
    absl::StrAppend(&text_, "kioto_", name);
    if (!labels.empty() || !runtime_label_.empty()) {
      const char* comma = labels.empty() || runtime_label_.empty() ? "" : ",";
      absl::StrAppend(&text_, "{", runtime_label_, comma, labels, "}");
    }
    absl::StrAppend(&text_, " ", value, "\n");
  }
  std::string Take() && { return std::move(text_); }

 private:
  std::string runtime_label_;  // or ""
  std::string text_;
};

std::string WorkerLabel(size_t worker) { return absl::StrCat("worker=\"", worker, "\""); }

void One(Page& page, absl::string_view name, absl::string_view type, uint64_t value, absl::string_view help) {
  page.Head(name, type, help);
  page.Sample(name, "", value);
}

// A sample of each worker: `value(WorkerMetrics)`.
template <class Value>
void PerWorker(Page& page, const std::vector<WorkerMetrics>& workers, absl::string_view name, absl::string_view type, Value value,
               absl::string_view help) {
  page.Head(name, type, help);
  for (size_t i = 0; i < workers.size(); ++i) page.Sample(name, WorkerLabel(i), value(workers[i]));
}

// Buckets are cumulative. All are there, the empty ones too: so those of all workers, and of all processes with this scale, can
// be added up by their bound.
void AppendHistogram(Page& page, absl::string_view name, size_t worker, const HistogramMetrics& histogram) {
  const std::string label = WorkerLabel(worker);
  const std::string bucket = absl::StrCat(name, "_bucket");
  uint64_t sum = 0;
  for (size_t i = 0; i + 1 < histogram.buckets.size(); ++i) {
    sum += histogram.buckets[i].count;
    const double bound = static_cast<double>(histogram.buckets[i].range.end) / 1e9;
    page.Sample(bucket, absl::StrCat(label, ",le=\"", absl::SixDigits(bound), "\""), sum);
  }
  sum += histogram.buckets.back().count;
  page.Sample(bucket, absl::StrCat(label, ",le=\"+Inf\""), sum);
  page.Sample(absl::StrCat(name, "_sum"), label, Seconds(histogram.sum));
  page.Sample(absl::StrCat(name, "_count"), label, sum);
}

// Nothing if it is off: it is so for all workers.
template <class Get>
void Histograms(Page& page, size_t workers, absl::string_view name, Get get, absl::string_view help) {
  for (size_t i = 0; i < workers; ++i) {
    const HistogramMetrics histogram = get(i);
    if (!histogram.enabled()) return;
    if (i == 0) page.Head(name, "histogram", help);
    AppendHistogram(page, name, i, histogram);
  }
}

void RuntimeLines(Page& page, const RuntimeMetrics& m) {
  One(page, "workers", "gauge", m.workers(), "Workers of the runtime.");
  One(page, "alive_tasks", "gauge", m.alive_tasks(), "Tasks spawned and not yet ended.");
  One(page, "spawned_tasks_total", "counter", m.spawned_tasks(), "Tasks ever spawned.");
  One(page, "global_queue_depth", "gauge", m.global_queue_depth(), "Ready tasks that any worker may take.");
  One(page, "remote_schedules_total", "counter", m.remote_schedules(), "Tasks spawned or woken by other threads than workers.");
  One(page, "budget_forced_yields_total", "counter", m.budget_forced_yields(), "Polls that ended because the budget was spent.");
  One(page, "blocking_threads", "gauge", m.blocking_threads(), "Threads for code that blocks.");
  One(page, "idle_blocking_threads", "gauge", m.idle_blocking_threads(), "Threads for code that blocks that have nothing to do.");
  One(page, "blocking_queue_depth", "gauge", m.blocking_queue_depth(), "Jobs that wait while each blocking thread that there may be has one.");
  One(page, "io_fds_registered_total", "counter", m.io_fds_registered(), "Descriptors that a reactor began to watch.");
  One(page, "io_fds_deregistered_total", "counter", m.io_fds_deregistered(), "Descriptors that a reactor watches no more.");
  One(page, "io_ready_events_total", "counter", m.io_ready_events(), "Readiness events that arrived.");
}

void WorkerLines(Page& page, const std::vector<WorkerMetrics>& workers) {
  auto counter = [&](absl::string_view name, uint64_t WorkerMetrics::* field, absl::string_view help) {
    PerWorker(page, workers, name, "counter", [field](const WorkerMetrics& worker) { return worker.*field; }, help);
  };
  counter("worker_parks_total", &WorkerMetrics::parks, "Times the worker went to wait for tasks.");
  counter("worker_park_unparks_total", &WorkerMetrics::park_unparks, "Parks and their ends: odd while the worker is parked.");
  counter("worker_noop_parks_total", &WorkerMetrics::noop_parks, "Parks without a poll since the one before.");
  counter("worker_polls_total", &WorkerMetrics::polls, "Polls of tasks.");
  counter("worker_local_schedules_total", &WorkerMetrics::local_schedules, "Tasks that the worker made ready itself.");
  counter("worker_stolen_tasks_total", &WorkerMetrics::stolen_tasks, "Tasks that the worker took from others.");
  counter("worker_steal_operations_total", &WorkerMetrics::steal_operations, "Times that it took some.");
  counter("worker_overflows_total", &WorkerMetrics::overflows, "Times that the worker's queue was full.");
  PerWorker(page, workers, "worker_local_queue_depth", "gauge", [](const WorkerMetrics& worker) { return worker.local_queue_depth; },
            "Ready tasks in the worker's own queue.");
  PerWorker(page, workers, "worker_busy_seconds_total", "counter", [](const WorkerMetrics& worker) { return Seconds(worker.busy_time); },
            "Time that the worker did not wait, up to its last park.");
  PerWorker(page, workers, "worker_mean_poll_seconds", "gauge", [](const WorkerMetrics& worker) { return Seconds(worker.mean_poll_time); },
            "Mean time of the worker's last polls.");
}

}  // namespace

std::string RuntimeMetrics::ToPrometheus() const {
  std::vector<WorkerMetrics> all;
  for (size_t i = 0; i < workers(); ++i) all.push_back(worker(i));
  Page page(core_->name());
  RuntimeLines(page, *this);
  WorkerLines(page, all);
  Histograms(page, all.size(), "poll_seconds", [this](size_t worker) { return poll_times(worker); },
             "Time of the polls that were timed.");
  Histograms(page, all.size(), "schedule_latency_seconds", [this](size_t worker) { return schedule_latencies(worker); },
             "Time from a task's being ready to its poll.");
  return std::move(page).Take();
}

}  // namespace kioto
