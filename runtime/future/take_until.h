// TakeUntil(stream, future): the items of the stream until the future is ready; then the end. Looks at the future first.
//
//   ForEach(TakeUntil(listener.Incoming(), signal::Shutdown()), …)
//
// CANCEL SAFE: as the stream and the future.
#ifndef KIOTO_RUNTIME_FUTURE_TAKE_UNTIL_H_
#define KIOTO_RUNTIME_FUTURE_TAKE_UNTIL_H_

#include <optional>
#include <utility>

#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/future/stream.h"

namespace kioto {
namespace internal {

template <class S, class F>
class [[nodiscard]] TakeUntilStream {
 public:
  using Item = typename S::Item;
  static constexpr bool kLocal = IsLocalFuture<S> || IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<S> || LosesDataWhenDropped<F>;

  TakeUntilStream(S stream, F until) : stream_(std::move(stream)), until_(std::move(until)) {}

  Poll<std::optional<Item>> PollNext(Context& cx) {
    if (until_ && PollChild(*until_, cx).ready()) until_.reset();
    if (!until_) return std::optional<Item>();
    return stream_.PollNext(cx);
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("TakeUntil");
    if (until_) trace.Child(*until_);
    trace.Child(stream_);
  }

 private:
  S stream_;
  std::optional<F> until_;
};

}  // namespace internal

template <class S, class F>
auto TakeUntil(S&& source, F&& until) {  // an lvalue makes S or F a reference, which is neither
  constexpr bool fine = (IsStream<S> || internal::kIsContainer<S>) && IsFuture<F>;
  static_assert(fine || internal::kAnyPoison<S, F>,
                "kioto: TakeUntil takes a stream or a container, and a future, both as rvalues: std::move(x), or ByRef(x) for one that is "
                "kept elsewhere");
  if constexpr (fine && !internal::kAnyPoison<S, F>) {
    return internal::TakeUntilStream<internal::StreamFrom<S>, F>(internal::AsStream(std::move(source)), std::move(until));
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_TAKE_UNTIL_H_
