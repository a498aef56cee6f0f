// Watch: what a receiver and a sender find at the end of it, and that neither keeps its thread.
#include "kioto/sync/watch.h"

#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::sync {
namespace {

// Whether `step`, which makes a future that is ready at once, ends a poll that goes on and on: by the budget.
template <class Step>
bool LeavesATurn(Step step) {
  int ready = 0;
  PolledTask task(PollFn([&](Context& cx) -> Poll<Unit> {
    while (ready++ < 100'000) {
      auto future = step();
      if (future.PollOnce(cx).pending()) return kPending;
    }
    return Unit{};
  }));
  return task.Poll().pending() && task.yielded();
}

// behaviour: tokio/tests/sync_watch.rs#receiver_changed_is_cooperative
// behaviour: tokio/tests/sync_watch.rs#receiver_changed_is_cooperative_ok
TEST(WatchEndTest, ChangedWithoutEndLeavesTheOthersATurn) {
  Watch<int> watch(0);
  auto seen = watch.Subscribe();
  EXPECT_TRUE(LeavesATurn([&] {
    EXPECT_TRUE(watch.Send(1));
    return seen.Changed();
  }));
  watch.reset();
  (void)seen.BorrowAndUpdate();
  EXPECT_TRUE(LeavesATurn([&] { return seen.Changed(); }));
}

// behaviour: tokio/tests/sync_watch.rs#receiver_wait_for_is_cooperative
// behaviour: tokio/tests/sync_watch.rs#receiver_wait_for_is_cooperative_ok
TEST(WatchEndTest, WaitForWithoutEndLeavesTheOthersATurn) {
  Watch<int> watch(0);
  auto seen = watch.Subscribe();
  EXPECT_TRUE(LeavesATurn([&] {
    EXPECT_TRUE(watch.Send(1));
    return seen.WaitFor([](const int& n) { return n == 1; });
  }));
  watch.reset();
  EXPECT_TRUE(LeavesATurn([&] { return seen.WaitFor([](const int&) { return false; }); }));
}

// behaviour: tokio/tests/sync_watch.rs#sender_closed_is_cooperative
TEST(WatchEndTest, ClosedWithoutEndLeavesTheOthersATurn) {
  Watch<int> watch(0);
  EXPECT_TRUE(LeavesATurn([&] { return watch.Closed(); }));
}

// check: H1
TEST(WatchEndTest, AClosedThatIsDroppedIsForgotten) {
  for (int polls = 0; polls < 4; ++polls) {
    Watch<int> watch(0);
    auto seen = watch.Subscribe();
    PolledTask dropped(watch.Closed());
    PolledTask stays(watch.Closed());
    EXPECT_TRUE(stays.Poll().pending());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
    dropped.Drop();
    EXPECT_EQ(dropped.held(), 0);
    seen.reset();
    EXPECT_EQ(dropped.wakes(), 0);
    EXPECT_EQ(stays.wakes(), 1);
    EXPECT_TRUE(stays.Poll().ready());
  }
}

// behaviour: tokio/tests/sync_watch.rs#changed_succeeds_on_closed_channel_with_unseen_value
TEST(WatchEndTest, AnUnseenValueComesBeforeTheEnd) {
  Watch<std::string> watch("A");
  auto seen = watch.Subscribe();
  EXPECT_TRUE(watch.Send("B"));
  watch.reset();
  EXPECT_TRUE((*PolledTask(seen.Changed()).Poll()).ok());
  EXPECT_TRUE(IsClosed(*PolledTask(seen.Changed()).Poll()));
}

// behaviour: tokio/tests/sync_watch.rs#changed_errors_on_closed_channel_with_seen_value
TEST(WatchEndTest, AtTheEndNobodyWaitsBehindASeenValue) {
  Watch<std::string> watch("A");
  auto seen = watch.Subscribe();
  watch.reset();
  EXPECT_TRUE(IsClosed(*PolledTask(seen.Changed()).Poll()));
}

// behaviour: tokio/tests/sync_watch.rs#has_changed_errors_on_closed_channel_with_seen_value
TEST(WatchEndTest, AtTheEndASeenValueIsNoChange) {
  Watch<std::string> watch("A");
  auto seen = watch.Subscribe();
  watch.reset();
  EXPECT_TRUE(IsClosed(seen.HasChanged().status()));
}

// behaviour: tokio/tests/sync_watch.rs#has_changed_errors_on_closed_channel_with_unseen_value
TEST(WatchEndTest, AtTheEndHasChangedSaysSo) {
  Watch<std::string> watch("A");
  auto seen = watch.Subscribe();
  EXPECT_TRUE(watch.Send("B"));
  watch.reset();
  EXPECT_TRUE(IsClosed(seen.HasChanged().status()));
  EXPECT_TRUE(seen.Borrow().HasChanged());
}

// behaviour: tokio/tests/sync_watch.rs#wait_for_errors_on_closed_channel_true_predicate
TEST(WatchEndTest, AtTheEndWaitForTriesTheLastValue) {
  Watch<std::string> watch("A");
  auto seen = watch.Subscribe();
  EXPECT_TRUE(watch.Send("B"));
  watch.reset();
  auto value = *PolledTask(seen.WaitFor([](const std::string&) { return true; })).Poll();
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(**value, "B");
  EXPECT_TRUE(value->HasChanged());
  int tried = 0;
  auto none = *PolledTask(seen.WaitFor([&](const std::string& s) {
                tried += s == "B" ? 1 : 0;
                return false;
              })).Poll();
  EXPECT_TRUE(IsClosed(none.status()));
  EXPECT_EQ(tried, 1);
}

}  // namespace
}  // namespace kioto::sync
