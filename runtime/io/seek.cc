#include "kioto/runtime/io/seek.h"

namespace kioto::io {

StatusOr<uint64_t> SeekFrom::Resolve(uint64_t position, uint64_t end) const {
  const uint64_t from = base_ == Base::kStart ? 0 : base_ == Base::kEnd ? end : position;
  const uint64_t place = from + static_cast<uint64_t>(offset_);  // modulo 2^64, on purpose
  if (base_ == Base::kStart || (offset_ < 0 ? place < from : place >= from)) return place;
  return absl::InvalidArgumentError(offset_ < 0 ? "Seek: before the start" : "Seek: beyond the last place that can be counted");
}

}  // namespace kioto::io
