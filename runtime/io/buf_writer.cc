#include "kioto/runtime/io/buf_writer.h"

#include <cstring>

#include "kioto/runtime/io/errors.h"

namespace kioto::io::internal {

Poll<Status> WriteBuffer::WriteOut(WriterRef writer, Context& cx) {
  while (begin_ != end_) {
    Poll<StatusOr<size_t>> n = writer.PollWrite(cx, view());
    if (n.pending()) return kPending;
    if (!n->ok()) return n->status();
    if (**n == 0) return WriteZeroError(end_ - begin_);
    begin_ += **n;
  }
  begin_ = end_ = 0;
  return OkStatus();
}

Poll<Status> WriteBuffer::MakeRoom(WriterRef writer, Context& cx, size_t more) {
  if (end_ <= capacity_ && more <= capacity_ - end_) return OkStatus();
  return WriteOut(writer, cx);
}

void WriteBuffer::Append(absl::string_view bytes) {
  if (bytes.empty()) return;
  if (buffer_.empty()) buffer_ = Buffer(capacity_);
  std::memcpy(buffer_.data() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

Poll<StatusOr<size_t>> WriteBuffer::Write(WriterRef writer, Context& cx, absl::string_view bytes) {
  return WritePieces(writer, cx, Pieces(&bytes, 1));
}

Poll<StatusOr<size_t>> WriteBuffer::WriteVectored(WriterRef writer, Context& cx, Pieces pieces) {
  size_t total = 0;
  for (absl::string_view piece : pieces) total += piece.size();
  Poll<Status> room = MakeRoom(writer, cx, total);
  if (room.pending()) return kPending;
  if (!room->ok()) return StatusOr<size_t>(*std::move(room));
  if (total >= capacity_) return writer.PollWriteVectored(cx, pieces);
  if (!cx.ConsumeBudget()) return kPending;
  for (absl::string_view piece : pieces) Append(piece);
  return StatusOr<size_t>(total);
}

Poll<StatusOr<size_t>> WriteBuffer::WritePieces(WriterRef writer, Context& cx, Pieces pieces) {
  while (!pieces.empty() && pieces[0].empty()) pieces.remove_prefix(1);
  if (pieces.empty()) return StatusOr<size_t>(0);
  Poll<Status> room = MakeRoom(writer, cx, pieces[0].size());
  if (room.pending()) return kPending;
  if (!room->ok()) return StatusOr<size_t>(*std::move(room));
  if (pieces[0].size() >= capacity_) return writer.PollWrite(cx, pieces[0]);
  if (!cx.ConsumeBudget()) return kPending;
  size_t taken = 0;
  for (absl::string_view piece : pieces) {
    if (piece.size() > capacity_ - end_) break;
    Append(piece);
    taken += piece.size();
  }
  return StatusOr<size_t>(taken);
}

Poll<Status> WriteBuffer::Flush(WriterRef writer, Context& cx) {
  Poll<Status> written = WriteOut(writer, cx);
  if (written.pending() || !written->ok()) return written;
  return writer.PollFlush(cx);
}

}  // namespace kioto::io::internal
