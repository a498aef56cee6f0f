#include "kioto/runtime/scheduler/idle.h"

#include "gtest/gtest.h"

namespace kioto::internal {
namespace {

// behaviour: tokio/src/runtime/scheduler/multi_thread/idle.rs#test_state
TEST(IdleTest, BeginsWithAllAtWork) {
  Idle idle(10);
  EXPECT_EQ(idle.unparked(), 10);
  EXPECT_EQ(idle.searching(), 0);
  EXPECT_TRUE(idle.StartSearching());
  EXPECT_EQ(idle.unparked(), 10);  // the counts do not run into each other
  EXPECT_EQ(idle.searching(), 1);
  EXPECT_TRUE(idle.Park(0, /*searching=*/true));
  EXPECT_EQ(idle.unparked(), 9);
  EXPECT_EQ(idle.searching(), 0);
}

TEST(IdleTest, WakesNobodyWhileAllRunOrSomebodySearches) {
  Idle idle(2);
  bool monitor = false;
  EXPECT_EQ(idle.WorkerToNotify(&monitor), -1);  // all run
  EXPECT_TRUE(idle.Park(1, /*searching=*/false));  // nobody else looks for what was queued meanwhile
  EXPECT_TRUE(idle.StartSearching());
  EXPECT_EQ(idle.WorkerToNotify(&monitor), -1);  // somebody searches
  EXPECT_TRUE(idle.StopSearching());             // the last one: it notifies another
  EXPECT_EQ(idle.WorkerToNotify(&monitor), 1);
  EXPECT_EQ(idle.searching(), 1);  // who is woken searches
  EXPECT_EQ(idle.unparked(), 2);
}

TEST(IdleTest, HalfOfTheWorkersMaySearch) {
  Idle idle(4);
  EXPECT_TRUE(idle.StartSearching());
  EXPECT_TRUE(idle.StartSearching());
  EXPECT_FALSE(idle.StartSearching());
  EXPECT_FALSE(idle.StopSearching());
  EXPECT_TRUE(idle.StopSearching());
}

TEST(IdleTest, WhoParksWhileNobodySearchesLooksRoundOnceMore) {
  Idle idle(4);
  ASSERT_TRUE(idle.StartSearching());
  ASSERT_TRUE(idle.StartSearching());
  EXPECT_FALSE(idle.Park(0, /*searching=*/true));
  EXPECT_FALSE(idle.Park(2, /*searching=*/false));
  EXPECT_TRUE(idle.Park(1, /*searching=*/true));
  EXPECT_TRUE(idle.Park(3, /*searching=*/false));
}

TEST(IdleTest, TellsAnOwnEventFromANotification) {
  Idle idle(2);
  bool monitor = false;
  (void)idle.Park(0, false);
  EXPECT_EQ(idle.Unparked(0, /*has_work=*/false, &monitor), Idle::Wakeup::kStillParked);
  EXPECT_EQ(idle.Unparked(0, /*has_work=*/true, &monitor), Idle::Wakeup::kOwnEvent);
  EXPECT_EQ(idle.unparked(), 2);
  (void)idle.Park(0, false);
  EXPECT_EQ(idle.WorkerToNotify(&monitor), 0);
  EXPECT_EQ(idle.Unparked(0, false, &monitor), Idle::Wakeup::kNotified);
}

TEST(IdleTest, TheFirstToLeaveItsParkWakesTheMonitor) {
  Idle idle(1);
  bool monitor = false;
  EXPECT_FALSE(idle.MonitorSleeps());  // a worker runs
  (void)idle.Park(0, false);
  EXPECT_TRUE(idle.MonitorSleeps());
  EXPECT_EQ(idle.Unparked(0, true, &monitor), Idle::Wakeup::kOwnEvent);
  EXPECT_TRUE(monitor);
  (void)idle.Park(0, false);
  EXPECT_EQ(idle.WorkerToNotify(&monitor), 0);
  EXPECT_FALSE(monitor);  // it was awake
}

}  // namespace
}  // namespace kioto::internal
