// WorkerIndex: which of a runtime's workers this is.
#ifndef KIOTO_RUNTIME_SCHEDULER_WORKER_INDEX_H_
#define KIOTO_RUNTIME_SCHEDULER_WORKER_INDEX_H_

#include <optional>

namespace kioto {

// From 0 to one less than the workers: the number under which RuntimeMetrics counts what this thread does. 0 on the thread of a
// current-thread runtime. None on every other thread: in SpawnBlocking, in the future of a pool's BlockOn, and inside a
// BlockInPlace that has handed its worker over. A task may find another number after each wait.
std::optional<int> WorkerIndex();

}  // namespace kioto

#endif  // KIOTO_RUNTIME_SCHEDULER_WORKER_INDEX_H_
