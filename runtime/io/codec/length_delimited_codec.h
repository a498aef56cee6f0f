// LengthDelimitedCodec: an item is a payload behind a header that has its length.
//
//   io::LengthDelimitedCodec()                                        // four bytes, the most significant first
//   io::LengthDelimitedCodec::Builder().FieldLength(2).LittleEndian().MaxFrameLength(1024).Build()
//
// WIRE        offset bytes | length field | more of the header, up to Skip | payload
//             The payload has (value of the field + Adjustment) bytes and begins Skip bytes behind the header's first byte.
//             Skip is offset + field unless it is said: 0 gives the header with the payload.
//
//               00 0b | a b c d e f g h i      FieldLength(2).Adjustment(-2): the length counts its own field
//
// Encode writes the length field and the payload: with an Offset, the codec of what is sent is another one.
//
// LIMIT       A payload longer than max_frame_length() is refused by its header, before memory is kept for it (decoding:
//             IsLimitExceeded; encoding: kInvalidArgument, nothing is appended). The limit is never more than the field can say.
//             So is a payload that would end inside the header that it is to contain (kInvalidArgument). Memory grows with what
//             has come, not with what a header promises. A stream that ends inside a frame is an error (IsUnexpectedEof).
#ifndef KIOTO_RUNTIME_IO_CODEC_LENGTH_DELIMITED_CODEC_H_
#define KIOTO_RUNTIME_IO_CODEC_LENGTH_DELIMITED_CODEC_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/bytes.h"

namespace kioto::io {

class LengthDelimitedCodec {
 public:
  using Item = Bytes;
  class Builder;
  static constexpr size_t kMaxFrameLength = 8 * 1024 * 1024;

  LengthDelimitedCodec();

  StatusOr<std::optional<Bytes>> Decode(ByteQueue& in);
  StatusOr<std::optional<Bytes>> DecodeEof(ByteQueue& in);
  Status Encode(absl::string_view payload, ByteQueue& out);
  void Reset() { payload_.reset(); }

  size_t max_frame_length() const { return layout_.max_frame_length; }
  // From the next header on; a frame whose header has been read is let through.
  void set_max_frame_length(size_t bytes);

 private:
  struct Layout {
    // The most that the field can say of a payload.
    size_t LongestPayload() const;
    size_t skipped() const { return skip.value_or(offset + field_length); }
    size_t header() const { return std::max(offset + field_length, skipped()); }

    size_t max_frame_length = kMaxFrameLength;
    size_t field_length = 4;
    size_t offset = 0;
    int64_t adjustment = 0;
    std::optional<size_t> skip;
    bool big_endian = true;
  };
  explicit LengthDelimitedCodec(const Layout& layout);

  uint64_t ReadField(absl::string_view field) const;
  // The payload's length, from the header that `header` begins with.
  StatusOr<size_t> PayloadLength(absl::string_view header) const;

  Layout layout_;
  std::optional<size_t> payload_;  // a header was taken, and so many bytes are to come
};

class LengthDelimitedCodec::Builder {
 public:
  Builder& BigEndian() { return Endianness(true); }
  Builder& LittleEndian() { return Endianness(false); }
  // As this machine has it.
  Builder& NativeEndian();
  // SIZE_MAX is as much as the field can say: as good as no limit with a long one.
  Builder& MaxFrameLength(size_t bytes);
  // 1 to 8 bytes.
  Builder& FieldLength(size_t bytes);
  // How many bytes of the header come before the length field.
  Builder& Offset(size_t bytes);
  // What to add to the value of the field to have the payload's length.
  Builder& Adjustment(int64_t bytes);
  // Where the payload begins.
  Builder& Skip(size_t bytes);

  LengthDelimitedCodec Build() const { return LengthDelimitedCodec(layout_); }

 private:
  Builder& Endianness(bool big) {
    layout_.big_endian = big;
    return *this;
  }

  Layout layout_;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_CODEC_LENGTH_DELIMITED_CODEC_H_
