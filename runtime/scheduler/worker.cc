#include "kioto/runtime/scheduler/worker.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/scheduler/work_stealing.h"

namespace kioto::internal {

Worker::Worker(WorkStealingCore* core, int index, std::unique_ptr<Driver> driver)
    : core_(core),
      index_(index),
      driver_(std::move(driver)),
      counters_(core->options().metrics),
      interval_(core->options().event_interval.value_or(limits::kEventInterval)),
      to_driver_(interval_),
      to_global_(core->options().global_queue_interval.value_or(interval_)),
      next_look_(std::min(to_driver_, to_global_)),
      use_slot_(core->options().lifo_slot) {}

void Worker::SitDown() {
  const ThreadIdentity thread = CurrentThreadIdentity();
  pthread_.store(thread.pthread, std::memory_order_relaxed);      // relaxed: see thread()
  system_id_.store(thread.system_id, std::memory_order_relaxed);  // relaxed: see thread()
  // The poll that handed the worker over is no longer its own.
  const uint64_t polls = polls_.load(std::memory_order_relaxed);                     // relaxed: ours alone
  if ((polls & 1) != 0) polls_.store(polls + 1, std::memory_order_release);  // release: as in Run
  counters_.Starts();
}

bool Worker::Loop() {
  SitDown();
  while (!core_->shutting_down()) {
    TaskHeader* task = Next();
    if (task == nullptr) task = Search();
    if (task == nullptr) {
      Park();
      continue;
    }
    if (std::exchange(searching_, false) && core_->idle().StopSearching()) core_->NotifyOne();
    if (!Run(task)) return false;
  }
  counters_.Stops(polls() / 2);
  return true;
}

// False: the worker is another thread's now.
bool Worker::Run(TaskHeader* task) {
  const uint64_t polls = polls_.load(std::memory_order_relaxed);  // relaxed: ours alone
  task_id_.store(task->id, std::memory_order_relaxed);            // relaxed: see polled
  file_.store(task->place_file(), std::memory_order_relaxed);     // relaxed: see polled
  line_.store(task->line, std::memory_order_relaxed);             // relaxed: see polled
  if (task->detailed) {
    CopyName(task->details->name);
  } else {
    name_[0].store(0, std::memory_order_relaxed);  // relaxed: see polled
  }
  polls_.store(polls + 1, std::memory_order_release);  // release: pairs with polls(), for thread()
  ThreadContext& thread = CurrentThread();
  const RunResult result = counters_.Run(task, thread, core_->hooks);
  if (thread.worker != this) {
    if (result != RunResult::kGone) core_->Enqueue(task);
    return false;
  }
  polls_.store(polls + 2, std::memory_order_relaxed);  // relaxed: see polls()
  if (result == RunResult::kGone) return true;
  if (result == RunResult::kYielded && turn_before_ == nullptr) turn_before_ = task;
  counters_.ScheduledAgain();
  PushRing(task);
  return true;
}

// --- BlockInPlace ------------------------------------------------------------------------------------------------------

StatusOr<uint64_t> Worker::HandOver() {
  // Outside of a poll (a destructor at the end of the runtime) nothing waits for this thread that another could run.
  if (!polling() || core_->shutting_down()) return 0;
  if (TaskHeader* task = queue_.TakeSlot()) PushRing(task);  // where others can steal it until a thread has come
  core_->PollBlocks(*this);
  counters_.Stops(polls() / 2);
  const Seat::Left left = seat_.Leave();
  if (left.call && !core_->CallToSeat(index_)) {
    (void)seat_.Take();  // nobody else was on the way
    core_->BlockedPollEnds();
    counters_.Starts();
    return 0;
  }
  LeaveWorker(CurrentThread());
  return left.pass;
}

bool Worker::TakeBack(uint64_t pass) {
  if (!seat_.TakeBack(pass)) return false;
  counters_.Starts();
  core_->BlockedPollEnds();
  return true;
}

ThreadIdentity Worker::thread() const {
  // relaxed: acquired with polls()
  return {pthread_.load(std::memory_order_relaxed), system_id_.load(std::memory_order_relaxed)};
}

void Worker::CopyName(const std::string& name) {
  uint64_t words[kNameWords] = {};
  std::memcpy(words, name.data(), std::min(name.size(), sizeof(words) - 1));
  for (int i = 0; i < kNameWords; ++i) name_[i].store(words[i], std::memory_order_relaxed);  // relaxed: see polled
}

Worker::Polled Worker::polled() const {
  // relaxed: words that belong together only while the poll lasts; a report may be off by one task.
  uint64_t name[kNameWords];
  for (int i = 0; i < kNameWords; ++i) name[i] = name_[i].load(std::memory_order_relaxed);  // relaxed: as above
  char text[sizeof(name)];
  std::memcpy(text, name, sizeof(name));
  text[sizeof(text) - 1] = 0;
  return {task_id_.load(std::memory_order_relaxed), text,  // relaxed: as above
          file_.load(std::memory_order_relaxed),           // relaxed: as above
          line_.load(std::memory_order_relaxed)};          // relaxed: as above
}

std::string Worker::DescribePoll() const {
  const Polled task = polled();
  return DescribeTask(task.task_id, task.name.c_str(), task.file, task.line);
}

// --- Queues ----------------------------------------------------------------------------------------------------------

void Worker::PushWoken(TaskHeader* task) {
  counters_.Scheduled(task);
  if (use_slot_) {
    task = queue_.PutSlot(task);
    if (task == nullptr) return;
  }
  PushRing(task);
}

void Worker::PushNew(TaskHeader* task) {
  counters_.Scheduled(task);
  if (use_slot_ && queue_.slot_empty()) {
    (void)queue_.PutSlot(task);  // an empty slot costs no RMW, and what is in it is not displaced by a newcomer
    return;
  }
  PushRing(task);
}

void Worker::PushRing(TaskHeader* task) {
  if (bringing_) {
    queue_.PushBrought(task);
  } else {
    queue_.Push(task, core_->injector());
  }
  // Only a step that makes two tasks wait can mean that a parked worker is missing: while two or more wait in the ring,
  // whoever parks sees them in its last look round (idle.h, R1).
  const uint32_t waiting = queue_.tail() - queue_.head();
  if (!parked_ && (waiting == 2 || (waiting == 1 && !queue_.slot_empty()))) core_->NotifyOne();
}

TaskHeader* Worker::Next() {
  if (++tick_ >= next_look_) {
    if (TaskHeader* task = Look()) return task;
  }
  if (lifo_polls_ < limits::kLifoPollsInARow) {
    if (TaskHeader* task = queue_.TakeSlot()) {
      ++lifo_polls_;
      return task;
    }
  }
  lifo_polls_ = 0;
  TaskHeader* task = queue_.Pop();
  if (task == nullptr) return queue_.TakeSlot();
  if (task == turn_before_) {  // all that was ready when it yielded has had its turn: so must the driver
    Turn();
  }
  return task;
}

// At what is due, the driver or the injector; a task of the latter.
TaskHeader* Worker::Look() {
  const std::optional<uint32_t> global_interval = core_->options().global_queue_interval;
  const uint32_t polls = std::exchange(tick_, 0);
  const bool driver = polls >= to_driver_;
  const bool global = global_interval ? polls >= to_global_ : driver;
  // First: what is injected has waited for longer than what the driver brings, and shall lie before it.
  TaskHeader* const task = global ? TakeShare() : nullptr;
  if (driver) LookAtDriver();
  next_look_ = to_driver_ = driver ? interval_ : to_driver_ - polls;
  if (!global_interval) return task;
  to_global_ = global ? *global_interval : to_global_ - polls;
  next_look_ = std::min(to_driver_, to_global_);
  return task;
}

// A turn when there is work: and the time until the next one is to be the same, be the polls short or long. One read of the
// processor's counter; what its ticks are is asked seldom.
void Worker::LookAtDriver() {
  const uint64_t poll_ticks = counters_.Looks(polls() / 2);
  if (!core_->options().event_interval) {
    if (looks_++ % 64 == 0) interval_ticks_ = core_->ticks.FromNanos(limits::kEventIntervalNs);
    const uint64_t fit = interval_ticks_ / std::max<uint64_t>(poll_ticks, 1);
    interval_ = static_cast<uint32_t>(std::clamp<uint64_t>(fit, limits::kMinEventInterval, limits::kEventInterval));
  }
  Turn();
}

void Worker::Turn() {
  turn_before_ = nullptr;
  BeginBringing();
  driver_->Turn();
  EndBringing();
}

void Worker::BeginBringing() {
  bringing_ = true;
  use_slot_ = false;
  // As many timers as it polls tasks until the next turn, and as many for each that has nothing to do.
  const int idle = core_->size() - core_->idle().unparked();
  const uint64_t polls = interval_ * static_cast<uint64_t>(1 + std::max(idle, 0));
  driver_->LimitTimers(static_cast<uint32_t>(std::min<uint64_t>(polls, UINT32_MAX)));
}

void Worker::EndBringing() {
  bringing_ = false;
  use_slot_ = core_->options().lifo_slot;
  // Whoever emptied the ring meanwhile may have parked before these were where he looks.
  if (queue_.Flush(core_->injector()) && !parked_) core_->NotifyOne();
}

TaskHeader* Worker::TakeInjected(size_t max) {
  TaskHeader* first = core_->injector().Pop(std::min<size_t>(max, queue_.room() + 1));
  if (first == nullptr) return nullptr;
  for (TaskHeader* rest = first->queue_next; rest != nullptr;) {
    TaskHeader* task = std::exchange(rest, rest->queue_next);
    PushRing(task);
  }
  return first;
}

// What falls to each worker of what is injected.
TaskHeader* Worker::TakeShare() {
  const size_t injected = core_->injector().size();
  if (injected == 0) return nullptr;
  return TakeInjected(std::min<size_t>(injected / core_->size() + 1, RunQueue::kCapacity / 2));
}

// --- The search for work -----------------------------------------------------------------------------------------------

TaskHeader* Worker::Search() {
  if (TaskHeader* task = TakeShare()) return task;
  Turn();
  if (TaskHeader* task = queue_.Pop()) return task;
  if (!searching_) searching_ = core_->idle().StartSearching();
  if (!searching_) return nullptr;
  if (TaskHeader* task = StealFromOthers()) return task;
  if (TaskHeader* task = TakeInjected(RunQueue::kCapacity / 2)) return task;
  return HarvestOthers() ? queue_.Pop() : nullptr;
}

TaskHeader* Worker::StealFromOthers() {
  const int workers = core_->size();
  if (chance_ == 0) chance_ = CurrentThread().random;
  chance_ = chance_ * 6364136223846793005u + 1442695040888963407u;
  const int start = static_cast<int>((chance_ >> 33) % static_cast<uint64_t>(workers));
  for (int i = 0; i < workers; ++i) {
    Worker& victim = core_->worker((start + i) % workers);
    if (&victim == this) continue;
    const uint32_t tail = queue_.tail();
    if (TaskHeader* task = queue_.StealFrom(victim.queue_)) {
      counters_.Stole(queue_.tail() - tail + 1);
      return task;
    }
  }
  return nullptr;
}

// Events are stolen like tasks: a busy sibling's sockets need not wait for it.
bool Worker::HarvestOthers() {
  BeginBringing();
  for (int i = 0; i < core_->size(); ++i) {
    Worker& sibling = core_->worker(i);
    if (&sibling == this || (sibling.polls() & 1) == 0 || sibling.driver()->reactor() == nullptr) continue;
    sibling.driver()->reactor()->Harvest();
  }
  EndBringing();
  return !queue_.empty();
}

bool Worker::WorkAnywhere() {
  if (!core_->injector().empty()) return true;
  for (int i = 0; i < core_->size(); ++i) {
    if (!core_->worker(i).queue_.empty()) return true;
  }
  return false;
}

void Worker::Park() {
  const ThreadHooks& hooks = core_->options().thread_hooks;
  if (hooks.parks && !core_->shutting_down()) {
    hooks.parks();
    if (!queue_.empty() || !queue_.slot_empty()) return;  // what it woke or spawned
  }
  if (core_->idle().Park(index_, std::exchange(searching_, false)) && WorkAnywhere()) core_->NotifyOne();
  BeginBringing();
  if (core_->trace != nullptr) core_->trace->WorkerParks(index_);
  bool kept = false;
  parked_ = true;  // what a turn brings is not to wake another one before we know whether we are up ourselves
  for (;;) {
    turn_before_ = nullptr;
    if (core_->shutting_down()) break;
    counters_.Parks(polls() / 2);
    driver_->Park(kNever);
    counters_.Unparked();
    kept = queue_.Flush(core_->injector());  // thieves may have emptied the ring meanwhile, but there is work
    bool wake_monitor = false;
    const Idle::Wakeup wakeup = core_->idle().Unparked(index_, kept || !queue_.empty() || core_->shutting_down(), &wake_monitor);
    if (wake_monitor) core_->WakeMonitor();
    if (wakeup == Idle::Wakeup::kStillParked) continue;
    searching_ = wakeup == Idle::Wakeup::kNotified;
    break;
  }
  parked_ = false;
  if (core_->trace != nullptr) core_->trace->WorkerUnparks(index_);
  EndBringing();
  if (!searching_ && (kept || queue_.size() > 1)) core_->NotifyOne();
  hooks.unparked.CallIfSet();
}

}  // namespace kioto::internal
