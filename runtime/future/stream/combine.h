// Chain, Merge, Zip, FlatMap of streams: several as one (stream_base.h says what they give).
//
//   stream::From(std::move(names)).Zip(std::move(values)).ForEach([&](Name& name, Value& value) { … })
//   stream::From(std::move(pages)).FlatMap([&](Page& page) { return stream::From(std::move(page.rows)); })
//
// Merge asks the one first in one poll and the other in the next, so that neither starves the other. A merge of merges is not
// fair: of many streams make a StreamMap. Zip waits for both at once. CANCEL SAFE: Next() of each of them: yes: an item that waits
// for its other half stays.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_COMBINE_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_COMBINE_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/future/internal/round.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/runtime/future/stream.h"
#include "kioto/runtime/future/stream/internal/in_flight.h"
#include "kioto/runtime/future/stream/stream_base.h"

namespace kioto {
namespace internal {

// One of several sources, which is asked no more after its end.
template <class S>
struct FusedSource {
  using Item = typename S::Item;

  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (over) return std::optional<Item>();
    auto item = source.PollNext(cx);
    over = item.ready() && !item->has_value();
    return item;
  }
  bool ended() const { return over || EndedOf(source); }
  SizeHint size_hint() const { return over ? SizeHint::Exactly(0) : SizeHintOf(source); }
  void Describe(WaitTrace& trace) const {
    if (!over) trace.Child(source);
  }

  S source;
  bool over = false;
};

template <class Self, class A, class B, class T = typename A::Item>
class TwoStreams : public StreamBase<Self, T> {
 public:
  static constexpr bool kLocal = IsLocalFuture<A> || IsLocalFuture<B>;
  static constexpr bool kLosesData = LosesDataWhenDropped<A> || LosesDataWhenDropped<B>;

  A& first() { return a_.source; }
  B& second() { return b_.source; }
  bool ended() const { return a_.ended() && b_.ended(); }
  SizeHint size_hint() const { return a_.size_hint() + b_.size_hint(); }

 protected:
  TwoStreams(A&& a, B&& b) : a_{std::move(a)}, b_{std::move(b)} {}

  FusedSource<A> a_;
  FusedSource<B> b_;
};

template <class A, class B>
class [[nodiscard]] ChainStream : public TwoStreams<ChainStream<A, B>, A, B> {
 public:
  using Item = typename A::Item;

  ChainStream(A&& a, B&& b) : ChainStream::TwoStreams(std::move(a), std::move(b)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (!this->a_.over) {
      auto item = this->a_.PollNext(cx);
      if (!this->a_.over) return item;
    }
    return this->b_.PollNext(cx);
  }
  void Describe(WaitTrace& trace) const {
    if (this->a_.over) return this->b_.Describe(trace);
    this->a_.Describe(trace);
  }
};

template <class A, class B>
class [[nodiscard]] MergeStream : public TwoStreams<MergeStream<A, B>, A, B> {
 public:
  using Item = typename A::Item;

  MergeStream(A&& a, B&& b) : MergeStream::TwoStreams(std::move(a), std::move(b)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    b_first_ = !b_first_;
    return b_first_ ? PollBoth(this->b_, this->a_, cx) : PollBoth(this->a_, this->b_, cx);
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("Merge");
    this->a_.Describe(trace);
    this->b_.Describe(trace);
  }

 private:
  template <class First, class Second>
  static Poll<std::optional<Item>> PollBoth(First& first, Second& second, Context& cx) {
    auto item = first.PollNext(cx);
    if (item.ready() && item->has_value()) return item;
    auto other = second.PollNext(cx);
    if (other.ready() && (other->has_value() || first.over)) return other;
    return kPending;
  }

  bool b_first_ = true;
};

template <class A, class B>
using Zipped = std::tuple<typename A::Item, typename B::Item>;

template <class A, class B>
class [[nodiscard]] ZipStream : public TwoStreams<ZipStream<A, B>, A, B, Zipped<A, B>> {
 public:
  using Item = Zipped<A, B>;

  ZipStream(A&& a, B&& b) : ZipStream::TwoStreams(std::move(a), std::move(b)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    const bool has_first = !over() && Has(this->a_, first_, cx);
    const bool has_second = !over() && Has(this->b_, second_, cx);
    if (over()) {
      first_.reset();
      second_.reset();
      return std::optional<Item>();
    }
    if (!has_first || !has_second) return kPending;
    std::optional<Item> both(std::in_place, *std::move(first_), *std::move(second_));
    first_.reset();
    second_.reset();
    return both;
  }
  bool ended() const { return (!first_ && this->a_.ended()) || (!second_ && this->b_.ended()); }
  SizeHint size_hint() const {
    const SizeHint a = this->a_.size_hint() + SizeHint::Exactly(first_ ? 1 : 0);
    const SizeHint b = this->b_.size_hint() + SizeHint::Exactly(second_ ? 1 : 0);
    const std::optional<size_t> upper = a.upper && b.upper ? std::min(a.upper, b.upper) : a.upper ? a.upper : b.upper;
    return {std::min(a.lower, b.lower), upper};
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("Zip");
    if (!first_) this->a_.Describe(trace);
    if (!second_) this->b_.Describe(trace);
  }

 private:
  bool over() const { return this->a_.over || this->b_.over; }
  // Whether the item of this source is here.
  template <class Source, class T>
  static bool Has(Source& source, std::optional<T>& item, Context& cx) {
    if (item) return true;
    auto next = source.PollNext(cx);
    if (next.ready() && next->has_value()) item.emplace(std::move(**next));
    return item.has_value();
  }

  std::optional<typename A::Item> first_;
  std::optional<typename B::Item> second_;
};

// What a step of FlatMap gives, as a stream.
template <class S, class Fn>
using FlatMapsTo = StreamFrom<std::invoke_result_t<Fn&, typename S::Item&>>;

template <class S, class Fn>
class [[nodiscard]] FlatMapStream : public StreamAdapter<FlatMapStream<S, Fn>, S, typename FlatMapsTo<S, Fn>::Item> {
  using Base = StreamAdapter<FlatMapStream, S, typename FlatMapsTo<S, Fn>::Item>;

 public:
  using Item = typename Base::Item;
  static constexpr bool kLocal = IsLocalFuture<S> || IsLocalFuture<FlatMapsTo<S, Fn>>;
  static constexpr bool kLosesData = LosesDataWhenDropped<S> || LosesDataWhenDropped<FlatMapsTo<S, Fn>>;

  FlatMapStream(S&& source, Fn&& fn) : Base(std::move(source)), fn_(std::move(fn)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    for (;;) {
      RoundBudget budget(cx);
      if (!inner_.busy()) {
        auto item = this->source_.PollNext(cx);
        if (item.pending()) return kPending;
        if (!item->has_value()) return std::optional<Item>();
        argument_.emplace(std::move(**item));
        inner_.Begin([this] { return AsStream(Invoke(fn_, *argument_)); });
      }
      auto item = inner_.PollNext(cx);
      if (item.pending() || item->has_value()) return item;
      argument_.reset();
      if (!budget.MayGoOn()) return kPending;
    }
  }
  bool ended() const { return !inner_.busy() && EndedOf(this->source_); }
  SizeHint size_hint() const { return SizeHint::AtMost(ended() ? std::optional<size_t>(0) : std::nullopt); }
  void Describe(WaitTrace& trace) const {
    if (inner_.busy()) return inner_.Describe(trace);
    trace.Child(this->source_);
  }

 private:
  std::optional<typename S::Item> argument_;
  Fn fn_;
  InFlight<FlatMapsTo<S, Fn>> inner_;
};

// Whether Fn makes a stream of a T; its sentences.
template <class Fn, class T>
constexpr bool GivesStream() {
  if constexpr (kAnyPoison<Fn, T>) {
    return false;
  } else {
    using Parameters = ParametersOf<Fn>;
    constexpr bool borrows = std::is_invocable_v<Fn&, T&> && !Parameters::kByValue && !kBindsTemporary<Parameters, T>;
    static_assert(borrows,
                  "kioto: the step of FlatMap takes a reference to exactly the type of its item (T& or auto&): a value or a converted one "
                  "dies when the step returns");
    if constexpr (borrows) {
      using Result = std::invoke_result_t<Fn&, T&>;
      constexpr bool stream = IsStream<Result> || kIsContainer<Result>;
      static_assert(stream || kIsPoison<Result>, "kioto: the step of FlatMap gives a stream or a container, by value");
      return stream && !kAnyPoison<typename StreamItem<StreamFrom<Result>>::type>;
    } else {
      return false;
    }
  }
}

}  // namespace internal

template <class Self, class T>
template <class S>
auto StreamBase<Self, T>::Chain(S next) && {
  if constexpr (internal::IsStreamOf<S, T>()) {
    return internal::ChainStream<Self, S>(self(), std::move(next));
  } else {
    return internal::PoisonStream();
  }
}

template <class Self, class T>
template <class S>
auto StreamBase<Self, T>::Merge(S other) && {
  if constexpr (internal::IsStreamOf<S, T>()) {
    return internal::MergeStream<Self, S>(self(), std::move(other));
  } else {
    return internal::PoisonStream();
  }
}

template <class Self, class T>
template <class S>
auto StreamBase<Self, T>::Zip(S other) && {
  if constexpr (internal::IsOtherStream<S, T>()) {
    return internal::ZipStream<Self, S>(self(), std::move(other));
  } else {
    return internal::PoisonStream();
  }
}

template <class Self, class T>
template <class Fn>
auto StreamBase<Self, T>::FlatMap(Fn fn) && {
  if constexpr (internal::GivesStream<Fn, T>()) {
    return internal::FlatMapStream<Self, Fn>(self(), std::move(fn));
  } else {
    return internal::PoisonStream();
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_COMBINE_H_
