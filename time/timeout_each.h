// TimeoutEach(limit, stream): the items of the stream, and IsElapsed where one does not come in time. TimeoutRepeating(interval,
// stream) says so again at each tick. Either way the stream goes on.
//
//   stream::From(std::move(lines)).Apply(TimeoutEach(30s)).ForEach(…)      // an error ends the ForEach
//
//   the stream's items   the items
//   StatusOr<T>, Status  the same
//   any other T          StatusOr<T>
//
// The limit counts from the first poll, then from each item. The stream is looked at first: an item that is there is given,
// however late it is. TimeoutEach gives one error for each item that is late; TimeoutRepeating resets its Interval at each item
// (make it by Interval(Instant::Now() + 1s, 1s): the first tick of an Interval(1s) comes at once). CANCEL SAFE: Next(): yes.
// ERRORS: besides the stream's own, IsElapsed; outside a runtime with time TimeoutEach gives a status that says so, and
// TimeoutRepeating ends the program, as any Interval.
#ifndef KIOTO_TIME_TIMEOUT_EACH_H_
#define KIOTO_TIME_TIMEOUT_EACH_H_

#include <chrono>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/internal/unify.h"
#include "kioto/runtime/future/stream/stream_base.h"
#include "kioto/time/instant.h"
#include "kioto/time/internal/nanos.h"
#include "kioto/time/internal/timer.h"
#include "kioto/time/interval.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace internal {

// The item of a stream, as one that may be an error.
template <class T>
using InTime = std::conditional_t<kIsFallible<T>, T, StatusOr<T>>;

template <class S>
class [[nodiscard]] TimeoutEachStream : public StreamAdapter<TimeoutEachStream<S>, S, InTime<typename S::Item>> {
  using Base = StreamAdapter<TimeoutEachStream, S, InTime<typename S::Item>>;

 public:
  using Item = typename Base::Item;

  TimeoutEachStream(int64_t limit, S&& source)
      : Base(std::move(source)), limit_(limit), timer_(Timer::From::kFirstPoll, limit) {}

  Poll<std::optional<Item>> PollNext(Context& cx) {
    auto item = this->source_.PollNext(cx);
    if (item.ready()) {
      if (!item->has_value()) return std::optional<Item>();
      waits_ = true;
      timer_.Cancel();  // nobody waits
      if (limit_ != kNever) timer_.ResetAt((time::Instant::Now() + std::chrono::nanoseconds(limit_)).nanos());
      return std::optional<Item>(std::move(**item));
    }
    if (!waits_ || limit_ == kNever) return kPending;
    const TimerState state = timer_.Poll(cx);
    if (state == TimerState::kArmed) return kPending;
    if (!cx.budget_spent()) (void)cx.ConsumeBudget();
    waits_ = false;
    return std::optional<Item>(LateError(state, "TimeoutEach"));
  }
  SizeHint size_hint() const { return {SizeHintOf(this->source_).lower, std::nullopt}; }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node(trace.Until("TimeoutEach", waits_ ? timer_.deadline() : kNever));
    trace.Child(this->source_);
  }

 private:
  const int64_t limit_;
  bool waits_ = true;
  Timer timer_;
};

template <class S>
class [[nodiscard]] TimeoutRepeatingStream : public StreamAdapter<TimeoutRepeatingStream<S>, S, InTime<typename S::Item>> {
  using Base = StreamAdapter<TimeoutRepeatingStream, S, InTime<typename S::Item>>;

 public:
  using Item = typename Base::Item;

  TimeoutRepeatingStream(time::Interval every, S&& source) : Base(std::move(source)), every_(std::move(every)) {}

  Poll<std::optional<Item>> PollNext(Context& cx) {
    auto item = this->source_.PollNext(cx);
    if (item.ready()) {
      if (!item->has_value()) return std::optional<Item>();
      every_.Reset();
      return std::optional<Item>(std::move(**item));
    }
    // No budget is asked for: the stream may have spent it all, every time.
    if (!every_.PollDue(cx)) return kPending;
    if (!cx.budget_spent()) (void)cx.ConsumeBudget();
    (void)every_.TakeTick();
    return std::optional<Item>(LateError(TimerState::kFired, "TimeoutRepeating"));
  }
  SizeHint size_hint() const { return {SizeHintOf(this->source_).lower, std::nullopt}; }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("TimeoutRepeating");
    trace.Child(every_);
    trace.Child(this->source_);
  }

 private:
  time::Interval every_;
};

}  // namespace internal

namespace time {

template <class Rep, class Period, class S>
auto TimeoutEach(std::chrono::duration<Rep, Period> limit, S&& stream) {
  if constexpr (kioto::internal::IsStreamArgument<S>()) {
    return kioto::internal::TimeoutEachStream<S>(kioto::internal::ToNanos(limit), std::move(stream));
  } else {
    return kioto::internal::PoisonStream();
  }
}

template <class S>
auto TimeoutRepeating(Interval every, S&& stream) {
  if constexpr (kioto::internal::IsStreamArgument<S>()) {
    return kioto::internal::TimeoutRepeatingStream<S>(std::move(every), std::move(stream));
  } else {
    return kioto::internal::PoisonStream();
  }
}

// As an adaptor, for stream.Apply.
template <class Rep, class Period>
auto TimeoutEach(std::chrono::duration<Rep, Period> limit) {
  return [limit](auto&& stream) { return time::TimeoutEach(limit, std::forward<decltype(stream)>(stream)); };
}

}  // namespace time

using time::TimeoutEach;
using time::TimeoutRepeating;

}  // namespace kioto

#endif  // KIOTO_TIME_TIMEOUT_EACH_H_
