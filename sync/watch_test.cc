#include "kioto/sync/watch.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/lazy.h"
#include "kioto/runtime/future/loop.h"
#include "kioto/runtime/future/select.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/yield_now.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto::sync {
namespace {

using Counted = std::shared_ptr<int>;

// behaviour: tokio/tests/sync_watch.rs#single_rx_recv
TEST(WatchTest, AReceiverSeesEachChangeAndTheEnd) {
  Watch<std::string> watch("one");
  auto seen = watch.Subscribe();
  EXPECT_EQ(*seen.Borrow(), "one");
  PolledTask changed(seen.Changed());
  EXPECT_TRUE(changed.Poll().pending());
  EXPECT_TRUE(watch.Send("two"));
  EXPECT_EQ(changed.wakes(), 1);
  EXPECT_TRUE((*changed.Poll()).ok());
  EXPECT_EQ(*seen.Borrow(), "two");
  PolledTask end(seen.Changed());
  EXPECT_TRUE(end.Poll().pending());
  watch.reset();
  EXPECT_EQ(end.wakes(), 1);
  EXPECT_TRUE(IsClosed(*end.Poll()));
  EXPECT_EQ(*seen.Borrow(), "two");
}

// behaviour: tokio/tests/sync_watch.rs#rx_version_underflow
TEST(WatchTest, MarkedTwiceAFreshReceiverHasOneChange) {
  Watch<int> watch(1);
  auto seen = watch.Subscribe();
  seen.MarkChanged();
  seen.MarkChanged();
  EXPECT_TRUE(seen.HasChanged().value());
  EXPECT_TRUE(PolledTask(seen.Changed()).Poll().ready());
  EXPECT_TRUE(PolledTask(seen.Changed()).Poll().pending());
}

// behaviour: tokio/tests/sync_watch.rs#rx_mark_changed
TEST(WatchTest, MarkChangedIsForThatReceiverAlone) {
  Watch<std::string> watch("one");
  auto seen = watch.Subscribe();
  auto other = seen;
  EXPECT_FALSE(seen.HasChanged().value());
  PolledTask waits(other.Changed());
  EXPECT_TRUE(waits.Poll().pending());
  seen.MarkChanged();
  EXPECT_TRUE(seen.HasChanged().value());
  EXPECT_TRUE(PolledTask(seen.Changed()).Poll().ready());
  EXPECT_TRUE(waits.Poll().pending());
  EXPECT_EQ(waits.wakes(), 0);

  seen.MarkChanged();
  EXPECT_TRUE(seen.Borrow().HasChanged());
  EXPECT_TRUE(seen.HasChanged().value());
  EXPECT_TRUE(seen.BorrowAndUpdate().HasChanged());
  EXPECT_FALSE(seen.HasChanged().value());
  EXPECT_FALSE(seen.Borrow().HasChanged());

  EXPECT_TRUE(watch.Send("two"));
  EXPECT_EQ(*seen.BorrowAndUpdate(), "two");
  EXPECT_FALSE(seen.HasChanged().value());
  seen.MarkChanged();
  EXPECT_TRUE(seen.HasChanged().value());
}

// behaviour: tokio/tests/sync_watch.rs#rx_mark_unchanged
TEST(WatchTest, MarkUnchangedHidesAChange) {
  Watch<std::string> watch("one");
  auto seen = watch.Subscribe();
  seen.MarkChanged();
  seen.MarkUnchanged();
  EXPECT_FALSE(seen.HasChanged().value());
  EXPECT_TRUE(PolledTask(seen.Changed()).Poll().pending());
  EXPECT_TRUE(watch.Send("two"));
  seen.MarkUnchanged();
  EXPECT_FALSE(seen.HasChanged().value());
  EXPECT_TRUE(PolledTask(seen.Changed()).Poll().pending());
  EXPECT_EQ(*seen.BorrowAndUpdate(), "two");
}

// behaviour: tokio/tests/sync_watch.rs#multi_rx
TEST(WatchTest, ASlowReceiverSeesTheLastOfSeveral) {
  Watch<std::string> watch("one");
  auto a = watch.Subscribe();
  auto b = a;
  PolledTask slow(b.Changed());
  EXPECT_TRUE(slow.Poll().pending());
  {
    PolledTask fast(a.Changed());
    EXPECT_TRUE(fast.Poll().pending());
    EXPECT_TRUE(watch.Send("two"));
    EXPECT_EQ(fast.wakes(), 1);
    EXPECT_EQ(slow.wakes(), 1);
    EXPECT_TRUE((*fast.Poll()).ok());
    EXPECT_EQ(*a.Borrow(), "two");
  }
  {
    PolledTask fast(a.Changed());
    EXPECT_TRUE(fast.Poll().pending());
    EXPECT_TRUE(watch.Send("three"));
    EXPECT_EQ(fast.wakes(), 1);
    EXPECT_TRUE((*fast.Poll()).ok());
  }
  EXPECT_TRUE((*slow.Poll()).ok());
  EXPECT_EQ(*a.Borrow(), "three");
  EXPECT_EQ(*b.Borrow(), "three");
  PolledTask last_a(a.Changed());
  PolledTask last_b(b.Changed());
  EXPECT_TRUE(last_a.Poll().pending());
  EXPECT_TRUE(last_b.Poll().pending());
  EXPECT_TRUE(watch.Send("four"));
  EXPECT_TRUE((*last_a.Poll()).ok());
  EXPECT_TRUE((*last_b.Poll()).ok());
}

// behaviour: tokio/tests/sync_watch.rs#poll_close
TEST(WatchTest, ClosedIsReadyWhenTheLastReceiverGoes) {
  Watch<std::string> watch("one");
  auto a = watch.Subscribe();
  auto b = a;
  PolledTask closed(watch.Closed());
  EXPECT_TRUE(closed.Poll().pending());
  a.reset();
  EXPECT_EQ(closed.wakes(), 0);
  b.reset();
  EXPECT_EQ(closed.wakes(), 1);
  EXPECT_TRUE(closed.Poll().ready());
  std::string value = "two";
  EXPECT_FALSE(watch.Send(std::move(value)));
  EXPECT_EQ(value, "two");
  EXPECT_EQ(*watch.Borrow(), "one");  // not stored
}

TEST(WatchTest, ClosedWaitsAgainIfSomebodySubscribedMeanwhile) {
  Watch<int> watch(1);
  auto a = watch.Subscribe();
  PolledTask closed(watch.Closed());
  EXPECT_TRUE(closed.Poll().pending());
  a.reset();
  auto b = watch.Subscribe();
  EXPECT_TRUE(closed.Poll().pending());
  b.reset();
  EXPECT_EQ(closed.wakes(), 2);
  EXPECT_TRUE(closed.Poll().ready());
  EXPECT_EQ(closed.held(), 0);
}

// behaviour: tokio/tests/sync_watch.rs#borrow_and_update
TEST(WatchTest, WhatWasBorrowedAndUpdatedIsSeen) {
  Watch<std::string> watch("one");
  auto seen = watch.Subscribe();
  EXPECT_FALSE(seen.HasChanged().value());
  EXPECT_TRUE(watch.Send("two"));
  EXPECT_TRUE(seen.HasChanged().value());
  EXPECT_TRUE((*PolledTask(seen.Changed()).Poll()).ok());
  EXPECT_TRUE(PolledTask(seen.Changed()).Poll().pending());
  EXPECT_FALSE(seen.HasChanged().value());
  EXPECT_TRUE(watch.Send("three"));
  EXPECT_EQ(*seen.BorrowAndUpdate(), "three");
  EXPECT_TRUE(PolledTask(seen.Changed()).Poll().pending());
  EXPECT_FALSE(seen.HasChanged().value());
  watch.reset();
  EXPECT_EQ(*seen.BorrowAndUpdate(), "three");
  EXPECT_TRUE(IsClosed(*PolledTask(seen.Changed()).Poll()));
  EXPECT_TRUE(IsClosed(seen.HasChanged().status()));
}

// behaviour: tokio/tests/sync_watch.rs#reopened_after_subscribe
TEST(WatchTest, SubscribingOpensItAgain) {
  Watch<std::string> watch("one");
  EXPECT_TRUE(watch.IsClosed());
  auto seen = watch.Subscribe();
  EXPECT_FALSE(watch.IsClosed());
  EXPECT_EQ(watch.ReceiverCount(), 1u);
  seen.reset();
  EXPECT_TRUE(watch.IsClosed());
  auto again = watch.Subscribe();
  EXPECT_FALSE(watch.IsClosed());
  EXPECT_FALSE(again.HasChanged().value());
  again.reset();
  EXPECT_TRUE(watch.IsClosed());
}

#if KIOTO_EXCEPTIONS
// behaviour: tokio/tests/sync_watch.rs#send_modify_panic
TEST(WatchTest, AModifyThatThrowsChangesButDoesNotTell) {
  Watch<std::string> watch("one");
  auto seen = watch.Subscribe();
  PolledTask changed(seen.Changed());
  EXPECT_TRUE(changed.Poll().pending());
  EXPECT_THROW(watch.SendModify([](std::string& value) {
    value = "two";
    throw 1;
  }),
               int);
  EXPECT_EQ(changed.wakes(), 0);
  EXPECT_TRUE(changed.Poll().pending());
  EXPECT_EQ(*seen.Borrow(), "two");
  watch.SendModify([](std::string& value) { value += "!"; });
  EXPECT_EQ(changed.wakes(), 1);
  EXPECT_TRUE((*changed.Poll()).ok());
  EXPECT_EQ(*seen.Borrow(), "two!");
}

TEST(WatchTest, APredicateThatThrowsLeavesTheWatchAsItWas) {
  Watch<int> watch(1);
  auto seen = watch.Subscribe();
  {
    PolledTask wait(seen.WaitFor([](const int&) -> bool { throw 1; }));
    EXPECT_THROW((void)wait.Poll(), int);
  }
  EXPECT_TRUE(watch.Send(2));
  EXPECT_EQ(**(*PolledTask(seen.WaitFor([](const int& n) { return n == 2; })).Poll()), 2);
}
#endif

// behaviour: tokio/tests/sync_watch.rs#multiple_sender
TEST(WatchTest, SeveralSendersSendToTheSame) {
  Watch<int> first(0);
  Watch<int> second = first;
  EXPECT_EQ(first.SenderCount(), 2u);
  EXPECT_TRUE(first.SameChannel(second));
  auto seen = first.Subscribe();
  EXPECT_TRUE(seen.SameChannel(second.Subscribe()));
  EXPECT_FALSE(first.SameChannel(Watch<int>(0)));
  std::pair<int, int> got;
  PolledTask both(seen.Changed().Then([&](Status&) {
    got.first = *seen.Borrow();
    return seen.Changed().Then([&](Status&) { got.second = *seen.Borrow(); });
  }));
  EXPECT_TRUE(both.Poll().pending());
  EXPECT_TRUE(first.Send(1));
  EXPECT_TRUE(both.is_woken());
  EXPECT_TRUE(both.Poll().pending());
  EXPECT_TRUE(second.Send(2));
  EXPECT_TRUE(both.is_woken());
  EXPECT_TRUE(both.Poll().ready());
  EXPECT_EQ(got, std::make_pair(1, 2));
}

// behaviour: tokio/tests/sync_watch.rs#receiver_is_notified_when_last_sender_is_dropped
TEST(WatchTest, OnlyTheLastSenderIsTheEnd) {
  Watch<int> first(0);
  Watch<int> second = first;
  auto seen = first.Subscribe();
  PolledTask changed(seen.Changed());
  EXPECT_TRUE(changed.Poll().pending());
  first.reset();
  EXPECT_EQ(changed.wakes(), 0);
  EXPECT_TRUE(changed.Poll().pending());
  second.reset();
  EXPECT_EQ(changed.wakes(), 1);
  EXPECT_TRUE(IsClosed(*changed.Poll()));
}

TEST(WatchTest, AMemberIsAPredicate) {
  struct Config {
    bool ready = false;
  };
  Watch<Config> config;
  auto seen = config.Subscribe();
  PolledTask wait(seen.WaitFor(&Config::ready));
  EXPECT_TRUE(wait.Poll().pending());
  config.Set(Config{true});
  EXPECT_TRUE((**wait.Poll())->ready);
}

TEST(WatchTest, WaitForTriesEachValueOnceAndTheSeenOneFirst) {
  Watch<int> watch(1);
  auto seen = watch.Subscribe();
  EXPECT_EQ(**(*PolledTask(seen.WaitFor([](const int& n) { return n == 1; })).Poll()), 1);
  int tried = 0;
  PolledTask wait(seen.WaitFor([&tried](const int& n) { return ++tried > 0 && n == 3; }));
  EXPECT_TRUE(wait.Poll().pending());
  EXPECT_TRUE(wait.Poll().pending());
  EXPECT_EQ(tried, 1);
  EXPECT_TRUE(watch.Send(2));
  EXPECT_EQ(wait.wakes(), 1);
  EXPECT_TRUE(wait.Poll().pending());
  EXPECT_TRUE(watch.Send(3));
  EXPECT_EQ(wait.wakes(), 2);
  EXPECT_EQ(**(*wait.Poll()), 3);
  EXPECT_EQ(tried, 3);
  EXPECT_FALSE(seen.HasChanged().value());
}

TEST(WatchTest, ACopyHasSeenWhatTheOriginalHas) {
  Watch<int> watch(1);
  auto seen = watch.Subscribe();
  EXPECT_TRUE(watch.Send(2));
  auto copy = seen;
  EXPECT_TRUE(copy.HasChanged().value());
  (void)seen.BorrowAndUpdate();
  EXPECT_TRUE(copy.HasChanged().value());
  copy = seen;
  EXPECT_FALSE(copy.HasChanged().value());
  EXPECT_FALSE(watch.Subscribe().HasChanged().value());
  EXPECT_FALSE(watch.Borrow().HasChanged());
}

TEST(WatchTest, ASilentModifyIsThereButNotNew) {
  Watch<int> watch(1);
  auto seen = watch.Subscribe();
  PolledTask changed(seen.Changed());
  EXPECT_TRUE(changed.Poll().pending());
  EXPECT_FALSE(watch.SendIfModified([](int& n) {
    n = 2;
    return false;
  }));
  EXPECT_EQ(changed.wakes(), 0);
  EXPECT_TRUE(changed.Poll().pending());
  EXPECT_EQ(*seen.Borrow(), 2);
  EXPECT_FALSE(seen.HasChanged().value());
  EXPECT_TRUE(watch.SendIfModified([](int& n) { return ++n == 3; }));
  EXPECT_EQ(changed.wakes(), 1);
  EXPECT_TRUE((*changed.Poll()).ok());
}

TEST(WatchTest, WithoutReceiversModifyAndReplaceKeepTheValue) {
  Watch<std::string> watch("one");
  watch.Set("one more");
  EXPECT_EQ(*watch.SendReplace("two"), "one more");
  EXPECT_EQ(*watch.Borrow(), "two");
  watch.SendModify([](std::string& value) { value += "!"; });
  EXPECT_EQ(*watch.Subscribe().Borrow(), "two!");
}

TEST(WatchTest, ABorrowShowsWhatItShowedAndHoldsUpNobody) {
  auto counted = std::make_shared<int>(0);
  Watch<Counted> watch(counted);
  auto seen = watch.Subscribe();
  {
    auto before = seen.Borrow();
    watch.SendModify([&](Counted& value) {
      value = nullptr;
      EXPECT_EQ(*seen.Borrow(), counted);  // no lock is held, and the old value is still there
    });
    EXPECT_TRUE(watch.Send(nullptr));
    EXPECT_EQ(*before, counted);
    EXPECT_EQ(*seen.Borrow(), nullptr);
    EXPECT_EQ(counted.use_count(), 2);
  }
  EXPECT_EQ(counted.use_count(), 1);
  std::optional<WatchRef<Counted>> last;
  EXPECT_TRUE(watch.Send(counted));
  last = seen.Borrow();
  watch.reset();
  EXPECT_EQ(*seen.Borrow(), counted);
  seen.reset();
  EXPECT_EQ(**last, counted);  // outlives the channel
  last.reset();
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(WatchTest, AValueMayBeMoveOnlyOrWantAlignment) {
  Watch<std::unique_ptr<int>> only(std::make_unique<int>(1));
  auto seen = only.Subscribe();
  EXPECT_TRUE(only.Send(std::make_unique<int>(2)));
  EXPECT_EQ(**seen.Borrow(), 2);
  struct alignas(64) Wide {
    int value = 7;
  };
  Watch<Wide> wide;
  auto borrowed = wide.Borrow();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(&*borrowed) % 64, 0u);
  EXPECT_EQ(borrowed->value, 7);
}

// A value whose destructor sends to another watch, and looks at its own.
struct Looks {
  ~Looks() {
    if (own != nullptr) *seen = own->Borrow()->number;
  }
  Looks(int number, Watch<Looks>* own, int* seen) : number(number), own(own), seen(seen) {}
  Looks(Looks&& other) noexcept : number(other.number), own(std::exchange(other.own, nullptr)), seen(other.seen) {}
  int number;
  Watch<Looks>* own;
  int* seen;
};

TEST(WatchTest, AValueIsDestroyedWithNothingHeld) {
  int seen = 0;
  std::optional<Watch<Looks>> watch;
  watch.emplace(Looks(1, nullptr, &seen));
  auto receiver = watch->Subscribe();
  (void)watch->SendReplace(Looks(2, &*watch, &seen));
  (void)watch->SendReplace(Looks(3, nullptr, &seen));
  EXPECT_EQ(seen, 3);
}

TEST(WatchDeathTest, AModifyThatSendsToItsOwnWatchSaysSo) {
  Watch<int> watch(1);
  EXPECT_DEATH(watch.SendModify([&](int&) { (void)watch.SendReplace(2); }), "sends to the same watch");
}

TEST(WatchTest, SendAndReceiveTakeTheirBlocksFromTheCache) {
#if KIOTO_MEMORY_CACHE
  Watch<int> watch(0);
  auto seen = watch.Subscribe();
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(watch.Send(i));
  base::AllocationCounter allocations;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(watch.Send(i));
    EXPECT_TRUE(seen.HasChanged().value());
    EXPECT_EQ(*seen.BorrowAndUpdate(), i);
  }
  EXPECT_EQ(allocations.count(), 0);
#else
  GTEST_SKIP() << "every block is malloc's here";
#endif
}

// check: H1
TEST(WatchTest, DroppedAtAnyPointAWaitLosesNothing) {
  for (int polls = 0; polls < 3; ++polls) {
    for (bool sent : {false, true}) {
      auto counted = std::make_shared<int>(0);
      Watch<Counted> watch(nullptr);
      auto seen = watch.Subscribe();
      auto other = seen;
      PolledTask changed(seen.Changed());
      PolledTask wait(other.WaitFor([counted](const Counted& value) { return value != nullptr; }));
      for (int i = 0; i < polls; ++i) {
        EXPECT_TRUE(changed.Poll().pending());
        EXPECT_TRUE(wait.Poll().pending());
      }
      if (sent) {
        EXPECT_TRUE(watch.Send(counted));
      }
      changed.Drop();
      wait.Drop();
      EXPECT_EQ(changed.held(), 0);
      EXPECT_EQ(wait.held(), 0);
      EXPECT_EQ(counted.use_count(), sent ? 2 : 1);
      if (!sent) {
        EXPECT_TRUE(watch.Send(counted));
      }
      EXPECT_TRUE((*PolledTask(seen.Changed()).Poll()).ok());
      EXPECT_TRUE((*PolledTask(other.Changed()).Poll()).ok());
    }
  }
}

// behaviour: tokio/src/sync/tests/notify.rs#watch_test
TEST(WatchTest, ATaskTellsTheRootOfACurrentThreadRuntime) {
  auto runtime = RuntimeBuilder::CurrentThread().Build();
  ASSERT_TRUE(runtime.ok());
  Watch<bool> watch(false);
  auto seen = watch.Subscribe();
  auto task = runtime->Spawn(Lazy([watch] { (void)watch.Send(true); }));
  EXPECT_TRUE(runtime->BlockOn(seen.Changed()).ok());
  EXPECT_TRUE(*seen.Borrow());
  EXPECT_TRUE(runtime->BlockOn(std::move(task)).ok());
}

}  // namespace
}  // namespace kioto::sync
