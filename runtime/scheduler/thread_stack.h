// What one thread can learn of another one of this process, for reports: its call stack, and how long it waited for a CPU.
#ifndef KIOTO_RUNTIME_SCHEDULER_THREAD_STACK_H_
#define KIOTO_RUNTIME_SCHEDULER_THREAD_STACK_H_

#include <cstdint>
#include <string>

namespace kioto::internal {

// How a thread is known: to pthreads, and to the system (Linux; else 0).
struct ThreadIdentity {
  uintptr_t pthread = 0;
  int system_id = 0;
};
ThreadIdentity CurrentThreadIdentity();

// Nanoseconds since the thread's start: on a CPU, and ready to run but without one. The wait that lasts now is not among them.
// 0 where that is not told.
struct ThreadTimes {
  int64_t on_cpu_ns = 0;
  int64_t delay_ns = 0;
};
ThreadTimes TimesOfThread(int system_id);
// Whether it runs, or would if it had a CPU; false if it waits for something else, or where that is not told.
bool ThreadIsRunnable(int system_id);

// One line per frame, outermost last: "    0x5581… name". Interrupts the thread with a signal (SIGURG: who listens to it, or
// handles it, hears of all others as ever) and waits at most 20 ms for it; "" if it did not answer, has ended, or where signals
// can not be sent to threads. Any thread; one after the other.
std::string ThreadStack(const ThreadIdentity& thread);

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_THREAD_STACK_H_
