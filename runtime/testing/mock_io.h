// MockIo: a byte stream that follows a script, in place of a socket: what the peer sends, what it must be sent, when it
// fails, how long it takes.
//
//   test::MockIo io = test::MockIoBuilder().Read("PING\r\n").Write("PONG\r\n").Wait(1s).ReadError(ErrnoStatus(ECONNRESET, "read")).Build();
//   return With(std::move(io), [](test::MockIo& io) { return Serve(io); });
//
// Reading gives the bytes of the Read steps, never across two of them; a read before its turn waits. What is written is
// compared with the Write steps; other bytes, or a write when none is left, fail the test and give kDataLoss. At the end of
// the script reading gives 0, the end of the stream. A MockIo that goes away before its script is done fails the test.
//
// A reader and a writer (see runtime/io): everything that takes those takes it, and it has the members of a socket that code
// under test calls most. THREADS: one task at a time, inside a runtime with time if the script waits; the handle: any.
// Movable at any time.
#ifndef KIOTO_RUNTIME_TESTING_MOCK_IO_H_
#define KIOTO_RUNTIME_TESTING_MOCK_IO_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/source_location.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/write.h"

namespace kioto::test {
namespace internal {
class IoScript;
}  // namespace internal

class MockIo {
 public:
  MockIo(std::shared_ptr<internal::IoScript> script) : script_(std::move(script)) {}  // NOLINT: made by the builder
  MockIo(MockIo&&) = default;
  MockIo& operator=(MockIo&&) = default;
  ~MockIo();

  // The members of net::TcpStream that code under test calls.
  io::ReadFuture Read(MutableBytes into) { return io::Read(*this, into); }
  io::ReadQueueFuture Read(ByteQueue& queue, size_t room = 4096) { return io::Read(*this, queue, room); }
  io::ReadExactFuture ReadExact(MutableBytes into) { return io::ReadExact(*this, into); }
  io::ReadToEndFuture ReadToEnd(size_t limit) { return io::ReadToEnd(*this, limit); }
  io::WriteFuture Write(absl::string_view bytes) { return io::Write(*this, bytes); }
  template <class S, io::internal::IfString<S> = 0>
  auto Write(S&&) {
    return io::internal::RefuseTemporary<S>();
  }
  io::WriteAllFuture WriteAll(absl::string_view bytes) { return io::WriteAll(*this, bytes); }
  template <class S, io::internal::IfString<S> = 0>
  io::WriteAllOwnedFuture WriteAll(S&& bytes) {
    return io::WriteAll(*this, std::move(bytes));
  }
  io::WriteAllVectoredFuture WriteAllVectored(io::Pieces pieces) { return io::WriteAllVectored(*this, pieces); }
  template <class L = io::internal::PieceList>
  auto WriteAllVectored(io::internal::PieceList) {
    return io::internal::RefusePieceList<L>();
  }
  io::ShutdownFuture Shutdown() { return io::Shutdown(*this); }

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into);
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes);

 private:
  std::shared_ptr<internal::IoScript> script_;  // null once moved from
};

// Adds steps to a script that runs. While it lives, a reader at the end of the script waits for more. Copyable; any thread.
class MockIoHandle {
 public:
  explicit MockIoHandle(std::shared_ptr<internal::IoScript> script);
  MockIoHandle(const MockIoHandle& other);
  MockIoHandle(MockIoHandle&& other) noexcept = default;
  MockIoHandle& operator=(MockIoHandle other) noexcept;
  ~MockIoHandle();

  void Read(std::string bytes) const;
  void ReadError(Status error) const;
  void Write(std::string bytes) const;
  void WriteError(Status error) const;

 private:
  std::shared_ptr<internal::IoScript> script_;
};

struct MockIoWithHandle {
  MockIo io;
  MockIoHandle handle;
};

// Each call adds a step.
class MockIoBuilder {
 public:
  // Failures are reported at the place where the builder was made.
  explicit MockIoBuilder(base::SourceLocation place = base::SourceLocation::Current());

  // The peer sends.
  MockIoBuilder& Read(std::string bytes);
  // The next read fails.
  MockIoBuilder& ReadError(Status error);
  // The peer must be sent this, in as many writes as it takes.
  MockIoBuilder& Write(std::string bytes);
  // The next write fails.
  MockIoBuilder& WriteError(Status error);
  // For so long nothing happens, from when reading or writing comes to this step.
  template <class Rep, class Period>
  MockIoBuilder& Wait(std::chrono::duration<Rep, Period> pause) {
    return WaitNanos(std::chrono::duration_cast<std::chrono::nanoseconds>(pause));
  }
  // What failures call it.
  MockIoBuilder& Name(std::string name);

  MockIo Build();
  MockIoWithHandle BuildWithHandle();

 private:
  MockIoBuilder& WaitNanos(std::chrono::nanoseconds pause);

  std::shared_ptr<internal::IoScript> script_;
};

}  // namespace kioto::test

#endif  // KIOTO_RUNTIME_TESTING_MOCK_IO_H_
