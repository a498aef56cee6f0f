// Time in real runtimes, on the real clock: nothing is early, on any flavour; and what a timer does between two runtimes.
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/time/instant.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto::time {
namespace {

using namespace std::chrono_literals;  // NOLINT

// A pool of so many workers; 0: a current-thread runtime.
class TimeRuntimeTest : public ::testing::TestWithParam<int> {
 protected:
  static Runtime Make(int workers) {
    RuntimeBuilder builder = workers > 0 ? RuntimeBuilder::MultiThread() : RuntimeBuilder::CurrentThread();
    if (workers > 0) builder.WorkerThreads(workers);
    StatusOr<Runtime> runtime = builder.Build();
    EXPECT_TRUE(runtime.ok()) << runtime.status();
    return *std::move(runtime);
  }
  const Runtime runtime_ = Make(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Flavours, TimeRuntimeTest, ::testing::Values(0, 1, 4));

// behaviour: tokio/tests/rt_handle_block_on.rs#sleep
TEST_P(TimeRuntimeTest, AHandleBlocksOnASleep) {
  const Instant start = Instant::Now();
  EXPECT_TRUE(runtime_.handle().BlockOn(Sleep(100ms)).ok());
  EXPECT_GE(start.Elapsed(), 100ms);
}

// behaviour: tokio/tests/time_rt.rs#timer_with_current_thread_scheduler
TEST_P(TimeRuntimeTest, TheRootIsNotEarly) {
  const Instant deadline = Instant::Now() + 10ms;
  EXPECT_TRUE(runtime_.BlockOn(SleepUntil(deadline)).ok());
  EXPECT_GE(Instant::Now(), deadline);
}

// behaviour: tokio/tests/time_alt.rs#sleep
TEST_P(TimeRuntimeTest, SleepsOfTheRootAndOfManyTasksAreNotEarly) {
  const auto sleeps = [] {
    return With(Instant::Now() + 10ms, [](Instant& deadline) {
      return SleepUntil(deadline).Then([&](Unit&) { EXPECT_GE(Instant::Now(), deadline); });
    });
  };
  std::vector<JoinHandle<Unit>> tasks;
  for (int i = 0; i < 512; ++i) tasks.push_back(runtime_.Spawn(Lazy(sleeps)));
  EXPECT_TRUE(runtime_.BlockOn(sleeps).ok());
  EXPECT_TRUE(runtime_.BlockOn(TryJoinAll(std::move(tasks))).ok());
}

// behaviour: tokio/tests/time_rt.rs#starving
TEST_P(TimeRuntimeTest, ATaskThatAlwaysWakesItselfMeetsItsTimer) {
  const auto starves = [] {
    return With(Sleep(10ms), Instant::Now(), [](SleepFuture& sleep, Instant& start) {
      return PollFn([&](Context& cx) -> Poll<Unit> {
        cx.waker().Wake();
        if (sleep.PollOnce(cx).pending()) return kPending;
        EXPECT_GE(start.Elapsed(), 10ms);
        return Unit{};
      });
    });
  };
  JoinHandle<Unit> task = runtime_.Spawn(Lazy(starves));
  EXPECT_TRUE(runtime_.BlockOn(starves).ok());
  EXPECT_TRUE(runtime_.BlockOn(std::move(task)).ok());
}

// behaviour: tokio/tests/time_alt.rs#timeout
// behaviour: tokio/tests/time_rt.rs#timeout_value
TEST_P(TimeRuntimeTest, TimeoutsOfTheRootAndOfManyTasksAreNotEarly) {
  const auto elapses = [] {
    return With(Instant::Now(), [](Instant& start) {
      return Timeout(10ms, Never()).Then([&](Status& status) {
        EXPECT_TRUE(IsElapsed(status)) << status;
        EXPECT_GE(start.Elapsed(), 10ms);
      });
    });
  };
  std::vector<JoinHandle<Unit>> tasks;
  for (int i = 0; i < 512; ++i) tasks.push_back(runtime_.Spawn(Lazy(elapses)));
  EXPECT_TRUE(runtime_.BlockOn(elapses).ok());
  EXPECT_TRUE(runtime_.BlockOn(TryJoinAll(std::move(tasks))).ok());
}

// behaviour: tokio/tests/time_sleep.rs#short_sleeps
TEST_P(TimeRuntimeTest, ManySleepsOfNoLengthEnd) {
  int slept = 0;
  EXPECT_TRUE(runtime_
                  .BlockOn(Loop([&] {
                    return Sleep(0ms).Then([&](Unit&) { return ++slept == 1000 ? Flow<>(Break()) : Flow<>(Continue()); });
                  }))
                  .ok());
  EXPECT_EQ(slept, 1000);
}

// behaviour: tokio-util/tests/panic.rs#future_ext_to_panic_caller
TEST(TimeoutOutsideTest, TheAdaptorSaysThatThereIsNoRuntime) {
  PolledTask task(Never().Apply(WithTimeout(1s)));
  auto poll = task.Poll();
  ASSERT_THAT(poll, IsReadyError(absl::IsFailedPrecondition));
  EXPECT_THAT(poll->message(), ::testing::HasSubstr("Timeout"));
}

// A sleep that began in one runtime and is moved and polled in another.
class MovedSleepTest : public ::testing::Test {
 protected:
  static Runtime Make(bool time) {
    RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
    if (!time) builder.WithoutTime();
    StatusOr<Runtime> runtime = builder.Build();
    EXPECT_TRUE(runtime.ok()) << runtime.status();
    return *std::move(runtime);
  }
  MovedSleepTest() {
    const EnterGuard entered = first_->Enter();
    EXPECT_THAT(task_.Poll(), IsPending());
  }

  std::optional<Runtime> first_{Make(/*time=*/true)};
  SleepFuture sleep_ = Sleep(1h);
  PolledTask<decltype(ByRef(sleep_))> task_{ByRef(sleep_)};
};

// behaviour: tokio/tests/time_alt.rs#reset_should_stay_on_same_runtime
TEST_F(MovedSleepTest, BelongsToTheRuntimeThatPollsItAfterTheReset) {
  Runtime second = Make(/*time=*/true);
  {
    const EnterGuard entered = second.Enter();
    sleep_.Reset(Instant::Now() + 10ms);
    EXPECT_THAT(task_.Poll(), IsPending());
  }
  first_.reset();
  EXPECT_FALSE(task_.is_woken()) << "the end of the first runtime is none of its business any more";
  const Instant start = Instant::Now();
  EXPECT_TRUE(second.BlockOn([&] { return Sleep(20ms); }).ok());
  EXPECT_GE(start.Elapsed(), 10ms);
  EXPECT_TRUE(task_.is_woken());
  EXPECT_THAT(task_.Poll(), IsReady());
}

// behaviour: tokio/tests/time_alt.rs#reset_should_stay_on_same_runtime2
TEST_F(MovedSleepTest, CanBeResetWhereThereIsNoTime) {
  {
    Runtime second = Make(/*time=*/false);
    const EnterGuard entered = second.Enter();
    sleep_.Reset(Instant::Now() + 1h);
  }
  {
    const EnterGuard entered = first_->Enter();
    EXPECT_THAT(task_.Poll(), IsPending());
  }
  first_.reset();
  EXPECT_TRUE(task_.is_woken()) << "it waits in the first runtime, which has ended";
}

}  // namespace
}  // namespace kioto::time
