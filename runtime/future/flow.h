// Flow<V>: what a step of a loop says: once more, or stop with a value.
//
//   return Loop([&] { return jobs.Recv().Then([&](std::optional<Job>& job) -> Flow<int> {
//     if (!job) return Break(done);
//     ++done;
//     return Continue();
//   }); });
//
// Break and Continue are functions that are objects, so that they can be steps by themselves: If(n == 0, Break, …).
#ifndef KIOTO_RUNTIME_FUTURE_FLOW_H_
#define KIOTO_RUNTIME_FUTURE_FLOW_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/future/poll.h"

namespace kioto {

// "Once more", where the value of the loop is not known yet. Becomes any Flow<V>.
struct ContinueFlow {};

template <class V = Unit>
class [[nodiscard]] Flow {
 public:
  using Value = V;

  Flow(ContinueFlow) {}  // NOLINT: `return Continue();`
  explicit Flow(std::in_place_t, V value) : value_(std::move(value)) {}
  // `return Break(v);` where v only converts to V.
  template <class U, std::enable_if_t<!std::is_same_v<U, V> && std::is_convertible_v<U, V>, int> = 0>
  Flow(Flow<U> other) {  // NOLINT
    if (other.stops()) value_.emplace(*std::move(other));
  }

  bool stops() const { return value_.has_value(); }
  // The value of the Break; only when stops().
  V& operator*() & { return *value_; }
  V&& operator*() && { return *std::move(value_); }

 private:
  std::optional<V> value_;
};

namespace internal {

struct BreakFunction {
  Flow<> operator()() const { return Flow<>(std::in_place, Unit{}); }
  template <class V>
  Flow<std::decay_t<V>> operator()(V&& value) const {
    return Flow<std::decay_t<V>>(std::in_place, std::forward<V>(value));
  }
};

struct ContinueFunction {
  ContinueFlow operator()() const { return {}; }
};

}  // namespace internal

inline constexpr internal::BreakFunction Break{};
inline constexpr internal::ContinueFunction Continue{};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_FLOW_H_
