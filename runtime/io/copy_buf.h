// CopyBuf: everything from a reader that has a buffer of its own to a writer.
#ifndef KIOTO_RUNTIME_IO_COPY_BUF_H_
#define KIOTO_RUNTIME_IO_COPY_BUF_H_

#include <cstdint>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/future/wait_trace.h"
#include "kioto/runtime/io/buf_reader.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {

class [[nodiscard]] CopyBufFuture : public FutureBase<CopyBufFuture, StatusOr<uint64_t>> {
 public:
  CopyBufFuture(BufReaderRef reader, WriterRef writer) : reader_(reader), writer_(writer) {}
  Poll<StatusOr<uint64_t>> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("CopyBuf");
    trace.Child(reader_);
    trace.Child(writer_);
  }

 private:
  BufReaderRef reader_;
  WriterRef writer_;
  uint64_t total_ = 0;  // written
  bool flush_ = false;  // something was written since the last flush
};

// Copies until the reader's end without a buffer between, flushes (also whenever the reader has nothing more for now), and gives
// the number of bytes. Errors: the first of either side. What was not written stays in the reader, after an error too.
// CANCEL SAFE: loses place (how many bytes were copied), and no byte.
inline CopyBufFuture CopyBuf(BufReaderRef reader, WriterRef writer) { return CopyBufFuture(reader, writer); }

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_COPY_BUF_H_
