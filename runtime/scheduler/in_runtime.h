// InRuntime(handle, future): the future finds the runtime of `handle`, whichever one drives it: its sleeps, sockets, tasks
// and blocking jobs are that one's, which must be driven, too: a multi-thread one is. (SpawnLocal goes to the LocalSet of the task
// that polls it, as ever.)
//
//   runtime_without_timers.BlockOn(InRuntime(other.handle(), Sleep(10ms)));
//
// `handle()` is the runtime's; `std::move(f).IntoInner()` gives the future back, before the first poll, or later if it is one that
// may be moved then.
//
// A poll enters the runtime, and so does the end of the future: an EnterGuard each. Gives what the future gives. ERRORS: once that
// runtime has ended, what waits for its sockets and jobs fails, IsShutdown; what waits for its timers alone never ends, as in a
// task of it: put Until(token, ...) around it, or end the runtime that drives it first. CANCEL SAFE: as the future. THREADS: as the
// future.
#ifndef KIOTO_RUNTIME_SCHEDULER_IN_RUNTIME_H_
#define KIOTO_RUNTIME_SCHEDULER_IN_RUNTIME_H_

#include <optional>
#include <utility>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace internal {

template <class F>
class [[nodiscard]] InRuntimeFuture : public FutureBase<InRuntimeFuture<F>, OutputOf<F>> {
 public:
  static constexpr bool kLocal = IsLocalFuture<F>;
  static constexpr bool kLosesData = LosesDataWhenDropped<F>;

  InRuntimeFuture(Handle handle, F future) : handle_(std::move(handle)), future_(std::move(future)) {}
  InRuntimeFuture(InRuntimeFuture&& other)
      : InRuntimeFuture::FutureBase(std::move(other)), handle_(other.handle_), future_(std::move(other.future_)) {
    other.future_.reset();
  }
  ~InRuntimeFuture() {
    if (future_.has_value()) End();
  }

  Poll<OutputOf<F>> PollOnce(Context& cx) {
    KIOTO_DCHECK(future_.has_value(), "a future was polled after it was ready");
    const EnterGuard guard = handle_.Enter();
    auto polled = PollChild(*future_, cx);
    if (polled.ready()) future_.reset();
    return polled;
  }
  const Handle& handle() const { return handle_; }
  F IntoInner() && {
    KIOTO_CHECK(future_.has_value(), "an InRuntime was asked for its future after it was ready, which had ended the future");
    return *std::move(future_);
  }
  void Describe(WaitTrace& trace) const {
    if (future_.has_value()) trace.Child(*future_);
  }

 private:
  void End() {
    const EnterGuard guard = handle_.Enter();
    future_.reset();
  }

  const Handle handle_;
  std::optional<F> future_;
};

}  // namespace internal

template <class F>
auto InRuntime(Handle handle, F future) {
  static_assert(IsFuture<F>, "kioto: InRuntime takes a Handle and a future; for a function use Lazy");
  if constexpr (IsFuture<F> && !internal::kIsPoison<F>) {
    return internal::InRuntimeFuture<F>(std::move(handle), std::move(future));
  } else {
    return internal::Poison{};
  }
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_SCHEDULER_IN_RUNTIME_H_
