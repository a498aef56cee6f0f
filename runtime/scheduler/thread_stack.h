// ThreadStack: the call stack of another thread of this process, for reports.
#ifndef KIOTO_RUNTIME_SCHEDULER_THREAD_STACK_H_
#define KIOTO_RUNTIME_SCHEDULER_THREAD_STACK_H_

#include <cstdint>
#include <string>

namespace kioto::internal {

// One line per frame, outermost last: "    0x5581… name". `pthread` is a pthread_t that is still running. Interrupts it with
// a signal (SIGPROF, whose handler is put back) and waits at most 20 ms for it; "" if it did not answer, or where signals
// can not be sent to threads. One caller at a time.
std::string ThreadStack(uintptr_t pthread);

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_THREAD_STACK_H_
