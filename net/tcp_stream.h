// TcpStream: a TCP connection.
//
//   net::TcpStream::Connect("localhost:7000").AndThen([](net::TcpStream& s) {
//     return s.WriteAll("hello\n").AndThen([&s] { return s.ReadToEnd(1 << 20); });
//   });
//
// Futures borrow the stream and the memory they are given; the owning forms take strings by move. One task may read while
// another writes (Split, IntoSplit); two tasks must not do the same at a time. Any thread.
// A stream belongs to no worker. It is registered with the runtime in which it first waits: other runtimes' tasks may use it
// too, but when that one shuts down its waits end with IsShutdown.
// Dropping a stream closes both directions at once; what the kernel has taken is still sent.
#ifndef KIOTO_NET_TCP_STREAM_H_
#define KIOTO_NET_TCP_STREAM_H_

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "kioto/net/address.h"
#include "kioto/net/endpoint.h"
#include "kioto/net/readiness.h"
#include "kioto/net/socket_options.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/write.h"

namespace kioto::net {

class ConnectFuture;
class OwnedReadHalf;
class OwnedWriteHalf;
class PeekFuture;
class ReadHalf;
class ReadVectoredFuture;
class WriteHalf;

using PiecesToFill = absl::Span<const MutableBytes>;

class TcpStream {
 public:
  TcpStream(TcpStream&&) noexcept = default;
  TcpStream& operator=(TcpStream&&) noexcept = default;

  // Looks the name up and tries its addresses, the families taking turns; an address that has not answered after 250 ms gets
  // company from the next, and the first to connect wins. Nagle's algorithm is left on (SetNoDelay).
  // Errors: the last address's, with its errno. CANCEL SAFE: yes, half-open sockets are closed.
  static ConnectFuture Connect(Endpoint to);

  // Takes over the fd of a connected socket: nobody else may use it. Makes it close-on-exec, and
  // non-blocking, which other fds of that socket (dup, another process's) become too. After an error it is the caller's still.
  static StatusOr<TcpStream> FromFd(int fd);
  // Gives it up, non-blocking. -EMFILE, and keeps it, if that takes a duplicate (--config=portable alone) and no fd is left.
  int IntoFd() &&;
  int fd() const { return handle_.fd(); }

  // --- Reading. 0 bytes: the peer has shut down its side, or there was no room. ---

  // At least one byte, at most into.size(). CANCEL SAFE: yes.
  io::ReadFuture Read(MutableBytes into) { return io::Read(*this, into); }
  io::ReadQueueFuture Read(ByteQueue& queue, size_t room = 4096) { return io::Read(*this, queue, room); }
  ReadVectoredFuture ReadVectored(PiecesToFill pieces);
  // All of `into`, or IsUnexpectedEof. CANCEL SAFE: loses place.
  io::ReadExactFuture ReadExact(MutableBytes into) { return io::ReadExact(*this, into); }
  // Until the end; IsLimitExceeded above `limit` bytes. CANCEL SAFE: loses data.
  io::ReadToEndFuture ReadToEnd(size_t limit) { return io::ReadToEnd(*this, limit); }
  // What Read would give, and leaves it there. CANCEL SAFE: yes.
  PeekFuture Peek(MutableBytes into);
  // At once: IsEmpty when there is nothing.
  StatusOr<size_t> TryRead(MutableBytes into);
  StatusOr<size_t> TryReadVectored(PiecesToFill pieces);

  // --- Writing. Never raises SIGPIPE. ---

  // At least one byte of those given. A temporary string and a braced list of pieces are refused: the future borrows them.
  // CANCEL SAFE: yes.
  io::WriteFuture Write(absl::string_view bytes) { return io::Write(*this, bytes); }
  template <class S, io::internal::IfString<S> = 0>
  auto Write(S&&) {
    return io::internal::RefuseTemporary<S>();
  }
  io::WriteVectoredFuture WriteVectored(io::Pieces pieces) { return io::WriteVectored(*this, pieces); }
  template <class L = io::internal::PieceList>
  auto WriteVectored(io::internal::PieceList) {
    return io::internal::RefusePieceList<L>();
  }
  // All of them. CANCEL SAFE: loses place.
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
  // At once: IsFull when there is no room.
  StatusOr<size_t> TryWrite(absl::string_view bytes);
  StatusOr<size_t> TryWriteVectored(io::Pieces pieces);
  // Says to the peer that nothing more will come; reading goes on. OK also when the peer is gone. CANCEL SAFE: yes.
  io::ShutdownFuture Shutdown() { return io::Shutdown(*this); }

  // --- Readiness. Stays until a Try... finds nothing; may be spurious. Output: StatusOr<Readiness>. CANCEL SAFE: yes. ---

  ReadinessFuture Readable() { return ReadinessFuture(handle_, kioto::internal::Direction::kRead); }
  ReadinessFuture Writable() { return ReadinessFuture(handle_, kioto::internal::Direction::kWrite); }

  // --- Halves. ---

  // Two views, for one task: Join(reading.ReadExact(…), writing.WriteAll(…)).
  std::pair<ReadHalf, WriteHalf> Split();
  // Two owners, for two tasks. Dropping the writing one shuts the writing side down.
  std::pair<OwnedReadHalf, OwnedWriteHalf> IntoSplit() &&;

  // --- The socket. ---

  StatusOr<SocketAddress> local_address() const { return internal::LocalAddress(fd()); }
  StatusOr<SocketAddress> peer_address() const { return internal::PeerAddress(fd()); }
  StatusOr<bool> NoDelay() const;
  Status SetNoDelay(bool on);
  // How long closing may take to send what is left; 0 s sends a reset instead. More than 0 s blocks the thread that closes.
  StatusOr<std::optional<std::chrono::seconds>> Linger() const { return internal::GetLinger(fd()); }
  Status SetLinger(std::optional<std::chrono::seconds> linger) { return internal::SetLinger(fd(), linger); }
  StatusOr<bool> KeepAliveOn() const;
  Status SetKeepAlive(const std::optional<KeepAlive>& keep_alive) { return internal::SetKeepAlive(fd(), keep_alive); }
  StatusOr<int> Ttl() const { return internal::GetTtl(fd()); }
  Status SetTtl(int hops) { return internal::SetTtl(fd(), hops); }
  StatusOr<bool> QuickAck() const;
  Status SetQuickAck(bool on);
  // Linux doubles what is set and gives the double back.
  StatusOr<size_t> SendBufferSize() const;
  Status SetSendBufferSize(size_t bytes);
  StatusOr<size_t> ReceiveBufferSize() const;
  Status SetReceiveBufferSize(size_t bytes);
  // The socket's pending error, which is thereby forgotten.
  Status TakeError() { return internal::TakeError(fd(), "net::TcpStream"); }

  // --- For one poll: what makes it a reader and a writer (see runtime/io). ---

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into);
  Poll<StatusOr<size_t>> PollReadVectored(Context& cx, PiecesToFill pieces);
  Poll<StatusOr<size_t>> PollPeek(Context& cx, MutableBytes into);
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes);
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, io::Pieces pieces);
  Poll<Status> PollShutdown(Context& cx);
  // For dumps: "TcpStream fd 12 127.0.0.1:4711", the peer's address.
  void Describe(WaitTrace& trace) const;

 private:
  friend class ConnectFuture;
  friend class OwnedWriteHalf;
  friend class TcpListener;
  friend class TcpSocket;

  explicit TcpStream(kioto::internal::IoHandle handle) : handle_(std::move(handle)) {}
  Status ShutdownNow();

  kioto::internal::IoHandle handle_;
};

class [[nodiscard]] ReadVectoredFuture : public FutureBase<ReadVectoredFuture, StatusOr<size_t>> {
 public:
  ReadVectoredFuture(TcpStream& stream, PiecesToFill pieces) : stream_(&stream), pieces_(pieces) {}
  Poll<StatusOr<size_t>> PollOnce(Context& cx) { return stream_->PollReadVectored(cx, pieces_); }
  void Describe(WaitTrace& trace) const { trace.Node("ReadVectored", *stream_); }

 private:
  TcpStream* stream_;
  PiecesToFill pieces_;
};

class [[nodiscard]] PeekFuture : public FutureBase<PeekFuture, StatusOr<size_t>> {
 public:
  PeekFuture(TcpStream& stream, MutableBytes into) : stream_(&stream), into_(into) {}
  Poll<StatusOr<size_t>> PollOnce(Context& cx) { return stream_->PollPeek(cx, into_); }
  void Describe(WaitTrace& trace) const { trace.Node("Peek", *stream_); }

 private:
  TcpStream* stream_;
  MutableBytes into_;
};

inline ReadVectoredFuture TcpStream::ReadVectored(PiecesToFill pieces) { return ReadVectoredFuture(*this, pieces); }
inline PeekFuture TcpStream::Peek(MutableBytes into) { return PeekFuture(*this, into); }

}  // namespace kioto::net

#include "kioto/net/tcp_connect.h"  // ConnectFuture, so that Connect can be called
#include "kioto/net/tcp_split.h"    // the halves, so that Split can

#endif  // KIOTO_NET_TCP_STREAM_H_
