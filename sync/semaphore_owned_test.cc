// AcquireOwned: as Acquire, and future and permit keep the semaphore alive.
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/join_all.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/semaphore.h"

namespace kioto::sync {
namespace {

using Shared = std::shared_ptr<Semaphore>;
using Task = PolledTask<OwnedAcquireFuture>;

class SemaphoreOwnedTest : public testing::Test {
 protected:
  ~SemaphoreOwnedTest() override { EXPECT_EQ(five_.use_count(), 1); }

  const Shared five_ = std::make_shared<Semaphore>(5);
};

// behaviour: tokio/tests/sync_semaphore_owned.rs#try_acquire
TEST_F(SemaphoreOwnedTest, TryAcquireUntilNoneIsLeft) {
  auto one = std::make_shared<Semaphore>(1);
  {
    auto permit = Semaphore::TryAcquireOwned(one);
    ASSERT_TRUE(permit.ok());
    EXPECT_EQ(permit->semaphore(), one);
    EXPECT_TRUE(IsEmpty(Semaphore::TryAcquireOwned(one).status()));
  }
  EXPECT_TRUE(Semaphore::TryAcquireOwned(one).ok());
  EXPECT_EQ(one.use_count(), 1);
}

// behaviour: tokio/tests/sync_semaphore_owned.rs#acquire
TEST_F(SemaphoreOwnedTest, AReleasedPermitIsHandedOver) {
  auto one = std::make_shared<Semaphore>(1);
  auto held = Semaphore::TryAcquireOwned(one);
  Task task(Semaphore::AcquireOwned(one));
  EXPECT_TRUE(task.Poll().pending());
  held->Release();
  EXPECT_EQ(task.wakes(), 1);
  auto poll = task.Poll();
  ASSERT_TRUE(poll.ready());
  EXPECT_EQ((*poll)->count(), 1u);
}

TEST_F(SemaphoreOwnedTest, AsAFunction) {
  {
    auto four = *Task(AcquireOwned(five_, 4)).Poll();
    EXPECT_EQ(four->count(), 4u);
    auto one = *Task(AcquireOwned(five_)).Poll();
    EXPECT_EQ(one->count(), 1u);
    Task waiting(AcquireOwned(five_));
    EXPECT_TRUE(waiting.Poll().pending());
    waiting.Drop();
  }
  EXPECT_EQ(five_->AvailablePermits(), 5u);
}

// behaviour: tokio/tests/sync_semaphore_owned.rs#add_permits
TEST_F(SemaphoreOwnedTest, APermitThatIsAddedIsGiven) {
  auto none = std::make_shared<Semaphore>(0);
  Task task(Semaphore::AcquireOwned(none));
  EXPECT_TRUE(task.Poll().pending());
  none->AddPermits(1);
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_TRUE((*task.Poll()).ok());
}

TEST_F(SemaphoreOwnedTest, FutureAndPermitKeepTheSemaphore) {
  auto mine = std::make_shared<Semaphore>(1);
  const std::weak_ptr<Semaphore> watched = mine;
  std::optional<Task> task(Semaphore::AcquireOwned(std::move(mine)));
  EXPECT_FALSE(watched.expired());
  {
    auto permit = *std::move(*task->Poll());
    task.reset();
    EXPECT_FALSE(watched.expired());
    OwnedSemaphorePermit other = *Semaphore::TryAcquireOwned(five_);
    permit = std::move(other);  // the old one is given back to a semaphore that is still there
    EXPECT_TRUE(watched.expired());
    EXPECT_EQ(five_->AvailablePermits(), 4u);
  }
  EXPECT_EQ(five_->AvailablePermits(), 5u);
}

TEST_F(SemaphoreOwnedTest, ClosedItSaysSo) {
  Task task(Semaphore::AcquireOwned(five_, 6));
  EXPECT_TRUE(task.Poll().pending());
  five_->Close();
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_TRUE(IsClosed((*task.Poll()).status()));
  EXPECT_TRUE(IsClosed(Semaphore::TryAcquireOwned(five_).status()));
}

// behaviour: tokio/tests/sync_semaphore_owned.rs#forget
TEST_F(SemaphoreOwnedTest, ForgottenPermitsNeverComeBack) {
  {
    auto permit = Semaphore::TryAcquireOwned(five_);
    EXPECT_EQ(five_->AvailablePermits(), 4u);
    permit->Forget();
  }
  EXPECT_EQ(five_->AvailablePermits(), 4u);
}

// behaviour: tokio/tests/sync_semaphore_owned.rs#merge
TEST_F(SemaphoreOwnedTest, MergedPermitsComeBackTogether) {
  auto three = std::make_shared<Semaphore>(3);
  {
    auto permit = *Semaphore::TryAcquireOwned(three, 1);
    permit.Merge(*Semaphore::TryAcquireOwned(three, 2));
    EXPECT_EQ(permit.count(), 3u);
    EXPECT_EQ(three->AvailablePermits(), 0u);
  }
  EXPECT_EQ(three->AvailablePermits(), 3u);
}

// behaviour: tokio/tests/sync_semaphore_owned.rs#split
TEST_F(SemaphoreOwnedTest, SplitPermitsComeBackOneByOne) {
  auto permits = *Semaphore::TryAcquireOwned(five_, 5);
  auto two = permits.Split(2);
  ASSERT_TRUE(two.has_value());
  EXPECT_EQ(permits.count(), 3u);
  EXPECT_EQ(two->count(), 2u);
  EXPECT_EQ(permits.Split(0)->count(), 0u);
  EXPECT_FALSE(permits.Split(4).has_value());
  EXPECT_EQ(permits.count(), 3u);
  two.reset();
  EXPECT_EQ(five_->AvailablePermits(), 2u);
  permits.Release();
  EXPECT_EQ(five_->AvailablePermits(), 5u);
}

// check: H1
TEST_F(SemaphoreOwnedTest, DroppedAfterAnyNumberOfPollsPermitsAreConserved) {
  for (int polls = 0; polls < 3; ++polls) {
    for (bool grant : {false, true}) {
      auto held = Semaphore::TryAcquireOwned(five_, 5);
      Task task(Semaphore::AcquireOwned(five_, 2));
      for (int i = 0; i < polls; ++i) EXPECT_TRUE(task.Poll().pending());
      if (grant) held->Release();
      task.Drop();
      EXPECT_EQ(task.held(), 0);
      held->Release();
      EXPECT_EQ(five_->AvailablePermits(), 5u);
    }
  }
}

// behaviour: tokio/tests/sync_semaphore_owned.rs#stress_test
TEST_F(SemaphoreOwnedTest, StressAllComeBack) {
  std::atomic<int> active{0};
  auto runtime = RuntimeBuilder::MultiThread().WorkerThreads(4).Build();
  (void)runtime->BlockOn([&] {
    std::vector<JoinHandle<Status>> tasks;
    for (int i = 0; i < 1000; ++i) {
      tasks.push_back(Spawn(Semaphore::AcquireOwned(five_).AndThen([&active](OwnedSemaphorePermit&) {
        EXPECT_LE(active.fetch_add(1) + 1, 5);
        active.fetch_sub(1);
      })));
    }
    return JoinAll(std::move(tasks)).Map([](std::vector<Status>& done) {
      for (const Status& status : done) EXPECT_TRUE(status.ok()) << status;
    });
  });
  EXPECT_EQ(five_->AvailablePermits(), 5u);
}

// --- plain threads ---

// behaviour: tokio/tests/sync_semaphore.rs#blocking_acquire_owned
TEST_F(SemaphoreOwnedTest, BlockingTakesAFreePermit) {
  auto one = std::make_shared<Semaphore>(1);
  {
    auto permit = Semaphore::BlockingAcquireOwned(one);
    EXPECT_TRUE(permit.ok());
    EXPECT_EQ(one->AvailablePermits(), 0u);
  }
  EXPECT_EQ(one->AvailablePermits(), 1u);
}

// behaviour: tokio/tests/sync_semaphore.rs#blocking_acquire_many_owned
TEST_F(SemaphoreOwnedTest, BlockingTakesManyAtOnce) {
  {
    auto permits = Semaphore::BlockingAcquireOwned(five_, 3);
    EXPECT_EQ(permits->count(), 3u);
    EXPECT_EQ(five_->AvailablePermits(), 2u);
  }
  EXPECT_EQ(five_->AvailablePermits(), 5u);
}

class SemaphoreOwnedDeathTest : public testing::Test {
 protected:
  SemaphoreOwnedDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// behaviour: tokio/tests/sync_semaphore_owned.rs#merge_unrelated_permits
// behaviour: tokio/tests/sync_panic.rs#semaphore_merge_unrelated_owned_permits
TEST_F(SemaphoreOwnedDeathTest, MergedWithThoseOfAnother) {
  auto a = std::make_shared<Semaphore>(1);
  auto b = std::make_shared<Semaphore>(1);
  EXPECT_DEATH(Semaphore::TryAcquireOwned(a)->Merge(*Semaphore::TryAcquireOwned(b)),
               "SemaphorePermit::Merge: the permits are of different semaphores");
}

}  // namespace
}  // namespace kioto::sync
