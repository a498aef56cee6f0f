#include "kioto/runtime/scheduler/end_of_jobs.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/scheduler/core.h"
#include "kioto/runtime/task/header.h"

namespace kioto::internal {

void EndBlockingJobs(BlockingPool& pool, int64_t deadline_ns, ShutdownReport& report) {
  report.running_blocking_jobs = pool.Shutdown(deadline_ns);
  if (report.running_blocking_jobs == 0) return;
  constexpr size_t kAtATime = 16, kNamed = 16;
  const std::vector<const TaskHeader*> waiting = pool.Waiting();
  size_t named = 0;
  TaskHeader* jobs[kAtATime];
  base::MutexLock walk(pool.owned.walk());
  for (bool first = true;; first = false) {
    const size_t found = pool.owned.Collect(/*shard=*/0, first, jobs, kAtATime);
    if (found == 0) return;
    for (size_t i = 0; i < found; ++i) {
      const TaskHeader& job = *jobs[i];
      if (named < kNamed && !job.complete() && !std::binary_search(waiting.begin(), waiting.end(), &job)) {
        report.stuck.push_back(absl::StrCat(DescribeTask(job.id, job.name(), job.place_file(), job.line), ", a blocking job"));
        ++named;
      }
      jobs[i]->Unref();
    }
  }
}

}  // namespace kioto::internal
