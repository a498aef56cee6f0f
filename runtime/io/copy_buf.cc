#include "kioto/runtime/io/copy_buf.h"

#include <cstddef>

#include "absl/strings/string_view.h"
#include "kioto/runtime/io/errors.h"

namespace kioto::io {

Poll<StatusOr<uint64_t>> CopyBufFuture::PollOnce(Context& cx) {
  while (true) {
    Poll<StatusOr<absl::string_view>> bytes = reader_.PollFill(cx);
    if (bytes.ready() && !bytes->ok()) return bytes->status();
    if (bytes.ready() && !(*bytes)->empty()) {
      Poll<StatusOr<size_t>> n = writer_.PollWrite(cx, **bytes);
      if (n.pending()) return kPending;
      if (!n->ok()) return n->status();
      if (**n == 0) return WriteZeroError((*bytes)->size());
      reader_.Consume(**n);
      total_ += **n;
      flush_ = true;
      continue;
    }
    if (flush_) {  // the end, or nothing to read for now: let the other side see what there is
      Poll<Status> flushed = writer_.PollFlush(cx);
      if (flushed.pending()) return kPending;
      if (!flushed->ok()) return *flushed;
      flush_ = false;
    }
    if (bytes.pending()) return kPending;
    return StatusOr<uint64_t>(total_);
  }
}

}  // namespace kioto::io
