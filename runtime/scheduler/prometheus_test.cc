// RuntimeMetrics::ToPrometheus, read as Prometheus reads it.
#include <chrono>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/lazy.h"
#include "kioto/runtime/future/yield_now.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace {

using testing::Contains;
using testing::Key;
using testing::Not;

template <class F>
void Finish(const Runtime& runtime, F&& f) {
  EXPECT_TRUE(runtime.BlockOn(std::forward<F>(f)).ok());
}

struct Page {
  std::map<std::string, std::string> types;  // by name
  std::map<std::string, double> samples;     // by name and labels, as written
};

// The name that HELP and TYPE have for a sample of a histogram, or of anything else.
std::string FamilyOf(const Page& page, absl::string_view sample) {
  const std::string name(sample.substr(0, sample.find('{')));
  for (absl::string_view suffix : {"_bucket", "_sum", "_count"}) {
    absl::string_view family = name;
    if (!absl::ConsumeSuffix(&family, suffix)) continue;
    auto type = page.types.find(std::string(family));
    if (type != page.types.end() && type->second == "histogram") return type->first;
  }
  return name;
}

// Checks the form on the way: each sample comes after its HELP and TYPE, none twice.
Page Parse(const std::string& text) {
  Page page;
  EXPECT_EQ(text.back(), '\n');
  std::string helped;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty()) continue;
    if (absl::ConsumePrefix(&line, "# HELP ")) {
      helped = std::string(line.substr(0, line.find(' ')));
      EXPECT_GT(line.size(), helped.size() + 1) << line;
    } else if (absl::ConsumePrefix(&line, "# TYPE ")) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      EXPECT_EQ(words.size(), 2u) << line;
      EXPECT_EQ(words[0], helped);
      EXPECT_TRUE(page.types.emplace(words[0], words[1]).second) << line;
    } else {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      double value = -1;
      EXPECT_TRUE(words.size() == 2 && absl::SimpleAtod(words[1], &value)) << line;
      EXPECT_TRUE(page.samples.emplace(words[0], value).second) << line;
      EXPECT_EQ(FamilyOf(page, words[0]), helped) << line;
    }
  }
  return page;
}

TEST(PrometheusTest, TellsWhatTheMetricsTell) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  std::optional<Runtime> runtime = *builder.WorkerThreads(2).Build();
  const RuntimeMetrics metrics = runtime->metrics();
  for (int i = 0; i < 3; ++i) Finish(*runtime, runtime->Spawn(YieldNow()));
  runtime.reset();
  const Page page = Parse(metrics.ToPrometheus());
  EXPECT_EQ(page.samples.at("kioto_workers"), 2);
  EXPECT_EQ(page.samples.at("kioto_alive_tasks"), 0);
  EXPECT_EQ(page.samples.at("kioto_spawned_tasks_total"), 3);
  EXPECT_EQ(page.samples.at("kioto_remote_schedules_total"), 3);
  EXPECT_EQ(page.samples.at("kioto_worker_polls_total{worker=\"0\"}") + page.samples.at("kioto_worker_polls_total{worker=\"1\"}"), 6);
  EXPECT_EQ(page.samples.at("kioto_worker_parks_total{worker=\"1\"}"), static_cast<double>(metrics.worker(1).parks));
  EXPECT_GT(page.samples.at("kioto_worker_busy_seconds_total{worker=\"0\"}"), 0);
  EXPECT_EQ(page.types.at("kioto_workers"), "gauge");
  EXPECT_EQ(page.types.at("kioto_spawned_tasks_total"), "counter");
}

// Counters end in _total, nothing else does; every name is known to the guide's list.
TEST(PrometheusTest, NamesAndTypesGoTogether) {
  const Page page = Parse(Runtime::CurrentThread()->metrics().ToPrometheus());
  EXPECT_EQ(page.types.size(), 23u);
  for (const auto& [name, type] : page.types) {
    EXPECT_EQ(name.rfind("kioto_", 0), 0u) << name;
    absl::string_view stem = name;
    EXPECT_EQ(absl::ConsumeSuffix(&stem, "_total"), type == "counter") << name;
  }
}

TEST(PrometheusTest, AHistogramIsCumulative) {
  RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
  builder.MeasurePollTimes(1).PollTimeScale(HistogramScale::Linear(std::chrono::hours(1), 3));
  std::optional<Runtime> runtime = *builder.Build();
  const RuntimeMetrics metrics = runtime->metrics();
  for (int i = 0; i < 4; ++i) Finish(*runtime, runtime->Spawn(Lazy([] {})));
  runtime.reset();
  const Page page = Parse(metrics.ToPrometheus());
  EXPECT_EQ(page.types.at("kioto_poll_seconds"), "histogram");
  EXPECT_EQ(page.samples.at("kioto_poll_seconds_bucket{worker=\"0\",le=\"3600\"}"), 4);
  EXPECT_EQ(page.samples.at("kioto_poll_seconds_bucket{worker=\"0\",le=\"+Inf\"}"), 4);
  EXPECT_EQ(page.samples.at("kioto_poll_seconds_count{worker=\"0\"}"), 4);
  EXPECT_GT(page.samples.at("kioto_poll_seconds_sum{worker=\"0\"}"), 0);
  EXPECT_THAT(page.types, Not(Contains(Key("kioto_schedule_latency_seconds"))));  // it is off
}

// The empty ones, too: so their sum by `le` is right.
TEST(PrometheusTest, EveryWorkerHasEveryBucket) {
  constexpr size_t kBuckets = 100;
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  builder.WorkerThreads(2).MeasurePollTimes(1).PollTimeScale(HistogramScale::Linear(std::chrono::hours(1), kBuckets));
  std::optional<Runtime> runtime = *builder.Build();
  const RuntimeMetrics metrics = runtime->metrics();
  Finish(*runtime, runtime->Spawn(Lazy([] {})));
  runtime.reset();
  const Page page = Parse(metrics.ToPrometheus());
  std::map<std::string, double> sums;  // by bound
  for (const auto& [sample, value] : page.samples) {
    if (sample.rfind("kioto_poll_seconds_bucket", 0) == 0) sums[sample.substr(sample.find("le="))] += value;
  }
  EXPECT_EQ(sums.size(), kBuckets);
  EXPECT_EQ(sums.at("le=\"3600\"}"), 1);
  EXPECT_EQ(sums.at("le=\"+Inf\"}"), 1);
  for (const char* worker : {"0", "1"}) {
    EXPECT_THAT(page.samples, Contains(Key(absl::StrCat("kioto_poll_seconds_bucket{worker=\"", worker, "\",le=\"356400\"}"))));
  }
}

TEST(PrometheusTest, ANameIsALabelOfEverySample) {
  RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
  const Page page = Parse(builder.Name("\"a\\b\"\n").MeasurePollTimes().Build()->metrics().ToPrometheus());
  const std::string label = "{runtime=\"\\\"a\\\\b\\\"\\n\"";
  EXPECT_EQ(page.samples.at("kioto_workers" + label + "}"), 1);
  EXPECT_EQ(page.samples.at("kioto_worker_polls_total" + label + ",worker=\"0\"}"), 0);
  for (const auto& [sample, value] : page.samples) EXPECT_NE(sample.find(label), sample.npos) << sample << " " << value;
}

}  // namespace
}  // namespace kioto
