// The run queue: every task is taken exactly once, by the owner, a thief, the monitor or through
// the injector. The numbers are those of runtime/scheduler/run_queue.h. The ring has four cells
// here.
#include "kioto/runtime/scheduler/run_queue.h"

#include <gtest/gtest.h>

#include "kioto/tests/model/items.h"

namespace kioto::model {
namespace {

using kioto::internal::Injector;
using kioto::internal::RunQueue;
using kioto::internal::TaskHeader;

void Drain(RunQueue& queue) {
  while (TaskHeader* task = queue.Pop()) RunItem(task);
}

void Drain(Injector& injector) {
  for (TaskHeader* task = injector.Pop(100); task != nullptr;) {
    TaskHeader* next = task->queue_next;
    RunItem(task);
    task = next;
  }
}

// Steals once, as a worker does that has nothing else to do.
void Steal(RunQueue& victim) {
  RunQueue mine;
  if (TaskHeader* task = mine.StealFrom(victim)) RunItem(task);
  Drain(mine);
}

// The owner pushes `before` items, then, with thieves about, `during` more, popping after every
// second one.
template <int kBefore, int kDuring>
auto StealAndPush(int thieves) {
  return [thieves] {
    Items<kBefore + kDuring> items;
    Injector injector;
    RunQueue queue;
    for (int i = 0; i < kBefore; ++i) queue.Push(items[i]->Ready(), injector);
    {
      Thread first([&] { Steal(queue); });
      Thread second([&] {
        if (thieves == 2) Steal(queue);
      });
      for (int i = 0; i < kDuring; ++i) {
        queue.Push(items[kBefore + i]->Ready(), injector);
        if (i % 2 == 1) {
          if (TaskHeader* task = queue.Pop()) RunItem(task);
        }
      }
    }
    Drain(queue);
    Drain(injector);
  };
}

// The driver brings one more than there are places, while a thief makes some.
void StealAndBring() {
  Items<5> items;
  Injector injector;
  RunQueue queue;
  {
    Thread thief([&] { Steal(queue); });
    for (int i = 0; i < 5; ++i) queue.PushBrought(items[i]->Ready());
    (void)queue.Flush(injector);
    if (TaskHeader* task = queue.Pop()) RunItem(task);
  }
  Drain(queue);
  Drain(injector);
}

// Six tasks, popped in between, while a thief comes three times.
void ThreeThefts() {
  Items<6> items;
  Injector injector;
  RunQueue queue;
  {
    Thread thief([&] {
      for (int i = 0; i < 3; ++i) Steal(queue);
    });
    for (int i = 0; i < 6; ++i) {
      queue.Push(items[i]->Ready(), injector);
      if (i % 3 == 1) {
        if (TaskHeader* task = queue.Pop()) RunItem(task);
      }
    }
    Drain(queue);
  }
  Drain(injector);
}

// behaviour: tokio/src/runtime/tests/loom_multi_thread/queue.rs#basic
// behaviour: tokio/src/runtime/tests/loom_multi_thread/queue.rs#multi_stealer
TEST(RunQueueModel, ThievesAndOwnerShareTheRing) {
  ExpectHolds(Options().Preemptions(3), StealAndPush<2, 2>(1));
  ExpectHolds(Options(), StealAndPush<2, 2>(2));
  ExpectHolds(Options().Random(20000), StealAndPush<3, 4>(2));
  ExpectHolds(Options().Preemptions(4), StealAndPush<0, 2>(1));
  ExpectHolds(Options().StaleLoads(1), ThreeThefts);
  ExpectHolds(Options().Random(10000), ThreeThefts);
  ExpectHolds(Options().Preemptions(3), StealAndBring);
  ExpectCaught("run_queue.push_order", Options(), StealAndPush<0, 2>(1));
  ExpectCaught("run_queue.push_order", Options(), StealAndBring);
  ExpectCaught("run_queue.claim_order", Options(), StealAndPush<0, 2>(1));
  ExpectCaught("run_queue.two_thieves", Options().Preemptions(3), StealAndPush<4, 2>(2));
}

// behaviour: tokio/src/runtime/tests/loom_multi_thread/queue.rs#steal_overflow
TEST(RunQueueModel, AFullRingOverflows) {
  ExpectHolds(Options().Preemptions(3), StealAndPush<4, 2>(1));
  ExpectHolds(Options(), StealAndPush<4, 2>(2));
  ExpectHolds(Options().Random(20000), StealAndPush<4, 6>(2));
  ExpectCaught("run_queue.ignore_thief", Options().Preemptions(3), StealAndPush<4, 2>(1));
}

// Thieves that rob each other.
void Chain() {
  Items<4> items;
  Injector injector;
  RunQueue a, b, c;
  for (int i = 0; i < 4; ++i) a.Push(items[i]->Ready(), injector);
  {
    Thread first([&] {
      if (TaskHeader* task = b.StealFrom(a)) RunItem(task);
      if (TaskHeader* task = b.Pop()) RunItem(task);
    });
    Thread second([&] {
      if (TaskHeader* task = c.StealFrom(b)) RunItem(task);
      if (TaskHeader* task = c.StealFrom(a)) RunItem(task);
    });
    if (TaskHeader* task = a.Pop()) RunItem(task);
  }
  Drain(a);
  Drain(b);
  Drain(c);
}

// behaviour: tokio/src/runtime/tests/loom_multi_thread/queue.rs#chained_steal
TEST(RunQueueModel, ThievesAreRobbed) {
  ExpectHolds(Options(), Chain);
  ExpectHolds(Options().Random(20000), Chain);
}

// The owner puts and takes, the monitor takes.
void Slot() {
  Items<3> items;
  RunQueue queue;
  {
    Thread monitor([&] {
      if (TaskHeader* task = queue.TakeSlot()) RunItem(task);
      if (TaskHeader* task = queue.TakeSlot()) RunItem(task);
    });
    for (int i = 0; i < 3; ++i) {
      if (TaskHeader* displaced = queue.PutSlot(items[i]->Ready())) RunItem(displaced);
    }
    if (TaskHeader* task = queue.TakeSlot()) RunItem(task);
  }
  if (TaskHeader* task = queue.TakeSlot()) RunItem(task);
}

TEST(RunQueueModel, TheSlotIsTakenOnce) {
  ExpectHolds(Options().Preemptions(4), Slot);
  ExpectHolds(Options().Random(10000), Slot);
  ExpectCaught("run_queue.slot_order", Options(), Slot);
  ExpectCaught("run_queue.take_slot_order", Options(), Slot);
}

TEST(RunQueueModel, StealingPushingAndPoppingAreLockFree) {
  auto body = [] {
    Item items[4];
    Injector injector;
    RunQueue queue;
    for (int i = 0; i < 3; ++i) queue.Push(items[i].Ready(), injector);
    Thread first([&] { Steal(queue); });
    Thread second([&] { Steal(queue); });
    Thread owner([&] {
      queue.Push(items[3].Ready(), injector);
      while (TaskHeader* task = queue.Pop()) RunItem(task);
    });
  };
  ExpectHolds(Options().Preemptions(1).StaleLoads(1).Freeze(), body);
}

}  // namespace
}  // namespace kioto::model
