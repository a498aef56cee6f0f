// InFlight<F>: room for a future, or a stream, that a stream makes, polls to its end, and makes again.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_INTERNAL_IN_FLIGHT_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_INTERNAL_IN_FLIGHT_H_

#include <new>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/wait_trace.h"

namespace kioto::internal {

template <class F>
class InFlight {
 public:
  InFlight() {}  // NOLINT: the union needs it
  InFlight(InFlight&& other) noexcept {
    KIOTO_CHECK(!other.busy_, "a stream was moved while a future or a stream of its own was at work: move it before, or box it (.Boxed())");
  }
  InFlight& operator=(InFlight&&) = delete;
  ~InFlight() { End(); }

  bool busy() const { return busy_; }
  // make() gives the future, made where it stays.
  template <class Make>
  void Begin(Make make) {
    ::new (&future_) F(make());
    busy_ = true;
  }
  // When it is ready the future is destroyed before its output is given.
  auto PollOnce(Context& cx) {
    auto polled = PollChild(future_, cx);
    if (polled.ready()) End();
    return polled;
  }
  // The stream is destroyed before its end is told.
  auto PollNext(Context& cx) {
    auto item = future_.PollNext(cx);
    if (item.ready() && !item->has_value()) End();
    return item;
  }
  void End() {
    if (!busy_) return;
    busy_ = false;
    future_.~F();
  }
  void Describe(WaitTrace& trace) const {
    if (busy_) trace.Child(future_);
  }

 private:
  bool busy_ = false;
  union {
    F future_;
  };
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_INTERNAL_IN_FLIGHT_H_
