// HistogramScale: how durations fall into the buckets of a histogram. Histogram: how many fell into each.
//
// STATE       counts_[i], sum_: written by one thread at a time, by a plain load and store; read by any.
#ifndef KIOTO_RUNTIME_SCHEDULER_HISTOGRAM_H_
#define KIOTO_RUNTIME_SCHEDULER_HISTOGRAM_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/scheduler/h2_histogram.h"

namespace kioto {

// A value; cheap to copy. Errors of the factories: a width that is not positive, no bucket or too many (kInvalidArgument).
class HistogramScale {
 public:
  // H2Histogram's defaults.
  HistogramScale();
  // Buckets of one width; the last one takes all that is longer.
  static StatusOr<HistogramScale> Linear(std::chrono::nanoseconds width, size_t buckets);
  // Each bucket but the first twice as wide as the one before. The first one's width is rounded up to a power of two, in ns.
  static StatusOr<HistogramScale> Doubling(std::chrono::nanoseconds first_width, size_t buckets);
  // Of a bounded relative error: see H2Histogram.
  explicit HistogramScale(internal::H2Buckets buckets) : buckets_(buckets) {}

  size_t buckets() const { return buckets_.count; }
  size_t BucketOf(uint64_t nanos) const;
  HistogramRange Range(size_t bucket) const;

 private:
  uint64_t width_ = 0;  // of a linear scale; 0: buckets_ says all
  internal::H2Buckets buckets_;
};

namespace internal {

class Histogram {
 public:
  explicit Histogram(const HistogramScale& scale);

  // One thread at a time.
  void Record(int64_t nanos, uint64_t times = 1);

  // Any thread; exact when nobody records.
  const HistogramScale& scale() const { return scale_; }
  uint64_t count(size_t bucket) const;
  uint64_t sum_nanos() const;

 private:
  const HistogramScale scale_;
  const std::unique_ptr<base::Atomic<uint64_t>[]> counts_;
  base::Atomic<uint64_t> sum_{0};
};

}  // namespace internal
}  // namespace kioto

#endif  // KIOTO_RUNTIME_SCHEDULER_HISTOGRAM_H_
