// What a sink is: where items go, the opposite of a stream. Any class with
//
//   Poll<Status> PollReady(Context& cx);    // there is room for one item, and budget
//   Status StartSend(T item);               // takes it; only after PollReady was ready with OK, once for each
//   Poll<Status> PollFlush(Context& cx);    // all items that were taken have reached their destination
//   Poll<Status> PollClose(Context& cx);    // the same, and no item will follow
//
// SinkBase<Self> gives it the members below, which are futures that borrow it: one at a time. They may be dropped and asked
// again. An item that is a view is borrowed, as its bytes are.
//
//   ForEach(std::move(replies), [&](Reply& reply) { return sink.Feed(std::move(reply)); }).AndThen([&] { return sink.Flush(); })
#ifndef KIOTO_RUNTIME_IO_CODEC_SINK_H_
#define KIOTO_RUNTIME_IO_CODEC_SINK_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/poll.h"
#include "kioto/runtime/future/wait_trace.h"

namespace kioto::io {
namespace internal {

template <class S, class T>
class [[nodiscard]] SendFuture : public FutureBase<SendFuture<S, T>, Status> {
 public:
  static constexpr bool kLosesData = true;

  SendFuture(S* sink, T item, bool flush) : sink_(sink), item_(std::move(item)), flush_(flush) {}
  Poll<Status> PollOnce(Context& cx) {
    if (item_.has_value()) {
      Poll<Status> ready = sink_->PollReady(cx);
      if (ready.pending() || !ready->ok()) return ready;
      Status sent = sink_->StartSend(*std::move(item_));
      item_.reset();
      if (!sent.ok() || !flush_) return sent;
    }
    return sink_->PollFlush(cx);
  }
  void Describe(WaitTrace& trace) const { trace.Node("Send", *sink_); }

 private:
  S* sink_;
  std::optional<T> item_;  // until it was taken
  bool flush_;
};

template <class S>
class [[nodiscard]] FlushSinkFuture : public FutureBase<FlushSinkFuture<S>, Status> {
 public:
  FlushSinkFuture(S* sink, bool close) : sink_(sink), close_(close) {}
  Poll<Status> PollOnce(Context& cx) { return close_ ? sink_->PollClose(cx) : sink_->PollFlush(cx); }
  void Describe(WaitTrace& trace) const { trace.Node(close_ ? "Close" : "Flush", *sink_); }

 private:
  S* sink_;
  bool close_;
};

}  // namespace internal

template <class Self>
class SinkBase {
 public:
  // Waits for room, gives the item, and flushes. With an error from the item alone the sink is as it was.
  // CANCEL SAFE: loses data: the item, if it was not taken yet; one that was is sent with the next flush.
  template <class T>
  auto Send(T&& item) {
    return internal::SendFuture<Self, std::decay_t<T>>(self(), std::forward<T>(item), /*flush=*/true);
  }
  // The same without the flush: for many items that go out together. CANCEL SAFE: loses data, as Send.
  template <class T>
  auto Feed(T&& item) {
    return internal::SendFuture<Self, std::decay_t<T>>(self(), std::forward<T>(item), /*flush=*/false);
  }
  // Until all items have reached their destination. CANCEL SAFE: yes.
  auto Flush() { return internal::FlushSinkFuture<Self>(self(), /*close=*/false); }
  // The same, and says that nothing will follow. CANCEL SAFE: yes.
  auto Close() { return internal::FlushSinkFuture<Self>(self(), /*close=*/true); }

 private:
  Self* self() { return static_cast<Self*>(this); }
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_CODEC_SINK_H_
