// H2Buckets: the buckets of a histogram whose relative error is bounded: groups of 2^p buckets of one width, each group twice
// as wide as the one before (https://iop.systems/blog/h2-histogram). All that is short shares the first bucket, all that is
// long the last.
//
// H2Histogram: asks for them in words:
//
//   builder.PollTimeScale(H2Histogram().MinValue(1us).MaxValue(1s).MaxError(0.1).Build());
#ifndef KIOTO_RUNTIME_SCHEDULER_H2_HISTOGRAM_H_
#define KIOTO_RUNTIME_SCHEDULER_H2_HISTOGRAM_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/status.h"

namespace kioto {

class HistogramScale;

// A bucket takes the values start … end-1, in nanoseconds; the last one also what no number can be above.
struct HistogramRange {
  uint64_t start;
  uint64_t end;
  friend bool operator==(HistogramRange a, HistogramRange b) { return a.start == b.start && a.end == b.end; }
};

namespace internal {

struct H2Buckets {
  size_t count;   // at least 1
  int precision;  // 2^precision buckets are of one width
  size_t offset;  // so many buckets, and the one after them, are the first one

  // Of `count`, `precision` and `offset` 0: the bucket, were there no last one.
  static uint64_t Index(uint64_t value, int precision);
  static HistogramRange RangeOfIndex(uint64_t index, int precision);

  size_t BucketOf(uint64_t value) const;
  HistogramRange Range(size_t bucket) const;
};

}  // namespace internal

class H2Histogram {
 public:
  // A value is at most this part of itself away from the bounds of its bucket: in (0, 1), and at least a quarter is kept.
  // Default: 0.25. What is asked below 2^-10 is 2^-10.
  H2Histogram& MaxError(double error);
  // The same as an exponent, from 0 (each bucket twice as wide as the one before) to 10: the error is 2^-p.
  H2Histogram& Precision(int p);
  // What is shorter may share the first bucket. Default: 100 ns.
  H2Histogram& MinValue(std::chrono::nanoseconds value);
  // What is longer may share the last bucket. Default: 60 s.
  H2Histogram& MaxValue(std::chrono::nanoseconds value);
  // More buckets are refused by Build.
  H2Histogram& MaxBuckets(size_t buckets);

  // The defaults give 119 buckets. Errors: kInvalidArgument, with what is wrong, or with the number of buckets it would take.
  StatusOr<HistogramScale> Build() const;

 private:
  int precision_ = 2;  // -1: a bad error was asked for
  std::chrono::nanoseconds min_{100};
  std::chrono::nanoseconds max_ = std::chrono::seconds(60);
  size_t max_buckets_ = limits::kHistogramBuckets;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_SCHEDULER_H2_HISTOGRAM_H_
