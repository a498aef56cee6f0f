#include "kioto/runtime/scheduler/local_pool.h"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace {

LocalPool MakePool(int threads) {
  StatusOr<LocalPool> pool = LocalPool::New(threads);
  EXPECT_TRUE(pool.ok()) << pool.status();
  return *std::move(pool);
}

Runtime MakeRuntime() {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

auto HoldForEver(std::shared_ptr<int> guard) {
  return PollFn([guard = std::move(guard)](Context&) -> Poll<Unit> { return kPending; });
}

// behaviour: tokio-util/tests/spawn_pinned.rs#can_spawn_not_send_future
TEST(LocalPoolTest, RunsAFutureThatIsBoundToItsThread) {
  LocalPool pool = MakePool(1);
  Runtime runtime = MakeRuntime();
  StatusOr<int> n = runtime.BlockOn(pool.SpawnPinned([]() -> LocalFuture<int> {
    const auto here = std::this_thread::get_id();
    return SpawnLocal(YieldNow().Then([here] { return std::this_thread::get_id() == here ? 7 : -1; }))
        .Then([](StatusOr<int>& n) { return *n; });
  }));
  EXPECT_EQ(*n, 7);
}

// behaviour: tokio-util/tests/spawn_pinned.rs#cannot_create_zero_sized_pool
// behaviour: tokio-util/tests/panic.rs#local_pool_handle_new_panic_caller
TEST(LocalPoolTest, NeedsAThread) { EXPECT_TRUE(absl::IsInvalidArgument(LocalPool::New(0).status())); }

#if KIOTO_EXCEPTIONS
// behaviour: tokio-util/tests/spawn_pinned.rs#task_panic_propagates
TEST(LocalPoolTest, AThrowOfTheFutureIsTheTasks) {
  LocalPool pool = MakePool(1);
  Runtime runtime = MakeRuntime();
  Status status = runtime.BlockOn(pool.SpawnPinned([] { return YieldNow().Then([] { throw std::runtime_error("boom"); }); }));
  EXPECT_TRUE(IsThrown(status));
  EXPECT_NE(status.message().find("boom"), std::string::npos) << status;
  EXPECT_EQ(*runtime.BlockOn(pool.SpawnPinned([] { return Ready(1); })), 1);
}

// behaviour: tokio-util/tests/spawn_pinned.rs#callback_panic_does_not_kill_worker
TEST(LocalPoolTest, AThrowOfTheFunctionIsTheTasks) {
  LocalPool pool = MakePool(1);
  Runtime runtime = MakeRuntime();
  Status status = runtime.BlockOn(pool.SpawnPinned([]() -> Future<Unit> { throw std::runtime_error("boom"); }));
  EXPECT_TRUE(IsThrown(status));
  EXPECT_EQ(*runtime.BlockOn(pool.SpawnPinned([] { return 1; })), 1);
}
#endif

// behaviour: tokio-util/tests/spawn_pinned.rs#spawn_by_idx
TEST(LocalPoolTest, PinsToTheThreadThatIsAskedFor) {
  LocalPool pool = MakePool(3);
  Runtime runtime = MakeRuntime();
  const auto where = [] { return std::this_thread::get_id(); };
  const auto zero = *runtime.BlockOn(pool.SpawnPinnedOn(0, where));
  EXPECT_EQ(*runtime.BlockOn(pool.SpawnPinnedOn(0, where)), zero);
  EXPECT_NE(*runtime.BlockOn(pool.SpawnPinnedOn(1, where)), zero);
  std::vector<JoinHandle<Unit>> tasks;
  for (size_t thread : {0, 0, 1}) tasks.push_back(pool.SpawnPinnedOn(thread, [] { return Never<Unit>(); }));
  EXPECT_EQ(pool.Loads(), (std::vector<size_t>{2, 1, 0}));
  tasks.push_back(pool.SpawnPinned([] { return Never<Unit>(); }));
  EXPECT_EQ(pool.Loads(), (std::vector<size_t>{2, 1, 1}));
  for (auto& task : tasks) task.Abort();
  for (auto& task : tasks) EXPECT_TRUE(kioto::IsAborted(runtime.BlockOn(std::move(task))));
  EXPECT_EQ(pool.Loads(), (std::vector<size_t>{0, 0, 0}));
}

TEST(LocalPoolTest, ItsEndDestroysItsTasksOnTheirThreads) {
  struct DiesOn {
    DiesOn(std::thread::id* where) : where(where) {}
    DiesOn(DiesOn&& other) noexcept : where(std::exchange(other.where, nullptr)) {}
    ~DiesOn() {
      if (where != nullptr) *where = std::this_thread::get_id();
    }
    std::thread::id* where;
  };
  std::thread::id lived;
  std::thread::id died;
  JoinHandle<Unit> handle;
  {
    LocalPool pool = MakePool(2);
    Runtime runtime = MakeRuntime();
    lived = *runtime.BlockOn(pool.SpawnPinnedOn(1, [] { return std::this_thread::get_id(); }));
    handle = pool.SpawnPinnedOn(1, [&died] {
      return PollFn([x = DiesOn(&died)](Context&) -> Poll<Unit> { return kPending; });
    });
    (void)runtime.BlockOn(pool.SpawnPinnedOn(1, [] {}));  // the one before has begun
  }
  EXPECT_EQ(died, lived);
  EXPECT_TRUE(IsShutdown(*handle.TryTake()));
}

// check: H1
TEST(LocalPoolTest, ATaskMayBeAbortedAfterAnyNumberOfPolls) {
  LocalPool pool = MakePool(1);
  Runtime runtime = MakeRuntime();
  const auto guard = std::make_shared<int>();
  for (int polls = 0; polls < 4; ++polls) {
    std::atomic<int> polled{0};
    JoinHandle<Unit> handle = pool.SpawnPinned([guard, &polled, polls] {
      return PollFn([guard, &polled, polls](Context& cx) -> Poll<Unit> {
        if (++polled < polls) cx.waker().Wake();
        return kPending;
      });
    });
    while (polled < polls) std::this_thread::yield();
    handle.Abort();
    EXPECT_FALSE(runtime.BlockOn(std::move(handle)).ok());
    EXPECT_EQ(guard.use_count(), 1);
  }
}

TEST(LocalPoolTest, MayEndInsideItsOwnTask) {
  auto guard = std::make_shared<int>();
  Runtime runtime = MakeRuntime();
  auto pool = std::make_unique<LocalPool>(MakePool(2));
  JoinHandle<Unit> held = pool->SpawnPinnedOn(1, [guard] { return HoldForEver(guard); });
  JoinHandle<Unit> last = pool->SpawnPinnedOn(0, [pool = *pool]() mutable { pool = MakePool(1); });
  pool.reset();
  EXPECT_EQ(runtime.BlockOn(std::move(last)), OkStatus());
  EXPECT_TRUE(IsShutdown(runtime.BlockOn(std::move(held))));
}

// behaviour: tokio-util/tests/panic.rs#local_pool_handle_spawn_pinned_by_idx_panic_caller
TEST(LocalPoolDeathTest, TheNumberOfTheThreadIsChecked) {
  EXPECT_DEATH((void)MakePool(2).SpawnPinnedOn(3, [] {}), "a thread that it does not have");
}

}  // namespace
}  // namespace kioto
