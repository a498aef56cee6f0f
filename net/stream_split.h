// The two halves of a stream: borrowed (Split), for one task; owned (IntoSplit), for two.
#ifndef KIOTO_NET_STREAM_SPLIT_H_
#define KIOTO_NET_STREAM_SPLIT_H_

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "kioto/net/stream_socket.h"
#include "kioto/runtime/driver/io_handle.h"

namespace kioto::net {
namespace internal {

// What a reading half can do, said once for both kinds. Self has stream().
template <class Self, class Stream>
class ReadingSide {
 public:
  // As the members of the stream of the same name.
  io::ReadFuture Read(MutableBytes into) { return s().Read(into); }
  io::ReadQueueFuture Read(ByteQueue& queue, size_t room = 4096) { return s().Read(queue, room); }
  ReadVectoredFuture<Stream> ReadVectored(PiecesToFill pieces) { return s().ReadVectored(pieces); }
  io::ReadExactFuture ReadExact(MutableBytes into) { return s().ReadExact(into); }
  io::ReadToEndFuture ReadToEnd(size_t limit) { return s().ReadToEnd(limit); }
  io::AppendToEndFuture ReadToEnd(std::string& into, size_t limit) { return s().ReadToEnd(into, limit); }
  PeekFuture<Stream> Peek(MutableBytes into) { return s().Peek(into); }
  StatusOr<size_t> TryRead(MutableBytes into) { return s().TryRead(into); }
  StatusOr<size_t> TryRead(ByteQueue& queue, size_t room = 4096) { return s().TryRead(queue, room); }
  StatusOr<size_t> TryReadVectored(PiecesToFill pieces) { return s().TryReadVectored(pieces); }
  StreamReadyFuture<Stream> Readable() { return s().Readable(); }
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) { return s().PollRead(cx, into); }
  Poll<StatusOr<size_t>> PollPeek(Context& cx, MutableBytes into) { return s().PollPeek(cx, into); }
  using Splices = Self;
  kioto::internal::IoHandle& splice_handle() { return s().splice_handle(); }
  auto local_address() const { return s().local_address(); }
  auto peer_address() const { return s().peer_address(); }
  void Describe(WaitTrace& trace) const { trace.Child(s()); }

 private:
  Stream& s() const { return static_cast<const Self*>(this)->stream(); }
};

template <class Self, class Stream>
class WritingSide {
 public:
  io::WriteFuture Write(absl::string_view bytes) { return s().Write(bytes); }
  template <class S, io::internal::IfString<S> = 0>
  auto Write(S&&) {
    return io::internal::RefuseTemporary<S>();
  }
  io::WriteQueueFuture Write(ByteQueue& queue) { return s().Write(queue); }
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
  io::WriteAllQueueFuture WriteAll(ByteQueue& queue) { return s().WriteAll(queue); }
  io::WriteAllVectoredFuture WriteAllVectored(io::Pieces pieces) { return s().WriteAllVectored(pieces); }
  template <class L = io::internal::PieceList>
  auto WriteAllVectored(io::internal::PieceList) {
    return io::internal::RefusePieceList<L>();
  }
  StatusOr<size_t> TryWrite(absl::string_view bytes) { return s().TryWrite(bytes); }
  StatusOr<size_t> TryWriteVectored(io::Pieces pieces) { return s().TryWriteVectored(pieces); }
  StreamReadyFuture<Stream> Writable() { return s().Writable(); }
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return s().PollWrite(cx, bytes); }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, io::Pieces pieces) { return s().PollWriteVectored(cx, pieces); }
  using Splices = Self;
  kioto::internal::IoHandle& splice_handle() { return s().splice_handle(); }
  auto local_address() const { return s().local_address(); }
  auto peer_address() const { return s().peer_address(); }
  void Describe(WaitTrace& trace) const { trace.Child(s()); }

 private:
  Stream& s() const { return static_cast<const Self*>(this)->stream(); }
};

}  // namespace internal

// Borrows the stream. Dropping one does nothing.
template <class Stream>
class ReadHalfOf : public internal::ReadingSide<ReadHalfOf<Stream>, Stream> {
 public:
  explicit ReadHalfOf(Stream& stream) : stream_(&stream) {}
  Stream& stream() const { return *stream_; }

 private:
  Stream* stream_;
};

template <class Stream>
class WriteHalfOf : public internal::WritingSide<WriteHalfOf<Stream>, Stream> {
 public:
  explicit WriteHalfOf(Stream& stream) : stream_(&stream) {}
  Stream& stream() const { return *stream_; }
  io::ShutdownFuture Shutdown() { return stream_->Shutdown(); }
  Poll<Status> PollShutdown(Context& cx) { return stream_->PollShutdown(cx); }

 private:
  Stream* stream_;
};

// Shares the stream with the other half; the socket is closed with the last of them.
template <class Stream>
class OwnedReadHalfOf : public internal::ReadingSide<OwnedReadHalfOf<Stream>, Stream> {
 public:
  Stream& stream() const { return *stream_; }
  bool IsPairOf(const OwnedWriteHalfOf<Stream>& other) const { return stream_ == other.stream_; }

 private:
  friend class OwnedWriteHalfOf<Stream>;
  template <class Self, internal::ShortRead kShort>
  friend class StreamSocket;
  explicit OwnedReadHalfOf(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}

  std::shared_ptr<Stream> stream_;
};

template <class Stream>
class OwnedWriteHalfOf : public internal::WritingSide<OwnedWriteHalfOf<Stream>, Stream> {
 public:
  OwnedWriteHalfOf(OwnedWriteHalfOf&&) noexcept = default;
  OwnedWriteHalfOf& operator=(OwnedWriteHalfOf&& other) noexcept {
    if (this != &other) {
      Close();
      stream_ = std::move(other.stream_);
    }
    return *this;
  }
  // Shuts the writing side down, so that the peer sees the end although our reading half lives on.
  ~OwnedWriteHalfOf() { Close(); }

  Stream& stream() const { return *stream_; }
  io::ShutdownFuture Shutdown() { return stream_->Shutdown(); }
  Poll<Status> PollShutdown(Context& cx) { return stream_->PollShutdown(cx); }

  // Drops it without shutting down: the peer sees the end when the reading half is dropped.
  void Forget() && { stream_.reset(); }

  // Both halves of one stream become the stream again; halves of two streams come back.
  using Reunited = std::variant<Stream, std::pair<OwnedReadHalfOf<Stream>, OwnedWriteHalfOf>>;
  static Reunited Reunite(OwnedReadHalfOf<Stream> reading, OwnedWriteHalfOf writing) {
    if (!reading.IsPairOf(writing)) return std::pair(std::move(reading), std::move(writing));
    Stream stream = std::move(*writing.stream_);
    writing.stream_.reset();
    return stream;
  }

 private:
  friend class OwnedReadHalfOf<Stream>;
  template <class Self, internal::ShortRead kShort>
  friend class StreamSocket;
  explicit OwnedWriteHalfOf(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  void Close() {
    if (stream_ != nullptr) (void)internal::ShutdownWriting(stream_->handle_);  // nobody is left to hear of an error
    stream_.reset();
  }

  std::shared_ptr<Stream> stream_;
};

// The stream of two halves that belong together; kInvalidArgument for others, which are then closed. To keep them, ask
// IsPairOf first or use OwnedWriteHalfOf::Reunite.
template <class Stream>
StatusOr<Stream> Reunite(OwnedReadHalfOf<Stream> reading, OwnedWriteHalfOf<Stream> writing) {
  auto result = OwnedWriteHalfOf<Stream>::Reunite(std::move(reading), std::move(writing));
  if (auto* stream = std::get_if<Stream>(&result)) return std::move(*stream);
  return absl::InvalidArgumentError("net::Reunite: the two halves belong to different streams; both are closed now");
}

}  // namespace kioto::net

#endif  // KIOTO_NET_STREAM_SPLIT_H_
