#include "kioto/runtime/scheduler/monitor.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/log.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/scheduler/thread_stack.h"
#include "kioto/runtime/scheduler/work_stealing.h"

namespace kioto::internal {

Monitor::Monitor(WorkStealingCore* core) : core_(core), seen_(core->size()) {}

Monitor::~Monitor() { Stop(); }

Status Monitor::Start() {
  auto thread = base::Thread::Start("kioto-monitor", [this] { Run(); });
  if (!thread.ok()) return thread.status();
  thread_ = *std::move(thread);
  started_ = true;
  return OkStatus();
}

void Monitor::Stop() {
  if (!started_) return;
  started_ = false;
  stop_.store(true, std::memory_order_release);  // release: pairs with Run's acquire
  parker_.Unpark();
  thread_.Join();
}

uint64_t Monitor::long_polls() const {
  return long_polls_.load(std::memory_order_relaxed);  // relaxed: a statistic
}

void Monitor::Run() {
  bool soon = false;
  while (!stop_.load(std::memory_order_acquire)) {  // acquire: pairs with Stop
    if (core_->idle().MonitorSleeps()) {
      parker_.Park();
    } else if (!parker_.ParkUntil(base::MonotonicNanos() + (soon ? limits::kMonitorSecondLookNs : limits::kMonitorTickNs))) {
      soon = Tick(/*second=*/soon) && !soon;
    }
  }
}

bool Monitor::Tick(bool second) {
  bool any_keeps = false;
  for (int i = 0; i < core_->size(); ++i) {
    Worker& worker = core_->worker(i);
    Seen& seen = seen_[i];
    if (second && !seen.keeps) continue;
    const uint64_t polls = worker.polls();
    const int64_t now_ns = base::MonotonicNanos();  // after each look: a report on another worker takes its time
    if (polls != seen.polls || (polls & 1) == 0) {
      seen = Seen();
      seen.polls = polls;
      seen.since_ns = now_ns;
      seen.keeps = (polls & 1) != 0 && !worker.queue().slot_empty();
      any_keeps |= seen.keeps;
      continue;
    }
    Relieve(worker);
    worker.NoteStuck(polls, seen.since_ns);
    if (seen.reported) continue;
    const int system_id = worker.thread().system_id;
    const int64_t stuck_ns = StuckFor(seen, now_ns, system_id);
    if (stuck_ns < limits::kLongPollNs || worker.polls() != polls) continue;  // it may have ended while we had no CPU
    seen.reported = true;
    long_polls_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a statistic
    if (MayReport(now_ns)) {
      Report(worker, stuck_ns);
    } else {
      ++left_out_;
    }
  }
  return any_keeps;
}

int64_t Monitor::StuckFor(Seen& seen, int64_t now_ns, int system_id) {
  // What it waits for a CPU now is counted by the system only when that is over. While it sleeps there is no such wait: so it is
  // asked for that first, and what comes later is later than `now_ns`.
  const bool may_wait = ThreadIsRunnable(system_id);
  const ThreadTimes times = TimesOfThread(system_id);
  if (seen.at_ns == 0) {
    // It counts from the first tick, unless this one is late: what it waited in between is not known.
    seen.stuck_ns = std::min(now_ns - seen.since_ns, limits::kMonitorTickNs);
  } else if (may_wait) {
    return seen.stuck_ns + times.on_cpu_ns - seen.times.on_cpu_ns;  // and if it slept since then, that is not known
  } else {
    seen.stuck_ns += now_ns - seen.at_ns - (times.delay_ns - seen.times.delay_ns);
  }
  seen.at_ns = now_ns;
  seen.times = times;
  return seen.stuck_ns;
}

bool Monitor::MayReport(int64_t now_ns) {
  constexpr int64_t kPriceNs = 1'000'000'000 / limits::kStallsPerSecond;
  const int64_t paid_ns = std::max(reports_paid_ns_, now_ns) + kPriceNs;
  if (paid_ns > now_ns + limits::kStallBurst * kPriceNs) return false;
  reports_paid_ns_ = paid_ns;
  return true;
}

void Monitor::Report(Worker& worker, int64_t stuck_ns) {
  const std::string stack = ThreadStack(worker.thread());
  const RuntimeOptions& options = core_->options();
  if (options.on_stall) {
    const Worker::Polled task = worker.polled();
    options.on_stall({worker.index(), std::chrono::nanoseconds(stuck_ns), task.task_id, task.name, task.file, task.line, stack});
  } else {
    const std::string others = left_out_ > 0 ? absl::StrCat(" (", left_out_, " others since the last report)") : "";
    base::LogFailure(absl::StrCat("worker ", worker.index(), " has been inside one poll for ", stuck_ns / 1'000'000, " ms: ",
                                  worker.DescribePoll(), others, "\n", stack));
  }
  left_out_ = 0;
}

// Wakes from here reach the injector, since this thread is no worker.
void Monitor::Relieve(Worker& worker) {
  Driver* driver = worker.driver();
  if (driver->reactor() != nullptr) driver->reactor()->Harvest();
  if (TimerWheel* wheel = driver->wheel()) {
    const int64_t now_ns = core_->drivers.clock.Now();
    if (wheel->next_deadline() <= now_ns) wheel->Expire(now_ns, limits::kTimersPerRelief, limits::kTimersPerRelief);
  }
  if (TaskHeader* task = worker.queue().TakeSlot()) core_->injector().Push(task);
  if (!core_->injector().empty() || !worker.queue().empty()) core_->NotifyOne();
}

}  // namespace kioto::internal
