// EndBlockingJobs: the blocking pool's part in the end of its runtime.
#ifndef KIOTO_RUNTIME_SCHEDULER_END_OF_JOBS_H_
#define KIOTO_RUNTIME_SCHEDULER_END_OF_JOBS_H_

#include <cstdint>

#include "kioto/runtime/blocking/pool.h"
#include "kioto/runtime/scheduler/options.h"

namespace kioto::internal {

// Ends `pool`, waits until `deadline_ns` for the jobs that run, and reports how many are left, and which of them run: a few.
void EndBlockingJobs(BlockingPool& pool, int64_t deadline_ns, ShutdownReport& report);

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_END_OF_JOBS_H_
