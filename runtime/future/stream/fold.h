// Fold, TryFold, Any, All, ForEach, ForEachConcurrent, TryNext of a stream: one value out of it (stream_base.h says what they give).
//
//   stream::From(std::move(sizes)).Fold(size_t{0}, [](size_t sum, size_t n) { return sum + n; })
//   stream::From(std::move(words)).Fold(Index(), [](Index& index, Word& word) { index.Add(word); })
//   stream::From(std::move(lines)).TryFold(Index(), [](Index& index, std::string& line) { return index.Parse(line); })  // a Status
//
// CANCEL SAFE: Fold, TryFold lose data: what was accumulated; Any, All: yes, for a stream that is kept elsewhere (ByRef): of it no
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

template <class Fn, class A, class T>
inline constexpr bool kFolds = std::is_invocable_v<Fn&, A, T> || std::is_invocable_v<Fn&, A, T&>;

// fn(accumulator, item): an item is handed over as T&& or lent as T&.
template <class Fn, class A, class T>
decltype(auto) CallFold(Fn& fn, A&& accumulator, T& item) {
  if constexpr (std::is_invocable_v<Fn&, A, T>) {
    return fn(std::forward<A>(accumulator), std::move(item));
  } else {
    return fn(std::forward<A>(accumulator), item);
  }
}
template <class Fn, class A, class T>
using FoldResult = decltype(CallFold(std::declval<Fn&>(), std::declval<A>(), std::declval<T&>()));

template <class A, bool fallible>
using FoldOutput = std::conditional_t<fallible, StatusOr<A>, A>;
template <class T, bool fallible>
using FoldItem = std::conditional_t<fallible && kIsStatusOr<T>, ValueOf<T>, T>;

// A step that takes an A by value, or as A&&, gives the next one, or of TryFold (`fallible`) a StatusOr of it. One that takes an A&
// alone changes it and gives nothing, or of TryFold a Status.
template <bool fallible, class Fn, class A, class T>
constexpr Folding HowToFold() {
  if constexpr (kFolds<Fn, A, T>) {
    using Result = FoldResult<Fn, A, T>;
    const bool gives = std::is_convertible_v<Result, FoldOutput<A, fallible>> && !(fallible && kIsStatus<Result>);
    return gives ? Folding::kGives : Folding::kImpossible;
  } else if constexpr (kFolds<Fn, A&, T>) {
    using Result = FoldResult<Fn, A&, T>;
    return std::is_void_v<Result> || (fallible && kIsStatus<Result>) ? Folding::kChanges : Folding::kImpossible;
  } else {
    return Folding::kImpossible;
  }
}

template <class S, class A, class Fn, bool fallible>
class [[nodiscard]] FoldFuture : public FutureBase<FoldFuture<S, A, Fn, fallible>, FoldOutput<A, fallible>> {
  using Item = typename S::Item;
  using T = FoldItem<Item, fallible>;

 public:
  using Output = FoldOutput<A, fallible>;
  static constexpr bool kLocal = IsLocalFuture<S>;
  static constexpr bool kLosesData = true;

  FoldFuture(S&& source, A&& init, Fn&& fn) : source_(std::move(source)), fn_(std::move(fn)), value_(std::move(init)) {}

  Poll<Output> PollOnce(Context& cx) {
    for (;;) {
      RoundBudget budget(cx);
      auto item = source_.PollNext(cx);
      if (item.pending()) return kPending;
      if (!item->has_value()) return Output(std::move(value_));
      Status added = AddItem(**item);
      if constexpr (fallible) {
        if (!added.ok()) return Output(std::move(added));
      }
      if (!budget.MayGoOn()) return kPending;
    }
  }
  void Describe(WaitTrace& trace) const { trace.Node(fallible ? "TryFold" : "Fold", source_); }

 private:
  // The error of the item, or of the step.
  Status AddItem(Item& item) {
    if constexpr (fallible && kIsStatusOr<Item>) {
      if (!item.ok()) return std::move(item).status();
      return Add(*item);
    } else {
      return Add(item);
    }
  }
  Status Add(T& item) {
    if constexpr (HowToFold<fallible, Fn, A, T>() == Folding::kGives) {
      if constexpr (fallible) {
        Output next = CallFold(fn_, std::move(value_), item);
        if (!next.ok()) return std::move(next).status();
        value_ = *std::move(next);
      } else {
        value_ = CallFold(fn_, std::move(value_), item);
      }
      return OkStatus();
    } else if constexpr (std::is_void_v<FoldResult<Fn, A&, T>>) {
      CallFold(fn_, value_, item);
      return OkStatus();
    } else {
      return CallFold(fn_, value_, item);
    }
  }

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
  constexpr bool fine = internal::HowToFold</*fallible=*/false, Fn, A, T>() != internal::Folding::kImpossible;
  static_assert(fine || internal::kAnyPoison<T, A, Fn>,
                "kioto: the step of Fold is called with the accumulator and an item and gives the next accumulator, or takes it by "
                "reference and gives nothing");
  if constexpr (fine && !internal::kAnyPoison<T, A, Fn>) {
    return internal::FoldFuture<Self, A, Fn, /*fallible=*/false>(self(), std::move(init), std::move(fn));
  } else {
    return internal::Poison{};
  }
}

template <class Self, class T>
template <class A, class Fn>
auto StreamBase<Self, T>::TryFold(A init, Fn fn) && {
  using Item = internal::FoldItem<T, /*fallible=*/true>;
  constexpr bool fine = internal::HowToFold</*fallible=*/true, Fn, A, Item>() != internal::Folding::kImpossible;
  static_assert(fine || internal::kAnyPoison<T, A, Fn>,
                "kioto: the step of TryFold is called with the accumulator and an item, which is no StatusOr, and gives the next "
                "accumulator or a StatusOr of it, or takes it by reference and gives nothing or a Status");
  if constexpr (fine && !internal::kAnyPoison<T, A, Fn>) {
    return internal::FoldFuture<Self, A, Fn, /*fallible=*/true>(self(), std::move(init), std::move(fn));
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
