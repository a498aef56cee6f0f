// Pipes of the system: PipeSender and PipeReceiver, the ends of an anonymous pipe or of a FIFO, a pipe with a name.
//
//   auto pipe = io::UnixPipe();                                  // pipe->sender, pipe->receiver
//   auto in = io::PipeReceiver::Open("/run/app.fifo");           // mkfifo(3) makes it
//   io::ReadExact(*in, header)
//
// A write of at most PIPE_BUF bytes (4096) is whole or not at all. The receiver's end comes when every sender is gone; a sender
// whose receivers are gone gets EPIPE, and no SIGPIPE. Pipes in memory are in pipe.h.
// Any thread; one task at a time uses an end. It is registered with the runtime in which it first waits.
#ifndef KIOTO_RUNTIME_IO_UNIX_PIPE_H_
#define KIOTO_RUNTIME_IO_UNIX_PIPE_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/io/fd_result.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/readiness.h"
#include "kioto/runtime/io/write.h"

namespace kioto::io {

// How a FIFO is opened.
enum class FifoMode {
  kOneWay,    // as what it is: a sender needs a receiver
  kReadWrite  // as both (Linux): a sender may come first; a receiver never sees the end
};

namespace internal {

// What both ends have.
class PipeEnd {
 public:
  int fd() const { return handle_.fd(); }
  // Gives the fd up, non-blocking. -EMFILE, and keeps it, if that takes a duplicate (--config=portable alone) and no fd is left.
  int IntoFd() && { return handle_.Release(); }
  // The same, blocking: for a child's stdin, or code that knows nothing of us.
  StatusOr<int> IntoBlockingFd() &&;

 protected:
  explicit PipeEnd(int fd) : handle_(fd) {}

  kioto::internal::IoHandle handle_;
};

}  // namespace internal

class PipeReceiver : public internal::PipeEnd {
 public:
  // Takes over a pipe's fd that is open for reading: makes it close-on-exec and non-blocking. Errors: kInvalidArgument for what
  // is none (see AsyncFd); then it is the caller's still.
  static StatusOr<PipeReceiver> FromFd(int fd);
  // At once, also where nobody sends yet: then nothing is there to read, and no end, until the first sender comes.
  static StatusOr<PipeReceiver> Open(const std::string& path, FifoMode mode = FifoMode::kOneWay);

  // --- As the members of a socket of the same name. ---

  // 0 bytes: nobody has the writing end any more, or there was no room. CANCEL SAFE: yes.
  ReadFuture Read(MutableBytes into) { return io::Read(*this, into); }
  ReadQueueFuture Read(ByteQueue& queue, size_t room = 4096) { return io::Read(*this, queue, room); }
  // All of `into`, or IsUnexpectedEof. CANCEL SAFE: loses place.
  ReadExactFuture ReadExact(MutableBytes into) { return io::ReadExact(*this, into); }
  // Until the end; IsLimitExceeded above `limit` bytes. CANCEL SAFE: loses data.
  ReadToEndFuture ReadToEnd(size_t limit) { return io::ReadToEnd(*this, limit); }
  // The same, behind what is in `into`.
  AppendToEndFuture ReadToEnd(std::string& into, size_t limit) { return io::ReadToEnd(*this, into, limit); }
  StatusOr<size_t> TryRead(MutableBytes into) { return TryReadVectored(absl::MakeConstSpan(&into, 1)); }
  StatusOr<size_t> TryRead(ByteQueue& queue, size_t room = 4096);
  StatusOr<size_t> TryReadVectored(absl::Span<const MutableBytes> pieces);
  ReadinessFuture Readable() { return ReadinessFuture(handle_, kioto::internal::Direction::kRead); }
  // As AsyncFd::TryIo.
  template <class Fn>
  typename internal::FdResultOf<Fn>::Output TryIo(Fn fn) {
    return internal::TryIo(handle_, Interest::kReadable, fn);
  }
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into);
  using Splices = PipeReceiver;
  kioto::internal::IoHandle& splice_handle() { return handle_; }
  void Describe(WaitTrace& trace) const { trace.Leaf("PipeReceiver fd " + std::to_string(fd())); }

 private:
  friend struct UnixPipeEnds;
  explicit PipeReceiver(int fd) : PipeEnd(fd) {}
};

class PipeSender : public internal::PipeEnd {
 public:
  // As PipeReceiver's, open for writing.
  static StatusOr<PipeSender> FromFd(int fd);
  // Errors: ENXIO while nobody has it open for reading.
  static StatusOr<PipeSender> Open(const std::string& path, FifoMode mode = FifoMode::kOneWay);

  // At least one byte of those given. Errors: EPIPE when nobody reads any more; there is no SIGPIPE. CANCEL SAFE: yes.
  WriteFuture Write(absl::string_view bytes) { return io::Write(*this, bytes); }
  template <class S, internal::IfString<S> = 0>
  auto Write(S&&) {
    return internal::RefuseTemporary<S>();
  }
  // All of them. CANCEL SAFE: loses place.
  WriteAllFuture WriteAll(absl::string_view bytes) { return io::WriteAll(*this, bytes); }
  template <class S, internal::IfString<S> = 0>
  WriteAllOwnedFuture WriteAll(S&& bytes) {
    return io::WriteAll(*this, std::move(bytes));
  }
  WriteAllVectoredFuture WriteAllVectored(Pieces pieces) { return io::WriteAllVectored(*this, pieces); }
  template <class L = internal::PieceList>
  auto WriteAllVectored(internal::PieceList) {
    return internal::RefusePieceList<L>();
  }
  // All of a queue. CANCEL SAFE: yes: it has at any time what is not written yet.
  WriteAllQueueFuture WriteAll(ByteQueue& queue) { return io::WriteAll(*this, queue); }
  // Closes it: the receiver's end comes, if no other sender is there. CANCEL SAFE: yes.
  ShutdownFuture Shutdown() { return io::Shutdown(*this); }
  // IsFull when there is no room.
  StatusOr<size_t> TryWrite(absl::string_view bytes) { return TryWriteVectored(Pieces(&bytes, 1)); }
  StatusOr<size_t> TryWriteVectored(Pieces pieces);
  ReadinessFuture Writable() { return ReadinessFuture(handle_, kioto::internal::Direction::kWrite); }
  template <class Fn>
  typename internal::FdResultOf<Fn>::Output TryIo(Fn fn) {
    return internal::TryIo(handle_, Interest::kWritable, fn);
  }
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return PollWriteVectored(cx, Pieces(&bytes, 1)); }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces);
  Poll<Status> PollShutdown(Context& cx);
  using Splices = PipeSender;
  kioto::internal::IoHandle& splice_handle() { return handle_; }
  void Describe(WaitTrace& trace) const { trace.Leaf("PipeSender fd " + std::to_string(fd())); }

 private:
  friend struct UnixPipeEnds;
  explicit PipeSender(int fd) : PipeEnd(fd) {}
};

struct UnixPipeEnds {
  UnixPipeEnds(int to_read, int to_write) : sender(to_write), receiver(to_read) {}

  PipeSender sender;
  PipeReceiver receiver;
};

// A new anonymous pipe.
StatusOr<UnixPipeEnds> UnixPipe();

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_UNIX_PIPE_H_
