// STATE       one request at a time, in a static block: g_wanted (the thread asked for) -> the handler fills g_frames, then
//             g_done. The handler only calls what is async-signal-safe: absl::GetStackTraceWithContext is. It is the one of
//             runtime/signal/hub.cc, which knows whose the signal is else.
// RACES       R1 a handler that runs after its asker gave up: it finds g_wanted changed, or writes frames that nobody reads;
//                the block is static, so nothing is freed under it.
//             R2 two askers (the monitors of two runtimes): one after the other.
//             R3 the thread has ended: the kernel no longer knows its number. Its pthread_t may be gone, and is only compared.
#include "kioto/runtime/scheduler/thread_stack.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstdio>

#include "absl/debugging/stacktrace.h"
#include "absl/debugging/symbolize.h"
#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/signal/hub.h"

namespace kioto::internal {
namespace {

constexpr int kMaxFrames = 32;
constexpr int kSignal = SIGURG;  // ignored by default, and hardly used: a late delivery, which is one too many, harms nobody

base::Atomic<uintptr_t> g_wanted{0};
base::Atomic<int> g_done{-1};
base::Atomic<void*> g_frames[kMaxFrames];

// In the handler: whether the signal was for this thread to answer. `context`: the handler may have a stack of its own.
bool Answer(void* context) {
  uintptr_t self = reinterpret_cast<uintptr_t>(pthread_self());
  // Only one handler may answer a request. acq_rel: the acquire pairs with the asker's release. relaxed on failure: nothing is read.
  if (!g_wanted.compare_exchange_strong(self, 0, std::memory_order_acq_rel, std::memory_order_relaxed)) return false;
  void* frames[kMaxFrames];
  const int count = absl::GetStackTraceWithContext(frames, kMaxFrames, /*skip_count=*/3, context, nullptr);
  for (int i = 0; i < count; ++i) g_frames[i].store(frames[i], std::memory_order_relaxed);  // relaxed: published by g_done
  g_done.store(count, std::memory_order_release);  // release: pairs with the asker's acquire
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
  std::FILE* file = std::fopen(absl::StrCat("/proc/self/task/", system_id, "/schedstat").c_str(), "re");
  if (file == nullptr) return times;
  long long on_cpu = 0, delay = 0;
  if (std::fscanf(file, "%lld %lld", &on_cpu, &delay) == 2) times = {on_cpu, delay};
  std::fclose(file);
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
  g_done.store(-1, std::memory_order_relaxed);        // relaxed: nobody answers before g_wanted is set
  g_wanted.store(thread.pthread, std::memory_order_release);  // release: pairs with the handler's acquire
  int count = -1;
  if (SendSignal(thread)) {
    const struct timespec pause = {0, 200'000};
    for (int i = 0; i < 100 && count < 0; ++i) {
      nanosleep(&pause, nullptr);
      count = g_done.load(std::memory_order_acquire);  // acquire: pairs with the handler's release
    }
  }
  g_wanted.store(0, std::memory_order_relaxed);  // relaxed: a late handler finds nothing to answer (R1)
  signal::internal::StopAsking(kSignal);
  std::string text;
  for (int i = 0; i < count; ++i) {
    void* frame = g_frames[i].load(std::memory_order_relaxed);  // relaxed: acquired with g_done
    char name[256] = "?";
    (void)absl::Symbolize(static_cast<char*>(frame) - 1, name, sizeof(name));
    absl::StrAppend(&text, "    ", absl::Hex(reinterpret_cast<uintptr_t>(frame)), " ", name, "\n");
  }
  return text;
}

}  // namespace kioto::internal
