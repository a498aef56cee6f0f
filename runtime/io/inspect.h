// InspectReader, InspectWriter: a reader or a writer of which somebody sees the bytes go by: for checksums, counters, logs.
//
//   io::InspectReader in(std::move(stream), [&crc](absl::string_view bytes) { crc.Update(bytes); });
//
// They own what they wrap; ReaderRef(x), WriterRef(x) borrow one. The function is called with what was read or taken, in order,
// before the answer is given: at the end of a reader with nothing, once for each read there; for a writer never with nothing,
// and for many pieces once for each piece or part of one. Threads: as what they wrap.
#ifndef KIOTO_RUNTIME_IO_INSPECT_H_
#define KIOTO_RUNTIME_IO_INSPECT_H_

#include <cstddef>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {

template <class R, class Fn>
class InspectReader {
 public:
  static_assert(IsReader<R>, "kioto: InspectReader needs a reader by std::move, or ReaderRef(x)");

  InspectReader(R reader, Fn fn) : reader_(std::move(reader)), fn_(std::move(fn)) {}

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    Poll<StatusOr<size_t>> n = reader_.PollRead(cx, into);
    if (n.ready() && n->ok() && !into.empty()) fn_(absl::string_view(into.data(), **n));
    return n;
  }
  void Describe(WaitTrace& trace) const { trace.Child(reader_); }

  R& inner() { return reader_; }
  R IntoInner() && { return std::move(reader_); }

 private:
  R reader_;
  Fn fn_;
};

template <class W, class Fn>
class InspectWriter {
 public:
  static_assert(IsWriter<W>, "kioto: InspectWriter needs a writer by std::move, or WriterRef(x)");

  InspectWriter(W writer, Fn fn) : writer_(std::move(writer)), fn_(std::move(fn)) {}

  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) {
    Poll<StatusOr<size_t>> n = writer_.PollWrite(cx, bytes);
    Saw(n, Pieces(&bytes, 1));
    return n;
  }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces) {
    Poll<StatusOr<size_t>> n = WriterRef(writer_).PollWriteVectored(cx, pieces);
    Saw(n, pieces);
    return n;
  }
  Poll<Status> PollFlush(Context& cx) { return WriterRef(writer_).PollFlush(cx); }
  Poll<Status> PollShutdown(Context& cx) { return WriterRef(writer_).PollShutdown(cx); }
  void Describe(WaitTrace& trace) const { trace.Child(writer_); }

  W& inner() { return writer_; }
  W IntoInner() && { return std::move(writer_); }

 private:
  void Saw(Poll<StatusOr<size_t>>& n, Pieces pieces) {
    if (n.pending() || !n->ok()) return;
    size_t left = **n;
    for (const absl::string_view piece : pieces) {
      const absl::string_view taken = piece.substr(0, left);
      left -= taken.size();
      if (!taken.empty()) fn_(taken);
    }
  }

  W writer_;
  Fn fn_;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_INSPECT_H_
