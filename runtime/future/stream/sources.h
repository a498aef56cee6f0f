// stream::From, Once, Empty, Never, FromFuture, Unfold, PollFn: where streams begin.
//
//   stream::From(std::move(rx))         any stream, with the adapters of stream_base.h as members
//   stream::From(std::move(vector))     the items of a container, moved out one by one; consumes budget
//   stream::From(begin, end)            the items of a range, copied; the range must outlive the stream
//   stream::Once(value)                 one item
//   stream::Empty<T>()                  none
//   stream::Never<T>()                  none, and no end
//   stream::FromFuture(future)          its output, when it is ready
//   stream::Unfold(state, fn)           fn(state&) gives an std::optional<T>, or a future of one, for each item; nullopt ends it
//   stream::PollFn(fn)                  what fn(Context&) answers, a Poll<std::optional<T>>
//
// CANCEL SAFE: Next() of each of them: yes.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_SOURCES_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_SOURCES_H_

#include <cstddef>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/future/internal/step.h"
#include "kioto/runtime/future/stream/internal/in_flight.h"
#include "kioto/runtime/future/stream/stream_base.h"

namespace kioto {
namespace internal {

template <class S>
class [[nodiscard]] SourceStream : public StreamAdapter<SourceStream<S>, S> {
 public:
  explicit SourceStream(S&& source) : SourceStream::StreamAdapter(std::move(source)) {}
  Poll<std::optional<typename S::Item>> PollNext(Context& cx) { return this->source_.PollNext(cx); }
};

// A container and how many of its items were given: it may be moved at any time.
template <class C>
class [[nodiscard]] ItemsStream : public StreamBase<ItemsStream<C>, typename C::value_type> {
 public:
  using Item = typename C::value_type;

  explicit ItemsStream(C&& items) : items_(std::move(items)), left_(Size()) {}
  ItemsStream(ItemsStream&& other) : items_(std::move(other.items_)), given_(other.given_), left_(std::exchange(other.left_, 0)) {}

  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (left_ == 0) return std::optional<Item>();
    if (!cx.ConsumeBudget()) return kPending;
    if (!at_) at_.emplace(std::next(items_.begin(), static_cast<std::ptrdiff_t>(given_)));
    std::optional<Item> item(std::move(**at_));
    ++*at_;
    ++given_;
    --left_;
    return item;
  }
  bool ended() const { return left_ == 0; }
  SizeHint size_hint() const { return SizeHint::Exactly(left_); }

 private:
  size_t Size() { return static_cast<size_t>(std::distance(items_.begin(), items_.end())); }

  C items_;
  size_t given_ = 0;
  size_t left_;
  std::optional<decltype(std::declval<C&>().begin())> at_;  // of the container where it lies now
};

template <class It>
class [[nodiscard]] RangeStream : public StreamBase<RangeStream<It>, typename std::iterator_traits<It>::value_type> {
 public:
  using Item = typename std::iterator_traits<It>::value_type;

  RangeStream(It begin, It end) : at_(std::move(begin)), end_(std::move(end)) {}

  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (at_ == end_) return std::optional<Item>();
    if (!cx.ConsumeBudget()) return kPending;
    std::optional<Item> item(*at_);
    ++at_;
    return item;
  }
  bool ended() const { return at_ == end_; }

 private:
  It at_;
  const It end_;
};

template <class T>
class [[nodiscard]] OnceStream : public StreamBase<OnceStream<T>, T> {
 public:
  explicit OnceStream(std::optional<T> value) : value_(std::move(value)) {}
  Poll<std::optional<T>> PollNext(Context&) { return std::exchange(value_, std::nullopt); }
  bool ended() const { return !value_; }
  SizeHint size_hint() const { return SizeHint::Exactly(value_ ? 1 : 0); }

 private:
  std::optional<T> value_;
};

template <class T>
class [[nodiscard]] NeverStream : public StreamBase<NeverStream<T>, T> {
 public:
  Poll<std::optional<T>> PollNext(Context&) { return kPending; }
  void Describe(WaitTrace& trace) const { trace.Leaf("stream::Never"); }
};

template <class F>
class [[nodiscard]] FutureStream : public StreamBase<FutureStream<F>, OutputOf<F>> {
 public:
  using Item = OutputOf<F>;
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  explicit FutureStream(F&& future) : future_(std::move(future)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (!future_) return std::optional<Item>();
    auto output = PollChild(*future_, cx);
    if (output.pending()) return kPending;
    future_.reset();
    return std::optional<Item>(*std::move(output));
  }
  bool ended() const { return !future_; }
  SizeHint size_hint() const { return SizeHint::Exactly(future_ ? 1 : 0); }
  void Describe(WaitTrace& trace) const {
    if (future_) trace.Child(*future_);
  }

 private:
  std::optional<F> future_;
};

template <class State, class Fn>
class [[nodiscard]] UnfoldStream : public StreamBase<UnfoldStream<State, Fn>, typename Step<Fn, State>::Output::value_type> {
  using St = Step<Fn, State>;

 public:
  using Item = typename St::Output::value_type;
  static constexpr bool kLocal = St::kAsync && IsLocalFuture<typename St::Next>;
  static constexpr bool kLosesData = St::kAsync && LosesDataWhenDropped<typename St::Next>;

  UnfoldStream(State&& state, Fn&& fn) : state_(std::move(state)), fn_(std::move(fn)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (ended_) return std::optional<Item>();
    auto item = PollFn(cx);
    ended_ = item.ready() && !item->has_value();
    return item;
  }
  bool ended() const { return ended_; }
  SizeHint size_hint() const { return SizeHint::AtMost(ended_ ? std::optional<size_t>(0) : std::nullopt); }
  void Describe(WaitTrace& trace) const {
    if constexpr (St::kAsync) next_.Describe(trace);
  }

 private:
  struct None {};

  Poll<std::optional<Item>> PollFn(Context& cx) {
    if constexpr (St::kAsync) {
      if (!next_.busy()) next_.Begin([this]() -> decltype(auto) { return St::Make(fn_, state_); });
      return next_.PollOnce(cx);
    } else {
      if (!cx.ConsumeBudget()) return kPending;
      return St::Value(fn_, state_);
    }
  }

  State state_;
  Fn fn_;
  bool ended_ = false;
  std::conditional_t<St::kAsync, InFlight<typename St::Next>, None> next_;
};

template <class Fn>
using PollsNext = typename std::invoke_result_t<Fn&, Context&>::Value::value_type;

template <class Fn>
class [[nodiscard]] PollFnStream : public StreamBase<PollFnStream<Fn>, PollsNext<Fn>> {
 public:
  explicit PollFnStream(Fn&& fn) : fn_(std::move(fn)) {}
  Poll<std::optional<PollsNext<Fn>>> PollNext(Context& cx) { return fn_(cx); }
  void Describe(WaitTrace& trace) const { trace.Leaf("stream::PollFn"); }

 private:
  Fn fn_;
};

template <class Fn, class = void>
inline constexpr bool kPollsNext = false;
template <class Fn>
inline constexpr bool kPollsNext<Fn, std::enable_if_t<std::is_same_v<std::invoke_result_t<Fn&, Context&>, Poll<std::optional<PollsNext<Fn>>>>>> = true;

}  // namespace internal

namespace stream {

template <class S>
auto From(S&& source) {  // an lvalue makes S a reference, which is neither
  using Source = kioto::internal::Plain<S>;
  constexpr bool stream = IsStream<S>;
  constexpr bool fine = stream || kioto::internal::kIsContainer<S>;
  constexpr bool source_of_items = IsStream<Source> || kioto::internal::kIsContainer<Source>;
  static_assert(source_of_items || kioto::internal::kIsPoison<S>,
                "kioto: stream::From takes a stream or a container, which this is not; a receiver of Broadcast or Watch becomes a stream "
                "in sync::BroadcastStream(receiver), sync::WatchStream(receiver)");
  static_assert(fine || !source_of_items || kioto::internal::kIsPoison<S>,
                "kioto: stream::From takes a stream or a container, as an rvalue: std::move(source), or ByRef(stream) for a stream that is "
                "kept elsewhere");
  if constexpr (!fine || kioto::internal::kIsPoison<S>) {
    return kioto::internal::PoisonStream();
  } else if constexpr (!stream) {
    return kioto::internal::ItemsStream<S>(std::move(source));
  } else if constexpr (std::is_base_of_v<StreamBase<S, typename S::Item>, S>) {
    return std::move(source);
  } else {
    return kioto::internal::SourceStream<S>(std::move(source));
  }
}

template <class It>
auto From(It begin, It end) {
  return kioto::internal::RangeStream<It>(std::move(begin), std::move(end));
}

template <class T>
auto Once(T value) {
  return kioto::internal::OnceStream<T>(std::move(value));
}

template <class T>
auto Empty() {
  return kioto::internal::OnceStream<T>(std::nullopt);
}

template <class T>
auto Never() {
  return kioto::internal::NeverStream<T>();
}

template <class F>
auto FromFuture(F future) {
  static_assert(IsFuture<F>, "kioto: stream::FromFuture takes a future");
  if constexpr (IsFuture<F> && !kioto::internal::kIsPoison<F>) {
    return kioto::internal::FutureStream<F>(std::move(future));
  } else {
    return kioto::internal::PoisonStream();
  }
}

template <class State, class Fn>
auto Unfold(State state, Fn fn) {
  if constexpr (!kioto::internal::kStepIsFine<Fn, State>) {
    return kioto::internal::PoisonStream();
  } else {
    constexpr bool fine = kioto::internal::kIsOptional<typename kioto::internal::Step<Fn, State>::Output>;
    static_assert(fine, "kioto: the step of stream::Unfold gives a std::optional, or a future of one: the next item, or nullopt");
    if constexpr (fine) {
      return kioto::internal::UnfoldStream<State, Fn>(std::move(state), std::move(fn));
    } else {
      return kioto::internal::PoisonStream();
    }
  }
}

template <class Fn>
auto PollFn(Fn fn) {
  constexpr bool polls = kioto::internal::kPollsNext<Fn>;
  static_assert(polls, "kioto: stream::PollFn takes a callable from Context& to Poll<std::optional<T>>");
  if constexpr (polls) {
    return kioto::internal::PollFnStream<Fn>(std::move(fn));
  } else {
    return kioto::internal::PoisonStream();
  }
}

}  // namespace stream
}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_SOURCES_H_
