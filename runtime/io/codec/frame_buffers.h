// FrameReader and FrameWriter: the buffers of FramedRead, FramedWrite and Framed, and when they ask whom.
//
// STATE of a FrameReader, by `readable` (the decoder may have an item in what is buffered) and `ended` (the latest read was
// the end):
//
//   reading  -,-              a read is wanted           bytes: decoding; end: ending; error: failed
//   decoding readable         Decode is asked            an item: decoding; none: reading; error: failed
//   ending   readable, ended  DecodeEof is asked         an item: ending; none: says the end, ended
//   ended    ended            a read is wanted           bytes: decoding; end: says the end; error: failed
//   failed   `failed`         an error was given         says the end once; then decoding, or ending, if the decoder took what
//                                                        was wrong: behind it there may be items; else reading, or ended
#ifndef KIOTO_RUNTIME_IO_CODEC_FRAME_BUFFERS_H_
#define KIOTO_RUNTIME_IO_CODEC_FRAME_BUFFERS_H_

#include <cstddef>
#include <optional>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/codec/codec.h"
#include "kioto/runtime/io/reader.h"
#include "kioto/runtime/io/writer.h"

namespace kioto::io {

// What the buffer of a framed stream begins with, and how much a framed sink holds back.
inline constexpr size_t kFrameBuffer = 8 * 1024;

namespace internal {

class FrameReader {
 public:
  // A read is given `capacity` bytes of room, or what is left of them. An idle stream keeps no memory.
  explicit FrameReader(size_t capacity) : capacity_(capacity) {}
  // Goes on with what is in `bytes`, and at least kFrameBuffer of room in all.
  explicit FrameReader(ByteQueue bytes);

  // The next item; nullopt at the end and after an error.
  template <class D>
  Poll<std::optional<StatusOr<typename D::Item>>> PollNext(ReaderRef reader, D& decoder, Context& cx) {
    using Item = std::optional<StatusOr<typename D::Item>>;
    while (true) {
      if (std::exchange(failed_, false)) return Item();
      if (readable_) {
        // Items at hand count, too; an attempt that finds none has paid as well.
        if (!cx.ConsumePartOfBudget()) return kPending;
        const size_t before = buffer.size();
        StatusOr<std::optional<typename D::Item>> item = ended_ ? DecodeEof(decoder, buffer) : decoder.Decode(buffer);
        failed_ = !item.ok();
        if (failed_) {
          readable_ = buffer.size() < before;
          return Item(std::move(item).status());
        }
        if (item->has_value()) return **std::move(item);
        readable_ = false;
        if (ended_) return Item();
      }
      Poll<Status> more = PollRead(reader, cx);
      if (more.pending()) return kPending;
      if (!more->ok()) return Item(*std::move(more));
      if (!readable_) return Item();
    }
  }

  ByteQueue buffer;

 private:
  Poll<Status> PollRead(ReaderRef reader, Context& cx);

  size_t capacity_;
  bool readable_ = false;
  bool ended_ = false;
  bool failed_ = false;
};

class FrameWriter {
 public:
  explicit FrameWriter(size_t capacity) : buffer(capacity) {}
  explicit FrameWriter(ByteQueue bytes);

  Poll<Status> PollReady(WriterRef writer, Context& cx) {
    if (buffer.size() >= boundary) return PollFlush(writer, cx);
    if (!cx.ConsumePartOfBudget()) return kPending;
    return OkStatus();
  }
  Poll<Status> PollFlush(WriterRef writer, Context& cx);
  Poll<Status> PollClose(WriterRef writer, Context& cx);

  ByteQueue buffer;
  size_t boundary = kFrameBuffer;  // with so many bytes in the buffer, the next item waits until they are written
};

}  // namespace internal
}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_CODEC_FRAME_BUFFERS_H_
