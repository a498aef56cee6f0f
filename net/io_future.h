// IoFuture: a step of a socket that any number of tasks may wait for, with a place of its own among them.
#ifndef KIOTO_NET_IO_FUTURE_H_
#define KIOTO_NET_IO_FUTURE_H_

#include <type_traits>
#include <utility>

#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/readiness.h"

namespace kioto::net {

using io::Readiness;
using io::ReadinessFuture;

namespace internal {

template <class Step>
using IoStepOutput = typename std::invoke_result_t<Step&, Context&, kioto::internal::IoWaiter*>::Value;

// Output: what the Poll<Output> has that `step(Context&, IoWaiter*)` gives.
template <class Step>
class [[nodiscard]] IoFuture : public FutureBase<IoFuture<Step>, IoStepOutput<Step>> {
 public:
  explicit IoFuture(Step step) : step_(std::move(step)) {}
  IoFuture(IoFuture&& other) noexcept
      : FutureBase<IoFuture<Step>, IoStepOutput<Step>>(std::move(other)), step_(std::move(other.step_)) {}
  Poll<IoStepOutput<Step>> PollOnce(Context& cx) { return step_(cx, &waiter_); }

 private:
  Step step_;
  kioto::internal::IoWaiter waiter_;
};

// Output: StatusOr<Readiness>, of one direction.
inline auto WaitUntilReady(kioto::internal::IoHandle& handle, kioto::internal::Direction direction) {
  return IoFuture([&handle, direction](Context& cx, kioto::internal::IoWaiter* waiter) -> Poll<StatusOr<Readiness>> {
    auto bits = handle.PollReady(cx, direction, "waiting for a socket's readiness", waiter);
    if (bits.pending()) return kPending;
    if (!bits->ok()) return bits->status();
    return StatusOr<Readiness>(Readiness(**bits));
  });
}

// Output: StatusOr<Readiness>: what either direction is ready for.
class [[nodiscard]] EitherReadyFuture : public FutureBase<EitherReadyFuture, StatusOr<Readiness>> {
 public:
  explicit EitherReadyFuture(kioto::internal::IoHandle& handle) : handle_(&handle) {}
  EitherReadyFuture(EitherReadyFuture&& other) noexcept : FutureBase(std::move(other)), handle_(other.handle_) {}
  Poll<StatusOr<Readiness>> PollOnce(Context& cx) {
    using kioto::internal::Direction;
    using kioto::internal::Ready;
    constexpr uint32_t kBits = Ready::Of(Direction::kRead) | Ready::Of(Direction::kWrite);
    auto word = handle_->PollAny(cx, kBits, "waiting for a socket's readiness", waiter_);
    if (word.pending()) return kPending;
    if (!word->ok()) return word->status();
    return StatusOr<Readiness>(Readiness(static_cast<uint32_t>(**word) & Ready::kAll));
  }

 private:
  kioto::internal::IoHandle* handle_;
  kioto::internal::IoWaiter waiter_;
};

}  // namespace internal
}  // namespace kioto::net

#endif  // KIOTO_NET_IO_FUTURE_H_
