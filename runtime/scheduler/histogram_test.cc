#include "kioto/runtime/scheduler/histogram.h"

#include <chrono>
#include <cstdint>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kioto {
namespace {

using internal::Histogram;
using std::chrono::nanoseconds;

std::vector<uint64_t> Counts(const Histogram& histogram) {
  std::vector<uint64_t> counts;
  for (size_t i = 0; i < histogram.scale().buckets(); ++i) counts.push_back(histogram.count(i));
  return counts;
}

// behaviour: tokio/src/runtime/metrics/histogram.rs#linear_scale_resolution_1
TEST(HistogramTest, LinearOfWidthOne) {
  Histogram histogram(*HistogramScale::Linear(nanoseconds(1), 10));
  for (int64_t value : {0, 1, 2, 3, 4, 9, 20}) histogram.Record(value);
  histogram.Record(INT64_MAX);
  const std::vector<uint64_t> expected = {1, 1, 1, 1, 1, 0, 0, 0, 0, 3};
  EXPECT_EQ(Counts(histogram), expected);
  EXPECT_EQ(Counts(histogram), expected);  // to look changes nothing
}

// behaviour: tokio/src/runtime/metrics/histogram.rs#linear_scale_resolution_100
TEST(HistogramTest, LinearOfWidthAHundred) {
  Histogram histogram(*HistogramScale::Linear(nanoseconds(100), 10));
  for (int64_t value : {0, 50, 100, 101, 200, 299, 222, 300, 888, 4096}) histogram.Record(value);
  const std::vector<uint64_t> expected = {2, 2, 3, 1, 0, 0, 0, 0, 1, 1};
  EXPECT_EQ(Counts(histogram), expected);
  EXPECT_EQ(Counts(histogram), expected);
}

// behaviour: tokio/src/runtime/metrics/histogram.rs#log_scale_resolution_2
TEST(HistogramTest, DoublingFromTwo) {
  Histogram histogram(*HistogramScale::Doubling(nanoseconds(2), 10));
  EXPECT_EQ(histogram.scale().Range(0), (HistogramRange{0, 2}));
  EXPECT_EQ(histogram.scale().Range(1), (HistogramRange{2, 4}));
  EXPECT_EQ(histogram.scale().Range(2), (HistogramRange{4, 8}));
  EXPECT_EQ(histogram.scale().Range(3), (HistogramRange{8, 16}));
  EXPECT_EQ(histogram.scale().Range(9), (HistogramRange{512, UINT64_MAX}));
  for (int64_t value : {0, 1, 2, 3, 4, 5, 6, 7, 8, 100, 128, 4096}) histogram.Record(value);
  const std::vector<uint64_t> expected = {2, 2, 4, 1, 0, 0, 1, 1, 0, 1};
  EXPECT_EQ(Counts(histogram), expected);
  EXPECT_EQ(Counts(histogram), expected);
}

// behaviour: tokio/src/runtime/metrics/histogram.rs#inc_by_more_than_one
TEST(HistogramTest, RecordsManyAtOnce) {
  Histogram histogram(*HistogramScale::Doubling(nanoseconds(2), 10));
  histogram.Record(1, 3);
  histogram.Record(1, 5);
  histogram.Record(2, 2);
  histogram.Record(2, 19);
  for (int look = 0; look < 2; ++look) {
    EXPECT_EQ(histogram.count(0), 8u);
    EXPECT_EQ(histogram.count(1), 21u);
    EXPECT_EQ(histogram.sum_nanos(), 1u * 8 + 2 * 21);
  }
}

// behaviour: tokio/src/runtime/metrics/histogram.rs#test_legacy_builder
TEST(HistogramTest, HasAsManyBucketsAsWereAskedFor) {
  EXPECT_EQ(HistogramScale::Linear(nanoseconds(100'000), 20)->buckets(), 20u);
  EXPECT_EQ(HistogramScale::Doubling(nanoseconds(100'000), 20)->buckets(), 20u);
}

TEST(HistogramTest, ANegativeTimeIsNone) {  // two clocks may disagree
  Histogram histogram(*HistogramScale::Linear(nanoseconds(10), 2));
  histogram.Record(-5);
  EXPECT_EQ(histogram.count(0), 1u);
  EXPECT_EQ(histogram.sum_nanos(), 0u);
}

TEST(HistogramScaleTest, RefusesWhatIsNone) {
  EXPECT_EQ(HistogramScale::Linear(nanoseconds(0), 10).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(HistogramScale::Linear(nanoseconds(1), 0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(HistogramScale::Doubling(nanoseconds(1), 65).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(HistogramScale::Doubling(nanoseconds(1), 64)->Range(63).start, uint64_t{1} << 62);
}

}  // namespace
}  // namespace kioto
