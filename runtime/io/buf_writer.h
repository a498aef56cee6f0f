// BufWriter: a writer with a buffer before it: many small writes become one of the writer's. What is still in the buffer
// when it is destroyed is lost: flush, or shut down.
//
//   With(io::BufWriter(std::move(stream)), [](auto& out) {
//     return io::WriteAll(out, "one").AndThen([&] { return io::WriteAll(out, "two"); }).AndThen([&] { return out.Flush(); });
//   });
//
// It owns its writer; BufWriter(WriterRef(stream)) borrows one. A write that does not fit flushes the buffer first; one of at
// least the buffer's size goes past it. Where the writer is a reader too, reading goes straight through: BufStream has both
// buffers. Where it is a seeker, a seek writes the buffer out first. Any thread, one writing task at a time.
#ifndef KIOTO_RUNTIME_IO_BUF_WRITER_H_
#define KIOTO_RUNTIME_IO_BUF_WRITER_H_

#include <cstddef>
#include <type_traits>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/io/buf_reader.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/seek.h"
#include "kioto/runtime/io/write.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {
namespace internal {

// All of BufWriter that does not depend on the writer's type.
class WriteBuffer {
 public:
  explicit WriteBuffer(size_t capacity) : capacity_(capacity) {}

  Poll<StatusOr<size_t>> Write(WriterRef writer, Context& cx, absl::string_view bytes);
  // For a writer that takes several pieces at once, and for one that does not.
  Poll<StatusOr<size_t>> WriteVectored(WriterRef writer, Context& cx, Pieces pieces);
  Poll<StatusOr<size_t>> WritePieces(WriterRef writer, Context& cx, Pieces pieces);
  Poll<Status> WriteOut(WriterRef writer, Context& cx);
  Poll<Status> Flush(WriterRef writer, Context& cx);
  absl::string_view view() const { return absl::string_view(buffer_.data() + begin_, end_ - begin_); }

 private:
  // Gives all of the buffer to the writer, unless `more` bytes fit behind what is in it.
  Poll<Status> MakeRoom(WriterRef writer, Context& cx, size_t more);
  void Append(absl::string_view bytes);

  size_t capacity_;
  Buffer buffer_;  // made at the first write
  size_t begin_ = 0, end_ = 0;
};

}  // namespace internal

template <class W>
class BufWriter {
 public:
  static_assert(IsWriter<W>, "kioto: BufReader and BufWriter take a reader or writer by std::move, or ReaderRef(x), WriterRef(x)");

  explicit BufWriter(W writer, size_t capacity = kBufferSize) : writer_(std::move(writer)), buffer_(capacity) {}

  // As the functions of the same name. Write and WriteAll: done when the buffer has the bytes.
  WriteFuture Write(absl::string_view bytes) { return io::Write(*this, bytes); }
  template <class S, internal::IfString<S> = 0>
  auto Write(S&&) {
    return internal::RefuseTemporary<S>();
  }
  WriteAllFuture WriteAll(absl::string_view bytes) { return io::WriteAll(*this, bytes); }
  template <class S, internal::IfString<S> = 0>
  WriteAllOwnedFuture WriteAll(S&& bytes) {
    return io::WriteAll(*this, std::move(bytes));
  }
  FlushFuture Flush() { return io::Flush(*this); }
  ShutdownFuture Shutdown() { return io::Shutdown(*this); }

  // What is not written yet; the writer itself, past the buffer; the same for good: what is not written is lost.
  absl::string_view buffered() const { return buffer_.view(); }
  W& inner() { return writer_; }
  W IntoInner() && { return std::move(writer_); }

  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return buffer_.Write(writer_, cx, bytes); }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces) {
    if constexpr (internal::HasVectored<W>::value) return buffer_.WriteVectored(writer_, cx, pieces);
    return buffer_.WritePieces(writer_, cx, pieces);
  }
  Poll<Status> PollFlush(Context& cx) { return buffer_.Flush(writer_, cx); }
  Poll<Status> PollShutdown(Context& cx) {
    Poll<Status> flushed = buffer_.Flush(writer_, cx);
    if (flushed.pending() || !flushed->ok()) return flushed;
    return WriterRef(writer_).PollShutdown(cx);
  }
  void Describe(WaitTrace& trace) const { trace.Node("BufWriter", writer_); }
  template <class T = W, std::enable_if_t<IsSeeker<T>, int> = 0>
  Poll<StatusOr<uint64_t>> PollSeek(Context& cx, SeekFrom to) {
    Poll<Status> written = buffer_.WriteOut(writer_, cx);
    if (written.pending()) return kPending;
    if (!written->ok()) return StatusOr<uint64_t>(*std::move(written));
    return writer_.PollSeek(cx, to);
  }

  template <class T = W, std::enable_if_t<IsReader<T>, int> = 0>
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    return writer_.PollRead(cx, into);
  }

 private:
  W writer_;
  internal::WriteBuffer buffer_;
};

// Both: BufStream<net::TcpStream> s(io::BufWriter(std::move(stream))).
template <class S>
using BufStream = BufReader<BufWriter<S>>;

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_BUF_WRITER_H_
