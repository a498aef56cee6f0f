#include "kioto/runtime/base/config.h"

#if defined(__linux__) && !KIOTO_PORTABLE && !KIOTO_MODEL

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/base/futex.h"

namespace kioto::base {

static_assert(sizeof(Atomic<uint32_t>) == 4, "the kernel looks at exactly these four bytes");

bool FutexWait(Atomic<uint32_t>* word, uint32_t expected, int64_t deadline_ns) {
  timespec deadline = {};
  if (deadline_ns != kNoDeadline) {
    if (deadline_ns < 0) deadline_ns = 0;
    deadline.tv_sec = deadline_ns / 1'000'000'000;
    deadline.tv_nsec = deadline_ns % 1'000'000'000;
  }
  // WAIT_BITSET takes an absolute time, so a spurious return does not lengthen the wait.
  const long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                              deadline_ns == kNoDeadline ? nullptr : &deadline, nullptr, FUTEX_BITSET_MATCH_ANY);
  if (result == 0) return true;
#if KIOTO_THREAD_SANITIZED
  // ThreadSanitizer keeps a signal back until its thread calls a function of libc; a raw system call is none.
  if (errno == EINTR) return usleep(0), true;
#endif
  KIOTO_CHECK(errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT, "futex wait failed");
  return errno != ETIMEDOUT;
}

void FutexWake(Atomic<uint32_t>* word, int count) {
  // EFAULT: the word is gone, and nobody sleeps on it.
  syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, nullptr, nullptr, 0);
}

}  // namespace kioto::base

#endif
