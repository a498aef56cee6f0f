// SpinLock, Parker and the injector under it.
#include <gtest/gtest.h>

#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/park.h"
#include "kioto/runtime/scheduler/injector.h"
#include "kioto/tests/model/items.h"

namespace kioto::model {
namespace {

using base::Parker;
using base::SpinLock;
using base::SpinLockGuard;
using kioto::internal::Injector;
using kioto::internal::TaskHeader;

// --- SpinLock ---

void Count() {
  SpinLock lock;
  Cell<int> count(0);
  auto add = [&] {
    SpinLockGuard guard(lock);
    ++count.Write();
  };
  {
    Thread a(add);
    Thread b(add);
    if (lock.TryLock()) {
      ++count.Write();
      lock.Unlock();
    } else {
      add();
    }
  }
  Assert(count.Read() == 3, "two were inside at once");
}

TEST(SpinLockModel, OneIsInside) {
  ExpectHolds(Options().Preemptions(3), Count);
  ExpectHolds(Options().Random(20000), Count);
  ExpectCaught("spin_lock.lock_order", Options(), Count);
  ExpectCaught("spin_lock.unlock_order", Options(), Count);
  ExpectCaught("spin_lock.no_retry", Options(), Count);
}

// --- Parker ---

// The owner parks once for each of two hand-overs; the second thread that unparks may find the
// first one's token.
void HandOver() {
  Parker parker;
  Cell<int> data[2];
  Atomic<int> handed(0);
  auto give = [&](int i) {
    data[i].Write() = 1;
    handed.fetch_add(1, std::memory_order_relaxed);  // relaxed: Unpark is what makes it visible
    parker.Unpark();
  };
  Thread a([&] { give(0); });
  Thread b([&] { give(1); });
  while (handed.load(std::memory_order_relaxed) < 2) parker.Park();
  a.Join();
  b.Join();
}

// One token brings what came before it; the Parker dies as soon as its owner has it (R4).
void Once() {
  Cell<int> data(0);
  Atomic<bool> ended(false);
  auto* parker = new Parker;
  Thread giver([&] {
    data.Write() = 1;
    parker->Unpark();
  });
  parker->Park();
  Assert(data.Read() == 1, "the token came without what was done before");
  giver.Join();
  delete parker;
}

// A deadline against an Unpark (R3).
void Deadline() {
  Cell<int> data(0);
  Parker parker;
  Thread giver([&] {
    data.Write() = 1;
    parker.Unpark();
  });
  if (parker.ParkUntil(1)) {
    Assert(data.Read() == 1, "the token came without what was done before");
  } else {
    parker.Park();  // it is still to come
    Assert(data.Read() == 1, "the token came without what was done before");
  }
}

TEST(ParkerModel, NoTokenIsLost) {
  for (auto body : {HandOver, Once, Deadline}) {
    ExpectHolds(Options().Preemptions(4), body);
    ExpectHolds(Options().Random(5000), body);
  }
  ExpectCaught("parker.unpark_order", Options(), Once);
  ExpectCaught("parker.park_order", Options(), Once);
  ExpectCaught("parker.token_order", Options(), Once);
  ExpectCaught("parker.deadline_order", Options(), Deadline);
  ExpectCaught("parker.no_wake", Options(), Once);
}

TEST(ParkerModel, UnparkIsLockFree) {
  ExpectHolds(Options().Freeze(), [] {
    Parker parker;
    Thread a([&] { parker.Unpark(); });
    Thread b([&] { parker.Unpark(); });
    Thread c([&] { parker.Unpark(); });
  });
}

// --- Injector ---

void Inject() {
  Items<5> items;
  Injector injector;
  auto take = [&](size_t most) {
    for (TaskHeader* task = injector.Pop(most); task != nullptr;) {
      TaskHeader* next = task->queue_next;
      RunItem(task);
      task = next;
    }
  };
  {
    Thread a([&] {
      injector.Push(items[0]->Ready());
      injector.Push(items[1]->Ready());
    });
    Thread b([&] {
      items[2]->Ready()->queue_next = items[3]->Ready();
      injector.PushBatch(items[2], items[3], 2);
    });
    injector.Push(items[4]->Ready());
    take(1);
    take(2);
  }
  Assert(injector.size() <= 4 && injector.size() >= 2, "the size is wrong");
  take(10);
  Assert(injector.empty(), "not empty after its last task");
}

// One producer's tasks come in order.
void InOrder() {
  Items<3> items;
  Injector injector;
  Thread producer([&] {
    for (int i = 0; i < 3; ++i) injector.Push(items[i]->Ready());
  });
  for (int i = 0; i < 3;) {
    TaskHeader* task = injector.Pop(1);
    if (task == nullptr) {
      SpinHint();
      continue;
    }
    Assert(task == items[i], "out of order");
    RunItem(task);
    ++i;
  }
}

TEST(InjectorModel, NothingIsLost) {
  ExpectHolds(Options(), Inject);
  ExpectHolds(Options().Random(10000), Inject);
  ExpectHolds(Options().Preemptions(3), InOrder);
  ExpectCaught("injector.keep_tail", Options(), InOrder);
  ExpectCaught("spin_lock.unlock_order", Options(), Inject);
  ExpectCaught("spin_lock.lock_order", Options(), Inject);
}

}  // namespace
}  // namespace kioto::model
