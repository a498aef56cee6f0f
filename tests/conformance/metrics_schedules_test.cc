// RuntimeMetrics: who makes a task ready, a worker of its runtime or another thread.
#include <optional>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/tests/conformance/metrics_testing.h"

namespace kioto {
namespace {

// Spawns a task that spawns another one, which sends 42.
auto SpawnTwo() {
  auto channel = sync::Oneshot<int>();
  Spawn(Lazy([sender = std::move(channel.sender)]() mutable {
    Spawn(Lazy([sender = std::move(sender)]() mutable { (void)sender.Send(42); })).Detach();
  })).Detach();
  return std::move(channel.receiver);
}

// behaviour: tokio/tests/rt_basic.rs#spawn_two
TEST(SchedulesTest, TheThreadInBlockOnIsTheWorkerOfItsRuntime) {
  const Runtime runtime = OneThread();
  EXPECT_EQ(*runtime.BlockOn(SpawnTwo), 42);
  EXPECT_EQ(runtime.metrics().remote_schedules(), 0u);
  EXPECT_EQ(runtime.metrics().worker(0).local_schedules, 2u);
}

// behaviour: tokio/tests/rt_threaded.rs#spawn_two
TEST(SchedulesTest, TheThreadInBlockOnIsNoWorkerOfAPool) {
  const Runtime runtime = Workers(1);
  EXPECT_EQ(*runtime.BlockOn(SpawnTwo), 42);
  EXPECT_EQ(runtime.metrics().remote_schedules(), 1u);
  EXPECT_EQ(runtime.metrics().worker(0).local_schedules, 1u);
}

// behaviour: tokio/tests/rt_basic.rs#spawn_remote
TEST(SchedulesTest, AWakeFromAPlainThreadIsCountedApart) {
  const Runtime runtime = OneThread();
  const RuntimeMetrics metrics = runtime.metrics();
  std::optional<TestThread> thread;
  StatusOr<int> n = runtime.BlockOn([&] {
    auto channel = sync::Oneshot<int>();
    return Spawn(Lazy([&, channel = std::move(channel)]() mutable {
      thread.emplace([&metrics, sender = std::move(channel.sender)]() mutable {
        AwaitThat([&] { return metrics.worker(0).park_unparks % 2 == 1; });  // the task waits, and so does its thread
        (void)sender.Send(42);
      });
      return std::move(channel.receiver);
    }));
  });
  ASSERT_TRUE(n.ok()) << n.status();
  EXPECT_EQ(*n, 42);
  EXPECT_EQ(metrics.remote_schedules(), 1u);
  EXPECT_EQ(metrics.worker(0).local_schedules, 1u);
}

}  // namespace
}  // namespace kioto
