// Then, Map, AndThen, OrElse, Inspect, Named, Apply.
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto {
namespace {

Status Bad() { return absl::NotFoundError("bad"); }

int Twice(int n) { return 2 * n; }
auto TwiceLater(int& n) { return PendingTimes(1, 2 * n); }

struct Session {
  int polls = 0;
  int Size() { return 3; }
  auto Run() { return PendingTimes(2, 7).Map([this](int n) { return n + ++polls; }); }
};

TEST(ThenTest, CallsTheStepWhenReady) {
  PolledTask task(PendingTimes(1, 20).Then([](int n) { return n + 1; }));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_THAT(task.Poll(), IsReady(21));
}

TEST(ThenTest, ChainsAFuture) {
  Promise<std::string> promise;
  int seen = 0;
  PolledTask task(Ready(5).Then([&](int& n) {
    seen = n;
    return promise.Get();
  }));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(seen, 5);
  promise.Set("done");
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_THAT(task.Poll(), IsReady(std::string("done")));
}

TEST(ThenTest, IsLazy) {
  int calls = 0;
  auto future = Ready(1).Then([&](int) { ++calls; }).Map([&] { ++calls; });
  auto moved = std::move(future);
  EXPECT_EQ(calls, 0);
  PolledTask task(std::move(moved));
  EXPECT_THAT(task.Poll(), IsReady());
  EXPECT_EQ(calls, 2);
}

TEST(ThenTest, VoidIsUnitAndArgumentsMayBeLeftOut) {
  auto future = Ready().Then([] {}).Then([](Unit) {}).Then([](Unit&) { return Ready(); }).Then([] { return 4; }).Then([] { return 5; });
  static_assert(std::is_same_v<decltype(future)::Output, int>);
  EXPECT_THAT(PolledTask(std::move(future)).Poll(), IsReady(5));
}

TEST(ThenTest, FunctionsAndMembersAreSteps) {
  EXPECT_THAT(PolledTask(Ready(4).Then(Twice)).Poll(), IsReady(8));
  PolledTask later(Ready(4).Then(&TwiceLater));
  EXPECT_THAT(later.Poll(), IsPending());
  EXPECT_THAT(later.Poll(), IsReady(8));
  EXPECT_THAT(PolledTask(Ready(Session()).Then(&Session::Size)).Poll(), IsReady(3));
  EXPECT_THAT(PolledTask(Ready(Session{9}).Then(&Session::polls)).Poll(), IsReady(9));
  EXPECT_THAT(PolledTask(Ready(std::make_unique<Session>()).Then(&Session::Size)).Poll(), IsReady(3));
  PolledTask run(Ready(Session()).Then(&Session::Run));  // the session lives while Run's future does
  EXPECT_THAT(run.PollWhileWoken(), IsReady(8));
}

TEST(ThenTest, SynchronousStepsTakeTheirArgumentByValue) {
  PolledTask task(Ready(std::make_unique<int>(3)).Then([](std::unique_ptr<int> p) { return p; }));
  auto polled = task.Poll();
  ASSERT_THAT(polled, IsReady());
  EXPECT_EQ(**polled, 3);
}

TEST(ThenTest, AsynchronousStepsBorrowTheirArgument) {
  PolledTask task(Ready(std::make_unique<int>(3)).Then([](std::unique_ptr<int>& p) {
    return PendingTimes(2, 0).Map([&p](int) { return *p; });
  }));
  EXPECT_THAT(task.PollWhileWoken(), IsReady(3));
}

TEST(ThenTest, AGenericStepGetsTheArgumentAsIs) {
  PolledTask task(Ready(3).Then([](auto& n) { return Ready(n + 1); }).Then([](auto&& n) { return n + 1; }));
  EXPECT_THAT(task.Poll(), IsReady(5));
}

TEST(ThenTest, ATupleMayBeTakenApart) {
  PolledTask task(Ready(std::tuple<int, std::string>(1, "x")).Then([](int& n, std::string& s) {
    return PendingTimes(1, 0).Map([&](int) { return s + std::to_string(n); });
  }));
  EXPECT_THAT(task.PollWhileWoken(), IsReady(std::string("x1")));
}

TEST(ThenTest, CapturesLiveUntilTheNextFutureIsDone) {
  PolledTask task(PendingTimes(1, 1).Then([owned = std::make_unique<std::string>("captured")](int&) {
    return PendingTimes(2, 0).Then([&owned](int&) { return PendingTimes(2, *owned); });
  }));
  EXPECT_THAT(task.PollWhileWoken(), IsReady(std::string("captured")));
}

TEST(ThenTest, TheFirstFutureEndsBeforeTheStepRuns) {
  DestructionLog log;
  Promise<int> promise;
  promise.Set(1);
  PolledTask task(promise.Get("first", &log).Then([&](int) { log.Add("step"); }));
  EXPECT_THAT(task.Poll(), IsReady());
  EXPECT_EQ(log.text(), "first step");
}

TEST(ThenTest, DestroysInReverseOrderOfMaking) {
  DestructionLog log;
  Promise<int> next;
  auto start = [&] {
    return Ready(Tracked("argument", &log)).Then([&log, &next, fn = Tracked("fn", &log)](Tracked&) {
      return next.Get("next", &log);
    });
  };
  {
    PolledTask task(start());
    EXPECT_THAT(task.Poll(), IsPending());
    task.Drop();
    EXPECT_EQ(log.text(), "next fn argument");
  }
  log.Clear();
  next.Set(1);
  {
    PolledTask task(start());
    EXPECT_THAT(task.Poll(), IsReady(1));
  }
  EXPECT_EQ(log.text(), "next fn argument");
}

TEST(ThenTest, AnUnstartedFutureGoesBeforeWhatTheStepOwns) {
  DestructionLog log;
  Promise<int> promise;
  {
    PolledTask task(promise.Get("first", &log).Then([fn = Tracked("fn", &log)](int) {}));
    EXPECT_THAT(task.Poll(), IsPending());
  }
  EXPECT_EQ(log.text(), "first fn");
}

// check: H1
TEST(ThenTest, DropSuite) {
  RunDropSuite([](Tracked tracked) {
    return PendingTimes(1, std::move(tracked)).Then([fn = Tracked()](Tracked& t) {
      return PendingTimes(2, 0).Map([&t](int) { return t.lives(); });
    });
  });
}

TEST(ThenTest, ANextFutureNeedNotBeMovable) {
  struct Fixed : FutureBase<Fixed, int> {
    Fixed() = default;
    Fixed(Fixed&&) = delete;
    Poll<int> PollOnce(Context&) { return 6; }
  };
  PolledTask task(Ready(1).Then([](int&) { return Fixed(); }));
  EXPECT_THAT(task.Poll(), IsReady(6));
}

TEST(ThenTest, AllocatesNothing) {
  base::AllocationCounter counter;
  auto future = Ready(1).Then([](int& n) { return Ready(n + 1); }).Map(Twice).Then([](int& n) { return Ready(StatusOr<int>(n)); }).AndThen([](int n) { return n; });
  internal::PollScope scope;
  const Waker none;
  Context cx(none, scope);
  EXPECT_TRUE(future.PollOnce(cx).ready());
  EXPECT_EQ(counter.count(), 0);
}

TEST(AndThenTest, GoesOnWhenGood) {
  PolledTask status(Ready(OkStatus()).AndThen([] { return 3; }));
  auto polled = status.Poll();
  ASSERT_THAT(polled, IsReady());
  static_assert(std::is_same_v<decltype(status)::Output, StatusOr<int>>);
  EXPECT_EQ(**polled, 3);

  PolledTask value(PendingTimes(1, StatusOr<int>(3)).AndThen([](int& n) { return PendingTimes(1, OkStatus()).Map([&n](Status) { return n; }); }));
  auto last = value.PollWhileWoken();
  ASSERT_THAT(last, IsReady());
  EXPECT_EQ(**last, 3);
}

TEST(AndThenTest, LetsErrorsBy) {
  int calls = 0;
  PolledTask value(Ready(StatusOr<int>(Bad())).AndThen([&](int) { ++calls; }).AndThen([&] { return Ready(++calls); }));
  auto polled = value.Poll();
  ASSERT_THAT(polled, IsReady());
  EXPECT_EQ((*polled).status(), Bad());
  EXPECT_EQ(calls, 0);
}

TEST(AndThenTest, GivesStatusForNothingAndFlattens) {
  auto nothing = Ready(StatusOr<int>(3)).AndThen([](int) {});
  static_assert(std::is_same_v<decltype(nothing)::Output, Status>);
  auto status = Ready(StatusOr<int>(3)).AndThen([](int&) { return Ready(Bad()); });
  static_assert(std::is_same_v<decltype(status)::Output, Status>);
  EXPECT_EQ(*PolledTask(std::move(status)).Poll(), Bad());
  auto flat = Ready(OkStatus()).AndThen([] { return StatusOr<std::string>("x"); });
  static_assert(std::is_same_v<decltype(flat)::Output, StatusOr<std::string>>);
  auto go_on = Ready(OkStatus()).AndThen([] { return Continue(); });
  static_assert(std::is_same_v<decltype(go_on)::Output, StatusOr<Flow<>>>);
}

TEST(AndThenTest, MoveOnlyValues) {
  PolledTask task(Ready(StatusOr<std::unique_ptr<int>>(std::make_unique<int>(4)))
                      .AndThen([](std::unique_ptr<int> p) { return p; })
                      .AndThen([](std::unique_ptr<int>& p) { return PendingTimes(1, *p); }));
  auto polled = task.PollWhileWoken();
  EXPECT_EQ(**polled, 4);
}

// check: H1
TEST(AndThenTest, DropSuite) {
  RunDropSuite([](Tracked tracked) {
    return PendingTimes(1, StatusOr<Tracked>(std::move(tracked))).AndThen([](Tracked& t) {
      return PendingTimes(2, OkStatus()).AndThen([&t] { return t.lives(); });
    });
  });
}

TEST(OrElseTest, RecoversOrLetsValuesBy) {
  PolledTask good(Ready(StatusOr<int>(3)).OrElse([](Status) { return 4; }));
  EXPECT_EQ(**good.Poll(), 3);
  PolledTask bad(Ready(StatusOr<int>(Bad())).OrElse([](Status& s) { return PendingTimes(1, s == Bad() ? 4 : 5); }));
  EXPECT_EQ(**bad.PollWhileWoken(), 4);
  PolledTask other(Ready(StatusOr<int>(Bad())).OrElse([](Status&) { return absl::DataLossError("worse"); }));
  EXPECT_TRUE(absl::IsDataLoss((*other.Poll()).status()));
  PolledTask status(Ready(Bad()).OrElse([] {}));
  EXPECT_TRUE((*status.Poll()).ok());
}

// check: H1
TEST(OrElseTest, DropSuite) {
  RunDropSuite([](Tracked tracked) {
    return PendingTimes(1, Bad()).OrElse([t = std::move(tracked)](Status&) { return PendingTimes(2, OkStatus()); });
  });
}

TEST(InspectTest, LooksOn) {
  int seen = 0;
  PolledTask task(PendingTimes(1, 4).Inspect([&](const int& n) { seen = n; }).Named("four"));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(seen, 0);
  EXPECT_THAT(task.Poll(), IsReady(4));
  EXPECT_EQ(seen, 4);
  EXPECT_STREQ(Ready(1).Named("one").name(), "one");
}

TEST(ApplyTest, CallsTheAdaptor) {
  auto add_one = [](auto future) { return std::move(future).Map([](int n) { return n + 1; }); };
  EXPECT_THAT(PolledTask(Ready(1).Apply(add_one).Apply(add_one)).Poll(), IsReady(3));
}

struct Bound : FutureBase<Bound, StatusOr<int>> {
  static constexpr bool kLocal = true;
  Poll<StatusOr<int>> PollOnce(Context&) { return StatusOr<int>(1); }
};

template <class F>
constexpr bool IsLocal(const F&) {
  return IsLocalFuture<F>;
}

TEST(LocalTest, IsPassedUp) {
  auto step = [] { return Bound(); };
  EXPECT_FALSE(IsLocal(Ready(1).Then([](int&) { return Ready(1); })));
  EXPECT_TRUE(IsLocal(Bound().Then([](auto&) {})));
  EXPECT_TRUE(IsLocal(Ready(1).Then(step)));
  EXPECT_TRUE(IsLocal(Bound().AndThen([](int&) { return Ready(1); }).OrElse([](Status&) { return 1; })));
  EXPECT_TRUE(IsLocal(Bound().Finally([] {}).Inspect([](auto&) {}).Named("x")));
  EXPECT_TRUE(IsLocal(Ready(1).Finally(step)));
  EXPECT_TRUE(IsLocal(With(1, [](int&) { return Bound(); })));
  EXPECT_TRUE(IsLocal(Lazy(step)));
  EXPECT_TRUE(IsLocal(If(true, step, [] { return 1; })));
  EXPECT_TRUE(IsLocal(Loop([] { return Bound().AndThen([](int) { return Break(); }); })));
  EXPECT_TRUE(IsLocal(Bound().Boxed()));
}

#if KIOTO_EXCEPTIONS
TEST(ThenTest, AThrowingStepLeavesNothing) {
  const int alive = Tracked::alive();
  {
    PolledTask task(PendingTimes(1, Tracked()).Then([fn = Tracked()](Tracked& t) {
      if (t.lives()) throw 7;
      return PendingTimes(1, 0);
    }));
    EXPECT_THAT(task.Poll(), IsPending());
    EXPECT_THROW(static_cast<void>(task.Poll()), int);
  }
  {
    PolledTask task(Ready(Tracked()).Map([fn = Tracked()](Tracked& t) {
      if (t.lives()) throw 7;
    }));
    EXPECT_THROW(static_cast<void>(task.Poll()), int);
  }
  EXPECT_EQ(Tracked::alive(), alive);
}
#endif

}  // namespace
}  // namespace kioto
