// Thread: a thread that may fail to start. Refusal (no memory, a limit on processes) is a Status, never a crash.
#ifndef KIOTO_RUNTIME_BASE_THREAD_H_
#define KIOTO_RUNTIME_BASE_THREAD_H_

#include <pthread.h>
#include <sched.h>

#include <cstddef>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"

namespace kioto::base {

// Join it before it is destroyed (checked), or Detach it. One thread at a time uses the object.
class Thread {
 public:
  Thread() = default;  // none
  Thread(Thread&& other) noexcept : handle_(other.handle_), joinable_(std::exchange(other.joinable_, false)) {}
  Thread& operator=(Thread&& other) noexcept;
  ~Thread();

  // Runs `body` on a new thread, which debuggers show under the first 15 bytes of `name`. `stack_size` in bytes, 0 for
  // the system's default; too small a one is raised to what the system needs, one that it can not give is refused. The
  // signal mask is the caller's.
  static StatusOr<Thread> Start(absl::string_view name, absl::AnyInvocable<void() &&> body, size_t stack_size = 0);

  bool joinable() const { return joinable_; }
  // Waits for its end. Not from the thread itself.
  void Join();
  // Lets it go: nobody will wait for it.
  void Detach();

 private:
  pthread_t handle_ = {};
  bool joinable_ = false;
};

// The first 15 bytes of `name`, for debuggers and /proc.
void SetCurrentThreadName(absl::string_view name);

// Keeps this thread on one of the processors. Unimplemented where the system has no such thing.
Status PinCurrentThread(int cpu);

// Keeps this thread on a processor while it lives, if that can be.
class PinnedThread {
 public:
  static constexpr int kAnywhere = -1;

  explicit PinnedThread(int cpu);
  PinnedThread(const PinnedThread&) = delete;
  PinnedThread& operator=(const PinnedThread&) = delete;
  ~PinnedThread();

 private:
#if defined(__linux__)
  bool pinned_ = false;
  cpu_set_t before_;
#endif
};

}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_THREAD_H_
