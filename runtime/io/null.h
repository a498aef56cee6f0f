// Streams without anything behind them: Empty, which is at its end at once; Repeat, an endless row of one byte; Sink, which
// takes everything and keeps nothing.
//
//   io::EmptyStream nothing = io::Empty();
//   io::RepeatReader zeroes = io::Repeat('\0');
//   io::SinkWriter hole = io::Sink();
//
// Always ready, and each operation consumes budget, so a task that does nothing else lets others run. Any thread.
#ifndef KIOTO_RUNTIME_IO_NULL_H_
#define KIOTO_RUNTIME_IO_NULL_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/seek.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {
namespace internal {

template <class T = size_t>
Poll<StatusOr<T>> DoneWith(Context& cx, T n) {
  if (!cx.ConsumeBudget()) return kPending;
  return StatusOr<T>(n);
}

}  // namespace internal

class SinkWriter {
 public:
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return internal::DoneWith(cx, bytes.size()); }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces) {
    size_t size = 0;
    for (absl::string_view piece : pieces) size += piece.size();
    return internal::DoneWith(cx, size);
  }
  Poll<Status> PollFlush(Context& cx) {
    if (internal::DoneWith<size_t>(cx, 0).pending()) return kPending;
    return OkStatus();
  }
  Poll<Status> PollShutdown(Context& cx) { return PollFlush(cx); }
};

// Also a sink.
class EmptyStream : public SinkWriter {
 public:
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes) { return internal::DoneWith<size_t>(cx, 0); }
  // Every place is the start.
  Poll<StatusOr<uint64_t>> PollSeek(Context& cx, SeekFrom) { return internal::DoneWith<uint64_t>(cx, 0); }
};

class RepeatReader {
 public:
  explicit RepeatReader(char byte) : byte_(byte) {}
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    if (!into.empty()) std::memset(into.data(), byte_, into.size());
    return internal::DoneWith(cx, into.size());
  }

 private:
  char byte_;
};

inline EmptyStream Empty() { return EmptyStream(); }
inline RepeatReader Repeat(char byte) { return RepeatReader(byte); }
inline SinkWriter Sink() { return SinkWriter(); }

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_NULL_H_
