// Wakes from other threads while a guest leaves its host's loop, which is then closed: J5 of the checks (README.md).
#include <cstdio>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/waker.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tests/stress/stress.h"
#include "uv.h"

namespace kioto {
namespace {

constexpr size_t kTasks = 4;
constexpr int kThreads = 2;
constexpr int kWakes = 500;  // of each thread, at least

// Never ready; its waker is left in `wakers`.
auto Waits(std::vector<Waker>& wakers) {
  return PollFn([&wakers, polled = false, held = Counted()](Context& cx) mutable -> Poll<Unit> {
    if (!std::exchange(polled, true)) wakers.push_back(cx.waker());
    return kPending;
  });
}

// Threads that wake tasks from before the guest goes until the host has closed its loop, and a little longer.
class Storm {
 public:
  explicit Storm(const std::vector<Waker>& wakers) {
    for (int t = 0; t < kThreads; ++t) {
      threads_.emplace_back([this, wakers] {
        for (int i = 0; i < kWakes || !closed_.load(); ++i) {
          wakers[static_cast<size_t>(i) % kTasks].Wake();
          if (i == 0) waking_.fetch_add(1);
        }
      });
    }
    while (waking_.load() < kThreads) std::this_thread::yield();
  }
  ~Storm() {
    closed_.store(true);
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  base::Atomic<int> waking_{0};
  base::Atomic<bool> closed_{false};
  std::vector<std::thread> threads_;
};

// check: J5
TEST(AttachChecks, WakesRaceWithDetachAndTheEndOfTheLoop) {
  const int rounds = Scaled(1'000'000 / kThreads / kWakes);
  for (int round = 0; round < rounds; ++round) {
    uv_loop_t loop;
    ASSERT_EQ(uv_loop_init(&loop), 0);
    std::vector<Waker> wakers;
    std::optional<Runtime> runtime = *Runtime::Attach(&loop);
    for (size_t i = 0; i < kTasks; ++i) runtime->Spawn(Waits(wakers)).Detach();
    while (wakers.size() < kTasks) uv_run(&loop, UV_RUN_NOWAIT);
    {
      const Storm storm(std::exchange(wakers, {}));
      if (round % 2 == 0) uv_run(&loop, UV_RUN_NOWAIT);
      if (round % 3 != 0) {
        bool gone = false;
        EXPECT_EQ(runtime->Detach([](void* flag) { *static_cast<bool*>(flag) = true; }, &gone), OkStatus());
        while (!gone) uv_run(&loop, UV_RUN_NOWAIT);
      }
      runtime.reset();
      EXPECT_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
      ASSERT_EQ(uv_loop_close(&loop), 0) << "round " << round;
    }
    ASSERT_EQ(Counted::alive(), 0) << "round " << round;
  }
  std::printf("%d loops, at least %d wakes\n", rounds, rounds * kThreads * kWakes);
}

}  // namespace
}  // namespace kioto
