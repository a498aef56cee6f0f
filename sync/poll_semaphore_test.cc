#include "kioto/sync/poll_semaphore.h"

#include <memory>
#include <optional>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/stream.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::sync {
namespace {

static_assert(IsStream<PollSemaphore>);

class PollSemaphoreTest : public testing::Test {
 protected:
  using Permit = OwnedSemaphorePermit;

  void Make(size_t permits) {
    semaphore_ = std::make_shared<Semaphore>(permits);
    polled_ = std::make_unique<PollSemaphore>(semaphore_);
  }
  // Nullopt: pending.
  std::optional<StatusOr<Permit>> Poll(size_t count = 1) {
    kioto::internal::PollScope scope;
    Context cx(waker_.waker(), scope);
    auto poll = polled_->PollAcquire(cx, count);
    return poll.ready() ? std::optional<StatusOr<Permit>>(*std::move(poll)) : std::nullopt;
  }

  std::shared_ptr<Semaphore> semaphore_;
  std::unique_ptr<PollSemaphore> polled_;
  CountingWaker waker_;
};

// behaviour: tokio-util/tests/poll_semaphore.rs#it_works
TEST_F(PollSemaphoreTest, AcquiresOneAfterTheOther) {
  Make(1);
  auto first = Poll();
  ASSERT_TRUE(first.has_value() && first->ok());
  EXPECT_FALSE(Poll().has_value());
  EXPECT_FALSE(Poll().has_value());
  EXPECT_EQ(waker_.wakes(), 0);
  first.reset();
  EXPECT_EQ(waker_.wakes(), 1);
  auto second = Poll();
  ASSERT_TRUE(second.has_value() && second->ok());
  EXPECT_FALSE(Poll().has_value());
  polled_->Close();
  EXPECT_EQ(waker_.wakes(), 2);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(IsClosed(Poll()->status()));
}

// behaviour: tokio-util/tests/poll_semaphore.rs#can_acquire_many_permits
TEST_F(PollSemaphoreTest, AcquiresManyAtOnce) {
  Make(4);
  auto one = Poll(1);
  {
    auto two = Poll(2);
    EXPECT_EQ((*two)->count(), 2u);
    EXPECT_EQ(semaphore_->AvailablePermits(), 1u);
  }
  EXPECT_FALSE(Poll(4).has_value());
  one.reset();
  auto four = Poll(4);
  ASSERT_TRUE(four.has_value());
  EXPECT_EQ((*four)->count(), 4u);
  EXPECT_EQ(semaphore_->AvailablePermits(), 0u);
}

// behaviour: tokio-util/tests/poll_semaphore.rs#can_poll_different_amounts_of_permits
TEST_F(PollSemaphoreTest, AnotherCountTakesTheOthersPlace) {
  Make(4);
  EXPECT_FALSE(Poll(5).has_value());
  {
    auto four = Poll(4);
    ASSERT_TRUE(four.has_value());
    EXPECT_EQ(semaphore_->AvailablePermits(), 0u);
  }
  EXPECT_EQ(semaphore_->AvailablePermits(), 4u);
  auto outside = semaphore_->TryAcquire(4);
  EXPECT_FALSE(Poll(5).has_value());
  outside->Release();
  EXPECT_TRUE(Poll(4).has_value());
}

TEST_F(PollSemaphoreTest, AsAStreamItEndsWithTheSemaphore) {
  Make(1);
  auto next = [&] {
    kioto::internal::PollScope scope;
    Context cx(waker_.waker(), scope);
    return polled_->PollNext(cx);
  };
  auto permit = next();
  ASSERT_TRUE(permit.ready());
  EXPECT_EQ((*permit)->semaphore(), semaphore_);
  EXPECT_TRUE(next().pending());
  polled_->Close();
  auto end = next();
  ASSERT_TRUE(end.ready());
  EXPECT_FALSE((*end).has_value());
}

TEST_F(PollSemaphoreTest, DroppedWhileItWaitsItGivesBackWhatItHad) {
  Make(4);
  EXPECT_FALSE(Poll(5).has_value());
  EXPECT_EQ(semaphore_->AvailablePermits(), 0u);
  PollSemaphore copy = *polled_;  // waits for nothing
  EXPECT_EQ(copy.semaphore(), semaphore_);
  polled_.reset();
  EXPECT_EQ(waker_.held(), 0);
  EXPECT_EQ(semaphore_->AvailablePermits(), 4u);
}

}  // namespace
}  // namespace kioto::sync
