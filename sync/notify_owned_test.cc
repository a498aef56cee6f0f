// NotifiedOwned: as Notified in everything, and it keeps its Notify alive.
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/notify.h"

namespace kioto::sync {
namespace {

using Task = PolledTask<OwnedNotifiedFuture>;

bool Ready(Task& task) { return task.Poll().ready(); }

class NotifyOwnedTest : public testing::Test {
 protected:
  ~NotifyOwnedTest() override { EXPECT_EQ(notify_.use_count(), 1); }  // of every future that is gone

  Task Make() { return Task(Notify::NotifiedOwned(notify_)); }

  std::shared_ptr<Notify> notify_ = std::make_shared<Notify>();
};

TEST_F(NotifyOwnedTest, KeepsItsNotify) {
  auto notify = std::make_shared<Notify>();
  const std::weak_ptr<Notify> watched = notify;
  {
    Task task(Notify::NotifiedOwned(notify));
    EXPECT_FALSE(Ready(task));
    notify->NotifyOne();
    notify.reset();
    EXPECT_FALSE(watched.expired());
    EXPECT_TRUE(Ready(task));
  }
  EXPECT_TRUE(watched.expired());
}

// behaviour: tokio/tests/sync_notify_owned.rs#notify_notified_one
TEST_F(NotifyOwnedTest, APermitIsTakenAtTheFirstPoll) {
  Task task = Make();
  notify_->NotifyOne();
  EXPECT_TRUE(Ready(task));
}

// behaviour: tokio/tests/sync_notify_owned.rs#notify_multi_notified_one
TEST_F(NotifyOwnedTest, OneIsTheFirst) {
  Task first = Make();
  Task second = Make();
  EXPECT_FALSE(Ready(first));
  EXPECT_FALSE(Ready(second));
  notify_->NotifyOne();
  EXPECT_EQ(first.wakes(), 1);
  EXPECT_TRUE(Ready(first));
  EXPECT_FALSE(Ready(second));
}

// behaviour: tokio/tests/sync_notify_owned.rs#notify_multi_notified_last
TEST_F(NotifyOwnedTest, LastIsTheNewest) {
  Task first = Make();
  Task second = Make();
  EXPECT_FALSE(Ready(first));
  EXPECT_FALSE(Ready(second));
  notify_->NotifyLast();
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_TRUE(Ready(second));
  EXPECT_FALSE(Ready(first));
}

// behaviour: tokio/tests/sync_notify_owned.rs#notified_one_notify
TEST_F(NotifyOwnedTest, OneThatWaitsIsWoken) {
  Task task = Make();
  EXPECT_FALSE(Ready(task));
  notify_->NotifyOne();
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_TRUE(Ready(task));
  EXPECT_EQ(task.held(), 0);
}

// behaviour: tokio/tests/sync_notify_owned.rs#notify_notified_multi
TEST_F(NotifyOwnedTest, ThePermitIsForOneTheNextNotificationForTheNext) {
  notify_->NotifyOne();
  Task first = Make();
  Task second = Make();
  EXPECT_TRUE(Ready(first));
  EXPECT_FALSE(Ready(second));
  notify_->NotifyOne();
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_TRUE(Ready(second));
}

// behaviour: tokio/tests/sync_notify_owned.rs#notified_drop_notified_notify
TEST_F(NotifyOwnedTest, ADroppedWaiterIsPassedOver) {
  Task first = Make();
  Task second = Make();
  EXPECT_FALSE(Ready(first));
  first.Drop();
  EXPECT_FALSE(Ready(second));
  notify_->NotifyOne();
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_TRUE(Ready(second));
}

// behaviour: tokio/tests/sync_notify_owned.rs#notified_multi_notify_drop_one
TEST_F(NotifyOwnedTest, ANotificationThatWasNotSeenGoesToTheNext) {
  Task first = Make();
  Task second = Make();
  EXPECT_FALSE(Ready(first));
  EXPECT_FALSE(Ready(second));
  notify_->NotifyOne();
  EXPECT_EQ(first.wakes(), 1);
  EXPECT_EQ(second.wakes(), 0);
  first.Drop();
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_TRUE(Ready(second));
}

// behaviour: tokio/tests/sync_notify_owned.rs#notified_multi_notify_one_drop
TEST_F(NotifyOwnedTest, OfThreeItGoesToTheSecond) {
  Task first = Make();
  Task second = Make();
  Task third = Make();
  for (Task* task : {&first, &second, &third}) EXPECT_FALSE(Ready(*task));
  notify_->NotifyOne();
  first.Drop();
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_EQ(third.wakes(), 0);
  EXPECT_TRUE(Ready(second));
  EXPECT_FALSE(Ready(third));
}

// behaviour: tokio/tests/sync_notify_owned.rs#notified_multi_notify_last_drop
TEST_F(NotifyOwnedTest, OfThreeThatOfNotifyLastGoesToTheSecondFromTheEnd) {
  Task first = Make();
  Task second = Make();
  Task third = Make();
  for (Task* task : {&first, &second, &third}) EXPECT_FALSE(Ready(*task));
  notify_->NotifyLast();
  third.Drop();
  EXPECT_EQ(first.wakes(), 0);
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_TRUE(Ready(second));
  EXPECT_FALSE(Ready(first));
}

// behaviour: tokio/tests/sync_notify_owned.rs#test_notify_one_after_enable
TEST_F(NotifyOwnedTest, EnableJoinsTheQueueWithoutAWaker) {
  Task task = Make();
  EXPECT_FALSE(task.future().Enable());
  notify_->NotifyOne();
  EXPECT_EQ(task.wakes(), 0);
  EXPECT_TRUE(task.future().Enable());
  EXPECT_TRUE(Ready(task));
}

// behaviour: tokio/tests/sync_notify_owned.rs#test_poll_after_enable
TEST_F(NotifyOwnedTest, PolledAfterEnableItWaits) {
  Task task = Make();
  EXPECT_FALSE(task.future().Enable());
  EXPECT_FALSE(Ready(task));
  EXPECT_EQ(task.held(), 1);
}

// behaviour: tokio/tests/sync_notify_owned.rs#test_enable_after_poll
TEST_F(NotifyOwnedTest, EnableAfterAPollChangesNothing) {
  Task task = Make();
  EXPECT_FALSE(Ready(task));
  EXPECT_FALSE(task.future().Enable());
  notify_->NotifyOne();
  EXPECT_EQ(task.wakes(), 1);
}

// behaviour: tokio/tests/sync_notify_owned.rs#test_enable_consumes_permit
TEST_F(NotifyOwnedTest, EnableTakesThePermit) {
  notify_->NotifyOne();
  Task first = Make();
  Task second = Make();
  EXPECT_TRUE(first.future().Enable());
  EXPECT_FALSE(second.future().Enable());
}

// behaviour: tokio/tests/sync_notify_owned.rs#test_waker_update
TEST_F(NotifyOwnedTest, TheLatestWakerIsWoken) {
  OwnedNotifiedFuture future = Notify::NotifiedOwned(notify_);
  CountingWaker a;
  CountingWaker b;
  for (auto* waker : {&a, &b}) {
    kioto::internal::PollScope scope;
    Context cx(waker->waker(), scope);
    EXPECT_TRUE(future.PollOnce(cx).pending());
  }
  notify_->NotifyOne();
  EXPECT_EQ(a.wakes(), 0);
  EXPECT_EQ(b.wakes(), 1);
}

// check: H1
TEST_F(NotifyOwnedTest, DroppedAfterAnyNumberOfPollsNothingIsLost) {
  for (int polls = 0; polls < 3; ++polls) {
    Task task = Make();
    for (int i = 0; i < polls; ++i) EXPECT_FALSE(Ready(task));
    notify_->NotifyOne();
    task.Drop();
    EXPECT_EQ(task.held(), 0);
    Task next = Make();
    EXPECT_TRUE(Ready(next)) << polls;
  }
}

}  // namespace
}  // namespace kioto::sync
