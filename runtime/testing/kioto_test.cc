#include "kioto/runtime/testing/kioto_test.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/future/lazy.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/testing/runtime.h"
#include "kioto/runtime/testing/watchdog.h"

namespace kioto::test::internal {
namespace {

// A runtime with nothing left to do ends at once; a blocking job, or a poll, may hold it up.
constexpr std::chrono::nanoseconds kShutdownLimit = std::chrono::seconds(5);

std::string NameOfThisTest() {
  const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
  return test == nullptr ? "this test" : absl::StrCat(test->test_suite_name(), ".", test->name());
}

std::string TextOf(const ShutdownReport& report) {
  return absl::StrCat(report.live_tasks, " tasks, ", report.running_blocking_jobs, " blocking jobs, ", report.stuck_workers,
                      " stuck workers\n", absl::StrJoin(report.stuck, "\n"));
}

// Whether it went well, but for what EXPECT_… in the body has to say.
bool RunOnce(const Options& options, absl::FunctionRef<TestFuture()> body, base::SourceLocation place) {
  StatusOr<Runtime> runtime = MakeRuntime(options);
  if (!runtime.ok()) {
    ADD_FAILURE_AT(place.file(), place.line()) << "the runtime of the test could not be built: " << runtime.status();
    return false;
  }
  Watchdog watchdog(NameOfThisTest(), options.time_limit, runtime->handle());
  const Status status = runtime->BlockOn(watchdog.Guard(Lazy([body] { return body().Take(); })), place);
  const ShutdownReport left = runtime->Shutdown(std::min(kShutdownLimit, options.time_limit));
  watchdog.Stop();
  if (!watchdog.report().empty()) {
    ADD_FAILURE_AT(place.file(), place.line()) << "the test did not end in time; what was left:\n" << watchdog.report();
  } else if (!status.ok()) {
    ADD_FAILURE_AT(place.file(), place.line()) << "the test's future gave " << status;
  }
  if (!left.clean()) {
    ADD_FAILURE_AT(place.file(), place.line()) << "the test's runtime could not be shut down; what was left: " << TextOf(left);
  }
  return status.ok() && left.clean();
}

// Of this test, so far.
int CountFailures() {
  const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
  int failures = 0;
  for (int i = 0; test != nullptr && i < test->result()->total_part_count(); ++i) {
    failures += test->result()->GetTestPartResult(i).failed();
  }
  return failures;
}

// KIOTO_SEED, if it is a number above 0.
std::optional<uint64_t> SeedOfEnvironment() {
  const char* text = std::getenv("KIOTO_SEED");
  uint64_t seed = 0;
  if (text == nullptr || !absl::SimpleAtoi(text, &seed) || seed == 0) return std::nullopt;
  return seed;
}

}  // namespace

void RunTest(const Options& options, absl::FunctionRef<TestFuture()> body, base::SourceLocation place) {
  // The seed is for tests that ask for chance; others do the same each time, whatever the environment says.
  if (options.shuffled == 0 && options.seed != 0) {
    (void)RunOnce(options, body, place);
    return;
  }
  const std::optional<uint64_t> given = SeedOfEnvironment();
  const uint64_t first = given ? *given : options.seed != 0 ? options.seed : base::NextSeed();
  const int runs = given ? 1 : std::max(1, options.shuffled);
  const int failures = CountFailures();
  for (int run = 0; run < runs && CountFailures() == failures; ++run) {
    const uint64_t seed = first + static_cast<uint64_t>(run);
    const ::testing::ScopedTrace hint(place.file(), place.line(), absl::StrCat("KIOTO_SEED=", seed, " repeats this run"));
    if (!RunOnce(options.Seed(seed), body, place)) return;
  }
}

}  // namespace kioto::test::internal
