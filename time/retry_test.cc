#include "kioto/time/retry.h"

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/time/testing/paused_clock.h"
#include "kioto/time/timeout.h"

namespace kioto::time {
namespace {

using namespace std::chrono_literals;  // NOLINT

TEST(BackoffTest, DoublesToTheMaximumBetweenHalfAndAll) {
  for (int round = 0; round < 100; ++round) {
    Backoff backoff(100ms, 2s, 8);
    for (auto whole : {100ms, 200ms, 400ms, 800ms, 1600ms, 2000ms, 2000ms}) {
      ASSERT_FALSE(backoff.Spent());
      const std::chrono::nanoseconds wait = backoff.Next();
      EXPECT_GE(wait, whole / 2);
      EXPECT_LE(wait, whole);
    }
    EXPECT_TRUE(backoff.Spent());
    EXPECT_EQ(backoff.attempts_left(), 1);
  }
}

TEST(BackoffTest, TakesAnyNumbers) {
  for (int attempts : {-1, 0, 1}) EXPECT_TRUE(Backoff(1s, 1s, attempts).Spent());
  Backoff longest(std::chrono::hours::max(), std::chrono::hours::max(), 3);
  EXPECT_GE(longest.Next(), std::chrono::nanoseconds::max() / 2);
  EXPECT_GE(longest.Next(), std::chrono::nanoseconds::max() / 2);
  EXPECT_EQ(Backoff(0s, 0s, 3).Next(), 0s);
  EXPECT_EQ(Backoff(-1s, 1s, 3).Next(), 0s);
  EXPECT_EQ(Backoff(1s, -1s, 3).Next(), 0s);
  EXPECT_LE(Backoff(10s, 1s, 3).Next(), 1s);
}

TEST(BackoffTest, ForeverIsNeverSpent) {
  Backoff backoff = Backoff::Forever(100ms, 2s);
  for (int i = 0; i < 100; ++i) {
    ASSERT_FALSE(backoff.Spent());
    EXPECT_EQ(backoff.attempts_left(), std::numeric_limits<int>::max());
    EXPECT_LE(backoff.Next(), 2s);
  }
  EXPECT_GE(backoff.Next(), 1s);
}

TEST(BackoffTest, BeginsAnew) {
  Backoff backoff(100ms, 2s, 4);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(backoff.attempts_left(), 4);
    for (auto whole : {100ms, 200ms, 400ms}) EXPECT_LE(backoff.Next(), whole);
    EXPECT_TRUE(backoff.Spent());
    backoff.Reset();
  }
}

TEST(BackoffTest, IsByChanceAndRepeatsWithTheSeed) {
  uint64_t& random = kioto::internal::CurrentThread().random;
  std::vector<std::chrono::nanoseconds> waits[2];
  for (auto& list : waits) {
    random = 12345;
    for (int i = 0; i < 20; ++i) list.push_back(Backoff(1s, 1s, 2).Next());
  }
  EXPECT_EQ(waits[0], waits[1]);
  EXPECT_NE(waits[0][0], waits[0][1]);
  random = 0;
  (void)Backoff(1s, 1s, 2).Next();
  EXPECT_NE(random, 0u);
}

// What `tries` attempts give that end with `last`, and how many were made.
struct Attempts {
  int made = 0;
  int failures;
  Status failure = absl::UnavailableError("not yet");

  auto Make() {
    return PollFn([this](Context&) -> Poll<StatusOr<std::string>> {
      if (++made <= failures) return StatusOr<std::string>(failure);
      return StatusOr<std::string>("done");
    });
  }
};

TEST(RetryTest, TriesUntilItSucceeds) {
  PausedClock clock;
  Attempts attempts{0, 3};
  StatusOr<std::string> result = clock.runtime().BlockOn(Retry(Backoff(100ms, 2s, 5), [&] { return attempts.Make(); }));
  EXPECT_EQ(result.value(), "done");
  EXPECT_EQ(attempts.made, 4);
  EXPECT_GE(clock.elapsed(), 350ms);
  EXPECT_LE(clock.elapsed(), 703ms);  // each wait is rounded up to the timers' grain
}

TEST(RetryTest, GivesTheLastFailureWhenTheAttemptsAreUsedUp) {
  PausedClock clock;
  Attempts attempts{0, 100};
  EXPECT_TRUE(absl::IsUnavailable(
      clock.runtime().BlockOn(Retry(Backoff(1ms, 2s, 5), [&] { return attempts.Make(); })).status()));
  EXPECT_EQ(attempts.made, 5);
}

TEST(RetryTest, AFailureForGoodIsNotTriedAgain) {
  PausedClock clock;
  for (const Status& status : {absl::NotFoundError("none"), ShutdownError("Spawn")}) {
    Attempts attempts{0, 100, status};
    EXPECT_EQ(clock.runtime().BlockOn(Retry(Backoff(1ms, 2s, 5), [&] { return attempts.Make(); })).status(), status);
    EXPECT_EQ(attempts.made, 1);
  }
  EXPECT_EQ(clock.elapsed(), 0ns);
}

TEST(RetryTest, ThePredicateDecides) {
  PausedClock clock;
  int made = 0;
  const Status status = clock.runtime().BlockOn(Retry(
      Backoff(1ms, 2s, 10),
      [&made] {
        ++made;
        return Timeout(1s, Never<>());
      },
      [&made](const Status& why) { return IsElapsed(why) && made < 4; }));
  EXPECT_TRUE(IsElapsed(status)) << status;
  EXPECT_EQ(made, 4);
}

TEST(RetryTest, TakesFunctionsThatGiveAStatusAtOnce) {
  PausedClock clock;
  int made = 0;
  EXPECT_EQ(clock.runtime().BlockOn(Retry(Backoff(1ms, 2s, 3),
                                          [&made]() -> Status {
                                            return ++made < 3 ? absl::UnavailableError("not yet") : OkStatus();
                                          })),
            OkStatus());
  EXPECT_EQ(made, 3);
}

// The captures of fn live as long as the futures that it returns.
TEST(RetryTest, AnAttemptMayBorrowFromItsFunction) {
  PausedClock clock;
  StatusOr<size_t> size = clock.runtime().BlockOn(Retry(Backoff(1ms, 2s, 3), [text = std::make_unique<std::string>("abc")] {
    return YieldNow().Then([&text]() -> StatusOr<size_t> { return text->size(); });
  }));
  EXPECT_EQ(size.value(), 3u);
}

TEST(RetryTest, AllocatesNothingAndLeavesNothing) {
  PausedClock clock;
  int made = 0;
  const Status not_yet = absl::UnavailableError("not yet");  // copies share it
  PolledTask task(Retry(Backoff(1ms, 1ms, 100), [&made, &not_yet]() -> StatusOr<int> {
    if (++made == 3) return made;
    return not_yet;
  }));
  base::AllocationCounter allocations;
  EXPECT_TRUE(task.Poll().pending());
  clock.Advance(1ms);
  EXPECT_TRUE(task.Poll().pending());
  clock.Advance(1ms);
  EXPECT_EQ((*task.Poll()).value(), 3);
  EXPECT_EQ(made, 3);
  EXPECT_EQ(allocations.count(), 0);
  EXPECT_EQ(clock.timers(), 0u);
}

// check: H1
TEST(RetryTest, DropSuite) {
  PausedClock clock;
  RunDropSuite(
      [](Tracked tracked) {
        return Retry(Backoff(1ms, 1s, 5), [tracked = std::move(tracked)] {
          return PendingTimes(2, Status(absl::UnavailableError("not yet")));
        });
      },
      5, [&clock] { EXPECT_EQ(clock.timers(), 0u); });
}

}  // namespace
}  // namespace kioto::time
