// What a future is: a move-only class with `using Output = T;` and `Poll<T> PollOnce(Context&)`.
//
// Lazy: nothing happens before the first poll. Pinned: it may be moved until its first poll, never after. After Pending it
// is polled again; after Ready it may only be destroyed. Its destructor is its cancellation: at once, on the spot.
#ifndef KIOTO_RUNTIME_FUTURE_FUTURE_TRAITS_H_
#define KIOTO_RUNTIME_FUTURE_FUTURE_TRAITS_H_

#include <type_traits>
#include <utility>

#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"

namespace kioto {
namespace internal {

template <class F, class = void>
struct IsFutureImpl : std::false_type {};
template <class F>
struct IsFutureImpl<F, std::void_t<typename F::Output, decltype(std::declval<F&>().PollOnce(std::declval<Context&>()))>>
    : std::is_same<decltype(std::declval<F&>().PollOnce(std::declval<Context&>())), Poll<typename F::Output>> {};

template <class F, class = void>
struct IsLocalImpl : std::false_type {};
template <class F>
struct IsLocalImpl<F, std::enable_if_t<F::kLocal>> : std::true_type {};

template <class F, class = void>
struct LosesDataImpl : std::false_type {};
template <class F>
struct LosesDataImpl<F, std::enable_if_t<F::kLosesData>> : std::true_type {};

}  // namespace internal

// Whether F (no reference) is a future.
template <class F>
inline constexpr bool IsFuture = internal::IsFutureImpl<F>::value;

// Whether F must be polled and destroyed on the thread where it was made (`static constexpr bool kLocal = true`).
// Combinators pass it up; Spawn refuses it and names SpawnLocal.
template <class F>
inline constexpr bool IsLocalFuture = internal::IsLocalImpl<F>::value;

// Whether dropping F after a poll may lose data that it has taken (`static constexpr bool kLosesData = true`, beside
// "CANCEL SAFE: loses data" in its comment). Select refuses such a branch unless it is wrapped: LosesData(f).
template <class F>
inline constexpr bool LosesDataWhenDropped = internal::LosesDataImpl<F>::value;

template <class F>
using OutputOf = typename F::Output;

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_FUTURE_TRAITS_H_
