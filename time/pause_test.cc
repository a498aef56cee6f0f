#include "kioto/time/pause.h"

#include <algorithm>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/time/instant.h"
#include "kioto/time/sleep.h"
#include "kioto/time/testing/paused_clock.h"

namespace kioto::time {
namespace {

using namespace std::chrono_literals;  // NOLINT

Runtime MakeRuntime(bool paused) {
  RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
  if (paused) builder.StartPaused();
  StatusOr<Runtime> runtime = builder.Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

// behaviour: tokio/tests/time_pause.rs#pause_time_in_main
TEST(PauseTest, PausesInTheRoot) {
  Runtime runtime = MakeRuntime(false);
  EXPECT_TRUE(runtime
                  .BlockOn([] {
                    EXPECT_FALSE(IsPaused());
                    Pause();
                    EXPECT_TRUE(IsPaused());
                    return Sleep(24h);
                  })
                  .ok());
  const EnterGuard entered = runtime.Enter();
  EXPECT_TRUE(IsPaused());
  Resume();
  EXPECT_FALSE(IsPaused());
}

// behaviour: tokio/tests/time_pause.rs#pause_time_in_task
TEST(PauseTest, PausesInATask) {
  Runtime runtime = MakeRuntime(false);
  EXPECT_TRUE(runtime.BlockOn([] { return Spawn(Lazy([] { Pause(); })); }).ok());
  const EnterGuard entered = runtime.Enter();
  EXPECT_TRUE(IsPaused());
}

// The last inhibitor leaves on another thread, and nothing else happens: the jump must not wait for an event.
TEST(PauseTest, AllowedAgainTheClockJumpsAtOnce) {
  Runtime runtime = MakeRuntime(true);
  kioto::internal::RuntimeClock* clock = nullptr;
  std::thread other;
  EXPECT_TRUE(runtime
                  .BlockOn([&] {
                    clock = &kioto::internal::CurrentThread().drivers->clock;
                    clock->InhibitAutoAdvance();
                    other = std::thread([&] {
                      while (runtime.handle().live_tasks() > 0) std::this_thread::yield();
                      clock->AllowAutoAdvance();
                    });
                    Spawn(Lazy([] {})).Detach();  // has run when the root waits
                    return Sleep(24h);
                  })
                  .ok());
  other.join();
}

// behaviour: tokio/tests/test_clock.rs#resume_lets_time_move_forward_instead_of_resetting_it
TEST(PauseTest, ResumeKeepsTheOffset) {
  Runtime runtime = MakeRuntime(false);
  EXPECT_TRUE(runtime
                  .BlockOn([] {
                    return With(Instant::Now(), [](Instant& start) {
                      Pause();
                      return Advance(10s)
                          .Then([&start] {
                            EXPECT_GE(start.Elapsed(), 10s);
                            EXPECT_LT(start.Elapsed(), 11s);
                            Resume();
                            EXPECT_GE(start.Elapsed(), 10s);
                            return Sleep(1ms);
                          })
                          .Then([&start] { EXPECT_GE(start.Elapsed(), 10s + 1ms); });
                    });
                  })
                  .ok());
}

// behaviour: tokio/tests/test_clock.rs#can_pause_after_resume
TEST(PauseTest, APauseAfterAResumeKeepsTheOffset) {
  Runtime runtime = MakeRuntime(false);
  EXPECT_TRUE(runtime
                  .BlockOn([] {
                    return With(Instant::Now(), [](Instant& start) {
                      Pause();
                      return Advance(10s)
                          .Then([] {
                            Resume();
                            Pause();
                            return Advance(10s);
                          })
                          .Then([&start] {
                            EXPECT_GE(start.Elapsed(), 20s);
                            EXPECT_LT(start.Elapsed(), 21s);
                          });
                    });
                  })
                  .ok());
}

// So many that one turn of a running clock would not fire all.
// behaviour: kioto/time/pause.h#what_is_due_fires_before_an_advance_is_ready
TEST(PauseTest, AllThatIsDueFiresBeforeAnAdvanceIsReady) {
  for (const bool in_task : {false, true}) {
    for (const int ready : {0, 2}) {
      Runtime runtime = MakeRuntime(true);
      std::vector<SleepFuture> sleeps;
      const auto fired = [&sleeps](Context& cx) {
        return std::count_if(sleeps.begin(), sleeps.end(), [&cx](SleepFuture& sleep) { return sleep.PollOnce(cx).ready(); });
      };
      bool armed = false;
      auto advance = PollFn([&, step = Advance(10ms)](Context& cx) mutable -> Poll<Unit> {
        if (!std::exchange(armed, true)) {
          for (int i = 0; i < 100; ++i) sleeps.push_back(Sleep(5ms));
          EXPECT_EQ(fired(cx), 0);
          for (int i = 0; i < ready; ++i) Spawn(YieldNow()).Detach();
        }
        if (step.PollOnce(cx).pending()) return kPending;
        EXPECT_EQ(fired(cx), 100);
        return Unit{};
      });
      if (in_task) {
        EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(std::move(advance))).ok());
      } else {
        EXPECT_TRUE(runtime.BlockOn(std::move(advance)).ok());
      }
      EXPECT_TRUE(armed);
    }
  }
}

// Advances by 100 ms beside a sleep of 300 ms that somebody else holds: exactly so far, and the sleep goes on.
void AdvanceBesideASleep(bool poll_first) {
  Runtime runtime = MakeRuntime(true);
  const EnterGuard entered = runtime.Enter();
  const Instant start = Instant::Now();
  PolledTask sleep(SleepUntil(start + 300ms));
  if (poll_first) {
    EXPECT_TRUE(sleep.Poll().pending());
  }
  EXPECT_TRUE(runtime.BlockOn(Advance(100ms)).ok());
  EXPECT_EQ(start.Elapsed(), 100ms);
  EXPECT_EQ(sleep.wakes(), 0);
  EXPECT_TRUE(sleep.Poll().pending());
}

// The same, in the task that holds the sleep.
void AdvanceInTheSleepersTask(bool poll_first) {
  Runtime runtime = MakeRuntime(true);
  EXPECT_TRUE(runtime
                  .BlockOn([poll_first] {
                    return With(Instant::Now(), [poll_first](Instant& start) {
                      return With(SleepUntil(start + 300ms), [&start, poll_first](SleepFuture& sleep) {
                        return PollFn([&sleep, poll_first](Context& cx) -> Poll<Unit> {
                                 if (poll_first) {
                                   EXPECT_TRUE(sleep.PollOnce(cx).pending());
                                 }
                                 return Unit{};
                               })
                            .Then([] { return Advance(100ms); })
                            .Then([&start, &sleep] {
                              EXPECT_EQ(start.Elapsed(), 100ms);
                              return PollFn([&sleep](Context& cx) -> Poll<Unit> {
                                EXPECT_TRUE(sleep.PollOnce(cx).pending());
                                return Unit{};
                              });
                            });
                      });
                    });
                  })
                  .ok());
}

// behaviour: tokio/tests/time_pause.rs#advance_after_poll
TEST(PauseTest, AdvanceDoesNotFireAPolledSleepThatIsNotDue) { AdvanceBesideASleep(/*poll_first=*/true); }

// behaviour: tokio/tests/time_pause.rs#sleep_no_poll
TEST(PauseTest, AdvanceDoesNotFireAnUnpolledSleepThatIsNotDue) { AdvanceBesideASleep(/*poll_first=*/false); }

// behaviour: tokio/tests/time_pause.rs#sleep_same_task
TEST(PauseTest, AdvanceInTheTaskOfAPolledSleepDoesNotFireIt) { AdvanceInTheSleepersTask(/*poll_first=*/true); }

// behaviour: tokio/tests/time_pause.rs#sleep_same_task_no_poll
TEST(PauseTest, AdvanceInTheTaskOfAnUnpolledSleepDoesNotFireIt) { AdvanceInTheSleepersTask(/*poll_first=*/false); }

// Each step moves the clock by exactly that, though a far timer is registered.
void ExpectExact(const std::vector<std::chrono::nanoseconds>& steps) {
  Runtime runtime = MakeRuntime(true);
  for (auto step : steps) {
    EXPECT_TRUE(runtime
                    .BlockOn([step] {
                      const Instant start = Instant::Now();
                      return Join(Advance(step).Then([start, step] { EXPECT_EQ(start.Elapsed(), step); }),
                                  Select(Case(Sleep(60s), [] { ADD_FAILURE(); }), Case(YieldNow(), [] {})));
                    })
                    .ok());
  }
}

// behaviour: tokio/tests/time_pause.rs#test_time_advance_sub_ms
TEST(PauseTest, AdvanceByLessThanAMillisecondIsExact) { ExpectExact({51592us, 1us, 1ns, 0ns}); }

// behaviour: tokio/tests/time_pause.rs#test_time_advance_3ms_and_change
TEST(PauseTest, AdvanceByMillisecondsAndABitIsExact) { ExpectExact({3141592us, 3123456us}); }

// behaviour: tokio/tests/time_pause.rs#exact_1ms_advance
TEST(PauseTest, AdvanceByOneMillisecondIsExact) { ExpectExact({1ms, 1ms}); }

// behaviour: tokio/tests/time_pause.rs#regression_3710_with_submillis_advance
TEST(PauseTest, AdvanceBySubmillisLeavesALongSleepAlone) {
  Runtime runtime = MakeRuntime(true);
  const EnterGuard entered = runtime.Enter();
  PolledTask sleep(Sleep(60s));
  EXPECT_TRUE(sleep.Poll().pending());
  const Instant start = Instant::Now();
  EXPECT_TRUE(runtime.BlockOn(Advance(51592us)).ok());
  EXPECT_EQ(start.Elapsed(), 51592us);
  EXPECT_EQ(sleep.wakes(), 0);
  EXPECT_TRUE(sleep.Poll().pending());
}

// behaviour: tokio/tests/time_pause.rs#advance_once_with_timer
TEST(PauseTest, AdvanceWakesTheTaskWhoseTimeHasCome) {
  Runtime runtime = MakeRuntime(true);
  EXPECT_TRUE(runtime
                  .BlockOn([] {
                    return With(Spawn(Sleep(1ms)), [](JoinHandle<Unit>& sleeper) {
                      return YieldNow()
                          .Then([] { return Advance(250us); })
                          .Then([&sleeper] {
                            EXPECT_FALSE(sleeper.finished());
                            return Advance(1500us);
                          })
                          .Then([&sleeper] { return ByRef(sleeper); })
                          .Then([](Status& status) { EXPECT_TRUE(status.ok()); });
                    });
                  })
                  .ok());
}

// check: H1
TEST(PauseTest, AnAdvanceThatIsDroppedHasJumpedIfItWasPolled) {
  for (int polls = 0; polls <= 2; ++polls) {
    Runtime runtime = MakeRuntime(true);
    EXPECT_TRUE(runtime
                    .BlockOn([polls] {
                      const Instant start = Instant::Now();
                      PolledTask dropped(Advance(10ms));
                      for (int i = 0; i < polls; ++i) EXPECT_EQ(dropped.Poll().pending(), i == 0);
                      dropped.Drop();
                      EXPECT_EQ(dropped.held(), 0);
                      EXPECT_EQ(start.Elapsed(), polls > 0 ? 10ms : 0ms);
                    })
                    .ok());
  }
}

std::vector<int64_t> RandomSleeps(uint32_t seed) {
  Runtime runtime = MakeRuntime(true);
  std::vector<int64_t> elapsed;
  std::mt19937 random(seed);
  EXPECT_TRUE(runtime
                  .BlockOn([&] {
                    const Instant start = Instant::Now();
                    return Loop([&elapsed, &random, start] {
                      return Sleep(std::chrono::milliseconds(random() % 1000)).Then([&elapsed, start]() -> Flow<> {
                        elapsed.push_back(start.Elapsed().count());
                        if (elapsed.size() == 10'000) return Break();
                        return Continue();
                      });
                    });
                  })
                  .ok());
  return elapsed;
}

// behaviour: tokio/tests/time_pause.rs#paused_time_is_deterministic
TEST(PauseTest, TwoRunsAreTheSame) { EXPECT_EQ(RandomSleeps(7), RandomSleeps(7)); }

// The clock jumps from deadline to deadline, in order, for all tasks.
TEST(PauseTest, JumpsToOneTimerAfterTheOther) {
  Runtime runtime = MakeRuntime(true);
  std::vector<int> order;
  std::vector<JoinHandle<Unit>> handles;
  for (int i : {3, 1, 2}) {
    handles.push_back(runtime.Spawn(Lazy([&order, i] {
      const Instant start = Instant::Now();
      return Sleep(std::chrono::hours(i)).Then([&order, start, i] {
        EXPECT_EQ(start.Elapsed(), std::chrono::hours(i));
        order.push_back(i);
      });
    })));
  }
  for (auto& handle : handles) EXPECT_TRUE(runtime.BlockOn(std::move(handle)).ok());
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

class PauseDeathTest : public testing::Test {
 protected:
  PauseDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// behaviour: tokio/tests/test_clock.rs#freezing_time_while_frozen_panics
// behaviour: tokio/tests/time_panic.rs#pause_panic_caller
TEST_F(PauseDeathTest, PausingTwice) {
  EXPECT_DEATH((void)MakeRuntime(true).BlockOn([] { Pause(); }), "stands still already");
  EXPECT_DEATH((void)MakeRuntime(false).BlockOn([] { Pause(), Pause(); }), "stands still already");
  EXPECT_DEATH((void)RuntimeBuilder::MultiThread().Build()->BlockOn([] { Pause(), Pause(); }), "inside a current-thread runtime");
}

// behaviour: tokio/tests/test_clock.rs#resuming_time_when_not_frozen_panics
// behaviour: tokio/tests/time_panic.rs#resume_panic_caller
TEST_F(PauseDeathTest, ResumingARunningClock) {
  EXPECT_DEATH((void)MakeRuntime(false).BlockOn([] { Resume(); }), "the clock is running");
  EXPECT_DEATH((void)MakeRuntime(true).BlockOn([] { Resume(), Resume(); }), "the clock is running");
}

// behaviour: tokio/tests/test_clock.rs#advancing_time_when_time_is_not_frozen_panics
TEST_F(PauseDeathTest, AdvancingARunningClock) {
  EXPECT_DEATH((void)MakeRuntime(false).BlockOn([] { return Advance(1s); }), "only a paused clock");
}

TEST_F(PauseDeathTest, PausingOutsideARuntime) { EXPECT_DEATH(Pause(), "inside a current-thread runtime"); }

// behaviour: tokio/tests/time_pause.rs#pause_time_in_main_threads
TEST_F(PauseDeathTest, PausingInTheRootOfAPool) {
  EXPECT_DEATH((void)RuntimeBuilder::MultiThread().Build()->BlockOn([] { Pause(); }), "inside a current-thread runtime");
}

// behaviour: tokio/tests/time_pause.rs#pause_time_in_spawn_threads
TEST_F(PauseDeathTest, PausingInATaskOfAPool) {
  EXPECT_DEATH((void)RuntimeBuilder::MultiThread().Build()->BlockOn([] { return Spawn(Lazy([] { Pause(); })); }),
               "inside a current-thread runtime");
}

}  // namespace
}  // namespace kioto::time
