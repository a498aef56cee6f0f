#include "kioto/runtime/blocking/std_future.h"

#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/with.h"
#include "kioto/runtime/future/yield_now.h"
#include "kioto/runtime/scheduler/runtime.h"

#if KIOTO_EXCEPTIONS
#include <stdexcept>
#endif

namespace kioto {
namespace {

Runtime MakePool() {
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

TEST(ToStdFutureTest, GivesOutputsAndErrors) {
  const Runtime runtime = MakePool();
  const EnterGuard entered = runtime.Enter();
  std::future<StatusOr<std::unique_ptr<int>>> value =
      ToStdFuture(YieldNow().Then([](Unit&) { return std::make_unique<int>(7); }));
  std::future<Status> nothing = ToStdFuture(Ready());
  std::future<Status> error = ToStdFuture(Ready(absl::NotFoundError("nowhere")));
  EXPECT_EQ(**value.get(), 7);
  EXPECT_TRUE(nothing.get().ok());
  EXPECT_TRUE(absl::IsNotFound(error.get()));
}

TEST(ToStdFutureTest, EndsWithItsRuntime) {
  Runtime runtime = MakePool();
  const EnterGuard entered = runtime.Enter();
  std::future<Status> never = ToStdFuture(Never());
  runtime.Shutdown();
  EXPECT_TRUE(IsShutdown(never.get()));
  EXPECT_TRUE(IsShutdown(ToStdFuture(Ready()).get()));
}

TEST(FromStdFutureTest, GivesTheValueOfAnotherThread) {
  const Runtime runtime = MakePool();
  std::promise<std::unique_ptr<int>> promise;
  std::thread thread([&] { promise.set_value(std::make_unique<int>(7)); });
  StatusOr<std::unique_ptr<int>> seven = runtime.BlockOn(FromStdFuture(promise.get_future()));
  thread.join();
  ASSERT_TRUE(seven.ok()) << seven.status();
  EXPECT_EQ(**seven, 7);
}

TEST(FromStdFutureTest, TakesNothingForAStatus) {
  const Runtime runtime = MakePool();
  std::promise<void> promise;
  promise.set_value();
  const Status status = runtime.BlockOn(FromStdFuture(promise.get_future()));
  EXPECT_TRUE(status.ok()) << status;
}

TEST(FromStdFutureTest, WaitsForNothingBeforeItsFirstPoll) {
  std::promise<int> promise;
  PolledTask task(FromStdFuture(promise.get_future()));  // no runtime here, and none asked for
  task.Drop();
  promise.set_value(7);
}

// check: H1
TEST(FromStdFutureTest, DropSuite) {
  Runtime runtime = MakePool();
  {
    const EnterGuard entered = runtime.Enter();
    const auto value = std::make_shared<int>(7);
    std::promise<std::shared_ptr<int>> promise;
    RunDropSuite(
        [&] {
          promise = std::promise<std::shared_ptr<int>>();
          return FromStdFuture(promise.get_future());
        },
        3, [&] { promise.set_value(value); });
    promise = std::promise<std::shared_ptr<int>>();
    while (runtime.metrics().blocking_threads() > runtime.metrics().idle_blocking_threads()) std::this_thread::yield();
    EXPECT_EQ(value.use_count(), 1);  // the thread that waited has taken it, for nobody
  }
  EXPECT_TRUE(runtime.Shutdown().clean());
}

TEST(FromStdFutureTest, ADroppedOneLetsItsThreadEnd) {
  Runtime runtime = MakePool();
  std::promise<int> promise;
  (void)runtime.BlockOn([&] {
    return With(FromStdFuture(promise.get_future()), [](auto& waiting) {
      return PollFn([&waiting](Context& cx) -> Poll<Unit> {
        EXPECT_TRUE(waiting.PollOnce(cx).pending());
        return Unit{};
      });
    });
  });
  promise.set_value(7);
  EXPECT_TRUE(runtime.Shutdown().clean());
}

#if KIOTO_EXCEPTIONS
TEST(FromStdFutureTest, AnExceptionIsThrown) {
  const Runtime runtime = MakePool();
  std::promise<int> promise;
  promise.set_exception(std::make_exception_ptr(std::runtime_error("thrown")));
  StatusOr<int> output = runtime.BlockOn(FromStdFuture(promise.get_future()));
  EXPECT_TRUE(IsThrown(output.status())) << output.status();
  EXPECT_THROW(RethrowIfThrown(output.status()), std::runtime_error);
}
#endif

TEST(FromStdFutureDeathTest, AnInvalidOneSaysSo) { EXPECT_DEATH((void)FromStdFuture(std::future<int>()), "is not valid"); }

}  // namespace
}  // namespace kioto
