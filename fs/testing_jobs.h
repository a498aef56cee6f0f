// HeldJobs: a runtime with one blocking thread, which a test holds and lets go: between its steps no job runs.
#ifndef KIOTO_FS_TESTING_JOBS_H_
#define KIOTO_FS_TESTING_JOBS_H_

#include <future>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto::fs {

class HeldJobs : public testing::Test {
 protected:
  ~HeldJobs() override {
    if (held_) RunJobs();
  }

  // The thread is inside a job from now on; what comes waits.
  void Hold() {
    gate_ = std::promise<void>();
    SpawnBlocking([open = gate_.get_future().share()] { open.wait(); }).Detach();
    while (Jobs() > 0) std::this_thread::yield();
    held_ = true;
  }
  // It goes on, beside the test.
  void LetGo() {
    if (std::exchange(held_, false)) gate_.set_value();
  }
  bool held() const { return held_; }
  // That wait.
  size_t Jobs() const { return runtime_.metrics().blocking_queue_depth(); }
  // All that wait, to their end.
  void RunJobs() {
    LetGo();
    EXPECT_TRUE(runtime_.BlockOn(SpawnBlocking([] {})).ok());
  }

  Runtime runtime_ = *RuntimeBuilder::CurrentThread().MaxBlockingThreads(1).Build();
  EnterGuard guard_ = runtime_.Enter();

 private:
  std::promise<void> gate_;
  bool held_ = false;
};

}  // namespace kioto::fs

#endif  // KIOTO_FS_TESTING_JOBS_H_
