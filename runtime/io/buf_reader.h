// BufReader: a reader with a buffer before it: many small reads become one of the reader's. For parsing a stream piece by
// piece; frames are easier taken from a ByteQueue, lines from Lines.
//
//   With(io::BufReader(std::move(stream)), std::string(), [](auto& in, std::string& word) {
//     return in.ReadUntil(' ', word, /*limit=*/4096).AndThen([&](size_t& n) { ... });
//   });
//
// It owns its reader; BufReader(ReaderRef(stream)) borrows one. A read of at least the buffer's size that finds it empty goes
// past it. Where the reader is a writer too, writing goes straight through; where it is a seeker, a seek from the current place
// counts from what was taken out of the buffer, and each drops what is in it. Any thread, one reading task at a time.
#ifndef KIOTO_RUNTIME_IO_BUF_READER_H_
#define KIOTO_RUNTIME_IO_BUF_READER_H_

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/seek.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {

inline constexpr size_t kBufferSize = 8 * 1024;

namespace internal {

// All of BufReader that does not depend on the reader's type.
class ReadBuffer {
 public:
  explicit ReadBuffer(size_t capacity) : capacity_(capacity != 0 ? capacity : 1) {}

  Poll<StatusOr<size_t>> Read(ReaderRef reader, Context& cx, MutableBytes into);
  Poll<StatusOr<absl::string_view>> Fill(ReaderRef reader, Context& cx);
  void Consume(size_t n);
  Poll<StatusOr<uint64_t>> Seek(SeekerRef reader, Context& cx, SeekFrom to);
  absl::string_view view() const { return absl::string_view(buffer_.data() + begin_, end_ - begin_); }

 private:
  Poll<Status> ReadMore(ReaderRef reader, Context& cx);

  size_t capacity_;
  Buffer buffer_;  // made at the first read
  size_t begin_ = 0, end_ = 0;
};

}  // namespace internal

// A reference to any buffered reader, in two words: a class with PollFill and Consume as BufReader has them.
class BufReaderRef {
 public:
  template <class R, std::enable_if_t<!std::is_same_v<R, BufReaderRef> && !std::is_const_v<R>, int> = 0,
            class = decltype(std::declval<R&>().PollFill(std::declval<Context&>()))>
  BufReaderRef(R& reader) : object_(&reader), ops_(&kOps<R>) {}  // NOLINT: a reference to it

  Poll<StatusOr<absl::string_view>> PollFill(Context& cx) const { return ops_->fill(object_, cx); }
  void Consume(size_t n) const { ops_->consume(object_, n); }
  void Describe(WaitTrace& trace) const { ops_->describe(object_, trace); }

 private:
  struct Ops {
    Poll<StatusOr<absl::string_view>> (*fill)(void*, Context&);
    void (*consume)(void*, size_t);
    void (*describe)(const void*, WaitTrace&);
  };
  template <class R>
  static constexpr Ops kOps = {[](void* r, Context& cx) { return static_cast<R*>(r)->PollFill(cx); },
                               [](void* r, size_t n) { static_cast<R*>(r)->Consume(n); },
                               [](const void* r, WaitTrace& trace) { trace.Child(*static_cast<const R*>(r)); }};

  void* object_;
  const Ops* ops_;
};

class [[nodiscard]] FillFuture : public FutureBase<FillFuture, StatusOr<absl::string_view>> {
 public:
  explicit FillFuture(BufReaderRef reader) : reader_(reader) {}
  Poll<StatusOr<absl::string_view>> PollOnce(Context& cx) { return reader_.PollFill(cx); }
  void Describe(WaitTrace& trace) const { trace.Node("Fill", reader_); }

 private:
  BufReaderRef reader_;
};

class [[nodiscard]] ReadUntilFuture : public FutureBase<ReadUntilFuture, StatusOr<size_t>> {
 public:
  ReadUntilFuture(BufReaderRef reader, char end, std::string& into, size_t limit)
      : reader_(reader), end_(end), into_(&into), limit_(limit) {}
  Poll<StatusOr<size_t>> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("ReadUntil", reader_); }

 private:
  BufReaderRef reader_;
  char end_;
  std::string* into_;
  size_t limit_;
  size_t done_ = 0;
};

// The bytes at hand, after a read if there are none; empty at the end of the stream. Good until the reader is used again;
// Consume takes from their front. Errors: the reader's. CANCEL SAFE: yes.
inline FillFuture Fill(BufReaderRef reader) { return FillFuture(reader); }
// Appends to `into` what comes up to and with the first `end`, or to the stream's end; gives how many bytes, 0 at the end.
// Errors: the reader's; IsLimitExceeded when there is no `end` in `limit` bytes. What was read before is in `into`.
// CANCEL SAFE: loses place (what it has read is in `into`).
inline ReadUntilFuture ReadUntil(BufReaderRef reader, char end, std::string& into, size_t limit) {
  return ReadUntilFuture(reader, end, into, limit);
}

template <class R>
class BufReader {
 public:
  static_assert(IsReader<R>, "kioto: BufReader and BufWriter take a reader or writer by std::move, or ReaderRef(x), WriterRef(x)");

  explicit BufReader(R reader, size_t capacity = kBufferSize) : reader_(std::move(reader)), buffer_(capacity) {}

  // As the functions of the same name.
  ReadFuture Read(MutableBytes into) { return io::Read(*this, into); }
  FillFuture Fill() { return io::Fill(*this); }
  ReadUntilFuture ReadUntil(char end, std::string& into, size_t limit) { return io::ReadUntil(*this, end, into, limit); }

  // What was read ahead; the reader itself, past the buffer; the same for good: what was read ahead is lost.
  absl::string_view buffered() const { return buffer_.view(); }
  R& inner() { return reader_; }
  R IntoInner() && { return std::move(reader_); }

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) { return buffer_.Read(reader_, cx, into); }
  Poll<StatusOr<absl::string_view>> PollFill(Context& cx) { return buffer_.Fill(reader_, cx); }
  void Consume(size_t n) { buffer_.Consume(n); }
  void Describe(WaitTrace& trace) const { trace.Node("BufReader", reader_); }
  template <class T = R, std::enable_if_t<IsSeeker<T>, int> = 0>
  Poll<StatusOr<uint64_t>> PollSeek(Context& cx, SeekFrom to) {
    return buffer_.Seek(reader_, cx, to);
  }

  template <class T = R, std::enable_if_t<IsWriter<T>, int> = 0>
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) {
    return reader_.PollWrite(cx, bytes);
  }
  template <class T = R, std::enable_if_t<internal::HasVectored<T>::value, int> = 0>
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces) {
    return reader_.PollWriteVectored(cx, pieces);
  }
  template <class T = R, std::enable_if_t<IsWriter<T>, int> = 0>
  Poll<Status> PollFlush(Context& cx) {
    return WriterRef(reader_).PollFlush(cx);
  }
  template <class T = R, std::enable_if_t<IsWriter<T>, int> = 0>
  Poll<Status> PollShutdown(Context& cx) {
    return WriterRef(reader_).PollShutdown(cx);
  }

 private:
  R reader_;
  internal::ReadBuffer buffer_;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_BUF_READER_H_
