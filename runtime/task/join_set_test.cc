#include "kioto/runtime/task/join_set.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/task/testing/collections.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

// All values, in the order of joining; every task must succeed.
std::vector<int> Drain(const Runtime& runtime, JoinSet<int>& set) {
  std::vector<int> all;
  EXPECT_EQ(runtime.BlockOn(ForEach(ByRef(set), [&](int& n) { all.push_back(n); })), OkStatus());
  EXPECT_TRUE(set.empty());
  return all;
}

std::vector<int> UpTo(int n) {
  std::vector<int> all;
  for (int i = 0; i < n; ++i) all.push_back(i);
  return all;
}

// behaviour: tokio/tests/task_join_set.rs#test_with_sleep
TEST(JoinSetTest, JoinsInTheOrderOfTheEnds) {
  Runtime runtime = MakePaused();
  JoinSet<int> set;
  for (int i = 0; i < 10; ++i) {
    set.SpawnOn(runtime, Ready(i));
    EXPECT_EQ(set.size(), static_cast<size_t>(i + 1));
  }
  set.DetachAll();
  EXPECT_EQ(set.size(), 0u);
  EXPECT_FALSE(runtime.BlockOn(set.JoinNext())->has_value());
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 10; ++i) {
      set.SpawnOn(runtime, Sleep((9 - i) * 1s).Then([i] { return i; }));
      EXPECT_EQ(set.size(), static_cast<size_t>(i + 1));
    }
    std::vector<int> expected = UpTo(10);
    std::reverse(expected.begin(), expected.end());
    EXPECT_EQ(Drain(runtime, set), expected);
    EXPECT_FALSE(runtime.BlockOn(set.JoinNext())->has_value());
  }
}

// As if its JoinHandle were dropped.
TEST(JoinSetTest, AFailureThatNobodyJoinedIsTold) {
  for (const bool detach : {true, false}) {
    int failures = 0;
    Runtime runtime = *RuntimeBuilder::CurrentThread()
                           .OnUnhandled([&failures](const UnhandledFailure&) { ++failures; }).Build();
    (void)runtime.BlockOn([&] {
      JoinSet<Status> set;
      set.Spawn(Ready(absl::NotFoundError("no")));
      return With(std::move(set), [&](auto& set) {
        return YieldNow().Then([&] {
          EXPECT_EQ(failures, 0);
          if (detach) set.DetachAll();
        });
      });
    });
    EXPECT_EQ(failures, 1);
  }
}

// behaviour: tokio/tests/task_join_set.rs#test_abort_on_drop
TEST(JoinSetTest, DroppingItAbortsItsTasks) {
  Runtime runtime = MakeCurrentThread();
  auto guard = std::make_shared<int>();
  {
    JoinSet<> set;
    for (int i = 0; i < 16; ++i) set.SpawnOn(runtime, HoldForEver(guard));
    Drive(runtime);
    EXPECT_EQ(guard.use_count(), 17);
  }
  Drive(runtime);
  EXPECT_EQ(guard.use_count(), 1);
  EXPECT_EQ(runtime.handle().live_tasks(), 0u);
}

// behaviour: tokio/tests/task_join_set.rs#alternating
TEST(JoinSetTest, JoinsOneAndSpawnsOne) {
  Runtime runtime = MakeCurrentThread();
  JoinSet<> set;
  set.SpawnOn(runtime, Ready(Unit{}));
  set.SpawnOn(runtime, Ready(Unit{}));
  for (int i = 0; i < 16; ++i) {
    EXPECT_TRUE(runtime.BlockOn(set.JoinNext())->value().ok());
    EXPECT_EQ(set.size(), 1u);
    set.SpawnOn(runtime, Ready(Unit{}));
    EXPECT_EQ(set.size(), 2u);
  }
}

// behaviour: tokio/tests/task_join_set.rs#runtime_gone
TEST(JoinSetTest, ATaskOfARuntimeThatIsGoneHasEnded) {
  JoinSet<> set;
  {
    Runtime gone = MakeCurrentThread();
    set.SpawnOn(gone, Ready(Unit{}));
  }
  Runtime runtime = MakeCurrentThread();
  EXPECT_TRUE(IsShutdown(runtime.BlockOn(set.JoinNext())->value()));
}

// behaviour: tokio/tests/task_join_set.rs#join_all
TEST(JoinSetTest, JoinAllGivesAllOutputs) {
  Runtime runtime = MakeCurrentThread();
  JoinSet<int> set;
  for (int i = 0; i < 5; ++i) set.SpawnOn(runtime, Ready(1));
  EXPECT_EQ(*runtime.BlockOn(std::move(set).JoinAll()), std::vector<int>(5, 1));
  JoinSet<> nothing;
  nothing.SpawnOn(runtime, Ready(OkStatus()));  // Status and nothing are one
  nothing.SpawnOn(runtime, Ready(Unit{}));
  EXPECT_EQ(runtime.BlockOn(std::move(nothing).JoinAll()), OkStatus());
}

// behaviour: tokio/tests/task_join_set.rs#task_panics
TEST(JoinSetTest, JoinAllEndsWithTheFirstErrorAndAbortsTheRest) {
  Runtime runtime = MakePaused();
  auto guard = std::make_shared<int>();
  JoinSet<int> set;
  set.SpawnOn(runtime, Sleep(2s).Then([guard] { return 1; }));
#if KIOTO_EXCEPTIONS
  set.SpawnOn(runtime, Sleep(1s).Then([]() -> int { throw std::runtime_error("broke"); }));
#else
  set.SpawnOn(runtime, Sleep(1s).Then([]() -> StatusOr<int> { return absl::InternalError("broke"); }));
#endif
  StatusOr<std::vector<int>> all = runtime.BlockOn(std::move(set).JoinAll());
  EXPECT_EQ(all.status().code(), absl::StatusCode::kInternal);
  Drive(runtime);
  EXPECT_EQ(guard.use_count(), 1);
}

// behaviour: tokio/tests/task_join_set.rs#abort_all
TEST(JoinSetTest, AbortedTasksAreJoined) {
  Runtime runtime = MakePaused();
  JoinSet<> set;
  for (int i = 0; i < 5; ++i) set.SpawnOn(runtime, Never<Unit>());
  for (int i = 0; i < 5; ++i) set.SpawnOn(runtime, Sleep(1s));
  EXPECT_EQ(runtime.BlockOn(Sleep(2s)), OkStatus());
  set.AbortAll();
  EXPECT_EQ(set.size(), 10u);
  int good = 0;
  for (int i = 0; i < 10; ++i) {
    const Status status = runtime.BlockOn(set.JoinNext())->value();
    good += status.ok();
    EXPECT_TRUE(status.ok() || kioto::IsAborted(status)) << status;
  }
  EXPECT_EQ(good, 5);
  EXPECT_TRUE(set.empty());
}

// behaviour: tokio/tests/task_join_set.rs#join_set_coop
TEST(JoinSetTest, JoiningConsumesBudget) {
  Runtime runtime = MakeCurrentThread();
  JoinSet<> set;
  for (int i = 0; i < 1000; ++i) set.SpawnOn(runtime, Ready(Unit{}));
  for (int i = 0; i < 60; ++i) Drive(runtime);
  int joined = 0;
  int polls = 0;
  PolledTask all(PollFn([&](Context& cx) -> Poll<Unit> {  // no source of budget but the set
    for (;; ++joined) {
      auto polled = set.PollNext(cx);
      if (polled.pending()) return kPending;
      if (!polled->has_value()) return Unit{};
    }
  }));
  while (all.Poll().pending()) {
    EXPECT_TRUE(all.yielded());
    ++polls;
  }
  EXPECT_EQ(joined, 1000);
  EXPECT_GE(polls, 1);
}

// behaviour: tokio/tests/task_join_set.rs#try_join_next
// behaviour: tokio/tests/task_join_set.rs#try_join_next_with_id
TEST(JoinSetTest, TryJoinNextTakesWhatHasEnded) {
  Runtime runtime = MakeCurrentThread();
  JoinSet<> set;
  auto go = std::make_shared<bool>(false);
  std::set<TaskId> spawned;
  for (int i = 0; i < 1000; ++i) {
    spawned.insert(set.SpawnOn(runtime, Loop([go] {
                                 return YieldNow().Then([go] { return *go ? Flow<>(Break()) : Flow<>(Continue()); });
                               })).id());
  }
  EXPECT_EQ(spawned.size(), 1000u);
  Drive(runtime);
  EXPECT_FALSE(set.TryJoinNext().has_value());
  EXPECT_FALSE(set.TryJoinNextWithId().has_value());
  *go = true;
  for (int i = 0; i < 200; ++i) Drive(runtime);
  for (int i = 0; i < 500; ++i) {
    auto joined = set.TryJoinNextWithId();
    ASSERT_TRUE(joined.has_value());
    EXPECT_TRUE(joined->output.ok());
    EXPECT_EQ(spawned.erase(joined->id), 1u);
  }
  for (int i = 0; i < 500; ++i) EXPECT_TRUE(set.TryJoinNext().value().ok());
  EXPECT_FALSE(set.TryJoinNext().has_value());
}

TEST(JoinSetTest, JoinNextWithIdSaysWhichOneItWas) {
  Runtime runtime = MakeCurrentThread();
  JoinSet<int> set;
  const TaskId seven = set.SpawnOn(runtime, Ready(7)).id();
  auto joined = *runtime.BlockOn(set.JoinNextWithId());
  EXPECT_EQ(joined->id, seven);
  EXPECT_EQ(*joined->output, 7);
}

TEST(JoinSetTest, AWaiterIsWokenOnceByATaskThatEnds) {
  Runtime runtime = MakeCurrentThread();
  Promise<int> first;
  Promise<int> second;
  JoinSet<int> set;
  set.SpawnOn(runtime, first.Get());
  set.SpawnOn(runtime, second.Get());
  Drive(runtime);
  PolledTask next(set.JoinNext());
  EXPECT_THAT(next.Poll(), IsPending());
  EXPECT_FALSE(set.TryJoinNext().has_value());  // does not take the waker away
  second.Set(2);
  Drive(runtime);
  EXPECT_EQ(next.wakes(), 1);
  auto polled = next.Poll();
  ASSERT_TRUE(polled.ready());
  EXPECT_EQ((*polled)->value(), 2);
  EXPECT_EQ(first.polls(), 1);
}

// check: H1
TEST(JoinSetTest, ADroppedJoinNextLosesNothing) {
  Runtime runtime = MakeCurrentThread();
  for (int polls = 0; polls < 3; ++polls) {
    JoinSet<int> set;
    Promise<int> promise;
    set.SpawnOn(runtime, promise.Get());
    {
      PolledTask next(set.JoinNext());
      for (int i = 0; i < polls; ++i) EXPECT_THAT(next.Poll(), IsPending());
      Drive(runtime);
      promise.Set(1);
      Drive(runtime);
      next.Drop();
    }
    EXPECT_EQ(*runtime.BlockOn(set.JoinNext())->value(), 1);
  }
}

TEST(JoinSetTest, DetachAllLetsAWaiterGo) { ExpectDetachAllLetsAWaiterGo<JoinSet<>>(); }

TEST(JoinSetTest, DetachedWhenTheyHaveEndedTheyAreForgotten) {
  Runtime runtime = MakeCurrentThread();
  auto output = std::make_shared<int>();
  JoinSet<std::shared_ptr<int>> set;
  set.SpawnOn(runtime, Ready(output));
  Drive(runtime);
  EXPECT_EQ(output.use_count(), 2);
  set.DetachAll();
  EXPECT_EQ(output.use_count(), 1);
  EXPECT_FALSE(set.TryJoinNext().has_value());
  set.SpawnOn(runtime, Ready(output));
  EXPECT_EQ(*runtime.BlockOn(set.JoinNext())->value(), output);
}

TEST(JoinSetTest, MovesWithItsTasks) {
  Runtime runtime = MakeCurrentThread();
  JoinSet<int> set;
  set.SpawnOn(runtime, Ready(1));
  JoinSet<int> moved(std::move(set));
  moved.SpawnOn(runtime, Ready(2));
  auto guard = std::make_shared<int>();
  JoinSet<int> assigned;
  assigned.SpawnOn(runtime, HoldForEver<int>(guard));
  assigned = std::move(moved);
  EXPECT_EQ(Drain(runtime, assigned), (std::vector<int>{1, 2}));
  Drive(runtime);
  EXPECT_EQ(guard.use_count(), 1);  // what was there was aborted
}

TEST(JoinSetTest, WhatWasMovedFromIsEmptyAndUsable) {
  Runtime runtime = MakeCurrentThread();
  JoinSet<int> set;
  set.SpawnOn(runtime, Ready(1));
  const JoinSet<int> moved(std::move(set));
  EXPECT_TRUE(set.empty());
  EXPECT_FALSE(set.TryJoinNext().has_value());
  EXPECT_FALSE(runtime.BlockOn(set.JoinNext())->has_value());
  set.AbortAll();
  set.DetachAll();
  set.SpawnOn(runtime, Ready(2));
  EXPECT_EQ(Drain(runtime, set), std::vector<int>{2});
}

TEST(JoinSetTest, TakesHandlesAndContainersOfFutures) {
  Runtime runtime = MakeCurrentThread();
  JoinSet<int> set;
  set.Insert(runtime.Spawn(Ready(1)));
  EXPECT_EQ(Drain(runtime, set), std::vector<int>{1});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(Ready(i));
  auto entered = runtime.Enter();
  JoinSet<int> all = SpawnAll(std::move(futures));
  EXPECT_EQ(Drain(runtime, all), UpTo(3));
}

TEST(JoinSetTest, SpawnsBlockingJobs) {
  Runtime runtime = MakeCurrentThread();
  JoinSet<std::thread::id> set;
  set.SpawnBlockingOn(runtime, [] { return std::this_thread::get_id(); });
  {
    auto entered = runtime.Enter();
    set.SpawnBlocking([] { return std::this_thread::get_id(); });
  }
  auto threads = *runtime.BlockOn(std::move(set).JoinAll());
  ASSERT_EQ(threads.size(), 2u);
  EXPECT_NE(threads[0], std::this_thread::get_id());
}

TEST(JoinSetTest, ManyTasksOfManyWorkers) {
  Runtime runtime = MakeMultiThread(4);
  JoinSet<int> set;
  for (int i = 0; i < 10'000; ++i) set.SpawnOn(runtime, YieldThen(i));
  std::vector<int> all = Drain(runtime, set);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, UpTo(10'000));
}

TEST(JoinSetTest, MayGoWhileItsTasksEnd) {
  Runtime runtime = MakeMultiThread(2);
  for (int round = 0; round < 200; ++round) {
    JoinSet<int> set;
    for (int i = 0; i < 10; ++i) set.SpawnOn(runtime, YieldThen(i));
    if (round % 2 == 0) set.DetachAll();
  }
}

// --- As a stream ---

// behaviour: tokio-stream/tests/join_set_stream.rs#join_set_as_stream
TEST(JoinSetTest, IsAStream) {
  Runtime runtime = MakeCurrentThread();
  JoinSet<int> set;
  static_assert(IsStream<JoinSet<int>>);
  set.SpawnOn(runtime, Ready(0));
  set.SpawnOn(runtime, Ready(1));
  std::set<int> collected;
  EXPECT_EQ(runtime.BlockOn(ForEach(std::move(set), [&](StatusOr<int>& output) { collected.insert(*output); })), OkStatus());
  EXPECT_EQ(collected, (std::set<int>{0, 1}));
}

// behaviour: tokio-stream/tests/join_set_stream.rs#size_hint_stream
TEST(JoinSetTest, IsAStreamOfKnownSize) {
  Runtime runtime = MakeCurrentThread();
  JoinSet<int> set;
  set.SpawnOn(runtime, Ready(0));
  set.SpawnOn(runtime, Ready(1));
  for (size_t left = 2; left > 0; --left) {
    EXPECT_EQ(set.size(), left);
    EXPECT_TRUE(runtime.BlockOn(Next(set))->has_value());
  }
  EXPECT_EQ(set.size(), 0u);
  EXPECT_FALSE(runtime.BlockOn(Next(set))->has_value());
}

#if KIOTO_EXCEPTIONS
// behaviour: tokio-stream/tests/join_set_stream.rs#join_set_as_stream_panics_with_error
TEST(JoinSetTest, AThrowIsAnItemOfTheStream) {
  Runtime runtime = MakeCurrentThread();
  JoinSet<int> set;
  set.SpawnOn(runtime, YieldNow().Then([]() -> int { throw std::runtime_error("broke"); }));
  auto item = *runtime.BlockOn(Next(set));
  EXPECT_TRUE(IsThrown(item->status()));
}
#endif

}  // namespace
}  // namespace kioto
