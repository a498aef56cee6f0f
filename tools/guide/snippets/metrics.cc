// The snippets of tools/guide/metrics.md, compiled and run.
#include <chrono>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/h2_histogram.h"
#include "kioto/runtime/scheduler/metrics.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

// [region ask]
bool LooksStuck(const RuntimeMetrics& metrics) {
  if (metrics.global_queue_depth() == 0) return false;
  for (size_t i = 0; i < metrics.workers(); ++i) {
    if (metrics.worker(i).park_unparks % 2 == 1) return false;  // a worker that is parked could take what waits
  }
  return true;
}
// [end ask]

// [region page]
std::string MetricsPage() {
  StatusOr<Handle> runtime = Handle::Current();  // or keep a RuntimeMetrics: it may outlive the runtime
  return runtime.ok() ? runtime->metrics().ToPrometheus() : "";
}
// [end page]

// [region histograms]
StatusOr<Runtime> Measured() {
  return RuntimeBuilder::MultiThread()
      .WorkerThreads(4)
      .MeasurePollTimes()  // one poll of 16
      .PollTimeScale(H2Histogram().MinValue(1us).MaxValue(1s).MaxError(0.25).Build())
      .MeasureScheduleLatency()
      .ScheduleLatencyScale(HistogramScale::Linear(1ms, 20))
      .Build();
}
// [end histograms]

TEST(MetricsSnippetsTest, AnIdleRuntimeIsNotStuck) {
  StatusOr<Runtime> runtime = Measured();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  EXPECT_FALSE(LooksStuck(runtime->metrics()));
  const StatusOr<std::string> page = runtime->BlockOn([] { return MetricsPage(); });
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(*page, HasSubstr("kioto_workers 4\n"));
  EXPECT_THAT(*page, HasSubstr("# TYPE kioto_poll_seconds histogram\n"));
}

}  // namespace
}  // namespace kioto
