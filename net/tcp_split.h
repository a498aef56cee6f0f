// The two halves of a TcpStream: borrowed (Split), for one task; owned (IntoSplit), for two.
#ifndef KIOTO_NET_TCP_SPLIT_H_
#define KIOTO_NET_TCP_SPLIT_H_

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "kioto/net/tcp_stream.h"

namespace kioto::net {
namespace internal {

// What a reading half can do, said once for both kinds. Self has stream().
template <class Self>
class ReadingSide {
 public:
  // As the members of TcpStream of the same name.
  io::ReadFuture Read(MutableBytes into) { return s().Read(into); }
  io::ReadQueueFuture Read(ByteQueue& queue, size_t room = 4096) { return s().Read(queue, room); }
  ReadVectoredFuture ReadVectored(PiecesToFill pieces) { return s().ReadVectored(pieces); }
  io::ReadExactFuture ReadExact(MutableBytes into) { return s().ReadExact(into); }
  io::ReadToEndFuture ReadToEnd(size_t limit) { return s().ReadToEnd(limit); }
  PeekFuture Peek(MutableBytes into) { return s().Peek(into); }
  StatusOr<size_t> TryRead(MutableBytes into) { return s().TryRead(into); }
  StatusOr<size_t> TryReadVectored(PiecesToFill pieces) { return s().TryReadVectored(pieces); }
  ReadinessFuture Readable() { return s().Readable(); }
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) { return s().PollRead(cx, into); }
  void Describe(WaitTrace& trace) const { trace.Child(s()); }
  StatusOr<SocketAddress> local_address() const { return s().local_address(); }
  StatusOr<SocketAddress> peer_address() const { return s().peer_address(); }

 private:
  TcpStream& s() const { return static_cast<const Self*>(this)->stream(); }
};

template <class Self>
class WritingSide {
 public:
  io::WriteFuture Write(absl::string_view bytes) { return s().Write(bytes); }
  template <class S, io::internal::IfString<S> = 0>
  auto Write(S&&) {
    return io::internal::RefuseTemporary<S>();
  }
  io::WriteVectoredFuture WriteVectored(io::Pieces pieces) { return s().WriteVectored(pieces); }
  template <class L = io::internal::PieceList>
  auto WriteVectored(io::internal::PieceList) {
    return io::internal::RefusePieceList<L>();
  }
  io::WriteAllFuture WriteAll(absl::string_view bytes) { return s().WriteAll(bytes); }
  template <class S, io::internal::IfString<S> = 0>
  io::WriteAllOwnedFuture WriteAll(S&& bytes) {
    return s().WriteAll(std::move(bytes));
  }
  io::WriteAllVectoredFuture WriteAllVectored(io::Pieces pieces) { return s().WriteAllVectored(pieces); }
  template <class L = io::internal::PieceList>
  auto WriteAllVectored(io::internal::PieceList) {
    return io::internal::RefusePieceList<L>();
  }
  StatusOr<size_t> TryWrite(absl::string_view bytes) { return s().TryWrite(bytes); }
  StatusOr<size_t> TryWriteVectored(io::Pieces pieces) { return s().TryWriteVectored(pieces); }
  ReadinessFuture Writable() { return s().Writable(); }
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return s().PollWrite(cx, bytes); }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, io::Pieces pieces) { return s().PollWriteVectored(cx, pieces); }
  void Describe(WaitTrace& trace) const { trace.Child(s()); }
  StatusOr<SocketAddress> local_address() const { return s().local_address(); }
  StatusOr<SocketAddress> peer_address() const { return s().peer_address(); }

 private:
  TcpStream& s() const { return static_cast<const Self*>(this)->stream(); }
};

}  // namespace internal

// Borrows the stream. Dropping one does nothing.
class ReadHalf : public internal::ReadingSide<ReadHalf> {
 public:
  explicit ReadHalf(TcpStream& stream) : stream_(&stream) {}
  TcpStream& stream() const { return *stream_; }

 private:
  TcpStream* stream_;
};

class WriteHalf : public internal::WritingSide<WriteHalf> {
 public:
  explicit WriteHalf(TcpStream& stream) : stream_(&stream) {}
  TcpStream& stream() const { return *stream_; }
  io::ShutdownFuture Shutdown() { return stream_->Shutdown(); }
  Poll<Status> PollShutdown(Context& cx) { return stream_->PollShutdown(cx); }

 private:
  TcpStream* stream_;
};

// Shares the stream with the other half; the socket is closed with the last of them.
class OwnedReadHalf : public internal::ReadingSide<OwnedReadHalf> {
 public:
  TcpStream& stream() const { return *stream_; }
  bool IsPairOf(const OwnedWriteHalf& other) const;

 private:
  friend class OwnedWriteHalf;
  friend class TcpStream;
  explicit OwnedReadHalf(std::shared_ptr<TcpStream> stream) : stream_(std::move(stream)) {}

  std::shared_ptr<TcpStream> stream_;
};

class OwnedWriteHalf : public internal::WritingSide<OwnedWriteHalf> {
 public:
  OwnedWriteHalf(OwnedWriteHalf&&) noexcept = default;
  OwnedWriteHalf& operator=(OwnedWriteHalf&& other) noexcept;
  // Shuts the writing side down, so that the peer sees the end although our reading half lives on.
  ~OwnedWriteHalf();

  TcpStream& stream() const { return *stream_; }
  io::ShutdownFuture Shutdown() { return stream_->Shutdown(); }
  Poll<Status> PollShutdown(Context& cx) { return stream_->PollShutdown(cx); }

  // Drops it without shutting down: the peer sees the end when the reading half is dropped.
  void Forget() && { stream_.reset(); }

  // Both halves of one stream become the stream again; halves of two streams come back.
  using Reunited = std::variant<TcpStream, std::pair<OwnedReadHalf, OwnedWriteHalf>>;
  static Reunited Reunite(OwnedReadHalf reading, OwnedWriteHalf writing);

 private:
  friend class OwnedReadHalf;
  friend class TcpStream;
  explicit OwnedWriteHalf(std::shared_ptr<TcpStream> stream) : stream_(std::move(stream)) {}
  void Close();

  std::shared_ptr<TcpStream> stream_;
};

inline bool OwnedReadHalf::IsPairOf(const OwnedWriteHalf& other) const { return stream_ == other.stream_; }

// The stream of two halves that belong together; kInvalidArgument for others, which are then closed. To keep them, ask
// IsPairOf first or use OwnedWriteHalf::Reunite.
StatusOr<TcpStream> Reunite(OwnedReadHalf reading, OwnedWriteHalf writing);

}  // namespace kioto::net

#endif  // KIOTO_NET_TCP_SPLIT_H_
