// SizeHint: how many items a stream still has: at least `lower`, at most `upper`; nullopt: nobody knows, or no end.
//
//   SizeHint size_hint() const;   // of a stream that knows something; SizeHintOf(s) asks any
//   bool ended() const;           // of a stream that knows whether it has given its last item; EndedOf(s) asks any
//
// Both are for making room and for leaving a branch out (.When): a stream may be right without telling.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_SIZE_HINT_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_SIZE_HINT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

namespace kioto {

struct SizeHint {
  static SizeHint Exactly(size_t n) { return {n, n}; }
  static SizeHint AtMost(std::optional<size_t> n) { return {0, n}; }

  size_t lower = 0;
  std::optional<size_t> upper;

  friend bool operator==(const SizeHint& a, const SizeHint& b) { return a.lower == b.lower && a.upper == b.upper; }
  friend bool operator!=(const SizeHint& a, const SizeHint& b) { return !(a == b); }

  // Of both together; what does not fit into a size_t is unknown.
  friend SizeHint operator+(const SizeHint& a, const SizeHint& b) {
    SizeHint sum{a.lower <= SIZE_MAX - b.lower ? a.lower + b.lower : SIZE_MAX, std::nullopt};
    if (a.upper && b.upper && *a.upper <= SIZE_MAX - *b.upper) sum.upper = *a.upper + *b.upper;
    return sum;
  }
};

namespace internal {

template <class S, class = void>
inline constexpr bool kHasSizeHint = false;
template <class S>
inline constexpr bool kHasSizeHint<S, std::void_t<decltype(std::declval<const S&>().size_hint())>> = true;

template <class S, class = void>
inline constexpr bool kHasEnded = false;
template <class S>
inline constexpr bool kHasEnded<S, std::void_t<decltype(std::declval<const S&>().ended())>> = true;

}  // namespace internal

// What the stream says of itself; if nothing, that is {0, nullopt}.
template <class S>
SizeHint SizeHintOf(const S& stream) {
  if constexpr (internal::kHasSizeHint<S>) {
    return stream.size_hint();
  } else {
    return SizeHint();
  }
}

// Whether the stream knows that it has no item left, so that the next poll would say nullopt. False: nobody knows.
template <class S>
bool EndedOf(const S& stream) {
  if constexpr (internal::kHasEnded<S>) {
    return stream.ended();
  } else {
    return false;
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_SIZE_HINT_H_
