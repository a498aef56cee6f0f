// Tasks of SpawnLocal on a current-thread runtime: polled, cancelled and destroyed on one thread.
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/by_ref.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace {

Runtime MakeRuntime() {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

// Never ready; its destructor says where it ran.
struct Bound : FutureBase<Bound, int> {
  static constexpr bool kLocal = true;
  explicit Bound(std::thread::id* ended_on) : ended_on(ended_on) {}
  Bound(Bound&& other) noexcept : FutureBase(std::move(other)), ended_on(std::exchange(other.ended_on, nullptr)) {}
  ~Bound() {
    if (ended_on != nullptr) *ended_on = std::this_thread::get_id();
  }
  Poll<int> PollOnce(Context&) { return kPending; }
  std::thread::id* ended_on;
};
static_assert(IsLocalFuture<Bound>, "only SpawnLocal takes it");

// A Bound, spawned by this thread's BlockOn, which then ends.
JoinHandle<int> SpawnBound(const Runtime& runtime, std::thread::id* ended_on) {
  JoinHandle<int> handle;
  (void)runtime.BlockOn(Lazy([&] { handle = SpawnLocal(Bound(ended_on)); }));
  EXPECT_FALSE(handle.finished());
  return handle;
}

template <class Fn>
void Elsewhere(Fn fn) {
  std::thread(std::move(fn)).join();
}

TEST(SpawnLocalTest, BindsTheRuntimeToItsThreadWhileTheTaskLives) {
  Runtime runtime = MakeRuntime();
  std::thread::id ended_on;
  JoinHandle<int> local = SpawnBound(runtime, &ended_on);
  auto elsewhere = [&] {
    Status status;
    Elsewhere([&] { status = runtime.BlockOn(Ready(1)).status(); });
    return status;
  };
  EXPECT_EQ(elsewhere().code(), absl::StatusCode::kFailedPrecondition);
  local.Abort();
  EXPECT_TRUE(kioto::IsAborted(runtime.BlockOn(std::move(local)).status()));
  EXPECT_EQ(ended_on, std::this_thread::get_id());
  EXPECT_EQ(elsewhere(), OkStatus());
}

TEST(SpawnLocalTest, ShutdownElsewhereEndsAllOtherTasksAndLeavesThemToTheirThread) {
  Runtime runtime = MakeRuntime();
  std::thread::id ended_on;
  JoinHandle<int> local = SpawnBound(runtime, &ended_on);
  JoinHandle<int> other = runtime.Spawn(PollFn([](Context&) -> Poll<int> { return kPending; }));
  for (int i = 0; i < 2; ++i) {
    Elsewhere([&] {
      const ShutdownReport report = runtime.Shutdown();
      EXPECT_EQ(report.live_tasks, 1u);
      EXPECT_EQ(report.stuck_workers, 0);
      EXPECT_THAT(report.stuck, testing::ElementsAre(testing::HasSubstr("1 tasks of SpawnLocal")));
    });
    EXPECT_TRUE(other.finished());
    EXPECT_FALSE(local.finished());
  }
  EXPECT_TRUE(runtime.Shutdown().clean());
  EXPECT_TRUE(local.finished());
  EXPECT_EQ(ended_on, std::this_thread::get_id());
}

TEST(SpawnLocalDeathTest, ARuntimeDestroyedElsewhereSaysWhatIsWrong) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto runtime = std::make_unique<Runtime>(MakeRuntime());
        std::thread::id ended_on;
        JoinHandle<int> local = SpawnBound(*runtime, &ended_on);
        Elsewhere([&] { runtime = nullptr; });
      },
      "a runtime went away with tasks of SpawnLocal");
}

// behaviour: tokio/tests/rt_local.rs#test_spawn_local_from_guard
// behaviour: tokio/tests/rt_local.rs#test_spawn_local_on_runtime_object
TEST(SpawnLocalTest, AnEnterGuardIsEnough) {
  Runtime runtime = MakeRuntime();
  std::thread::id ended_on;
  {
    EnterGuard enter = runtime.Enter();
    EXPECT_EQ(*runtime.BlockOn(SpawnLocal(Ready(3))), 3);
    JoinHandle<int> local = SpawnLocal(Bound(&ended_on));
    EXPECT_FALSE(local.finished());
    Elsewhere([&] {
      EXPECT_EQ(runtime.BlockOn(Ready(1)).status().code(), absl::StatusCode::kFailedPrecondition);
      EnterGuard enter = runtime.Enter();
      JoinHandle<int> refused = SpawnLocal(Ready(1));
      EXPECT_TRUE(refused.finished());
    });
  }
  EXPECT_TRUE(runtime.Shutdown().clean());
  EXPECT_EQ(ended_on, std::this_thread::get_id());
}

TEST(SpawnLocalTest, IsRefusedWhileAnotherThreadDrives) {
  Runtime runtime = MakeRuntime();
  StatusOr<int> got = runtime.BlockOn([&] {
    std::optional<JoinHandle<int>> refused;
    Elsewhere([&] {
      EnterGuard enter = runtime.Enter();
      refused = SpawnLocal(Ready(1));
    });
    return *std::move(refused);
  });
  EXPECT_EQ(got.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(got.status().message(), testing::HasSubstr("another thread drives this runtime"));
}

TEST(SpawnLocalTest, OutsideARuntimeSaysSo) {
  Runtime runtime = MakeRuntime();
  EXPECT_EQ(runtime.BlockOn(SpawnLocal(Ready(1))).status().message(), OutsideRuntimeError("SpawnLocal").message());
}

TEST(SpawnLocalTest, IsRefusedInABlockingJob) {
  Runtime runtime = MakeRuntime();
  StatusOr<int> got = runtime.BlockOn([] {
    return SpawnBlocking([] { return SpawnLocal(Ready(1)); }).AndThen([](JoinHandle<int>& h) { return kioto::ByRef(h); });
  });
  EXPECT_EQ(got.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace kioto
