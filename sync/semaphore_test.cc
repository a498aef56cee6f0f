#include "kioto/sync/semaphore.h"

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
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
  base::AllocationCounter allocations;
  {
    AcquireFuture future = semaphore.Acquire(5);
    CountingWaker waker;
    const int64_t before = allocations.count();
    kioto::internal::PollScope scope;
    Context cx(waker.waker(), scope);
    auto permit = *future.PollOnce(cx);
    EXPECT_EQ(allocations.count(), before);
    EXPECT_EQ(permit->count(), 5u);
    auto more = semaphore.TryAcquire();
    EXPECT_EQ(semaphore.AvailablePermits(), 94u);
  }
  EXPECT_EQ(semaphore.AvailablePermits(), 100u);
}

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#poll_acquire_one_unavailable
// behaviour: tokio/src/sync/tests/semaphore_batch.rs#poll_acquire_one_zero_permits
// behaviour: tokio/tests/sync_semaphore.rs#acquire
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

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#close_semaphore_prevents_acquire
// behaviour: tokio/src/sync/tests/semaphore_batch.rs#close_semaphore_notifies_permit2
// behaviour: tokio/tests/sync_semaphore.rs#blocking_acquire_closed
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
  EXPECT_TRUE(IsClosed(semaphore.TryAcquire().status()));
  EXPECT_TRUE(IsClosed(semaphore.BlockingAcquire().status()));
  Task zero(semaphore.Acquire(0));
  EXPECT_TRUE(IsClosed((*zero.Poll()).status()));
}

// behaviour: tokio/tests/sync_semaphore.rs#add_permits_open
// behaviour: tokio/tests/sync_semaphore.rs#add_permits_closed
// behaviour: tokio/tests/sync_semaphore.rs#forget_open
// behaviour: tokio/tests/sync_semaphore.rs#forget_closed
// behaviour: tokio/src/sync/tests/semaphore_batch.rs#forget_permits_basic
TEST(SemaphoreTest, AddAndForget) {
  for (bool closed : {false, true}) {
    for (size_t size = 0; size < 3; ++size) {
      for (size_t n = 0; n < 3; ++n) {
        Semaphore semaphore(size);
        if (closed) semaphore.Close();
        semaphore.AddPermits(n);
        EXPECT_EQ(semaphore.AvailablePermits(), size + n);
        EXPECT_EQ(semaphore.ForgetPermits(2), std::min<size_t>(2, size + n));
        EXPECT_EQ(semaphore.IsClosed(), closed);
      }
    }
  }
}

// behaviour: tokio/tests/sync_semaphore.rs#forget
// behaviour: tokio/tests/sync_semaphore.rs#merge
// behaviour: tokio/tests/sync_semaphore.rs#split
TEST(SemaphoreTest, PermitsAreForgottenMergedAndSplit) {
  Semaphore semaphore(5);
  {
    auto one = semaphore.TryAcquire(1);
    auto two = semaphore.TryAcquire(2);
    one->Merge(*std::move(two));
    EXPECT_EQ(one->count(), 3u);
    EXPECT_EQ(semaphore.AvailablePermits(), 2u);
    auto part = one->Split(1);
    EXPECT_EQ(one->count(), 2u);
    EXPECT_EQ(part->count(), 1u);
    EXPECT_EQ(one->Split(0)->count(), 0u);
    EXPECT_FALSE(part->Split(2).has_value());
    one->Release();
    EXPECT_EQ(semaphore.AvailablePermits(), 4u);
  }
  EXPECT_EQ(semaphore.AvailablePermits(), 5u);
  semaphore.TryAcquire(5)->Forget();
  EXPECT_EQ(semaphore.AvailablePermits(), 0u);
}

// behaviour: tokio/tests/sync_semaphore.rs#merge_unrelated_permits
// behaviour: tokio/tests/sync_semaphore.rs#add_more_than_max_amount_permits1
// behaviour: tokio/tests/sync_semaphore.rs#panic_when_exceeds_maxpermits
TEST(SemaphoreDeathTest, MisuseIsRefused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Semaphore(Semaphore::kMaxPermits + 1), "kMaxPermits");
  Semaphore full(Semaphore::kMaxPermits);
  EXPECT_DEATH(full.AddPermits(1), "kMaxPermits");
  Semaphore a(1);
  Semaphore b(1);
  EXPECT_DEATH(a.TryAcquire()->Merge(*b.TryAcquire()), "different semaphores");
}

// A waker whose last reference gives a permit back.
struct Holder : Wakeable {
  explicit Holder(SemaphorePermit permit) : permit(std::move(permit)) {}
  void OnWake() override {}
  SemaphorePermit permit;
};

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#release_permits_at_drop
TEST(SemaphoreTest, AWakerThatReleasesAPermitDoesNotDeadlock) {
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
}

// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#concurrent_close
TEST(SemaphoreTest, StressCloseEndsEveryAcquire) {
  for (int round = 0; round < 200; ++round) {
    Semaphore semaphore(1);
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        while (semaphore.BlockingAcquire().ok()) {
        }
      });
    }
    semaphore.Close();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(semaphore.AvailablePermits(), 1u);
  }
}

}  // namespace
}  // namespace kioto::sync
