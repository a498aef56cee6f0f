// How many processors this process may use: those of its affinity mask, and no more than a container's quota pays for.
#ifndef KIOTO_RUNTIME_BASE_CPUS_H_
#define KIOTO_RUNTIME_BASE_CPUS_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "kioto/runtime/base/status.h"

namespace kioto::base {

// At least 1. A quota of 1.5 processors counts as 2. Reads files: not for a hot path. Any thread.
int AvailableCpus();
// The numbers of those in its affinity mask, for PinCurrentThread; empty where the system does not tell.
std::vector<int> UsableCpus();

// The workers of a runtime whose builder names no number: KIOTO_WORKER_THREADS if it is set, else AvailableCpus(), but
// limits::kMaxWorkers at most. kInvalidArgument if the variable holds anything but a number from 1 to that.
StatusOr<int> DefaultWorkerThreads();

namespace internal {

// The processors that the quota of a control group pays for, rounded up; 0: no limit. `membership` is the text of
// /proc/self/cgroup, `root` the folder that stands for "/". Versions 1 and 2; the tightest of all parents counts.
int CgroupCpus(absl::string_view membership, absl::string_view root);

}  // namespace internal
}  // namespace kioto::base

#endif  // KIOTO_RUNTIME_BASE_CPUS_H_
