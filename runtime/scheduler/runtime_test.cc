// Runtime, Handle and tasks, on every flavour of runtime.
#include "kioto/runtime/scheduler/runtime.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/loop.h"
#include "kioto/runtime/future/ready.h"

namespace kioto {
namespace {

enum class Flavour { kCurrentThread, kOneWorker, kManyWorkers };

Runtime MakeRuntime(Flavour flavour) {
  RuntimeBuilder builder =
      flavour == Flavour::kCurrentThread ? RuntimeBuilder::CurrentThread() : RuntimeBuilder::MultiThread();
  if (flavour != Flavour::kCurrentThread) builder.WorkerThreads(flavour == Flavour::kOneWorker ? 1 : 4);
  StatusOr<Runtime> runtime = builder.Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

// Ready at the `polls`-th poll, waking itself meanwhile.
auto ReadyAfter(int polls, int value) {
  return PollFn([left = polls, value](Context& cx) mutable -> Poll<int> {
    if (--left <= 0) return value;
    cx.waker().Wake();
    return kPending;
  });
}

class RuntimeTest : public testing::TestWithParam<Flavour> {};

TEST_P(RuntimeTest, BlockOnGivesTheOutput) {
  Runtime runtime = MakeRuntime(GetParam());
  StatusOr<int> n = runtime.BlockOn(ReadyAfter(3, 7));
  ASSERT_TRUE(n.ok()) << n.status();
  EXPECT_EQ(*n, 7);
  EXPECT_EQ(runtime.BlockOn(Ready(absl::NotFoundError("no"))), absl::NotFoundError("no"));
}

TEST_P(RuntimeTest, SpawnsAndJoins) {
  Runtime runtime = MakeRuntime(GetParam());
  StatusOr<int> sum = runtime.BlockOn([] { return Spawn(ReadyAfter(2, 40)).AndThen([](int& n) { return n + 2; }); });
  ASSERT_TRUE(sum.ok()) << sum.status();
  EXPECT_EQ(*sum, 42);
}

TEST_P(RuntimeTest, RunsManyTasks) {
  Runtime runtime = MakeRuntime(GetParam());
  constexpr int kTasks = 20'000;
  std::atomic<int> ran{0};
  std::vector<JoinHandle<Unit>> handles;
  Status status = runtime.BlockOn([&] {
    for (int i = 0; i < kTasks; ++i) {
      handles.push_back(Spawn(PollFn([&ran, left = i % 3](Context& cx) mutable -> Poll<Unit> {
        if (left-- > 0) {
          cx.waker().Wake();
          return kPending;
        }
        ++ran;
        return Unit{};
      })));
    }
    size_t next = 0;
    return Loop([&handles, next]() mutable {
      return PollFn([&](Context& cx) -> Poll<StatusOr<Flow<>>> {
        while (next < handles.size()) {
          auto poll = handles[next].PollOnce(cx);
          if (poll.pending()) return kPending;
          if (!(*poll).ok()) return StatusOr<Flow<>>(*poll);
          ++next;
        }
        return StatusOr<Flow<>>(Break());
      });
    });
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(ran, kTasks);
}

TEST_P(RuntimeTest, WakesFromAnotherThreadArrive) {
  Runtime runtime = MakeRuntime(GetParam());
  for (int round = 0; round < 50; ++round) {
    std::atomic<bool> set{false};
    std::thread thread;
    JoinHandle<Unit> handle = runtime.Spawn(PollFn([&](Context& cx) -> Poll<Unit> {
      if (set) return Unit{};
      if (!thread.joinable()) {
        thread = std::thread([&set, waker = cx.waker()] {
          set = true;
          waker.Wake();
        });
      }
      return kPending;
    }));
    EXPECT_EQ(runtime.BlockOn(std::move(handle)), OkStatus());
    thread.join();
  }
}

TEST_P(RuntimeTest, AbortedTaskSaysSo) {
  Runtime runtime = MakeRuntime(GetParam());
  auto owned = std::make_shared<int>(1);
  JoinHandle<int> handle = runtime.Spawn(PollFn([owned](Context&) -> Poll<int> { return kPending; }));
  handle.Abort();
  StatusOr<int> n = runtime.BlockOn(std::move(handle));
  EXPECT_TRUE(kioto::IsAborted(n.status())) << n.status();
  EXPECT_EQ(owned.use_count(), 1);  // the future's destructor has finished before completion was visible
}

TEST_P(RuntimeTest, ShutdownEndsEveryTask) {
  auto owned = std::make_shared<int>(1);
  JoinHandle<int> handle;
  {
    Runtime runtime = MakeRuntime(GetParam());
    for (int i = 0; i < 100; ++i) runtime.Spawn(PollFn([owned](Context&) -> Poll<int> { return kPending; })).Detach();
    handle = runtime.Spawn(PollFn([owned](Context&) -> Poll<int> { return kPending; }));
    (void)runtime.BlockOn(ReadyAfter(5, 0));
    EXPECT_TRUE(runtime.Shutdown().clean());
    EXPECT_TRUE(IsShutdown(runtime.BlockOn(Ready(1)).status()));
  }
  EXPECT_EQ(owned.use_count(), 1);
  ASSERT_TRUE(handle.finished());
  Runtime other = MakeRuntime(GetParam());
  EXPECT_TRUE(IsShutdown(other.BlockOn(std::move(handle)).status()));
}

TEST_P(RuntimeTest, SpawnBlockingRunsElsewhere) {
  Runtime runtime = MakeRuntime(GetParam());
  StatusOr<std::thread::id> id = runtime.BlockOn([] { return SpawnBlocking([] { return std::this_thread::get_id(); }); });
  ASSERT_TRUE(id.ok()) << id.status();
  EXPECT_NE(*id, std::this_thread::get_id());
}

TEST_P(RuntimeTest, BlockOnInsideATaskIsRefused) {
  Runtime runtime = MakeRuntime(GetParam());
  Handle handle = runtime.handle();
  StatusOr<int> n = runtime.BlockOn(Lazy([&handle] { return handle.BlockOn(Ready(1)); }));
  EXPECT_EQ(n.status().code(), absl::StatusCode::kFailedPrecondition);
}

INSTANTIATE_TEST_SUITE_P(Flavours, RuntimeTest,
                         testing::Values(Flavour::kCurrentThread, Flavour::kOneWorker, Flavour::kManyWorkers),
                         [](const auto& info) {
                           return info.param == Flavour::kCurrentThread ? "CurrentThread"
                                  : info.param == Flavour::kOneWorker   ? "OneWorker"
                                                                        : "ManyWorkers";
                         });

TEST(SpawnTest, OutsideARuntimeSaysSo) {
  JoinHandle<int> handle = Spawn(Ready(1));
  ASSERT_TRUE(handle.finished());
  Runtime runtime = MakeRuntime(Flavour::kCurrentThread);
  StatusOr<int> n = runtime.BlockOn(std::move(handle));
  EXPECT_EQ(n.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace kioto
