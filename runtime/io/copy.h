// Copy: everything from a reader to a writer.
//
// By a buffer. Where both are sockets or pipes of the system (TcpStream, UnixStream, their halves, PipeReceiver, PipeSender), a
// read that fills the buffer shows that much is coming: from then on, as long as no less comes at once, it goes through the
// kernel alone (splice.h), by a pipe: two fds while bytes move or wait for room. What comes in small pieces does not, for which
// splicing would take more system calls than copying.
#ifndef KIOTO_RUNTIME_IO_COPY_H_
#define KIOTO_RUNTIME_IO_COPY_H_

#include <cstddef>
#include <cstdint>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/splice.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {

class [[nodiscard]] CopyFuture : public FutureBase<CopyFuture, StatusOr<uint64_t>> {
 public:
  static constexpr bool kLosesData = true;

  CopyFuture(ReaderRef reader, WriterRef writer, size_t buffer_size)
      : reader_(reader), writer_(writer), buffer_size_(buffer_size) {}
  Poll<StatusOr<uint64_t>> PollOnce(Context& cx);
  // Bytes that are written so far: to show progress, or to see that there is none.
  uint64_t copied() const { return total_; }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("Copy");
    trace.Child(reader_);
    trace.Child(writer_);
  }

 private:
  // Whether the kernel may do it.
  bool Splices() const {
    return !pump_.refused() && reader_.splice_handle() != nullptr && writer_.splice_handle() != nullptr;
  }
  // Reads when there is room and writes when there are bytes, until both would wait. False: wait.
  StatusOr<bool> Step(Context& cx);

  ReaderRef reader_;
  WriterRef writer_;
  Buffer buffer_;  // made at the first poll
  size_t buffer_size_;
  internal::SplicePump pump_;
  size_t begin_ = 0, end_ = 0;  // read and not yet written
  uint64_t total_ = 0;          // written
  bool ended_ = false;          // the reader
  bool flush_ = false;          // something was written since the last flush
  bool splicing_ = false;       // once the buffer is empty
};

// Copies until the reader's end, flushes (also whenever the reader has nothing more for now), and gives the number of bytes.
// Errors: the first of either side; what was read and not written then is lost, as it is when dropped: up to the buffer's size,
// and 64 KiB in the kernel.
// CANCEL SAFE: loses data.
inline CopyFuture Copy(ReaderRef reader, WriterRef writer, size_t buffer_size = 16 * 1024) {
  return CopyFuture(reader, writer, buffer_size);
}

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_COPY_H_
