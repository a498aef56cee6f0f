#include "kioto/runtime/scheduler/h2_histogram.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/scheduler/histogram.h"

namespace kioto {
namespace {

using internal::H2Buckets;
using testing::HasSubstr;
using namespace std::chrono_literals;  // NOLINT

constexpr uint64_t kMax = UINT64_MAX;

// All that are below 2^`bits`, but for the first few.
H2Buckets Covering(int bits, int precision, size_t offset) {
  return {(static_cast<size_t>(bits - precision + 1) << precision) - offset, precision, offset};
}

// behaviour: tokio/src/runtime/metrics/histogram/h2_histogram.rs#bucket_ranges_are_correct
TEST(H2BucketsTest, TheFirstTwoGroupsAreExactAndTheNextIsOfWidthTwo) {
  const H2Buckets buckets{1024, 2, 0};
  for (uint64_t value = 0; value < 8; ++value) EXPECT_EQ(buckets.BucketOf(value), value);
  for (uint64_t value = 8; value < 16; ++value) EXPECT_EQ(buckets.BucketOf(value), 8 + (value - 8) / 2);
}

// behaviour: tokio/src/runtime/metrics/histogram/h2_histogram.rs#bucket_computation_spot_check
TEST(H2BucketsTest, PutsKnownValuesIntoKnownBuckets) {
  const H2Buckets buckets{4096, 9, 0};
  EXPECT_EQ(buckets.BucketOf(1), 1u);
  EXPECT_EQ(buckets.BucketOf(1023), 1023u);
  EXPECT_EQ(buckets.BucketOf(1024), 1024u);
  EXPECT_EQ(buckets.BucketOf(2048), 1536u);
  EXPECT_EQ(buckets.BucketOf(2052), 1537u);
}

// behaviour: tokio/src/runtime/metrics/histogram/h2_histogram.rs#last_bucket_goes_to_infinity
TEST(H2BucketsTest, TheLastOneTakesAllThatIsLonger) {
  const H2Buckets buckets = Covering(16, 3, 10);
  EXPECT_EQ(buckets.Range(buckets.count - 1).end, kMax);
  EXPECT_EQ(buckets.BucketOf(kMax), buckets.count - 1);
}

// behaviour: tokio/src/runtime/metrics/histogram/h2_histogram.rs#bucket_offset
TEST(H2BucketsTest, WhatIsShortSharesTheFirstOne) {
  const H2Buckets buckets = Covering(16, 3, 10);
  for (uint64_t value = 0; value <= 10; ++value) EXPECT_EQ(buckets.BucketOf(value), 0u) << value;
  EXPECT_EQ(buckets.BucketOf(16), 6u);
  EXPECT_EQ(buckets.BucketOf(17), 6u);
  EXPECT_EQ(buckets.Range(6), (HistogramRange{16, 18}));
}

// behaviour: tokio/src/runtime/metrics/histogram/h2_histogram.rs#proptest_log_histogram_invariants
TEST(H2BucketsTest, WhateverTheyAreTheyCoverAllValuesWithinTheError) {
  std::mt19937_64 random(17);  // NOLINT: the same histograms every time
  for (int round = 0; round < 200; ++round) {
    const int bits = 1 + static_cast<int>(random() % 50);
    const int precision = std::min(bits, static_cast<int>(random() % 11));
    const size_t most = Covering(bits, precision, 0).count;
    const H2Buckets buckets = Covering(bits, precision, std::min<size_t>(random() % 100, most - 1));
    uint64_t end = 0;
    uint64_t width = 0;
    for (size_t i = 0; i < buckets.count; ++i) {
      const HistogramRange range = buckets.Range(i);
      const bool middle = i > 0 && i < buckets.count - 1;
      ASSERT_EQ(range.start, end) << i;
      ASSERT_LT(range.start, range.end) << i;
      const uint64_t its = range.end - range.start;
      if (middle) {
        ASSERT_EQ(its & (its - 1), 0u) << its;
        ASSERT_LE((static_cast<double>(its) - 1) / 2 / static_cast<double>(range.start), std::ldexp(1.0, -precision)) << i;
      }
      if (i > 1) {
        ASSERT_GE(its, width) << i;
      }
      ASSERT_EQ(buckets.BucketOf(range.start), i);
      ASSERT_EQ(buckets.BucketOf(range.end - 1), i);
      end = range.end;
      width = its;
    }
    ASSERT_EQ(end, kMax);
  }
}

// behaviour: tokio/src/runtime/metrics/histogram/h2_histogram.rs#log_histogram_settings_maintain_invariants
TEST(H2HistogramTest, HasItsFirstAndLastBucketsWhereTheyWereAskedFor) {
  std::mt19937_64 random(19);  // NOLINT: the same settings every time
  for (int round = 0; round < 300; ++round) {
    const uint64_t min = 1 + random() % 20'000'000'000;
    const uint64_t max = std::max(min, 1'000'000'000 + random() % 999'000'000'000);
    const int precision = static_cast<int>(random() % 10);
    const auto scale = H2Histogram()
                           .MinValue(std::chrono::nanoseconds(min))
                           .MaxValue(std::chrono::nanoseconds(max))
                           .Precision(precision)
                           .Build();
    ASSERT_TRUE(scale.ok()) << scale.status();
    ASSERT_LE(scale->Range(0).end, min) << max << " " << precision;
    ASSERT_GT(scale->Range(scale->buckets() - 1).start, max) << min << " " << precision;
    ASSERT_LT(scale->Range(scale->buckets() - 2).start, max) << min << " " << precision;
  }
}

// behaviour: tokio/src/runtime/metrics/histogram/h2_histogram.rs#max_buckets_enforcement
TEST(H2HistogramTest, RefusesMoreBucketsThanAllowedAndSaysHowManyItTakes) {
  const Status status = H2Histogram().MaxError(0.001).MaxBuckets(5).Build().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("27291"));
  EXPECT_TRUE(H2Histogram().MaxError(0.001).MaxBuckets(27291).Build().ok());
}

// behaviour: tokio/src/runtime/metrics/histogram/h2_histogram.rs#default_configuration_size
TEST(H2HistogramTest, Has119BucketsByDefault) {
  EXPECT_EQ(H2Histogram().Build()->buckets(), 119u);
  EXPECT_EQ(HistogramScale().buckets(), 119u);
}

TEST(H2HistogramTest, SaysWhatIsWrongWithASetting) {
  auto refusal = [](const H2Histogram& histogram) { return std::string(histogram.Build().status().message()); };
  EXPECT_THAT(refusal(H2Histogram().MaxError(0)), HasSubstr("MaxError"));
  EXPECT_THAT(refusal(H2Histogram().MaxError(1)), HasSubstr("MaxError"));
  EXPECT_THAT(refusal(H2Histogram().Precision(11)), HasSubstr("Precision"));
  EXPECT_THAT(refusal(H2Histogram().MinValue(2s).MaxValue(1s)), HasSubstr("MinValue"));
  EXPECT_THAT(refusal(H2Histogram().MinValue(0s).MaxValue(0s)), HasSubstr("MaxValue"));
}

}  // namespace
}  // namespace kioto
