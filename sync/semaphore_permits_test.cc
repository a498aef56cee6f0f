// The permits of a semaphore: how many there are, and what is done with those that are held.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/time_limit.h"
#include "kioto/sync/semaphore.h"

namespace kioto::sync {
namespace {

// Every number of free permits and of others from 0 to 2, open and closed: what is free after `change`(semaphore, n)
// is `expected`(size, n), and the semaphore is as open as it was.
template <class Change, class Expected>
void ForSmallNumbers(Change change, Expected expected) {
  for (bool closed : {false, true}) {
    for (size_t size = 0; size < 3; ++size) {
      for (size_t n = 0; n < 3; ++n) {
        Semaphore semaphore(size);
        if (closed) semaphore.Close();
        change(semaphore, n);
        EXPECT_EQ(semaphore.AvailablePermits(), expected(size, n)) << size << " and " << n;
        EXPECT_EQ(semaphore.IsClosed(), closed);
      }
    }
  }
}

// behaviour: tokio/tests/sync_semaphore.rs#add_permits_open
// behaviour: tokio/tests/sync_semaphore.rs#add_permits_closed
TEST(SemaphorePermitsTest, AreAddedOpenOrClosed) {
  ForSmallNumbers([](Semaphore& semaphore, size_t n) { semaphore.AddPermits(n); },
                  [](size_t size, size_t n) { return size + n; });
}

// behaviour: tokio/tests/sync_semaphore.rs#forget_open
// behaviour: tokio/tests/sync_semaphore.rs#forget_closed
TEST(SemaphorePermitsTest, AreForgottenOpenOrClosed) {
  ForSmallNumbers(
      [](Semaphore& semaphore, size_t n) {
        const size_t free = semaphore.AvailablePermits();
        EXPECT_EQ(semaphore.ForgetPermits(n), std::min(n, free));
      },
      [](size_t size, size_t n) { return size - std::min(n, size); });
}

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#forget_permits_basic
TEST(SemaphorePermitsTest, NoMoreAreForgottenThanThereAre) {
  Semaphore semaphore(10);
  EXPECT_EQ(semaphore.ForgetPermits(4), 4u);
  EXPECT_EQ(semaphore.AvailablePermits(), 6u);
  EXPECT_EQ(semaphore.ForgetPermits(10), 6u);
  EXPECT_EQ(semaphore.AvailablePermits(), 0u);
}

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#try_acquire_one_available
TEST(SemaphorePermitsTest, AreCountedOneByOne) {
  Semaphore semaphore(100);
  auto first = semaphore.TryAcquire();
  EXPECT_EQ(semaphore.AvailablePermits(), 99u);
  auto second = semaphore.TryAcquire();
  EXPECT_EQ(semaphore.AvailablePermits(), 98u);
}

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#try_acquire_one_unavailable
TEST(SemaphorePermitsTest, TheOnlyOneIsGivenOnceAtATime) {
  Semaphore semaphore(1);
  {
    auto held = semaphore.TryAcquire();
    EXPECT_TRUE(held.ok());
    EXPECT_TRUE(IsEmpty(semaphore.TryAcquire().status()));
  }
  EXPECT_TRUE(semaphore.TryAcquire().ok());
  EXPECT_EQ(semaphore.AvailablePermits(), 1u);
}

// behaviour: tokio/tests/sync_semaphore.rs#no_permits
TEST(SemaphorePermitsTest, MayBeNone) {
  Semaphore semaphore(0);
  EXPECT_EQ(semaphore.AvailablePermits(), 0u);
  EXPECT_TRUE(IsEmpty(semaphore.TryAcquire().status()));
}

// behaviour: tokio/tests/sync_semaphore.rs#forget
TEST(SemaphorePermitsTest, AreForgottenForGood) {
  Semaphore semaphore(1);
  {
    auto permit = semaphore.TryAcquire();
    EXPECT_EQ(semaphore.AvailablePermits(), 0u);
    permit->Forget();
    EXPECT_EQ(semaphore.AvailablePermits(), 0u);
  }
  EXPECT_EQ(semaphore.AvailablePermits(), 0u);
  EXPECT_TRUE(IsEmpty(semaphore.TryAcquire().status()));
}

// behaviour: tokio/tests/sync_semaphore.rs#merge
TEST(SemaphorePermitsTest, AreMerged) {
  Semaphore semaphore(3);
  {
    auto one = semaphore.TryAcquire(1);
    auto two = semaphore.TryAcquire(2);
    one->Merge(*std::move(two));
    EXPECT_EQ(one->count(), 3u);
    EXPECT_EQ(semaphore.AvailablePermits(), 0u);
  }
  EXPECT_EQ(semaphore.AvailablePermits(), 3u);
}

// behaviour: tokio/tests/sync_semaphore.rs#split
TEST(SemaphorePermitsTest, AreSplit) {
  Semaphore semaphore(5);
  auto two = semaphore.TryAcquire(3);
  std::optional<SemaphorePermit> one = two->Split(1);
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(two->count(), 2u);
  EXPECT_EQ(one->count(), 1u);
  EXPECT_EQ(semaphore.AvailablePermits(), 2u);
  EXPECT_EQ(two->Split(0)->count(), 0u);
  EXPECT_FALSE(one->Split(2).has_value());
  two->Release();
  EXPECT_EQ(semaphore.AvailablePermits(), 4u);
  {
    std::optional<SemaphorePermit> moved = one->Split(1);
    EXPECT_EQ(moved->count(), 1u);
    EXPECT_EQ(one->count(), 0u);
    EXPECT_FALSE(one->Split(1).has_value());
    one.reset();
    EXPECT_EQ(semaphore.AvailablePermits(), 4u);
  }
  EXPECT_EQ(semaphore.AvailablePermits(), 5u);
}

// --- as many as there can be ---

// behaviour: tokio/src/sync/tests/semaphore_batch.rs#max_permits_doesnt_panic
// behaviour: tokio/tests/sync_semaphore.rs#no_panic_at_maxpermits
TEST(SemaphorePermitsTest, MayBeTheMost) {
  EXPECT_EQ(Semaphore(Semaphore::kMaxPermits).AvailablePermits(), Semaphore::kMaxPermits);
  Semaphore nearly(Semaphore::kMaxPermits - 1);
  nearly.AddPermits(1);
  EXPECT_EQ(nearly.AvailablePermits(), Semaphore::kMaxPermits);
}

// behaviour: tokio/tests/sync_semaphore.rs#add_max_amount_permits
TEST(SemaphorePermitsTest, MayBeAddedUpToTheMost) {
  Semaphore semaphore(0);
  semaphore.AddPermits(Semaphore::kMaxPermits);
  EXPECT_EQ(semaphore.AvailablePermits(), Semaphore::kMaxPermits);
}

class SemaphorePermitsDeathTest : public testing::Test {
 protected:
  SemaphorePermitsDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// behaviour: tokio/tests/sync_semaphore.rs#panic_when_exceeds_maxpermits
// behaviour: tokio/src/sync/tests/semaphore_batch.rs#validates_max_permits
TEST_F(SemaphorePermitsDeathTest, MadeWithMoreThanTheMost) {
  EXPECT_DEATH(Semaphore(Semaphore::kMaxPermits + 1), "kMaxPermits");
}

// behaviour: tokio/tests/sync_semaphore.rs#add_more_than_max_amount_permits1
TEST_F(SemaphorePermitsDeathTest, AddedTheMostToOne) {
  Semaphore one(1);
  EXPECT_DEATH(one.AddPermits(Semaphore::kMaxPermits), "kMaxPermits");
}

// behaviour: tokio/tests/sync_semaphore.rs#add_more_than_max_amount_permits2
TEST_F(SemaphorePermitsDeathTest, AddedOneToTheMost) {
  Semaphore nearly(Semaphore::kMaxPermits - 1);
  nearly.AddPermits(1);
  EXPECT_DEATH(nearly.AddPermits(1), "kMaxPermits");
}

// behaviour: tokio/tests/sync_semaphore.rs#merge_unrelated_permits
// behaviour: tokio/tests/sync_panic.rs#semaphore_merge_unrelated_permits
TEST_F(SemaphorePermitsDeathTest, MergedWithThoseOfAnother) {
  Semaphore a(1);
  Semaphore b(1);
  EXPECT_DEATH(a.TryAcquire()->Merge(*b.TryAcquire()), "SemaphorePermit::Merge: the permits are of different semaphores");
}

// --- plain threads ---

// behaviour: tokio/tests/sync_semaphore.rs#blocking_acquire
TEST(SemaphoreBlockingTest, TakesAFreePermit) {
  Semaphore semaphore(1);
  {
    auto permit = semaphore.BlockingAcquire();
    EXPECT_TRUE(permit.ok());
    EXPECT_EQ(semaphore.AvailablePermits(), 0u);
  }
  EXPECT_EQ(semaphore.AvailablePermits(), 1u);
}

// behaviour: tokio/tests/sync_semaphore.rs#blocking_acquire_many
TEST(SemaphoreBlockingTest, TakesManyAtOnce) {
  Semaphore semaphore(5);
  {
    auto permits = semaphore.BlockingAcquire(3);
    EXPECT_EQ(permits->count(), 3u);
    EXPECT_EQ(semaphore.AvailablePermits(), 2u);
  }
  EXPECT_EQ(semaphore.AvailablePermits(), 5u);
}

// behaviour: tokio/tests/sync_semaphore.rs#blocking_acquire_waits_for_permit
TEST(SemaphoreBlockingTest, WaitsForAPermit) {
  const base::TimeLimit limit;
  Semaphore semaphore(0);
  std::atomic<bool> given{false};  // the permit that is still missing
  std::atomic<bool> ended{false};
  std::thread thread([&] {
    auto permits = semaphore.BlockingAcquire(2);
    EXPECT_TRUE(permits.ok());
    EXPECT_TRUE(given);
    ended = true;
  });
  // One of two: whoever waits has it at once, and there is none to be taken away again.
  do {
    std::this_thread::yield();
    semaphore.AddPermits(1);
  } while (semaphore.ForgetPermits(1) == 1 && !ended);
  EXPECT_FALSE(ended);
  given = true;
  semaphore.AddPermits(1);
  thread.join();
  EXPECT_EQ(semaphore.AvailablePermits(), 2u);
}

// behaviour: tokio/tests/sync_semaphore.rs#blocking_acquire_closed
TEST(SemaphoreBlockingTest, EveryFormIsRefusedAfterClose) {
  auto semaphore = std::make_shared<Semaphore>(5);
  semaphore->Close();
  EXPECT_TRUE(IsClosed(semaphore->BlockingAcquire().status()));
  EXPECT_TRUE(IsClosed(semaphore->BlockingAcquire(3).status()));
  EXPECT_TRUE(IsClosed(Semaphore::BlockingAcquireOwned(semaphore).status()));
  EXPECT_TRUE(IsClosed(Semaphore::BlockingAcquireOwned(semaphore, 3).status()));
  EXPECT_EQ(semaphore->AvailablePermits(), 5u);
  EXPECT_EQ(semaphore.use_count(), 1);
}

}  // namespace
}  // namespace kioto::sync
