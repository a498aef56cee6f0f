// HandScheduler: a scheduler whose queue a test runs by hand, entry by entry; and its end.
#ifndef KIOTO_RUNTIME_TASK_TESTING_HAND_SCHEDULER_H_
#define KIOTO_RUNTIME_TASK_TESTING_HAND_SCHEDULER_H_

#include <deque>

#include "gtest/gtest.h"
#include "kioto/runtime/task/scheduler.h"

namespace kioto::internal {

class HandScheduler final : public Scheduler {
 public:
  HandScheduler() : Scheduler(/*shards=*/1) { CurrentThread().scheduler = this; }
  ~HandScheduler() {
    CurrentThread().scheduler = nullptr;
    EXPECT_EQ(owned.size(), 0u);
    EXPECT_TRUE(queue.empty());
  }

  void Enqueue(TaskHeader* task) override { queue.push_back(task); }
  void EnqueueNew(TaskHeader* task) override { queue.push_back(task); }
  int ShardForThisThread() const override { return 0; }
  bool CanSpawnLocal() const override { return true; }

  // Runs the oldest entry, and puts it back if it wants to run again.
  void RunOne() {
    TaskHeader* task = queue.front();
    queue.pop_front();
    if (RunTask(task, CurrentThread()) != RunResult::kGone) queue.push_back(task);
  }
  // Runs the entries that are there now, each once: how many they were.
  int Tick() {
    const int count = static_cast<int>(queue.size());
    for (int i = 0; i < count; ++i) RunOne();
    return count;
  }
  // As a runtime ends: every task is cancelled.
  void Shutdown() {
    owned.Close();
    owned.AbortAll([](TaskHeader* task, void* self) { static_cast<HandScheduler*>(self)->Enqueue(task); }, this);
    while (!queue.empty()) {
      TaskHeader* task = queue.front();
      queue.pop_front();
      CancelTask(task, ShutdownError("the task"));
    }
  }

  std::deque<TaskHeader*> queue;
};

}  // namespace kioto::internal

#endif  // KIOTO_RUNTIME_TASK_TESTING_HAND_SCHEDULER_H_
