// Fold, Any, All, ForEach, ForEachConcurrent, TryNext of a stream: one value out of it (stream_base.h says what they give).
//
//   stream::From(std::move(sizes)).Fold(size_t{0}, [](size_t sum, size_t n) { return sum + n; })
//   stream::From(std::move(words)).Fold(Index(), [](Index& index, Word& word) { index.Add(word); })
//
// CANCEL SAFE: Fold loses data: what was accumulated; Any, All: yes, for a stream that is kept elsewhere (ByRef): of it no
// item is taken that was not looked at; ForEach: as in for_each.h; TryNext: yes.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_FOLD_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_FOLD_H_

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/for_each.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/round.h"
#include "kioto/runtime/future/internal/unify.h"
#include "kioto/runtime/future/stream/stream_base.h"

namespace kioto {
namespace internal {

enum class Folding : uint8_t { kImpossible, kGives, kChanges };

// fn(A&&, T&&) gives an A, or fn(A&, T&&) gives nothing; an item is handed over as T&& or lent as T&.
template <class Fn, class A, class T>
constexpr Folding HowToFold() {
  if constexpr (std::is_invocable_v<Fn&, A&, T>) {
    if (std::is_void_v<std::invoke_result_t<Fn&, A&, T>>) return Folding::kChanges;
  } else if constexpr (std::is_invocable_v<Fn&, A&, T&>) {
    if (std::is_void_v<std::invoke_result_t<Fn&, A&, T&>>) return Folding::kChanges;
  }
  return std::is_invocable_r_v<A, Fn&, A, T> || std::is_invocable_r_v<A, Fn&, A, T&> ? Folding::kGives : Folding::kImpossible;
}

template <class S, class A, class Fn>
class [[nodiscard]] FoldFuture : public FutureBase<FoldFuture<S, A, Fn>, A> {
  using T = typename S::Item;

 public:
  static constexpr bool kLocal = IsLocalFuture<S>;
  static constexpr bool kLosesData = true;

  FoldFuture(S&& source, A&& init, Fn&& fn) : source_(std::move(source)), fn_(std::move(fn)), value_(std::move(init)) {}

  Poll<A> PollOnce(Context& cx) {
    for (;;) {
      RoundBudget budget(cx);
      auto item = source_.PollNext(cx);
      if (item.pending()) return kPending;
      if (!item->has_value()) return std::move(value_);
      if constexpr (HowToFold<Fn, A, T>() == Folding::kChanges) {
        if constexpr (std::is_invocable_v<Fn&, A&, T>) {
          fn_(value_, std::move(**item));
        } else {
          fn_(value_, **item);
        }
      } else if constexpr (std::is_invocable_r_v<A, Fn&, A, T>) {
        value_ = fn_(std::move(value_), std::move(**item));
      } else {
        value_ = fn_(std::move(value_), **item);
      }
      if (!budget.MayGoOn()) return kPending;
    }
  }
  void Describe(WaitTrace& trace) const { trace.Node("Fold", source_); }

 private:
  S source_;
  Fn fn_;
  A value_;
};

// Any: until the predicate is true. All: until it is false.
template <class S, class Predicate, bool until>
class [[nodiscard]] SearchFuture : public FutureBase<SearchFuture<S, Predicate, until>, bool> {
 public:
  static constexpr bool kLocal = IsLocalFuture<S>;
  static constexpr bool kLosesData = LosesDataWhenDropped<S>;

  SearchFuture(S&& source, Predicate&& predicate) : source_(std::move(source)), predicate_(std::move(predicate)) {}

  Poll<bool> PollOnce(Context& cx) {
    for (;;) {
      RoundBudget budget(cx);
      auto item = source_.PollNext(cx);
      if (item.pending()) return kPending;
      if (!item->has_value()) return !until;
      if (Holds(predicate_, **item) == until) return until;
      if (!budget.MayGoOn()) return kPending;
    }
  }
  void Describe(WaitTrace& trace) const { trace.Node(until ? "Any" : "All", source_); }

 private:
  S source_;
  Predicate predicate_;
};

template <class S>
class [[nodiscard]] TryNextFuture : public FutureBase<TryNextFuture<S>, StatusOr<std::optional<ValueOf<typename S::Item>>>> {
 public:
  using Output = StatusOr<std::optional<ValueOf<typename S::Item>>>;
  static constexpr bool kMovable = true;
  static constexpr bool kLocal = IsLocalFuture<S>;

  explicit TryNextFuture(S* stream) : stream_(stream) {}
  Poll<Output> PollOnce(Context& cx) {
    auto item = stream_->PollNext(cx);
    if (item.pending()) return kPending;
    if (!item->has_value()) return Output(std::nullopt);
    if (!(*item)->ok()) return Output(std::move(**item).status());
    return Output(*std::move(**item));
  }
  void Describe(WaitTrace& trace) const { trace.Child(*stream_); }

 private:
  S* stream_;
};

}  // namespace internal

template <class Self, class T>
template <class A, class Fn>
auto StreamBase<Self, T>::Fold(A init, Fn fn) && {
  constexpr bool fine = internal::HowToFold<Fn, A, T>() != internal::Folding::kImpossible;
  static_assert(fine || internal::kAnyPoison<T, A, Fn>,
                "kioto: the step of Fold is called with the accumulator and an item and gives the next accumulator, or takes it by "
                "reference and gives nothing");
  if constexpr (fine && !internal::kAnyPoison<T, A, Fn>) {
    return internal::FoldFuture<Self, A, Fn>(self(), std::move(init), std::move(fn));
  } else {
    return internal::Poison{};
  }
}

template <class Self, class T>
template <class Predicate>
auto StreamBase<Self, T>::Any(Predicate predicate) && {
  if constexpr (internal::IsPredicate<Predicate, T>()) {
    return internal::SearchFuture<Self, Predicate, true>(self(), std::move(predicate));
  } else {
    return internal::Poison{};
  }
}

template <class Self, class T>
template <class Predicate>
auto StreamBase<Self, T>::All(Predicate predicate) && {
  if constexpr (internal::IsPredicate<Predicate, T>()) {
    return internal::SearchFuture<Self, Predicate, false>(self(), std::move(predicate));
  } else {
    return internal::Poison{};
  }
}

template <class Self, class T>
template <class Fn>
auto StreamBase<Self, T>::ForEach(Fn fn) && {
  return kioto::ForEach(self(), std::move(fn));
}

template <class Self, class T>
template <class Fn>
auto StreamBase<Self, T>::ForEachConcurrent(uint32_t limit, Fn fn) && {
  return kioto::ForEachConcurrent(self(), limit, std::move(fn));
}

template <class Self, class T>
auto StreamBase<Self, T>::TryNext() & {
  static_assert(internal::kIsStatusOr<T> || internal::kAnyPoison<T>, "kioto: TryNext is for a stream of StatusOr; of others take Next");
  if constexpr (internal::kIsStatusOr<T>) {
    return internal::TryNextFuture<Self>(static_cast<Self*>(this));
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_FOLD_H_
