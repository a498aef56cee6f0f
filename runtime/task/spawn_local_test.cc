// SpawnLocal: local tasks of a current-thread runtime.
#include "kioto/runtime/task/local_set.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/task/testing/collections.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/oneshot.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

// behaviour: tokio/tests/rt_local.rs#test_spawn_local_in_runtime
TEST(SpawnLocalTest, OnACurrentThreadRuntime) {
  Runtime runtime = MakeCurrentThread();
  EXPECT_EQ(*runtime.BlockOn([] {
    auto channel = sync::Oneshot<int>();
    SpawnLocal(With(std::move(channel.sender), [](sync::OneshotSender<int>& sender) {
      return YieldNow().Then([&sender] { sender.Send(5); });
    })).Detach();
    return std::move(channel.receiver);
  }),
            5);
}

// behaviour: tokio/tests/rt_local.rs#test_spawn_from_handle
TEST(SpawnLocalTest, ItsHandleSpawnsForAnyThread) {
  Runtime runtime = MakeCurrentThread();
  JoinHandle<int> handle = runtime.handle().Spawn(YieldThen(1));
  EXPECT_EQ(*runtime.BlockOn(std::move(handle)), 1);
}

// behaviour: tokio/tests/rt_local.rs#test_spawn_local_on_runtime_object
// behaviour: tokio/tests/rt_local.rs#test_spawn_local_from_guard
TEST(SpawnLocalTest, BeforeTheRuntimeIsDriven) {
  Runtime runtime = MakeCurrentThread();
  JoinHandle<int> handle;
  {
    auto entered = runtime.Enter();
    handle = SpawnLocal(BoundTo(2));
  }
  EXPECT_EQ(*runtime.BlockOn(std::move(handle)), 2);
}

// behaviour: tokio/tests/rt_local.rs#test_spawn_from_guard_other_thread
TEST(SpawnLocalTest, AHandleOfARuntimeThatIsGoneRefuses) {
  StatusOr<Handle> handle = absl::InternalError("none");
  {
    Runtime runtime = MakeCurrentThread();
    handle = runtime.handle();
  }
  std::thread([&] {
    auto entered = handle->Enter();
    EXPECT_TRUE(IsShutdown(Spawn(Ready(1)).TryTake()->status()));
  }).join();
}

// behaviour: tokio/tests/rt_local.rs#test_spawn_local_from_guard_other_thread
TEST(SpawnLocalTest, IsRefusedOnAnotherThread) {
  Runtime runtime = MakeCurrentThread();
  EXPECT_EQ(runtime.BlockOn([] { SpawnLocal(HoldForEver(nullptr)).Detach(); }), OkStatus());
  std::thread([&] {
    auto entered = runtime.Enter();
    auto refused = SpawnLocal(Ready(1)).TryTake();
    ASSERT_TRUE(refused.has_value());
    EXPECT_TRUE(absl::IsFailedPrecondition(refused->status()));
  }).join();
}

// behaviour: tokio/tests/rt_local.rs#test_spawn_local_in_multi_thread_runtime
TEST(SpawnLocalTest, IsRefusedOnAPool) {
  Runtime runtime = MakeMultiThread();
  EXPECT_TRUE(absl::IsFailedPrecondition(runtime.BlockOn([] { return SpawnLocal(Ready(1)); }).status()));
}

}  // namespace
}  // namespace kioto
