// ChunksTimeout(n, limit, stream): the items in vectors of up to n: a full one at once, a shorter one when so much time has gone
// by since its first item came, or at the end of the stream. Never an empty one.
//
//   stream::From(std::move(rows)).Apply(ChunksTimeout(500, 2s)).ForEach([&](std::vector<Row>& batch) { return Insert(batch); })
//
// The stream is looked at first: what is there goes into the chunk, however late it is. CANCEL SAFE: Next(): yes: what has come
// stays in the stream; Remainder() takes it out. THREADS and outside a runtime: as Sleep.
#ifndef KIOTO_TIME_CHUNKS_TIMEOUT_H_
#define KIOTO_TIME_CHUNKS_TIMEOUT_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/internal/round.h"
#include "kioto/runtime/future/stream/stream_base.h"
#include "kioto/time/instant.h"
#include "kioto/time/internal/nanos.h"
#include "kioto/time/internal/timer.h"

namespace kioto {
namespace internal {

template <class S>
class [[nodiscard]] ChunksTimeoutStream : public StreamAdapter<ChunksTimeoutStream<S>, S, std::vector<typename S::Item>> {
  using Base = StreamAdapter<ChunksTimeoutStream, S, std::vector<typename S::Item>>;

 public:
  using Item = typename Base::Item;

  ChunksTimeoutStream(size_t n, int64_t limit, S&& source) : Base(std::move(source)), n_(n), limit_(limit) {
    KIOTO_CHECK(n > 0, "ChunksTimeout: a chunk has at least one item");
  }

  Poll<std::optional<Item>> PollNext(Context& cx) {
    while (!ended_ && items_.size() < n_) {
      RoundBudget budget(cx);
      auto item = this->source_.PollNext(cx);
      if (item.pending()) return PollTimer(cx);
      ended_ = !item->has_value();
      if (ended_) break;
      if (items_.empty()) Begin();
      items_.push_back(std::move(**item));
      if (!budget.MayGoOn()) return kPending;
    }
    if (items_.empty()) return std::optional<Item>();
    return Take();
  }
  // What has come since the last chunk.
  Item Remainder() { return std::exchange(items_, {}); }
  bool ended() const { return items_.empty() && (ended_ || EndedOf(this->source_)); }
  SizeHint size_hint() const {  // each item may come alone
    const SizeHint items = SizeHint::Exactly(items_.size()) + (ended_ ? SizeHint::Exactly(0) : SizeHintOf(this->source_));
    return {items.lower / n_ + (items.lower % n_ != 0 ? 1 : 0), items.upper};
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node(trace.Until("ChunksTimeout", items_.empty() ? kNever : timer_.deadline()));
    trace.Child(this->source_);
  }

 private:
  static constexpr size_t kMostRoomAhead = 1024;

  void Begin() {
    items_.reserve(std::min(n_, kMostRoomAhead));
    timer_.ResetAt((time::Instant::Now() + std::chrono::nanoseconds(limit_)).nanos());
  }
  Poll<std::optional<Item>> PollTimer(Context& cx) {
    if (items_.empty()) return kPending;
    const TimerState state = timer_.Poll(cx);
    if (state == TimerState::kIdle) NoTimeHere("ChunksTimeout");
    if (state != TimerState::kFired) return kPending;
    return Take();
  }
  std::optional<Item> Take() {
    timer_.Cancel();
    return std::exchange(items_, {});
  }

  const size_t n_;
  const int64_t limit_;
  Item items_;
  bool ended_ = false;
  Timer timer_{Timer::From::kClockZero, 0};
};

}  // namespace internal

namespace time {

template <class Rep, class Period, class S>
auto ChunksTimeout(size_t n, std::chrono::duration<Rep, Period> limit, S&& stream) {
  if constexpr (kioto::internal::IsStreamArgument<S>()) {
    return kioto::internal::ChunksTimeoutStream<S>(n, kioto::internal::ToNanos(limit), std::move(stream));
  } else {
    return kioto::internal::PoisonStream();
  }
}
// As an adaptor, for stream.Apply.
template <class Rep, class Period>
auto ChunksTimeout(size_t n, std::chrono::duration<Rep, Period> limit) {
  return [n, limit](auto&& stream) { return time::ChunksTimeout(n, limit, std::forward<decltype(stream)>(stream)); };
}

}  // namespace time

using time::ChunksTimeout;

}  // namespace kioto

#endif  // KIOTO_TIME_CHUNKS_TIMEOUT_H_
