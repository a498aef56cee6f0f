#include "kioto/fs/job.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto::fs {
namespace {

using internal::Request;
using internal::SharedFd;

// What an operation made: the fd that it was given, for whoever waits.
using Made = std::shared_ptr<SharedFd>;
std::atomic<int> done{0};
StatusOr<Made> Operate(Request& request) {
  ++done;
  return std::move(request.fd);
}

// A pool of one thread, which the test holds until RunJobs, with room for one job beside it.
class JobTest : public testing::Test {
 protected:
  JobTest() {
    done = 0;
    SpawnBlocking([open = gate_.get_future().share()] { open.wait(); }).Detach();
    while (Jobs() > 0) std::this_thread::yield();
  }
  ~JobTest() override { Release(); }

  void Release() {
    if (std::exchange(held_, false)) gate_.set_value();
  }
  void RunJobs() {
    Release();
    while (Jobs() > 0) std::this_thread::yield();
    EXPECT_TRUE(runtime_.BlockOn(SpawnBlocking([] {})).ok());
  }
  size_t Jobs() const { return runtime_.metrics().blocking_queue_depth(); }
  JobFuture<StatusOr<Made>> Operation() {
    Request request;
    request.fd = std::make_shared<SharedFd>(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return JobFuture<StatusOr<Made>>("Operation", &Operate, std::move(request));
  }

  Runtime runtime_ = *RuntimeBuilder::CurrentThread().MaxBlockingThreads(1).BlockingQueue(1).Build();
  EnterGuard guard_ = runtime_.Enter();
  std::promise<void> gate_;
  bool held_ = true;
};

TEST_F(JobTest, BeginsAtItsFirstPollAndGivesWhatItMade) {
  PolledTask operation(Operation());
  EXPECT_EQ(Jobs(), 0u);
  EXPECT_TRUE(operation.Poll().pending());
  EXPECT_EQ(Jobs(), 1u);
  RunJobs();
  EXPECT_EQ(operation.wakes(), 1);
  const Made made = **operation.Poll();
  EXPECT_GE(made->get(), 0);
  EXPECT_EQ(made.use_count(), 1);
}

TEST_F(JobTest, DroppedItIsDoneOnceItHasBegunAndLeavesNoFd) {
  const int before = OpenFds();
  for (const bool begun : {false, true}) {
    PolledTask operation(Operation());
    if (begun) {
      EXPECT_TRUE(operation.Poll().pending());
    }
    operation.Drop();
    EXPECT_EQ(operation.held(), 0);
    EXPECT_EQ(Jobs(), begun ? 1u : 0u);
  }
  RunJobs();
  EXPECT_EQ(done, 1);
  EXPECT_EQ(OpenFds(), before);
}

TEST_F(JobTest, WhatThePoolRefusesIsNotDone) {
  PolledTask waits(Operation());
  EXPECT_TRUE(waits.Poll().pending());
  const int before = OpenFds();
  PolledTask refused(Operation());
  EXPECT_TRUE(absl::IsResourceExhausted((*refused.Poll()).status()));
  EXPECT_EQ(OpenFds(), before);
  RunJobs();
  EXPECT_EQ(done, 1);
}

TEST_F(JobTest, ARuntimeThatEndsSaysSo) {
  PolledTask waits(Operation());
  EXPECT_TRUE(waits.Poll().pending());
  runtime_.ShutdownBackground();
  EXPECT_TRUE(IsShutdown((*waits.Poll()).status()));
  PolledTask late(Operation());
  EXPECT_TRUE(IsShutdown((*late.Poll()).status()));
  Release();
  EXPECT_TRUE(runtime_.Shutdown().clean());
}

TEST(SharedFdTest, IsClosedWithItsLastOwner) {
  const int before = OpenFds();
  auto one = std::make_shared<SharedFd>(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  auto other = one;
  one.reset();
  EXPECT_EQ(OpenFds(), before + 1);
  other.reset();
  EXPECT_EQ(OpenFds(), before);
  std::optional<SharedFd> released(std::in_place, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int fd = released->Release();
  released.reset();
  EXPECT_EQ(OpenFds(), before + 1);
  EXPECT_EQ(::close(fd), 0);
}

TEST(PathErrorTest, NamesTheOperationThePathAndTheErrno) {
  const Status status = internal::PathError(ENOENT, "fs::Rename", "a to b");
  EXPECT_EQ(ErrnoOf(status), ENOENT);
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(status.message(), "fs::Rename a to b: No such file or directory (ENOENT)");
}

}  // namespace
}  // namespace kioto::fs
