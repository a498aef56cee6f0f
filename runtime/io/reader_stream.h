// ReaderStream: a reader as a stream of what its reads give, and StreamReader, the other way round.
//
//   ForEach(io::ReaderStream(std::move(file)), [&](Bytes& chunk) { return body.Send(std::move(chunk)); })
//   io::StreamReader reader(std::move(body));        // body: a stream of StatusOr<Bytes>, or of StatusOr<std::string>
//
// For items that are more than what happened to come together: codec/framed.h. Both own what they wrap; ReaderRef(x) and
// ByRef(x) borrow it. Pinned from the first poll if what they wrap is. Any thread, one task at a time.
#ifndef KIOTO_RUNTIME_IO_READER_STREAM_H_
#define KIOTO_RUNTIME_IO_READER_STREAM_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/stream.h"
#include "kioto/runtime/future/stream/stream_base.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/io/bytes.h"
#include "kioto/runtime/io/reader.h"

namespace kioto::io {

// Items are StatusOr<Bytes>, never empty. The end of the reader is the end, and so is an error, which is the last item.
// Next() is CANCEL SAFE: yes.
template <class R>
class [[nodiscard]] ReaderStream : public StreamBase<ReaderStream<R>, StatusOr<Bytes>> {
 public:
  static_assert(IsReader<R>, "kioto: ReaderStream needs a reader by std::move, or ReaderRef(x)");

  // Reads at most `capacity` bytes at a time, at least 1.
  explicit ReaderStream(R reader, size_t capacity = 4096) : reader_(std::move(reader)), capacity_(std::max<size_t>(capacity, 1)) {}

  Poll<std::optional<StatusOr<Bytes>>> PollNext(Context& cx) {
    using Item = std::optional<StatusOr<Bytes>>;
    if (ended_) return Item();
    // A half of the room at least, so that small reads share a block.
    const MutableBytes room = queue_.Room(queue_.capacity() == 0 ? capacity_ : capacity_ / 2);
    Poll<StatusOr<size_t>> n = reader_.PollRead(cx, room.subspan(0, capacity_));
    if (n.pending()) {
      queue_.Release();  // an idle stream keeps no memory
      return kPending;
    }
    ended_ = !n->ok() || **n == 0;
    if (!n->ok()) return Item(n->status());
    if (ended_) return Item();
    queue_.Commit(**n);
    return Item(queue_.Split(**n));
  }
  bool ended() const { return ended_; }
  void Describe(WaitTrace& trace) const { trace.Node("ReaderStream", reader_); }

  R& inner() { return reader_; }
  R IntoInner() && { return std::move(reader_); }

 private:
  R reader_;
  size_t capacity_;
  ByteQueue queue_;  // empty but for the room of the next read
  bool ended_ = false;
};

// A buffered reader (buf_reader.h). An error of the stream is given, and the stream asked again by the next read; after its end
// it is asked no more.
template <class S>
class StreamReader {
 public:
  using Chunk = typename S::Item::value_type;
  static_assert(IsStream<S> && std::is_same_v<typename S::Item, StatusOr<Chunk>> && std::is_convertible_v<const Chunk&, absl::string_view>,
                "kioto: StreamReader takes a stream of StatusOr<Bytes> or StatusOr<std::string>");

  explicit StreamReader(S stream) : stream_(std::move(stream)) {}

  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    if (into.empty()) return StatusOr<size_t>(0);
    Poll<StatusOr<absl::string_view>> bytes = PollFill(cx);
    if (bytes.pending()) return kPending;
    if (!bytes->ok()) return StatusOr<size_t>(bytes->status());
    const size_t n = std::min(into.size(), (*bytes)->size());
    if (n != 0) std::memcpy(into.data(), (*bytes)->data(), n);
    Consume(n);
    return StatusOr<size_t>(n);
  }
  Poll<StatusOr<absl::string_view>> PollFill(Context& cx) {
    if (!chunk().empty() || ended_) {
      if (!cx.ConsumeBudget()) return kPending;
      return StatusOr<absl::string_view>(chunk());
    }
    while (chunk().empty() && !ended_) {
      auto next = stream_.PollNext(cx);
      if (next.pending()) return kPending;
      ended_ = !next->has_value();
      if (ended_) break;
      if (!(**next).ok()) return StatusOr<absl::string_view>((**next).status());
      chunk_ = *std::move(**next);
      consumed_ = 0;
    }
    return StatusOr<absl::string_view>(chunk());
  }
  void Consume(size_t n) {
    KIOTO_CHECK(n <= chunk().size(), "Consume: more bytes than Fill has given");
    consumed_ += n;
  }
  void Describe(WaitTrace& trace) const { trace.Node("StreamReader", stream_); }

  // What came of the latest item and was not read.
  absl::string_view chunk() const { return absl::string_view(chunk_).substr(consumed_); }
  S& inner() { return stream_; }
  // The stream; chunk() is lost.
  S IntoInner() && { return std::move(stream_); }

 private:
  S stream_;
  Chunk chunk_{};
  size_t consumed_ = 0;
  bool ended_ = false;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_READER_STREAM_H_
