// The block of the wide joins, woken from other threads.
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto {
namespace {

// Made ready by any thread.
struct Gate {
  WakerSlot waker;
  base::Atomic<bool> open{false};

  void Open() {
    open.store(true, std::memory_order_release);  // release: pairs with the acquire in Pass
    waker.Wake();
  }
};

auto Pass(Gate& gate) {
  return PollFn([&gate](Context& cx) -> Poll<int> {
    gate.waker.Register(cx.waker());
    if (!gate.open.load(std::memory_order_acquire)) return kPending;  // acquire: pairs with the release in Open
    return 1;
  });
}

auto JoinOf(std::vector<Gate>& gates) {
  std::vector<decltype(Pass(gates[0]))> futures;
  futures.reserve(gates.size());
  for (Gate& gate : gates) futures.push_back(Pass(gate));
  return JoinAll(std::move(futures));
}

// Polls only when woken, so that a lost wake is a failure.
template <class Task>
bool Finishes(Task& task) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (;;) {
    const int wakes = task.wakes();
    if (task.Poll().ready()) return true;
    while (task.wakes() == wakes) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
  }
}

TEST(WideTest, NoWakeIsLostAcrossThreads) {
  constexpr int kThreads = 3;
  constexpr int kGates = 48;
  for (int round = 0; round < 100; ++round) {
    std::vector<Gate> gates(kGates);
    PolledTask task(JoinOf(gates));
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&gates, t] {
        for (int i = 0; i < kGates; ++i) {
          gates[(i * 7) % kGates].waker.Wake();  // for nothing
          if (i % kThreads == t) gates[i].Open();
        }
      });
    }
    const bool finished = Finishes(task);
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(finished) << "round " << round;
  }
}

TEST(WideTest, AChildIsPolledOncePerWake) {
  int polls = 0;
  Gate gate;
  std::vector<Future<int>> futures;
  futures.push_back(PollFn([&](Context& cx) -> Poll<int> {
    gate.waker.Register(cx.waker());
    ++polls;
    return kPending;
  }));
  PolledTask task(JoinAll(std::move(futures)));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(polls, 1);
  for (int i = 0; i < 3; ++i) gate.waker.Wake();
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(polls, 2);
}

TEST(WideTest, IsDroppedWhileOthersWake) {
  for (int round = 0; round < 100; ++round) {
    std::vector<Gate> gates(8);
    std::thread waker;
    {
      PolledTask task(JoinOf(gates));
      EXPECT_THAT(task.Poll(), IsPending());
      waker = std::thread([&gates] {
        for (Gate& gate : gates) gate.waker.Wake();
      });
      task.Drop();
    }
    waker.join();
  }
}

}  // namespace
}  // namespace kioto
