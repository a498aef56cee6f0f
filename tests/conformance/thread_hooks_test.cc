// What a runtime tells of its threads, and what it and they are called.
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/cpus.h"
#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/scheduler/worker_index.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/tests/conformance/metrics_testing.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT
using testing::HasSubstr;

// --- Threads -------------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_threaded.rs#start_stop_callbacks_called
TEST(ThreadHooksTest, StartAndStopAreToldOfEachThread) {
  std::atomic<int> started{0}, stopped{0};
  {
    StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread()
                                    .WorkerThreads(2)
                                    .OnThreadStart([&] { ++started; })
                                    .OnThreadStop([&] {
                                      for (int i = 0; i < 1000; ++i) std::this_thread::yield();  // the runtime's end waits for it
                                      ++stopped;
                                    })
                                    .Build();
    ASSERT_TRUE(runtime.ok());
    EXPECT_TRUE(runtime->BlockOn([] { return Spawn(YieldNow()); }).ok());
    EXPECT_TRUE(runtime->BlockOn([] { return SpawnBlocking([] { return 1; }); }).ok());
    EXPECT_EQ(stopped, 0);
  }
  EXPECT_EQ(started, 3);  // two workers and a blocking thread
  EXPECT_EQ(stopped, 3);
}

// behaviour: tokio/tests/rt_threaded.rs#drop_threadpool_drops_futures
TEST(ThreadHooksTest, ADroppedRuntimeDropsItsFuturesOnceAndStopsAllThatItStarted) {
  for (int round = 0; round < 1000; ++round) {
    std::atomic<int> started{0}, stopped{0}, dropped{0};
    {
      StatusOr<Runtime> runtime =
          RuntimeBuilder::MultiThread().WorkerThreads(2).OnThreadStart([&] { ++started; }).OnThreadStop([&] { ++stopped; }).Build();
      ASSERT_TRUE(runtime.ok());
      runtime->Spawn(OnDrop(Never<Unit>(), [&] { ++dropped; })).Detach();
    }
    EXPECT_GE(started, 1);
    EXPECT_EQ(started, stopped);
    EXPECT_EQ(dropped, 1);
  }
}

TEST(ThreadHooksTest, ParkAndUnparkAlternateOnTheThreadThatSleeps) {
  base::Mutex lock;
  std::string told;
  std::atomic<bool> parked{false};
  const auto tell = [&](char what) {
    base::MutexLock held(lock);
    told += what;
  };
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread()
                                  .OnThreadPark([&] {
                                    tell('p');
                                    parked = true;
                                  })
                                  .OnThreadUnpark([&] { tell('u'); })
                                  .Build();
  ASSERT_TRUE(runtime.ok());
  auto channel = sync::Oneshot<int>();
  TestThread sender([&] {
    while (!parked) std::this_thread::yield();  // nothing else can end the sleep that was told
    EXPECT_TRUE(channel.sender.Send(1));
  });
  EXPECT_TRUE(runtime->BlockOn(std::move(channel.receiver)).ok());
  ASSERT_GE(told.size(), 2u);
  for (size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i], i % 2 == 0 ? 'p' : 'u') << told;
}

class ParkHookTest : public FlavourTest {};

// behaviour: tokio/tests/rt_common_before_park.rs#before_park_wakes_block_on_task
TEST_P(ParkHookTest, WhatItWakesIsRunInsteadOfTheSleep) {
  sync::Notify notify;
  std::atomic<bool> done{false};
  StatusOr<Runtime> runtime = Builder()
                                  .OnThreadPark([&] {
                                    if (!done.exchange(true)) notify.NotifyOne();
                                  })
                                  .Build();
  ASSERT_TRUE(runtime.ok());
  EXPECT_TRUE(runtime->BlockOn([&] { return Spawn(notify.Notified()); }).ok());
  EXPECT_TRUE(done);
}

// The first worker may sleep before the last one has its thread.
TEST_P(ParkHookTest, WhatItGivesTheBlockingPoolRuns) {
  for (int i = 0; i < 20; ++i) {
    sync::Notify notify;
    std::atomic<bool> done{false};
    StatusOr<Runtime> runtime = Builder()
                                    .OnThreadPark([&] {
                                      if (!done.exchange(true)) SpawnBlocking([&] { notify.NotifyOne(); }).Detach();
                                    })
                                    .Build();
    ASSERT_TRUE(runtime.ok());
    EXPECT_TRUE(runtime->BlockOn(notify.Notified()).ok());
  }
}

// behaviour: tokio/tests/rt_basic.rs#before_park_yields
TEST_P(ParkHookTest, WhatItSpawnsIsRunInsteadOfTheSleep) {
  sync::Notify notify;
  std::atomic<bool> done{false};
  StatusOr<Runtime> runtime =
      Builder()
          .OnThreadPark([&] {
            if (!done.exchange(true)) Spawn(YieldNow().Then([&](Unit&) { notify.NotifyOne(); })).Detach();
          })
          .Build();
  ASSERT_TRUE(runtime.ok());
  EXPECT_TRUE(runtime->BlockOn(notify.Notified()).ok());
  EXPECT_TRUE(done);
}

ON_EVERY_FLAVOUR(ParkHookTest);

// behaviour: tokio/tests/rt_common_before_park.rs#before_park_does_not_stall_spawned_timer
TEST(ParkHookTest, AHookThatAlwaysWakesStallsNoTimer) {
  sync::Notify notify;
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().OnThreadPark([&] { notify.NotifyOne(); }).Build();
  ASSERT_TRUE(runtime.ok());
  JoinHandle<Unit> timer = runtime->Spawn(time::Sleep(1ms));
  for (int burst = 0; !timer.finished(); ++burst) {
    ASSERT_LT(burst, 1'000'000) << "the timer does not fire";
    ASSERT_TRUE(runtime->BlockOn(notify.Notified()).ok());
  }
}

// --- Names ---------------------------------------------------------------------------------------------------------------

class NamesTest : public FlavourTest {};

// behaviour: tokio/tests/rt_basic.rs#default_runtime_name_should_be_none
// behaviour: tokio/tests/rt_threaded.rs#default_runtime_name_should_be_none
TEST_P(NamesTest, ARuntimeHasNoNameUnlessItWasGivenOne) {
  EXPECT_EQ(runtime().handle().name(), "");
}

// behaviour: tokio/tests/rt_basic.rs#different_runtime_names
// behaviour: tokio/tests/rt_threaded.rs#different_runtime_names
TEST_P(NamesTest, RuntimesHaveTheNamesTheyWereGiven) {
  StatusOr<Runtime> one = Builder().Name("one").Build();
  StatusOr<Runtime> two = Builder().Name("two").Build();
  ASSERT_TRUE(one.ok());
  ASSERT_TRUE(two.ok());
  EXPECT_EQ(one->handle().name(), "one");
  EXPECT_EQ(two->handle().name(), "two");
  EXPECT_EQ(*one->BlockOn([] { return Ready(Handle::Current()->name()); }), "one");
}

// behaviour: tokio/tests/rt_handle.rs#runtime_id_is_same
// behaviour: tokio/tests/rt_threaded.rs#runtime_id_is_same
TEST_P(NamesTest, TheHandlesOfARuntimeHaveItsId) {
  EXPECT_EQ(runtime().handle().id(), runtime().handle().id());
  EXPECT_EQ(*runtime().BlockOn([] { return Spawn(Lazy([] { return Ready(Handle::Current()->id()); })); }), runtime().handle().id());
}

// behaviour: tokio/tests/rt_handle.rs#runtime_ids_different
// behaviour: tokio/tests/rt_threaded.rs#runtime_ids_different
TEST_P(NamesTest, TwoRuntimesHaveDifferentIds) {
  Runtime other = Make();
  EXPECT_NE(runtime().handle().id(), other.handle().id());
}

// behaviour: tokio/tests/rt_panic.rs#builder_name_panic_caller
TEST_P(NamesTest, ABlankNameIsRefused) {
  for (const char* name : {"", " ", "\t\n"}) {
    const Status status = Builder().Name(name).Build().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("RuntimeBuilder::Name must not be blank"));
  }
}

TEST_P(NamesTest, TheThreadsOfTheBlockingPoolHaveTheirOwn) {
  const auto job_runs_on = [](Runtime runtime) {
    return *runtime.BlockOn(runtime.SpawnBlocking([] {
      char name[16] = "";
      pthread_getname_np(pthread_self(), name, sizeof(name));
      return std::string(name);
    }));
  };
  EXPECT_EQ(job_runs_on(Make()), "kioto-blocking");
  StatusOr<Runtime> runtime = Builder().BlockingThreadName("jobs").Build();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  EXPECT_EQ(job_runs_on(*std::move(runtime)), "jobs");
}

ON_EVERY_FLAVOUR(NamesTest);

TEST(ThreadNamesTest, AFunctionNamesTheWorkers) {
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread()
                                  .WorkerThreads(2)
                                  .ThreadName(Hook<std::string(int)>([](int worker) { return absl::StrCat("w", worker); }))
                                  .Build();
  ASSERT_TRUE(runtime.ok());
  const StatusOr<bool> named = runtime->BlockOn([] {
    return Spawn(Lazy([] {
      char name[16] = "";
      pthread_getname_np(pthread_self(), name, sizeof(name));
      return Ready(absl::StrCat("w", *WorkerIndex()) == name);
    }));
  });
  EXPECT_TRUE(*named);
}

TEST(PinWorkersTest, WorkersStayOnTheirProcessors) {
  const std::vector<int> usable = base::UsableCpus();
#if defined(__linux__)
  ASSERT_FALSE(usable.empty());
#else
  if (usable.empty()) GTEST_SKIP() << "this system does not tell which processors a thread may use";
#endif
  const int cpu = usable.back();
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(2).PinWorkers({cpu}).Build();
  ASSERT_TRUE(runtime.ok());
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(*runtime->BlockOn([] { return Spawn(Lazy([] { return Ready(base::UsableCpus()); })); }), std::vector<int>{cpu});
  }
}

TEST(PinWorkersTest, BadProcessorsAreRefused) {
  EXPECT_THAT(RuntimeBuilder::MultiThread().PinWorkers({}).Build().status().message(), HasSubstr("at least one processor"));
  EXPECT_THAT(RuntimeBuilder::MultiThread().PinWorkers({-1}).Build().status().message(), HasSubstr("may not use a processor -1"));
  EXPECT_THAT(RuntimeBuilder::CurrentThread().PinWorkers({0}).Build().status().message(), HasSubstr("needs a multi-thread runtime"));
}

// --- Which worker ----------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_worker_index.rs#worker_index_current_thread
TEST(WorkerIndexTest, IsZeroOnACurrentThreadRuntime) {
  Runtime runtime = *Runtime::CurrentThread();
  EXPECT_EQ(runtime.BlockOn([] { return Ready(WorkerIndex()); })->value_or(-1), 0);
  EXPECT_EQ(WorkerIndex(), std::nullopt);
}

// behaviour: tokio/tests/rt_worker_index.rs#worker_index_local_runtime
TEST(WorkerIndexTest, IsZeroInATaskThatIsBoundToItsThread) {
  Runtime runtime = *Runtime::CurrentThread();
  EXPECT_EQ(runtime.BlockOn([] { return SpawnLocal(Lazy([] { return Ready(WorkerIndex()); })); })->value_or(-1), 0);
}

// behaviour: tokio/tests/rt_worker_index.rs#worker_index_from_spawn_blocking
TEST(WorkerIndexTest, ABlockingThreadHasNone) {
  Runtime runtime = *Runtime::MultiThread();
  EXPECT_EQ(*runtime.BlockOn([] { return SpawnBlocking([] { return WorkerIndex().value_or(-1); }); }), -1);
  EXPECT_EQ(*runtime.BlockOn([] { return Ready(WorkerIndex().value_or(-1)); }), -1) << "the root of a pool runs on no worker";
}

}  // namespace
}  // namespace kioto
