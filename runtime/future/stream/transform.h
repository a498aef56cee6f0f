// Map, Then, Filter, FilterMap, MapWhile, Inspect of a stream: what it does with each item (stream_base.h says what they give).
//
// A step that computes gets T&& if it takes it, else T&; Then's gets T&, and the item lives until the future that it returned
// is done. Filter and FilterMap look for the next item within one poll. CANCEL SAFE: Next() of each of them: yes.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_TRANSFORM_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_TRANSFORM_H_

#include <optional>
#include <utility>

#include "kioto/runtime/future/internal/round.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/runtime/future/stream/internal/in_flight.h"
#include "kioto/runtime/future/stream/stream_base.h"

namespace kioto {
namespace internal {

template <class S, class Fn>
class [[nodiscard]] MapStream : public StreamAdapter<MapStream<S, Fn>, S, typename Step<Fn, typename S::Item>::Output> {
  using Base = StreamAdapter<MapStream, S, typename Step<Fn, typename S::Item>::Output>;

 public:
  using Item = typename Base::Item;

  MapStream(S&& source, Fn&& fn) : Base(std::move(source)), fn_(std::move(fn)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    auto item = this->source_.PollNext(cx);
    if (item.pending()) return kPending;
    if (!item->has_value()) return std::optional<Item>();
    return std::optional<Item>(Step<Fn, typename S::Item>::Value(fn_, **item));
  }

 private:
  Fn fn_;
};

template <class S, class Fn>
class [[nodiscard]] ThenStream : public StreamAdapter<ThenStream<S, Fn>, S, typename Step<Fn, typename S::Item>::Output> {
  using From = typename S::Item;
  using St = Step<Fn, From>;
  using Base = StreamAdapter<ThenStream, S, typename St::Output>;

 public:
  using Item = typename Base::Item;
  static constexpr bool kLocal = IsLocalFuture<S> || IsLocalFuture<typename St::Next>;
  static constexpr bool kLosesData = LosesDataWhenDropped<S> || LosesDataWhenDropped<typename St::Next>;

  ThenStream(S&& source, Fn&& fn) : Base(std::move(source)), fn_(std::move(fn)) {}

  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (!next_.busy()) {
      auto item = this->source_.PollNext(cx);
      if (item.pending()) return kPending;
      if (!item->has_value()) return std::optional<Item>();
      argument_.emplace(std::move(**item));
      next_.Begin([this]() -> decltype(auto) { return St::Make(fn_, *argument_); });
    }
    auto output = next_.PollOnce(cx);
    if (output.pending()) return kPending;
    argument_.reset();
    return std::optional<Item>(*std::move(output));
  }
  bool ended() const { return !next_.busy() && EndedOf(this->source_); }
  SizeHint size_hint() const { return SizeHintOf(this->source_) + SizeHint::Exactly(next_.busy() ? 1 : 0); }
  void Describe(WaitTrace& trace) const {
    if (next_.busy()) return next_.Describe(trace);
    trace.Child(this->source_);
  }

 private:
  std::optional<From> argument_;
  Fn fn_;
  InFlight<typename St::Next> next_;
};

template <class S, class Predicate>
class [[nodiscard]] FilterStream : public StreamAdapter<FilterStream<S, Predicate>, S> {
  using Base = StreamAdapter<FilterStream, S>;

 public:
  using Item = typename Base::Item;

  FilterStream(S&& source, Predicate&& predicate) : Base(std::move(source)), predicate_(std::move(predicate)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    for (;;) {
      RoundBudget budget(cx);
      auto item = this->source_.PollNext(cx);
      if (item.pending() || !item->has_value() || Holds(predicate_, **item)) return item;
      if (!budget.MayGoOn()) return kPending;
    }
  }
  SizeHint size_hint() const { return SizeHint::AtMost(SizeHintOf(this->source_).upper); }

 private:
  Predicate predicate_;
};

template <class S, class Fn>
using MapsTo = typename Step<Fn, typename S::Item>::Output::value_type;

template <class S, class Fn>
class [[nodiscard]] FilterMapStream : public StreamAdapter<FilterMapStream<S, Fn>, S, MapsTo<S, Fn>> {
  using Base = StreamAdapter<FilterMapStream, S, MapsTo<S, Fn>>;

 public:
  using Item = typename Base::Item;

  FilterMapStream(S&& source, Fn&& fn) : Base(std::move(source)), fn_(std::move(fn)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    for (;;) {
      RoundBudget budget(cx);
      auto item = this->source_.PollNext(cx);
      if (item.pending()) return kPending;
      if (!item->has_value()) return std::optional<Item>();
      auto mapped = Step<Fn, typename S::Item>::Value(fn_, **item);
      if (mapped.has_value()) return mapped;
      if (!budget.MayGoOn()) return kPending;
    }
  }
  SizeHint size_hint() const { return SizeHint::AtMost(SizeHintOf(this->source_).upper); }

 private:
  Fn fn_;
};

template <class S, class Fn>
class [[nodiscard]] MapWhileStream : public StreamAdapter<MapWhileStream<S, Fn>, S, MapsTo<S, Fn>> {
  using Base = StreamAdapter<MapWhileStream, S, MapsTo<S, Fn>>;

 public:
  using Item = typename Base::Item;

  MapWhileStream(S&& source, Fn&& fn) : Base(std::move(source)), fn_(std::move(fn)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (done_) return std::optional<Item>();
    auto item = this->source_.PollNext(cx);
    if (item.pending()) return kPending;
    std::optional<Item> mapped;
    if (item->has_value()) mapped = Step<Fn, typename S::Item>::Value(fn_, **item);
    done_ = !mapped.has_value();
    return mapped;
  }
  bool ended() const { return done_ || EndedOf(this->source_); }
  SizeHint size_hint() const { return SizeHint::AtMost(done_ ? 0 : SizeHintOf(this->source_).upper); }

 private:
  Fn fn_;
  bool done_ = false;
};

template <class S, class Fn>
class [[nodiscard]] InspectStream : public StreamAdapter<InspectStream<S, Fn>, S> {
  using Base = StreamAdapter<InspectStream, S>;

 public:
  InspectStream(S&& source, Fn&& fn) : Base(std::move(source)), fn_(std::move(fn)) {}
  Poll<std::optional<typename Base::Item>> PollNext(Context& cx) {
    auto item = this->source_.PollNext(cx);
    if (item.ready() && item->has_value()) static_cast<void>(Invoke(fn_, std::as_const(**item)));
    return item;
  }

 private:
  Fn fn_;
};

template <class S, class Fn>
auto MakeThenStream(S&& source, Fn&& fn) {
  if constexpr (!kStepIsFine<Fn, typename S::Item>) {
    return PoisonStream();
  } else {
    constexpr bool async = Step<Fn, typename S::Item>::kAsync;
    static_assert(async, "kioto: the step of a stream's Then returns a future; for one that computes use Map");
    if constexpr (async) {
      return ThenStream<S, Fn>(std::move(source), std::move(fn));
    } else {
      return PoisonStream();
    }
  }
}

}  // namespace internal

template <class Self, class T>
template <class Fn>
auto StreamBase<Self, T>::Map(Fn fn) && {
  if constexpr (internal::Computes<Fn, T>()) {
    return internal::MapStream<Self, Fn>(self(), std::move(fn));
  } else {
    return internal::PoisonStream();
  }
}

template <class Self, class T>
template <class Fn>
auto StreamBase<Self, T>::Then(Fn fn) && {
  return internal::MakeThenStream(self(), std::move(fn));
}

template <class Self, class T>
template <class Predicate>
auto StreamBase<Self, T>::Filter(Predicate predicate) && {
  if constexpr (internal::IsPredicate<Predicate, T>()) {
    return internal::FilterStream<Self, Predicate>(self(), std::move(predicate));
  } else {
    return internal::PoisonStream();
  }
}

template <class Self, class T>
template <class Fn>
auto StreamBase<Self, T>::FilterMap(Fn fn) && {
  if constexpr (internal::GivesOptional<Fn, T>()) {
    return internal::FilterMapStream<Self, Fn>(self(), std::move(fn));
  } else {
    return internal::PoisonStream();
  }
}

template <class Self, class T>
template <class Fn>
auto StreamBase<Self, T>::MapWhile(Fn fn) && {
  if constexpr (internal::GivesOptional<Fn, T>()) {
    return internal::MapWhileStream<Self, Fn>(self(), std::move(fn));
  } else {
    return internal::PoisonStream();
  }
}

template <class Self, class T>
template <class Fn>
auto StreamBase<Self, T>::Inspect(Fn fn) && {
  constexpr bool fine = std::is_invocable_v<Fn&, const T&>;
  static_assert(fine || internal::kAnyPoison<T>, "kioto: the step of Inspect is called with const T&");
  if constexpr (fine && !internal::kAnyPoison<T>) {
    return internal::InspectStream<Self, Fn>(self(), std::move(fn));
  } else {
    return internal::PoisonStream();
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_TRANSFORM_H_
