// Varints: numbers of seven bits a byte, the lowest first; a byte that has another behind it has its top bit set. As in protocol
// buffers (LEB128).
//
//   StatusOr<std::optional<uint64_t>> length = io::TakeVarint(queue, /*limit=*/1 << 20);
//   io::AppendVarint(queue, message.size());
#ifndef KIOTO_RUNTIME_IO_VARINT_H_
#define KIOTO_RUNTIME_IO_VARINT_H_

#include <cstdint>
#include <optional>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/io/byte_queue.h"

namespace kioto::io {

// Takes one off the front; nullopt while it is not all there. Errors: kInvalidArgument for one of more than 64 bits;
// IsLimitExceeded for one above `limit`, as for a length that a peer claims. Takes nothing then.
StatusOr<std::optional<uint64_t>> TakeVarint(ByteQueue& queue, uint64_t limit = UINT64_MAX);
// At most ten bytes.
void AppendVarint(ByteQueue& queue, uint64_t value);

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_VARINT_H_
