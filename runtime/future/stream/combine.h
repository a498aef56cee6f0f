// Chain, Merge of streams: two as one (stream_base.h says what they give).
//
// Merge asks the one first in one poll and the other in the next, so that neither starves the other. A merge of merges is not
// fair: of many streams make a StreamMap. CANCEL SAFE: Next() of each of them: yes.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_COMBINE_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_COMBINE_H_

#include <optional>
#include <utility>

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

template <class Self, class A, class B>
class TwoStreams : public StreamBase<Self, typename A::Item> {
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

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_COMBINE_H_
