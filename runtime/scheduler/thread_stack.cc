// A thread is asked by a signal, and its handler answers (stack_request.h). The handler only calls what is async-signal-safe:
// absl::GetStackTraceWithContext is. It is the one of runtime/signal/hub.cc, which knows whose the signal is else.
//
// RACES       R1 a handler that runs after its asker gave up finds that it was not asked, or answers a request that nobody takes;
//                what it writes to is static, so nothing is freed under it.
//             R2 two askers (the monitors of two runtimes): one after the other.
//             R3 the thread has ended: the kernel no longer knows its number. Its pthread_t may be gone, and is only compared.
#include "kioto/runtime/scheduler/thread_stack.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstdio>

#include "absl/debugging/stacktrace.h"
#include "absl/debugging/symbolize.h"
#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/scheduler/stack_request.h"
#include "kioto/runtime/signal/hub.h"

namespace kioto::internal {
namespace {

constexpr int kSignal = SIGURG;  // ignored by default, and hardly used: a late delivery, which is one too many, harms nobody

StackRequest g_request;

// Where a thread was when the handler of `context` interrupted it; 0 where that is not known.
uintptr_t ProgramCounter(void* context) {
#if defined(__linux__) && defined(__x86_64__)
  return static_cast<uintptr_t>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__linux__) && defined(__aarch64__)
  return static_cast<uintptr_t>(static_cast<ucontext_t*>(context)->uc_mcontext.pc);
#else
  (void)context;
  return 0;
#endif
}

// In the handler: whether the signal was for this thread to answer. `context`: the handler may have a stack of its own.
bool Answer(void* context) {
  StackRequest::Request* const request = g_request.Claim(reinterpret_cast<uintptr_t>(pthread_self()));
  if (request == nullptr) return false;
  void* frames[StackRequest::kMaxFrames];
  int count = 0;
  // What follows are addresses to return to, one behind a call: this one is made like them.
  if (const uintptr_t interrupted = ProgramCounter(context)) frames[count++] = reinterpret_cast<void*>(interrupted + 1);
  // Skipped: this function, the hub's handler, what the system calls it by.
  count += absl::GetStackTraceWithContext(frames + count, StackRequest::kMaxFrames - count, /*skip_count=*/3, context, nullptr);
  StackRequest::Answer(request, frames, count);
  return true;
}

bool SendSignal(const ThreadIdentity& thread) {
#if defined(__linux__)
  return syscall(SYS_tgkill, getpid(), thread.system_id, kSignal) == 0;  // R3
#else
  return pthread_kill(reinterpret_cast<pthread_t>(thread.pthread), kSignal) == 0;
#endif
}

}  // namespace

ThreadIdentity CurrentThreadIdentity() {
  ThreadIdentity self;
  self.pthread = reinterpret_cast<uintptr_t>(pthread_self());
#if defined(__linux__)
  self.system_id = static_cast<int>(syscall(SYS_gettid));
#endif
  return self;
}

ThreadTimes TimesOfThread(int system_id) {
  ThreadTimes times;
  if (system_id == 0) return times;
  // "time on CPU, time waiting for one, time slices": Documentation/scheduler/sched-stats of the Linux kernel.
  if (std::FILE* file = std::fopen(absl::StrCat("/proc/self/task/", system_id, "/schedstat").c_str(), "re")) {
    long long on_cpu = 0, delay = 0;
    if (std::fscanf(file, "%lld %lld", &on_cpu, &delay) == 2) times = {on_cpu, delay};
    std::fclose(file);
  }
#if defined(__linux__)
  // The first of them lags by up to a tick of the system while the thread runs; its clock does not. The clock of a thread that is
  // known by its number, as pthread_getcpuclockid makes it: include/linux/posix-timers.h.
  struct timespec clock;
  if (clock_gettime(static_cast<clockid_t>(~static_cast<unsigned>(system_id) << 3 | 6), &clock) == 0) {
    times.on_cpu_ns = int64_t{clock.tv_sec} * 1'000'000'000 + clock.tv_nsec;
  }
#endif
  return times;
}

bool ThreadIsRunnable(int system_id) {
  if (system_id == 0) return false;
  // "id (name) state ...": proc(5). A worker's name has no parenthesis but what its builder was told.
  std::FILE* file = std::fopen(absl::StrCat("/proc/self/task/", system_id, "/stat").c_str(), "re");
  if (file == nullptr) return false;
  char state = '?';
  if (std::fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = '?';
  std::fclose(file);
  return state == 'R';
}

std::string ThreadStack(const ThreadIdentity& thread) {
  static base::Mutex mutex;
  base::MutexLock lock(mutex);  // R2
  if (!signal::internal::StartAsking(kSignal, Answer).ok()) return "";
  if (!g_request.Ask(thread.pthread)) {
    signal::internal::StopAsking(kSignal);
    return "";
  }
  if (SendSignal(thread)) {
    const struct timespec pause = {0, 200'000};
    for (int i = 0; i < 100 && !g_request.answered(); ++i) nanosleep(&pause, nullptr);
  }
  void* frames[StackRequest::kMaxFrames];
  const int count = g_request.Take(thread.pthread, frames);
  signal::internal::StopAsking(kSignal);
  std::string text;
  for (int i = 0; i < count; ++i) {
    char name[256] = "?";
    (void)absl::Symbolize(static_cast<char*>(frames[i]) - 1, name, sizeof(name));
    absl::StrAppend(&text, "    ", absl::Hex(reinterpret_cast<uintptr_t>(frames[i])), " ", name, "\n");
  }
  return text;
}

}  // namespace kioto::internal
