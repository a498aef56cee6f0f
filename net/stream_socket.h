// StreamSocket<Self>: what TcpStream and UnixStream have in common: bytes, in and out.
//
// Futures borrow the stream and the memory they are given; the owning forms take strings by move. One task may read while
// another writes (Split, IntoSplit); two tasks must not do the same at a time. Any thread.
// A stream belongs to no worker. It is registered with the runtime in which it first waits: other runtimes' tasks may use it
// too, but when that one shuts down its waits end with IsShutdown.
// Dropping a stream closes both directions at once; what the kernel has taken is still sent.
#ifndef KIOTO_NET_STREAM_SOCKET_H_
#define KIOTO_NET_STREAM_SOCKET_H_

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "kioto/net/io_future.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/async_io.h"
#include "kioto/runtime/io/fd_result.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/readiness.h"
#include "kioto/runtime/io/write.h"

namespace kioto::net {

template <class Stream>
class OwnedReadHalfOf;
template <class Stream>
class OwnedWriteHalfOf;
template <class Stream>
class ReadHalfOf;
template <class Stream>
class WriteHalfOf;

using PiecesToFill = absl::Span<const MutableBytes>;

namespace internal {

// Whether less than was asked for proves that there is no more for now. Not where a boundary may lie between two bytes, as
// where fds travel with them.
enum class ShortRead { kProvesEmpty, kProvesNothing };

Poll<StatusOr<size_t>> PollRead(kioto::internal::IoHandle& handle, Context& cx, MutableBytes into, ShortRead proves);
Poll<StatusOr<size_t>> PollReadVectored(kioto::internal::IoHandle& handle, Context& cx, PiecesToFill pieces, ShortRead proves);
Poll<StatusOr<size_t>> PollPeek(kioto::internal::IoHandle& handle, Context& cx, MutableBytes into);
Poll<StatusOr<size_t>> PollWrite(kioto::internal::IoHandle& handle, Context& cx, absl::string_view bytes);
Poll<StatusOr<size_t>> PollWriteVectored(kioto::internal::IoHandle& handle, Context& cx, io::Pieces pieces);
StatusOr<size_t> TryRead(kioto::internal::IoHandle& handle, MutableBytes into, ShortRead proves);
StatusOr<size_t> TryReadVectored(kioto::internal::IoHandle& handle, PiecesToFill pieces, ShortRead proves);
StatusOr<size_t> TryWrite(kioto::internal::IoHandle& handle, absl::string_view bytes);
StatusOr<size_t> TryWriteVectored(kioto::internal::IoHandle& handle, io::Pieces pieces);
Status ShutdownWriting(kioto::internal::IoHandle& handle);

}  // namespace internal

template <class Stream>
class [[nodiscard]] ReadVectoredFuture : public FutureBase<ReadVectoredFuture<Stream>, StatusOr<size_t>> {
 public:
  ReadVectoredFuture(Stream& stream, PiecesToFill pieces) : stream_(&stream), pieces_(pieces) {}
  Poll<StatusOr<size_t>> PollOnce(Context& cx) { return stream_->PollReadVectored(cx, pieces_); }
  void Describe(WaitTrace& trace) const { trace.Node("ReadVectored", *stream_); }

 private:
  Stream* stream_;
  PiecesToFill pieces_;
};

template <class Stream>
class [[nodiscard]] PeekFuture : public FutureBase<PeekFuture<Stream>, StatusOr<size_t>> {
 public:
  PeekFuture(Stream& stream, MutableBytes into) : stream_(&stream), into_(into) {}
  Poll<StatusOr<size_t>> PollOnce(Context& cx) { return stream_->PollPeek(cx, into_); }
  void Describe(WaitTrace& trace) const { trace.Node("Peek", *stream_); }

 private:
  Stream* stream_;
  MutableBytes into_;
};

// Output: StatusOr<Readiness>.
template <class Stream>
class [[nodiscard]] StreamReadyFuture : public FutureBase<StreamReadyFuture<Stream>, StatusOr<Readiness>> {
 public:
  StreamReadyFuture(Stream& stream, kioto::internal::Direction direction) : stream_(&stream), direction_(direction) {}
  Poll<StatusOr<Readiness>> PollOnce(Context& cx) {
    return internal::PollReady(stream_->splice_handle(), cx, direction_, nullptr);
  }
  void Describe(WaitTrace& trace) const {
    trace.Node(direction_ == kioto::internal::Direction::kRead ? "Readable" : "Writable", *stream_);
  }

 private:
  Stream* stream_;
  kioto::internal::Direction direction_;
};

template <class Self, internal::ShortRead kShort>
class StreamSocket {
 public:
  // Gives the fd up, non-blocking. -EMFILE, and keeps it, if that takes a duplicate (--config=portable alone) and no fd is
  // left.
  int IntoFd() && { return handle_.Release(); }
  int fd() const { return handle_.fd(); }

  // --- Reading. 0 bytes: the peer has shut down its side, or there was no room. ---

  // At least one byte, at most into.size(). CANCEL SAFE: yes.
  io::ReadFuture Read(MutableBytes into) { return io::Read(self(), into); }
  io::ReadQueueFuture Read(ByteQueue& queue, size_t room = 4096) { return io::Read(self(), queue, room); }
  ReadVectoredFuture<Self> ReadVectored(PiecesToFill pieces) { return ReadVectoredFuture<Self>(self(), pieces); }
  // All of `into`, or IsUnexpectedEof. CANCEL SAFE: loses place.
  io::ReadExactFuture ReadExact(MutableBytes into) { return io::ReadExact(self(), into); }
  // Until the end; IsLimitExceeded above `limit` bytes. CANCEL SAFE: loses data.
  io::ReadToEndFuture ReadToEnd(size_t limit) { return io::ReadToEnd(self(), limit); }
  // The same, appended to `into`; gives how many bytes came. CANCEL SAFE: loses place (what it has read is in `into`).
  io::AppendToEndFuture ReadToEnd(std::string& into, size_t limit) { return io::ReadToEnd(self(), into, limit); }
  // What Read would give, and leaves it there. CANCEL SAFE: yes.
  PeekFuture<Self> Peek(MutableBytes into) { return PeekFuture<Self>(self(), into); }
  // At once: IsEmpty when there is nothing.
  StatusOr<size_t> TryRead(MutableBytes into) { return internal::TryRead(handle_, into, kShort); }
  StatusOr<size_t> TryRead(ByteQueue& queue, size_t room = 4096) {
    StatusOr<size_t> n = TryRead(queue.Room(room));
    if (n.ok()) queue.Commit(*n);
    return n;
  }
  StatusOr<size_t> TryReadVectored(PiecesToFill pieces) {
    return internal::TryReadVectored(handle_, pieces, kShort);
  }

  // --- Writing. Never raises SIGPIPE. ---

  // At least one byte of those given. A temporary string and a braced list of pieces are refused: the future borrows them.
  // CANCEL SAFE: yes.
  io::WriteFuture Write(absl::string_view bytes) { return io::Write(self(), bytes); }
  template <class S, io::internal::IfString<S> = 0>
  auto Write(S&&) {
    return io::internal::RefuseTemporary<S>();
  }
  io::WriteQueueFuture Write(ByteQueue& queue) { return io::Write(self(), queue); }
  io::WriteVectoredFuture WriteVectored(io::Pieces pieces) { return io::WriteVectored(self(), pieces); }
  template <class L = io::internal::PieceList>
  auto WriteVectored(io::internal::PieceList) {
    return io::internal::RefusePieceList<L>();
  }
  // All of them. CANCEL SAFE: loses place.
  io::WriteAllFuture WriteAll(absl::string_view bytes) { return io::WriteAll(self(), bytes); }
  template <class S, io::internal::IfString<S> = 0>
  io::WriteAllOwnedFuture WriteAll(S&& bytes) {
    return io::WriteAll(self(), std::move(bytes));
  }
  io::WriteAllVectoredFuture WriteAllVectored(io::Pieces pieces) { return io::WriteAllVectored(self(), pieces); }
  template <class L = io::internal::PieceList>
  auto WriteAllVectored(io::internal::PieceList) {
    return io::internal::RefusePieceList<L>();
  }
  // All of a queue. CANCEL SAFE: yes: it has at any time what is not written yet.
  io::WriteAllQueueFuture WriteAll(ByteQueue& queue) { return io::WriteAll(self(), queue); }
  // At once: IsFull when there is no room.
  StatusOr<size_t> TryWrite(absl::string_view bytes) { return internal::TryWrite(handle_, bytes); }
  StatusOr<size_t> TryWriteVectored(io::Pieces pieces) { return internal::TryWriteVectored(handle_, pieces); }
  // Says to the peer that nothing more will come; reading goes on. OK also when the peer is gone. CANCEL SAFE: yes.
  io::ShutdownFuture Shutdown() { return io::Shutdown(self()); }

  // --- Readiness. Stays until an operation finds nothing; may be spurious. Output: StatusOr<Readiness>. CANCEL SAFE: yes. ---

  StreamReadyFuture<Self> Readable() { return StreamReadyFuture<Self>(self(), kioto::internal::Direction::kRead); }
  StreamReadyFuture<Self> Writable() { return StreamReadyFuture<Self>(self(), kioto::internal::Direction::kWrite); }
  // For one of the two, or both.
  auto Ready() {
    return internal::IoFuture(self(), "Ready", [](Self& s, Context& cx, kioto::internal::IoWaiter* waiter) {
      return internal::PollEitherReady(s.handle_, cx, *waiter);
    });
  }

  // --- System calls of the user's on the fd, as recvmsg for control messages, the error queue or urgent data. `fn` is as
  // io::AsyncFd's: it gives Status, StatusOr<T> or a number, and has done nothing if that says EAGAIN. ---

  // Calls `fn` when the socket is ready, until it gives something else than EAGAIN. CANCEL SAFE: as `fn`.
  template <class Fn>
  io::AsyncIoFuture<Self, Fn> AsyncIo(Interest interest, Fn fn) {
    return {self(), handle_, interest, std::move(fn)};
  }
  // At once: IsEmpty if the socket is not ready, as far as is known (then `fn` is not called), or if `fn` gives EAGAIN.
  template <class Fn>
  typename io::internal::FdResultOf<Fn>::Output TryIo(Interest interest, Fn fn) {
    return io::internal::TryIo(handle_, interest, fn);
  }

  // --- Halves. ---

  // Two views, for one task: Join(reading.ReadExact(…), writing.WriteAll(…)).
  std::pair<ReadHalfOf<Self>, WriteHalfOf<Self>> Split() {
    return {ReadHalfOf<Self>(self()), WriteHalfOf<Self>(self())};
  }
  // Two owners, for two tasks. Dropping the writing one shuts the writing side down.
  std::pair<OwnedReadHalfOf<Self>, OwnedWriteHalfOf<Self>> IntoSplit() && {
    auto shared = std::make_shared<Self>(std::move(self()));
    return {OwnedReadHalfOf<Self>(shared), OwnedWriteHalfOf<Self>(shared)};
  }

  // --- For one poll: what makes it a reader and a writer (see runtime/io). ---

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) { return internal::PollRead(handle_, cx, into, kShort); }
  Poll<StatusOr<size_t>> PollReadVectored(Context& cx, PiecesToFill pieces) {
    return internal::PollReadVectored(handle_, cx, pieces, kShort);
  }
  Poll<StatusOr<size_t>> PollPeek(Context& cx, MutableBytes into) { return internal::PollPeek(handle_, cx, into); }
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return internal::PollWrite(handle_, cx, bytes); }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, io::Pieces pieces) {
    return internal::PollWriteVectored(handle_, cx, pieces);
  }
  Poll<Status> PollShutdown(Context&) { return internal::ShutdownWriting(handle_); }
  Poll<StatusOr<Readiness>> PollReadable(Context& cx) {
    return internal::PollReady(handle_, cx, kioto::internal::Direction::kRead, nullptr);
  }
  Poll<StatusOr<Readiness>> PollWritable(Context& cx) {
    return internal::PollReady(handle_, cx, kioto::internal::Direction::kWrite, nullptr);
  }
  // Of what derives from a stream the bytes are not spliced (splice_end.h).
  using Splices = Self;
  kioto::internal::IoHandle& splice_handle() { return handle_; }
  // For dumps: "TcpStream fd 12 127.0.0.1:4711", the peer's address.
  void Describe(WaitTrace& trace) const {
    const auto peer = static_cast<const Self*>(this)->peer_address();
    trace.Leaf(absl::StrCat(Self::kKind, " fd ", fd(), peer.ok() ? " " : "", peer.ok() ? peer->ToString() : ""));
  }

 protected:
  explicit StreamSocket(kioto::internal::IoHandle handle) : handle_(std::move(handle)) {}
  StreamSocket(StreamSocket&&) noexcept = default;
  StreamSocket& operator=(StreamSocket&&) noexcept = default;
  ~StreamSocket() = default;

  kioto::internal::IoHandle handle_;

 private:
  friend class OwnedWriteHalfOf<Self>;
  Self& self() { return static_cast<Self&>(*this); }
};

}  // namespace kioto::net

#include "kioto/net/stream_split.h"  // the halves, so that Split can be called

#endif  // KIOTO_NET_STREAM_SOCKET_H_
