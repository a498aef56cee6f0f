// What the tests of the blocking pool share.
#ifndef KIOTO_TESTS_STRESS_JOBS_H_
#define KIOTO_TESTS_STRESS_JOBS_H_

#include <chrono>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/join_handle.h"
#include "kioto/time/timeout.h"

namespace kioto {

// How many of the jobs ended well; all others were refused.
inline int CountDone(Runtime& runtime, std::vector<JoinHandle<Unit>> jobs) {
  int done = 0;
  for (auto& job : jobs) {
    const Status status = runtime.BlockOn([&] { return Timeout(std::chrono::seconds(30), std::move(job)); });
    EXPECT_TRUE(status.ok() || absl::IsResourceExhausted(status)) << status;
    done += status.ok();
  }
  return done;
}
inline int CountDone(std::vector<JoinHandle<Unit>> jobs) {
  Runtime runtime = *Runtime::CurrentThread();
  return CountDone(runtime, std::move(jobs));
}

}  // namespace kioto

#endif  // KIOTO_TESTS_STRESS_JOBS_H_
