#include "kioto/runtime/io/codec/delimiter_search.h"

#include <algorithm>

#include "kioto/runtime/io/errors.h"

namespace kioto::io::internal {

bool DelimiterSearch::Skip(ByteQueue& in) {
  const size_t end = FindAny(delimiters_, in.view());
  skipping_ = end == absl::string_view::npos;
  in.Consume(skipping_ ? in.size() : end + 1);
  return !skipping_;
}

StatusOr<std::optional<size_t>> DelimiterSearch::Find(ByteQueue& in) {
  if (skipping_ && !Skip(in)) return std::optional<size_t>();
  // Where the delimiter may be at the latest.
  const absl::string_view window = in.view().substr(0, max_length_ == SIZE_MAX ? max_length_ : max_length_ + 1);
  const size_t end = FindAny(delimiters_, window.substr(std::min(scanned_, window.size())));
  if (end == absl::string_view::npos) return NotFound(window.size(), in);
  return std::optional<size_t>(std::exchange(scanned_, 0) + end);
}

StatusOr<std::optional<size_t>> DelimiterSearch::NotFound(size_t scanned, ByteQueue& in) {
  if (in.size() > max_length_) {
    scanned_ = 0;
    static_cast<void>(Skip(in));
    return LimitExceededError(what_, max_length_);
  }
  scanned_ = scanned;
  return std::optional<size_t>();
}

}  // namespace kioto::io::internal
