// Until(token, future): the future, stopped as soon as the token is cancelled: destroyed on the spot.
//
//   conns.Spawn(Until(stop, Echo(std::move(stream))));
//
// Gives what the future gives, in a form that can be an error (Unit as Status, T as StatusOr<T>); stopped, it gives
// IsStopped (kCancelled). A token that is cancelled already: the future is not polled at all. Else the future is polled first, so
// one that is ready wins. CANCEL SAFE: as the future. Keeps a copy of the token.
//
// RunUntilCancelled(token, future): the same, as std::optional of what the future gives; nullopt if it was stopped.
#ifndef KIOTO_SYNC_UNTIL_H_
#define KIOTO_SYNC_UNTIL_H_

#include <optional>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/pin.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/internal/received.h"

namespace kioto::sync {
namespace internal {

// What comes out, for each of the two forms.
template <class T>
struct StoppedAsStatus {
  using Output = Received<T>;
  static Output Finished(T&& value) { return ToReceived<T>(std::move(value)); }
  static Output Stopped() { return StoppedError("stopped by its CancellationToken"); }
};
template <class T>
struct StoppedAsNothing {
  using Output = std::optional<T>;
  static Output Finished(T&& value) { return Output(std::move(value)); }
  static Output Stopped() { return std::nullopt; }
};

template <class F, template <class> class How>
class [[nodiscard]] UntilFuture : public FutureBase<UntilFuture<F, How>, typename How<OutputOf<F>>::Output> {
  using Outcome = How<OutputOf<F>>;

 public:
  using Output = typename Outcome::Output;
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  UntilFuture(CancellationToken token, F future) : cancelled_(std::move(token)), future_(std::move(future)) {}

  Poll<Output> PollOnce(Context& cx) {
    if (!begun_) {
      begun_ = true;
      if (cancelled_.token().IsCancelled()) return Stop();
    }
    auto poll = kioto::internal::PollChild(*future_, cx);
    if (poll.ready()) {
      Output output = Outcome::Finished(*std::move(poll));
      future_.reset();
      return output;
    }
    // No budget is asked for: the future may have spent it all, every time.
    if (cancelled_.token().IsCancelled() || cancelled_.PollOnce(cx).ready()) return Stop();
    return kPending;
  }
  void Describe(WaitTrace& trace) const {
    const WaitTrace::Below below = trace.Node("Until a CancellationToken");
    if (future_.has_value()) trace.Child(*future_);
  }

 private:
  Output Stop() {
    future_.reset();
    return Outcome::Stopped();
  }

  CancelledFuture cancelled_;
  bool begun_ = false;
  std::optional<F> future_;
};

template <template <class> class How, class F>
auto MakeUntil(CancellationToken token, F future) {
  if constexpr (IsFuture<F> && !kioto::internal::kIsPoison<F>) {
    return UntilFuture<F, How>(std::move(token), std::move(future));
  } else {
    return kioto::internal::Poison{};
  }
}

}  // namespace internal

template <class F>
auto Until(CancellationToken token, F future) {
  static_assert(IsFuture<F>, "kioto: Until takes a token and a future, which it stops when the token is cancelled");
  return internal::MakeUntil<internal::StoppedAsStatus>(std::move(token), std::move(future));
}

template <class F>
auto RunUntilCancelled(CancellationToken token, F future) {
  static_assert(IsFuture<F>,
                "kioto: RunUntilCancelled takes a token and a future, which it stops when the token is cancelled");
  return internal::MakeUntil<internal::StoppedAsNothing>(std::move(token), std::move(future));
}

}  // namespace kioto::sync

namespace kioto {
using sync::RunUntilCancelled;
using sync::Until;
}  // namespace kioto

#endif  // KIOTO_SYNC_UNTIL_H_
