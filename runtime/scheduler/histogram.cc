#include "kioto/runtime/scheduler/histogram.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace kioto {
namespace {

Status CheckBuckets(const char* what, std::chrono::nanoseconds width, size_t buckets) {
  if (width.count() <= 0) return absl::InvalidArgumentError(absl::StrCat("HistogramScale::", what, ": the width must be positive"));
  if (buckets < 1 || buckets > limits::kHistogramBuckets) {
    return absl::InvalidArgumentError(
        absl::StrCat("HistogramScale::", what, ": there must be from 1 to ", limits::kHistogramBuckets, " buckets"));
  }
  return OkStatus();
}

}  // namespace

HistogramScale::HistogramScale() : HistogramScale(*H2Histogram().Build()) {}

StatusOr<HistogramScale> HistogramScale::Linear(std::chrono::nanoseconds width, size_t buckets) {
  if (Status status = CheckBuckets("Linear", width, buckets); !status.ok()) return status;
  HistogramScale scale(internal::H2Buckets{buckets, 0, 0});
  scale.width_ = static_cast<uint64_t>(width.count());
  return scale;
}

StatusOr<HistogramScale> HistogramScale::Doubling(std::chrono::nanoseconds first_width, size_t buckets) {
  if (Status status = CheckBuckets("Doubling", first_width, buckets); !status.ok()) return status;
  size_t log = 0;
  while (uint64_t{1} << log < static_cast<uint64_t>(first_width.count())) ++log;
  if (log + buckets > 64) return absl::InvalidArgumentError("HistogramScale::Doubling: the last buckets are beyond all durations");
  return HistogramScale(internal::H2Buckets{buckets, 0, log});
}

size_t HistogramScale::BucketOf(uint64_t nanos) const {
  return width_ != 0 ? std::min<size_t>(nanos / width_, buckets_.count - 1) : buckets_.BucketOf(nanos);
}

HistogramRange HistogramScale::Range(size_t bucket) const {
  if (width_ == 0) return buckets_.Range(bucket);
  return {width_ * bucket, bucket == buckets_.count - 1 ? UINT64_MAX : width_ * (bucket + 1)};
}

namespace internal {

Histogram::Histogram(const HistogramScale& scale)
    : scale_(scale), counts_(new base::Atomic<uint64_t>[scale.buckets()]()) {}

void Histogram::Record(int64_t nanos, uint64_t times) {
  const uint64_t value = nanos > 0 ? static_cast<uint64_t>(nanos) : 0;
  base::Atomic<uint64_t>& count = counts_[scale_.BucketOf(value)];
  count.store(count.load(std::memory_order_relaxed) + times, std::memory_order_relaxed);        // relaxed: figures
  sum_.store(sum_.load(std::memory_order_relaxed) + value * times, std::memory_order_relaxed);  // relaxed: figures
}

uint64_t Histogram::count(size_t bucket) const {
  return counts_[bucket].load(std::memory_order_relaxed);  // relaxed: a figure
}

uint64_t Histogram::sum_nanos() const {
  return sum_.load(std::memory_order_relaxed);  // relaxed: a figure
}

}  // namespace internal
}  // namespace kioto
