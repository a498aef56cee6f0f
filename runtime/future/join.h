// Join(futures…): all of them at once in this task; gives the tuple of their outputs, in the order of the arguments.
// TryJoin(futures…): each gives Status or StatusOr; the first error seen drops the others and is the outcome. Gives
// StatusOr<tuple of the values> (Unit for a Status), or just a Status if all give Status.
//
//   TryJoin(Fetch(a), Fetch(b)).AndThen([](Page& a, Page& b) { return Merge(a, b); })
//
// Each poll begins with another future, so that one that eats the budget does not starve the rest. A future is destroyed
// as soon as it is ready. JoinBiased and TryJoinBiased begin each poll with the first one: in a fixed order, at the later ones'
// cost. Allocates nothing. For many futures: JoinAll. CANCEL SAFE: as the futures.
#ifndef KIOTO_RUNTIME_FUTURE_JOIN_H_
#define KIOTO_RUNTIME_FUTURE_JOIN_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <tuple>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/pack.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/runtime/future/internal/unify.h"

namespace kioto {
namespace internal {

// A child of a join: the future, then its output in the same place.
template <class F>
class JoinSlot {
 public:
  using Output = OutputOf<F>;

  JoinSlot(F future) : future_(std::move(future)) {}  // NOLINT: a Pack makes it
  JoinSlot(JoinSlot&& other) : future_(std::move(other.future_)) {}
  ~JoinSlot() { Reset(); }

  // Whether the output is there.
  bool PollOnce(Context& cx) {
    if (stage_ == Stage::kOutput) return true;
    auto polled = PollChild(future_, cx);
    if (polled.pending()) return false;
    Reset();
    ::new (&output_) Output(*std::move(polled));
    stage_ = Stage::kOutput;
    return true;
  }
  bool done() const { return stage_ == Stage::kOutput; }
  void Describe(WaitTrace& trace) const {
    if (stage_ == Stage::kFuture) trace.Child(future_);
  }
  Output& output() { return output_; }

  void Reset() {
    const Stage stage = std::exchange(stage_, Stage::kEmpty);
    if (stage == Stage::kFuture) future_.~F();
    if (stage == Stage::kOutput) output_.~Output();
  }

 private:
  enum class Stage : uint8_t { kFuture, kOutput, kEmpty };

  Stage stage_ = Stage::kFuture;
  union {
    F future_;
    Output output_;
  };
};

// What Join and TryJoin give for futures with these outputs.
struct JoinMode {
  static constexpr bool kFair = true;  // each poll begins with another future
  template <class... T>
  using Output = std::tuple<T...>;
  template <class T>
  static bool IsError(const T&) {
    return false;
  }
  template <class T>
  static T&& Value(T& output) {
    return std::move(output);
  }
};

struct TryJoinMode {
  static constexpr bool kFair = true;
  template <class... T>
  using Output = std::conditional_t<(kIsStatus<T> && ...), Status, StatusOr<std::tuple<ValueOf<T>...>>>;
  template <class T>
  static bool IsError(const T& output) {
    return !output.ok();
  }
  template <class T>
  static ValueOf<T> Value(T& output) {
    if constexpr (kIsStatus<T>) {
      return Unit{};
    } else {
      return *std::move(output);
    }
  }
};

template <class Mode>
struct Biased : Mode {
  static constexpr bool kFair = false;
};

template <class Mode, class Indexes, class... F>
class JoinFuture;

template <class Mode, size_t... I, class... F>
class [[nodiscard]] JoinFuture<Mode, std::index_sequence<I...>, F...>
    : public FutureBase<JoinFuture<Mode, std::index_sequence<I...>, F...>, typename Mode::template Output<OutputOf<F>...>> {
 public:
  using Output = typename Mode::template Output<OutputOf<F>...>;
  static constexpr bool kLocal = (false || ... || IsLocalFuture<F>);
  static constexpr bool kLosesData = (false || ... || LosesDataWhenDropped<F>);

  explicit JoinFuture(F&&... futures) : slots_(std::in_place, std::move(futures)...) {}

  Poll<Output> PollOnce(Context& cx) {
    const uint32_t start = start_;
    if constexpr (Mode::kFair) start_ = start + 1 >= sizeof...(F) ? 0 : start + 1;
    if (PollRange(start, sizeof...(F), cx) || PollRange(0, start, cx)) return Fail();
    if (!(true && ... && At<I>(slots_).done())) return kPending;
    if constexpr (kIsStatus<Output>) {
      return OkStatus();
    } else if constexpr (kIsStatusOr<Output>) {
      return Output(std::in_place, Mode::Value(At<I>(slots_).output())...);
    } else {
      return Output(Mode::Value(At<I>(slots_).output())...);
    }
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("Join");
    (At<I>(slots_).Describe(trace), ...);
  }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};

  // Polls the children [from, to). Whether one has failed.
  bool PollRange([[maybe_unused]] uint32_t from, [[maybe_unused]] uint32_t to, [[maybe_unused]] Context& cx) {
    return (false || ... || (I >= from && I < to && PollSlot(At<I>(slots_), I, cx)));
  }
  template <class Slot>
  bool PollSlot(Slot& slot, uint32_t index, Context& cx) {
    if (slot.done() || !slot.PollOnce(cx) || !Mode::IsError(slot.output())) return false;
    failed_ = index;
    return true;
  }

  Poll<Output> Fail() {
    if constexpr (kIsFallible<Output>) {
      Status error;
      ((I == failed_ ? static_cast<void>(error = ErrorOf(At<I>(slots_).output())) : static_cast<void>(0)), ...);
      ResetReversed();
      return Output(std::move(error));
    } else {
      return kPending;  // not reached: Join does not fail
    }
  }
  static Status ErrorOf(Status& status) { return std::move(status); }
  template <class T>
  static Status ErrorOf(StatusOr<T>& output) {
    return std::move(output).status();
  }
  void ResetReversed() { (At<sizeof...(F) - 1 - I>(slots_).Reset(), ...); }

  uint32_t start_ = 0;
  uint32_t failed_ = kNone;
  Pack<JoinSlot<F>...> slots_;
};

}  // namespace internal

namespace internal {

template <class Mode, class... F>
auto MakeJoin(F&&... futures) {
  if constexpr (AreFutures<F...>()) {
    return JoinFuture<Mode, std::index_sequence_for<F...>, F...>(std::move(futures)...);
  } else {
    return Poison{};
  }
}

template <class Mode, class... F>
auto MakeTryJoin(F&&... futures) {
  if constexpr (AreFutures<F...>()) {
    constexpr bool fallible = (true && ... && kIsFallible<OutputOf<F>>);
    static_assert(fallible, "kioto: each future of TryJoin gives Status or StatusOr<T>; for others use Join");
    if constexpr (fallible) {
      return JoinFuture<Mode, std::index_sequence_for<F...>, F...>(std::move(futures)...);
    } else {
      return Poison{};
    }
  } else {
    return Poison{};
  }
}

}  // namespace internal

template <class... F>
auto Join(F... futures) {
  return internal::MakeJoin<internal::JoinMode, F...>(std::move(futures)...);
}
template <class... F>
auto JoinBiased(F... futures) {
  return internal::MakeJoin<internal::Biased<internal::JoinMode>, F...>(std::move(futures)...);
}

template <class... F>
auto TryJoin(F... futures) {
  return internal::MakeTryJoin<internal::TryJoinMode, F...>(std::move(futures)...);
}
template <class... F>
auto TryJoinBiased(F... futures) {
  return internal::MakeTryJoin<internal::Biased<internal::TryJoinMode>, F...>(std::move(futures)...);
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_JOIN_H_
