// AsyncIoFuture: calls a function of the user's on an fd whenever that is ready, until it gives something else than "not now".
// What AsyncIo gives, of AsyncFd and of sockets. CANCEL SAFE: yes, if the function does nothing when it gives "not now".
#ifndef KIOTO_RUNTIME_IO_ASYNC_IO_H_
#define KIOTO_RUNTIME_IO_ASYNC_IO_H_

#include <cstdint>
#include <utility>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/fd_result.h"
#include "kioto/runtime/io/readiness.h"

namespace kioto::io {

// Output: that of `fn`, for a number a StatusOr of it. Borrows `owner`, whose handle it is.
template <class Owner, class Fn>
class [[nodiscard]] AsyncIoFuture : public FutureBase<AsyncIoFuture<Owner, Fn>, typename internal::FdResultOf<Fn>::Output> {
 public:
  using Result = internal::FdResultOf<Fn>;

  AsyncIoFuture(const Owner& owner, kioto::internal::IoHandle& handle, Interest interest, Fn fn)
      : owner_(&owner), handle_(&handle), interest_(interest), fn_(std::move(fn)) {}
  AsyncIoFuture(AsyncIoFuture&& other) noexcept
      : FutureBase<AsyncIoFuture<Owner, Fn>, typename Result::Output>(std::move(other)),
        owner_(other.owner_),
        handle_(other.handle_),
        interest_(other.interest_),
        fn_(std::move(other.fn_)) {}
  Poll<typename Result::Output> PollOnce(Context& cx) {
    constexpr char kWait[] = "waiting for an operation on an fd";
    Poll<StatusOr<uint64_t>> word = handle_->PollAny(cx, interest_.bits(), kWait, waiter_);
    while (word.ready()) {
      if (!word->ok()) return typename Result::Output(word->status());
      const uint64_t seen = **word;
      typename Result::Output output = Result::Call(fn_);
      if (!internal::WouldBlock(output)) return output;
      handle_->ClearReady(seen, interest_.taken());
      word = handle_->PollAny(cx, interest_.bits(), kWait, waiter_, &seen);
    }
    return kPending;
  }
  void Describe(WaitTrace& trace) const { trace.Node("AsyncIo", *owner_); }

 private:
  const Owner* owner_;
  kioto::internal::IoHandle* handle_;
  Interest interest_;
  Fn fn_;
  kioto::internal::IoWaiter waiter_;
};

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_ASYNC_IO_H_
