#include "kioto/runtime/scheduler/injector.h"

#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/scheduler/testing/plain_task.h"

namespace kioto::internal {
namespace {

// behaviour: tokio/src/runtime/tests/inject.rs#push_and_pop
TEST(InjectorTest, IsFifoAndCounts) {
  PlainTasks tasks(5);
  Injector injector;
  EXPECT_EQ(injector.Pop(8), nullptr);
  for (int i = 0; i < 5; ++i) injector.Push(tasks[i]);
  EXPECT_EQ(injector.size(), 5u);
  TaskHeader* first = injector.Pop(3);
  EXPECT_EQ(injector.size(), 2u);
  std::vector<TaskHeader*> popped;
  for (; first != nullptr; first = first->queue_next) popped.push_back(first);
  EXPECT_EQ(popped, (std::vector<TaskHeader*>{tasks[0], tasks[1], tasks[2]}));
  EXPECT_EQ(injector.Pop(1), tasks[3]);
  EXPECT_EQ(injector.Pop(1), tasks[4]);
  EXPECT_EQ(injector.Pop(1), nullptr);
  EXPECT_TRUE(injector.empty());
}

// behaviour: tokio/src/runtime/tests/inject.rs#pop_n_drains_on_drop
TEST(InjectorTest, TakesBatches) {
  PlainTasks tasks(4);
  Injector injector;
  injector.Push(tasks[0]);
  tasks[1]->queue_next = tasks[2];
  tasks[2]->queue_next = tasks[3];
  injector.PushBatch(tasks[1], tasks[3], 3);
  EXPECT_EQ(injector.size(), 4u);
  TaskHeader* all = injector.Pop(100);
  EXPECT_TRUE(injector.empty());  // whatever becomes of them
  for (int i = 0; i < 4; ++i, all = all->queue_next) EXPECT_EQ(all, tasks[i]);
  EXPECT_EQ(all, nullptr);
}

}  // namespace
}  // namespace kioto::internal
