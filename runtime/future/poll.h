// Poll<T>: what one poll of a future answers, the value or "not yet".
//
//   Poll<int> Source::PollOnce(Context& cx) {
//     if (!slot_.full()) return kPending;
//     return slot_.Take();
//   }
#ifndef KIOTO_RUNTIME_FUTURE_POLL_H_
#define KIOTO_RUNTIME_FUTURE_POLL_H_

#include <optional>
#include <type_traits>
#include <utility>

namespace kioto {

// The value of a future that has nothing to say. `void` and Unit mean the same to every combinator.
struct Unit {
  friend constexpr bool operator==(Unit, Unit) { return true; }
  friend constexpr bool operator!=(Unit, Unit) { return false; }
};

struct Pending {};
inline constexpr Pending kPending{};

template <class T>
class [[nodiscard]] Poll {
 public:
  using Value = T;

  Poll(Pending) {}  // NOLINT: `return kPending;` is how a poll says "not yet"
  template <class U = T, std::enable_if_t<std::is_constructible_v<T, U&&> && std::is_convertible_v<U&&, T> &&
                                              !std::is_same_v<std::decay_t<U>, Pending> &&
                                              !std::is_same_v<std::decay_t<U>, Poll>,
                                          int> = 0>
  Poll(U&& value) : value_(std::in_place, std::forward<U>(value)) {}  // NOLINT: and `return value;` is the other answer

  bool ready() const { return value_.has_value(); }
  bool pending() const { return !value_.has_value(); }

  // The value; only when ready().
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }

  // Into one that is pending. T need not be assignable.
  void Fill(Poll&& other) {
    if (other.ready()) value_.emplace(*std::move(other));
  }

 private:
  std::optional<T> value_;
};

// One bit, returned in a register.
template <>
class [[nodiscard]] Poll<Unit> {
 public:
  using Value = Unit;

  constexpr Poll(Pending) : ready_(false) {}  // NOLINT
  constexpr Poll(Unit) : ready_(true) {}      // NOLINT

  constexpr bool ready() const { return ready_; }
  constexpr bool pending() const { return !ready_; }
  constexpr Unit operator*() const { return Unit{}; }

 private:
  bool ready_;
};

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_POLL_H_
