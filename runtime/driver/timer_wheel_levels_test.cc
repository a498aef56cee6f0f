// Where the wheel files an entry, and what many entries and many threads do to it.
#include <gtest/gtest.h>

#include <deque>
#include <thread>
#include <vector>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::internal {
namespace {

constexpr int64_t kMs = kTickNs;
constexpr int kAll = 1 << 30;
constexpr int kMany = 64;

class WheelLevelsTest : public ::testing::Test {
 protected:
  ~WheelLevelsTest() override {
    wheel_->Shutdown();
    wheel_->Recycle();
  }

  // When the wheel must look at an entry due at `tick`: at the beginning of the slot where it is filed.
  int64_t SlotOf(int64_t tick) {
    TimerEntry entry;
    entry.Arm(*wheel_, tick * kMs, task_.waker());
    EXPECT_EQ(wheel_->Expire(0, kAll), 0);
    return wheel_->next_deadline() / kMs;
  }

  CountingWaker task_;
  TimerWheel* wheel_ = TimerWheel::Make(0);
};

// behaviour: tokio/src/runtime/time/wheel/level.rs#test_slot_for
// behaviour: tokio/src/runtime/time_alt/wheel/level.rs#test_slot_for
TEST_F(WheelLevelsTest, ASlotOfEachLevelIs64OfTheOneBelow) {
  for (int64_t slot = 1; slot < 64; ++slot) EXPECT_EQ(SlotOf(slot), slot);
  int64_t width = 1;
  for (int level = 1; level < 5; ++level) {
    width *= 64;
    for (int64_t slot = 1; slot < 64; ++slot) {
      EXPECT_EQ(SlotOf(slot * width), slot * width);
      EXPECT_EQ(SlotOf(slot * width + width / 2), slot * width);
      EXPECT_EQ(SlotOf(slot * width + width - 1), slot * width);
    }
  }
}

// behaviour: tokio/src/runtime/time/wheel/mod.rs#test_level_for
// behaviour: tokio/src/runtime/time_alt/wheel/mod.rs#test_level_for
TEST_F(WheelLevelsTest, ALevelBeginsWhereTheOneBelowEnds) {
  for (int64_t tick = 1; tick < 64; ++tick) EXPECT_EQ(SlotOf(tick), tick) << "the lowest level is exact";
  int64_t width = 1;
  for (int level = 1; level < 5; ++level) {
    const int64_t below = width;
    width *= 64;
    EXPECT_EQ(SlotOf(width - 1), width - below) << "the last slot of the level below";
    EXPECT_EQ(SlotOf(width), width);
    EXPECT_EQ(SlotOf(width + 1), width);
    for (int64_t slot = 2; slot < 64; ++slot) {
      EXPECT_EQ(SlotOf(slot * width - 1), (slot - 1) * width);
      EXPECT_EQ(SlotOf(slot * width + 1), slot * width);
    }
  }
}

// behaviour: tokio/src/runtime/time/tests/mod.rs#poll_process_levels
TEST_F(WheelLevelsTest, AtEachTickExactlyWhatIsDueHasFired) {
  constexpr int kTicks = 1024;
  std::deque<TimerEntry> entries(kTicks);
  for (int i = 0; i < kTicks; ++i) entries[i].Arm(*wheel_, i * kMs, task_.waker());
  for (int now = 0; now < kTicks; ++now) {
    wheel_->Expire(now * kMs, kAll);
    for (int i = 0; i < kTicks; ++i) {
      ASSERT_EQ(entries[i].Poll(task_.waker()), i <= now ? TimerState::kFired : TimerState::kArmed) << i << " at " << now;
    }
  }
}

// behaviour: tokio/src/runtime/time/tests/mod.rs#poll_process_levels_targeted
TEST_F(WheelLevelsTest, MovingDownALevelFiresNothing) {
  TimerEntry entry;
  entry.Arm(*wheel_, 193 * kMs, task_.waker());
  for (int64_t now : {62, 192, 192}) {
    EXPECT_EQ(wheel_->Expire(now * kMs, kAll), 0);
    EXPECT_EQ(entry.Poll(task_.waker()), TimerState::kArmed);
  }
  EXPECT_EQ(wheel_->Expire(193 * kMs, kAll), 1);
}

// behaviour: kioto/runtime/driver/timer_wheel.h#an_expiry_touches_no_more_than_it_may
TEST_F(WheelLevelsTest, AnExpiryMovesNoMoreThanItMay) {
  constexpr int kEntries = 10 * kMany;
  std::vector<TimerEntry> entries(kEntries);
  for (TimerEntry& entry : entries) entry.Arm(*wheel_, 100 * kMs, task_.waker());  // on the second level
  EXPECT_EQ(wheel_->Expire(100 * kMs, kAll, kMany), 0);
  int expiries = 1;
  for (; wheel_->size() > 0; ++expiries) {
    EXPECT_LE(wheel_->next_deadline(), 100 * kMs) << "the rest is due";
    EXPECT_LE(wheel_->Expire(100 * kMs, kAll, kMany), kMany);
  }
  EXPECT_GE(expiries, 20) << "each was moved, then fired";
  EXPECT_EQ(task_.wakes(), kEntries);
}

// behaviour: tokio/src/runtime/time_alt/tests.rs#wake_up_in_the_same_thread
// behaviour: tokio/src/runtime/time_alt/registration_queue/tests.rs#sanity
TEST_F(WheelLevelsTest, ManyWithOneDeadlineAreEachWokenOnce) {
  std::vector<CountingWaker> tasks(kMany);
  std::deque<TimerEntry> entries(kMany);
  for (int i = 0; i < kMany; ++i) entries[i].Arm(*wheel_, kMs, tasks[i].waker());
  EXPECT_EQ(wheel_->Expire(kMs, kAll), kMany);
  EXPECT_EQ(wheel_->Expire(2 * kMs, kAll), 0);
  for (const CountingWaker& task : tasks) {
    EXPECT_EQ(task.wakes(), 1);
    EXPECT_EQ(task.held(), 0);
  }
}

// behaviour: tokio/src/runtime/time_alt/tests.rs#wake_up_in_the_different_thread
// behaviour: tokio/src/runtime/time_alt/wake_queue/tests.rs#sanity
TEST_F(WheelLevelsTest, AnotherThreadMayExpireThem) {
  std::vector<CountingWaker> tasks(kMany);
  std::deque<TimerEntry> entries(kMany);
  for (int i = 0; i < kMany; ++i) entries[i].Arm(*wheel_, kMs, tasks[i].waker());
  std::thread([this] { EXPECT_EQ(wheel_->Expire(kMs, kAll), kMany); }).join();
  for (int i = 0; i < kMany; ++i) {
    EXPECT_EQ(entries[i].Poll(tasks[i].waker()), TimerState::kFired);
    EXPECT_EQ(tasks[i].wakes(), 1);
  }
}

// behaviour: tokio/src/runtime/time_alt/tests.rs#cancel_in_the_same_thread
// behaviour: tokio/src/runtime/time_alt/cancellation_queue/tests.rs#single_thread
TEST_F(WheelLevelsTest, WhatIsCancelledIsGoneAndNeverWoken) {
  for (int many = 0; many < kMany; ++many) {
    std::deque<TimerEntry> entries(many);
    for (TimerEntry& entry : entries) entry.Arm(*wheel_, kMs * (many + 1), task_.waker());
    EXPECT_EQ(wheel_->size(), static_cast<size_t>(many));
    for (TimerEntry& entry : entries) entry.Cancel();
    EXPECT_EQ(wheel_->size(), 0u);
    EXPECT_EQ(wheel_->Expire(kMs * (many + 1), kAll), 0);
  }
  EXPECT_EQ(task_.wakes(), 0);
  EXPECT_EQ(task_.held(), 0);
}

// Several threads arm and cancel what is not due yet, while this one expires. In all `cancelled` entries come off again.
void CancelOnThreads(TimerWheel* wheel, int threads, int each, bool armed_here) {
  base::Atomic<int> running{threads};
  base::Atomic<int> cancelled{0};
  std::vector<CountingWaker> tasks(threads);
  std::deque<TimerEntry> entries(static_cast<size_t>(threads) * each);
  if (armed_here) {
    for (size_t i = 0; i < entries.size(); ++i) entries[i].Arm(*wheel, 1'000'000 * kMs, tasks[i / each].waker());
  }
  std::vector<std::thread> cancellers;
  for (int t = 0; t < threads; ++t) {
    cancellers.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        TimerEntry& entry = entries[static_cast<size_t>(t) * each + i];
        if (!armed_here) entry.Arm(*wheel, 1'000'000 * kMs, tasks[t].waker());
        entry.Cancel();
        if (entry.Poll(tasks[t].waker()) == TimerState::kIdle) cancelled.fetch_add(1);
      }
      running.fetch_sub(1);
    });
  }
  for (int64_t now = 0; running.load() > 0 && now < 1'000'000; ++now) EXPECT_EQ(wheel->Expire(now * kMs, kAll), 0);
  for (std::thread& thread : cancellers) thread.join();
  EXPECT_EQ(cancelled.load(), threads * each);
  EXPECT_EQ(wheel->size(), 0u);
  for (const CountingWaker& task : tasks) {
    EXPECT_EQ(task.wakes(), 0);
    EXPECT_EQ(task.held(), 0);
  }
}

// behaviour: tokio/src/runtime/time_alt/tests.rs#cancel_in_the_different_thread
TEST_F(WheelLevelsTest, AnotherThreadMayCancelThemWhileThisOneExpires) { CancelOnThreads(wheel_, 1, kMany, true); }

// behaviour: tokio/src/runtime/time_alt/cancellation_queue/tests.rs#multi_thread
TEST_F(WheelLevelsTest, ManyThreadsMayCancel) { CancelOnThreads(wheel_, 8, kMany, true); }

// behaviour: tokio/src/runtime/time_alt/tests.rs#cancel_races_with_insert
TEST_F(WheelLevelsTest, CancellingRightAfterArmingLeavesNothing) { CancelOnThreads(wheel_, 2, 1000, false); }

// behaviour: tokio/src/runtime/time_alt/tests.rs#insert_of_already_cancelled_entry_does_not_enter_wheel
TEST_F(WheelLevelsTest, CancellingBeforeArmingIsNothing) {
  {
    TimerEntry entry;
    entry.Cancel();
    EXPECT_EQ(wheel_->size(), 0u);
    EXPECT_EQ(entry.Poll(task_.waker()), TimerState::kIdle);
    EXPECT_EQ(task_.held(), 0) << "an entry that is not armed keeps no waker";
  }
  EXPECT_EQ(wheel_->Expire(10 * kMs, kAll), 0);
  EXPECT_EQ(task_.wakes(), 0);
}

// behaviour: tokio/src/runtime/time_alt/cancellation_queue/tests.rs#drop_iter_should_not_leak_memory
// behaviour: tokio/src/runtime/time_alt/wake_queue/tests.rs#drop_should_not_leak_memory
TEST_F(WheelLevelsTest, DroppingManyReleasesTheirWakersAndWakesNone) {
  {
    std::deque<TimerEntry> entries(kMany);
    for (TimerEntry& entry : entries) entry.Arm(*wheel_, 10 * kMs, task_.waker());
    EXPECT_EQ(task_.held(), kMany);
  }
  EXPECT_EQ(task_.held(), 0);
  EXPECT_EQ(task_.wakes(), 0);
}

// behaviour: tokio/src/runtime/time_alt/registration_queue/tests.rs#drop_should_not_leak_memory
TEST_F(WheelLevelsTest, ShutdownReleasesTheWakersOfMany) {
  std::deque<TimerEntry> entries(kMany);
  for (TimerEntry& entry : entries) entry.Arm(*wheel_, 10 * kMs, task_.waker());
  wheel_->Shutdown();
  EXPECT_EQ(task_.held(), 0);
  EXPECT_EQ(wheel_->size(), 0u);
}

// behaviour: tokio/src/runtime/time/tests/mod.rs#single_timer
TEST_F(WheelLevelsTest, WhatOneThreadArmsAnotherFires) {
  TimerEntry entry;
  std::thread([&] { entry.Arm(*wheel_, 1000 * kMs, task_.waker()); }).join();
  EXPECT_EQ(wheel_->Expire(2000 * kMs, kAll), 1);
  EXPECT_EQ(entry.Poll(task_.waker()), TimerState::kFired);
  EXPECT_EQ(task_.wakes(), 1);
}

// behaviour: tokio/src/runtime/time/tests/mod.rs#drop_timer
TEST_F(WheelLevelsTest, DroppingRacesWithExpiry) {
  for (int round = 0; round < 1000; ++round) {
    const int64_t start = (round + 1) * 10 * kMs;
    base::Atomic<bool> armed{false};
    std::thread owner([&] {
      TimerEntry entry;
      entry.Arm(*wheel_, start + kMs, task_.waker());
      (void)entry.Poll(task_.waker());
      armed.store(true);
      (void)entry.Poll(task_.waker());
    });
    while (!armed.load()) std::this_thread::yield();
    wheel_->Expire(start + 2 * kMs, kAll);
    owner.join();
    ASSERT_EQ(wheel_->size(), 0u);
    ASSERT_EQ(task_.held(), 0);
  }
  EXPECT_LE(task_.wakes(), 1000);
}

}  // namespace
}  // namespace kioto::internal
