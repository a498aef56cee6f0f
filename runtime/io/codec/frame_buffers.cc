#include "kioto/runtime/io/codec/frame_buffers.h"

#include <algorithm>
#include <utility>

#include "kioto/runtime/io/errors.h"

namespace kioto::io::internal {
namespace {

// The least room that a read is given: less would mean many reads for the end of a frame.
constexpr size_t kReadRoom = 1024;
// What a sink that has nothing to write keeps: most sinks are idle, mostly.
constexpr size_t kKept = 512;

ByteQueue WithRoom(ByteQueue bytes) {
  if (bytes.capacity() >= kFrameBuffer) return bytes;
  ByteQueue larger(kFrameBuffer);
  larger.Append(bytes.view());
  return larger;
}

}  // namespace

FrameReader::FrameReader(ByteQueue bytes)
    : buffer(WithRoom(std::move(bytes))), capacity_(buffer.capacity()), readable_(!buffer.empty()) {}

Poll<Status> FrameReader::PollRead(ReaderRef reader, Context& cx) {
  const size_t room = buffer.capacity() == 0 ? std::max(capacity_, kReadRoom) : kReadRoom;
  Poll<StatusOr<size_t>> n = reader.PollRead(cx, buffer.Room(room));
  if (n.pending()) {
    buffer.Release();
    return kPending;
  }
  failed_ = !n->ok();
  if (failed_) return n->status();
  buffer.Commit(**n);
  // The end is told to the decoder once; after that only bytes are news.
  readable_ = **n != 0 || !ended_;
  ended_ = **n == 0;
  return OkStatus();
}

FrameWriter::FrameWriter(ByteQueue bytes) : buffer(WithRoom(std::move(bytes))) {}

Poll<Status> FrameWriter::PollFlush(WriterRef writer, Context& cx) {
  while (!buffer.empty()) {
    Poll<StatusOr<size_t>> n = writer.PollWrite(cx, buffer.view());
    if (n.pending()) return kPending;
    if (!n->ok()) return n->status();
    if (**n == 0) return WriteZeroError(buffer.size());
    buffer.Consume(**n);
  }
  buffer.Release(kKept);
  return writer.PollFlush(cx);
}

Poll<Status> FrameWriter::PollClose(WriterRef writer, Context& cx) {
  Poll<Status> flushed = PollFlush(writer, cx);
  if (flushed.pending() || !flushed->ok()) return flushed;
  return writer.PollShutdown(cx);
}

}  // namespace kioto::io::internal
