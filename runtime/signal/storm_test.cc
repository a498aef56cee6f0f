// Signals that come while listeners come and go.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/open_fds.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/testing/driven_loop.h"
#include "kioto/runtime/signal/signal.h"

namespace kioto::signal {
namespace {

class StormTest : public testing::Test {
 protected:
  ~StormTest() override { RestoreUnused(); }
  DrivenLoop loop_;
};

// Drops at every point, on another thread than the one that takes the signals; nothing leaks, nothing is written to an fd
// that is somebody else's by now.
TEST_F(StormTest, StormsAgainstDropsLeakNothing) {
  StatusOr<Listener> keeper = Listener::Make(SIGUSR1);  // the handler stays
  const int fds = OpenFds();
  base::Atomic<bool> stop{false};
  std::thread storm([&stop] {
    while (!stop.load()) ::raise(SIGUSR1);  // the handler runs on this thread
  });
  int pipe_fds[2];
  ASSERT_EQ(::pipe2(pipe_fds, O_NONBLOCK), 0);
  for (int i = 0; i < 3000; ++i) {
    PolledTask task(SignalFuture(SIGUSR1));
    if (i % 3 != 0 && task.Poll().pending() && i % 30 == 2) (void)loop_.Run(task);
    task.Drop();
    const int reused = ::dup(pipe_fds[1]);  // takes the number that the listener had
    char byte;
    ASSERT_EQ(::read(pipe_fds[0], &byte, 1), -1) << "the handler wrote to an fd that was closed";
    ::close(reused);
  }
  ::close(pipe_fds[0]);
  ::close(pipe_fds[1]);
  stop.store(true);
  storm.join();
  EXPECT_EQ(OpenFds(), fds);
}

// Race R1 of hub.cc, slowed down: the handler is held up in its write, by a pipe that is full and blocks.
TEST_F(StormTest, ClosingWaitsForTheHandlerInside) {
  int pipe_fds[2];
  ASSERT_EQ(::pipe2(pipe_fds, O_NONBLOCK), 0);
  char page[4096] = {};
  while (::write(pipe_fds[1], page, sizeof(page)) > 0) {
  }
  ASSERT_EQ(::fcntl(pipe_fds[1], F_SETFL, 0), 0);
  StatusOr<internal::Slot*> slot = internal::Open(internal::BitOf(SIGUSR2), pipe_fds[1]);
  ASSERT_TRUE(slot.ok()) << slot.status();
  const uint32_t open = (*slot)->gate.load();
  std::thread handler([] { ::raise(SIGUSR2); });
  while ((*slot)->gate.load() == open) std::this_thread::yield();
  base::Atomic<bool> closed{false};
  std::thread closer([&] {
    internal::Close(*slot);
    closed.store(true);
  });
  while ((*slot)->gate.load() > open) std::this_thread::yield();  // until it is shut
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();
  EXPECT_FALSE(closed.load());
  while (::read(pipe_fds[0], page, sizeof(page)) > 0) {
  }
  handler.join();
  closer.join();
  ::close(pipe_fds[0]);
  ::close(pipe_fds[1]);
}

}  // namespace
}  // namespace kioto::signal
