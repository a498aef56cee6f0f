// Memory as a stream: BytesReader gives the bytes of a view, StringWriter appends to a string. Never pending; each operation
// consumes budget. Any thread.
#ifndef KIOTO_RUNTIME_IO_MEMORY_H_
#define KIOTO_RUNTIME_IO_MEMORY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/seek.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {

// Borrows the bytes.
class BytesReader {
 public:
  explicit BytesReader(absl::string_view bytes) : bytes_(bytes) {}

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    if (!cx.ConsumeBudget()) return kPending;
    const size_t n = std::min(into.size(), left().size());
    if (n != 0) std::memcpy(into.data(), left().data(), n);
    Consume(n);
    return StatusOr<size_t>(n);
  }
  // As a buffered reader has them.
  Poll<StatusOr<absl::string_view>> PollFill(Context& cx) {
    if (!cx.ConsumeBudget()) return kPending;  // also at the end
    return StatusOr<absl::string_view>(left());
  }
  void Consume(size_t n) { position_ += n; }
  Poll<StatusOr<uint64_t>> PollSeek(Context& cx, SeekFrom to) {
    if (!cx.ConsumeBudget()) return kPending;
    StatusOr<uint64_t> place = to.Resolve(position_, bytes_.size());
    if (place.ok()) position_ = *place;
    return place;
  }

  absl::string_view left() const { return bytes_.substr(std::min<uint64_t>(position_, bytes_.size())); }

 private:
  absl::string_view bytes_;
  uint64_t position_ = 0;
};

// Borrows the string, which grows without a limit.
class StringWriter {
 public:
  explicit StringWriter(std::string& into) : into_(&into) {}

  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) {
    if (!cx.ConsumeBudget()) return kPending;
    into_->append(bytes.data(), bytes.size());
    return StatusOr<size_t>(bytes.size());
  }

 private:
  std::string* into_;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_MEMORY_H_
