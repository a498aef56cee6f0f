// TaskId: a number that no other task of this process has, or will have. CurrentTaskId() is that of the task that runs here.
//
//   log << "task " << CurrentTaskId() << " " << CurrentTaskName();
//
// JoinHandle::id(), AbortHandle::id(), the logs, and TaskIdOf(status) of a task that did not end by itself (base/status.h) show
// the same number; 0 is no task's. It is the task's own in its future's
// polls, in that future's destructor, also after an abort, and in the destructor of an output that nobody took.
// The future of a BlockOn is no task. SpawnBlocking's jobs are.
#ifndef KIOTO_RUNTIME_TASK_TASK_ID_H_
#define KIOTO_RUNTIME_TASK_TASK_ID_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace kioto {

using TaskId = uint64_t;

// Outside a task: none.
std::optional<TaskId> TryCurrentTaskId();
// Outside a task it ends the program with a sentence.
TaskId CurrentTaskId();
// The name of TaskOptions; "" if it has none, and outside a task. Valid while the task lives.
absl::string_view CurrentTaskName();

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_TASK_ID_H_
