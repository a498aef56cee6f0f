// JoinAll(futures): all of a container of futures at once; gives the vector of their outputs, in order.
// TryJoinAll(futures): each gives Status or StatusOr<T>; the first error seen drops the others. Gives Status or
// StatusOr<std::vector<T>>.
//
// For many: a wake costs O(1), and only the children that were woken are polled again. One allocation at the first poll
// holds them all, and one the outputs. For a few, known ones: Join. CANCEL SAFE: as the futures.
#ifndef KIOTO_RUNTIME_FUTURE_JOIN_ALL_H_
#define KIOTO_RUNTIME_FUTURE_JOIN_ALL_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/future/internal/step.h"
#include "kioto/runtime/future/internal/unify.h"
#include "kioto/runtime/future/internal/wide.h"
#include "kioto/runtime/future/join.h"
#include "kioto/runtime/future/stream.h"

namespace kioto {
namespace internal {

template <class Mode, class T>
constexpr auto JoinAllOutputOf() {
  if constexpr (std::is_same_v<Mode, JoinMode>) {
    return Type<std::vector<T>>{};
  } else if constexpr (kIsStatus<T>) {
    return Type<Status>{};
  } else {
    return Type<StatusOr<std::vector<ValueOf<T>>>>{};
  }
}
template <class Mode, class T>
using JoinAllOutput = typename decltype(JoinAllOutputOf<Mode, T>())::type;

template <class Mode, class C>
class [[nodiscard]] JoinAllFuture : public FutureBase<JoinAllFuture<Mode, C>, JoinAllOutput<Mode, OutputOf<typename C::value_type>>> {
  using F = typename C::value_type;
  using T = OutputOf<F>;

 public:
  using Output = JoinAllOutput<Mode, T>;
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  explicit JoinAllFuture(C futures) : futures_(std::move(futures)) {}

  Poll<Output> PollOnce(Context& cx) {
    if (!slots_ && !Start()) return Collect();
    slots_.Register(cx);
    while (WideChild* child = slots_.NextWoken(cx)) {
      auto& slot = slots_[child->index()];
      const BorrowedWaker waker = slots_.waker(child->index());
      Context child_cx(waker.get(), cx);
      if (slot.done() || !slot.PollOnce(child_cx)) continue;
      --left_;
      if constexpr (kIsFallible<Output>) {
        if (!slot.output().ok()) return Fail(slot.output());
      }
    }
    if (left_ > 0) return kPending;
    return Collect();
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("JoinAll, " + std::to_string(left_) + " of " + std::to_string(slots_.size()) + " left");
    for (uint32_t i = 0; i < slots_.size(); ++i) slots_[i].Describe(trace);
  }

 private:
  // False if there is nothing to wait for.
  bool Start() {
    C futures(std::move(futures_));
    left_ = static_cast<uint32_t>(futures.size());
    if (left_ == 0) return false;
    slots_.Make(left_, left_);
    uint32_t i = 0;
    for (auto& future : futures) slots_.Emplace(i++, std::move(future));
    return true;
  }
  Output Fail(T& output) {
    Output error(ToStatus(std::move(output)));
    slots_.Reset();
    return error;
  }
  static Status ToStatus(Status status) { return status; }
  template <class U>
  static Status ToStatus(StatusOr<U> output) {
    return std::move(output).status();
  }
  Output Collect() {
    if constexpr (kIsStatus<Output>) {
      slots_.Reset();
      return OkStatus();
    } else {
      std::vector<decltype(Take(std::declval<T&>()))> values;
      values.reserve(slots_.size());
      for (uint32_t i = 0; i < slots_.size(); ++i) values.push_back(Take(slots_[i].output()));
      slots_.Reset();
      return Output(std::move(values));
    }
  }
  static auto Take(T& output) {
    if constexpr (kIsFallible<Output>) {
      return *std::move(output);
    } else {
      return std::move(output);
    }
  }

  C futures_;
  uint32_t left_ = 0;
  WideSlots<JoinSlot<F>> slots_;
};

template <class C>
constexpr bool AreManyFutures() {
  if constexpr (kIsContainer<C>) {
    return AreFutures<typename C::value_type>();
  } else {
    static_assert(kIsPoison<C>, "kioto: JoinAll takes a container of futures, as an rvalue: std::move(futures)");
    return false;
  }
}

}  // namespace internal

template <class C>
auto JoinAll(C&& futures) {  // an lvalue makes C a reference, which is no container
  if constexpr (internal::AreManyFutures<C>()) {
    return internal::JoinAllFuture<internal::JoinMode, C>(std::move(futures));
  } else {
    return internal::Poison{};
  }
}

template <class C>
auto TryJoinAll(C&& futures) {
  if constexpr (internal::AreManyFutures<C>()) {
    constexpr bool fallible = internal::kIsFallible<OutputOf<typename C::value_type>>;
    static_assert(fallible, "kioto: each future of TryJoinAll gives Status or StatusOr<T>; for others use JoinAll");
    if constexpr (fallible) {
      return internal::JoinAllFuture<internal::TryJoinMode, C>(std::move(futures));
    } else {
      return internal::Poison{};
    }
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_JOIN_ALL_H_
