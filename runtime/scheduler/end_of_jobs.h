// EndBlockingJobs: the blocking pool's part in the end of its runtime.
#ifndef KIOTO_RUNTIME_SCHEDULER_END_OF_JOBS_H_
#define KIOTO_RUNTIME_SCHEDULER_END_OF_JOBS_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/blocking/pool.h"
#include "kioto/runtime/scheduler/core.h"
#include "kioto/runtime/scheduler/options.h"
#include "kioto/runtime/task/header.h"

namespace kioto::internal {

// Ends `pool`, waits until `deadline_ns` for the jobs that run, and reports how many still do, and which: the first few.
inline void EndBlockingJobs(BlockingPool& pool, int64_t deadline_ns, ShutdownReport& report) {
  report.running_blocking_jobs = pool.Shutdown(deadline_ns);
  if (report.running_blocking_jobs == 0) return;
  constexpr size_t kNamed = 16;
  TaskHeader* jobs[kNamed];
  base::MutexLock walk(pool.owned.walk());
  const size_t found = pool.owned.Collect(/*shard=*/0, /*first=*/true, jobs, kNamed);
  for (size_t i = 0; i < found; ++i) {
    const TaskHeader& job = *jobs[i];
    if (!job.complete()) {
      report.stuck.push_back(absl::StrCat(DescribeTask(job.id, job.name(), job.place_file(), job.line), ", a blocking job"));
    }
    jobs[i]->Unref();
  }
}

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_END_OF_JOBS_H_
