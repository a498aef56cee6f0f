// PlainTasks: task headers without futures, for tests of queues.
#ifndef KIOTO_RUNTIME_SCHEDULER_TESTING_PLAIN_TASK_H_
#define KIOTO_RUNTIME_SCHEDULER_TESTING_PLAIN_TASK_H_

#include <memory>
#include <vector>

#include "kioto/runtime/task/header.h"

namespace kioto::internal {

class PlainTasks {
 public:
  explicit PlainTasks(int count) {
    static constexpr TaskVTable kTable = {};
    for (int i = 0; i < count; ++i) {
      tasks_.push_back(std::make_unique<TaskHeader>(&kTable, nullptr, static_cast<uint64_t>(i), base::SourceLocation()));
    }
  }
  int size() const { return static_cast<int>(tasks_.size()); }
  TaskHeader* operator[](int i) { return tasks_[i].get(); }

 private:
  std::vector<std::unique_ptr<TaskHeader>> tasks_;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_SCHEDULER_TESTING_PLAIN_TASK_H_
