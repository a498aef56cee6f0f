// Throttle(period, stream): the items of the stream, at least so far apart. The first passes at once.
//
//   stream::From(std::move(rx)).Apply(Throttle(100ms)).ForEach(…)        // or Throttle(100ms, std::move(rx))
//
// The period counts from the moment when an item is given; until it is over the stream is asked for nothing. What comes meanwhile
// waits where it is: a bounded channel slows its senders down. A period of nothing changes nothing. CANCEL SAFE: Next(): yes.
// THREADS and outside a runtime: as Sleep.
#ifndef KIOTO_TIME_THROTTLE_H_
#define KIOTO_TIME_THROTTLE_H_

#include <chrono>
#include <optional>
#include <utility>

#include "kioto/runtime/future/stream/stream_base.h"
#include "kioto/time/instant.h"
#include "kioto/time/internal/nanos.h"
#include "kioto/time/internal/timer.h"

namespace kioto {
namespace internal {

template <class S>
class [[nodiscard]] ThrottleStream : public StreamAdapter<ThrottleStream<S>, S> {
 public:
  using Item = typename S::Item;

  ThrottleStream(int64_t period, S&& source) : ThrottleStream::StreamAdapter(std::move(source)), period_(period) {}

  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (resting_) {
      const TimerState state = timer_.Poll(cx);
      if (state == TimerState::kIdle) NoTimeHere("Throttle");
      if (state != TimerState::kFired) return kPending;
      resting_ = false;
    }
    auto item = this->source_.PollNext(cx);
    if (item.ready() && item->has_value() && period_ > 0) {
      resting_ = true;
      timer_.ResetAt((time::Instant::Now() + std::chrono::nanoseconds(period_)).nanos());
    }
    return item;
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node(trace.Until("Throttle", resting_ ? timer_.deadline() : kNever));
    if (!resting_) trace.Child(this->source_);
  }

 private:
  const int64_t period_;
  bool resting_ = false;
  Timer timer_{Timer::From::kClockZero, 0};
};

}  // namespace internal

namespace time {

template <class Rep, class Period, class S>
auto Throttle(std::chrono::duration<Rep, Period> period, S&& stream) {
  if constexpr (kioto::internal::IsStreamArgument<S>()) {
    return kioto::internal::ThrottleStream<S>(kioto::internal::ToNanos(period), std::move(stream));
  } else {
    return kioto::internal::PoisonStream();
  }
}
// As an adaptor, for stream.Apply.
template <class Rep, class Period>
auto Throttle(std::chrono::duration<Rep, Period> period) {
  return [period](auto&& stream) { return time::Throttle(period, std::forward<decltype(stream)>(stream)); };
}

}  // namespace time

using time::Throttle;

}  // namespace kioto

#endif  // KIOTO_TIME_THROTTLE_H_
