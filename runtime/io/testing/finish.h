// Finish: polls a future of a stream to its end, as long as each Pending comes with a wake.
#ifndef KIOTO_RUNTIME_IO_TESTING_FINISH_H_
#define KIOTO_RUNTIME_IO_TESTING_FINISH_H_

#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::io {

template <class F>
OutputOf<F> Finish(F future) {
  PolledTask task(std::move(future));
  for (int wakes = 0;; ++wakes) {
    auto poll = task.Poll();
    if (poll.ready()) return *std::move(poll);
    EXPECT_TRUE(task.wakes() > wakes || task.yielded()) << "pending without a wake";
    if (task.yielded()) --wakes;
  }
}

}  // namespace kioto::io

#endif  // KIOTO_RUNTIME_IO_TESTING_FINISH_H_
