#include "kioto/runtime/io/varint.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/string_view.h"
#include "kioto/runtime/io/errors.h"

namespace kioto::io {
namespace {

constexpr size_t kMostBytes = 10;

}  // namespace

StatusOr<std::optional<uint64_t>> TakeVarint(ByteQueue& queue, uint64_t limit) {
  const absl::string_view bytes = queue.view();
  uint64_t value = 0;
  for (size_t i = 0; i < std::min(bytes.size(), kMostBytes); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (i == kMostBytes - 1 && byte > 1) return absl::InvalidArgumentError("io::TakeVarint: a number of more than 64 bits");
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) != 0) continue;
    if (value > limit) return LimitExceededError("a length", limit);
    queue.Consume(i + 1);
    return std::optional<uint64_t>(value);
  }
  return std::optional<uint64_t>();
}

void AppendVarint(ByteQueue& queue, uint64_t value) {
  char bytes[kMostBytes];
  size_t size = 0;
  for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<char>(value | 0x80);
  bytes[size++] = static_cast<char>(value);
  queue.Append(absl::string_view(bytes, size));
}

}  // namespace kioto::io
