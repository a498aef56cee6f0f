#include "kioto/sync/semaphore.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/may_block.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/base/testing/time_limit.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/internal/blocking.h"

namespace kioto::sync {
namespace {

using Task = PolledTask<AcquireFuture>;

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#poll_acquire_one_available
// behaviour: tokio/src/sync/tests/semaphore_batch.rs#poll_acquire_many_available
// behaviour: tokio/src/sync/tests/semaphore_batch.rs#try_acquire_many_available
TEST(SemaphoreTest, FreePermitsAreGivenAtOnce) {
  Semaphore semaphore(100);
  CountingWaker waker;
  kioto::internal::PollScope scope;
  Context cx(waker.waker(), scope);
  {
    auto one = *semaphore.Acquire(1).PollOnce(cx);
    EXPECT_EQ(one->count(), 1u);
    EXPECT_EQ(semaphore.AvailablePermits(), 99u);
  }
  {
    const base::AllocationCounter allocations;
    auto five = *semaphore.Acquire(5).PollOnce(cx);
    EXPECT_EQ(allocations.count(), 0);
    EXPECT_EQ(five->count(), 5u);
    EXPECT_EQ(semaphore.AvailablePermits(), 95u);
    auto more = *semaphore.Acquire(5).PollOnce(cx);
    EXPECT_EQ(semaphore.AvailablePermits(), 90u);
  }
  EXPECT_EQ(semaphore.AvailablePermits(), 100u);
  {
    auto five = semaphore.TryAcquire(5);
    EXPECT_EQ(five->count(), 5u);
    EXPECT_EQ(semaphore.AvailablePermits(), 95u);
    auto more = semaphore.TryAcquire(5);
    EXPECT_EQ(semaphore.AvailablePermits(), 90u);
  }
  EXPECT_EQ(semaphore.AvailablePermits(), 100u);
}

TEST(SemaphoreTest, MoreThanThereCanEverBeIsAnErrorAtOnce) {
  Semaphore semaphore(1);
  for (size_t count : {Semaphore::kMaxPermits + 1, SIZE_MAX}) {
    Task task(semaphore.Acquire(count));
    auto poll = task.Poll();
    ASSERT_TRUE(poll.ready());
    EXPECT_EQ((*poll).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(semaphore.TryAcquire(count).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(semaphore.AvailablePermits(), 1u);
}

TEST(SemaphoreDeathTest, BlockingInsideATaskIsRefused) {
  Semaphore semaphore(1);
  EXPECT_TRUE(semaphore.BlockingAcquire().ok());
  const base::ForbidBlocking scope;
  EXPECT_DEATH((void)semaphore.BlockingAcquire(), "BlockOn, or a Blocking... call, inside a task would stop every task of its thread");
}

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#poll_acquire_one_unavailable
TEST(SemaphoreTest, AReleasedPermitIsHandedOver) {
  Semaphore semaphore(1);
  auto held = semaphore.TryAcquire();
  Task waiting(semaphore.Acquire());
  EXPECT_TRUE(waiting.Poll().pending());
  held->Release();
  EXPECT_EQ(waiting.wakes(), 1);
  EXPECT_EQ(semaphore.AvailablePermits(), 0u);
  EXPECT_TRUE(IsEmpty(semaphore.TryAcquire().status()));  // no barging
  auto permit = *waiting.Poll();
  semaphore.AddPermits(1);
  EXPECT_EQ(semaphore.AvailablePermits(), 1u);
}

// behaviour: tokio/tests/sync_semaphore.rs#acquire
TEST(SemaphoreTest, ADroppedPermitEndsTheWaitOfAnotherThread) {
  Semaphore semaphore(1);
  std::optional<SemaphorePermit> held = *semaphore.TryAcquire();
  std::thread waiting([&] { EXPECT_TRUE(internal::BlockingWait(semaphore.Acquire()).ok()); });
  held.reset();
  waiting.join();
  EXPECT_EQ(semaphore.AvailablePermits(), 1u);
}

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#poll_acquire_one_zero_permits
TEST(SemaphoreTest, AnAddedPermitIsHandedOver) {
  Semaphore semaphore(0);
  Task waiting(semaphore.Acquire());
  EXPECT_TRUE(waiting.Poll().pending());
  semaphore.AddPermits(1);
  EXPECT_EQ(waiting.wakes(), 1);
  EXPECT_EQ((*waiting.Poll())->count(), 1u);
}

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#try_acquire_many_unavailable
TEST(SemaphoreTest, TryAcquireManyIsAllOrNothing) {
  Semaphore semaphore(5);
  auto one = semaphore.TryAcquire();
  EXPECT_TRUE(IsEmpty(semaphore.TryAcquire(5).status()));
  EXPECT_EQ(semaphore.AvailablePermits(), 4u);
  one->Release();
  EXPECT_TRUE(semaphore.TryAcquire(5).ok());
}

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#cancel_acquire_releases_permits
TEST(SemaphoreTest, TheFirstAbsorbsPermitsAndGivesThemBackWhenDropped) {
  Semaphore semaphore(10);
  auto four = semaphore.TryAcquire(4);
  Task eight(semaphore.Acquire(8));
  Task two(semaphore.Acquire(2));
  EXPECT_TRUE(eight.Poll().pending());
  EXPECT_TRUE(two.Poll().pending());
  EXPECT_EQ(semaphore.AvailablePermits(), 0u);
  EXPECT_EQ(two.wakes(), 0);
  eight.Drop();
  EXPECT_EQ(two.wakes(), 1);
  EXPECT_EQ(semaphore.AvailablePermits(), 4u);
  two.Drop();  // granted, and never looked at
  EXPECT_EQ(semaphore.AvailablePermits(), 6u);
  EXPECT_TRUE(semaphore.TryAcquire(6).ok());
}

TEST(SemaphoreTest, ManyWaitersAreServedInOrder) {
  Semaphore semaphore(0);
  std::vector<std::unique_ptr<Task>> tasks;
  for (int i = 0; i < 80; ++i) {
    tasks.push_back(std::make_unique<Task>(semaphore.Acquire(2)));
    EXPECT_TRUE(tasks.back()->Poll().pending());
  }
  for (int i = 0; i < 10; ++i) {
    semaphore.AddPermits(1);
    EXPECT_EQ(tasks[i / 2]->wakes(), i % 2);
  }
  semaphore.AddPermits(151);
  for (auto& task : tasks) EXPECT_EQ(task->wakes(), 1);
  EXPECT_EQ(semaphore.AvailablePermits(), 1u);
  for (auto& task : tasks) {
    auto permit = *task->Poll();
    permit->Forget();
  }
  EXPECT_EQ(semaphore.AvailablePermits(), 1u);
}

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#close_semaphore_notifies_permit1
TEST(SemaphoreTest, CloseWakesTheOneThatWaits) {
  Semaphore semaphore(0);
  Task task(semaphore.Acquire());
  EXPECT_TRUE(task.Poll().pending());
  semaphore.Close();
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_TRUE(IsClosed((*task.Poll()).status()));
}

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#close_semaphore_notifies_permit2
TEST(SemaphoreTest, CloseFailsWaitersAndKeepsCounting) {
  Semaphore semaphore(2);
  auto first = semaphore.TryAcquire();
  auto second = semaphore.TryAcquire();
  Task a(semaphore.Acquire());
  Task b(semaphore.Acquire(3));
  EXPECT_TRUE(a.Poll().pending());
  EXPECT_TRUE(b.Poll().pending());
  semaphore.Close();
  EXPECT_TRUE(semaphore.IsClosed());
  EXPECT_EQ(a.wakes(), 1);
  EXPECT_EQ(b.wakes(), 1);
  EXPECT_TRUE(IsClosed((*a.Poll()).status()));
  EXPECT_TRUE(IsClosed((*b.Poll()).status()));
  first->Release();
  EXPECT_EQ(semaphore.AvailablePermits(), 1u);
  second->Release();
  EXPECT_EQ(semaphore.AvailablePermits(), 2u);
  Task late(semaphore.Acquire());
  EXPECT_TRUE(IsClosed((*late.Poll()).status()));
}

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#close_semaphore_prevents_acquire
TEST(SemaphoreTest, ClosedItGivesNoneOfItsPermits) {
  Semaphore semaphore(5);
  semaphore.Close();
  for (const size_t count : {0, 1, 5}) {
    Task task(semaphore.Acquire(count));
    EXPECT_TRUE(IsClosed((*task.Poll()).status()));
  }
  EXPECT_TRUE(IsClosed(semaphore.TryAcquire().status()));
  EXPECT_EQ(semaphore.AvailablePermits(), 5u);
}

// A waker whose last reference gives a permit back.
struct Holder : Wakeable {
  explicit Holder(SemaphorePermit permit) : permit(std::move(permit)) {}
  void OnWake() override {}
  SemaphorePermit permit;
};

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#release_permits_at_drop
TEST(SemaphoreTest, AWakerThatReleasesAPermitDoesNotDeadlock) {
  const base::TimeLimit limit;
  Semaphore semaphore(1);
  auto* target = new Holder(*semaphore.TryAcquire());
  AcquireFuture future = semaphore.Acquire();
  auto poll = [&](const Waker& waker) {
    kioto::internal::PollScope scope;
    Context cx(waker, scope);
    return future.PollOnce(cx);
  };
  {
    Waker waker = target->MakeWaker();
    target->Unref();
    EXPECT_TRUE(poll(waker).pending());
  }
  CountingWaker other;
  (void)poll(other.waker());  // replaces the holder, whose permit comes back to this very waiter
  EXPECT_EQ(other.wakes(), 1);
  EXPECT_TRUE(poll(other.waker()).ready());
}

// check: H1
TEST(SemaphoreTest, DroppedAtAnyPointPermitsAreConserved) {
  for (int polls = 0; polls < 3; ++polls) {
    for (bool grant : {false, true}) {
      Semaphore semaphore(1);
      auto held = semaphore.TryAcquire();
      Task task(semaphore.Acquire());
      for (int i = 0; i < polls; ++i) EXPECT_TRUE(task.Poll().pending());
      if (grant) held->Release();
      task.Drop();
      EXPECT_EQ(task.held(), 0);
      held->Release();
      EXPECT_EQ(semaphore.AvailablePermits(), 1u);
    }
  }
}

// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#batch
// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#concurrent_cancel
// behaviour: tokio/tests/sync_semaphore.rs#stress_test
TEST(SemaphoreTest, StressNeverMoreThanItsPermitsAndAllComeBack) {
  constexpr int kPermits = 5;
  Semaphore semaphore(kPermits);
  std::atomic<int> active{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 4000; ++i) {
        const int n = 1 + (i * 7 + t) % kPermits;
        if (i % 3 == 0) {
          Task cancelled(semaphore.Acquire(n));
          (void)cancelled.Poll();
          continue;
        }
        auto permit = internal::BlockingWait(semaphore.Acquire(n));
        EXPECT_LE(active.fetch_add(n) + n, kPermits);
        active.fetch_sub(n);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(semaphore.AvailablePermits(), static_cast<size_t>(kPermits));
  std::vector<SemaphorePermit> all;
  for (int i = 0; i < kPermits; ++i) all.push_back(*semaphore.TryAcquire());
  EXPECT_TRUE(IsEmpty(semaphore.TryAcquire().status()));
}

// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#basic_closing
// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#concurrent_close
TEST(SemaphoreTest, StressCloseEndsEveryAcquire) {
  const base::TimeLimit limit(std::chrono::seconds(30));
  for (int round = 0; round < 200; ++round) {
    Semaphore semaphore(1);
    std::atomic<int> running{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        ++running;
        for (;;) {
          auto permit = semaphore.BlockingAcquire();
          if (permit.ok()) continue;
          EXPECT_TRUE(IsClosed(permit.status()));
          return;
        }
      });
    }
    while (running < 3) std::this_thread::yield();
    std::optional<SemaphorePermit> held;  // in every other round: then all three wait, or are about to
    if (round % 2 == 0) held = *internal::BlockingWait(semaphore.Acquire());
    semaphore.Close();
    held.reset();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(semaphore.AvailablePermits(), 1u);
  }
}

}  // namespace
}  // namespace kioto::sync
