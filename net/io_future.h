// IoFuture: a step of a socket that any number of tasks may wait for, with a place of its own among them.
// CANCEL SAFE: yes, what a step would have done is not begun.
#ifndef KIOTO_NET_IO_FUTURE_H_
#define KIOTO_NET_IO_FUTURE_H_

#include <cstdint>
#include <type_traits>
#include <utility>

#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/future_base.h"
#include "kioto/runtime/io/readiness.h"

namespace kioto::net {

using io::Interest;
using io::Readiness;
using io::ReadinessFuture;

namespace internal {

template <class Socket, class Step>
using IoStepOutput = typename std::invoke_result_t<Step&, Socket&, Context&, kioto::internal::IoWaiter*>::Value;

// Output: what the Poll<Output> has that `step(Socket&, Context&, IoWaiter*)` gives. `name`, a literal, is for dumps.
template <class Socket, class Step>
class [[nodiscard]] IoFuture : public FutureBase<IoFuture<Socket, Step>, IoStepOutput<Socket, Step>> {
 public:
  IoFuture(Socket& socket, const char* name, Step step) : socket_(&socket), name_(name), step_(std::move(step)) {}
  IoFuture(IoFuture&& other) noexcept
      : FutureBase<IoFuture<Socket, Step>, IoStepOutput<Socket, Step>>(std::move(other)),
        socket_(other.socket_),
        name_(other.name_),
        step_(std::move(other.step_)) {}
  Poll<IoStepOutput<Socket, Step>> PollOnce(Context& cx) { return step_(*socket_, cx, &waiter_); }
  void Describe(WaitTrace& trace) const { trace.Node(name_, *socket_); }

 private:
  Socket* socket_;
  const char* name_;
  Step step_;
  kioto::internal::IoWaiter waiter_;
};

inline constexpr char kWaitingForReadiness[] = "waiting for a socket's readiness";

// Of one direction.
inline Poll<StatusOr<Readiness>> PollReady(kioto::internal::IoHandle& handle, Context& cx, kioto::internal::Direction direction,
                                           kioto::internal::IoWaiter* waiter) {
  Poll<StatusOr<uint32_t>> bits = handle.PollReady(cx, direction, kWaitingForReadiness, waiter);
  if (bits.pending()) return kPending;
  if (!bits->ok()) return bits->status();
  return StatusOr<Readiness>(Readiness(**bits));
}

// What either direction is ready for.
inline Poll<StatusOr<Readiness>> PollEitherReady(kioto::internal::IoHandle& handle, Context& cx,
                                                 kioto::internal::IoWaiter& waiter) {
  using kioto::internal::Direction;
  using kioto::internal::Ready;
  constexpr uint32_t kBits = Ready::Of(Direction::kRead) | Ready::Of(Direction::kWrite);
  Poll<StatusOr<uint64_t>> word = handle.PollAny(cx, kBits, kWaitingForReadiness, waiter);
  if (word.pending()) return kPending;
  if (!word->ok()) return word->status();
  return StatusOr<Readiness>(Readiness(static_cast<uint32_t>(**word) & Ready::kAll));
}

}  // namespace internal
}  // namespace kioto::net

#endif  // KIOTO_NET_IO_FUTURE_H_
