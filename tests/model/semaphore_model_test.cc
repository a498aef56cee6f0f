// Semaphore: no permit is lost or made, and nobody who could have one sleeps.
#include <gtest/gtest.h>

#include <utility>

#include "kioto/sync/semaphore.h"
#include "kioto/tests/model/values.h"

namespace kioto::model {
namespace {

class SemaphoreModel : public ::testing::Test {
 protected:
  SemaphoreModel() { MakeStatuses(); }
};

void Exclude() {
  sync::Semaphore semaphore(1);
  Cell<int> count(0);
  auto add = [&] {
    auto permit = Await(semaphore.Acquire(1));
    Assert(permit.ok(), "not closed");
    ++count.Write();
  };
  {
    Thread a(add);
    Thread b(add);
  }
  Assert(count.Read() == 2, "two were inside at once");
  Assert(semaphore.TryAcquire(1).ok(), "a permit was lost");
}

// A waiter for two is polled once and dropped while permits come back one by one: what it was given
// goes on.
void DropAcquire() {
  sync::Semaphore semaphore(0);
  Thread giver([&] {
    semaphore.AddPermits(1);
    semaphore.AddPermits(1);
  });
  {
    TaskThread task;
    auto wait = semaphore.Acquire(2);
    (void)task.Poll(wait).ready();
  }
  Assert(Await(semaphore.Acquire(2)).ok(), "not closed");
}

void CloseAgainstAcquire() {
  sync::Semaphore semaphore(1);
  {
    Thread a([&] { (void)Await(semaphore.Acquire(1)); });
    Thread b([&] { (void)Await(semaphore.Acquire(1)); });
    semaphore.Close();
  }
  Assert(semaphore.AvailablePermits() == 1, "a permit was lost");
}

// Three want one of two permits: never are three inside.
void TwoOfThree() {
  sync::Semaphore semaphore(2);
  Atomic<int> inside(0);
  auto enter = [&] {
    auto permit = Await(semaphore.Acquire(1));
    Assert(permit.ok(), "not closed");
    Assert(inside.fetch_add(1, std::memory_order_relaxed) < 2, "three were inside");
    inside.fetch_sub(1, std::memory_order_relaxed);
  };
  {
    Thread a(enter);
    Thread b(enter);
    enter();
  }
  Assert(semaphore.AvailablePermits() == 2, "a permit was lost, or made");
}

// Some of the permits that it waits for are free, the rest comes meanwhile.
void ReleaseDuringAcquire() {
  sync::Semaphore semaphore(10);
  auto most = semaphore.TryAcquire(8);
  {
    Thread a([&] { Assert(Await(semaphore.Acquire(4)).ok(), "not closed"); });
    most->Release();
  }
  Assert(semaphore.AvailablePermits() == 10, "a permit was lost, or made");
}

// Added, taken and forgotten at once: the sum is right.
void PermitUpdates() {
  sync::Semaphore semaphore(5);
  {
    Thread a([&] { semaphore.AddPermits(3); });
    Thread b([&] {
      auto one = semaphore.TryAcquire(1);
      Assert(one.ok(), "there are enough for all");
      one->Forget();
    });
    Assert(semaphore.ForgetPermits(2) == 2, "there are enough for all");
  }
  Assert(semaphore.AvailablePermits() == 5, "a permit was lost, or made");
}

void GrantedBetweenWakes() {
  sync::Semaphore semaphore(0);
  Cell<int> data(0);
  Thread giver([&] {
    data.Write() = 1;
    semaphore.AddPermits(1);
  });
  TaskThread task;
  Assert(task.AwaitByPolling(semaphore.Acquire(1)).ok(), "not closed");
  Assert(data.Read() == 1, "granted without what came before");
}

// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#basic_usage
TEST_F(SemaphoreModel, TwoOfThree) {
  ExpectHolds(Options().Preemptions(1).StaleLoads(0), TwoOfThree);
  ExpectHolds(Options().Random(5000), TwoOfThree);
  ExpectCaught("semaphore.no_hand_over", Options().StaleLoads(0), TwoOfThree);
}

// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#release
TEST_F(SemaphoreModel, Exclude) {
  ExpectHoldsAlways(Options().StaleLoads(1), Exclude);
  ExpectCaught("semaphore.release_order", Options(), Exclude);
  ExpectCaught("semaphore.no_hand_over", Options(), Exclude);
}

// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#concurrent_cancel
TEST_F(SemaphoreModel, DropAcquire) {
  ExpectHoldsAlways(Options().StaleLoads(1), DropAcquire);
  ExpectCaught("permit_queue.leave_with_permits", Options(), DropAcquire);
}

// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#concurrent_close
TEST_F(SemaphoreModel, CloseAgainstAcquire) {
  ExpectHoldsAlways(Options().StaleLoads(1), CloseAgainstAcquire);
  ExpectCaught("permit_queue.leave_with_permits", Options().StaleLoads(0), CloseAgainstAcquire);
}

TEST_F(SemaphoreModel, GrantedBetweenWakes) {
  ExpectHoldsAlways(Options().StaleLoads(1), GrantedBetweenWakes);
  ExpectCaught("permit_queue.signal_order", Options(), GrantedBetweenWakes);
}

// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#release_during_acquire
TEST_F(SemaphoreModel, ReleaseDuringAcquire) {
  ExpectHoldsAlways(Options().StaleLoads(1), ReleaseDuringAcquire);
  ExpectCaught("semaphore.no_hand_over", Options(), ReleaseDuringAcquire);
}

// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#concurrent_permit_updates
TEST_F(SemaphoreModel, PermitUpdates) {
  ExpectHoldsAlways(Options().StaleLoads(1), PermitUpdates);
  ExpectCaught("semaphore.forget_once", Options(), PermitUpdates);
}

}  // namespace
}  // namespace kioto::model
