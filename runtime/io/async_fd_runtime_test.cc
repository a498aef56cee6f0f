// AsyncFd and its runtime: without one, while it ends, afterwards.
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/sys.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/io/async_fd.h"
#include "kioto/runtime/io/testing/driven_loop.h"

namespace kioto::io {
namespace {

namespace sys = base::sys;

// behaviour: tokio/tests/io_panic.rs#async_fd_new_panic_caller
// behaviour: tokio/tests/io_panic.rs#async_fd_with_interest_panic_caller
// behaviour: tokio/tests/io_panic.rs#async_fd_try_new_panic_caller
TEST(AsyncFdOutside, SaysThatThereIsNoIo) {
  int fds[2];
  ASSERT_EQ(sys::Socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  EXPECT_EQ(AsyncFd::FromFd(fds[0]).status(), OutsideRuntimeError("io::AsyncFd"));
  DrivenLoop loop(/*io=*/false);
  EXPECT_EQ(AsyncFd::FromFd(fds[0]).status(), PartIsOffError("I/O", "io::AsyncFd", "WithoutIo()"));
  EXPECT_EQ(AsyncFd::FromFd(fds[0], Interest::kReadable).status(), PartIsOffError("I/O", "io::AsyncFd", "WithoutIo()"));
  EXPECT_EQ(sys::Close(fds[0]), 0);  // the caller's still
  EXPECT_EQ(sys::Close(fds[1]), 0);
}

// behaviour: tokio/tests/io_panic.rs#async_fd_try_with_interest_panic_caller
TEST(AsyncFdOutside, LeavesNoDuplicateBehind) {
  int fds[2];
  ASSERT_EQ(sys::Socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  DrivenLoop loop(/*io=*/false);
  EXPECT_EQ(AsyncFd::Borrow(fds[0], Interest::kReadable).status(), PartIsOffError("I/O", "io::AsyncFd", "WithoutIo()"));
  EXPECT_EQ(sys::Close(fds[0]), 0);
  char byte;
  EXPECT_EQ(sys::Read(fds[1], &byte, 1), 0);
  EXPECT_EQ(sys::Close(fds[1]), 0);
}

// behaviour: tokio/tests/io_async_fd_memory_leak.rs#memory_leak_when_fd_closed_before_drop
TEST(AsyncFdMemory, NothingIsLeftOfAnFdThatWasClosedFirst) {
  DrivenLoop loop;
  for (int phase = 0; phase < 3; ++phase) {
    base::AllocationCounter allocations;
    for (int i = 0; i < 1000; ++i) {
      int fds[2];
      ASSERT_EQ(sys::Socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
      StatusOr<AsyncFd> fd = AsyncFd::Borrow(fds[0]);
      ASSERT_TRUE(fd.ok()) << fd.status();
      EXPECT_EQ(sys::Close(fds[0]), 0);
      EXPECT_EQ(sys::Close(fds[1]), 0);
    }
    EXPECT_EQ(loop.driver().reactor()->sources(), 0u);
#if !KIOTO_PORTABLE
    EXPECT_TRUE(phase == 0 || allocations.count() == 0) << allocations.count();
#endif
  }
}

class AsyncFdShutdownTest : public testing::Test {
 protected:
  AsyncFdShutdownTest() : loop_(std::in_place) {
    int fds[2];
    EXPECT_EQ(sys::Socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    there_ = fds[1];
    fd_.emplace(*AsyncFd::FromFd(fds[0], Interest::kReadable));
  }
  ~AsyncFdShutdownTest() override { sys::Close(there_); }

  std::optional<DrivenLoop> loop_;
  std::optional<AsyncFd> fd_;
  int there_;
};

// behaviour: tokio/tests/io_async_fd.rs#driver_shutdown_wakes_currently_pending
TEST_F(AsyncFdShutdownTest, WakesWhoWaitsAndRefusesWhoComes) {
  PolledTask before(fd_->Readable());
  EXPECT_TRUE(before.Poll().pending());
  loop_.reset();
  EXPECT_EQ(before.wakes(), 1);
  EXPECT_TRUE(IsShutdown((*before.Poll()).status()));
  PolledTask after(fd_->Readable());
  EXPECT_TRUE(IsShutdown((*after.Poll()).status()));
}

// behaviour: tokio/tests/io_async_fd.rs#driver_shutdown_wakes_poll
TEST_F(AsyncFdShutdownTest, PollsOfBothDirectionsFail) {
  EXPECT_TRUE(loop_->Run(PollFn([&](Context& cx) { return fd_->PollWritable(cx); })).ok());
  loop_.reset();
  PolledTask reading(PollFn([&](Context& cx) { return fd_->PollReadable(cx); }));
  PolledTask writing(PollFn([&](Context& cx) { return fd_->PollWritable(cx); }));
  EXPECT_TRUE(IsShutdown((*reading.Poll()).status()));
  EXPECT_TRUE(IsShutdown((*writing.Poll()).status()));
}

// behaviour: tokio/tests/io_async_fd.rs#driver_shutdown_then_clear_readiness
TEST_F(AsyncFdShutdownTest, ClearingAfterwardsIsHarmless) {
  ReadyGuard ready = *loop_->Run(fd_->Writable());
  loop_.reset();
  ready.ClearReady();
  EXPECT_TRUE(ready.readiness().none());
  PolledTask after(fd_->Writable());
  EXPECT_TRUE(IsShutdown((*after.Poll()).status()));
}

// behaviour: tokio/tests/io_async_fd.rs#driver_shutdown_wakes_poll_race
TEST(AsyncFdShutdown, InAnotherThreadWakesPolls) {
  for (int round = 0; round < 100; ++round) {
    std::atomic<DrivenLoop*> loop{nullptr};
    std::atomic<int> step{0};
    std::thread driving([&] {
      DrivenLoop mine;
      loop = &mine;
      while (step == 0) std::this_thread::yield();
      mine.driver().Shutdown();
      while (step == 1) std::this_thread::yield();
    });
    while (loop == nullptr) std::this_thread::yield();
    {
      DrivenLoop::Guest guest(*loop);
      int fds[2];
      ASSERT_EQ(sys::Socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
      AsyncFd fd = *AsyncFd::FromFd(fds[0]);
      while (fd.TryIo(Interest::kWritable, [&] { return ::write(fds[0], fds, sizeof(fds)); }).ok()) {
      }
      step = 1;
      const auto fails = [&](auto poll) { return IsShutdown(guest.Run(PollFn(std::move(poll))).status()); };
      EXPECT_TRUE(fails([&](Context& cx) { return fd.PollReadable(cx); }));
      const auto writable = [&](Context& cx) { return fd.PollWritable(cx); };
      EXPECT_TRUE(fails(writable) || fails(writable));  // it may have been so still, before
      step = 2;
      EXPECT_EQ(sys::Close(fds[1]), 0);
    }
    driving.join();
  }
}

}  // namespace
}  // namespace kioto::io
