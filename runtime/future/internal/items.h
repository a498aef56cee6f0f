// What ForEach and its kin give a step for an item of a source, and what they refuse.
#ifndef KIOTO_RUNTIME_FUTURE_INTERNAL_ITEMS_H_
#define KIOTO_RUNTIME_FUTURE_INTERNAL_ITEMS_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/future/internal/round.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/runtime/future/stream.h"

namespace kioto::internal {

template <class Ps, class Item>
inline constexpr bool kTakesWhole = false;
template <class P, class Item>
inline constexpr bool kTakesWhole<Params<P>, Item> = std::is_same_v<Plain<P>, Item>;

// Whether the step gets the value of a StatusOr item: always, unless it says that it takes the StatusOr.
template <class S, class Fn>
inline constexpr bool kUnwraps = kIsStatusOr<typename S::Item> && !kTakesWhole<ParametersOf<Fn>, typename S::Item>;

template <class S, class Fn>
using ItemArgument = std::conditional_t<kUnwraps<S, Fn>, ValueOf<typename S::Item>, typename S::Item>;

template <class S, class Fn>
ItemArgument<S, Fn>& ArgumentIn(std::optional<typename S::Item>& item) {
  if constexpr (kUnwraps<S, Fn>) {
    return **item;
  } else {
    return *item;
  }
}

// The source of a ForEach that was given an S&&, as an rvalue; its sentences.
template <class S>
decltype(auto) TakeSource(std::remove_reference_t<S>& source) {
  constexpr bool source_of_items = IsStream<Plain<S>> || kIsContainer<Plain<S>>;
  constexpr bool fine = !std::is_reference_v<S> && !std::is_const_v<S> && source_of_items;
  static_assert(source_of_items || kIsPoison<S>,
                "kioto: ForEach takes a stream or a container, which this is not; a receiver of Broadcast or Watch becomes a stream in "
                "sync::BroadcastStream(receiver), sync::WatchStream(receiver)");
  static_assert(fine || !source_of_items || kIsPoison<S>,
                "kioto: ForEach takes a stream or a container, as an rvalue: std::move(source), or ByRef(stream) for a stream that is "
                "kept elsewhere");
  if constexpr (fine) {
    return std::move(source);
  } else {
    return Poison{};
  }
}

template <class S, class Fn>
constexpr bool ItemsAreFine() {
  constexpr bool source = IsStream<S> || kIsContainer<S>;
  if constexpr (!source || kAnyPoison<S, Fn>) {
    return false;
  } else if constexpr (!kStepIsFine<Fn, ItemArgument<StreamFrom<S>, Fn>>) {
    return false;
  } else {
    using Round = typename Step<Fn, ItemArgument<StreamFrom<S>, Fn>>::Output;
    constexpr bool known = kIsRound<Round> && kIsUnit<typename FlowValueOf<ValueOf<Round>>::type>;
    static_assert(known, "kioto: the step of ForEach gives nothing, a Status, Continue() or Break(): its value would be lost");
    return known;
  }
}

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_FUTURE_INTERNAL_ITEMS_H_
