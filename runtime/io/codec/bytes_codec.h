// BytesCodec: no framing: an item is what one read gave. For bytes as a stream, and as a sink.
//
//   io::FramedRead(std::move(stream), io::BytesCodec())
#ifndef KIOTO_RUNTIME_IO_CODEC_BYTES_CODEC_H_
#define KIOTO_RUNTIME_IO_CODEC_BYTES_CODEC_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/bytes.h"

namespace kioto::io {

class BytesCodec {
 public:
  using Item = Bytes;

  StatusOr<std::optional<Bytes>> Decode(ByteQueue& in) {
    if (in.empty()) return std::optional<Bytes>();
    return std::optional<Bytes>(in.Split(in.size()));
  }
  Status Encode(absl::string_view bytes, ByteQueue& out) {
    out.Append(bytes);
    return OkStatus();
  }
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_CODEC_BYTES_CODEC_H_
