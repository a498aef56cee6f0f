#include "kioto/runtime/testing/kioto_test.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

}  // namespace

void RunTest(const Options& options, absl::FunctionRef<TestFuture()> body, base::SourceLocation place) {
  StatusOr<Runtime> runtime = MakeRuntime(options);
  if (!runtime.ok()) {
    ADD_FAILURE_AT(place.file(), place.line()) << "the runtime of the test could not be built: " << runtime.status();
    return;
  }
  Watchdog watchdog(NameOfThisTest(), options.time_limit, runtime->handle());
  const Status status = runtime->BlockOn(watchdog.Guard(Lazy([body] { return body().Take(); })));
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
}

}  // namespace kioto::test::internal
