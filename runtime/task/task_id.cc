#include "kioto/runtime/task/task_id.h"

#include "kioto/runtime/base/check.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/task/header.h"

namespace kioto {

std::optional<TaskId> TryCurrentTaskId() {
  const internal::TaskHeader* task = internal::CurrentThread().task;
  if (task == nullptr) return std::nullopt;
  return task->id;
}

TaskId CurrentTaskId() {
  const internal::TaskHeader* task = internal::CurrentThread().task;
  KIOTO_CHECK(task != nullptr, "CurrentTaskId was called outside a task, where there is none; ask TryCurrentTaskId");
  return task->id;
}

absl::string_view CurrentTaskName() {
  const internal::TaskHeader* task = internal::CurrentThread().task;
  return task != nullptr ? absl::string_view(task->name()) : absl::string_view();
}

}  // namespace kioto
