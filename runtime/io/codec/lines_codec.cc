#include "kioto/runtime/io/codec/lines_codec.h"

#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/text.h"

namespace kioto::io {
namespace {

// Takes a line of `length` bytes, which is `with_end` bytes long with what ends it.
StatusOr<std::optional<std::string>> TakeLine(ByteQueue& in, size_t length, size_t with_end) {
  absl::string_view line = in.view().substr(0, length);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  const size_t fine = Utf8Prefix(line);
  StatusOr<std::optional<std::string>> result = std::optional<std::string>();
  if (fine == line.size()) {
    result->emplace(line);
  } else {
    result = InvalidUtf8Error(fine);
  }
  in.Consume(with_end);
  return result;
}

}  // namespace

StatusOr<std::optional<std::string>> LinesCodec::Decode(ByteQueue& in) {
  StatusOr<std::optional<size_t>> length = search_.Find("\n", in);
  if (!length.ok()) return length.status();
  if (!length->has_value()) return std::optional<std::string>();
  return TakeLine(in, **length, **length + 1);
}

StatusOr<std::optional<std::string>> LinesCodec::DecodeEof(ByteQueue& in) {
  StatusOr<std::optional<std::string>> line = Decode(in);
  if (!line.ok() || line->has_value()) return line;
  search_.Taken();
  if (in.empty() || in.view() == "\r") return line;  // half an end of a line is no line; it stays, should more come
  return TakeLine(in, in.size(), in.size());
}

Status LinesCodec::Encode(absl::string_view line, ByteQueue& out) {
  out.Append(line);
  out.Append("\n");
  return OkStatus();
}

}  // namespace kioto::io
