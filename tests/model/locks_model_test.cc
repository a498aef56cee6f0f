// Mutex, RwLock, OnceCell, SetOnce, Barrier: who is inside is alone, and nobody who could go on sleeps.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

#include "kioto/runtime/future/ready.h"
#include "kioto/sync/barrier.h"
#include "kioto/sync/mutex.h"
#include "kioto/sync/once_cell.h"
#include "kioto/sync/rwlock.h"
#include "kioto/sync/set_once.h"
#include "kioto/tests/model/values.h"

namespace kioto::model {
namespace {

class LocksModel : public ::testing::Test {
 protected:
  LocksModel() { MakeStatuses(); }
};

using Count = Cell<int>;

void MutexExcludes() {
  sync::Mutex<Count> mutex(std::in_place, 0);
  auto add = [&] { ++Await(mutex.Lock())->Write(); };
  {
    Thread a(add);
    Thread b(add);
  }
  Assert(mutex.Get().Read() == 2, "two were inside at once");
  Assert(mutex.TryLock().ok(), "the lock was lost");
}

TEST_F(LocksModel, MutexExcludes) {
  ExpectHoldsAlways(Options().StaleLoads(1), MutexExcludes);
  ExpectCaught("lock_core.enter_order", Options(), MutexExcludes);
  ExpectCaught("lock_core.leave_order", Options(), MutexExcludes);
  ExpectCaught("lock_core.take_order", Options(), MutexExcludes);
  ExpectCaught("lock_core.no_hand_over", Options(), MutexExcludes);
}

// One that waits is polled once and dropped, while the lock is handed over: it goes on to the next.
void DropLock() {
  sync::Mutex<Count> mutex(std::in_place, 0);
  std::optional held = *mutex.TryLock();
  Thread unlocker([&] { held.reset(); });
  {
    TaskThread task;
    auto wait = mutex.Lock();
    if (auto poll = task.Poll(wait); poll.ready()) ++(*poll)->Write();
  }
  ++Await(mutex.Lock())->Write();
}

TEST_F(LocksModel, DropLock) {
  ExpectHoldsAlways(Options().StaleLoads(1), DropLock);
  ExpectCaught("lock_wait.keeps_grant", Options(), DropLock);
}

// Whoever waits has the lock next: one who comes when it is unlocked does not get it.
void NoBarging() {
  sync::Mutex<Count> mutex(std::in_place, 0);
  std::optional held = *mutex.TryLock();
  TaskThread task;
  std::optional wait(mutex.Lock());
  Assert(task.Poll(*wait).pending(), "two were inside at once");
  {
    Thread unlocker([&] { held.reset(); });
    Assert(!mutex.TryLock().ok(), "passed the queue");
  }
  Assert(task.Poll(*wait).ready(), "was not handed over");
}

TEST_F(LocksModel, NoBarging) {
  ExpectHoldsAlways(Options().StaleLoads(1), NoBarging);
  ExpectCaught("lock_core.barge", Options(), NoBarging);
}

void ConcurrentWrite() {
  auto lock = std::make_shared<sync::RwLock<int>>(0, 2);
  {
    Thread a([&] { *Await(lock->Write()) += 5; });
    *Await(sync::RwLock<int>::WriteOwned(lock)) += 5;
  }
  Assert(lock->Get() == 10, "two wrote at once");
}

// behaviour: tokio/src/sync/tests/loom_rwlock.rs#concurrent_write
TEST_F(LocksModel, ConcurrentWrite) {
  ExpectHoldsAlways(Options().StaleLoads(1), ConcurrentWrite);
  ExpectCaught("lock_core.no_hand_over", Options(), ConcurrentWrite);
}

// Two numbers that a writer changes one after the other.
struct Pair {
  Cell<int> a{0};
  Cell<int> b{0};
};

void ConcurrentReadWrite() {
  auto lock = std::make_shared<sync::RwLock<std::unique_ptr<Pair>>>(std::make_unique<Pair>(), 2);
  using Lock = sync::RwLock<std::unique_ptr<Pair>>;
  {
    Thread writer([&] {
      auto pair = Await(lock->Write());
      (*pair)->a.Write() += 5;
      (*pair)->b.Write() += 5;
    });
    Thread reader([&] {
      auto pair = Await(Lock::ReadOwned(lock));
      Assert((*pair)->a.Read() == (*pair)->b.Read(), "a reader saw half a write");
    });
    auto pair = Await(lock->Read());
    Assert((*pair)->a.Read() == (*pair)->b.Read(), "a reader saw half a write");
  }
  Assert(lock->Get()->a.Read() == 5, "a write was lost");
}

// behaviour: tokio/src/sync/tests/loom_rwlock.rs#concurrent_read_write
TEST_F(LocksModel, ConcurrentReadWrite) {
  ExpectHolds(Options().Preemptions(1).StaleLoads(0), ConcurrentReadWrite);
  ExpectHolds(Options().Random(5000), ConcurrentReadWrite);
  ExpectCaught("lock_core.leave_order", Options(), ConcurrentReadWrite);
}

void DowngradeKeepsWritersOut() {
  auto lock = std::make_unique<sync::RwLock<std::unique_ptr<Pair>>>(std::make_unique<Pair>(), 2);
  auto write = Await(lock->Write());
  (*write)->a.Write() = 1;
  {
    Thread writer([&] { (*Await(lock->Write()))->a.Write() = 2; });
    auto read = std::move(write).Downgrade();
    Assert((*read)->a.Read() == 1, "a writer slipped in");
  }
  Assert(lock->Get()->a.Read() == 2, "a write was lost");
}

// behaviour: tokio/src/sync/tests/loom_rwlock.rs#downgrade
TEST_F(LocksModel, DowngradeKeepsWritersOut) {
  ExpectHoldsAlways(Options().StaleLoads(1), DowngradeKeepsWritersOut);
  ExpectCaught("lock_guard.downgrade_all", Options(), DowngradeKeepsWritersOut);
}

// A writer waits for a reader to go: who wants to read meanwhile does not pass it.
void AWriterIsNotPassed() {
  sync::RwLock<int> lock(0, 2);
  std::optional held = *lock.TryRead();
  TaskThread task;
  auto wait = lock.Write();
  Assert(task.Poll(wait).pending(), "wrote while another read");
  {
    Thread reader([&] { held.reset(); });
    Assert(!lock.TryRead().ok(), "passed the writer");
  }
  Assert(task.Poll(wait).ready(), "was not handed over");
}

TEST_F(LocksModel, AWriterIsNotPassed) {
  ExpectHoldsAlways(Options().StaleLoads(1), AWriterIsNotPassed);
  ExpectCaught("lock_core.barge", Options(), AWriterIsNotPassed);
}

void OneMakesIt() {
  sync::OnceCell<Count*> cell;
  Count a(1);
  Count b(2);
  auto get = [&](Count& mine) { return (*Await(cell.GetOrInit([&mine] { return &mine; })))->Read(); };
  int other = 0;
  int own = 0;
  {
    Thread thread([&] { other = get(a); });
    own = get(b);
  }
  Assert(own == other, "two values were made");
}

TEST_F(LocksModel, OneMakesIt) {
  ExpectHoldsAlways(Options().StaleLoads(1), OneMakesIt);
  ExpectCaught("once_cell.no_close", Options(), OneMakesIt);
}

// The initializer is dropped while another waits for its turn.
void DropInitializer() {
  sync::OnceCell<int> cell;
  {
    Thread waiter([&] { Assert(*Await(cell.GetOrInit([] { return 2; })) == 2, "the wrong value"); });
    TaskThread task;
    auto first = cell.GetOrInit([] { return Never<int>(); });
    (void)task.Poll(first).ready();
  }
  Assert(*cell.Get() == 2, "the value was lost");
}

TEST_F(LocksModel, DropInitializer) {
  ExpectHoldsAlways(Options().StaleLoads(1), DropInitializer);
  ExpectCaught("semaphore.no_hand_over", Options(), DropInitializer);
}

// It is set while somebody is about to make it, and another looks.
void SetAgainstInit() {
  sync::OnceCell<Value> cell;
  Thread setter([&] { (void)cell.Set(MakeValue(1)); });
  const Value* made = Await(cell.GetOrInit([] { return MakeValue(2); }));
  Assert(made == cell.Get(), "two values were made");
  Assert(Read(*made) == 1 || Read(*made) == 2, "a value that nobody made");
}

TEST_F(LocksModel, SetAgainstInit) {
  ExpectHoldsAlways(Options().StaleLoads(1), SetAgainstInit);
  ExpectCaught("once_cell.no_close", Options(), SetAgainstInit);
}

void SetOnceWait() {
  sync::SetOnce<Value> cell;
  Thread setter([&] { Assert(cell.Set(MakeValue(2)).ok(), "set once"); });
  Assert(Read(*Await(cell.Wait())) == 2, "the wrong value");
}

// behaviour: tokio/src/sync/tests/loom_set_once.rs#set_once_wait_test
TEST_F(LocksModel, SetOnceWait) {
  ExpectHoldsAlways(Options().StaleLoads(1), SetOnceWait);
  ExpectCaught("set_once.set_order", Options(), SetOnceWait);
  ExpectCaught("set_once.no_notify", Options(), SetOnceWait);
}

// Values that are lost are leaks, which fail the execution.
void SetOnceRace() {
  sync::SetOnce<Value> cell;
  Atomic<int> won(0);
  auto set = [&](int number) {
    if (cell.Set(MakeValue(number)).ok()) won.fetch_add(1, std::memory_order_relaxed);
  };
  {
    Thread other([&] { set(1); });
    set(2);
  }
  Assert(won.Newest() == 1, "exactly one may set it");
  Assert(cell.Get() != nullptr, "the value was lost");
}

// behaviour: tokio/src/sync/tests/loom_set_once.rs#set_once_drop_test
TEST_F(LocksModel, SetOnceRace) {
  ExpectHoldsAlways(Options().StaleLoads(1), SetOnceRace);
  ExpectCaught("set_once.no_claim", Options(), SetOnceRace);
}

// One waits and is dropped while it is set; one looks without waiting.
void SetOnceDropWait() {
  sync::SetOnce<Value> cell;
  Thread setter([&] { Assert(cell.Set(MakeValue(2)).ok(), "set once"); });
  {
    TaskThread task;
    auto wait = cell.Wait();
    if (auto poll = task.Poll(wait); poll.ready()) Assert(Read(**poll) == 2, "the wrong value");
  }
  if (const Value* value = cell.Get()) Assert(Read(*value) == 2, "the wrong value");
}

TEST_F(LocksModel, SetOnceDropWait) {
  ExpectHoldsAlways(Options().StaleLoads(1), SetOnceDropWait);
  ExpectCaught("set_once.set_order", Options(), SetOnceDropWait);
}

// What each did before it arrived, the other sees.
void BarrierMeets() {
  sync::Barrier barrier(2);
  Count a(0);
  Count b(0);
  bool leads = false;
  bool other_leads = false;
  {
    Thread thread([&] {
      a.Write() = 1;
      other_leads = Await(barrier.Wait()).is_leader;
      Assert(b.Read() == 1, "went on too early");
    });
    b.Write() = 1;
    leads = Await(barrier.Wait()).is_leader;
    Assert(a.Read() == 1, "went on too early");
  }
  Assert(leads != other_leads, "one leads");
}

TEST_F(LocksModel, BarrierMeets) {
  ExpectHoldsAlways(Options().StaleLoads(1), BarrierMeets);
  ExpectCaught("barrier.arrive_order", Options(), BarrierMeets);
  ExpectCaught("barrier.no_notify", Options(), BarrierMeets);
}

// Four arrivals, three at once, at a barrier of two: nobody goes on with the leader of another generation.
void BarrierGenerations() {
  sync::Barrier barrier(2);
  Atomic<int> arrived(0);
  Atomic<int> gone(0);
  auto arrive = [&] {
    arrived.fetch_add(1, std::memory_order_relaxed);
    (void)Await(barrier.Wait());
    Assert(gone.fetch_add(1, std::memory_order_relaxed) < arrived.Newest() / 2 * 2, "went on too early");
  };
  Thread a(arrive);
  Thread b(arrive);
  arrived.fetch_add(1, std::memory_order_relaxed);
  TaskThread task;
  auto wait = barrier.Wait();
  if (task.Poll(wait).ready()) {
    Assert(gone.fetch_add(1, std::memory_order_relaxed) < arrived.Newest() / 2 * 2, "went on too early");
  }
  arrive();
}

TEST_F(LocksModel, BarrierGenerations) {
  ExpectHolds(Options().Preemptions(2).StaleLoads(0), BarrierGenerations);
  ExpectHolds(Options().Random(5000), BarrierGenerations);
  ExpectCaught("barrier.trust_notify", Options(), BarrierGenerations);
}

// One that has arrived is dropped: the other goes on all the same.
void BarrierDrop() {
  sync::Barrier barrier(2);
  Thread thread([&] {
    TaskThread task;
    auto wait = barrier.Wait();
    (void)task.Poll(wait).ready();
  });
  (void)Await(barrier.Wait());
}

TEST_F(LocksModel, BarrierDrop) {
  ExpectHoldsAlways(Options().StaleLoads(1), BarrierDrop);
  ExpectCaught("barrier.no_notify", Options(), BarrierDrop);
}

}  // namespace
}  // namespace kioto::model
