// Take, Skip, TakeWhile, SkipWhile, Until, Fuse, NotifyEnd, Peekable of a stream: which of its items are given (stream_base.h
// says what they give). What has ended before its source asks it no more; after the source's own end Skip, SkipWhile and Until
// ask it again, the others do not. CANCEL SAFE: Next() of each of them: yes.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_LIMIT_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_LIMIT_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/internal/round.h"
#include "kioto/runtime/future/stream/stream_base.h"

namespace kioto {
namespace internal {

template <class S>
class [[nodiscard]] TakeStream : public StreamAdapter<TakeStream<S>, S> {
 public:
  using Item = typename S::Item;

  TakeStream(S&& source, size_t n) : TakeStream::StreamAdapter(std::move(source)), left_(n) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (left_ == 0) return std::optional<Item>();
    auto item = this->source_.PollNext(cx);
    if (item.ready()) left_ = item->has_value() ? left_ - 1 : 0;
    return item;
  }
  bool ended() const { return left_ == 0 || EndedOf(this->source_); }
  SizeHint size_hint() const {
    if (left_ == 0) return SizeHint::Exactly(0);
    const SizeHint source = SizeHintOf(this->source_);
    return {std::min(source.lower, left_), std::min(source.upper.value_or(left_), left_)};
  }

 private:
  size_t left_;
};

template <class S>
class [[nodiscard]] SkipStream : public StreamAdapter<SkipStream<S>, S> {
 public:
  using Item = typename S::Item;

  SkipStream(S&& source, size_t n) : SkipStream::StreamAdapter(std::move(source)), left_(n) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    for (;;) {
      RoundBudget budget(cx);
      auto item = this->source_.PollNext(cx);
      if (item.pending() || !item->has_value() || left_ == 0) return item;
      --left_;
      if (!budget.MayGoOn()) return kPending;
    }
  }
  SizeHint size_hint() const {
    SizeHint hint = SizeHintOf(this->source_);
    hint.lower -= std::min(hint.lower, left_);
    if (hint.upper) hint.upper = *hint.upper - std::min(*hint.upper, left_);
    return hint;
  }

 private:
  size_t left_;
};

template <class S, class Predicate>
class [[nodiscard]] TakeWhileStream : public StreamAdapter<TakeWhileStream<S, Predicate>, S> {
 public:
  using Item = typename S::Item;

  TakeWhileStream(S&& source, Predicate&& predicate)
      : TakeWhileStream::StreamAdapter(std::move(source)), predicate_(std::move(predicate)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (done_) return std::optional<Item>();
    auto item = this->source_.PollNext(cx);
    if (item.pending()) return kPending;
    done_ = !item->has_value() || !Holds(predicate_, **item);
    if (done_) return std::optional<Item>();
    return item;
  }
  bool ended() const { return done_ || EndedOf(this->source_); }
  SizeHint size_hint() const { return SizeHint::AtMost(done_ ? 0 : SizeHintOf(this->source_).upper); }

 private:
  Predicate predicate_;
  bool done_ = false;
};

template <class S, class Predicate>
class [[nodiscard]] SkipWhileStream : public StreamAdapter<SkipWhileStream<S, Predicate>, S> {
 public:
  using Item = typename S::Item;

  SkipWhileStream(S&& source, Predicate&& predicate)
      : SkipWhileStream::StreamAdapter(std::move(source)), predicate_(std::move(predicate)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    for (;;) {
      RoundBudget budget(cx);
      auto item = this->source_.PollNext(cx);
      if (item.pending() || !item->has_value()) return item;
      if (!skipping_ || !Holds(predicate_, **item)) {
        skipping_ = false;
        return item;
      }
      if (!budget.MayGoOn()) return kPending;
    }
  }
  SizeHint size_hint() const {
    SizeHint hint = SizeHintOf(this->source_);
    if (skipping_) hint.lower = 0;
    return hint;
  }

 private:
  Predicate predicate_;
  bool skipping_ = true;
};

template <class S, class F>
class [[nodiscard]] UntilStream : public StreamAdapter<UntilStream<S, F>, S> {
 public:
  using Item = typename S::Item;
  static constexpr bool kLocal = IsLocalFuture<S> || IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<S> || LosesDataWhenDropped<F>;

  UntilStream(S&& source, F&& until) : UntilStream::StreamAdapter(std::move(source)), until_(std::move(until)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (until_ && PollChild(*until_, cx).ready()) until_.reset();
    if (!until_) return std::optional<Item>();
    return this->source_.PollNext(cx);
  }
  bool ended() const { return !until_ || EndedOf(this->source_); }
  SizeHint size_hint() const { return SizeHint::AtMost(until_ ? SizeHintOf(this->source_).upper : 0); }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("Until");
    if (until_) trace.Child(*until_);
    trace.Child(this->source_);
  }

 private:
  std::optional<F> until_;
};

// A source that is asked no more after its end.
template <class S>
class [[nodiscard]] FuseStream : public StreamAdapter<FuseStream<S>, S> {
 public:
  using Item = typename S::Item;

  explicit FuseStream(S&& source) : FuseStream::StreamAdapter(std::move(source)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (ended_) return std::optional<Item>();
    auto item = this->source_.PollNext(cx);
    ended_ = item.ready() && !item->has_value();
    return item;
  }
  bool ended() const { return ended_ || EndedOf(this->source_); }
  SizeHint size_hint() const { return ended_ ? SizeHint::Exactly(0) : SizeHintOf(this->source_); }

 private:
  bool ended_ = false;
};

template <class S>
class [[nodiscard]] NotifyEndStream : public StreamAdapter<NotifyEndStream<S>, S, std::optional<typename S::Item>> {
  using Base = StreamAdapter<NotifyEndStream, S, std::optional<typename S::Item>>;

 public:
  using Item = typename Base::Item;

  explicit NotifyEndStream(S&& source) : Base(std::move(source)) {}
  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (ended_) return std::optional<Item>();
    auto item = this->source_.PollNext(cx);
    if (item.pending()) return kPending;
    ended_ = !item->has_value();
    return std::optional<Item>(std::in_place, *std::move(item));
  }
  bool ended() const { return ended_; }
  SizeHint size_hint() const {
    return ended_ ? SizeHint::Exactly(0) : SizeHintOf(this->source_) + SizeHint::Exactly(1);
  }

 private:
  bool ended_ = false;
};

template <class P>
class [[nodiscard]] PeekFuture : public FutureBase<PeekFuture<P>, typename P::Item*> {
 public:
  static constexpr bool kMovable = true;
  static constexpr bool kLocal = IsLocalFuture<P>;

  explicit PeekFuture(P& stream) : stream_(&stream) {}
  Poll<typename P::Item*> PollOnce(Context& cx) { return stream_->PollPeek(cx); }
  void Describe(WaitTrace& trace) const { trace.Child(*stream_); }

 private:
  P* stream_;
};

template <class S>
class [[nodiscard]] PeekableStream : public StreamAdapter<PeekableStream<S>, S> {
 public:
  using Item = typename S::Item;

  explicit PeekableStream(S&& source) : PeekableStream::StreamAdapter(std::move(source)) {}

  // The next item, which stays: Next() gives it, as it is then. nullptr at the end. Good until the stream is polled for it.
  // CANCEL SAFE: yes. Borrows the stream.
  auto Peek() & { return PeekFuture<PeekableStream>(*this); }
  Poll<Item*> PollPeek(Context& cx) {
    if (!peeked_ && !ended_) {
      auto item = this->source_.PollNext(cx);
      if (item.pending()) return kPending;
      peeked_ = *std::move(item);
      ended_ = !peeked_;
    }
    return peeked_ ? &*peeked_ : nullptr;
  }
  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (peeked_) return std::exchange(peeked_, std::nullopt);
    if (ended_) return std::optional<Item>();
    auto item = this->source_.PollNext(cx);
    ended_ = item.ready() && !item->has_value();
    return item;
  }
  bool ended() const { return !peeked_ && (ended_ || EndedOf(this->source_)); }
  SizeHint size_hint() const {
    return SizeHint::Exactly(peeked_ ? 1 : 0) + (ended_ ? SizeHint::Exactly(0) : SizeHintOf(this->source_));
  }

 private:
  std::optional<Item> peeked_;
  bool ended_ = false;
};

}  // namespace internal

template <class Self, class T>
auto StreamBase<Self, T>::Take(size_t n) && {
  return internal::TakeStream<Self>(self(), n);
}

template <class Self, class T>
auto StreamBase<Self, T>::Skip(size_t n) && {
  return internal::SkipStream<Self>(self(), n);
}

template <class Self, class T>
template <class Predicate>
auto StreamBase<Self, T>::TakeWhile(Predicate predicate) && {
  if constexpr (internal::IsPredicate<Predicate, T>()) {
    return internal::TakeWhileStream<Self, Predicate>(self(), std::move(predicate));
  } else {
    return internal::PoisonStream();
  }
}

template <class Self, class T>
template <class Predicate>
auto StreamBase<Self, T>::SkipWhile(Predicate predicate) && {
  if constexpr (internal::IsPredicate<Predicate, T>()) {
    return internal::SkipWhileStream<Self, Predicate>(self(), std::move(predicate));
  } else {
    return internal::PoisonStream();
  }
}

template <class Self, class T>
template <class F>
auto StreamBase<Self, T>::Until(F future) && {
  static_assert(IsFuture<F>, "kioto: Until of a stream takes a future, which ends it");
  if constexpr (IsFuture<F> && !internal::kAnyPoison<F, T>) {
    return internal::UntilStream<Self, F>(self(), std::move(future));
  } else {
    return internal::PoisonStream();
  }
}

template <class Self, class T>
auto StreamBase<Self, T>::Fuse() && {
  return internal::FuseStream<Self>(self());
}

template <class Self, class T>
auto StreamBase<Self, T>::NotifyEnd() && {
  return internal::NotifyEndStream<Self>(self());
}

template <class Self, class T>
auto StreamBase<Self, T>::Peekable() && {
  return internal::PeekableStream<Self>(self());
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_LIMIT_H_
