#include "kioto/runtime/driver/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::internal {
namespace {

constexpr int64_t kMs = kTickNs;
constexpr int kAll = 1 << 30;

class TimerWheelTest : public ::testing::Test {
 protected:
  ~TimerWheelTest() override {
    wheel_->Shutdown();
    wheel_->Recycle();
  }
  TimerWheel* wheel_ = TimerWheel::Make(0);
};

TEST_F(TimerWheelTest, FiresOnceAndNeverEarly) {
  CountingWaker task;
  TimerEntry entry;
  EXPECT_EQ(entry.Poll(task.waker()), TimerState::kIdle);
  entry.Arm(*wheel_, 10 * kMs + 1, task.waker());  // rounded up to 11 ms
  EXPECT_EQ(entry.Poll(task.waker()), TimerState::kArmed);
  EXPECT_EQ(wheel_->size(), 1u);
  EXPECT_EQ(wheel_->next_deadline(), 11 * kMs);
  EXPECT_EQ(wheel_->Expire(11 * kMs - 1, kAll), 0);
  EXPECT_EQ(entry.Poll(task.waker()), TimerState::kArmed);
  EXPECT_EQ(wheel_->Expire(11 * kMs, kAll), 1);
  EXPECT_EQ(entry.Poll(task.waker()), TimerState::kFired);
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_EQ(task.held(), 0);
  EXPECT_EQ(wheel_->size(), 0u);
  EXPECT_EQ(wheel_->next_deadline(), kNever);
  EXPECT_EQ(wheel_->Expire(1'000 * kMs, kAll), 0);
  EXPECT_EQ(task.wakes(), 1);
}

TEST_F(TimerWheelTest, CancelDropsTheWakerAtOnce) {
  CountingWaker task;
  TimerEntry entry;
  entry.Arm(*wheel_, 30'000 * kMs, task.waker());
  EXPECT_EQ(task.held(), 1);
  entry.Cancel();
  EXPECT_EQ(task.held(), 0);
  EXPECT_EQ(entry.Poll(task.waker()), TimerState::kIdle);
  EXPECT_EQ(wheel_->size(), 0u);
  EXPECT_EQ(wheel_->next_deadline(), kNever);
  EXPECT_EQ(wheel_->Expire(60'000 * kMs, kAll), 0);
  EXPECT_EQ(task.wakes(), 0);
}

TEST_F(TimerWheelTest, DestructionCancels) {
  CountingWaker task;
  for (int64_t ms : {1, 63, 64, 4'095, 4'096, 1 << 20}) {
    TimerEntry entry;
    entry.Arm(*wheel_, ms * kMs, task.waker());
  }
  EXPECT_EQ(wheel_->size(), 0u);
  EXPECT_EQ(task.held(), 0);
}

TEST_F(TimerWheelTest, WhatIsPastFiresAtOnce) {
  CountingWaker task;
  wheel_->Expire(100 * kMs, kAll);
  for (int64_t deadline : {INT64_MIN, int64_t{-1}, int64_t{0}, 100 * kMs}) {
    TimerEntry entry;
    const int wakes = task.wakes();
    entry.Arm(*wheel_, deadline, task.waker());
    EXPECT_EQ(entry.Poll(task.waker()), TimerState::kFired) << deadline;
    EXPECT_EQ(task.wakes(), wakes + 1);
  }
  EXPECT_EQ(task.held(), 0);
}

TEST_F(TimerWheelTest, AnotherTaskTakesOver) {
  CountingWaker first, second;
  TimerEntry entry;
  entry.Arm(*wheel_, 5 * kMs, first.waker());
  EXPECT_EQ(entry.Poll(second.waker()), TimerState::kArmed);
  EXPECT_EQ(first.held(), 0);
  EXPECT_EQ(second.held(), 1);
  EXPECT_EQ(entry.Poll(second.waker()), TimerState::kArmed);
  EXPECT_EQ(second.held(), 1);
  wheel_->Expire(5 * kMs, kAll);
  EXPECT_EQ(first.wakes(), 0);
  EXPECT_EQ(second.wakes(), 1);
}

TEST_F(TimerWheelTest, RearmMovesToAnotherWheel) {
  CountingWaker task;
  TimerWheel* other = TimerWheel::Make(0);
  TimerEntry entry;
  entry.Arm(*wheel_, 5 * kMs, task.waker());
  entry.Arm(*other, 7 * kMs, task.waker());
  EXPECT_EQ(wheel_->size(), 0u);
  EXPECT_EQ(other->size(), 1u);
  EXPECT_EQ(wheel_->Expire(10 * kMs, kAll), 0);
  EXPECT_EQ(other->Expire(10 * kMs, kAll), 1);
  EXPECT_EQ(entry.Poll(task.waker()), TimerState::kFired);
  entry.Arm(*wheel_, 20 * kMs, task.waker());  // and again after it fired
  EXPECT_EQ(entry.Poll(task.waker()), TimerState::kArmed);
  EXPECT_EQ(wheel_->Expire(20 * kMs, kAll), 1);
  EXPECT_EQ(task.wakes(), 2);
  EXPECT_EQ(task.held(), 0);
  other->Shutdown();
  other->Recycle();
}

TEST_F(TimerWheelTest, MoveKeepsTheWaker) {
  CountingWaker task;
  TimerEntry entry;
  EXPECT_FALSE(entry.Move(5 * kMs));  // it waits for nothing
  entry.Arm(*wheel_, 5 * kMs, task.waker());
  EXPECT_TRUE(entry.Move(500 * kMs));
  EXPECT_EQ(wheel_->size(), 1u);
  EXPECT_EQ(wheel_->Expire(499 * kMs, kAll), 0);
  EXPECT_TRUE(entry.Move(499 * kMs + 1));  // rounded up
  EXPECT_EQ(entry.state(), TimerState::kArmed);
  EXPECT_EQ(task.held(), 1);
  EXPECT_EQ(wheel_->Expire(500 * kMs, kAll), 1);
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_EQ(task.held(), 0);
  EXPECT_FALSE(entry.Move(900 * kMs));  // it has fired
  EXPECT_EQ(entry.state(), TimerState::kFired);
}

TEST_F(TimerWheelTest, MoveToThePastFiresAtOnce) {
  CountingWaker task;
  TimerEntry entry;
  wheel_->Expire(100 * kMs, kAll);
  entry.Arm(*wheel_, 200 * kMs, task.waker());
  EXPECT_TRUE(entry.Move(100 * kMs));
  EXPECT_EQ(entry.state(), TimerState::kFired);
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_EQ(task.held(), 0);
  EXPECT_EQ(wheel_->size(), 0u);
}

TEST_F(TimerWheelTest, HugeDeadlinesDoNotOverflow) {
  CountingWaker task;
  TimerEntry never, far;
  never.Arm(*wheel_, kNever, task.waker());
  far.Arm(*wheel_, kNever - 5, task.waker());
  EXPECT_EQ(wheel_->Expire(limits::kMaxTimerNs, kAll), 0);
  EXPECT_EQ(never.Poll(task.waker()), TimerState::kArmed);
  EXPECT_GT(wheel_->next_deadline(), 0);
}

TEST_F(TimerWheelTest, ShutdownEndsAllNowAndLater) {
  CountingWaker task;
  std::deque<TimerEntry> entries(200);
  for (size_t i = 0; i < entries.size(); ++i) entries[i].Arm(*wheel_, (1 + i * i) * kMs, task.waker());
  wheel_->Shutdown();
  EXPECT_EQ(task.wakes(), 200);
  for (TimerEntry& entry : entries) EXPECT_EQ(entry.Poll(task.waker()), TimerState::kShutdown);
  TimerEntry late;
  late.Arm(*wheel_, 5 * kMs, task.waker());
  EXPECT_EQ(late.Poll(task.waker()), TimerState::kShutdown);
  EXPECT_EQ(task.wakes(), 201);
  EXPECT_EQ(task.held(), 0);
}

TEST_F(TimerWheelTest, AnEntryOutlivesItsWheel) {
  CountingWaker task;
  TimerEntry entry;
  TimerWheel* first = TimerWheel::Make(0);
  entry.Arm(*first, 5 * kMs, task.waker());
  first->Shutdown();
  first->Recycle();
  TimerWheel* second = TimerWheel::Make(0);
  EXPECT_EQ(first, second);  // type-stable
  entry.Cancel();
  entry.Arm(*second, 9 * kMs, task.waker());
  EXPECT_EQ(second->Expire(9 * kMs, kAll), 1);
  second->Shutdown();
  second->Recycle();
}

TEST_F(TimerWheelTest, ExpireStopsAtItsLimitAndGoesOn) {
  CountingWaker task;
  std::deque<TimerEntry> entries(1'000);
  for (TimerEntry& entry : entries) entry.Arm(*wheel_, 500 * kMs, task.waker());
  int64_t now = 600 * kMs;
  EXPECT_EQ(wheel_->Expire(now, 300), 300);
  EXPECT_LE(wheel_->next_deadline(), now);
  EXPECT_EQ(wheel_->Expire(now, 1), 1);
  // One more of the same tick, armed in the middle of it.
  TimerEntry late;
  late.Arm(*wheel_, 500 * kMs, task.waker());
  EXPECT_EQ(late.Poll(task.waker()), TimerState::kFired);
  EXPECT_EQ(wheel_->Expire(now, kAll), 699);
  EXPECT_EQ(task.wakes(), 1'001);
}

TEST_F(TimerWheelTest, SameTickFiresInTheOrderOfArming) {
  std::deque<CountingWaker> tasks(3);
  std::deque<TimerEntry> entries(3);
  for (int i = 0; i < 3; ++i) entries[i].Arm(*wheel_, 100 * kMs, tasks[i].waker());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(wheel_->Expire(100 * kMs, 1), 1);
    EXPECT_EQ(tasks[i].wakes(), 1) << i;
  }
}

TEST_F(TimerWheelTest, ARemoteArmHurriesTheParkedDriver) {
  int hurried = 0;
  wheel_->SetHurry([](void* count) { ++*static_cast<int*>(count); }, &hurried);
  CountingWaker task;
  TimerEntry a, b, c, d;
  a.Arm(*wheel_, 50 * kMs, task.waker());
  EXPECT_EQ(hurried, 0);
  EXPECT_EQ(wheel_->BeginPark(kNever), 50 * kMs);
  b.Arm(*wheel_, 60 * kMs, task.waker());
  EXPECT_EQ(hurried, 0);
  c.Arm(*wheel_, 40 * kMs, task.waker());
  EXPECT_EQ(hurried, 1);
  wheel_->EndPark();
  d.Arm(*wheel_, 30 * kMs, task.waker());
  EXPECT_EQ(hurried, 1);
  EXPECT_EQ(wheel_->BeginPark(20 * kMs), 20 * kMs);
  wheel_->EndPark();
}

// Against a slow and obvious oracle: random arms, re-arms, moves, cancels and steps of the clock over all levels.
// check: K4
TEST_F(TimerWheelTest, AgreesWithAnOracle) {
  struct Timer {
    TimerEntry entry;
    CountingWaker task;
    int64_t due = -1;  // in ms; -1: not armed
    int wakes = 0;
  };
  std::mt19937_64 random(7);
  std::deque<Timer> timers(300);
  int64_t now = 0;
  auto far = [&] { return static_cast<int64_t>(random() % (uint64_t{1} << (random() % 40))); };
  for (int step = 0; step < 20'000; ++step) {
    Timer& timer = timers[random() % timers.size()];
    switch (random() % 5) {
      case 0:
      case 1:
        timer.due = now + 1 + far();
        timer.entry.Arm(*wheel_, timer.due * kMs - static_cast<int64_t>(random() % kMs), timer.task.waker());
        break;
      case 2:
        timer.entry.Cancel();
        timer.due = -1;
        break;
      case 3:
        ASSERT_EQ(timer.entry.Move((now + 1 + step) * kMs), timer.due >= 0);
        if (timer.due >= 0) timer.due = now + 1 + step;
        break;
      case 4: {
        now += far() % (random() % 8 == 0 ? int64_t{1} << 36 : 300);
        int64_t earliest = kNever;
        for (Timer& each : timers) {
          if (each.due >= 0) earliest = std::min(earliest, each.due * kMs);
        }
        ASSERT_LE(wheel_->next_deadline(), earliest);
        int expected = 0;
        for (Timer& each : timers) {
          if (each.due < 0 || each.due > now) continue;
          each.due = -1;
          ++each.wakes;
          ++expected;
        }
        const int max = 1 + static_cast<int>(random() % 50);
        int fired = 0;
        while (int count = wheel_->Expire(now * kMs, max)) fired += count;
        ASSERT_EQ(fired, expected) << "step " << step;
        for (Timer& each : timers) ASSERT_EQ(each.task.wakes(), each.wakes);
        break;
      }
    }
  }
}

// Owners arm, move and cancel on three threads while a fourth expires: every entry ends exactly once as what it says.
TEST(TimerWheelStress, MovesCancelsAndExpiryRace) {
  constexpr int kThreads = 3;
  constexpr int kRounds = 2'000;
  TimerWheel* wheels[2] = {TimerWheel::Make(0), TimerWheel::Make(0)};
  base::Atomic<int64_t> now{0};
  base::Atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int round = 0; round < kRounds; ++round) {
        CountingWaker task, other;
        {
          TimerEntry entry;
          bool fired = false;
          for (int move = random() % 4; move >= 0; --move) {
            const int64_t base = now.load(std::memory_order_relaxed);  // relaxed: any recent value
            entry.Arm(*wheels[random() % 2], base + static_cast<int64_t>(random() % 4) * kMs, task.waker());
            if (random() % 2) fired = entry.Poll(other.waker()) == TimerState::kFired;
            if (random() % 2) (void)entry.Move(base + static_cast<int64_t>(random() % 100) * kMs);
          }
          if (random() % 4 == 0) {
            while (entry.Poll(task.waker()) == TimerState::kArmed) std::this_thread::yield();
            fired = entry.Poll(task.waker()) == TimerState::kFired;
            EXPECT_TRUE(fired);
          }
        }
      }
      running.fetch_sub(1, std::memory_order_release);  // release: pairs with the loop below
    });
  }
  int64_t time = 0;
  while (running.load(std::memory_order_acquire) > 0) {  // acquire: pairs with the end of each thread
    time += kMs / 2;
    now.store(time, std::memory_order_relaxed);  // relaxed: any recent value
    wheels[0]->Expire(time, 100);
    wheels[1]->Expire(time, 100);
    std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();
  for (TimerWheel* wheel : wheels) {
    EXPECT_EQ(wheel->size(), 0u);
    EXPECT_EQ(wheel->next_deadline(), kNever);
    wheel->Shutdown();
    wheel->Recycle();
  }
}

// A task, as the wheel sees it: what it wakes lies round the entry.
struct Host : WakeTarget {
  Host() : WakeTarget(&kVTable, kRefOne) {}
  uint64_t references() const {
    return state.load(std::memory_order_relaxed) >> kRefShift;  // relaxed: one thread
  }
  static void Woken(WakeTarget* target) { ++static_cast<Host*>(target)->wakes; }
  static void WokenLast(WakeTarget* target) {
    Woken(target);
    target->Unref();
  }
  static void Gone(WakeTarget* target) { static_cast<Host*>(target)->gone = true; }
  static const VTable kVTable;

  int wakes = 0;
  bool gone = false;
  TimerEntry entry;
};
const WakeTarget::VTable Host::kVTable = {&Host::Woken, &Host::Gone, &Host::WokenLast, sizeof(Host)};

TEST_F(TimerWheelTest, AnEntryInsideWhatItWakesNeedsNoReference) {
  Host host;
  TimerEntry outside;
  const BorrowedWaker waker(&host);
  host.entry.Arm(*wheel_, 5 * kMs, waker.get());
  EXPECT_EQ(host.references(), 1u);
  outside.Arm(*wheel_, 5 * kMs, waker.get());
  EXPECT_EQ(host.references(), 2u);
  EXPECT_EQ(wheel_->Expire(5 * kMs, 10), 2);
  EXPECT_EQ(host.wakes, 2);
  EXPECT_EQ(host.references(), 1u);
  EXPECT_EQ(host.entry.state(), TimerState::kFired);

  host.entry.Arm(*wheel_, 9 * kMs, waker.get());
  outside.Arm(*wheel_, 9 * kMs, waker.get());
  host.entry.Cancel();
  outside.Cancel();
  EXPECT_EQ(host.references(), 1u);

  // From another waker to this one and back.
  CountingWaker other;
  host.entry.Arm(*wheel_, 9 * kMs, other.waker());
  EXPECT_EQ(host.entry.Poll(waker.get()), TimerState::kArmed);
  EXPECT_EQ(host.references(), 1u);
  EXPECT_EQ(host.entry.Poll(other.waker()), TimerState::kArmed);
  EXPECT_EQ(wheel_->Expire(9 * kMs, 10), 1);
  EXPECT_EQ(host.wakes, 2);
  EXPECT_EQ(host.references(), 1u);
  EXPECT_FALSE(host.gone);
}

}  // namespace
}  // namespace kioto::internal
