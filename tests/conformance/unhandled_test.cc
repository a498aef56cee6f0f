// A task that fails with nobody to join it: told and passed over, or the end of its runtime.
#include <atomic>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/notify.h"
#include "kioto/tests/conformance/flavours.h"

namespace kioto {
namespace {

using testing::HasSubstr;

// Fails as a task does: by a throw, where there are exceptions.
auto Boom() {
  return YieldNow().Then([](Unit&) -> Status {
#if KIOTO_EXCEPTIONS
    throw std::runtime_error("boom");
#else
    return absl::InternalError("boom");
#endif
  });
}

class UnhandledTest : public FlavourTest {
 protected:
  static Runtime Fragile() {
    StatusOr<Runtime> runtime = Builder().ShutDownOnUnhandled().OnUnhandled([](const UnhandledFailure&) {}).Build();
    EXPECT_TRUE(runtime.ok());
    return *std::move(runtime);
  }
  // Told to the runtime also if the task has ended before its handle is dropped.
  static void Detached(const Runtime& runtime, TaskOptions options = {}) {
    const EnterGuard entered = runtime.Enter();
    runtime.Spawn(Boom(), std::move(options)).Detach();
  }
};

// behaviour: tokio/tests/rt_basic.rs#shutdown_on_panic
// behaviour: tokio/tests/macros_test.rs#unhandled_panic_shutdown_runtime
TEST_P(UnhandledTest, EndsABlockOnThatWaitsForEver) {
  Runtime runtime = Fragile();
  Detached(runtime, {"bomb"});
  const Status status = runtime.BlockOn(Never<Unit>());
  EXPECT_TRUE(IsShutdown(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("\"bomb\""));
  EXPECT_THAT(status.message(), HasSubstr("boom"));
}

// behaviour: tokio/tests/rt_basic.rs#spawns_do_nothing
TEST_P(UnhandledTest, AfterItTasksAreRefused) {
  Runtime runtime = Fragile();
  Detached(runtime);
  EXPECT_FALSE(runtime.BlockOn(Never<Unit>()).ok());
  JoinHandle<Unit> late = runtime.Spawn(YieldNow());
  ASSERT_TRUE(late.finished());
  EXPECT_TRUE(IsShutdown(runtime.BlockOn(Ready(1)).status()));
}

// behaviour: tokio/tests/rt_basic.rs#shutdown_all_concurrent_block_on
TEST_P(UnhandledTest, EndsEveryBlockOn) {
  Runtime runtime = Fragile();
  const Handle handle = runtime.handle();
  std::atomic<int> waiting{0}, ended{0};
  const auto wait = [&] {
    const Status status = handle.BlockOn([&] {
      ++waiting;
      return Never<Unit>();
    });
    if (IsShutdown(status)) ++ended;
  };
  TestThread one(wait), two(wait);
  while (waiting < 2) std::this_thread::yield();
  Detached(runtime);
  one.Join();
  two.Join();
  EXPECT_EQ(ended, 2);
}

// behaviour: tokio/tests/task_local_set.rs#shutdown_on_panic
TEST_P(UnhandledTest, ATaskOfALocalSetEndsTheRuntimeThatDrivesIt) {
  Runtime runtime = Fragile();
  LocalSet set;
  const Status status = set.BlockOn(runtime, [] {
                             SpawnLocal(Boom()).Detach();
                             return Never<Unit>();
                           });
  EXPECT_TRUE(IsShutdown(status)) << status;
}

// Whether its handle is dropped before it ends or after.
TEST_P(UnhandledTest, HearsOfJobsToo) {
  for (bool late : {false, true}) {
    std::string heard;
    std::promise<void> begun, gate;
    {
      StatusOr<Runtime> runtime = Builder().OnUnhandled([&heard](const UnhandledFailure& failure) { heard = failure.name; }).Build();
      ASSERT_TRUE(runtime.ok());
      const EnterGuard entered = runtime->Enter();
      auto job = SpawnBlocking(
          [&begun, &gate] {
            begun.set_value();
            gate.get_future().wait();
            return absl::NotFoundError("no");
          },
          {"job"});
      begun.get_future().wait();  // the end of a runtime drops what has not begun
      if (late) gate.set_value();
      while (late && !job.finished()) std::this_thread::yield();
      std::move(job).Detach();
      if (!late) gate.set_value();
      EXPECT_TRUE(runtime->Shutdown().clean());
    }
    EXPECT_EQ(heard, "job") << late;
  }
}

TEST_P(UnhandledTest, AJobEndsTheRuntimeToo) {
  Runtime runtime = Fragile();
  const EnterGuard entered = runtime.Enter();
  SpawnBlocking([] { return absl::InternalError("boom"); }, {"job"}).Detach();
  const Status status = runtime.BlockOn(Never<Unit>());
  EXPECT_TRUE(IsShutdown(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("\"job\""));
}

TEST_P(UnhandledTest, WhatIsJoinedEndsNothing) {
  Runtime runtime = Fragile();
  EXPECT_FALSE(runtime.BlockOn([] { return Spawn(Boom()); }).ok());
  EXPECT_TRUE(runtime.BlockOn(Ready(1)).ok());
}

// It has ended the runtime, but the destructor is the first that waits for its threads.
TEST_P(UnhandledTest, TheDestructorWaitsForWhatStillRuns) {
  std::atomic<bool> done{false};
  std::promise<void> inside, ending, gate;
  TestThread opener([&] {
    ending.get_future().wait();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();  // time to return for who does not wait
    gate.set_value();
  });
  {
    Runtime runtime = Fragile();
    {
      const EnterGuard entered = runtime.Enter();
      SpawnBlocking([&] {
        inside.set_value();
        gate.get_future().wait();
        done = true;
      }).Detach();
    }
    inside.get_future().wait();
    Detached(runtime);
    EXPECT_TRUE(IsShutdown(runtime.BlockOn(Never<Unit>())));
    ending.set_value();
  }
  EXPECT_TRUE(done);
}

// Wakes the other of two tasks when it is destroyed.
struct WakesOther {
  sync::Notify* other;
  explicit WakesOther(sync::Notify* other) : other(other) {}
  WakesOther(WakesOther&& moved) noexcept : other(std::exchange(moved.other, nullptr)) {}
  ~WakesOther() {
    if (other != nullptr) other->NotifyOne();
  }
};

// behaviour: tokio/tests/rt_basic.rs#wake_in_drop_after_panic
TEST_P(UnhandledTest, DestructorsThatWakeEachOtherAfterAThrow) {
  sync::Notify a, b;
  runtime().Spawn(With(WakesOther(&b), [&](WakesOther&) { return Loop([&] { return a.Notified().Then([](Unit&) { return Continue(); }); }); })).Detach();
  runtime().Spawn(With(WakesOther(&a), [&](WakesOther&) { return Loop([&] { return b.Notified().Then([](Unit&) { return Continue(); }); }); })).Detach();
  const Status status = runtime().BlockOn(Boom());
  EXPECT_THAT(status.message(), HasSubstr("boom"));
  EndRuntime();
}

ON_EVERY_FLAVOUR(UnhandledTest);

}  // namespace
}  // namespace kioto
