// LinesCodec: an item is a line of text: UTF-8, without its "\n" or "\r\n".
//
//   io::FramedRead(std::move(stream), io::LinesCodec())
//
// A line that is too long is an error (IsLimitExceeded), once; the next one is the line behind it. So is one that is not
// UTF-8 (IsInvalidUtf8). A last line without "\n" counts.
#ifndef KIOTO_RUNTIME_IO_CODEC_LINES_CODEC_H_
#define KIOTO_RUNTIME_IO_CODEC_LINES_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/codec/delimiter_search.h"

namespace kioto::io {

class LinesCodec {
 public:
  using Item = std::string;
  static constexpr size_t kMaxLength = 64 * 1024;

  // `max_length`: in bytes, without the "\n", but with a "\r".
  explicit LinesCodec(size_t max_length = kMaxLength) : search_("a line", "\n", max_length) {}
  // A peer that sends no "\n" then decides how much memory is used.
  static LinesCodec Unbounded() { return LinesCodec(SIZE_MAX); }

  StatusOr<std::optional<std::string>> Decode(ByteQueue& in);
  StatusOr<std::optional<std::string>> DecodeEof(ByteQueue& in);
  // Appends the line and "\n". What is in the line is not looked at.
  Status Encode(absl::string_view line, ByteQueue& out);
  void Reset() { search_.Reset(); }

  size_t max_length() const { return search_.max_length(); }

 private:
  internal::DelimiterSearch search_;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_CODEC_LINES_CODEC_H_
