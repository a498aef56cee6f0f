#include "kioto/sync/notify.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/base/testing/time_limit.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/internal/blocking.h"

namespace kioto::sync {
namespace {

using Task = PolledTask<NotifiedFuture>;

bool Ready(Task& task) { return task.Poll().ready(); }

// behaviour: tokio/tests/sync_notify.rs#notified_one_notify
TEST(NotifyTest, OneIsWoken) {
  Notify notify;
  Task task(notify.Notified());
  EXPECT_FALSE(Ready(task));
  notify.NotifyOne();
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_TRUE(Ready(task));
  EXPECT_EQ(task.held(), 0);
}

// behaviour: kioto/sync/notify.h#one_permit_is_kept_not_two
TEST(NotifyTest, OnePermitIsKeptNotTwo) {
  Notify notify;
  notify.NotifyOne();
  notify.NotifyOne();
  Task first(notify.Notified());
  Task second(notify.Notified());
  EXPECT_TRUE(Ready(first));
  EXPECT_FALSE(Ready(second));
}

// behaviour: tokio/tests/sync_notify.rs#notified_multi_notify
// behaviour: tokio/tests/sync_notify.rs#notify_multi_notified_one
TEST(NotifyTest, OneIsTheOldest) {
  Notify notify;
  Task a(notify.Notified());
  Task b(notify.Notified());
  EXPECT_FALSE(Ready(a));
  EXPECT_FALSE(Ready(b));
  notify.NotifyOne();
  EXPECT_EQ(a.wakes(), 1);
  EXPECT_EQ(b.wakes(), 0);
  EXPECT_TRUE(Ready(a));
  EXPECT_FALSE(Ready(b));
}

// behaviour: kioto/sync/notify.h#last_wakes_the_newest
TEST(NotifyTest, OneIsTheOldestAndLastTheNewest) {
  Notify notify;
  Task a(notify.Notified());
  Task b(notify.Notified());
  Task c(notify.Notified());
  EXPECT_FALSE(Ready(a));
  EXPECT_FALSE(Ready(b));
  EXPECT_FALSE(Ready(c));
  notify.NotifyOne();
  EXPECT_EQ(a.wakes(), 1);
  EXPECT_EQ(b.wakes(), 0);
  EXPECT_EQ(c.wakes(), 0);
  notify.NotifyLast();
  EXPECT_EQ(a.wakes(), 1);
  EXPECT_EQ(b.wakes(), 0);
  EXPECT_EQ(c.wakes(), 1);
  EXPECT_TRUE(Ready(a));
  EXPECT_FALSE(Ready(b));
  EXPECT_TRUE(Ready(c));
}

// behaviour: tokio/tests/sync_notify.rs#notified_drop_notified_notify
TEST(NotifyTest, ADroppedWaiterIsPassedOver) {
  Notify notify;
  Task a(notify.Notified());
  Task b(notify.Notified());
  EXPECT_FALSE(Ready(a));
  EXPECT_FALSE(Ready(b));
  a.Drop();
  notify.NotifyOne();
  EXPECT_EQ(b.wakes(), 1);
  EXPECT_TRUE(Ready(b));
}

// behaviour: tokio/tests/sync_notify.rs#notified_multi_notify_drop_one
TEST(NotifyTest, AnUnseenNotificationOfTheOldestGoesToTheNextOldest) {
  Notify notify;
  Task a(notify.Notified());
  Task b(notify.Notified());
  Task c(notify.Notified());
  for (Task* task : {&a, &b, &c}) EXPECT_FALSE(Ready(*task));
  notify.NotifyOne();
  a.Drop();
  EXPECT_EQ(b.wakes(), 1);
  EXPECT_EQ(c.wakes(), 0);
  EXPECT_TRUE(Ready(b));
  EXPECT_FALSE(Ready(c));
}

// behaviour: tokio/tests/sync_notify.rs#notified_multi_notify_last_drop
TEST(NotifyTest, AnUnseenNotificationOfTheNewestGoesToTheNextNewest) {
  Notify notify;
  Task a(notify.Notified());
  Task b(notify.Notified());
  Task c(notify.Notified());
  for (Task* task : {&a, &b, &c}) EXPECT_FALSE(Ready(*task));
  notify.NotifyLast();
  EXPECT_EQ(c.wakes(), 1);
  c.Drop();
  EXPECT_EQ(b.wakes(), 1);
  EXPECT_EQ(a.wakes(), 0);
  EXPECT_TRUE(Ready(b));
  EXPECT_FALSE(Ready(a));
}

TEST(NotifyTest, AnUnseenNotificationWithNobodyLeftBecomesThePermit) {
  Notify notify;
  Task a(notify.Notified());
  EXPECT_FALSE(Ready(a));
  notify.NotifyOne();
  EXPECT_EQ(a.wakes(), 1);
  a.Drop();
  Task b(notify.Notified());
  EXPECT_TRUE(Ready(b));
}

// behaviour: tokio/src/sync/tests/notify.rs#notify_simple
TEST(NotifyTest, AllReachesWhatExistsPolledOrNotAndNothingLater) {
  Notify notify;
  Task first(notify.Notified());
  Task second(notify.Notified());
  Task unpolled(notify.Notified());
  EXPECT_FALSE(Ready(first));
  EXPECT_FALSE(Ready(second));
  notify.NotifyAll();
  EXPECT_EQ(first.wakes(), 1);
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_TRUE(Ready(first));
  EXPECT_TRUE(Ready(second));
  EXPECT_TRUE(Ready(unpolled));
  Task later(notify.Notified());
  EXPECT_FALSE(Ready(later));
}

TEST(NotifyTest, LinkedReachesWhoWaitsAlreadyPolledOrEnabled) {
  Notify notify;
  notify.NotifyLinked();  // of nobody: nothing is kept
  Task unpolled(notify.Notified());
  notify.NotifyLinked();
  EXPECT_FALSE(Ready(unpolled));

  Task enabled(notify.Notified());
  EXPECT_FALSE(enabled.future().Enable());
  notify.NotifyLinked();
  EXPECT_EQ(unpolled.wakes(), 1);
  EXPECT_TRUE(Ready(unpolled));
  EXPECT_TRUE(Ready(enabled));
}

// behaviour: tokio/tests/sync_notify.rs#notify_one_after_dropped_all
TEST(NotifyTest, WhomAllSatisfiedLeavesThePermit) {
  Notify notify;
  Task a(notify.Notified());
  EXPECT_FALSE(Ready(a));
  notify.NotifyAll();
  notify.NotifyOne();
  a.Drop();  // satisfied by NotifyAll: the permit stays, and is not doubled
  Task b(notify.Notified());
  EXPECT_TRUE(Ready(b));
  Task c(notify.Notified());
  EXPECT_FALSE(Ready(c));
}

// behaviour: tokio/tests/sync_notify.rs#unpolled_future_completed_by_notify_waiters_preserves_notify_one_permit
TEST(NotifyTest, AnUnpolledOneThatAllSatisfiedLeavesThePermit) {
  Notify notify;
  Task unpolled(notify.Notified());
  notify.NotifyAll();
  notify.NotifyOne();
  EXPECT_TRUE(Ready(unpolled));
  Task other(notify.Notified());
  EXPECT_TRUE(Ready(other));
}

// behaviour: tokio/tests/sync_notify.rs#test_notify_one_not_enabled
TEST(NotifyTest, AFutureThatWasNeverPolledTakesThePermit) {
  Notify notify;
  Task task(notify.Notified());
  notify.NotifyOne();
  EXPECT_TRUE(Ready(task));
}

// behaviour: tokio/tests/sync_notify.rs#test_notify_one_after_enable
TEST(NotifyTest, EnableJoinsTheQueueWithoutAWaker) {
  Notify notify;
  Task task(notify.Notified());
  Task behind(notify.Notified());
  EXPECT_FALSE(task.future().Enable());
  EXPECT_FALSE(Ready(behind));
  notify.NotifyOne();
  EXPECT_EQ(task.wakes(), 0);
  EXPECT_EQ(behind.wakes(), 0);
  EXPECT_TRUE(task.future().Enable());
  EXPECT_TRUE(Ready(task));
  EXPECT_FALSE(Ready(behind));
}

// behaviour: tokio/tests/sync_notify.rs#test_poll_after_enable
TEST(NotifyTest, PolledAfterEnableItWaitsAndIsWoken) {
  Notify notify;
  Task task(notify.Notified());
  EXPECT_FALSE(task.future().Enable());
  EXPECT_FALSE(Ready(task));
  notify.NotifyOne();
  EXPECT_EQ(task.wakes(), 1);
}

// behaviour: tokio/tests/sync_notify.rs#test_enable_after_poll
TEST(NotifyTest, EnableAfterAPollChangesNothing) {
  Notify notify;
  Task task(notify.Notified());
  EXPECT_FALSE(Ready(task));
  EXPECT_FALSE(task.future().Enable());
  notify.NotifyOne();
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_TRUE(task.future().Enable());
  EXPECT_TRUE(Ready(task));
}

// behaviour: tokio/tests/sync_notify.rs#test_enable_consumes_permit
TEST(NotifyTest, EnableTakesThePermit) {
  Notify notify;
  notify.NotifyOne();
  Task first(notify.Notified());
  Task second(notify.Notified());
  EXPECT_TRUE(first.future().Enable());
  EXPECT_FALSE(second.future().Enable());
  EXPECT_TRUE(Ready(first));
}

// behaviour: tokio/tests/sync_notify.rs#test_waker_update
TEST(NotifyTest, TheLatestWakerIsWoken) {
  Notify notify;
  NotifiedFuture future = notify.Notified();
  CountingWaker a;
  CountingWaker b;
  auto poll = [&](const CountingWaker& waker) {
    kioto::internal::PollScope scope;
    Context cx(waker.waker(), scope);
    return future.PollOnce(cx).ready();
  };
  EXPECT_FALSE(poll(a));
  EXPECT_FALSE(poll(b));
  EXPECT_EQ(a.held(), 0);
  notify.NotifyOne();
  EXPECT_EQ(a.wakes(), 0);
  EXPECT_EQ(b.wakes(), 1);
  EXPECT_TRUE(poll(b));
}

// A waker whose last reference calls back into the same object.
struct Reentrant : Wakeable {
  explicit Reentrant(Notify& notify) : notify(notify) {}
  ~Reentrant() override { notify.NotifyAll(); }
  void OnWake() override { notify.NotifyOne(); }
  Notify& notify;
};

// behaviour: tokio/tests/sync_notify.rs#notify_in_drop_after_wake
// behaviour: tokio/src/sync/tests/notify.rs#notify_clones_waker_before_lock
TEST(NotifyTest, AWakerThatCallsBackDoesNotDeadlock) {
  const base::TimeLimit limit;
  Notify notify;
  for (int way = 0; way < 3; ++way) {
    auto* target = new Reentrant(notify);
    NotifiedFuture future = notify.Notified();
    {
      Waker waker = target->MakeWaker();
      target->Unref();
      kioto::internal::PollScope scope;
      Context cx(waker, scope);
      EXPECT_TRUE(future.PollOnce(cx).pending());
    }
    if (way == 0) notify.NotifyAll();
    if (way == 1) notify.NotifyOne();
    if (way == 2) {  // replaced by another waker
      CountingWaker other;
      kioto::internal::PollScope scope;
      Context cx(other.waker(), scope);
      (void)future.PollOnce(cx);
    }
    EXPECT_TRUE(future.Enable());
    Task permit(notify.Notified());  // what OnWake left
    EXPECT_EQ(Ready(permit), way != 2);
  }
}

TEST(NotifyTest, AllWakesManyInRoundsAndOnlyThem) {
  Notify notify;
  std::vector<std::unique_ptr<Task>> tasks;
  for (int i = 0; i < 100; ++i) {
    tasks.push_back(std::make_unique<Task>(notify.Notified()));
    EXPECT_FALSE(Ready(*tasks.back()));
  }
  base::AllocationCounter allocations;
  notify.NotifyAll();
  EXPECT_EQ(allocations.count(), 0);
  for (auto& task : tasks) {
    EXPECT_EQ(task->wakes(), 1);
    EXPECT_TRUE(Ready(*task));
  }
}

// A waker that waits for the next notification as soon as it has had its own.
struct WaitsAgain : Wakeable {
  explicit WaitsAgain(Notify& notify) : notify(notify) {}
  void OnWake() override {
    if (next) return;
    next.emplace(notify.Notified());
    ready = Ready(*next);
  }
  Notify& notify;
  std::optional<Task> next;
  bool ready = false;
};

// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_waiters_sequential_notified_await
TEST(NotifyTest, WhoWaitsAgainWhileAllAreWokenWaitsForTheNext) {
  for (int place : {0, 33}) {  // the first woken and the last
    Notify notify;
    auto* target = new WaitsAgain(notify);
    NotifiedFuture first = notify.Notified();
    std::vector<std::unique_ptr<Task>> others;
    for (int i = 0; i < 34; ++i) {
      if (i == place) {
        kioto::internal::PollScope scope;
        const Waker waker = target->MakeWaker();
        Context cx(waker, scope);
        EXPECT_TRUE(first.PollOnce(cx).pending());
      } else {
        others.push_back(std::make_unique<Task>(notify.Notified()));
        EXPECT_FALSE(Ready(*others.back()));
      }
    }
    notify.NotifyAll();
    ASSERT_TRUE(target->next.has_value());
    EXPECT_FALSE(target->ready);
    EXPECT_EQ(target->next->wakes(), 0);
    EXPECT_FALSE(Ready(*target->next));
    for (auto& task : others) EXPECT_TRUE(Ready(*task));
    notify.NotifyOne();
    EXPECT_EQ(target->next->wakes(), 1);
    target->next.reset();
    target->Unref();
  }
}

// check: H1
TEST(NotifyTest, DroppedAtAnyPointNothingIsLost) {
  for (int polls = 0; polls < 3; ++polls) {
    Notify notify;
    Task task(notify.Notified());
    for (int i = 0; i < polls; ++i) EXPECT_FALSE(Ready(task));
    notify.NotifyOne();
    task.Drop();
    EXPECT_EQ(task.held(), 0);
    Task next(notify.Notified());
    EXPECT_TRUE(Ready(next)) << polls;
  }
}

TEST(NotifyTest, ASpentBudgetKeepsThePermit) {
  Notify notify;
  notify.NotifyOne();
  NotifiedFuture future = notify.Notified();
  CountingWaker waker;
  kioto::internal::PollScope scope;
  scope.budget = 0;
  Context tired(waker.waker(), scope);
  EXPECT_TRUE(future.PollOnce(tired).pending());
  EXPECT_TRUE(scope.yielded);
  Task other(notify.Notified());
  EXPECT_TRUE(Ready(other));
}

// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_multi
// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_drop
TEST(NotifyTest, StressATokenGoesRoundThoughWaitersAreDropped) {
  Notify notify;
  constexpr int kThreads = 4;
  constexpr int kRounds = 3000;
  int guarded = 0;  // whoever has the one token may touch it
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        if ((i + t) % 3 == 0) {
          Task dropped(notify.Notified());
          if (Ready(dropped)) notify.NotifyOne();
        }
        internal::BlockingWait(notify.Notified());
        ++guarded;
        notify.NotifyOne();
      }
    });
  }
  notify.NotifyOne();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(guarded, kThreads * kRounds);
  Task last(notify.Notified());
  EXPECT_TRUE(Ready(last));
}

// More than the wakers that NotifyAll gathers before it lets go of its lock to wake them.
constexpr int kMany = 80;

// What is so from the moment when the first of `tasks` is ready, wherever NotifyAll is by then: whoever waits anew gets the next
// NotifyOne, for no older one is there to take it, and all the others are ready too.
void ExpectAllNotified(Notify& notify, std::vector<std::unique_ptr<Task>>& tasks) {
  Task later(notify.Notified());
  EXPECT_FALSE(Ready(later));
  notify.NotifyOne();
  EXPECT_EQ(later.wakes(), 1);
  EXPECT_TRUE(Ready(later));
  for (auto& task : tasks) EXPECT_TRUE(task->done() || Ready(*task));
}

// A waker that is woken by a NotifyAll before others are, and looks at them then.
struct LooksAround : Wakeable {
  explicit LooksAround(Notify& notify) : notify(notify) {}
  void OnWake() override {
    looked = true;
    for (auto& task : others) woken_before += task->wakes();
    ExpectAllNotified(notify, others);
  }
  Notify& notify;
  std::vector<std::unique_ptr<Task>> others;
  int woken_before = 0;
  bool looked = false;
};

// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_waiters_poll_consistency_many
// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_waiters_is_atomic
TEST(NotifyTest, AllIsSeenByAllWhileMostAreStillToBeWoken) {
  for (bool reversed : {false, true}) {
    Notify notify;
    auto* target = new LooksAround(notify);
    NotifiedFuture first = notify.Notified();
    {
      kioto::internal::PollScope scope;
      const Waker waker = target->MakeWaker();
      Context cx(waker, scope);
      EXPECT_TRUE(first.PollOnce(cx).pending());
    }
    for (int i = 0; i < kMany; ++i) {
      target->others.push_back(std::make_unique<Task>(notify.Notified()));
      EXPECT_FALSE(Ready(*target->others.back()));
    }
    if (reversed) std::reverse(target->others.begin(), target->others.end());
    notify.NotifyAll();
    EXPECT_TRUE(target->looked);
    EXPECT_EQ(target->woken_before, 0);
    EXPECT_TRUE(first.Enable());
    target->Unref();
  }
}

// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_waiters_poll_consistency_many
// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_waiters_is_atomic
TEST(NotifyTest, StressAllIsSeenByAllInAnyOrder) {
  const base::TimeLimit limit(std::chrono::seconds(30));
  for (int round = 0; round < 1000; ++round) {
    Notify notify;
    std::vector<std::unique_ptr<Task>> tasks;
    for (int i = 0; i < kMany; ++i) {
      tasks.push_back(std::make_unique<Task>(notify.Notified()));
      if (i % 8 != round % 8) (void)tasks.back()->Poll();
    }
    if (round % 16 >= 8) std::reverse(tasks.begin(), tasks.end());
    std::thread notifier([&] { notify.NotifyAll(); });
    while (!Ready(*tasks.front())) std::this_thread::yield();
    ExpectAllNotified(notify, tasks);
    tasks.clear();
    notifier.join();
  }
}

}  // namespace
}  // namespace kioto::sync
