// RuntimeMetrics: how long polls take, and how long tasks wait for them.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/h2_histogram.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/tests/conformance/metrics_testing.h"

namespace kioto {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;  // NOLINT

constexpr uint64_t kMax = UINT64_MAX;

// Spawns and joins so many tasks, one after the other, each of one poll.
auto Tasks(int count) {
  return Loop([left = count]() mutable {
    return If(left-- == 0, Break, [] { return Spawn(Lazy([] {})).Then([](auto&) { return Continue(); }); });
  });
}

uint64_t CountAll(const RuntimeMetrics& metrics, HistogramMetrics (RuntimeMetrics::*histogram)(size_t) const) {
  uint64_t sum = 0;
  for (size_t i = 0; i < metrics.workers(); ++i) sum += (metrics.*histogram)(i).count();
  return sum;
}

// A knob more, on the current thread (0) or on workers.
template <class Knob>
Runtime Measuring(int workers, Knob knob) {
  RuntimeBuilder builder = workers == 0 ? RuntimeBuilder::CurrentThread() : RuntimeBuilder::MultiThread();
  if (workers > 0) builder.WorkerThreads(workers);
  knob(builder);
  return Built(builder);
}

// --- Poll times ------------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_unstable_metrics.rs#log_histogram
TEST(PollTimesTest, OnAScaleOfABoundedError) {
  std::optional<Runtime> runtime = Measuring(0, [](RuntimeBuilder& builder) {
    builder.MeasurePollTimes(1).PollTimeScale(H2Histogram().MaxValue(60s).MinValue(100ns).MaxError(0.25).Build());
  });
  const RuntimeMetrics metrics = runtime->metrics();
  Finish(*runtime, Tasks(50));
  runtime.reset();
  const std::vector<HistogramBucket> buckets = metrics.poll_times(0).buckets;
  ASSERT_EQ(buckets.size(), 119u);
  EXPECT_EQ(buckets[0].range, (HistogramRange{0, 96}));
  EXPECT_EQ(buckets[1].range, (HistogramRange{96, 112}));
  EXPECT_EQ(buckets[118].range.end, kMax);
  EXPECT_EQ(metrics.poll_times(0).count(), 50u);
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#minimal_log_histogram
TEST(PollTimesTest, OnAScaleThatDoublesWithin) {
  const Runtime runtime = Measuring(0, [](RuntimeBuilder& builder) {
    builder.MeasurePollTimes(1).PollTimeScale(H2Histogram().MaxValue(4ms).MinValue(20us).Precision(0).Build());
  });
  const std::vector<HistogramBucket> buckets = runtime.metrics().poll_times(0).buckets;
  ASSERT_EQ(buckets.size(), 10u);
  for (size_t i = 1; i < 9; ++i) EXPECT_EQ(buckets[i].range.end - buckets[i].range.start, uint64_t{16384} << (i - 1)) << i;
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#log_histogram_default_configuration
TEST(PollTimesTest, OnTheDefaultScale) {
  const Runtime runtime = Measuring(0, [](RuntimeBuilder& builder) { builder.MeasurePollTimes(); });
  EXPECT_EQ(runtime.metrics().poll_times(0).buckets.size(), 119u);
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#worker_poll_count_histogram
TEST(PollTimesTest, CountEachPollIfAsked) {
  for (int workers : {0, 2}) {
    std::optional<Runtime> runtime = Measuring(workers, [](RuntimeBuilder& builder) {
      builder.MeasurePollTimes(1).PollTimeScale(HistogramScale::Linear(50ms, 3));
    });
    const RuntimeMetrics metrics = runtime->metrics();
    Finish(*runtime, Tasks(5));
    runtime.reset();
    EXPECT_EQ(metrics.poll_times(0).buckets.size(), 3u);
    EXPECT_EQ(CountAll(metrics, &RuntimeMetrics::poll_times), 5u);
  }
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#worker_poll_count_histogram_range
TEST(PollTimesTest, HaveTheRangesThatWereAskedFor) {
  const Runtime linear = Measuring(0, [](RuntimeBuilder& builder) {
    builder.MeasurePollTimes(1).PollTimeScale(HistogramScale::Linear(50us, 3));
  });
  std::vector<HistogramBucket> buckets = linear.metrics().poll_times(0).buckets;
  ASSERT_EQ(buckets.size(), 3u);
  EXPECT_EQ(buckets[0].range, (HistogramRange{0, 50'000}));
  EXPECT_EQ(buckets[1].range, (HistogramRange{50'000, 100'000}));
  EXPECT_EQ(buckets[2].range, (HistogramRange{100'000, kMax}));
  const Runtime doubling = Measuring(0, [](RuntimeBuilder& builder) {
    builder.MeasurePollTimes(1).PollTimeScale(HistogramScale::Doubling(50us, 3));
  });
  buckets = doubling.metrics().poll_times(0).buckets;
  ASSERT_EQ(buckets.size(), 3u);
  EXPECT_EQ(buckets[0].range, (HistogramRange{0, 65536}));
  EXPECT_EQ(buckets[1].range, (HistogramRange{65536, 131072}));
  EXPECT_EQ(buckets[2].range, (HistogramRange{131072, kMax}));
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#worker_poll_count_histogram_disabled_without_explicit_enable
TEST(PollTimesTest, AScaleAloneMeasuresNothing) {
  for (int workers : {0, 2}) {
    const Runtime runtime =
        Measuring(workers, [](RuntimeBuilder& builder) { builder.PollTimeScale(HistogramScale::Linear(50ms, 3)); });
    Finish(runtime, Tasks(5));
    EXPECT_FALSE(runtime.metrics().poll_times(0).enabled());
    EXPECT_EQ(CountAll(runtime.metrics(), &RuntimeMetrics::poll_times), 0u);
  }
}

TEST(PollTimesTest, OneOfSoManyPollsIsTimed) {
  std::optional<Runtime> runtime = Measuring(1, [](RuntimeBuilder& builder) { builder.MeasurePollTimes(16); });
  const RuntimeMetrics metrics = runtime->metrics();
  Finish(*runtime, runtime->Spawn(Yields(16'000)));
  runtime.reset();
  const uint64_t timed = metrics.poll_times(0).count();
  EXPECT_GT(timed, 900u);
  EXPECT_LT(timed, 1100u);
}

// A clock that each poll of a task here moves on by what it says.
int64_t now_ns = 1'000'000;
int64_t Now() { return now_ns; }

TEST(PollTimesTest, AreWhatTheClockSays) {
  const base::ScopedClockForTest clock(&Now);
  std::optional<Runtime> runtime = Measuring(0, [](RuntimeBuilder& builder) {
    builder.MeasurePollTimes(1).PollTimeScale(HistogramScale::Linear(100ns, 10)).WithoutTime();
  });
  const RuntimeMetrics metrics = runtime->metrics();
  for (int64_t takes : {50, 150, 150, 5000}) Finish(*runtime, runtime->Spawn(Lazy([takes] { now_ns += takes; })));
  runtime.reset();
  const HistogramMetrics times = metrics.poll_times(0);
  EXPECT_EQ(times.buckets[0].count, 1u);
  EXPECT_EQ(times.buckets[1].count, 2u);
  EXPECT_EQ(times.buckets[9].count, 1u);
  EXPECT_EQ(times.sum, 5350ns);
}

TEST(PollTimesTest, ABadScaleIsNamedByBuild) {
  RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
  const Status status = builder.PollTimeScale(HistogramScale::Linear(0ns, 3)).Build().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("HistogramScale::Linear"));
}

// --- Schedule latency --------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_unstable_metrics.rs#schedule_latency_counts
TEST(ScheduleLatencyTest, CountsEachSchedule) {
  for (int workers : {0, 2}) {
    std::optional<Runtime> runtime = Measuring(workers, [](RuntimeBuilder& builder) {
      builder.MeasureScheduleLatency().ScheduleLatencyScale(HistogramScale::Linear(50ms, 3));
    });
    const RuntimeMetrics metrics = runtime->metrics();
    Finish(*runtime, Tasks(50));
    runtime.reset();
    EXPECT_EQ(metrics.schedule_latencies(0).buckets.size(), 3u);
    EXPECT_EQ(CountAll(metrics, &RuntimeMetrics::schedule_latencies), 50u);
  }
}

// behaviour: tokio/tests/rt_unstable_metrics.rs#schedule_latency_lifo_polls_are_recorded_individually
TEST(ScheduleLatencyTest, CountsWhatTheSlotKeptWaiting) {
  std::optional<Runtime> runtime = Measuring(1, [](RuntimeBuilder& builder) {
    builder.MeasureScheduleLatency().ScheduleLatencyScale(HistogramScale::Linear(10ms, 3)).MeasurePollTimes(1);
    builder.WithoutMonitor();  // which would report the long poll
  });
  const RuntimeMetrics metrics = runtime->metrics();
  Finish(*runtime, runtime->Spawn(Lazy([] {
    Spawn(Lazy([] {})).Detach();
    SpinFor(50ms);
  })));
  AwaitThat([&] { return metrics.alive_tasks() == 0; });
  runtime.reset();
  const HistogramMetrics latencies = metrics.schedule_latencies(0);
  EXPECT_EQ(latencies.count(), 2u);
  EXPECT_GE(latencies.buckets.back().count, 1u);
  EXPECT_EQ(metrics.worker(0).polls, 2u);  // each of the two is a poll of its own
  EXPECT_EQ(metrics.poll_times(0).count(), 2u);
}

TEST(ScheduleLatencyTest, CountsYieldsAndWakes) {
  for (int workers : {0, 1}) {
    std::optional<Runtime> runtime = Measuring(workers, [](RuntimeBuilder& builder) { builder.MeasureScheduleLatency(); });
    const RuntimeMetrics metrics = runtime->metrics();
    Finish(*runtime, runtime->Spawn(Yields(10), {"named"}));
    runtime.reset();
    EXPECT_EQ(metrics.schedule_latencies(0).count(), 11u);
    EXPECT_FALSE(metrics.poll_times(0).enabled());
  }
}

}  // namespace
}  // namespace kioto
