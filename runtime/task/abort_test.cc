// Ending tasks from outside, on real runtimes; and what their handles say.
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/task/task_id.h"
#include "kioto/runtime/task/testing/collections.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

// behaviour: tokio/tests/task_abort.rs#test_abort_without_panic_3157
TEST(AbortTest, OfATaskThatSleepsOnTheOnlyWorker) {
  Runtime runtime = MakeMultiThread(/*workers=*/1);
  JoinHandle<Unit> handle = runtime.Spawn(Sleep(100s));
  EXPECT_EQ(runtime.BlockOn(Sleep(10ms)), OkStatus());
  handle.Abort();
  EXPECT_TRUE(kioto::IsAborted(runtime.BlockOn(std::move(handle))));
}

// behaviour: tokio/tests/task_abort.rs#test_abort_without_panic_3662
TEST(AbortTest, FromAnotherThread) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  JoinHandle<Unit> handle = runtime.Spawn(HoldForEver(guard));
  Drive(runtime);
  std::thread aborter([abort = handle.abort_handle()] { abort.Abort(); });
  EXPECT_TRUE(kioto::IsAborted(runtime.BlockOn(std::move(handle))));
  EXPECT_EQ(guard.use_count(), 1);
  aborter.join();
  EXPECT_EQ(*runtime.BlockOn(runtime.Spawn(YieldThen(1))), 1);
}

// behaviour: tokio/tests/task_abort.rs#test_abort_wakes_task_3964
TEST(AbortTest, WithTheHandleDroppedAtOnce) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  JoinHandle<Unit> handle = runtime.Spawn(Sleep(100s).Then([guard] {}));
  Drive(runtime);
  handle.Abort();
  handle.reset();
  Drive(runtime);
  EXPECT_EQ(guard.use_count(), 1);
}

// behaviour: tokio/tests/task_abort.rs#test_join_error_display
TEST(AbortTest, AnAbortedTaskIsNamed) {
  Runtime runtime = MakeCurrentThread();
  JoinHandle<Unit> nameless = runtime.Spawn(Sleep(100s));
  JoinHandle<Unit> named = runtime.Spawn(Sleep(100s), {"reader"});
  nameless.Abort();
  named.Abort();
  const std::string first = absl::StrCat("task ", nameless.id(), " was aborted");
  const std::string second = absl::StrCat("task ", named.id(), " \"reader\" was aborted");
  EXPECT_EQ(runtime.BlockOn(std::move(nameless)).message(), first);
  EXPECT_EQ(runtime.BlockOn(std::move(named)).message(), second);
}

TEST(AbortTest, TheStatusKnowsTheTask) {
  Runtime runtime = MakeCurrentThread();
  JoinHandle<Unit> aborted = runtime.Spawn(Sleep(100s));
  JoinHandle<int> ended = runtime.Spawn(HoldForEver<int>(nullptr));
  JoinHandle<Unit> outside = Spawn(Sleep(100s));
  const TaskId ids[] = {aborted.id(), ended.id(), outside.id()};
  aborted.Abort();
  EXPECT_EQ(TaskIdOf(runtime.BlockOn(std::move(aborted))), ids[0]);
  EXPECT_TRUE(runtime.Shutdown().clean());
  EXPECT_EQ(TaskIdOf(ended.TryTake()->status()), ids[1]);
  EXPECT_EQ(TaskIdOf(*outside.TryTake()), ids[2]);

  JoinHandle<Unit> late = runtime.Spawn(Sleep(100s));
  JoinHandle<Unit> job = runtime.SpawnBlocking([] {});
  const TaskId late_id = late.id(), job_id = job.id();
  EXPECT_EQ(TaskIdOf(*late.TryTake()), late_id);
  EXPECT_EQ(TaskIdOf(*job.TryTake()), job_id);
}

TEST(AbortTest, TheStatusOfATaskOfALocalSetKnowsIt) {
  std::optional<LocalSet> set(std::in_place);
  JoinHandle<Unit> handle = set->SpawnLocal(Sleep(100s));
  const TaskId id = handle.id();
  set.reset();
  EXPECT_EQ(TaskIdOf(*handle.TryTake()), id);
}

// A future's own error is about no task; one that it passes on is about the task that it joined.
TEST(AbortTest, AnErrorOfTheFutureIsItsOwn) {
  Runtime runtime = MakeCurrentThread();
  EXPECT_EQ(TaskIdOf(runtime.BlockOn(runtime.Spawn(Ready(Status(absl::CancelledError("mine")))))), 0u);
  JoinHandle<Unit> inner = runtime.Spawn(Sleep(100s));
  const TaskId id = inner.id();
  inner.Abort();
  EXPECT_EQ(TaskIdOf(runtime.BlockOn(runtime.Spawn(std::move(inner)))), id);
}

#if KIOTO_EXCEPTIONS
// behaviour: tokio/tests/task_abort.rs#test_join_error_display
TEST(AbortTest, AThrowIsNamedByItsWhat) {
  Runtime runtime = MakeCurrentThread();
  JoinHandle<Unit> thrower = runtime.Spawn(Lazy([] { throw std::runtime_error("boom"); }));
  const std::string sentence = absl::StrCat("the future of task ", thrower.id(), " threw: boom");
  const TaskId id = thrower.id();
  const Status what = runtime.BlockOn(std::move(thrower));
  EXPECT_EQ(TaskIdOf(what), id);
  EXPECT_EQ(what.message(), sentence);
  const Status other = runtime.BlockOn(runtime.Spawn(Lazy([] { throw 7; })));
  EXPECT_NE(other.message().find("threw"), std::string::npos) << other;
}

// behaviour: tokio/tests/task_abort.rs#test_join_error_debug
TEST(AbortTest, TheReasonsOfAnEndAreTold) {
  Runtime runtime = MakeCurrentThread();
  const Status thrown = runtime.BlockOn(runtime.Spawn(Lazy([] { throw std::runtime_error("boom"); })));
  EXPECT_TRUE(IsThrown(thrown));
  EXPECT_FALSE(kioto::IsAborted(thrown));
  EXPECT_THROW(RethrowIfThrown(thrown), std::runtime_error);
}
#endif

// behaviour: tokio/tests/task_panic.rs#spawn_panic_caller
TEST(AbortTest, ATaskOutsideARuntimeEndsAtOnceWithASentence) {
  auto guard = std::make_shared<int>();
  JoinHandle<Unit> handle = Spawn(HoldForEver(guard));
  EXPECT_TRUE(handle.finished());
  EXPECT_EQ(guard.use_count(), 1);
  const Status status = *handle.TryTake();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_NE(status.message().find("Spawn"), std::string::npos) << status;
}

TEST(AbortTest, TryTakeGivesAnOutputOnce) {
  Runtime runtime = MakeCurrentThread();
  JoinHandle<int> handle = runtime.Spawn(YieldThen(3));
  EXPECT_FALSE(handle.TryTake().has_value());
  Drive(runtime);
  EXPECT_EQ(**handle.TryTake(), 3);
  EXPECT_FALSE(handle.TryTake().has_value());
}

}  // namespace
}  // namespace kioto
