// Stdin, Stdout and Stderr: the process's standard streams as a reader and writers. Whatever is behind them may block, so
// threads of the blocking pool read and write.
//
//   With(io::Stdin(), io::Stdout(), [](io::Stdin& in, io::Stdout& out) { return io::Copy(in, out); })
//
// Stdin: a read that was begun goes on when its future is dropped, and gives its bytes to the next one. It keeps a thread, which
// the end of the runtime waits for until its deadline: Main has none, so a program that is talked to
// builds its Runtime, and calls Shutdown with one.
// Stdout, Stderr: a write is done when its bytes are taken, 2 MiB at most and no character cut in two, and written behind it,
// in one piece if nobody else writes; an error comes with the next write or flush. Flush before the program ends. Each object
// keeps its own order; what two of them write has none. EPIPE comes as an error, never as SIGPIPE.
// One task at a time, on any thread of a runtime: else the errors of SpawnBlocking.
#ifndef KIOTO_RUNTIME_IO_STDIO_H_
#define KIOTO_RUNTIME_IO_STDIO_H_

#include <cstddef>
#include <optional>
#include <string>

#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/write.h"
#include "kioto/runtime/task/join_handle.h"

namespace kioto::io {
namespace internal {

// The most that one job reads or writes, and that is kept beside the stream.
inline constexpr size_t kMostAtOnce = 2 << 20;

// How many of `bytes` to write at once, `most` at most: where they are UTF-8, whole characters.
size_t WholeCharacters(absl::string_view bytes, size_t most);

// Borrows the fd.
class BlockingFdReader {
 public:
  explicit BlockingFdReader(int fd) : fd_(fd) {}
  ReadFuture Read(MutableBytes into) { return io::Read(*this, into); }
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into);

 private:
  int fd_;
  std::optional<JoinHandle<StatusOr<std::string>>> job_;
  std::string bytes_;  // read, and from `taken_` on not yet given
  size_t taken_ = 0;
};

class BlockingFdWriter {
 public:
  explicit BlockingFdWriter(int fd, size_t most = kMostAtOnce) : fd_(fd), most_(most) {}
  WriteAllFuture WriteAll(absl::string_view bytes) { return io::WriteAll(*this, bytes); }
  template <class S, IfString<S> = 0>
  WriteAllOwnedFuture WriteAll(S&& bytes) {
    return io::WriteAll(*this, std::forward<S>(bytes));
  }
  FlushFuture Flush() { return io::Flush(*this); }
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes);
  Poll<Status> PollFlush(Context& cx);

 private:
  int fd_;
  size_t most_;
  std::optional<JoinHandle<Status>> job_;
};

}  // namespace internal

// CANCEL SAFE: yes, while this lives: what a read that was dropped has taken is given to the next. It goes with this, and is not
// there for another Stdin.
class Stdin : public internal::BlockingFdReader {
 public:
  Stdin() : BlockingFdReader(0) {}
};

// CANCEL SAFE: as the functions of io/write.h.
class Stdout : public internal::BlockingFdWriter {
 public:
  Stdout() : BlockingFdWriter(1) {}
};

class Stderr : public internal::BlockingFdWriter {
 public:
  Stderr() : BlockingFdWriter(2) {}
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_STDIO_H_
