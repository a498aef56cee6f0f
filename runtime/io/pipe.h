// Simplex, Duplex: pipes in memory: one way, and two of them crossed. For tests of what reads and writes, and between tasks.
//
//   auto pipe = io::Duplex(1024);       // pipe.first, pipe.second: DuplexStream
//   auto way = io::Simplex(1024);       // way.writer, way.reader
//
// Each way holds at most `capacity` bytes; a writer waits for room, a reader for bytes. Dropping the writer, or Shutdown,
// is the reader's end behind what is in the pipe; dropping the reader makes writing fail with EPIPE. Any thread, any runtime
// or none; one task at a time reads, and one writes. Each operation that is ready consumes budget. CANCEL SAFE: yes.
#ifndef KIOTO_RUNTIME_IO_PIPE_H_
#define KIOTO_RUNTIME_IO_PIPE_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {
namespace internal {

class Pipe;

}  // namespace internal

class SimplexReader {
 public:
  SimplexReader(SimplexReader&&) noexcept = default;
  SimplexReader& operator=(SimplexReader&& other) noexcept;
  ~SimplexReader();
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into);

 private:
  friend struct SimplexPipe;
  friend struct DuplexPipe;
  explicit SimplexReader(std::shared_ptr<internal::Pipe> pipe) : pipe_(std::move(pipe)) {}

  std::shared_ptr<internal::Pipe> pipe_;
};

class SimplexWriter {
 public:
  SimplexWriter(SimplexWriter&&) noexcept = default;
  SimplexWriter& operator=(SimplexWriter&& other) noexcept;
  ~SimplexWriter();
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return PollWriteVectored(cx, Pieces(&bytes, 1)); }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces);
  Poll<Status> PollFlush(Context& cx);  // an error after Shutdown and when the reader is gone
  Poll<Status> PollShutdown(Context& cx);

 private:
  friend struct SimplexPipe;
  friend struct DuplexPipe;
  explicit SimplexWriter(std::shared_ptr<internal::Pipe> pipe) : pipe_(std::move(pipe)) {}

  std::shared_ptr<internal::Pipe> pipe_;
};

struct SimplexPipe {
  explicit SimplexPipe(std::shared_ptr<internal::Pipe> pipe) : writer(pipe), reader(std::move(pipe)) {}

  SimplexWriter writer;
  SimplexReader reader;
};

// `capacity` is at least 1.
SimplexPipe Simplex(size_t capacity);

class DuplexStream {
 public:
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) { return reader_.PollRead(cx, into); }
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return writer_.PollWrite(cx, bytes); }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces) { return writer_.PollWriteVectored(cx, pieces); }
  Poll<Status> PollFlush(Context& cx) { return writer_.PollFlush(cx); }
  Poll<Status> PollShutdown(Context& cx) { return writer_.PollShutdown(cx); }
  void Describe(WaitTrace& trace) const { trace.Leaf("DuplexStream"); }

 private:
  friend struct DuplexPipe;
  DuplexStream(SimplexReader reader, SimplexWriter writer) : reader_(std::move(reader)), writer_(std::move(writer)) {}

  SimplexReader reader_;
  SimplexWriter writer_;
};

struct DuplexPipe {
  DuplexPipe(SimplexPipe there, SimplexPipe back)
      : first(std::move(back.reader), std::move(there.writer)), second(std::move(there.reader), std::move(back.writer)) {}

  DuplexStream first;
  DuplexStream second;
};

// `capacity` bytes each way, at least 1.
inline DuplexPipe Duplex(size_t capacity) { return DuplexPipe(Simplex(capacity), Simplex(capacity)); }

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_PIPE_H_
