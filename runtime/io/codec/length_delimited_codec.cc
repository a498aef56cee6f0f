#include "kioto/runtime/io/codec/length_delimited_codec.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/io/errors.h"

namespace kioto::io {
namespace {

// What a field of so many bytes can say at most.
uint64_t LargestValue(size_t field_length) {
  return field_length >= 8 ? UINT64_MAX : (uint64_t{1} << (8 * field_length)) - 1;
}

}  // namespace

size_t LengthDelimitedCodec::Layout::LongestPayload() const {
  size_t longest;
  const bool overflow = __builtin_add_overflow(LargestValue(field_length), adjustment, &longest);
  if (!overflow) return longest;
  return adjustment < 0 ? 0 : SIZE_MAX;
}

LengthDelimitedCodec::LengthDelimitedCodec() : LengthDelimitedCodec(Layout()) {}

LengthDelimitedCodec::LengthDelimitedCodec(const Layout& layout) : layout_(layout) {
  set_max_frame_length(layout.max_frame_length);
}

void LengthDelimitedCodec::set_max_frame_length(size_t bytes) {
  layout_.max_frame_length = std::min(bytes, layout_.LongestPayload());
}

uint64_t LengthDelimitedCodec::ReadField(absl::string_view field) const {
  uint64_t value = 0;
  for (size_t i = 0; i < field.size(); ++i) {
    value = value << 8 | static_cast<unsigned char>(field[layout_.big_endian ? i : field.size() - 1 - i]);
  }
  return value;
}

StatusOr<size_t> LengthDelimitedCodec::PayloadLength(absl::string_view header) const {
  const uint64_t value = ReadField(header.substr(layout_.offset, layout_.field_length));
  size_t length;
  const bool overflow = __builtin_add_overflow(value, layout_.adjustment, &length);
  if (overflow ? layout_.adjustment > 0 : length > layout_.max_frame_length) {
    return LimitExceededError("a frame", layout_.max_frame_length);
  }
  if (overflow || length < layout_.header() - layout_.skipped()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no frame has the length that its header says: ", value, " with an adjustment of ", layout_.adjustment));
  }
  return length;
}

StatusOr<std::optional<Bytes>> LengthDelimitedCodec::Decode(ByteQueue& in) {
  if (!payload_.has_value()) {
    if (in.size() < layout_.header()) return std::optional<Bytes>();
    StatusOr<size_t> length = PayloadLength(in.view());
    if (!length.ok()) return length.status();
    in.Consume(layout_.skipped());
    payload_ = *length;
  }
  if (in.size() < *payload_) return std::optional<Bytes>();
  std::optional<Bytes> payload = in.Split(*payload_);
  payload_.reset();
  return payload;
}

StatusOr<std::optional<Bytes>> LengthDelimitedCodec::DecodeEof(ByteQueue& in) {
  StatusOr<std::optional<Bytes>> payload = Decode(in);
  if (!payload.ok() || payload->has_value()) return payload;
  if (payload_.has_value()) return UnexpectedEofError(in.size(), *payload_);
  if (!in.empty()) return IncompleteFrameError(in.size());
  return payload;
}

Status LengthDelimitedCodec::Encode(absl::string_view payload, ByteQueue& out) {
  if (payload.size() > layout_.max_frame_length) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame of ", payload.size(), " bytes is longer than the limit of ", layout_.max_frame_length));
  }
  uint64_t value;
  if (__builtin_sub_overflow(payload.size(), layout_.adjustment, &value) || value > LargestValue(layout_.field_length)) {
    return absl::InvalidArgumentError(
        absl::StrCat("no header says a frame of ", payload.size(), " bytes with an adjustment of ", layout_.adjustment));
  }
  const size_t size = layout_.field_length;
  char field[8];
  for (size_t i = 0; i < size; ++i) field[layout_.big_endian ? size - 1 - i : i] = static_cast<char>(value >> (8 * i));
  out.Append(absl::string_view(field, size));
  out.Append(payload);
  return OkStatus();
}

LengthDelimitedCodec::Builder& LengthDelimitedCodec::Builder::NativeEndian() {
  return Endianness(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

LengthDelimitedCodec::Builder& LengthDelimitedCodec::Builder::MaxFrameLength(size_t bytes) {
  layout_.max_frame_length = bytes;
  return *this;
}

LengthDelimitedCodec::Builder& LengthDelimitedCodec::Builder::FieldLength(size_t bytes) {
  KIOTO_CHECK(bytes >= 1 && bytes <= 8, "LengthDelimitedCodec: a length field has 1 to 8 bytes");
  layout_.field_length = bytes;
  return *this;
}

LengthDelimitedCodec::Builder& LengthDelimitedCodec::Builder::Offset(size_t bytes) {
  layout_.offset = bytes;
  return *this;
}

LengthDelimitedCodec::Builder& LengthDelimitedCodec::Builder::Adjustment(int64_t bytes) {
  layout_.adjustment = bytes;
  return *this;
}

LengthDelimitedCodec::Builder& LengthDelimitedCodec::Builder::Skip(size_t bytes) {
  layout_.skip = bytes;
  return *this;
}

}  // namespace kioto::io
