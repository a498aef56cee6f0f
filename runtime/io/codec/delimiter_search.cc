#include "kioto/runtime/io/codec/delimiter_search.h"

#include <algorithm>

#include "kioto/runtime/io/errors.h"

namespace kioto::io::internal {

size_t FindAny(absl::string_view delimiters, absl::string_view text) {
  return delimiters.size() == 1 ? text.find(delimiters[0]) : text.find_first_of(delimiters);
}

bool DelimiterSearch::Skip(absl::string_view delimiters, ByteQueue& in) {
  const size_t end = FindAny(delimiters, in.view());
  skipping_ = end == absl::string_view::npos;
  in.Consume(skipping_ ? in.size() : end + 1);
  return !skipping_;
}

StatusOr<std::optional<size_t>> DelimiterSearch::Find(absl::string_view delimiters, ByteQueue& in) {
  if (skipping_ && !Skip(delimiters, in)) return std::optional<size_t>();
  // Where the delimiter may be at the latest.
  const absl::string_view window = in.view().substr(0, max_length_ == SIZE_MAX ? max_length_ : max_length_ + 1);
  const size_t end = FindAny(delimiters, window.substr(std::min(scanned_, window.size())));
  if (end != absl::string_view::npos) {
    const size_t length = scanned_ + end;
    scanned_ = 0;
    return std::optional<size_t>(length);
  }
  if (in.size() > max_length_) {
    scanned_ = 0;
    static_cast<void>(Skip(delimiters, in));
    return LimitExceededError(what_, max_length_);
  }
  scanned_ = window.size();
  return std::optional<size_t>();
}

}  // namespace kioto::io::internal
