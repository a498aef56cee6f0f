// DropAfter: what a test does with a future that waits, and shall lose nothing.
#ifndef KIOTO_RUNTIME_FUTURE_TESTING_DROP_AFTER_H_
#define KIOTO_RUNTIME_FUTURE_TESTING_DROP_AFTER_H_

#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto {

// Polls `future` so often, which is pending each time, and drops it: nobody has its waker then.
template <class F>
void DropAfter(int polls, F future) {
  PolledTask task(std::move(future));
  for (int i = 0; i < polls; ++i) EXPECT_TRUE(task.Poll().pending());
  task.Drop();
  EXPECT_EQ(task.held(), 0);
}

}  // namespace kioto

#endif  // KIOTO_RUNTIME_FUTURE_TESTING_DROP_AFTER_H_
