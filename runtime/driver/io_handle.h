// IoHandle: a non-blocking fd and its place in a reactor. What every socket is made of.
// (contract sketch; the driver's author completes it)
#ifndef KIOTO_RUNTIME_DRIVER_IO_HANDLE_H_
#define KIOTO_RUNTIME_DRIVER_IO_HANDLE_H_

#include <cstddef>
#include <sys/types.h>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/context.h"
#include "kioto/runtime/future/poll.h"

namespace kioto::internal {

enum class Direction : uint8_t { kRead, kWrite, kPriority };

// Bits of readiness, cached from events; hints, except the closed and error bits, which stay.
struct Ready {
  static constexpr uint32_t kReadable = 1, kWritable = 2, kReadClosed = 4, kWriteClosed = 8, kError = 16, kPriority = 32;
};

class IoHandle {
 public:
  IoHandle() = default;
  explicit IoHandle(int fd);  // owns it; it must be non-blocking already
  IoHandle(IoHandle&&) noexcept;
  IoHandle& operator=(IoHandle&&) noexcept;
  ~IoHandle();  // deregisters (DEL), closes, wakes whoever still waits; any thread, at once

  int fd() const;
  int Release();  // deregisters and gives the fd back

  // Calls `op` (returns >= 0, or -errno) when `direction` may be ready. On -EAGAIN clears the cached readiness (only the
  // tick it saw), registers cx's waker, tries once more if an event came meanwhile, else Pending. The first wait adds the fd
  // to the least loaded reactor of the runtime entered on this thread (Status IoUnavailable outside). A result shorter than
  // `wanted` (0: unknown) clears readiness too. Consumes one unit of budget per ready result.
  template <class Op>
  Poll<StatusOr<size_t>> PollIo(Context& cx, Direction direction, size_t wanted, const char* what, Op op);
  // One try, no waiting: kUnavailable (EAGAIN) when not ready.
  template <class Op>
  StatusOr<size_t> TryIo(Direction direction, size_t wanted, const char* what, Op op);
  // Waits for readiness alone: gives the Ready bits of that direction. Spurious readiness is allowed.
  Poll<StatusOr<uint32_t>> PollReady(Context& cx, Direction direction, const char* what);
  // Several tasks may wait for one direction (listeners, UDP): a Waiter lives in each waiting future (pinned).
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_IO_HANDLE_H_
