// AnyDelimiterCodec: an item is what lies between two delimiters, which are single bytes, any of a set.
//
//   io::FramedRead(std::move(stream), io::AnyDelimiterCodec(",;\n\r"))
//
// Two delimiters in a row have an empty item between them. An item that is too long is an error (IsLimitExceeded), once; the
// next one is the item behind it. A last item without a delimiter counts, if it is not empty.
#ifndef KIOTO_RUNTIME_IO_CODEC_ANY_DELIMITER_CODEC_H_
#define KIOTO_RUNTIME_IO_CODEC_ANY_DELIMITER_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/bytes.h"
#include "kioto/runtime/io/codec/delimiter_search.h"

namespace kioto::io {

class AnyDelimiterCodec {
 public:
  using Item = Bytes;
  static constexpr size_t kMaxLength = 64 * 1024;

  // Each byte of `delimiters` ends an item, which has at most `max_length` bytes. What is written ends with all of
  // `separator`.
  explicit AnyDelimiterCodec(std::string delimiters = ",;\n\r", std::string separator = ",", size_t max_length = kMaxLength)
      : separator_(std::move(separator)), search_("a chunk", std::move(delimiters), max_length) {}
  // A peer that sends no delimiter then decides how much memory is used.
  static AnyDelimiterCodec Unbounded(std::string delimiters, std::string separator) {
    return AnyDelimiterCodec(std::move(delimiters), std::move(separator), SIZE_MAX);
  }

  StatusOr<std::optional<Bytes>> Decode(ByteQueue& in);
  StatusOr<std::optional<Bytes>> DecodeEof(ByteQueue& in);
  // Appends the item and the separator. What is in the item is not looked at.
  Status Encode(absl::string_view item, ByteQueue& out);
  void Reset() { search_.Reset(); }

  size_t max_length() const { return search_.max_length(); }

 private:
  std::string separator_;
  internal::DelimiterSearch search_;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_CODEC_ANY_DELIMITER_CODEC_H_
