// ItemWriter: a sink as a writer: each write is an item. For code that writes bytes to what takes messages.
//
//   io::ItemWriter writer(io::CopyToBytes(sync::MpscPollSender(std::move(tx))));   // tx: an MpscSender<Bytes>
//   io::ItemWriter packets(io::FramedWrite(std::move(stream), io::LengthDelimitedCodec()));
//
// Flush and Shutdown are the sink's Flush and Close. A write of nothing is no item. They own the sink. Threads: as the sink.
#ifndef KIOTO_RUNTIME_IO_CODEC_ITEM_WRITER_H_
#define KIOTO_RUNTIME_IO_CODEC_ITEM_WRITER_H_

#include <cstddef>
#include <utility>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/future/wait_trace.h"
#include "kioto/runtime/io/bytes.h"
#include "kioto/runtime/io/codec/sink.h"

namespace kioto::io {

// S: a sink of absl::string_view.
template <class S>
class ItemWriter {
 public:
  explicit ItemWriter(S sink) : sink_(std::move(sink)) {}

  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) {
    if (bytes.empty()) return StatusOr<size_t>(0);
    Poll<Status> ready = sink_.PollReady(cx);
    if (ready.pending()) return kPending;
    if (!ready->ok()) return StatusOr<size_t>(*std::move(ready));
    Status sent = sink_.StartSend(bytes);
    if (!sent.ok()) return StatusOr<size_t>(std::move(sent));
    return StatusOr<size_t>(bytes.size());
  }
  Poll<Status> PollFlush(Context& cx) { return sink_.PollFlush(cx); }
  Poll<Status> PollShutdown(Context& cx) { return sink_.PollClose(cx); }
  void Describe(WaitTrace& trace) const { trace.Node("ItemWriter", sink_); }

  S& inner() { return sink_; }
  S IntoInner() && { return std::move(sink_); }

 private:
  S sink_;
};

// A sink of Bytes as one of absl::string_view, which it copies.
template <class S>
class CopyToBytes : public SinkBase<CopyToBytes<S>> {
 public:
  explicit CopyToBytes(S sink) : sink_(std::move(sink)) {}

  Poll<Status> PollReady(Context& cx) { return sink_.PollReady(cx); }
  Status StartSend(absl::string_view bytes) { return sink_.StartSend(Bytes::Copy(bytes)); }
  Poll<Status> PollFlush(Context& cx) { return sink_.PollFlush(cx); }
  Poll<Status> PollClose(Context& cx) { return sink_.PollClose(cx); }
  void Describe(WaitTrace& trace) const { trace.Child(sink_); }

  S& inner() { return sink_; }
  S IntoInner() && { return std::move(sink_); }

 private:
  S sink_;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_CODEC_ITEM_WRITER_H_
