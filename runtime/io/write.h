// Writing to any writer: once, all of it, from several pieces, flush, shutdown. The futures borrow the writer; bytes are
// borrowed from a view and owned from a string that is moved in. What would be borrowed from a temporary is refused.
// Sockets have these as members; they are the same futures. Any thread, one writing task at a time.
#ifndef KIOTO_RUNTIME_IO_WRITE_H_
#define KIOTO_RUNTIME_IO_WRITE_H_

#include <cstddef>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {
namespace internal {

// For the overloads that take a string by rvalue.
template <class S>
using IfString = std::enable_if_t<std::is_same_v<std::remove_cv_t<S>, std::string>, int>;

template <class S>
kioto::internal::Poison RefuseTemporary() {
  static_assert(kioto::internal::kAlwaysFalse<S>,
                "kioto: Write may take a part only, and the rest would die with this temporary string: use WriteAll, or keep the string");
  return {};
}

// What a braced list of pieces makes: an array that dies before the future that borrows it.
using PieceList = std::initializer_list<absl::string_view>;

template <class L>
kioto::internal::Poison RefusePieceList() {
  static_assert(kioto::internal::kAlwaysFalse<L>, "kioto: the list of pieces is borrowed, as the pieces are: keep it in an array beside them");
  return {};
}

}  // namespace internal

class [[nodiscard]] WriteFuture : public FutureBase<WriteFuture, StatusOr<size_t>> {
 public:
  WriteFuture(WriterRef writer, absl::string_view bytes) : writer_(writer), bytes_(bytes) {}
  Poll<StatusOr<size_t>> PollOnce(Context& cx) { return writer_.PollWrite(cx, bytes_); }
  void Describe(WaitTrace& trace) const { trace.Node("Write", writer_); }

 private:
  WriterRef writer_;
  absl::string_view bytes_;
};

class [[nodiscard]] WriteVectoredFuture : public FutureBase<WriteVectoredFuture, StatusOr<size_t>> {
 public:
  WriteVectoredFuture(WriterRef writer, Pieces pieces) : writer_(writer), pieces_(pieces) {}
  Poll<StatusOr<size_t>> PollOnce(Context& cx) { return writer_.PollWriteVectored(cx, pieces_); }
  void Describe(WaitTrace& trace) const { trace.Node("WriteVectored", writer_); }

 private:
  WriterRef writer_;
  Pieces pieces_;
};

class [[nodiscard]] WriteAllFuture : public FutureBase<WriteAllFuture, Status> {
 public:
  WriteAllFuture(WriterRef writer, absl::string_view bytes) : writer_(writer), bytes_(bytes) {}
  Poll<Status> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("WriteAll", writer_); }

 private:
  WriterRef writer_;
  absl::string_view bytes_;  // what is left
};

class [[nodiscard]] WriteAllOwnedFuture : public FutureBase<WriteAllOwnedFuture, Status> {
 public:
  WriteAllOwnedFuture(WriterRef writer, std::string bytes) : writer_(writer), bytes_(std::move(bytes)) {}
  Poll<Status> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("WriteAll", writer_); }

 private:
  WriterRef writer_;
  std::string bytes_;
  size_t done_ = 0;
};

class [[nodiscard]] WriteAllVectoredFuture : public FutureBase<WriteAllVectoredFuture, Status> {
 public:
  WriteAllVectoredFuture(WriterRef writer, Pieces pieces) : writer_(writer), pieces_(pieces) {}
  Poll<Status> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("WriteAllVectored", writer_); }

 private:
  WriterRef writer_;
  Pieces pieces_;    // those not written in full
  size_t done_ = 0;  // of the first of them
};

// What one write takes of a queue, or all of it: so much is taken out of it.
class [[nodiscard]] WriteQueueFuture : public FutureBase<WriteQueueFuture, StatusOr<size_t>> {
 public:
  WriteQueueFuture(WriterRef writer, ByteQueue& queue) : writer_(writer), queue_(&queue) {}
  Poll<StatusOr<size_t>> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("Write", writer_); }

 private:
  WriterRef writer_;
  ByteQueue* queue_;
};

class [[nodiscard]] WriteAllQueueFuture : public FutureBase<WriteAllQueueFuture, Status> {
 public:
  WriteAllQueueFuture(WriterRef writer, ByteQueue& queue) : writer_(writer), queue_(&queue) {}
  Poll<Status> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("WriteAll", writer_); }

 private:
  WriterRef writer_;
  ByteQueue* queue_;
};

class [[nodiscard]] FlushFuture : public FutureBase<FlushFuture, Status> {
 public:
  explicit FlushFuture(WriterRef writer) : writer_(writer) {}
  Poll<Status> PollOnce(Context& cx) { return writer_.PollFlush(cx); }
  void Describe(WaitTrace& trace) const { trace.Node("Flush", writer_); }

 private:
  WriterRef writer_;
};

class [[nodiscard]] ShutdownFuture : public FutureBase<ShutdownFuture, Status> {
 public:
  explicit ShutdownFuture(WriterRef writer) : writer_(writer) {}
  Poll<Status> PollOnce(Context& cx) { return writer_.PollShutdown(cx); }
  void Describe(WaitTrace& trace) const { trace.Node("Shutdown", writer_); }

 private:
  WriterRef writer_;
};

// Writes at least one byte of a view that is not empty; gives how many were taken. A temporary string is refused.
// CANCEL SAFE: yes.
inline WriteFuture Write(WriterRef writer, absl::string_view bytes) { return WriteFuture(writer, bytes); }
template <class S, internal::IfString<S> = 0>
auto Write(WriterRef, S&&) {
  return internal::RefuseTemporary<S>();
}
// The same from the front of `queue`, which loses what was taken. CANCEL SAFE: yes.
inline WriteQueueFuture Write(WriterRef writer, ByteQueue& queue) { return WriteQueueFuture(writer, queue); }
// The same from several pieces, which are borrowed with the array that lists them. CANCEL SAFE: yes.
inline WriteVectoredFuture WriteVectored(WriterRef writer, Pieces pieces) { return WriteVectoredFuture(writer, pieces); }
template <class L = internal::PieceList>
auto WriteVectored(WriterRef, internal::PieceList) {
  return internal::RefusePieceList<L>();
}
// Writes everything. Errors: the writer's, IsWriteZero. CANCEL SAFE: loses place.
inline WriteAllFuture WriteAll(WriterRef writer, absl::string_view bytes) { return WriteAllFuture(writer, bytes); }
// The same of a string that is moved in: WriteAll(w, absl::StrCat(...)).
template <class S, internal::IfString<S> = 0>
WriteAllOwnedFuture WriteAll(WriterRef writer, S&& bytes) {
  return WriteAllOwnedFuture(writer, std::move(bytes));
}
// The same from several pieces, which are borrowed with the array that lists them. CANCEL SAFE: loses place.
inline WriteAllVectoredFuture WriteAllVectored(WriterRef writer, Pieces pieces) {
  return WriteAllVectoredFuture(writer, pieces);
}
template <class L = internal::PieceList>
auto WriteAllVectored(WriterRef, internal::PieceList) {
  return internal::RefusePieceList<L>();
}
// All of `queue`. Errors: as above. CANCEL SAFE: yes: it has at any time what is not written yet, after an error too.
inline WriteAllQueueFuture WriteAll(WriterRef writer, ByteQueue& queue) { return WriteAllQueueFuture(writer, queue); }
// Until all that was written has reached its destination. CANCEL SAFE: yes.
inline FlushFuture Flush(WriterRef writer) { return FlushFuture(writer); }
// Flushes, then says to the other side that nothing will follow. CANCEL SAFE: yes.
inline ShutdownFuture Shutdown(WriterRef writer) { return ShutdownFuture(writer); }

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_WRITE_H_
