// The signal by which the stack of a thread is asked for is the program's too.
#include "kioto/runtime/scheduler/thread_stack.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/signal/hub.h"

namespace kioto::internal {
namespace {

void* HandlerOf(int signal) {
  struct sigaction action;
  EXPECT_EQ(::sigaction(signal, nullptr, &action), 0);
  return reinterpret_cast<void*>(action.sa_handler);
}

// A thread that does not take SIGURG, so that who asks for its stack waits as long as that may take; and one that asks, until told
// otherwise.
class AsksInVain {
 public:
  AsksInVain() {
    while (!known_.load()) std::this_thread::yield();
    asker_ = std::thread([this] {
      while (!stop_.load()) EXPECT_EQ(ThreadStack(identity_), "");
    });
  }
  ~AsksInVain() { Stop(); }
  void Stop() {
    stop_.store(true);
    if (asker_.joinable()) asker_.join();
    if (asked_.joinable()) asked_.join();
  }

 private:
  base::Atomic<bool> known_{false};
  base::Atomic<bool> stop_{false};
  ThreadIdentity identity_;
  std::thread asked_{[this] {
    sigset_t urgent;
    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    pthread_sigmask(SIG_BLOCK, &urgent, nullptr);
    identity_ = CurrentThreadIdentity();
    known_.store(true);
    while (!stop_.load()) std::this_thread::yield();
  }};
  std::thread asker_;
};

// Calls nothing, in no build: in the first instructions of what it called it would not be found.
[[gnu::noinline]] void SpinsHere(const bool& stop) {
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
  }
}

// From the function that was interrupted, none of the handler's, to that which the thread began with.
TEST(ThreadStackTest, IsThatOfTheThreadAndLeavesNoHandler) {
  base::Atomic<bool> known{false};
  bool stop = false;
  ThreadIdentity identity;
  std::thread busy([&] {
    identity = CurrentThreadIdentity();
    known.store(true);
    SpinsHere(stop);
    known.store(false);  // it has a frame of its own until then
  });
  while (!known.load()) std::this_thread::yield();
  // ThreadSanitizer keeps a signal back until its thread calls libc, through which no stack can be walked.
  std::string stack;
  if (!KIOTO_THREAD_SANITIZED) {
    while (stack.find("SpinsHere") == std::string::npos) stack = ThreadStack(identity);
    EXPECT_EQ(stack.find("Answer"), std::string::npos) << stack;
    EXPECT_LT(stack.find("SpinsHere"), stack.find('\n')) << stack;
  }
  __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
  busy.join();
  EXPECT_EQ(ThreadStack(identity), "");  // it has ended
  EXPECT_EQ(HandlerOf(SIGURG), reinterpret_cast<void*>(SIG_DFL));
}

base::Atomic<int> urgent_signals{0};

TEST(ThreadStackTest, TheProgramsHandlerHearsOfItsSignalsMeanwhile) {
  struct sigaction mine = {}, before;
  mine.sa_handler = [](int) { urgent_signals.fetch_add(1); };
  ASSERT_EQ(::sigaction(SIGURG, &mine, &before), 0);
  void* const handler = HandlerOf(SIGURG);
  {
    AsksInVain asks;
    for (int i = 1; i <= 3; ++i) {
      while (HandlerOf(SIGURG) == handler) std::this_thread::yield();
      ASSERT_EQ(::raise(SIGURG), 0);
      EXPECT_EQ(urgent_signals.load(), i);
    }
  }
  EXPECT_EQ(HandlerOf(SIGURG), handler);
  ASSERT_EQ(::sigaction(SIGURG, &before, nullptr), 0);
}

// Race R4 of runtime/signal/hub.cc.
TEST(ThreadStackTest, AListenerThatComesMeanwhileHearsAfterwards) {
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  ASSERT_EQ(::fcntl(pipe_fds[1], F_SETFL, O_NONBLOCK), 0);
  AsksInVain asks;
  while (HandlerOf(SIGURG) == reinterpret_cast<void*>(SIG_DFL)) std::this_thread::yield();
  StatusOr<signal::internal::Slot*> slot = signal::internal::Open(signal::internal::BitOf(SIGURG), pipe_fds[1]);
  ASSERT_TRUE(slot.ok()) << slot.status();
  asks.Stop();
  ASSERT_EQ(::raise(SIGURG), 0);
  EXPECT_EQ((*slot)->Take(), SIGURG);
  signal::internal::Close(*slot);
  signal::internal::RestoreUnused();
  EXPECT_EQ(HandlerOf(SIGURG), reinterpret_cast<void*>(SIG_DFL));
  ::close(pipe_fds[0]);
  ::close(pipe_fds[1]);
}

}  // namespace
}  // namespace kioto::internal
