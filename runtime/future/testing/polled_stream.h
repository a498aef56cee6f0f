// PolledStream: PolledTask for a stream: asks it for its next item by hand, and counts its wakes.
//
//   PolledStream stream(time::Interval(10ms));
//   EXPECT_THAT(stream.Poll(), IsReady());
//   EXPECT_THAT(stream.Poll(), IsPending());
//   clock.Advance(10ms);
//   EXPECT_TRUE(stream.is_woken());
//   EXPECT_THAT(stream.Poll(), IsReady());            // a Poll<std::optional<Item>>
//
// A stream that the test wants to touch as well: PolledStream stream(ByRef(queue)).
#ifndef KIOTO_RUNTIME_FUTURE_TESTING_POLLED_STREAM_H_
#define KIOTO_RUNTIME_FUTURE_TESTING_POLLED_STREAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/stream.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto {

template <class S>
class PolledStream {
 public:
  static_assert(IsStream<S>, "kioto: PolledStream polls a stream");
  using Item = typename S::Item;

  // The stream is moved once more on its way in.
  explicit PolledStream(S stream) : stream_(std::make_unique<S>(std::move(stream))) {}

  // One poll. nullopt is the stream's end.
  kioto::Poll<std::optional<Item>> Poll() {
    internal::PollScope scope;
    scope.random = &random_;
    Context cx(waker_.waker(), scope);
    wakes_before_ = wakes();
    auto poll = stream_->PollNext(cx);
    yielded_ = scope.yielded;
    return poll;
  }

  // Drops the stream.
  void Drop() { stream_.reset(); }

  int wakes() const { return waker_.wakes(); }
  // Whether it was woken since its last poll began; before the first poll, at all.
  bool is_woken() const { return wakes() != wakes_before_; }
  int held() const { return waker_.held(); }
  bool yielded() const { return yielded_; }  // whether the last poll asked for another turn
  S& stream() { return *stream_; }
  S* operator->() { return stream_.get(); }

 private:
  CountingWaker waker_;
  std::unique_ptr<S> stream_;
  int wakes_before_ = 0;
  uint64_t random_ = 0x9e3779b97f4a7c15u;
  bool yielded_ = false;
};

template <class S>
PolledStream(S) -> PolledStream<S>;

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_TESTING_POLLED_STREAM_H_
