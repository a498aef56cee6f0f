// Join makes one stream of a reader and a writer. Split makes a reader and a writer of one stream, for two tasks.
//
//   auto [reader, writer] = io::Split(std::move(stream));
//   StatusOr<Stream> again = io::Unsplit(reader, writer);
//
// Split serves any stream: its halves share it behind a mutex, held for a poll. Sockets have halves without one
// (net/tcp_stream.h). A half that goes away shuts nothing down. The join owns both, or borrows by ReaderRef and WriterRef.
// Threads: each half's operations from one task at a time, on any thread.
#ifndef KIOTO_RUNTIME_IO_SPLIT_H_
#define KIOTO_RUNTIME_IO_SPLIT_H_

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {

template <class R, class W>
class JoinedStream {
 public:
  static_assert(IsReader<R> && IsWriter<W>, "kioto: Join needs a reader and a writer by std::move, or ReaderRef(x) and WriterRef(x)");

  JoinedStream(R reader, W writer) : reader_(std::move(reader)), writer_(std::move(writer)) {}

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) { return reader_.PollRead(cx, into); }
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return writer_.PollWrite(cx, bytes); }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces) { return WriterRef(writer_).PollWriteVectored(cx, pieces); }
  Poll<Status> PollFlush(Context& cx) { return WriterRef(writer_).PollFlush(cx); }
  Poll<Status> PollShutdown(Context& cx) { return WriterRef(writer_).PollShutdown(cx); }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("Join");
    trace.Child(reader_);
    trace.Child(writer_);
  }

  R& reader() { return reader_; }
  W& writer() { return writer_; }
  std::pair<R, W> Into() && { return {std::move(reader_), std::move(writer_)}; }

 private:
  R reader_;
  W writer_;
};

// Not for futures, which kioto::Join waits for.
template <class R, class W, std::enable_if_t<!IsFuture<R> && !IsFuture<W>, int> = 0>
JoinedStream<R, W> Join(R reader, W writer) {
  return JoinedStream<R, W>(std::move(reader), std::move(writer));
}

namespace internal {

template <class S>
struct SharedStream {
  explicit SharedStream(S stream) : stream(std::move(stream)) {}
  base::Mutex mutex;
  S stream;  // under `mutex`
};

// What `use(S&)` gives, under the mutex.
template <class S, class Use>
auto WithShared(const std::shared_ptr<SharedStream<S>>& shared, Use use) {
  KIOTO_CHECK(shared != nullptr, "io::Split: a half was used after Unsplit, or after it was moved from");
  base::MutexLock lock(shared->mutex);
  return use(shared->stream);
}

}  // namespace internal

template <class S>
class SplitWriter;

template <class S>
class SplitReader {
 public:
  explicit SplitReader(std::shared_ptr<internal::SharedStream<S>> shared) : shared_(std::move(shared)) {}

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    return internal::WithShared(shared_, [&](S& stream) { return stream.PollRead(cx, into); });
  }
  // Not of halves that are empty, after Unsplit.
  bool IsPairOf(const SplitWriter<S>& writer) const { return shared_ != nullptr && shared_ == writer.shared_; }

 private:
  template <class T>
  friend StatusOr<T> Unsplit(SplitReader<T>& reader, SplitWriter<T>& writer);

  std::shared_ptr<internal::SharedStream<S>> shared_;
};

template <class S>
class SplitWriter {
 public:
  explicit SplitWriter(std::shared_ptr<internal::SharedStream<S>> shared) : shared_(std::move(shared)) {}

  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) {
    return internal::WithShared(shared_, [&](S& stream) { return stream.PollWrite(cx, bytes); });
  }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces) {
    return internal::WithShared(shared_, [&](S& stream) { return WriterRef(stream).PollWriteVectored(cx, pieces); });
  }
  Poll<Status> PollFlush(Context& cx) {
    return internal::WithShared(shared_, [&](S& stream) { return WriterRef(stream).PollFlush(cx); });
  }
  Poll<Status> PollShutdown(Context& cx) {
    return internal::WithShared(shared_, [&](S& stream) { return WriterRef(stream).PollShutdown(cx); });
  }

 private:
  friend class SplitReader<S>;
  template <class T>
  friend StatusOr<T> Unsplit(SplitReader<T>& reader, SplitWriter<T>& writer);

  std::shared_ptr<internal::SharedStream<S>> shared_;
};

template <class S>
struct SplitEnds {
  SplitReader<S> reader;
  SplitWriter<S> writer;
};

template <class S>
SplitEnds<S> Split(S stream) {
  static_assert(IsReader<S> && IsWriter<S>, "kioto: Split needs a stream that reads and writes");
  auto shared = std::make_shared<internal::SharedStream<S>>(std::move(stream));
  return {SplitReader<S>(shared), SplitWriter<S>(shared)};
}

// The stream again; the halves are empty then, and not to be used. Errors: FailedPrecondition if they come from two streams, or
// are empty, and stay as they were.
template <class S>
StatusOr<S> Unsplit(SplitReader<S>& reader, SplitWriter<S>& writer) {
  if (!reader.IsPairOf(writer)) {
    return absl::FailedPreconditionError("io::Unsplit: this reader and this writer are halves of two streams, or empty since an Unsplit");
  }
  StatusOr<S> stream(std::move(reader.shared_->stream));
  reader.shared_ = nullptr;
  writer.shared_ = nullptr;
  return stream;
}

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_SPLIT_H_
