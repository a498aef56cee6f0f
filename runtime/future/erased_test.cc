// Future<T> and LocalFuture<T>; and the sources: Ready, Never, PollFn, Lazy, OnDrop, YieldNow, Unconstrained.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/budget.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto {
namespace {

Status Bad() { return absl::NotFoundError("bad"); }

Future<StatusOr<std::string>> Lookup(int key) {
  if (key < 0) return Bad();
  if (key == 0) return "zero";
  return PendingTimes(1, key).Map([](int n) { return StatusOr<std::string>(std::to_string(n)); });
}

TEST(FutureTest, HoldsAValueOrAFuture) {
  EXPECT_EQ((*PolledTask(Lookup(-1)).Poll()).status(), Bad());
  EXPECT_EQ(**PolledTask(Lookup(0)).Poll(), "zero");
  PolledTask task(Lookup(7));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(**task.Poll(), "7");
}

TEST(FutureTest, ConvertsItsOutput) {
  auto status = []() -> Future<Status> { return Ready(); };
  EXPECT_THAT(PolledTask(status()).Poll(), IsReady(OkStatus()));
  auto value = []() -> Future<StatusOr<int>> { return Ready(3); };
  EXPECT_EQ(**PolledTask(value()).Poll(), 3);
  auto unit = []() -> Future<StatusOr<Unit>> { return Ready(OkStatus()); };
  EXPECT_TRUE((*PolledTask(unit()).Poll()).ok());
  auto none = []() -> Future<void> { return Ready(); };
  EXPECT_THAT(PolledTask(none()).Poll(), IsReady(Unit{}));
  Future<> same = none();
  Future<void> again = std::move(same);
  EXPECT_THAT(PolledTask(std::move(again)).Poll(), IsReady(Unit{}));
}

// absl's StatusOr would abort.
TEST(FutureTest, AnOkStatusForAValueIsAnError) {
  Future<StatusOr<int>> none = OkStatus();
  EXPECT_EQ((*PolledTask(std::move(none)).Poll()).status().code(), absl::StatusCode::kInternal);
  LocalFuture<StatusOr<int>> local = OkStatus();
  EXPECT_EQ((*PolledTask(std::move(local)).Poll()).status().code(), absl::StatusCode::kInternal);
  Future<StatusOr<Flow<>>> once_more = OkStatus();
  EXPECT_FALSE((*PolledTask(std::move(once_more)).Poll())->stops());
}

TEST(FutureTest, AReadyValueAllocatesNothingAndAFutureOnce) {
  base::AllocationCounter counter;
  Future<int> ready = 3;
  Future<int> moved = std::move(ready);
  EXPECT_EQ(counter.count(), 0);
  Future<int> boxed = PendingTimes(1, 3).Then([](int& n) { return PendingTimes(1, n); });
  EXPECT_LE(counter.count(), 1);  // 0 if the memory came from the cache
  Future<int> again = std::move(boxed).Boxed();
  EXPECT_LE(counter.count(), 1);
}

TEST(FutureTest, MovesAfterAPoll) {
  Promise<int> promise;
  Future<int> first = promise.Get();
  internal::PollScope scope;
  CountingWaker waker;
  Context cx(waker.waker(), scope);
  EXPECT_TRUE(first.PollOnce(cx).pending());
  Future<int> second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT: empty after a move
  EXPECT_TRUE(second);
  promise.Set(4);
  EXPECT_EQ(waker.wakes(), 1);
  EXPECT_THAT(second.PollOnce(cx), IsReady(4));
  EXPECT_FALSE(second);
  EXPECT_TRUE(promise.dropped());
}

TEST(FutureTest, AssignmentDropsWhatWasThere) {
  Promise<int> promise;
  Future<int> future = promise.Get();
  future = Future<int>(5);
  EXPECT_TRUE(promise.dropped());
  EXPECT_THAT(PolledTask(std::move(future)).Poll(), IsReady(5));
}

TEST(FutureTest, HoldsOveralignedAndMoveOnly) {
  struct alignas(64) Wide {
    std::unique_ptr<int> p = std::make_unique<int>(3);
  };
  Future<std::unique_ptr<int>> future = PendingTimes(1, 0).Map([wide = Wide()](int) mutable {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(&wide) % 64, 0u);
    return std::move(wide.p);
  });
  PolledTask task(std::move(future));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(**task.Poll(), 3);
}

TEST(FutureTest, HasTheMembers) {
  PolledTask task(Future<int>(3).Then([](int& n) { return Ready(n + 1); }).Map([](int n) { return 2 * n; }));
  EXPECT_THAT(task.Poll(), IsReady(8));
}

struct Bound : FutureBase<Bound, int> {
  static constexpr bool kLocal = true;
  Poll<int> PollOnce(Context&) { return 1; }
};

TEST(LocalFutureTest, TakesWhatMustStay) {
  LocalFuture<int> local = Bound();
  EXPECT_THAT(PolledTask(std::move(local)).Poll(), IsReady(1));
  static_assert(IsLocalFuture<LocalFuture<int>>);
  static_assert(!IsLocalFuture<Future<int>>);
  LocalFuture<int> from = Future<int>(PendingTimes(0, 2));
  EXPECT_THAT(PolledTask(std::move(from)).Poll(), IsReady(2));
}

// check: H1
TEST(FutureTest, DropSuite) {
  RunDropSuite([](Tracked t) -> Future<Tracked> { return PendingTimes(2, std::move(t)); });
  RunDropSuite([](Tracked t) { return Future<Tracked>(std::move(t)); });
}

TEST(FutureDeathTest, IsNotDestroyedInsideItsOwnPoll) {
  std::optional<Future<int>> future;
  auto poll_and_reset = [&] {
    future.emplace(PollFn([&](Context&) -> Poll<int> {
      future.reset();
      return 1;
    }));
    internal::PollScope scope;
    const Waker none;
    Context cx(none, scope);
    static_cast<void>(future->PollOnce(cx));
  };
  EXPECT_DEATH(poll_and_reset(), "kioto: a Future was destroyed inside its own poll");
}

TEST(FutureDeathTest, IsNotPolledWhenEmpty) {
  EXPECT_DEATH(static_cast<void>(PolledTask(Future<int>()).Poll()), "kioto: a Future was polled that is empty");
}

#if KIOTO_EXCEPTIONS
TEST(FutureTest, AThrowLeavesItDestructible) {
  const int alive = Tracked::alive();
  {
    PolledTask task(Future<int>(PollFn([t = Tracked()](Context&) -> Poll<int> { throw 3; })));
    EXPECT_THROW(static_cast<void>(task.Poll()), int);
  }
  EXPECT_EQ(Tracked::alive(), alive);
}
#endif

TEST(ReadyTest, GivesItsValueOnce) {
  EXPECT_THAT(PolledTask(Ready(std::string("x"))).Poll(), IsReady(std::string("x")));
  EXPECT_THAT(PolledTask(Ready()).Poll(), IsReady());
  EXPECT_THAT(PolledTask(Never<int>()).Poll(), IsPending());
}

// check: H1
TEST(LazyTest, MakesItsFutureAtTheFirstPoll) {
  int calls = 0;
  PolledTask task(Lazy([&, s = std::make_unique<int>(4)] {
    ++calls;
    return PendingTimes(1, 0).Map([&s](int) { return *s; });
  }));
  EXPECT_EQ(calls, 0);
  EXPECT_THAT(task.PollWhileWoken(), IsReady(4));
  EXPECT_EQ(calls, 1);
  EXPECT_THAT(PolledTask(Lazy([] { return 3; })).Poll(), IsReady(3));
  EXPECT_THAT(PolledTask(Lazy([] {})).Poll(), IsReady(Unit{}));
  RunDropSuite([](Tracked t) { return Lazy([t = std::move(t)] { return PendingTimes(2, Tracked()); }); });
}

TEST(OnDropTest, RunsIffDroppedBeforeReady) {
  int dropped = 0;
  auto make = [&] { return OnDrop(PendingTimes(1, 1), [&] { ++dropped; }); };
  { auto unpolled = make(); }
  EXPECT_EQ(dropped, 1);
  {
    PolledTask task(make());
    EXPECT_THAT(task.Poll(), IsPending());
  }
  EXPECT_EQ(dropped, 2);
  {
    PolledTask task(make());
    EXPECT_THAT(task.PollWhileWoken(), IsReady(1));
  }
  EXPECT_EQ(dropped, 2);
}

// check: H1
TEST(OnDropTest, TheFutureEndsFirst) {
  DestructionLog log;
  Promise<int> promise;
  { PolledTask task(OnDrop(promise.Get("future", &log), [&] { log.Add("cleanup"); })); }
  EXPECT_EQ(log.text(), "future cleanup");
  RunDropSuite([](Tracked t) { return OnDrop(PendingTimes(2, 1), [t = std::move(t)] {}); });
}

// behaviour: tokio/tests/task_yield_now.rs#yield_now_outside_of_runtime
TEST(YieldNowTest, IsPendingOnce) {
  PolledTask task(YieldNow());
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_TRUE(task.yielded());
  EXPECT_EQ(task.wakes(), 0);  // a yield is no wake
  EXPECT_THAT(task.Poll(), IsReady());
}

// check: H1
TEST(WrappersTest, DropSuite) {
  const auto slow = [](Tracked t) { return PendingTimes(2, std::move(t)); };
  RunDropSuite([&](Tracked t) { return Unconstrained(slow(std::move(t))); });
  RunDropSuite([&](Tracked t) { return Cooperative(slow(std::move(t))); });
  RunDropSuite([&](Tracked t) { return LosesData(slow(std::move(t))); });
  RunDropSuite([&](Tracked t) { return slow(std::move(t)).Named("named"); });
  RunDropSuite([&](Tracked t) { return slow(Tracked()).Inspect([t = std::move(t)](const Tracked&) {}); });
  RunDropSuite([&](Tracked t) { return slow(std::move(t)).Map([](Tracked&& t) { return std::move(t); }); });
  RunDropSuite([](Tracked t) { return PollFn([t = std::move(t)](Context&) -> Poll<int> { return kPending; }); });
  RunDropSuite([](Tracked t) { return Ready(std::move(t)); });
}

// check: H1
TEST(LeavesTest, DropSuite) {
  RunDropSuite([] { return YieldNow(); });
  RunDropSuite([] { return Never<Tracked>(); });
  RunDropSuite([] { return ConsumeBudget(); });
  RunDropSuite([] { return HasBudgetRemaining(); });
}

// Of a future that is kept: who polls it ByRef, and is dropped, leaves it where it has come to.
// check: H1
TEST(WrappersTest, AByRefThatIsDroppedLosesNothing) {
  for (int polls = 0; polls <= 3; ++polls) {
    auto kept = PendingTimes(3, 7);
    {
      PolledTask dropped(ByRef(kept));
      for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
    }
    PolledTask next(ByRef(kept));
    for (int i = polls; i < 3; ++i) EXPECT_THAT(next.Poll(), IsPending());
    EXPECT_THAT(next.Poll(), IsReady(7));
  }
}

auto TakeUnits(int n, int& taken) {
  return PollFn([n, &taken](Context& cx) -> Poll<int> {
    for (int i = 0; i < n; ++i) {
      if (!cx.ConsumeBudget()) return kPending;
      ++taken;
    }
    return n;
  });
}

TEST(UnconstrainedTest, HasNoBudget) {
  int taken = 0;
  PolledTask bounded(TakeUnits(1000, taken));
  EXPECT_THAT(bounded.Poll(), IsPending());
  EXPECT_EQ(taken, limits::kPollBudget);
  taken = 0;
  PolledTask free(Unconstrained(TakeUnits(1000, taken)));
  EXPECT_THAT(free.Poll(), IsReady(1000));
  EXPECT_EQ(free.budget_used(), 0);
}

}  // namespace
}  // namespace kioto
