#include "kioto/runtime/io/copy.h"

#include "kioto/runtime/io/errors.h"

namespace kioto::io {

StatusOr<bool> CopyFuture::Step(Context& cx) {
  bool moved = false;
  if (begin_ == end_) begin_ = end_ = 0;
  if (!ended_ && end_ < buffer_.size()) {
    const MutableBytes room = buffer_.from(end_);
    Poll<StatusOr<size_t>> n = pump_.left() > 0 ? pump_.Read(room) : reader_.PollRead(cx, room);
    if (n.ready()) {
      if (!n->ok()) return n->status();
      ended_ = **n == 0;
      end_ += **n;
      splicing_ = end_ == buffer_.size() && Splices();
      moved = true;
    }
  }
  if (begin_ < end_) {
    Poll<StatusOr<size_t>> n = writer_.PollWrite(cx, buffer_.view(begin_, end_ - begin_));
    if (n.ready()) {
      if (!n->ok()) return n->status();
      if (**n == 0) return WriteZeroError(end_ - begin_);
      begin_ += **n;
      total_ += **n;
      flush_ = true;
      moved = true;
    }
  }
  return moved;
}

Poll<StatusOr<uint64_t>> CopyFuture::PollOnce(Context& cx) {
  if (buffer_.empty()) buffer_ = Buffer(buffer_size_ > 0 ? buffer_size_ : 1);
  while (true) {
    if (splicing_ && begin_ == end_) {
      Poll<Status> spliced = pump_.PollMove(cx, *reader_.splice_handle(), *writer_.splice_handle(), buffer_.size(), total_);
      if (spliced.pending()) return kPending;
      if (!spliced->ok()) return *spliced;
      splicing_ = false;
    }
    StatusOr<bool> moved = Step(cx);
    if (!moved.ok()) return moved.status();
    if (*moved && !(ended_ && begin_ == end_)) continue;
    if (begin_ == end_ && flush_) {  // the end, or nothing to read for now: let the other side see what there is
      Poll<Status> flushed = writer_.PollFlush(cx);
      if (flushed.pending()) return kPending;
      if (!flushed->ok()) return *flushed;
      flush_ = false;
    }
    if (ended_ && begin_ == end_) return StatusOr<uint64_t>(total_);
    return kPending;
  }
}

}  // namespace kioto::io
