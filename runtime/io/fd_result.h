// What a function of the user's that works on an fd may give: Status, StatusOr<T>, or a number as system calls do, negative
// with errno. Whether that says "not now"; and the attempt that heeds it.
#ifndef KIOTO_RUNTIME_IO_FD_RESULT_H_
#define KIOTO_RUNTIME_IO_FD_RESULT_H_

#include <cerrno>
#include <type_traits>

#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/io_handle.h"
#include "kioto/runtime/future/internal/poison.h"
#include "kioto/runtime/io/readiness.h"

namespace kioto::io::internal {

// EAGAIN, IsEmpty or IsFull.
bool WouldBlock(const Status& status);
template <class T>
bool WouldBlock(const StatusOr<T>& output) {
  return !output.ok() && WouldBlock(output.status());
}

// IsEmpty for EAGAIN.
Status FdError(int error);

// How a function that gives R is called, and what that gives: a StatusOr of the number, EINTR tried again; else R.
template <class R, class = void>
struct FdResult {
  using Output = Status;
  template <class Fn>
  static Output Call(Fn&) {
    return OkStatus();
  }
  // Last: clang leaves out what follows a failed assertion, and would miss it.
  static_assert(kioto::internal::kAlwaysFalse<R>,
                "kioto: an operation on an fd gives Status, StatusOr<T>, or a number as system calls do");
};
template <class R>
struct FdResult<R, std::enable_if_t<std::is_integral_v<R> && std::is_signed_v<R>>> {
  using Output = StatusOr<R>;
  template <class Fn>
  static Output Call(Fn& fn) {
    while (true) {
      const R n = fn();
      if (n >= 0) return n;
      const int error = errno;
      if (error != EINTR) return FdError(error);
    }
  }
};
template <class R>
struct FdStatusResult {
  using Output = R;
  template <class Fn>
  static Output Call(Fn& fn) {
    return fn();
  }
};
template <>
struct FdResult<Status> : FdStatusResult<Status> {};
template <class T>
struct FdResult<StatusOr<T>> : FdStatusResult<StatusOr<T>> {};

template <class Fn>
using FdResultOf = FdResult<std::decay_t<std::invoke_result_t<Fn&>>>;

// OK if an operation may be tried now, as far as `word`, of the handle, knows; IsEmpty; IsShutdown.
Status MayTry(uint64_t word, Interest interest);

// One try, no waiting: IsEmpty, and `fn` not called, if nothing has come since the last one found nothing.
template <class Fn>
typename FdResultOf<Fn>::Output TryIo(kioto::internal::IoHandle& handle, Interest interest, Fn& fn) {
  const uint64_t seen = handle.word();
  Status may = MayTry(seen, interest);
  if (!may.ok()) return may;
  auto output = FdResultOf<Fn>::Call(fn);
  if (WouldBlock(output)) handle.ClearReady(seen, interest.taken());
  return output;
}

}  // namespace kioto::io::internal

#endif  // KIOTO_RUNTIME_IO_FD_RESULT_H_
