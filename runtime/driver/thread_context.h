// ThreadContext: what the current thread belongs to, in one thread-local record. Set by whoever drives a runtime
// (a worker, BlockOn, an EnterGuard), read by Spawn, Sleep and sockets.
#ifndef KIOTO_RUNTIME_DRIVER_THREAD_CONTEXT_H_
#define KIOTO_RUNTIME_DRIVER_THREAD_CONTEXT_H_

#include <cstdint>

namespace kioto {
class TraceSink;  // runtime/trace/trace_sink.h
}

namespace kioto::internal {

class Scheduler;  // runtime/task/scheduler.h
class DriverSet;  // runtime/driver/driver_set.h
class Driver;     // runtime/driver/driver.h
struct TaskHeader;  // runtime/task/header.h
class Driving;     // runtime/scheduler/core.h

struct ThreadContext {
  Scheduler* scheduler = nullptr;  // the runtime entered, or null outside all runtimes
  DriverSet* drivers = nullptr;    // its clock, wheels and reactors; null exactly when scheduler is
  Driver* driver = nullptr;        // this thread's own driver; null on threads that drive none
  void* worker = nullptr;          // this thread's worker or current-thread core, for its scheduler alone
  TaskHeader* task = nullptr;      // the task being polled, or whose future or output is being destroyed
  TraceSink* trace = nullptr;      // of the runtime entered
  Scheduler* local_set = nullptr;  // the LocalSet entered: where SpawnLocal goes
  Driving* driving = nullptr;      // what this thread drives, whatever it has entered since; null: nothing
  uint64_t random = 0;             // state of the thread's generator; 0: not seeded yet
};

// The record itself. `__thread`, not `thread_local`: the compiler then knows that no other file has to run code to
// initialize it, and reads it without a guard or a call. The initial-exec model makes that one segment-relative load,
// also where Kioto is part of a shared library.
extern __thread ThreadContext thread_context __attribute__((tls_model("initial-exec")));

// The record of this thread. Constant-initialized, trivially destroyed: safe at any time, thread exit included.
inline ThreadContext& CurrentThread() { return thread_context; }

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_DRIVER_THREAD_CONTEXT_H_
