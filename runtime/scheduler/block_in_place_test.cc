#include "kioto/runtime/scheduler/block_in_place.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/may_block.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"

namespace kioto {
namespace {

Runtime Pool(int workers, int max_blocking_threads = 8) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  StatusOr<Runtime> runtime = builder.WorkerThreads(workers).MaxBlockingThreads(max_blocking_threads).Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

const internal::ThreadContext& Here() { return internal::CurrentThread(); }

// A task that blocks until it is opened, and then goes on.
struct Blocked {
  template <class Then>
  auto Start(const Runtime& runtime, Then then, TaskOptions options = {}) {
    auto task = runtime.Spawn(Lazy([this, then] {
      EXPECT_TRUE(BlockInPlace([this] {
        EXPECT_EQ(Here().worker, nullptr);
        EXPECT_EQ(Here().driver, nullptr);
        began = true;
        opened.wait();
      }).ok());
      return then();
    }), std::move(options));
    while (!began) std::this_thread::yield();
    return task;
  }

  std::promise<void> open;
  std::shared_future<void> opened = open.get_future();
  std::atomic<bool> began{false};
};

TEST(BlockInPlaceTest, GivesWhatTheFunctionGives) {
  EXPECT_EQ(BlockInPlace([] { return 7; }).value_or(0), 7);
  EXPECT_TRUE(BlockInPlace([] {}).ok());
  EXPECT_EQ(BlockInPlace([] { return absl::NotFoundError("x"); }), absl::NotFoundError("x"));
  EXPECT_EQ(BlockInPlace([] { return StatusOr<int>(7); }).value_or(0), 7);
}

TEST(BlockInPlaceTest, MayBlockInsideAndNotAfterwards) {
  Runtime runtime = Pool(1);
  EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(Lazy([] {
    EXPECT_FALSE(base::thread_may_block);
    EXPECT_TRUE(BlockInPlace([] {
      EXPECT_TRUE(base::thread_may_block);
      EXPECT_TRUE(BlockInPlace([] { EXPECT_TRUE(base::thread_may_block); }).ok());
      EXPECT_TRUE(base::thread_may_block);
    }).ok());
    EXPECT_FALSE(base::thread_may_block);
  }))).ok());
}

TEST(BlockInPlaceTest, AThreadThatHasLostItsWorkerEndsItsTaskAllTheSame) {
  Runtime runtime = Pool(1);
  Blocked blocked;
  auto task = blocked.Start(runtime, [] {
    EXPECT_EQ(Here().worker, nullptr);
    EXPECT_NE(Here().scheduler, nullptr);
    JoinHandle<int> child = Spawn(Ready(3));
    return YieldNow().Then([child = std::move(child)](Unit&) mutable {
      EXPECT_NE(Here().worker, nullptr);  // the worker's new thread took it up
      return std::move(child);
    });
  });
  EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(YieldNow())).ok());  // so another thread has the worker by now
  blocked.open.set_value();
  EXPECT_EQ(runtime.BlockOn(std::move(task)).value_or(0), 3);
}

TEST(BlockInPlaceTest, AGuardThatWasEnteredBeforeBringsNoWorkerBack) {
  Runtime other = Pool(1);
  Runtime runtime = Pool(1);
  std::promise<void> open;
  std::atomic<bool> began{false};
  auto task = runtime.Spawn(Lazy([&] {
    {
      EnterGuard guard = other.Enter();
      EXPECT_TRUE(BlockInPlace([&] {
        began = true;
        open.get_future().wait();
      }).ok());
    }
    EXPECT_EQ(Here().worker, nullptr);
    return YieldNow();
  }));
  while (!began) std::this_thread::yield();
  EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(YieldNow())).ok());
  open.set_value();
  EXPECT_TRUE(runtime.BlockOn(std::move(task)).ok());
}

TEST(BlockInPlaceTest, ThreadsAreUsedAgain) {
  Runtime runtime = Pool(1);
  std::atomic<int> threads{0};
  static thread_local bool seen;
  seen = false;
  for (int round = 0; round < 100; ++round) {
    Blocked blocked;
    auto task = blocked.Start(runtime, [] { return Unit{}; });
    EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(Lazy([&] { threads += !std::exchange(seen, true); }))).ok());
    blocked.open.set_value();
    EXPECT_TRUE(runtime.BlockOn(std::move(task)).ok());
  }
  EXPECT_LE(threads, 8);
}

TEST(BlockInPlaceTest, WithoutAThreadTheWorkerWaitsToo) {
  Runtime runtime = Pool(1);
  base::sys::ScopedFault fault(base::sys::Call::kThreadStart, base::sys::Fault::Every(EAGAIN));
  EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(Lazy([] {
    const void* worker = Here().worker;
    EXPECT_TRUE(BlockInPlace([] { EXPECT_TRUE(base::thread_may_block); }).ok());
    EXPECT_EQ(Here().worker, worker);
  }))).ok());
}

TEST(BlockInPlaceTest, OnlySoManyThreadsAreLent) {
  Runtime runtime = Pool(/*workers=*/1, /*max_blocking_threads=*/1);
  Blocked blocked;
  auto task = blocked.Start(runtime, [] { return Unit{}; });
  EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(Lazy([] {
    const void* worker = Here().worker;
    EXPECT_NE(worker, nullptr);
    EXPECT_TRUE(BlockInPlace([worker] { EXPECT_EQ(Here().worker, worker); }).ok());
  }))).ok());
  blocked.open.set_value();
  EXPECT_TRUE(runtime.BlockOn(std::move(task)).ok());
}

TEST(BlockInPlaceTest, TheReportOfTheEndNamesWhatBlocks) {
  Runtime runtime = Pool(1);
  Blocked blocked;
  auto task = blocked.Start(runtime, [] { return Unit{}; }, {"sleeper"});
  const ShutdownReport report = runtime.Shutdown(std::chrono::milliseconds(1));
  EXPECT_EQ(report.stuck_workers, 1);
  ASSERT_EQ(report.stuck.size(), 1u);
  EXPECT_TRUE(absl::StrContains(report.stuck[0], "sleeper")) << report.stuck[0];
  blocked.open.set_value();
  EXPECT_TRUE(runtime.Shutdown().clean());
}

TEST(BlockInPlaceTest, TheEndReleasesABlockOnInside) {
  std::atomic<bool> began{false};
  Status inner;
  {
    Runtime runtime = Pool(1);
    runtime.Spawn(Lazy([&, handle = runtime.handle()] {
      inner = BlockInPlace([&] {
        began = true;
        return handle.BlockOn(PollFn([](Context&) -> Poll<Unit> { return kPending; }));
      });
    })).Detach();
    while (!began) std::this_thread::yield();
  }
  EXPECT_TRUE(IsShutdown(inner)) << inner;
}

TEST(BlockInPlaceTest, ARuntimeMayBeEndedInside) {
  std::optional<Runtime> runtime(Pool(1));
  std::promise<int> left;
  runtime->Spawn(Lazy([&] {
    EXPECT_TRUE(BlockInPlace([&] { left.set_value(runtime->Shutdown().stuck_workers); }).ok());
  })).Detach();
  EXPECT_EQ(left.get_future().get(), 1);
  EXPECT_TRUE(runtime->Shutdown().clean());
}

#if KIOTO_EXCEPTIONS
TEST(BlockInPlaceTest, AThrowComesOutAndTheWorkerIsBack) {
  Runtime runtime = Pool(1);
  const Status thrown = runtime.BlockOn(runtime.Spawn(Lazy([] {
    try {
      BlockInPlace([] { throw 7; }).IgnoreError();
    } catch (int) {
      EXPECT_FALSE(base::thread_may_block);
      throw;
    }
  })));
  EXPECT_TRUE(IsThrown(thrown)) << thrown;
  EXPECT_TRUE(runtime.BlockOn(runtime.Spawn(YieldNow())).ok());
}
#endif

}  // namespace
}  // namespace kioto
