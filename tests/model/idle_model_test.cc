// Parking and waking: work that is queued is always found, whatever the workers are about. The
// numbers are those of runtime/scheduler/idle.h.
//
// The queues, the idle word and the parkers are the product's. The loop around them is
// runtime/scheduler/worker.cc without its driver: who changes the order of the steps there changes
// it here.
#include "kioto/runtime/scheduler/idle.h"

#include <gtest/gtest.h>

#include <utility>

#include "kioto/runtime/base/park.h"
#include "kioto/runtime/scheduler/injector.h"
#include "kioto/runtime/scheduler/run_queue.h"
#include "kioto/tests/model/items.h"

namespace kioto::model {
namespace {

using base::Parker;
using kioto::internal::Idle;
using kioto::internal::Injector;
using kioto::internal::RunQueue;
using kioto::internal::TaskHeader;

constexpr int kMostWorkers = 3;

class Pool;

// A task that blocks its worker until another has run.
struct Waiting : Item {
  void Wait() {
    while (done.load(std::memory_order_acquire) == 0) FutexWait(done, 0);
  }
  void End() {
    done.store(1, std::memory_order_release);
    FutexWake(done);
  }

  Atomic<uint32_t> done{0};
};

class Worker {
 public:
  void Init(Pool* pool, int index) {
    pool_ = pool;
    index_ = index;
  }
  void Loop();
  void PushNew(TaskHeader* task);

  RunQueue queue;
  Parker parker;

 private:
  TaskHeader* Next();
  TaskHeader* Search();
  TaskHeader* TakeInjected();
  void PushRing(TaskHeader* task);
  bool WorkAnywhere();
  void Park();

  Pool* pool_;
  int index_;
  bool searching_ = false;
};

class Pool {
 public:
  explicit Pool(int tasks, int size = 2) : size(size), left(tasks) {
    for (int i = 0; i < size; ++i) workers[i].Init(this, i);
  }

  void Inject(TaskHeader* task) {
    injector.Push(task);
    NotifyOne();
  }
  void NotifyOne() {
    bool wake_monitor;
    if (const int worker = idle.WorkerToNotify(&wake_monitor); worker >= 0) workers[worker].parker.Unpark();
  }
  void Shutdown() {
    shutting_down.store(true, std::memory_order_release);
    for (int i = 0; i < size; ++i) workers[i].parker.Unpark();
  }
  // The last task ends everything.
  void Ran() {
    if (left.fetch_sub(1, std::memory_order_relaxed) == 1) Shutdown();
  }
  bool over() const { return shutting_down.load(std::memory_order_acquire); }

  const int size;
  Idle idle{size};
  Injector injector;
  Worker workers[kMostWorkers];
  Atomic<int> left;
  Atomic<bool> shutting_down{false};
  Waiting* waiting = nullptr;
  Item* children[2] = {};
  // What the driver of the first worker brings to its next park: more than its ring has places. And whether the worker may sleep on
  // what found no place, as it must not.
  Items<5>* events = nullptr;
  Atomic<bool> come{false};
  bool sleeps_on_kept = false;
  void (*run)(Pool&, Worker&, TaskHeader*) = [](Pool&, Worker&, TaskHeader* task) { RunItem(task); };
};

void Worker::Loop() {
  while (!pool_->over()) {
    TaskHeader* task = Next();
    if (task == nullptr) task = Search();
    if (task == nullptr) {
      Park();
      continue;
    }
    if (std::exchange(searching_, false) && pool_->idle.StopSearching()) pool_->NotifyOne();
    pool_->run(*pool_, *this, task);
    pool_->Ran();
  }
}

TaskHeader* Worker::Next() {
  if (TaskHeader* task = queue.TakeSlot()) return task;
  return queue.Pop();
}

TaskHeader* Worker::TakeInjected() { return pool_->injector.Pop(1); }

TaskHeader* Worker::Search() {
  if (TaskHeader* task = TakeInjected()) return task;
  if (!searching_) searching_ = pool_->idle.StartSearching();
  if (!searching_) return nullptr;
  for (int i = 1; i < pool_->size; ++i) {
    if (TaskHeader* task = queue.StealFrom(pool_->workers[(index_ + i) % pool_->size].queue)) return task;
  }
  return TakeInjected();
}

void Worker::PushNew(TaskHeader* task) {
  if (queue.slot_empty()) {
    (void)queue.PutSlot(task);
  } else {
    PushRing(task);
  }
}

void Worker::PushRing(TaskHeader* task) {
  queue.Push(task, pool_->injector);
  const uint32_t waiting = queue.tail() - queue.head();
  if (waiting == 2 || (waiting == 1 && !queue.slot_empty())) pool_->NotifyOne();
}

bool Worker::WorkAnywhere() {
  if (!pool_->injector.empty()) return true;
  for (int i = 0; i < pool_->size; ++i) {
    if (!pool_->workers[i].queue.empty()) return true;
  }
  return false;
}

void Worker::Park() {
  if (pool_->idle.Park(index_, std::exchange(searching_, false)) && WorkAnywhere()) pool_->NotifyOne();
  bool kept = false;
  while (!pool_->over()) {
    parker.Park();
    if (index_ == 0 && pool_->come.exchange(false, std::memory_order_acquire)) {
      for (int i = 0; i < 5; ++i) queue.PushBrought((*pool_->events)[i]->Ready());
    }
    if (!pool_->sleeps_on_kept) kept = queue.Flush(pool_->injector);
    bool wake_monitor = false;
    const Idle::Wakeup wakeup = pool_->idle.Unparked(index_, kept || !queue.empty() || pool_->over(), &wake_monitor);
    if (wakeup == Idle::Wakeup::kStillParked) continue;
    searching_ = wakeup == Idle::Wakeup::kNotified;
    break;
  }
  if (pool_->sleeps_on_kept) kept = queue.Flush(pool_->injector);
  if (!searching_ && (kept || queue.size() > 1)) pool_->NotifyOne();
}

// Tasks come from a thread that is no worker.
template <int kTasks>
void Foreign() {
  Items<kTasks> items;
  Pool pool(kTasks);
  Thread a([&] { pool.workers[0].Loop(); });
  Thread b([&] { pool.workers[1].Loop(); });
  for (int i = 0; i < kTasks; ++i) pool.Inject(items[i]->Ready());
}

// Each of two foreign threads brings one.
void TwoForeign() {
  Items<2> items;
  Pool pool(2);
  Thread a([&] { pool.workers[0].Loop(); });
  Thread b([&] { pool.workers[1].Loop(); });
  Thread c([&] { pool.Inject(items[1]->Ready()); });
  pool.Inject(items[0]->Ready());
}

// A task spawns two, the first into the slot, the second into the ring, and then blocks until the
// second has run: the other worker must come for it.
void Spawner() {
  Items<2> children;
  Waiting parent;
  Pool pool(3);
  pool.waiting = &parent;
  pool.children[0] = children[0];
  pool.children[1] = children[1];
  pool.run = [](Pool& p, Worker& worker, TaskHeader* task) {
    RunItem(task);
    if (task == p.children[1]) p.waiting->End();
    if (task != p.waiting) return;
    worker.PushNew(p.children[0]->Ready());
    worker.PushNew(p.children[1]->Ready());
    p.waiting->Wait();
  };
  Thread a([&] { pool.workers[0].Loop(); });
  Thread b([&] { pool.workers[1].Loop(); });
  pool.Inject(parent.Ready());
}

// The first of two injected tasks blocks until the second has run: whoever finds the first must
// send for the second.
void Dependent() {
  Items<1> second;
  Waiting first;
  Pool pool(2);
  pool.waiting = &first;
  pool.run = [](Pool& p, Worker&, TaskHeader* task) {
    RunItem(task);
    task == p.waiting ? p.waiting->Wait() : p.waiting->End();
  };
  Thread a([&] { pool.workers[0].Loop(); });
  Thread b([&] { pool.workers[1].Loop(); });
  pool.Inject(first.Ready());
  pool.Inject(second[0]->Ready());
}

// A driver brings five to a parked worker whose ring has four places, while two others steal: one of them runs, the other is called
// by the first, and finds nothing.
void Brought(bool sleeps_on_kept) {
  Items<5> events;
  Pool pool(5, 3);
  pool.events = &events;
  pool.sleeps_on_kept = sleeps_on_kept;
  Thread a([&] { pool.workers[0].Loop(); });
  Thread b([&] { pool.workers[1].Loop(); });
  Thread c([&] { pool.workers[2].Loop(); });
  pool.come.store(true, std::memory_order_release);
  pool.workers[0].parker.Unpark();
}

TEST(IdleModel, NobodySleepsOnWhatFoundNoPlace) {
  ExpectHolds(Options().Random(20000), [] { Brought(false); });
  EXPECT_FALSE(Explore(Options().Random(20000).StaleLoads(0), [] { Brought(true); }).ok) << "a worker that sleeps on them was not caught";
}

TEST(IdleModel, InjectedTasksAreFound) {
  ExpectHolds(Options(), Foreign<1>);
  ExpectHolds(Options().Preemptions(3).StaleLoads(0), Foreign<1>);
  ExpectHolds(Options(), Foreign<2>);
  ExpectHolds(Options().StaleLoads(0), TwoForeign);
  ExpectHolds(Options().Random(20000), TwoForeign);
  ExpectHolds(Options().Random(20000), Foreign<3>);
  ExpectCaught("idle.notify_order", Options(), Foreign<1>);
  ExpectCaught("idle.park_order", Options(), Foreign<1>);
  ExpectCaught("idle.park_without_last_look", Options(), Foreign<1>);
}

TEST(IdleModel, ASpawnedTaskDoesNotWaitForItsBusyWorker) {
  ExpectHolds(Options(), Spawner);
  ExpectHolds(Options().Random(20000), Spawner);
  ExpectCaught("idle.only_searchers_look", Options(), Spawner);
}

TEST(IdleModel, WhoFindsWorkSendsTheNext) {
  ExpectHolds(Options(), Dependent);
  ExpectHolds(Options().Random(20000), Dependent);
  ExpectCaught("idle.stop_without_notify", Options(), Dependent);
}

// The monitor sleeps only while every worker is parked, and whoever leaves its park wakes it (R4).
void MonitorSleeps() {
  Idle idle(1);
  Atomic<uint32_t> woken(0);
  Assert(idle.Park(0, false), "nobody searches: the last look was forgotten");
  Thread monitor([&] {
    while (!idle.MonitorSleeps()) SpinHint();
    while (woken.load(std::memory_order_acquire) == 0) FutexWait(woken, 0);
  });
  bool wake_monitor = false;
  for (;;) {
    Assert(idle.WorkerToNotify(&wake_monitor) == 0, "the parked worker was not found");
    if (wake_monitor) break;
    Assert(idle.Park(0, true), "the last searcher was not asked to look");
    SpinHint();
  }
  woken.store(1, std::memory_order_release);
  FutexWake(woken);
}

TEST(IdleModel, TheMonitorSleepsOnlyWhileAllAreParked) {
  ExpectHolds(Options().Preemptions(3), MonitorSleeps);
  ExpectCaught("idle.forget_monitor", Options(), MonitorSleeps);
}

}  // namespace
}  // namespace kioto::model
