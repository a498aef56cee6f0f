#include "kioto/runtime/task/task_dump.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/task/root_future.h"
#include "kioto/runtime/task/scheduler.h"
#include "kioto/runtime/task/scheduler_list.h"

namespace kioto {
namespace internal {
namespace {

// Tasks that are taken under one hold of a shard's lock.
constexpr size_t kBatch = 256;

// Every live task, with a reference.
std::vector<TaskHeader*> CollectTasks(OwnedTasks& owned, size_t at_most, size_t* left_out) {
  std::vector<TaskHeader*> tasks;
  base::MutexLock lock(owned.walk());
  for (int shard = 0; shard < owned.shards(); ++shard) {
    for (bool first = true;; first = false) {
      TaskHeader* batch[kBatch];
      const size_t room = std::min(kBatch, at_most - tasks.size());
      const size_t taken = owned.Collect(shard, first, batch, room);
      tasks.insert(tasks.end(), batch, batch + taken);
      if (taken < room || room == 0) break;
    }
  }
  const size_t live = owned.size();
  *left_out = tasks.size() == at_most && live > at_most ? live - at_most : 0;
  return tasks;
}

// The tree of a task that waits. False: it does not.
bool Look(TaskHeader* task, WaitTrace& trace) {
  if (!task->TakeIdle()) return false;
  task->table()->describe(task, trace);
  if (task->Suspend() != TaskState::ToIdle::kIdle) {
    Scheduler* scheduler = task->scheduler;  // lives as long as the task is owned
    if (scheduler->trace != nullptr) scheduler->trace->TaskWoken(TraceOf(task));
    scheduler->Enqueue(task);
  }
  return true;
}

TaskDump Describe(TaskHeader* task, int64_t real_ns, WaitTrace& trace) {
  TaskDump dump;
  dump.id = task->id;
  dump.name = task->name();
  dump.file = task->place_file();
  dump.line = task->line;
  dump.local = task->local;
  if (task->detailed) {
    dump.age = std::chrono::nanoseconds(std::max<int64_t>(real_ns - task->details->spawned_ns, 0));
    dump.polls = task->details->polls.load(std::memory_order_relaxed);  // relaxed: a statistic
  }
  if (Look(task, trace)) {
    dump.state = TaskDump::State::kWaiting;
    dump.waits = trace.Take();
  }
  return dump;
}

// Those of one scheduler, while there is room.
void AddTasks(Scheduler& scheduler, const DumpOptions& options, int64_t now_ns, RuntimeDump& dump) {
  const int64_t real_ns = base::MonotonicNanos();
  size_t left_out;
  const std::vector<TaskHeader*> tasks = CollectTasks(scheduler.owned, options.at_most - dump.tasks.size(), &left_out);
  dump.left_out += left_out;
  dump.tasks.reserve(dump.tasks.size() + tasks.size());
  for (TaskHeader* task : tasks) {
    WaitTrace trace(options.nodes_per_task, now_ns);
    TaskDump one = Describe(task, real_ns, trace);
    RunningPoll poll;
    if (one.state != TaskDump::State::kWaiting && (CurrentThread().task == task || scheduler.FindRunning(task, &poll))) {
      one.state = TaskDump::State::kRunning;
      one.worker = poll.worker;
      if (poll.since_ns != 0) one.running_for = std::chrono::nanoseconds(std::max<int64_t>(real_ns - poll.since_ns, 0));
    }
    // One that has ended is in no state, unless it was seen waiting before.
    if (one.state == TaskDump::State::kWaiting || !task->complete()) dump.tasks.push_back(std::move(one));
    task->Unref();
  }
}

BlockOnDump DescribeRoot(const RootFutures::Found& found, WaitTrace& trace) {
  BlockOnDump dump;
  dump.file = found.place.file();
  dump.line = found.place.line();
  if (found.root == nullptr) {
    dump.state = TaskDump::State::kRunning;
    return dump;
  }
  if (found.root->polled()) {
    dump.state = TaskDump::State::kWaiting;
    found.root->Describe(trace);
    dump.waits = trace.Take();
  }
  found.root->Give();
  return dump;
}

}  // namespace

RuntimeDump DumpTasks(Scheduler& scheduler, const DumpOptions& options, int64_t now_ns) {
  RuntimeDump dump;
  if (scheduler.fork_mark.inherited()) return dump;  // locks and stacks of threads that are not here
  RootFutures::Found found;
  while (scheduler.roots.TakeNext(&found)) {
    WaitTrace trace(options.nodes_per_task, now_ns);
    dump.block_ons.push_back(DescribeRoot(found, trace));
  }
  AddTasks(scheduler, options, now_ns, dump);
  for (Scheduler* set : LocalSetsDrivenBy(scheduler.runtime_id)) {
    AddTasks(*set, options, now_ns, dump);
    set->EndKeep();
  }
  std::sort(dump.tasks.begin(), dump.tasks.end(), [](const TaskDump& a, const TaskDump& b) { return a.id < b.id; });
  return dump;
}

}  // namespace internal

namespace {

std::string Duration(std::chrono::nanoseconds time) {
  absl::Duration duration = absl::FromChrono(time);
  return absl::FormatDuration(absl::Trunc(duration, duration < absl::Seconds(1) ? absl::Microseconds(1) : absl::Milliseconds(1)));
}

const char* NameOf(TaskDump::State state) {
  switch (state) {
    case TaskDump::State::kWaiting:
      return "waiting";
    case TaskDump::State::kQueued:
      return "queued";
    case TaskDump::State::kRunning:
      return "running";
  }
  return "";
}

void AppendWaits(const std::vector<WaitNode>& waits, std::string* text) {
  for (const WaitNode& node : waits) {
    text->append(2 * static_cast<size_t>(node.depth) + 2, ' ');
    absl::StrAppend(text, node.what, "\n");
  }
}

}  // namespace

std::string TaskDump::ToString() const {
  std::string text = absl::StrCat("task ", id);
  if (!name.empty()) absl::StrAppend(&text, " \"", name, "\"");
  absl::StrAppend(&text, ", spawned at ", file, ":", line, ": ");
  text.append(NameOf(state));
  if (worker >= 0) absl::StrAppend(&text, " on worker ", worker);
  if (running_for.has_value()) absl::StrAppend(&text, " for ", Duration(*running_for), " at least, not answering");
  if (local) absl::StrAppend(&text, ", bound to its thread");
  if (polls.has_value()) absl::StrAppend(&text, ", polled ", *polls, *polls == 1 ? " time" : " times");
  if (age.has_value()) absl::StrAppend(&text, ", ", Duration(*age), " old");
  absl::StrAppend(&text, "\n");
  AppendWaits(waits, &text);
  return text;
}

std::string BlockOnDump::ToString() const {
  std::string text = absl::StrCat("the future of a BlockOn at ", file, ":", line, ": ", NameOf(state), "\n");
  AppendWaits(waits, &text);
  return text;
}

std::string RuntimeDump::ToString() const {
  std::string text;
  for (const BlockOnDump& block_on : block_ons) absl::StrAppend(&text, block_on.ToString());
  absl::StrAppend(&text, tasks.size() + left_out, tasks.size() + left_out == 1 ? " task\n" : " tasks\n");
  for (const TaskDump& task : tasks) absl::StrAppend(&text, task.ToString());
  if (left_out > 0) absl::StrAppend(&text, "… and ", left_out, " more\n");
  return text;
}

}  // namespace kioto
