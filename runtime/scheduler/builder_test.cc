// What the knobs of RuntimeBuilder do, and Main.
#include <dirent.h>
#include <errno.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/yield_now.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"

namespace kioto {
namespace {

using testing::HasSubstr;

Runtime Built(RuntimeBuilder& builder) {
  StatusOr<Runtime> runtime = builder.Build();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

// --- Workers ---

// Threads of this process that are called `prefix`-something.
int ThreadsNamed(const std::string& prefix) {
  int count = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (dirent* entry = readdir(tasks)) {
    FILE* comm = std::fopen(("/proc/self/task/" + std::string(entry->d_name) + "/comm").c_str(), "r");
    if (comm == nullptr) continue;
    char name[32] = {};
    count += std::fgets(name, sizeof(name), comm) != nullptr && std::string(name).rfind(prefix + "-", 0) == 0;
    std::fclose(comm);
  }
  closedir(tasks);
  return count;
}

class WorkerThreadsTest : public testing::Test {
 protected:
  ~WorkerThreadsTest() override { unsetenv("KIOTO_WORKER_THREADS"); }
};

TEST_F(WorkerThreadsTest, ComeFromTheEnvironment) {
  setenv("KIOTO_WORKER_THREADS", "3", 1);
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  Runtime runtime = Built(builder.ThreadName("env"));
  while (ThreadsNamed("env") < 3) std::this_thread::yield();  // a thread names itself
  EXPECT_EQ(*runtime.BlockOn(Spawn(Ready(1)).Then([](auto&) { return 1; })), 1);
  EXPECT_EQ(ThreadsNamed("env"), 3);
}

TEST_F(WorkerThreadsTest, TheBuilderWins) {
  setenv("KIOTO_WORKER_THREADS", "3", 1);
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  Runtime runtime = Built(builder.ThreadName("told").WorkerThreads(2));
  while (ThreadsNamed("told") < 2) std::this_thread::yield();
  EXPECT_EQ(ThreadsNamed("told"), 2);
}

TEST_F(WorkerThreadsTest, ABadValueIsNamed) {
  for (const char* value : {"0", "-1", "many", "2x", "1000000"}) {
    setenv("KIOTO_WORKER_THREADS", value, 1);
    const Status status = RuntimeBuilder::MultiThread().Build().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(status.message(), HasSubstr("KIOTO_WORKER_THREADS")) << value;
  }
}

TEST(RuntimeBuilderTest, BadKnobsAreNamed) {
  auto refusal = [](RuntimeBuilder& builder) { return std::string(builder.Build().status().message()); };
  RuntimeBuilder many = RuntimeBuilder::MultiThread();
  EXPECT_THAT(refusal(many.WorkerThreads(0)), HasSubstr("WorkerThreads"));
  RuntimeBuilder shuffled = RuntimeBuilder::MultiThread();
  EXPECT_THAT(refusal(shuffled.ShuffleReadyTasks()), HasSubstr("ShuffleReadyTasks"));
  RuntimeBuilder paused = RuntimeBuilder::MultiThread();
  EXPECT_THAT(refusal(paused.StartPaused()), HasSubstr("StartPaused"));
  RuntimeBuilder interval = RuntimeBuilder::CurrentThread();
  EXPECT_THAT(refusal(interval.EventInterval(0)), HasSubstr("EventInterval"));
  RuntimeBuilder blocking = RuntimeBuilder::CurrentThread();
  EXPECT_THAT(refusal(blocking.MaxBlockingThreads(0)), HasSubstr("MaxBlockingThreads"));
}

TEST(RuntimeBuilderTest, AStackThatNoMachineHasIsRefused) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  const Status status = builder.ThreadStackSize(SIZE_MAX).Build().status();
  EXPECT_NE(ErrnoOf(status), 0) << status;
  EXPECT_THAT(status.message(), HasSubstr("with a stack of"));
}

// --- Parts that are off ---

TEST(WithoutTest, SaysWhichPartIsOff) {
  for (bool many : {false, true}) {
    RuntimeBuilder builder = many ? RuntimeBuilder::MultiThread() : RuntimeBuilder::CurrentThread();
    Runtime runtime = Built(builder.WithoutIo().WithoutTime());
    const Status time = runtime.BlockOn([] { return Spawn(Lazy([] { return internal::TimeUnavailable("Sleep"); })); });
    EXPECT_EQ(time.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(time.message(), testing::AllOf(HasSubstr("Sleep"), HasSubstr("WithoutTime()")));
    const Status io = runtime.BlockOn([] { return Spawn(Lazy([] { return internal::IoUnavailable("Bind"); })); });
    EXPECT_THAT(io.message(), testing::AllOf(HasSubstr("Bind"), HasSubstr("WithoutIo()")));
    EXPECT_EQ(*runtime.BlockOn([] {
      return Spawn(Lazy([] {
        internal::DriverSet* drivers = internal::CurrentThread().drivers;
        return drivers->PickReactor() == nullptr && drivers->WheelForThisThread() == nullptr;
      }));
    }), true);
  }
}

// --- Chance ---

// The order in which ten tasks ran that became ready together.
std::string OrderOf(RuntimeBuilder builder) {
  Runtime runtime = Built(builder);
  std::string order;
  std::vector<JoinHandle<Unit>> handles;
  (void)runtime.BlockOn([&] {
    for (char name = '0'; name <= '9'; ++name) handles.push_back(Spawn(Lazy([&order, name] { order += name; })));
    return Ready(1);
  });
  for (auto& handle : handles) EXPECT_EQ(runtime.BlockOn(std::move(handle)), OkStatus());
  return order;
}

TEST(ShuffleTest, OrdersTheReadyTasksByTheSeed) {
  auto shuffled = [](uint64_t seed) {
    RuntimeBuilder builder = RuntimeBuilder::CurrentThread();
    return OrderOf(builder.Seed(seed).ShuffleReadyTasks());
  };
  EXPECT_EQ(OrderOf(RuntimeBuilder::CurrentThread()), "0123456789");
  const std::string first = shuffled(1);
  EXPECT_EQ(first, shuffled(1));
  EXPECT_NE(first, "0123456789");
  EXPECT_NE(first, shuffled(2));
  std::string sorted = first;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, "0123456789");  // each of them once
}

TEST(FlavorTest, IsToldByAHandle) {
  EXPECT_EQ(Runtime::CurrentThread()->handle().flavor(), RuntimeFlavor::kCurrentThread);
  EXPECT_EQ(Runtime::MultiThread()->handle().flavor(), RuntimeFlavor::kMultiThread);
}

// --- What is injected ---

// The polls of a busy task until as many as `tasks` that were spawned from outside meanwhile have run.
int PollsBesideInjected(const Runtime& runtime, int tasks) {
  std::promise<void> inside, gate;
  int ran = 0, polls = 0;  // the worker's
  JoinHandle<Unit> busy = runtime.Spawn(PollFn([&](Context& cx) -> Poll<Unit> {
    if (++polls == 1) {
      inside.set_value();
      gate.get_future().wait();
    }
    if (ran == tasks) return Unit{};
    cx.Yield();
    return kPending;
  }));
  std::thread outside([&] {
    inside.get_future().wait();
    for (int i = 0; i < tasks; ++i) runtime.Spawn(Lazy([&ran] { ++ran; })).Detach();
    gate.set_value();
  });
  EXPECT_EQ(runtime.BlockOn(std::move(busy)), OkStatus());
  outside.join();
  return polls;
}

// A busy worker takes its whole share at once: one task per event interval would let them wait for as many intervals.
TEST(InjectedTest, ABusyWorkerTakesItsShare) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  EXPECT_LE(PollsBesideInjected(Built(builder.WorkerThreads(1).EventInterval(20)), 50), 2 * 20);
}

TEST(InjectedTest, HasAnIntervalOfItsOwn) {
  RuntimeBuilder pool = RuntimeBuilder::MultiThread();
  EXPECT_LE(PollsBesideInjected(Built(pool.WorkerThreads(1).EventInterval(10'000).GlobalQueueInterval(20)), 50), 2 * 20);
  RuntimeBuilder rare = RuntimeBuilder::MultiThread();
  EXPECT_GE(PollsBesideInjected(Built(rare.WorkerThreads(1).EventInterval(20).GlobalQueueInterval(1000)), 50), 900);
  RuntimeBuilder single = RuntimeBuilder::CurrentThread();
  EXPECT_LE(PollsBesideInjected(Built(single.EventInterval(10'000).GlobalQueueInterval(20)), 50), 50 + 3 * 20);
}

// --- Failures that nobody joins ---

struct Unhandled {
  std::mutex mutex;
  std::vector<std::string> seen;
  void Hear(const UnhandledFailure& failure) {
    std::lock_guard<std::mutex> lock(mutex);
    seen.push_back(std::string(failure.name) + ": " + std::string(failure.status.message()));
    EXPECT_THAT(failure.file, HasSubstr("builder_test.cc"));
    EXPECT_GT(failure.line, 0);
    EXPECT_NE(failure.task_id, 0u);
  }
};

// Gives `output` once it may go: its handle is detached by then.
template <class T>
auto When(std::atomic<bool>& go, T output) {
  return PollFn([&go, output](Context& cx) -> Poll<T> {
    if (go) return output;
    cx.Yield();
    return kPending;
  });
}

TEST(OnUnhandledTest, HearsOfTasksThatFailAndNobodyJoins) {
  for (bool many : {false, true}) {
    Unhandled unhandled;
    {
      RuntimeBuilder builder = many ? RuntimeBuilder::MultiThread() : RuntimeBuilder::CurrentThread();
      Runtime runtime = Built(builder.OnUnhandled([&](const UnhandledFailure& failure) { unhandled.Hear(failure); }));
      std::atomic<bool> go{false};
      (void)runtime.BlockOn([&] {
        Spawn(When(go, absl::NotFoundError("no")), {"detached"}).Detach();
        Spawn(When(go, StatusOr<int>(absl::NotFoundError("neither"))), {"value"}).Detach();
        Spawn(When(go, StoppedError("by its token")), {"stopped"}).Detach();
        Spawn(When(go, OkStatus())).Detach();
        auto aborted = Spawn(Never<Status>());
        aborted.Abort();
        std::move(aborted).Detach();
        go = true;
        return Spawn(Ready(absl::NotFoundError("joined")));
      });
      while (runtime.handle().live_tasks() > 0) (void)runtime.BlockOn([] { return YieldNow(); });
      runtime.Spawn(PollFn([](Context&) -> Poll<Status> { return kPending; })).Detach();
      EXPECT_TRUE(runtime.Shutdown().clean());
    }
    EXPECT_THAT(unhandled.seen, testing::UnorderedElementsAre("detached: no", "value: neither"));
  }
}

// --- Main ---

TEST(MainTest, GivesTheExitCode) {
  EXPECT_EQ(Main([] { return Ready(OkStatus()); }), 0);
  EXPECT_EQ(Main([] { return Spawn(Ready(7)).Then([](StatusOr<int>& n) { return n.status(); }); }), 0);
  EXPECT_EQ(Main([] { return Ready(7); }), 0);
  testing::internal::CaptureStderr();
  EXPECT_EQ(Main([] { return Ready(absl::NotFoundError("nothing there")); }), 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("nothing there"));
}

TEST(MainTest, TakesARuntimeOfYours) {
  std::thread::id polled_on;
  EXPECT_EQ(Main([&] { return Spawn(Lazy([&] { polled_on = std::this_thread::get_id(); })); }, RuntimeBuilder::CurrentThread()), 0);
  EXPECT_EQ(polled_on, std::this_thread::get_id());
  testing::internal::CaptureStderr();
  EXPECT_EQ(Main([] { return Ready(OkStatus()); }, RuntimeBuilder::MultiThread().WorkerThreads(0)), 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("WorkerThreads"));
}

TEST(MainTest, PrintsTheErrnosNameAndNoPayloads) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(Main([] { return Ready(ErrnoStatus(ECONNREFUSED, "net::TcpStream::Connect")); }), 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "UNAVAILABLE: net::TcpStream::Connect: Connection refused (ECONNREFUSED)\n");
}

TEST(MainTest, SaysWhyThereIsNoRuntime) {
  setenv("KIOTO_WORKER_THREADS", "none", 1);
  testing::internal::CaptureStderr();
  EXPECT_EQ(Main([] { return Ready(OkStatus()); }), 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("KIOTO_WORKER_THREADS"));
  unsetenv("KIOTO_WORKER_THREADS");
}

}  // namespace
}  // namespace kioto
