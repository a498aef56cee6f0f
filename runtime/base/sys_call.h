// How sys.cc and sys_linux.cc make a call: ask for a fault, call, turn errno into a result. Only for them.
#ifndef KIOTO_RUNTIME_BASE_SYS_CALL_H_
#define KIOTO_RUNTIME_BASE_SYS_CALL_H_

#include <cerrno>

#include "kioto/runtime/base/sys_fault.h"

namespace kioto::base::sys {

inline bool FaultsInstalled() {
  // relaxed: only whether to look under the lock.
  return __builtin_expect(installed_faults.load(std::memory_order_relaxed) != 0, 0);
}

// One attempt: its result, or -errno.
template <class F>
auto Once(Call call, int fd, F&& f) -> decltype(f()) {
  if (FaultsInstalled()) {
    if (const int error = InjectedError(call, fd)) return -error;
  }
  const auto result = f();
  return result < 0 ? -errno : result;
}

// Attempts until one is not interrupted; a fault may interrupt too.
template <class F>
auto Retry(Call call, int fd, F&& f) -> decltype(f()) {
  while (true) {
    const auto result = Once(call, fd, f);
    if (result != -EINTR) return result;
  }
}

}  // namespace kioto::base::sys

#endif  // KIOTO_RUNTIME_BASE_SYS_CALL_H_
