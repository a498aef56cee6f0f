#include "kioto/runtime/scheduler/h2_histogram.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/scheduler/histogram.h"

namespace kioto {
namespace internal {

uint64_t H2Buckets::Index(uint64_t value, int precision) {
  if (value >> precision <= 1) return value;  // the first two groups are of width 1
  const int doublings = 63 - __builtin_clzll(value) - precision;
  return (static_cast<uint64_t>(doublings) << precision) + (value >> doublings);
}

HistogramRange H2Buckets::RangeOfIndex(uint64_t index, int precision) {
  if (index >> precision <= 1) return {index, index + 1};
  const int doublings = static_cast<int>(index >> precision) - 1;
  const uint64_t first = index - (static_cast<uint64_t>(doublings) << precision);
  return {first << doublings, (first + 1) << doublings};
}

size_t H2Buckets::BucketOf(uint64_t value) const {
  const uint64_t index = Index(value, precision);
  return index <= offset ? 0 : std::min<size_t>(index - offset, count - 1);
}

HistogramRange H2Buckets::Range(size_t bucket) const {
  HistogramRange range = RangeOfIndex(bucket + offset, precision);
  if (bucket == 0) range.start = 0;
  if (bucket == count - 1) range.end = UINT64_MAX;
  return range;
}

}  // namespace internal

namespace {
constexpr int kMaxPrecision = 10;
}  // namespace

H2Histogram& H2Histogram::MaxError(double error) {
  precision_ = -1;
  if (!(error > 0 && error < 1)) return *this;
  precision_ = 2;
  while (precision_ < kMaxPrecision && std::ldexp(1.0, -precision_) > error) ++precision_;
  return *this;
}

H2Histogram& H2Histogram::Precision(int p) {
  precision_ = p;
  return *this;
}

H2Histogram& H2Histogram::MinValue(std::chrono::nanoseconds value) {
  min_ = value;
  return *this;
}

H2Histogram& H2Histogram::MaxValue(std::chrono::nanoseconds value) {
  max_ = value;
  return *this;
}

H2Histogram& H2Histogram::MaxBuckets(size_t buckets) {
  max_buckets_ = std::min(buckets, limits::kHistogramBuckets);
  return *this;
}

StatusOr<HistogramScale> H2Histogram::Build() const {
  if (precision_ < 0 || precision_ > kMaxPrecision) {
    return absl::InvalidArgumentError(
        absl::StrCat("H2Histogram: MaxError must be between 0 and 1, and Precision from 0 to ", kMaxPrecision));
  }
  if (min_.count() < 0 || max_.count() <= 0 || min_ > max_) {
    return absl::InvalidArgumentError("H2Histogram: MinValue must be at least 0, and MaxValue above 0 and not below it");
  }
  // The first bucket ends at MinValue or before; MaxValue falls into the last but one.
  const uint64_t first = internal::H2Buckets::Index(static_cast<uint64_t>(min_.count()), precision_);
  const uint64_t last = internal::H2Buckets::Index(static_cast<uint64_t>(max_.count()), precision_);
  const uint64_t offset = first > 0 ? first - 1 : 0;
  const size_t count = last - offset + 2;
  if (count > max_buckets_) {
    return absl::InvalidArgumentError(
        absl::StrCat("H2Histogram: it takes ", count, " buckets, more than the ", max_buckets_,
                     " that are allowed; raise MaxError or MinValue, or lower MaxValue"));
  }
  return HistogramScale(internal::H2Buckets{count, precision_, offset});
}

}  // namespace kioto
