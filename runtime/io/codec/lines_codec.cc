#include "kioto/runtime/io/codec/lines_codec.h"

#include <algorithm>
#include <utility>

#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/text.h"

namespace kioto::io {
namespace {

// A line of what came, without what ends it.
StatusOr<std::optional<std::string>> ToLine(absl::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (const size_t fine = Utf8Prefix(line); fine != line.size()) return InvalidUtf8Error(fine);
  return StatusOr<std::optional<std::string>>(std::in_place, std::in_place, line);
}

// Takes a line of `length` bytes, which is `with_end` bytes long with what ends it.
StatusOr<std::optional<std::string>> TakeLine(ByteQueue& in, size_t length, size_t with_end) {
  StatusOr<std::optional<std::string>> line = ToLine(in.view().substr(0, length));
  in.Consume(with_end);
  return line;
}

}  // namespace

StatusOr<std::optional<std::string>> LinesCodec::Decode(ByteQueue& in) {
  StatusOr<std::optional<size_t>> length = search_.Find(in);
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
  const MutableBytes room = out.Room(line.size() + 1);
  *std::copy(line.begin(), line.end(), room.begin()) = '\n';
  out.Commit(line.size() + 1);
  return OkStatus();
}

}  // namespace kioto::io
