#include "kioto/runtime/scheduler/end_of_jobs.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace kioto::internal {

void EndBlockingJobs(BlockingPool& pool, int64_t deadline_ns, ShutdownReport& report) {
  report.running_blocking_jobs = pool.Shutdown(deadline_ns);
  if (report.running_blocking_jobs == 0) return;
  for (const std::string& job : pool.DescribeRunning()) report.stuck.push_back(absl::StrCat(job, ", a blocking job"));
}

}  // namespace kioto::internal
