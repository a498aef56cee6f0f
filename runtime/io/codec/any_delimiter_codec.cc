#include "kioto/runtime/io/codec/any_delimiter_codec.h"

namespace kioto::io {

StatusOr<std::optional<Bytes>> AnyDelimiterCodec::Decode(ByteQueue& in) {
  StatusOr<std::optional<size_t>> length = search_.Find(in);
  if (!length.ok()) return length.status();
  if (!length->has_value()) return std::optional<Bytes>();
  std::optional<Bytes> item = in.Split(**length);
  in.Consume(1);
  return item;
}

StatusOr<std::optional<Bytes>> AnyDelimiterCodec::DecodeEof(ByteQueue& in) {
  StatusOr<std::optional<Bytes>> item = Decode(in);
  if (!item.ok() || item->has_value() || in.empty()) return item;
  search_.Taken();
  return std::optional<Bytes>(in.Split(in.size()));
}

Status AnyDelimiterCodec::Encode(absl::string_view item, ByteQueue& out) {
  out.Append(item);
  out.Append(separator_);
  return OkStatus();
}

}  // namespace kioto::io
