// How a runtime ends when the end comes at a bad moment: inside a task, from another thread, during a BlockOn, with a task
// or a job that does not let go; and what BlockOn does with a throw.
#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace {

enum class Flavour { kCurrentThread, kManyWorkers };

Runtime MakeRuntime(Flavour flavour) {
  StatusOr<Runtime> runtime = flavour == Flavour::kCurrentThread
                                  ? RuntimeBuilder::CurrentThread().Build()
                                  : RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

// Never ready; keeps `owned`.
auto Holds(std::shared_ptr<int> owned) {
  return PollFn([owned = std::move(owned)](Context&) -> Poll<int> { return kPending; });
}

class RuntimeEndTest : public testing::TestWithParam<Flavour> {};

#if KIOTO_EXCEPTIONS
TEST_P(RuntimeEndTest, AThrowIsTheOutputOfBlockOn) {
  Runtime runtime = MakeRuntime(GetParam());
  StatusOr<int> n = runtime.BlockOn(PollFn([](Context&) -> Poll<int> { throw std::runtime_error("no"); }));
  EXPECT_TRUE(IsThrown(n.status())) << n.status();
  EXPECT_EQ(*runtime.BlockOn(Ready(1)), 1);  // the right to drive was given back
}
#endif

TEST_P(RuntimeEndTest, ShutdownBackgroundUnderBlockOnEndsTheTasks) {
  auto owned = std::make_shared<int>(1);
  Runtime runtime = MakeRuntime(GetParam());
  JoinHandle<int> handle = runtime.Spawn(Holds(owned));
  StatusOr<int> n = runtime.BlockOn([&] {
    runtime.ShutdownBackground();
    return std::move(handle);
  });
  EXPECT_TRUE(IsShutdown(n.status())) << n.status();
  EXPECT_TRUE(runtime.Shutdown().clean());
  EXPECT_EQ(owned.use_count(), 1);
}

TEST_P(RuntimeEndTest, ShutdownBackgroundAtTheEndOfBlockOnEndsTheTasks) {
  auto owned = std::make_shared<int>(1);
  {
    Runtime runtime = MakeRuntime(GetParam());
    runtime.Spawn(Holds(owned)).Detach();
    StatusOr<int> n = runtime.BlockOn([&] {
      runtime.ShutdownBackground();
      return Ready(1);
    });
    EXPECT_EQ(*n, 1);
    EXPECT_TRUE(runtime.Shutdown().clean());
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST_P(RuntimeEndTest, ShutdownInsideATaskDoesNotWaitForIt) {
  Runtime runtime = MakeRuntime(GetParam());
  ShutdownReport report;
  StatusOr<int> n = runtime.BlockOn([&] {
    return Spawn(Lazy([&] {
      report = runtime.Shutdown();
      return Ready(7);
    }));
  });
  EXPECT_EQ(*n, 7);
  EXPECT_EQ(report.stuck_workers, 1);
  EXPECT_EQ(report.live_tasks, 1u);
  EXPECT_TRUE(runtime.Shutdown().clean());
}

TEST_P(RuntimeEndTest, ShutdownOnAnotherThreadEndsTheTasksUnderBlockOn) {
  Runtime runtime = MakeRuntime(GetParam());
  std::thread other;
  StatusOr<int> n = runtime.BlockOn([&] {
    JoinHandle<int> handle = Spawn(Holds(nullptr));
    other = std::thread([&] { EXPECT_TRUE(runtime.Shutdown().clean()); });
    return handle;
  });
  EXPECT_TRUE(IsShutdown(n.status())) << n.status();
  other.join();
}

TEST_P(RuntimeEndTest, ShutdownOnAnotherThreadEndsABlockOnThatWaitsForNothingElse) {
  auto owned = std::make_shared<int>(1);
  Runtime runtime = MakeRuntime(GetParam());
  std::promise<void> polled[2];
  auto block = [&](int i) {
    return runtime.BlockOn(PollFn([&polled, i, owned, first = true](Context&) mutable -> Poll<int> {
      if (std::exchange(first, false)) polled[i].set_value();
      return kPending;
    }));
  };
  std::thread blocked[2];  // of a current-thread runtime one drives, the other waits for its turn
  for (int i = 0; i < 2; ++i) blocked[i] = std::thread([&, i] { EXPECT_TRUE(IsShutdown(block(i).status())); });
  for (auto& promise : polled) promise.get_future().wait();
  EXPECT_TRUE(runtime.Shutdown().clean());
  for (std::thread& thread : blocked) thread.join();
  EXPECT_EQ(owned.use_count(), 1);
}

TEST_P(RuntimeEndTest, ShutdownOnManyThreadsAtOnce) {
  Runtime runtime = MakeRuntime(GetParam());
  for (int i = 0; i < 100; ++i) runtime.Spawn(Holds(nullptr)).Detach();
  std::thread threads[4];
  for (std::thread& thread : threads) {
    thread = std::thread([&] { EXPECT_TRUE(runtime.Shutdown().clean()); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(RuntimeEndTest, AStuckTaskIsReportedAsOftenAsOneAsks) {
  Runtime runtime = MakeRuntime(GetParam());
  std::promise<void> inside, gate;
  std::thread driver([&] {
    (void)runtime.BlockOn([&] {
      return Spawn(Lazy([&] {
        inside.set_value();
        gate.get_future().wait();
        return Ready(1);
      }), {"stuck in the gate"});
    });
  });
  inside.get_future().wait();
  for (int i = 0; i < 3; ++i) {
    const ShutdownReport report = runtime.Shutdown(std::chrono::nanoseconds(0));
    EXPECT_EQ(report.stuck_workers, 1);
    EXPECT_EQ(report.live_tasks, 1u);
    ASSERT_EQ(report.stuck.size(), 1u);
    EXPECT_THAT(report.stuck[0], testing::AllOf(testing::HasSubstr(" \"stuck in the gate\", spawned at "),
                                                testing::HasSubstr("runtime_end_test.cc:")));
  }
  gate.set_value();
  driver.join();
  EXPECT_TRUE(runtime.Shutdown().clean());
}

TEST_P(RuntimeEndTest, AJobMayOutliveTheRuntime) {
  std::promise<void> inside, gate;
  std::promise<Status> answer;
  {
    Runtime runtime = MakeRuntime(GetParam());
    EnterGuard enter = runtime.Enter();
    SpawnBlocking([&] {
      inside.set_value();
      gate.get_future().wait();
      answer.set_value(Handle::Current().ok() && Spawn(Ready(1)).finished() ? OkStatus() : absl::InternalError("no"));
    }).Detach();
    inside.get_future().wait();
    EXPECT_EQ(runtime.Shutdown(std::chrono::nanoseconds(0)).running_blocking_jobs, 1u);
  }  // the destructor does not wait for what Shutdown has given up
  gate.set_value();
  EXPECT_EQ(answer.get_future().get(), OkStatus());
}

TEST_P(RuntimeEndTest, AJobMayEndItsOwnRuntime) {
  std::promise<void> ended;
  {
    auto runtime = std::make_unique<Runtime>(MakeRuntime(GetParam()));
    EnterGuard enter = runtime->Enter();
    SpawnBlocking([&ended, runtime = std::move(runtime)]() mutable {
      runtime = nullptr;
      ended.set_value();
    }).Detach();
  }
  ended.get_future().wait();
}

// What a job does when it may go on: a destructor that does not wait would return before it.
class SlowJob {
 public:
  ~SlowJob() { opener_.join(); }

  void StartOn(const Runtime& runtime) {
    runtime.SpawnBlocking([this] {
      inside_.set_value();
      gate_.get_future().wait();
      done_ = true;
    }).Detach();
    inside_.get_future().wait();
  }
  // The destructor that is to wait comes next.
  void EndComes() { ending_.set_value(); }
  bool done() const { return done_; }

 private:
  std::promise<void> inside_, ending_, gate_;
  std::atomic<bool> done_{false};
  std::thread opener_{[this] {
    ending_.get_future().wait();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();  // time to return for who does not wait
    gate_.set_value();
  }};
};

TEST_P(RuntimeEndTest, ADetachThatIsRefusedEndsNothing) {
  SlowJob job;
  {
    Runtime runtime = MakeRuntime(GetParam());
    job.StartOn(runtime);
    EXPECT_EQ(runtime.Detach([](void*) {}, nullptr).code(), absl::StatusCode::kFailedPrecondition);
    job.EndComes();
  }
  EXPECT_TRUE(job.done());
}

TEST_P(RuntimeEndTest, TheDestructorWaitsAfterAShutdownThatCouldNot) {
  SlowJob job;
  {
    Runtime runtime = MakeRuntime(GetParam());
    job.StartOn(runtime);
    EXPECT_TRUE(IsShutdown(runtime.BlockOn([&] {
      return Spawn(Lazy([&] {
        (void)runtime.Shutdown();  // inside a task: does not wait
        return PollFn([](Context&) -> Poll<int> { return kPending; });
      }));
    }).status()));
    job.EndComes();
  }
  EXPECT_TRUE(job.done());
}

TEST(WorkerEndTest, WhatDoesNotWaitNeverDoes) {
  std::promise<void> open;
  const std::shared_future<void> gate = open.get_future().share();
  std::atomic<int> hooks{0};
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread()
                                  .WorkerThreads(2)
                                  .OnThreadStop([&] {
                                    ++hooks;
                                    gate.wait();
                                  })
                                  .Build();
  ASSERT_TRUE(runtime.ok());
  runtime->ShutdownBackground();
  while (hooks < 2) std::this_thread::yield();  // everything has ended but for the hooks
  runtime->ShutdownBackground();                // joins nobody: this would last for ever
  open.set_value();
  EXPECT_TRUE(runtime->Shutdown().clean());
}

TEST(WorkerEndTest, AShutdownThatWaitsAwaitsTheLastHooksAfterOneThatDidNot) {
  std::atomic<int> stopped{0};
  std::promise<void> ending, open;
  const std::shared_future<void> gate = open.get_future().share();
  std::thread opener([&] {
    ending.get_future().wait();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();  // time to return for who does not wait
    open.set_value();
  });
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread()
                                  .WorkerThreads(2)
                                  .OnThreadStop([&] {
                                    gate.wait();
                                    ++stopped;
                                  })
                                  .Build();
  ASSERT_TRUE(runtime.ok());
  runtime->ShutdownBackground();
  ending.set_value();
  EXPECT_TRUE(runtime->Shutdown().clean());
  EXPECT_EQ(stopped, 2);
  opener.join();
}

TEST(WorkerEndTest, OfTwoShutdownsAtOnceBothAwaitTheLastHooks) {
  std::atomic<int> hooks{0}, stopped{0};
  std::promise<void> open;
  const std::shared_future<void> gate = open.get_future().share();
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread()
                                  .WorkerThreads(2)
                                  .OnThreadStop([&] {
                                    ++hooks;
                                    gate.wait();
                                    ++stopped;
                                  })
                                  .Build();
  ASSERT_TRUE(runtime.ok());
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([&] {
      EXPECT_TRUE(runtime->Shutdown().clean());
      EXPECT_EQ(stopped, 2);
    });
  }
  while (hooks < 2) std::this_thread::yield();
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();  // time to return for who does not wait
  open.set_value();
  for (std::thread& caller : callers) caller.join();
}

INSTANTIATE_TEST_SUITE_P(Flavours, RuntimeEndTest, testing::Values(Flavour::kCurrentThread, Flavour::kManyWorkers),
                         [](const auto& info) {
                           return info.param == Flavour::kCurrentThread ? "CurrentThread" : "ManyWorkers";
                         });

}  // namespace
}  // namespace kioto
