// FramedRead, FramedWrite, Framed: a reader as a stream of items, a writer as a sink of items, and both in one; a codec says
// what an item is (codec.h).
//
//   With(io::Framed(std::move(stream), io::LinesCodec(/*max_length=*/4096)), [](auto& lines) {
//     return ForEach(ByRef(lines), [&](std::string& line) { return lines.Send(absl::StrCat("you said ", line)); });
//   });
//
// They own reader, writer and codec; ReaderRef(x), WriterRef(x) borrow one. Pinned from the first poll if what they read or
// write is. Any thread, one task at a time; for a task that reads and one that writes use io::Split, and a FramedRead and a
// FramedWrite of the halves.
//
// READING     An item that is an error, of the reader or the decoder, is followed by one nullopt. After that, and after the
//             nullopt at the end of the stream, they may be asked again, and read on: a file that grows, a decoder that skips
//             what was wrong. Next() is CANCEL SAFE: yes.
// WRITING     Items are encoded into a buffer, which is written by Flush and Close, and before an item once it holds
//             backpressure_boundary() bytes. An item that cannot be encoded leaves the sink as it was. Writers that take no more
//             bytes: IsWriteZero. Destruction writes nothing.
// BUDGET      An item at hand, or that there is room for, costs a sixteenth of a unit: far less than a read (limits.h).
#ifndef KIOTO_RUNTIME_IO_CODEC_FRAMED_H_
#define KIOTO_RUNTIME_IO_CODEC_FRAMED_H_

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/stream/stream_base.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/codec/codec.h"
#include "kioto/runtime/io/codec/frame_buffers.h"
#include "kioto/runtime/io/codec/sink.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {

// What a framed stream is made of: to change one part, or to go on with the bytes alone.
template <class T, class C>
struct FramedParts {
  FramedParts(T io, C codec, ByteQueue read_buffer = ByteQueue(), ByteQueue write_buffer = ByteQueue())
      : io(std::move(io)), codec(std::move(codec)), read_buffer(std::move(read_buffer)), write_buffer(std::move(write_buffer)) {}

  T io;
  C codec;
  ByteQueue read_buffer;   // what was read and not decoded
  ByteQueue write_buffer;  // what was encoded and not written
};

template <class R, class D>
class [[nodiscard]] FramedRead : public StreamBase<FramedRead<R, D>, StatusOr<typename D::Item>> {
 public:
  static_assert(IsReader<R>, "kioto: FramedRead and Framed take a reader by std::move, or ReaderRef(x)");
  static_assert(IsDecoder<D>, "kioto: a decoder has an Item and StatusOr<std::optional<Item>> Decode(ByteQueue&)");

  FramedRead(R reader, D decoder, size_t capacity = kFrameBuffer)
      : reader_(std::move(reader)), decoder_(std::move(decoder)), frames_(capacity) {}
  // Goes on with parts.read_buffer; the other buffer is dropped.
  explicit FramedRead(FramedParts<R, D> parts)
      : reader_(std::move(parts.io)), decoder_(std::move(parts.codec)), frames_(std::move(parts.read_buffer)) {}

  Poll<std::optional<StatusOr<typename D::Item>>> PollNext(Context& cx) { return frames_.PollNext(reader_, decoder_, cx); }
  void Describe(WaitTrace& trace) const { trace.Node("FramedRead", reader_); }

  R& reader() { return reader_; }
  D& decoder() { return decoder_; }
  ByteQueue& read_buffer() { return frames_.buffer; }

  FramedParts<R, D> IntoParts() && { return FramedParts<R, D>(std::move(reader_), std::move(decoder_), std::move(frames_.buffer)); }
  // The reader; what is buffered is lost.
  R IntoInner() && { return std::move(reader_); }
  // fn(decoder) gives the one that goes on with the same reader and bytes.
  template <class Fn, class Next = std::invoke_result_t<Fn, D>>
  FramedRead<R, Next> MapDecoder(Fn fn) && {
    return FramedRead<R, Next>(std::move(reader_), fn(std::move(decoder_)), std::move(frames_));
  }

 private:
  template <class, class>
  friend class FramedRead;
  FramedRead(R&& reader, D&& decoder, internal::FrameReader&& frames)
      : reader_(std::move(reader)), decoder_(std::move(decoder)), frames_(std::move(frames)) {}

  R reader_;
  D decoder_;
  internal::FrameReader frames_;
};

template <class W, class E>
class [[nodiscard]] FramedWrite : public SinkBase<FramedWrite<W, E>> {
 public:
  static_assert(IsWriter<W>, "kioto: FramedWrite and Framed take a writer by std::move, or WriterRef(x)");

  // `capacity`: room from the start; an idle sink needs none.
  FramedWrite(W writer, E encoder, size_t capacity = 0)
      : writer_(std::move(writer)), encoder_(std::move(encoder)), frames_(capacity) {}
  // Goes on with parts.write_buffer; the other buffer is dropped.
  explicit FramedWrite(FramedParts<W, E> parts)
      : writer_(std::move(parts.io)), encoder_(std::move(parts.codec)), frames_(std::move(parts.write_buffer)) {}

  Poll<Status> PollReady(Context& cx) { return frames_.PollReady(writer_, cx); }
  template <class T>
  Status StartSend(T&& item) {
    return encoder_.Encode(std::forward<T>(item), frames_.buffer);
  }
  Poll<Status> PollFlush(Context& cx) { return frames_.PollFlush(writer_, cx); }
  Poll<Status> PollClose(Context& cx) { return frames_.PollClose(writer_, cx); }
  void Describe(WaitTrace& trace) const { trace.Node("FramedWrite", writer_); }

  W& writer() { return writer_; }
  E& encoder() { return encoder_; }
  ByteQueue& write_buffer() { return frames_.buffer; }
  size_t backpressure_boundary() const { return frames_.boundary; }
  void set_backpressure_boundary(size_t bytes) { frames_.boundary = bytes; }

  FramedParts<W, E> IntoParts() && {
    return FramedParts<W, E>(std::move(writer_), std::move(encoder_), ByteQueue(), std::move(frames_.buffer));
  }
  // The writer; what is buffered is lost.
  W IntoInner() && { return std::move(writer_); }
  template <class Fn, class Next = std::invoke_result_t<Fn, E>>
  FramedWrite<W, Next> MapEncoder(Fn fn) && {
    return FramedWrite<W, Next>(std::move(writer_), fn(std::move(encoder_)), std::move(frames_));
  }

 private:
  template <class, class>
  friend class FramedWrite;
  FramedWrite(W&& writer, E&& encoder, internal::FrameWriter&& frames)
      : writer_(std::move(writer)), encoder_(std::move(encoder)), frames_(std::move(frames)) {}

  W writer_;
  E encoder_;
  internal::FrameWriter frames_;
};

template <class T, class C>
class [[nodiscard]] Framed : public StreamBase<Framed<T, C>, StatusOr<typename C::Item>>, public SinkBase<Framed<T, C>> {
 public:
  static_assert(IsReader<T> && IsWriter<T>, "kioto: Framed takes what can be read and written, by std::move");
  static_assert(IsDecoder<C>, "kioto: a decoder has an Item and StatusOr<std::optional<Item>> Decode(ByteQueue&)");

  Framed(T io, C codec, size_t capacity = kFrameBuffer)
      : io_(std::move(io)), codec_(std::move(codec)), reads_(capacity), writes_(size_t{0}) {}
  explicit Framed(FramedParts<T, C> parts)
      : io_(std::move(parts.io)),
        codec_(std::move(parts.codec)),
        reads_(std::move(parts.read_buffer)),
        writes_(std::move(parts.write_buffer)) {}

  Poll<std::optional<StatusOr<typename C::Item>>> PollNext(Context& cx) { return reads_.PollNext(io_, codec_, cx); }
  Poll<Status> PollReady(Context& cx) { return writes_.PollReady(io_, cx); }
  template <class I>
  Status StartSend(I&& item) {
    return codec_.Encode(std::forward<I>(item), writes_.buffer);
  }
  Poll<Status> PollFlush(Context& cx) { return writes_.PollFlush(io_, cx); }
  Poll<Status> PollClose(Context& cx) { return writes_.PollClose(io_, cx); }
  void Describe(WaitTrace& trace) const { trace.Node("Framed", io_); }

  T& io() { return io_; }
  C& codec() { return codec_; }
  ByteQueue& read_buffer() { return reads_.buffer; }
  ByteQueue& write_buffer() { return writes_.buffer; }
  size_t backpressure_boundary() const { return writes_.boundary; }
  void set_backpressure_boundary(size_t bytes) { writes_.boundary = bytes; }

  FramedParts<T, C> IntoParts() && {
    return FramedParts<T, C>(std::move(io_), std::move(codec_), std::move(reads_.buffer), std::move(writes_.buffer));
  }
  // What is read and written; what is buffered is lost.
  T IntoInner() && { return std::move(io_); }
  template <class Fn, class Next = std::invoke_result_t<Fn, C>>
  Framed<T, Next> MapCodec(Fn fn) && {
    return Framed<T, Next>(std::move(io_), fn(std::move(codec_)), std::move(reads_), std::move(writes_));
  }

 private:
  template <class, class>
  friend class Framed;
  Framed(T&& io, C&& codec, internal::FrameReader&& reads, internal::FrameWriter&& writes)
      : io_(std::move(io)), codec_(std::move(codec)), reads_(std::move(reads)), writes_(std::move(writes)) {}

  T io_;
  C codec_;
  internal::FrameReader reads_;
  internal::FrameWriter writes_;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_CODEC_FRAMED_H_
