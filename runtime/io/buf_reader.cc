#include "kioto/runtime/io/buf_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/io/errors.h"

namespace kioto::io {
namespace internal {

Poll<Status> ReadBuffer::ReadMore(ReaderRef reader, Context& cx) {
  if (buffer_.empty()) buffer_ = Buffer(capacity_);
  Poll<StatusOr<size_t>> n = reader.PollRead(cx, buffer_.span());
  if (n.pending()) return kPending;
  if (!n->ok()) return n->status();
  begin_ = 0;
  end_ = **n;
  return OkStatus();
}

Poll<StatusOr<size_t>> ReadBuffer::Read(ReaderRef reader, Context& cx, MutableBytes into) {
  if (into.empty()) return StatusOr<size_t>(0);
  if (begin_ != end_) {
    if (!cx.ConsumeBudget()) return kPending;
  } else {
    if (into.size() >= capacity_) return reader.PollRead(cx, into);
    Poll<Status> more = ReadMore(reader, cx);
    if (more.pending()) return kPending;
    if (!more->ok()) return StatusOr<size_t>(*std::move(more));
  }
  const size_t n = std::min(into.size(), end_ - begin_);
  if (n != 0) std::memcpy(into.data(), buffer_.data() + begin_, n);
  begin_ += n;
  return StatusOr<size_t>(n);
}

Poll<StatusOr<absl::string_view>> ReadBuffer::Fill(ReaderRef reader, Context& cx) {
  if (begin_ != end_) {
    if (!cx.ConsumeBudget()) return kPending;
  } else {
    Poll<Status> more = ReadMore(reader, cx);
    if (more.pending()) return kPending;
    if (!more->ok()) return StatusOr<absl::string_view>(*std::move(more));
  }
  return StatusOr<absl::string_view>(view());
}

void ReadBuffer::Consume(size_t n) {
  KIOTO_CHECK(n <= end_ - begin_, "Consume: more bytes than Fill has given");
  begin_ += n;
}

Poll<StatusOr<uint64_t>> ReadBuffer::Seek(SeekerRef reader, Context& cx, SeekFrom to) {
  if (to.base() == SeekFrom::Base::kCurrent) {
    const int64_t ahead = static_cast<int64_t>(end_ - begin_);
    if (to.offset() < std::numeric_limits<int64_t>::min() + ahead) {  // further back than one step can say
      Poll<StatusOr<uint64_t>> back = reader.PollSeek(cx, SeekFrom::Current(-ahead));
      if (back.pending() || !back->ok()) return back;
      begin_ = end_ = 0;
    } else {
      to = SeekFrom::Current(to.offset() - ahead);
    }
  }
  Poll<StatusOr<uint64_t>> place = reader.PollSeek(cx, to);
  if (place.ready() && place->ok()) begin_ = end_ = 0;
  return place;
}

}  // namespace internal

Poll<StatusOr<size_t>> ReadUntilFuture::PollOnce(Context& cx) {
  while (true) {
    Poll<StatusOr<absl::string_view>> filled = reader_.PollFill(cx);
    if (filled.pending()) return kPending;
    if (!filled->ok()) return StatusOr<size_t>(filled->status());
    const absl::string_view bytes = (**filled).substr(0, limit_ - done_);
    if ((**filled).empty()) return StatusOr<size_t>(done_);
    if (bytes.empty()) return StatusOr<size_t>(LimitExceededError("what ReadUntil reads", limit_));
    const size_t at = bytes.find(end_);
    const size_t taken = at != absl::string_view::npos ? at + 1 : bytes.size();
    into_->append(bytes.data(), taken);
    reader_.Consume(taken);
    done_ += taken;
    if (at != absl::string_view::npos) return StatusOr<size_t>(done_);
  }
}

}  // namespace kioto::io
