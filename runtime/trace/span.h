// Span("load the user", future): a part of a task's work that its runtime's TraceSink (trace_sink.h) is told of by name. It
// follows the task: entered at each poll and left after it, on whatever thread; closed when `future` is ready or dropped.
//
//   return Span("load the user", db.Find(id)).AndThen([&](User& user) { return Span("render", Render(user)); });
//
// Gives what `future` gives. CANCEL SAFE: as `future`. Without a sink a poll costs one branch more. `name` is a literal.
#ifndef KIOTO_RUNTIME_TRACE_SPAN_H_
#define KIOTO_RUNTIME_TRACE_SPAN_H_

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/trace/trace_sink.h"

namespace kioto {
namespace internal {

// What the sink has been told of one span.
class SpanState {
 public:
  explicit SpanState(const char* name) : span_{0, 0, name} {}
  SpanState(SpanState&&) = default;  // not opened yet
  ~SpanState() { Close(); }

  bool traced() const { return sink_ != nullptr || CurrentThread().trace != nullptr; }
  void Enter();  // and opens
  void Leave() { sink_->SpanLeft(span_); }
  void Close();
  std::string label() const { return std::string("Span ") + span_.name; }

 private:
  TraceSpan span_;
  std::shared_ptr<TraceSink> sink_;  // null: not open. Kept: the future may be dropped after its runtime's end
};

class [[nodiscard]] EnteredSpan {
 public:
  explicit EnteredSpan(SpanState& state) : state_(state) { state_.Enter(); }
  EnteredSpan(const EnteredSpan&) = delete;
  EnteredSpan& operator=(const EnteredSpan&) = delete;
  ~EnteredSpan() { state_.Leave(); }

 private:
  SpanState& state_;
};

template <class F>
class [[nodiscard]] SpanFuture : public FutureBase<SpanFuture<F>, OutputOf<F>> {
 public:
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  SpanFuture(const char* name, F future) : state_(name), future_(std::move(future)) {}

  Poll<OutputOf<F>> PollOnce(Context& cx) {
    if (!state_.traced()) return PollChild(future_, cx);
    auto poll = PollEntered(cx);
    if (poll.ready()) state_.Close();
    return poll;
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node(state_.label());
    trace.Child(future_);
  }

 private:
  Poll<OutputOf<F>> PollEntered(Context& cx) {
    const EnteredSpan entered(state_);
    return PollChild(future_, cx);
  }

  SpanState state_;  // closed after `future_` is destroyed
  F future_;
};

}  // namespace internal

template <class F>
auto Span(const char* name, F&& future) {
  static_assert(IsFuture<std::decay_t<F>>, "kioto: Span needs a future; give a function's result, not the function");
  static_assert(!std::is_lvalue_reference_v<F>, "kioto: Span takes its future by value: write Span(name, std::move(future))");
  if constexpr (IsFuture<std::decay_t<F>>) {
    return internal::SpanFuture<std::decay_t<F>>(name, std::move(future));
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TRACE_SPAN_H_
