#include "kioto/runtime/future/budget.h"

#include <optional>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/cooperative.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/stream.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/unconstrained.h"

namespace kioto {
namespace {

// Consumes until it is refused, or 1000 times; says how often it was not.
auto Consumes(int& consumed) {
  return PollFn([&consumed](Context& cx) -> Poll<Unit> {
    while (consumed < 1000) {
      auto one = ConsumeBudget();
      if (one.PollOnce(cx).pending()) return kPending;
      ++consumed;
    }
    return Unit{};
  });
}

// A leaf that waits takes nothing; where Tokio has no budget outside a task, ours is a future that says so.
// behaviour: tokio/src/task/coop/mod.rs#budgeting
TEST(BudgetTest, IsAPollsAndFullAtItsStart) {
  int consumed = 0;
  EXPECT_TRUE(PolledTask(Unconstrained(Consumes(consumed))).Poll().ready());
  EXPECT_EQ(consumed, 1000);

  consumed = 0;
  PolledTask task(Consumes(consumed));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(consumed, limits::kPollBudget);
  EXPECT_TRUE(task.yielded());
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(consumed, 2 * limits::kPollBudget);

  int inner = 0, outer = 0;
  PolledTask nested(PollFn([&](Context& cx) -> Poll<Unit> {
    if (!cx.ConsumeBudget()) return kPending;
    EXPECT_TRUE(PolledTask(Consumes(inner)).Poll().pending());
    while (cx.ConsumeBudget()) ++outer;
    return kPending;
  }));
  EXPECT_TRUE(nested.Poll().pending());
  EXPECT_EQ(inner, limits::kPollBudget);
  EXPECT_EQ(outer, limits::kPollBudget - 1);

  PolledTask waits(Never());
  EXPECT_TRUE(waits.Poll().pending());
  EXPECT_EQ(waits.budget_used(), 0);
}

// behaviour: tokio/tests/coop_budget.rs#test_has_budget_remaining
TEST(BudgetTest, TellsWhetherSomeIsLeft) {
  PolledTask task(PollFn([](Context& cx) -> Poll<Unit> {
    for (int i = 0; i < limits::kPollBudget; ++i) {
      EXPECT_TRUE(*HasBudgetRemaining().PollOnce(cx));
      EXPECT_TRUE(ConsumeBudget().PollOnce(cx).ready());
    }
    EXPECT_FALSE(*HasBudgetRemaining().PollOnce(cx));
    return Unit{};
  }));
  EXPECT_TRUE(task.Poll().ready());
}

TEST(BudgetTest, CooperativeTakesAUnitForALeafThatDoesNot) {
  int ready = 0;
  PolledTask task(Loop([&] { return Cooperative(PollFn([&](Context&) -> Poll<Unit> { return ++ready, Unit{}; })); }));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_TRUE(task.yielded());
  EXPECT_EQ(ready, limits::kPollBudget);

  PolledTask waits(Cooperative(Never()));
  EXPECT_TRUE(waits.Poll().pending());
  EXPECT_EQ(waits.budget_used(), 0);
  EXPECT_FALSE(waits.yielded());
}

// The leaf below takes a unit itself: when it has taken the last one, none is left to take, and the task is not held back.
TEST(BudgetTest, CooperativeAsksForNoMoreThanThereIs) {
  int ready = 0;
  PolledTask task(PollFn([&](Context& cx) -> Poll<Unit> {
    EXPECT_TRUE(cx.ConsumeBudget());  // an odd number is left
    while (!cx.budget_spent()) {
      auto leaf = Cooperative(ConsumeBudget());
      if (leaf.PollOnce(cx).ready()) ++ready;
    }
    return Unit{};
  }));
  EXPECT_TRUE(task.Poll().ready());
  EXPECT_EQ(ready, limits::kPollBudget / 2);
  EXPECT_FALSE(task.yielded());
}

// Ready, for a part of a unit.
auto Small(int& ready) {
  return PollFn([&ready](Context& cx) -> Poll<Unit> {
    if (!cx.ConsumePartOfBudget()) return kPending;
    return ++ready, Unit{};
  });
}

TEST(BudgetTest, SmallLeavesTakeAUnitTogether) {
  int ready = 0;
  PolledTask units(PollFn([&](Context& cx) -> Poll<Unit> {
    for (int i = 0; i <= limits::kPartsOfUnit; ++i) EXPECT_TRUE(Small(ready).PollOnce(cx).ready());
    return Unit{};
  }));
  EXPECT_TRUE(units.Poll().ready());
  EXPECT_EQ(units.budget_used(), 2);  // and of the second a part

  ready = 0;
  PolledTask all(Loop([&] { return Small(ready); }));  // a round that has paid a part pays no more
  EXPECT_TRUE(all.Poll().pending());
  EXPECT_TRUE(all.yielded());
  EXPECT_EQ(ready, limits::kPollBudget * limits::kPartsOfUnit);
}

TEST(BudgetTest, SmallLeavesWithoutABudgetLeaveItAsItWas) {
  int ready = 0;
  PolledTask task(Loop([&] { return Unconstrained(Small(ready)); }));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(ready, limits::kPollBudget + 1);  // each round pays for itself
}

struct Endless {
  using value_type = int;
  struct Iterator {
    int operator*() const { return 1; }
    Iterator& operator++() { return *this; }
    bool operator!=(const Iterator&) const { return true; }
  };
  Iterator begin() const { return {}; }
  Iterator end() const { return {}; }
};

// behaviour: tokio-stream/tests/stream_iter.rs#coop
TEST(BudgetTest, AnEndlessStreamLetsOthersRun) {
  auto stream = StreamOf(Endless());
  int items = 0;
  PolledTask task(PollFn([&](Context& cx) -> Poll<Unit> {
    for (int i = 0; i < 10'000; ++i) {
      if (stream.PollNext(cx).pending()) return kPending;
      ++items;
    }
    return Unit{};
  }));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_TRUE(task.yielded());
  EXPECT_EQ(items, limits::kPollBudget);
}

}  // namespace
}  // namespace kioto
