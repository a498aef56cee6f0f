#include "kioto/runtime/testing/kioto_test.h"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/testing/runtime.h"
#include "kioto/runtime/testing/watchdog.h"
#include "kioto/time/instant.h"
#include "kioto/time/pause.h"
#include "kioto/time/sleep.h"

#if KIOTO_EXCEPTIONS
#include <stdexcept>
#endif

namespace kioto::test {
namespace {

using namespace std::chrono_literals;  // NOLINT

void RunIn(const Options& options, absl::FunctionRef<TestFuture()> body) {
  internal::RunTest(options, body, base::SourceLocation::Current());
}

KIOTO_TEST(KiotoTest, RunsAFuture) {
  return Spawn(Ready(2)).AndThen([](int& two) { EXPECT_EQ(two, 2); });
}

KIOTO_TEST(KiotoTest, MayReturnAnOutputOfAnyKind) {
  if (time::IsPaused()) return Ready(std::string("a value"));
  if (::testing::UnitTest::GetInstance() == nullptr) return Sleep(1s);
  return OkStatus();
}

KIOTO_TEST(KiotoTest, StartsPausedOnRequest, Paused()) {
  EXPECT_TRUE(time::IsPaused());
  return With(time::Instant::Now(),
              [](time::Instant& start) { return Sleep(24h).Then([&](Unit&) { EXPECT_EQ(start.Elapsed(), 24h); }); });
}

KIOTO_TEST(KiotoTest, RunsOnAPoolOnRequest, MultiThread(4)) {
  const std::thread::id here = std::this_thread::get_id();
  return Spawn(Lazy([here] { return std::this_thread::get_id() == here; })).AndThen([](bool& same) {
    EXPECT_FALSE(same);
  });
}

// behaviour: tokio/tests/macros_test.rs#test_macro_should_handle_the_name_if_provided
KIOTO_TEST(KiotoTest, NamesItsRuntimeOnRequest, CurrentThread().Name("of the test")) {
  EXPECT_EQ(Handle::Current()->name(), "of the test");
  return Spawn(Lazy([] { EXPECT_EQ(Handle::Current()->name(), "of the test"); }));
}

class KiotoTestFixture : public ::testing::Test {
 protected:
  void SetUp() override { set_up_ = true; }
  bool set_up_ = false;
};

KIOTO_TEST_F(KiotoTestFixture, SeesTheFixture, Paused()) {
  return Sleep(1h).Then([this](Unit&) { EXPECT_TRUE(set_up_); });
}

TEST_F(KiotoTestFixture, MixesWithPlainTests) { EXPECT_TRUE(set_up_); }

TEST(KiotoTestFailure, ABadStatusFails) {
  EXPECT_NONFATAL_FAILURE(RunIn(Options(), [] { return Ready(absl::NotFoundError("no such thing")); }),
                          "no such thing");
  EXPECT_NONFATAL_FAILURE(RunIn(Options(), []() -> TestFuture { return absl::NotFoundError("nowhere"); }), "nowhere");
  EXPECT_NONFATAL_FAILURE(RunIn(Options(), [] { return Ready(StatusOr<int>(absl::NotFoundError("neither"))); }),
                          "neither");
}

// Trusts that of three tasks the one that was spawned last does not run first of all: true in the order of waking.
TestFuture CountsOnTheOrder() {
  return With(0, 0, [](int& ran, int& place_of_last) {
    std::vector<JoinHandle<Unit>> tasks;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(Spawn(Lazy([&ran, &place_of_last, i] {
        ++ran;
        if (i == 2) place_of_last = ran;
      })));
    }
    return JoinAll(std::move(tasks)).Then([&place_of_last](auto&) {
      return place_of_last == 1 ? absl::InternalError("the last ran first") : OkStatus();
    });
  });
}

class SeedOfEnvironment {
 public:
  explicit SeedOfEnvironment(const std::string& seed) { setenv("KIOTO_SEED", seed.c_str(), 1); }
  ~SeedOfEnvironment() { unsetenv("KIOTO_SEED"); }
};

// The seed that a shuffled test fails with is in its message, and makes it fail at once.
TEST(KiotoTestFailure, ABadOrderIsFoundAndRepeated) {
  RunIn(Paused(), CountsOnTheOrder);
  testing::TestPartResultArray failures;
  {
    testing::ScopedFakeTestPartResultReporter reporter(&failures);
    RunIn(Shuffled(64), CountsOnTheOrder);
  }
  ASSERT_EQ(failures.size(), 1);
  const std::string message = failures.GetTestPartResult(0).message();
  EXPECT_NE(message.find("the last ran first"), std::string::npos);
  const size_t at = message.find("KIOTO_SEED=");
  ASSERT_NE(at, std::string::npos);
  const SeedOfEnvironment seed(std::to_string(std::atoi(message.c_str() + at + 11)));
  EXPECT_NONFATAL_FAILURE(RunIn(Shuffled(), CountsOnTheOrder), "KIOTO_SEED=");
}

TEST(KiotoTestSeed, IsForTestsThatAskForChance) {
  const SeedOfEnvironment seed("77");
  const auto draw = [](const Options& options) {
    uint32_t drawn = 0;
    RunIn(options, [&drawn] {
      return PollFn([&drawn](Context& cx) -> Poll<Unit> {
        drawn = cx.Random(1 << 30);
        return Unit{};
      });
    });
    return drawn;
  };
  EXPECT_EQ(draw(Options().Seed(0)), draw(Options().Seed(77)));
  EXPECT_NE(draw(Options().Seed(5)), draw(Options().Seed(77)));
}

KIOTO_TEST(KiotoTestSeed, RunsTheTestInManyOrders, Shuffled(8)) {
  EXPECT_TRUE(time::IsPaused());
  static int runs = 0;
  return YieldNow().Then([](Unit&) { EXPECT_LE(++runs, 8); });
}

#if KIOTO_EXCEPTIONS
TEST(KiotoTestFailure, AThrowFails) {
  EXPECT_NONFATAL_FAILURE(
      RunIn(Options(), [] { return Lazy([]() -> Status { throw std::runtime_error("thrown away"); }); }),
      "thrown away");
}
#endif

TEST(KiotoTestFailure, ARefusedRuntimeFails) {
  EXPECT_NONFATAL_FAILURE(RunIn(MultiThread(100'000), [] { return Ready(); }), "could not be built");
}

// One that waits for nothing, on each flavour; the clock that stands still does not keep the watchdog from seeing it.
TEST(KiotoTestFailure, WhatNeverEndsFailsWithAReport) {
  for (const Options& options : {CurrentThread(), Paused(), MultiThread(2)}) {
    EXPECT_NONFATAL_FAILURE(RunIn(options.TimeLimit(1s),
                                  [] {
                                    Spawn(Never(), TaskOptions{"the one that stays"}).Detach();
                                    return Never();
                                  }),
                            "\"the one that stays\", spawned at ");
  }
}

TEST(KiotoTestFailure, TheReportShowsWhatTheTestItselfWaitsFor) {
  for (const Options& options : {CurrentThread(), Paused(), MultiThread(2)}) {
    EXPECT_NONFATAL_FAILURE(RunIn(options.TimeLimit(1s),
                                  [] { return Select(Case(Never().Named("the first")), Case(Never().Named("the second"))); }),
                            ": waiting\n  Select\n    \"the first\"\n      Never\n    \"the second\"");
  }
}

TEST(KiotoTestFailure, WhatSpinsForEverFailsToo) {
  EXPECT_NONFATAL_FAILURE(RunIn(Options().TimeLimit(1s), [] { return Loop([] { return YieldNow(); }); }),
                          "did not end in time");
}

TEST(KiotoTestFailure, ABlockingJobThatStaysIsReported) {
  struct Flags {
    base::Atomic<bool> started{false};
    base::Atomic<bool> stop{false};
  };
  const auto flags = std::make_shared<Flags>();  // the job outlives its runtime
  EXPECT_NONFATAL_FAILURE(RunIn(Options().TimeLimit(5s),
                                [&flags] {
                                  SpawnBlocking([flags] {
                                    flags->started.store(true);
                                    while (!flags->stop.load()) std::this_thread::yield();
                                  }).Detach();
                                  return Loop([&flags] {
                                    return YieldNow().Then([&flags](Unit&) {
                                      return flags->started.load() ? Flow<>(Break()) : Flow<>(Continue());
                                    });
                                  });
                                }),
                          "1 blocking jobs");
  flags->stop.store(true);
  while (flags.use_count() > 1) std::this_thread::yield();
}

// A thread that is stuck in a poll can not be told to fail: the program ends, saying where it is stuck.
TEST(KiotoTestDeathTest, AStuckPollEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        StatusOr<Runtime> runtime = MakeRuntime(Options());
        Watchdog watchdog("Suite.Name", 500ms, runtime->handle(), /*grace=*/10ms);  // not before the poll
        base::Atomic<bool> stop{false};
        (void)runtime->BlockOn(watchdog.Guard(Lazy([&stop] {
          while (!stop.load()) std::this_thread::yield();
          return OkStatus();
        })));
      },
      "Suite.Name did not end within 500ms");
}

// behaviour: tokio-test/tests/block_on.rs#async_block
TEST(BlockOnTest, GivesAValue) { EXPECT_EQ(*BlockOn(Ready(4)), 4); }

// behaviour: tokio-test/tests/block_on.rs#async_fn
TEST(BlockOnTest, GivesWhatTheFutureOfAFunctionGives) {
  const auto five = [] { return YieldNow().Then([](Unit&) { return 5; }); };
  EXPECT_EQ(*BlockOn(five), 5);
  EXPECT_EQ(*BlockOn(five()), 5);
}

// behaviour: tokio-test/tests/block_on.rs#test_sleep
TEST(BlockOnTest, HasAClock) {
  const time::Instant start = time::Instant::Now();
  EXPECT_TRUE(BlockOn([] { return SleepUntil(time::Instant::Now() + 100ms); }).ok());
  EXPECT_GE(start.Elapsed(), 100ms);
  EXPECT_TRUE(BlockOn(Sleep(24h), Paused()).ok());
}

}  // namespace
}  // namespace kioto::test
