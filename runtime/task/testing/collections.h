// What the tests of collections of tasks share.
#ifndef KIOTO_RUNTIME_TASK_TESTING_COLLECTIONS_H_
#define KIOTO_RUNTIME_TASK_TESTING_COLLECTIONS_H_

#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/local_set.h"

namespace kioto {

inline Runtime MakeCurrentThread() {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

// Its clock jumps to the next timer when there is nothing else to do.
inline Runtime MakePaused() {
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().StartPaused().Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

inline Runtime MakeMultiThread(int workers = 2) {
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(workers).Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

// Lets every task that is ready run.
inline void Drive(const Runtime& runtime) {
  EXPECT_TRUE(runtime.BlockOn(Loop([left = 20]() mutable { return YieldNow().Then([&] { return --left > 0 ? Flow<>(Continue()) : Flow<>(Break()); }); })).ok());
}

// Never ready; holds `guard` until it is destroyed.
template <class T = Unit>
auto HoldForEver(std::shared_ptr<int> guard) {
  return PollFn([guard = std::move(guard)](Context&) -> Poll<T> { return kPending; });
}

// `n`, after its task has yielded once.
inline auto YieldThen(int n) {
  return YieldNow().Then([n] { return n; });
}

// A future that is bound to its thread, and gives n.
inline LocalFuture<int> BoundTo(int n) {
  return LocalFuture<int>(YieldThen(n));
}

// A JoinNext that waits learns that there is nothing left, and the task goes on.
template <class Set>
void ExpectDetachAllLetsAWaiterGo() {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  Set set;
  set.SpawnOn(runtime, HoldForEver(guard));
  Drive(runtime);
  PolledTask next(set.JoinNext());
  EXPECT_TRUE(next.Poll().pending());
  set.DetachAll();
  EXPECT_EQ(next.wakes(), 1);
  auto polled = next.Poll();
  ASSERT_TRUE(polled.ready());
  EXPECT_FALSE(polled->has_value());
  Drive(runtime);
  EXPECT_EQ(guard.use_count(), 2);
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_TASK_TESTING_COLLECTIONS_H_
