#include "kioto/sync/barrier.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::sync {
namespace {

using Task = PolledTask<BarrierFuture>;

// behaviour: tokio/tests/sync_barrier.rs#zero_does_not_block
TEST(BarrierTest, OfNobodyIsOfOne) {
  Barrier barrier(0);
  for (int i = 0; i < 2; ++i) {
    auto poll = Task(barrier.Wait()).Poll();
    ASSERT_TRUE(poll.ready());
    EXPECT_TRUE((*poll).is_leader);
  }
}

// behaviour: tokio/tests/sync_barrier.rs#tango
TEST(BarrierTest, TheSecondOfTwoLetsTheFirstGoOn) {
  Barrier barrier(2);
  Task first(barrier.Wait());
  EXPECT_TRUE(first.Poll().pending());
  Task second(barrier.Wait());
  EXPECT_TRUE((*second.Poll()).is_leader);
  EXPECT_EQ(first.wakes(), 1);
  EXPECT_FALSE((*first.Poll()).is_leader);
}

// behaviour: tokio/tests/sync_barrier.rs#lots
TEST(BarrierTest, TenGenerationsOfAHundred) {
  Barrier barrier(100);
  for (int generation = 0; generation < 10; ++generation) {
    std::vector<std::unique_ptr<Task>> waiting;
    for (int i = 0; i < 99; ++i) {
      waiting.push_back(std::make_unique<Task>(barrier.Wait()));
      EXPECT_TRUE(waiting.back()->Poll().pending());
      EXPECT_TRUE(waiting.back()->Poll().pending());
    }
    EXPECT_TRUE((*Task(barrier.Wait()).Poll()).is_leader);
    for (auto& task : waiting) {
      EXPECT_EQ(task->wakes(), 1);
      EXPECT_FALSE((*task->Poll()).is_leader);
    }
  }
}

// One that arrives for the next generation before those of this one have looked.
TEST(BarrierTest, TheNextGenerationWaitsForItsOwn) {
  Barrier barrier(2);
  Task first(barrier.Wait());
  EXPECT_TRUE(first.Poll().pending());
  EXPECT_TRUE(Task(barrier.Wait()).Poll().ready());
  Task next(barrier.Wait());
  EXPECT_TRUE(next.Poll().pending());
  EXPECT_TRUE(first.Poll().ready());
  EXPECT_TRUE(next.Poll().pending());
  EXPECT_TRUE(Task(barrier.Wait()).Poll().ready());
  EXPECT_TRUE(next.Poll().ready());
}

// check: H1
TEST(BarrierTest, OneThatIsDroppedHasArrivedIfItWasPolled) {
  for (int polls = 1; polls < 4; ++polls) {
    Barrier barrier(2);
    { Task unpolled(barrier.Wait()); }
    Task dropped(barrier.Wait());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
    dropped.Drop();
    EXPECT_EQ(dropped.held(), 0);
    EXPECT_TRUE((*Task(barrier.Wait()).Poll()).is_leader);
    EXPECT_EQ(dropped.wakes(), 0);
    EXPECT_TRUE(Task(barrier.Wait()).Poll().pending());
  }
}

}  // namespace
}  // namespace kioto::sync
