// What a stream is: `using Item = T;` and `Poll<std::optional<T>> PollNext(Context&)`: the next item, or nullopt at the end.
//
// Like a future it is lazy and pinned from its first poll. After Pending it is polled again; after nullopt only destroyed.
// A stream that may fail has Item = StatusOr<T>. Mpsc's receivers, a listener's Incoming() and walks of directories are streams; a
// Broadcast's and a Watch's receivers become one in sync::BroadcastStream(…), sync::WatchStream(…).
//   Next(stream)          the next item as a future; borrows the stream
//   StreamOf(container)   the items of a container, moved out one by one; consumes budget like any source
//
// CANCEL SAFE: Next, as the stream is; the items of a container go with it.
#ifndef KIOTO_RUNTIME_FUTURE_STREAM_H_
#define KIOTO_RUNTIME_FUTURE_STREAM_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/future/internal/poison.h"

namespace kioto {
namespace internal {

template <class S, class = void>
struct IsStreamImpl : std::false_type {};
template <class S>
struct IsStreamImpl<S, std::void_t<typename S::Item, decltype(std::declval<S&>().PollNext(std::declval<Context&>()))>>
    : std::is_same<decltype(std::declval<S&>().PollNext(std::declval<Context&>())), Poll<std::optional<typename S::Item>>> {};

template <class C, class = void>
struct IsContainerImpl : std::false_type {};
template <class C>
struct IsContainerImpl<C, std::void_t<typename C::value_type, decltype(std::declval<C&>().begin() != std::declval<C&>().end())>>
    : std::true_type {};

}  // namespace internal

template <class S>
inline constexpr bool IsStream = internal::IsStreamImpl<S>::value;

namespace internal {

template <class C>
inline constexpr bool kIsContainer = IsContainerImpl<C>::value && !IsStream<C>;

template <class C>
class [[nodiscard]] ContainerStream {
 public:
  using Item = typename C::value_type;

  explicit ContainerStream(C container) : container_(std::move(container)) {}
  ContainerStream(ContainerStream&& other) : container_(std::move(other.container_)) {}

  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (!begun_) {
      begun_ = true;
      at_.emplace(container_.begin());
    }
    if (!(*at_ != container_.end())) return std::optional<Item>();
    if (!cx.ConsumeBudget()) return kPending;
    std::optional<Item> item(std::move(**at_));
    ++*at_;
    return item;
  }

 private:
  C container_;
  bool begun_ = false;
  std::optional<decltype(std::declval<C&>().begin())> at_;
};

template <class S>
class [[nodiscard]] NextFuture : public FutureBase<NextFuture<S>, std::optional<typename S::Item>> {
 public:
  static constexpr bool kMovable = true;
  static constexpr bool kLocal = IsLocalFuture<S>;

  explicit NextFuture(S* stream) : stream_(stream) {}
  Poll<std::optional<typename S::Item>> PollOnce(Context& cx) { return stream_->PollNext(cx); }
  void Describe(WaitTrace& trace) const { trace.Child(*stream_); }

 private:
  S* stream_;
};

// A stream as itself, a container as its stream.
template <class S>
auto AsStream(S&& source) {
  if constexpr (kIsContainer<S>) {
    return ContainerStream<S>(std::move(source));
  } else {
    return std::move(source);
  }
}
template <class S>
using StreamFrom = decltype(AsStream(std::declval<S>()));

}  // namespace internal

template <class S>
auto Next(S& stream) {
  static_assert(IsStream<S>, "kioto: Next takes a stream that is kept elsewhere, in a With for instance");
  if constexpr (IsStream<S>) {
    return internal::NextFuture<S>(&stream);
  } else {
    return internal::Poison{};
  }
}

template <class C>
auto StreamOf(C&& container) {  // an lvalue makes C a reference, which is no container
  static_assert(internal::kIsContainer<C>, "kioto: StreamOf takes a container, as an rvalue: std::move(container)");
  if constexpr (internal::kIsContainer<C>) {
    return internal::ContainerStream<C>(std::move(container));
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_STREAM_H_
