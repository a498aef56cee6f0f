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

namespace {

#if KIOTO_THREAD_SANITIZED
constexpr int64_t kLongestWaitNs = 100'000'000;

// ThreadSanitizer keeps a signal back until its thread calls a function of libc, which a raw system call is not: so a wait is short,
// and such a call comes after it.
int64_t Shortened(int64_t deadline_ns) {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t most = now.tv_sec * 1'000'000'000 + now.tv_nsec + kLongestWaitNs;
  return deadline_ns < most ? deadline_ns : most;
}
void GiveSignals() { usleep(0); }
#else
int64_t Shortened(int64_t deadline_ns) { return deadline_ns; }
void GiveSignals() {}
#endif

}  // namespace

bool FutexWait(Atomic<uint32_t>* word, uint32_t expected, int64_t whole_deadline_ns) {
  int64_t deadline_ns = Shortened(whole_deadline_ns);
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
  const int error = errno;
  KIOTO_CHECK(error == EAGAIN || error == EINTR || error == ETIMEDOUT, "futex wait failed");
  GiveSignals();
  return error != ETIMEDOUT || deadline_ns < whole_deadline_ns;
}

void FutexWake(Atomic<uint32_t>* word, int count) {
  // EFAULT: the word is gone, and nobody sleeps on it.
  syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, nullptr, nullptr, 0);
}

}  // namespace kioto::base

#endif
