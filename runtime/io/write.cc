#include "kioto/runtime/io/write.h"

#include <algorithm>

#include "kioto/runtime/io/errors.h"

namespace kioto::io {
namespace {

// Pieces handed to one vectored write of WriteAllVectored.
constexpr size_t kPiecesAtOnce = 16;

}  // namespace

Poll<Status> WriteAllFuture::PollOnce(Context& cx) {
  while (!bytes_.empty()) {
    Poll<StatusOr<size_t>> n = writer_.PollWrite(cx, bytes_);
    if (n.pending()) return kPending;
    if (!n->ok()) return n->status();
    if (**n == 0) return WriteZeroError(bytes_.size());
    bytes_.remove_prefix(**n);
  }
  return OkStatus();
}

Poll<Status> WriteAllOwnedFuture::PollOnce(Context& cx) {
  while (done_ < bytes_.size()) {
    Poll<StatusOr<size_t>> n = writer_.PollWrite(cx, absl::string_view(bytes_).substr(done_));
    if (n.pending()) return kPending;
    if (!n->ok()) return n->status();
    if (**n == 0) return WriteZeroError(bytes_.size() - done_);
    done_ += **n;
  }
  return OkStatus();
}

Poll<StatusOr<size_t>> WriteQueueFuture::PollOnce(Context& cx) {
  Poll<StatusOr<size_t>> n = writer_.PollWrite(cx, queue_->view());
  if (n.ready() && n->ok()) queue_->Consume(**n);
  return n;
}

Poll<Status> WriteAllQueueFuture::PollOnce(Context& cx) {
  while (!queue_->empty()) {
    Poll<StatusOr<size_t>> n = writer_.PollWrite(cx, queue_->view());
    if (n.pending()) return kPending;
    if (!n->ok()) return n->status();
    if (**n == 0) return WriteZeroError(queue_->size());
    queue_->Consume(**n);
  }
  return OkStatus();
}

Poll<Status> WriteAllVectoredFuture::PollOnce(Context& cx) {
  while (true) {
    while (!pieces_.empty() && pieces_[0].size() == done_) {
      pieces_.remove_prefix(1);
      done_ = 0;
    }
    if (pieces_.empty()) return OkStatus();
    absl::string_view now[kPiecesAtOnce];
    const size_t count = std::min(kPiecesAtOnce, pieces_.size());
    std::copy_n(pieces_.begin(), count, now);
    now[0].remove_prefix(done_);
    Poll<StatusOr<size_t>> n = writer_.PollWriteVectored(cx, Pieces(now, count));
    if (n.pending()) return kPending;
    if (!n->ok()) return n->status();
    size_t taken = **n;
    if (taken == 0) return WriteZeroError(now[0].size());
    for (size_t i = 0; taken != 0; ++i) {
      const size_t of_this = std::min(taken, now[i].size());
      taken -= of_this;
      if (of_this == now[i].size()) {
        pieces_.remove_prefix(1);
        done_ = 0;
      } else {
        done_ += of_this;
      }
    }
  }
}

}  // namespace kioto::io
