// Reading from any reader: once, exactly so much, to the end. The futures borrow the reader and the memory.
// Sockets have these as members; they are the same futures. Any thread, one reading task at a time.
#ifndef KIOTO_RUNTIME_IO_READ_H_
#define KIOTO_RUNTIME_IO_READ_H_

#include <cstddef>
#include <string>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/reader.h"

namespace kioto::io {

// What one read gives. Output: StatusOr<size_t>, 0 at the end of the stream.
class [[nodiscard]] ReadFuture : public FutureBase<ReadFuture, StatusOr<size_t>> {
 public:
  ReadFuture(ReaderRef reader, MutableBytes into) : reader_(reader), into_(into) {}
  Poll<StatusOr<size_t>> PollOnce(Context& cx) { return reader_.PollRead(cx, into_); }
  void Describe(WaitTrace& trace) const { trace.Node("Read", reader_); }

 private:
  ReaderRef reader_;
  MutableBytes into_;
};

// The same, appended to a queue, into at least `room` bytes of free memory (which is made at each poll).
class [[nodiscard]] ReadQueueFuture : public FutureBase<ReadQueueFuture, StatusOr<size_t>> {
 public:
  ReadQueueFuture(ReaderRef reader, ByteQueue& queue, size_t room) : reader_(reader), queue_(&queue), room_(room) {}
  Poll<StatusOr<size_t>> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("Read", reader_); }

 private:
  ReaderRef reader_;
  ByteQueue* queue_;
  size_t room_;
};

class [[nodiscard]] ReadExactFuture : public FutureBase<ReadExactFuture, Status> {
 public:
  ReadExactFuture(ReaderRef reader, MutableBytes into) : reader_(reader), into_(into) {}
  Poll<Status> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("ReadExact", reader_); }

 private:
  ReaderRef reader_;
  MutableBytes into_;
  size_t done_ = 0;
};

class [[nodiscard]] ReadToEndFuture : public FutureBase<ReadToEndFuture, StatusOr<std::string>> {
 public:
  static constexpr bool kLosesData = true;

  ReadToEndFuture(ReaderRef reader, size_t limit) : reader_(reader), limit_(limit) {}
  Poll<StatusOr<std::string>> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("ReadToEnd", reader_); }

 private:
  ReaderRef reader_;
  size_t limit_;
  std::string data_;
};

// The same, appended to a string of the caller's.
class [[nodiscard]] AppendToEndFuture : public FutureBase<AppendToEndFuture, StatusOr<size_t>> {
 public:
  AppendToEndFuture(ReaderRef reader, std::string& into, size_t limit) : reader_(reader), into_(&into), limit_(limit) {}
  Poll<StatusOr<size_t>> PollOnce(Context& cx);
  void Describe(WaitTrace& trace) const { trace.Node("ReadToEnd", reader_); }

 private:
  ReaderRef reader_;
  std::string* into_;
  size_t limit_;
  size_t done_ = 0;
};

// Reads at least one byte, at most into.size(); gives how many, 0 at the end of the stream (or of an empty `into`).
// CANCEL SAFE: yes.
inline ReadFuture Read(ReaderRef reader, MutableBytes into) { return ReadFuture(reader, into); }
// Reads at least one byte, appended to `queue`; gives how many, 0 at the end. CANCEL SAFE: yes.
inline ReadQueueFuture Read(ReaderRef reader, ByteQueue& queue, size_t room = 4096) {
  return ReadQueueFuture(reader, queue, room);
}
// Fills all of `into` and reads no byte more. Errors: IsUnexpectedEof when the stream ends before; what is in `into` then is
// the stream's last bytes, but how many is not told. CANCEL SAFE: loses place (what it has read is in `into`).
inline ReadExactFuture ReadExact(ReaderRef reader, MutableBytes into) { return ReadExactFuture(reader, into); }
// Reads all that comes until the end. Errors: IsLimitExceeded when there are more than `limit` bytes.
// CANCEL SAFE: loses data.
inline ReadToEndFuture ReadToEnd(ReaderRef reader, size_t limit) { return ReadToEndFuture(reader, limit); }
// The same, appended to `into`, whose capacity is used before it grows; gives how many bytes came. With an error, what came
// before is in `into`. CANCEL SAFE: loses place (what it has read is in `into`).
inline AppendToEndFuture ReadToEnd(ReaderRef reader, std::string& into, size_t limit) {
  return AppendToEndFuture(reader, into, limit);
}

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_READ_H_
