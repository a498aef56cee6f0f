// What one round of a loop (Loop, ForEach) may give, what it means, and what it costs.
#ifndef KIOTO_RUNTIME_FUTURE_INTERNAL_ROUND_H_
#define KIOTO_RUNTIME_FUTURE_INTERNAL_ROUND_H_

#include <type_traits>
#include <utility>

#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/internal/unify.h"

namespace kioto::internal {

template <class R>
inline constexpr bool kIsRound =
    kGoesOn<R> || kIsFlow<R> || kIsStatus<R> || (kIsStatusOr<R> && (kIsFlow<ValueOf<R>> || kGoesOn<ValueOf<R>>));

template <class R>
constexpr auto LoopOutputOf() {
  using V = typename FlowValueOf<ValueOf<R>>::type;
  if constexpr (!kIsFallible<R>) {
    return Type<V>{};
  } else if constexpr (kIsUnit<V>) {
    return Type<Status>{};
  } else {
    return Type<StatusOr<V>>{};
  }
}
template <class R>
using LoopOutput = typename decltype(LoopOutputOf<R>())::type;

template <class R>
bool RoundStops(const R& round) {
  if constexpr (kIsStatus<R>) {
    return !round.ok();
  } else if constexpr (kIsStatusOr<R>) {
    return !round.ok() || RoundStops(*round);
  } else if constexpr (kIsFlow<R>) {
    return round.stops();
  } else {
    return false;
  }
}

// The loop's result, of a round that stops.
template <class Out, class R>
Out LoopResult(R&& round) {
  if constexpr (kIsStatusOr<R>) {
    if (!round.ok()) return Out(std::move(round).status());
    return LoopResult<Out>(*std::move(round));
  } else if constexpr (kIsFlow<R>) {
    if constexpr (kIsStatus<Out> && !kIsStatus<typename R::Value>) {
      return OkStatus();
    } else {
      return Out(*std::move(round));
    }
  } else if constexpr (kGoesOn<R>) {
    return Out();
  } else {
    return Out(std::move(round));
  }
}

// Sees to it that a loop over what is always ready stops for breath: a round in which no leaf paid, not even a part, pays one unit.
class RoundBudget {
 public:
  explicit RoundBudget(Context& cx) : cx_(cx), before_(cx.scope().budget), parts_before_(cx.scope().parts) {}
  // After a round. False: return kPending, the wake is arranged.
  [[nodiscard]] bool MayGoOn() {
    const PollScope& now = cx_.scope();
    return now.budget != before_ || now.parts != parts_before_ || cx_.ConsumeBudget();
  }

 private:
  Context& cx_;
  const int before_;
  const int parts_before_;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_FUTURE_INTERNAL_ROUND_H_
