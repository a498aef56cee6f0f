// OnDrop(future, cleanup): cleanup() runs if and only if the future is destroyed before it is ready: never polled,
// cancelled, or ended by an exception. After the future's own destructor. It must be short and must not throw.
//
//   OnDrop(Transfer(a, b), [&] { metrics.cancelled++; })
//
// CANCEL SAFE: as the future.
#ifndef KIOTO_RUNTIME_FUTURE_ON_DROP_H_
#define KIOTO_RUNTIME_FUTURE_ON_DROP_H_

#include <optional>
#include <utility>

#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/future/internal/poison.h"

namespace kioto {
namespace internal {

template <class F, class Fn>
class [[nodiscard]] OnDropFuture : public FutureBase<OnDropFuture<F, Fn>, OutputOf<F>> {
 public:
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  OnDropFuture(F future, Fn cleanup) : cleanup_(std::move(cleanup)), future_(std::move(future)) {}
  OnDropFuture(OnDropFuture&& other)
      : OnDropFuture::FutureBase(std::move(other)),
        cleanup_(std::move(other.cleanup_)),
        armed_(std::exchange(other.armed_, false)),
        future_(std::move(other.future_)) {}
  ~OnDropFuture() {
    future_.reset();
    if (armed_) cleanup_();
  }

  Poll<OutputOf<F>> PollOnce(Context& cx) {
    auto polled = PollChild(*future_, cx);
    if (polled.ready()) {
      armed_ = false;
      future_.reset();
    }
    return polled;
  }
  void Describe(WaitTrace& trace) const {
    if (future_.has_value()) trace.Child(*future_);
  }

 private:
  Fn cleanup_;
  bool armed_ = true;
  std::optional<F> future_;
};

}  // namespace internal

template <class F, class Fn>
auto OnDrop(F future, Fn cleanup) {
  static_assert(IsFuture<F> && std::is_invocable_v<Fn&>, "kioto: OnDrop takes a future and what to do, without arguments, if it is dropped");
  if constexpr (IsFuture<F> && std::is_invocable_v<Fn&> && !internal::kIsPoison<F>) {
    return internal::OnDropFuture<F, Fn>(std::move(future), std::move(cleanup));
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_ON_DROP_H_
