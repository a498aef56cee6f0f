// Take: the first bytes of a reader, and then the end.
//
//   auto body = io::Take(io::ReaderRef(stream), content_length);   // borrows the stream
//   io::ReadToEnd(body, limit)
//
// It owns its reader, or borrows one by ReaderRef. Errors of the reader do not count. Any thread, one reading task at a time.
#ifndef KIOTO_RUNTIME_IO_TAKE_H_
#define KIOTO_RUNTIME_IO_TAKE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/io/reader.h"

namespace kioto::io {

template <class R>
class TakeReader {
 public:
  static_assert(IsReader<R>, "kioto: Take needs a reader by std::move, or ReaderRef(x)");

  TakeReader(R reader, uint64_t limit) : reader_(std::move(reader)), left_(limit) {}

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    if (left_ == 0) {
      if (!cx.ConsumeBudget()) return kPending;
      return StatusOr<size_t>(0);
    }
    const MutableBytes room = into.subspan(0, static_cast<size_t>(std::min<uint64_t>(left_, into.size())));
    Poll<StatusOr<size_t>> n = reader_.PollRead(cx, room);
    if (n.ready() && n->ok()) {
      KIOTO_CHECK(**n <= room.size(), "Take: its reader says that it has read more than there was room for");
      left_ -= **n;
    }
    return n;
  }
  void Describe(WaitTrace& trace) const { trace.Node("Take", reader_); }

  // So many bytes are still to come at most.
  uint64_t limit() const { return left_; }
  void set_limit(uint64_t limit) { left_ = limit; }
  R& reader() { return reader_; }
  R Into() && { return std::move(reader_); }

 private:
  R reader_;
  uint64_t left_;
};

template <class R>
TakeReader<R> Take(R reader, uint64_t limit) {
  return TakeReader<R>(std::move(reader), limit);
}

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_TAKE_H_
