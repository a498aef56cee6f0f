// The program's ends of a child's pipes: ChildStdin is a writer, ChildStdout and ChildStderr are readers (see runtime/io).
//
//   child.TakeStdin()->WriteAll("…")        // dropping it is the end of the child's input
//   io::Lines(io::BufReader(…))             // they work with everything in runtime/io
//
// Futures borrow the pipe and the memory they are given. One task at a time reads, or writes, one pipe. Any thread.
#ifndef KIOTO_RUNTIME_PROCESS_CHILD_PIPE_H_
#define KIOTO_RUNTIME_PROCESS_CHILD_PIPE_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/write.h"

namespace kioto::process {

class Pipe {
 public:
  // Gives the fd up, blocking again, as programs expect it. Errors: no fd left for a duplicate (--config=portable alone).
  StatusOr<int> IntoFd() &&;
  int fd() const { return handle_.fd(); }

 protected:
  explicit Pipe(kioto::internal::IoHandle handle) : handle_(std::move(handle)) {}
  static StatusOr<kioto::internal::IoHandle> Take(int fd);

  kioto::internal::IoHandle handle_;
};

class PipeReader : public Pipe {
 public:
  // Takes over the reading end of a pipe and makes it non-blocking and close-on-exec. After an error it is the caller's still.
  static StatusOr<PipeReader> FromFd(int fd);

  // 0 bytes: nobody has the writing end any more, or there was no room. CANCEL SAFE: yes.
  io::ReadFuture Read(MutableBytes into) { return io::Read(*this, into); }
  // All of `into`, or IsUnexpectedEof. CANCEL SAFE: loses place.
  io::ReadExactFuture ReadExact(MutableBytes into) { return io::ReadExact(*this, into); }
  // Until the end; IsLimitExceeded above `limit` bytes. CANCEL SAFE: loses data.
  io::ReadToEndFuture ReadToEnd(size_t limit) { return io::ReadToEnd(*this, limit); }

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into);
  void Describe(WaitTrace& trace) const;

 private:
  friend class Command;
  using Pipe::Pipe;
};

class PipeWriter : public Pipe {
 public:
  // As PipeReader's, of a writing end.
  static StatusOr<PipeWriter> FromFd(int fd);

  // At least one byte of those given. Errors: EPIPE when nobody reads any more; there is no SIGPIPE. CANCEL SAFE: yes.
  io::WriteFuture Write(absl::string_view bytes) { return io::Write(*this, bytes); }
  template <class S, io::internal::IfString<S> = 0>
  auto Write(S&&) {
    return io::internal::RefuseTemporary<S>();
  }
  // All of them. CANCEL SAFE: loses place.
  io::WriteAllFuture WriteAll(absl::string_view bytes) { return io::WriteAll(*this, bytes); }
  template <class S, io::internal::IfString<S> = 0>
  io::WriteAllOwnedFuture WriteAll(S&& bytes) {
    return io::WriteAll(*this, std::move(bytes));
  }
  // Closes it: the reader sees the end. CANCEL SAFE: yes.
  io::ShutdownFuture Shutdown() { return io::Shutdown(*this); }

  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) {
    return PollWriteVectored(cx, io::Pieces(&bytes, 1));
  }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, io::Pieces pieces);
  Poll<Status> PollShutdown(Context& cx);
  void Describe(WaitTrace& trace) const;

 private:
  friend class Command;
  using Pipe::Pipe;
};

using ChildStdin = PipeWriter;
using ChildStdout = PipeReader;
using ChildStderr = PipeReader;

}  // namespace kioto::process

#endif  // KIOTO_RUNTIME_PROCESS_CHILD_PIPE_H_
