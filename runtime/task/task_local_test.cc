#include "kioto/runtime/task/task_local.h"

#include <string>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/task/local_set.h"
#include "kioto/runtime/task/testing/collections.h"
#include "kioto/time/sleep.h"

namespace kioto {

KIOTO_TASK_LOCAL(int, request);
KIOTO_TASK_LOCAL(bool, flag);
KIOTO_TASK_LOCAL(std::string, text);

namespace {

using namespace std::chrono_literals;

// behaviour: tokio/tests/task_local.rs#local
TEST(TaskLocalTest, EveryTaskSeesItsOwn) {
  Runtime runtime = MakeMultiThread();
  auto body = [](int expected) {
    return Lazy([expected] {
      EXPECT_EQ(request.Get(), expected);
      return Sleep(10ms).Then([expected] {
        EXPECT_EQ(request.Get(), expected);
        request.With([expected](int& n) { EXPECT_EQ(n, expected); });
        EXPECT_TRUE(flag.Get());
      });
    });
  };
  auto one = runtime.Spawn(request.Scope(1, flag.Scope(true, body(1))));
  auto two = runtime.Spawn(flag.Scope(true, request.Scope(2, body(2))));
  EXPECT_EQ(runtime.BlockOn(TryJoin(std::move(one), std::move(two))), OkStatus());
  EXPECT_FALSE(request.IsSet());
}

TEST(TaskLocalTest, IsNotInherited) {
  Runtime runtime = MakeCurrentThread();
  EXPECT_FALSE(*runtime.BlockOn(request.Scope(1, Lazy([] { return Spawn(Lazy([] { return request.IsSet(); })); }))));
}

// Tasks that are polled inside of a scope are no part of it, and leave it as it was.
TEST(TaskLocalTest, IsNotSeenByTheOtherTasksOfALocalSet) {
  Runtime runtime = MakeCurrentThread();
  LocalSet set;
  JoinHandle<bool> other = set.SpawnLocal(Lazy([] { return request.IsSet(); }));
  JoinHandle<int> scoped = set.SpawnLocal(request.Scope(8, Lazy([] { return request.Get(); })));
  StatusOr<int> seen = runtime.BlockOn(
      request.Scope(7, set.RunUntil(TryJoin(std::move(other), std::move(scoped)).AndThen([](bool& seen_by_other, int& seen_by_scoped) {
        EXPECT_FALSE(seen_by_other);
        EXPECT_EQ(seen_by_scoped, 8);
        return request.Get();
      }))));
  EXPECT_EQ(*seen, 7);
}

TEST(TaskLocalTest, IsNotSeenByTheTasksThatABlockOnDrives) {
  auto block_on = [] {
    Runtime runtime = MakeCurrentThread();
    EXPECT_FALSE(*runtime.BlockOn([] { return Spawn(Lazy([] { return request.IsSet(); })); }));
    return *runtime.BlockOn([] { return Spawn(YieldNow()).Then([](Status&) { return request.TryGet().value_or(-1); }); });
  };
  EXPECT_EQ(request.SyncScope(7, block_on), 7);
  Runtime runtime = MakeCurrentThread();
  EXPECT_EQ(*runtime.BlockOn([&] { return SpawnBlocking([&] { return request.SyncScope(7, block_on); }); }), 7);
}

TEST(TaskLocalTest, AnInnerScopeHidesTheOuter) {
  auto seen = [] { return text.Get(); };
  PolledTask task(text.Scope("outer", Lazy([=] {
    return text.Scope("inner", Lazy(seen)).Then([=](std::string& inner) { return inner + " " + seen(); });
  })));
  EXPECT_EQ(*task.Poll(), "inner outer");
}

// behaviour: tokio/tests/task_local.rs#task_local_available_on_completion_drop
TEST(TaskLocalTest, IsThereInTheDestructorOfTheFuture) {
  struct Looks {
    explicit Looks(int* seen) : seen(seen) {}
    Looks(Looks&& other) noexcept : seen(std::exchange(other.seen, nullptr)) {}
    ~Looks() {
      if (seen != nullptr) *seen = request.TryGet().value_or(-1);
    }
    int* seen;
  };
  int completed = 0;
  PolledTask task(request.Scope(42, Lazy([looks = Looks(&completed)] {})));
  EXPECT_THAT(task.Poll(), IsReady());
  EXPECT_EQ(completed, 42);
  int dropped = 0;
  { auto never = request.Scope(7, Lazy([looks = Looks(&dropped)] {})); }
  EXPECT_EQ(dropped, 7);
}

// behaviour: tokio/tests/task_local.rs#take_value
TEST(TaskLocalTest, TheValueCanBeTaken) {
  auto future = request.Scope(1, Lazy([] {}));
  EXPECT_EQ(future.TakeValue(), 1);
  EXPECT_FALSE(future.TakeValue().has_value());
}

// behaviour: tokio/tests/task_local.rs#poll_after_take_value_should_fail
TEST(TaskLocalTest, WhatWasTakenIsNotSet) {
  auto future = request.Scope(1, Lazy([] { return request.TryGet().status(); }));
  EXPECT_EQ(future.TakeValue(), 1);
  PolledTask task(std::move(future));
  EXPECT_TRUE(absl::IsFailedPrecondition(*task.Poll()));
}

// behaviour: tokio/tests/task_local.rs#get_value
TEST(TaskLocalTest, GetCopiesIt) {
  EXPECT_EQ(request.SyncScope(1, [] { return request.Get() + *request.TryGet(); }), 2);
  EXPECT_TRUE(absl::IsFailedPrecondition(request.TryGet().status()));
}

TEST(TaskLocalTest, TryWithSaysWhenThereIsNone) {
  EXPECT_TRUE(absl::IsFailedPrecondition(request.TryWith([](int&) {})));
  EXPECT_TRUE(absl::IsFailedPrecondition(request.TryWith([](int& n) { return n; }).status()));
  request.SyncScope(5, [] {
    EXPECT_EQ(*request.TryWith([](int& n) { return ++n; }), 6);
    EXPECT_EQ(request.TryWith([](int& n) { EXPECT_EQ(n, 6); }), OkStatus());
  });
}

TEST(TaskLocalTest, LivesInTheFuture) {
  Promise<int> promise;
  DestructionLog log;
  {
    PolledTask task(text.Scope("x", promise.Get("future", &log)));
    EXPECT_THAT(task.Poll(), IsPending());
    EXPECT_FALSE(text.IsSet());  // between polls
    task.Drop();
  }
  EXPECT_EQ(log.text(), "future");
}

// check: H1
TEST(TaskLocalTest, DropSuite) {
  RunDropSuite([](Tracked t) { return text.Scope("x", PendingTimes(2, std::move(t))); }, 4, [] { EXPECT_FALSE(text.IsSet()); });
}

// behaviour: tokio/tests/task_panic.rs#local_key_get_panic_caller
TEST(TaskLocalDeathTest, ReadingWhatIsNotSetEndsTheProgram) {
  EXPECT_DEATH(request.Get(), "a task-local was read where it is not set");
}

// behaviour: tokio/tests/task_panic.rs#local_key_with_panic_caller
TEST(TaskLocalDeathTest, SoDoesWith) {
  EXPECT_DEATH(request.With([](int&) {}), "a task-local was read where it is not set");
}

}  // namespace
}  // namespace kioto
