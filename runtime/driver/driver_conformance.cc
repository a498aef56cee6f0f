#include "kioto/runtime/driver/driver_conformance.h"

#include <deque>
#include <thread>
#include <vector>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/driver/timer_wheel.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::internal {

DriverConformance::DriverConformance() {
  DriverOptions options;
  options.clock = &set_.clock;
  harness_ = GetParam().make(options);
  set_.drivers.push_back(&driver());
  CurrentThread().drivers = &set_;
  CurrentThread().driver = &driver();
}

DriverConformance::~DriverConformance() {
  CurrentThread().drivers = nullptr;
  CurrentThread().driver = nullptr;
}

namespace {

TEST_P(DriverConformance, AnUnparkThatComesFirstIsNotLost) {
  driver().Unpark();
  Park(kNever);
  driver().Unpark();
  driver().Turn();  // leaves it to the Park
  Park(kNever);
}

TEST_P(DriverConformance, UnparkFromAnotherThreadEndsAPark) {
  for (int round = 0; round < 50; ++round) {
    base::Atomic<bool> said{false};
    std::thread other([&] {
      said = true;
      driver().Unpark();
    });
    while (!said) Park(kNever);
    other.join();
    Park(Now());  // takes the token, should Park have left before it came
  }
}

TEST_P(DriverConformance, UnparksCoalesce) {
  for (int i = 0; i < 1'000; ++i) driver().Unpark();
  Park(kNever);
  // Nothing is left of the thousand: the next one lasts to its deadline, give or take one early return.
  const int64_t deadline = Now() + 20 * kTickNs;
  int parks = 0;
  for (; Now() < deadline; ++parks) Park(deadline);
  EXPECT_LE(parks, 3);
}

TEST_P(DriverConformance, ParkLastsToItsDeadline) {
  for (int64_t wait : {int64_t{0}, int64_t{1}, kTickNs / 2, 3 * kTickNs}) {
    const int64_t deadline = Now() + wait;
    int parks = 0;
    for (; Now() < deadline; ++parks) Park(deadline);
    EXPECT_LE(parks, 3) << wait;
  }
  Park(-1);         // the past: returns at once
  Park(INT64_MIN);  // the far past
}

TEST_P(DriverConformance, TimersFireInParkAndNeverEarly) {
  CountingWaker task;
  std::deque<TimerEntry> entries(20);
  std::deque<int64_t> deadlines;
  for (size_t i = 0; i < entries.size(); ++i) {
    deadlines.push_back(Now() + static_cast<int64_t>(i) * kTickNs / 3);
    entries[i].Arm(*driver().wheel(), deadlines.back(), task.waker(), Now());
  }
  while (task.wakes() < 20) {
    Park(kNever);
    const int64_t now = Now();
    for (size_t i = 0; i < entries.size(); ++i) {
      const bool fired = entries[i].Poll(task.waker()) == TimerState::kFired;
      EXPECT_TRUE(!fired || deadlines[i] <= now);
    }
  }
  EXPECT_EQ(task.held(), 0);
}

TEST_P(DriverConformance, ATurnFiresWhatIsDue) {
  CountingWaker task;
  TimerEntry entry;
  entry.Arm(*driver().wheel(), Now() + kTickNs, task.waker());
  while (task.wakes() == 0) driver().Turn();
  EXPECT_EQ(entry.Poll(task.waker()), TimerState::kFired);
}

// behaviour: kioto/runtime/driver/driver.h#a_turn_fires_no_more_timers_than_it_may
// What lies on the finest level, and what a turn first has to move there.
TEST_P(DriverConformance, ATurnFiresNoMoreTimersThanItsLimit) {
  constexpr int kLimit = 64, kTimers = 3'000;  // as many as a host that drives a guest asks for here
  driver().LimitTimers(kLimit);
  for (const int64_t ahead : {2 * kTickNs, 100 * kTickNs}) {
    CountingWaker task;
    std::vector<TimerEntry> entries(kTimers);
    const int64_t due = Now() + ahead;
    for (TimerEntry& entry : entries) entry.Arm(*driver().wheel(), due, task.waker());
    while (Now() < due + kTickNs) {
    }
    for (int fired = 0; fired < kTimers; fired = task.wakes()) {
      if (fired % (2 * kLimit) == 0) {
        Park(kNever);  // what is left keeps it from its sleep
      } else {
        driver().Turn();
      }
      EXPECT_LE(task.wakes(), fired + kLimit);
    }
  }
}

TEST_P(DriverConformance, APausedClockStandsWhileTimersAreDue) {
  set_.clock.Pause();
  driver().LimitTimers(10);
  CountingWaker task;
  std::vector<TimerEntry> entries(100);
  TimerEntry next;
  const int64_t due = Now() + 5 * kTickNs;
  for (TimerEntry& entry : entries) entry.Arm(*driver().wheel(), due, task.waker());
  next.Arm(*driver().wheel(), due + 100 * kTickNs, task.waker());
  set_.clock.Advance(20 * kTickNs);
  const int64_t now = Now();
  while (task.wakes() < 100) {
    Park(kNever);
    if (task.wakes() < 100) {
      EXPECT_EQ(Now(), now);
    }
  }
  while (task.wakes() == 100) Park(kNever);
  EXPECT_EQ(Now(), due + 100 * kTickNs);
  set_.clock.Resume();
}

TEST_P(DriverConformance, AnEarlierTimerFromAThreadWithoutAWheelIsHeard) {
  CountingWaker task;
  TimerEntry late, early;
  late.Arm(*driver().wheel(), Now() + 3'600'000 * kTickNs, task.waker());
  base::Atomic<bool> parking{false};
  std::thread other([&] {
    CurrentThread().drivers = &set_;
    while (!parking) std::this_thread::yield();
    early.Arm(*set_.WheelForThisThread(), Now() + kTickNs, task.waker());
    CurrentThread().drivers = nullptr;
  });
  parking = true;
  while (task.wakes() == 0) Park(kNever);
  other.join();
  EXPECT_EQ(early.Poll(task.waker()), TimerState::kFired);
  EXPECT_EQ(late.Poll(task.waker()), TimerState::kArmed);
}

TEST_P(DriverConformance, APausedClockJumpsToTheNextTimer) {
  set_.clock.Pause();
  const int64_t start = Now();
  CountingWaker task;
  TimerEntry entry;
  entry.Arm(*driver().wheel(), start + 3'600'000 * kTickNs, task.waker());
  while (task.wakes() == 0) Park(kNever);
  EXPECT_EQ(Now(), start + 3'600'000 * kTickNs);
  if (harness_->parks_itself()) {  // a deadline of the caller counts too
    Park(Now() + 5 * kTickNs);
    EXPECT_EQ(Now(), start + 3'600'005 * kTickNs);
  }
  set_.clock.Resume();
}

TEST_P(DriverConformance, APausedClockDoesNotJumpPastAnUnpark) {
  set_.clock.Pause();
  const int64_t start = Now();
  CountingWaker task;
  TimerEntry entry;
  entry.Arm(*driver().wheel(), start + 1'000 * kTickNs, task.waker());
  if (harness_->parks_itself()) {  // an attached driver has run what was woken before it jumps
    driver().Unpark();
    Park(kNever);
    EXPECT_EQ(Now(), start);
  }
  set_.clock.InhibitAutoAdvance();
  std::thread other([&] { driver().Unpark(); });
  Park(kNever);
  other.join();
  EXPECT_EQ(Now(), start);
  set_.clock.AllowAutoAdvance();
  set_.clock.Resume();
}

TEST_P(DriverConformance, ShutdownEndsTimers) {
  CountingWaker task;
  TimerEntry entry, late;
  entry.Arm(*driver().wheel(), Now() + 3'600'000 * kTickNs, task.waker());
  driver().Shutdown();
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_EQ(entry.Poll(task.waker()), TimerState::kShutdown);
  late.Arm(*driver().wheel(), Now() + kTickNs, task.waker());
  EXPECT_EQ(late.Poll(task.waker()), TimerState::kShutdown);
  driver().Unpark();
  Park(kNever);  // still works
  driver().Turn();
}

}  // namespace
}  // namespace kioto::internal
