// Loop, If, and how outputs are unified.
#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto {
namespace {

using internal::Unify;

Status Bad() { return absl::NotFoundError("bad"); }

template <class A, class B, class C>
constexpr bool UnifiesTo() {
  return std::is_same_v<Unify<A, B>, C> && std::is_same_v<Unify<B, A>, C>;
}

static_assert(UnifiesTo<int, int, int>());
static_assert(UnifiesTo<Status, StatusOr<int>, StatusOr<int>>());
static_assert(UnifiesTo<ContinueFlow, Flow<int>, Flow<int>>());
static_assert(UnifiesTo<Unit, Flow<int>, Flow<int>>());
static_assert(UnifiesTo<Unit, ContinueFlow, ContinueFlow>());
static_assert(UnifiesTo<Unit, Status, Status>());
static_assert(UnifiesTo<Status, Flow<>, StatusOr<Flow<>>>());
static_assert(UnifiesTo<Status, Flow<int>, StatusOr<Flow<int>>>());
static_assert(UnifiesTo<Status, ContinueFlow, StatusOr<Flow<>>>());
static_assert(UnifiesTo<StatusOr<Flow<int>>, Flow<int>, StatusOr<Flow<int>>>());
static_assert(UnifiesTo<StatusOr<Flow<int>>, ContinueFlow, StatusOr<Flow<int>>>());
static_assert(UnifiesTo<StatusOr<Flow<int>>, Status, StatusOr<Flow<int>>>());
static_assert(UnifiesTo<StatusOr<int>, int, StatusOr<int>>());
static_assert(UnifiesTo<int, Unit, internal::Mismatch>());
static_assert(UnifiesTo<int, std::string, internal::Mismatch>());
static_assert(UnifiesTo<StatusOr<int>, StatusOr<std::string>, internal::Mismatch>());
static_assert(UnifiesTo<int, internal::Poison, internal::Poison>());
static_assert(std::is_same_v<Unify<Unit, Status, Flow<int>, StatusOr<Flow<int>>>, StatusOr<Flow<int>>>);

TEST(ConvertTest, KeepsTheMeaning) {
  using internal::Convert;
  EXPECT_EQ(Convert<Status>(Unit{}), OkStatus());
  EXPECT_EQ(Convert<StatusOr<int>>(Bad()).status(), Bad());
  EXPECT_EQ(*Convert<StatusOr<int>>(4), 4);
  EXPECT_FALSE(Convert<StatusOr<Flow<int>>>(OkStatus())->stops());
  EXPECT_EQ(Convert<StatusOr<Flow<int>>>(Bad()).status(), Bad());
  EXPECT_FALSE(Convert<Flow<int>>(Unit{}).stops());
  EXPECT_EQ(*Convert<Flow<int>>(Break(3)), 3);
  auto flow = Convert<StatusOr<Flow<int>>>(StatusOr<ContinueFlow>(Continue()));
  EXPECT_FALSE(flow->stops());
  EXPECT_TRUE(Convert<StatusOr<Unit>>(OkStatus()).ok());
}

// An OK has no T: an error that says so, not absl's abort.
TEST(ConvertTest, AnOkStatusIsNoValue) {
  const StatusOr<int> none = internal::Convert<StatusOr<int>>(OkStatus());
  EXPECT_EQ(none.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(none.status().message()), testing::HasSubstr("kioto: a branch gave an OK Status"));
  const auto branches = [](bool first) {
    return *PolledTask(If(first, [] { return OkStatus(); }, []() -> StatusOr<int> { return 3; })).Poll();
  };
  EXPECT_EQ(branches(true).status(), none.status());
  EXPECT_EQ(*branches(false), 3);
  auto select = Select(Case(Ready(1), [](int&) { return Ready(OkStatus()); }), Case(Never<int>(), [](int n) { return StatusOr<int>(n); }));
  EXPECT_EQ(PolledTask(std::move(select)).Poll()->status(), none.status());
}

TEST(FlowTest, BreaksAndContinues) {
  EXPECT_TRUE(Break().stops());
  EXPECT_EQ(*Break(std::string("x")), "x");
  Flow<int64_t> wide = Break(3);
  EXPECT_EQ(*wide, 3);
  Flow<std::unique_ptr<int>> none = Continue();
  EXPECT_FALSE(none.stops());
  Flow<> either = wide.stops() ? Break() : Continue();
  EXPECT_TRUE(either.stops());
  StatusOr<Flow<>> go_on = Continue();
  EXPECT_FALSE(go_on->stops());
}

TEST(IfTest, CallsOneBranchAtTheFirstPoll) {
  for (bool condition : {true, false}) {
    int a = 0, b = 0;
    auto future = If(condition, [&] { return PendingTimes(1, ++a); }, [&] { return ++b + 10; });
    static_assert(std::is_same_v<decltype(future)::Output, int>);
    EXPECT_EQ(a + b, 0);
    PolledTask task(std::move(future));
    EXPECT_THAT(task.PollWhileWoken(), IsReady(condition ? 1 : 11));
    EXPECT_EQ(a, condition ? 1 : 0);
    EXPECT_EQ(b, condition ? 0 : 1);
  }
}

TEST(IfTest, UnifiesItsBranches) {
  auto write = [] { return PendingTimes(1, Bad()); };
  auto stop_or_write = [&](bool stop) { return PolledTask(If(stop, Break, write)).PollWhileWoken(); };
  EXPECT_TRUE((**stop_or_write(true)).stops());
  EXPECT_EQ((*stop_or_write(false)).status(), Bad());
  PolledTask nothing(If(false, write));
  EXPECT_THAT(nothing.Poll(), IsReady(OkStatus()));
}

TEST(IfTest, DropsTheOtherBranchAtOnce) {
  DestructionLog log;
  auto future = If(true, [t = Tracked("a", &log)] { return 1; }, [t = Tracked("b", &log)] { return 2; });
  EXPECT_EQ(log.text(), "b");
  EXPECT_THAT(PolledTask(std::move(future)).Poll(), IsReady(1));
}

TEST(IfTest, ABranchKeepsItsCaptures) {
  PolledTask task(If(true, [s = std::make_unique<int>(4)] { return PendingTimes(2, 0).Map([&s](int) { return *s; }); }, [] { return 0; }));
  EXPECT_THAT(task.PollWhileWoken(), IsReady(4));
}

// check: H1
TEST(IfTest, DropSuite) {
  for (bool condition : {true, false}) {
    RunDropSuite([condition](Tracked t) {
      return If(condition, [t = std::move(t)] { return PendingTimes(2, 1); }, [u = Tracked()] { return PendingTimes(1, 2); });
    });
  }
}

TEST(LoopTest, RepeatsUntilBreak) {
  int rounds = 0;
  auto future = Loop([&] { return PendingTimes(1, 0).Map([&](int) -> Flow<std::string> {
    if (++rounds < 3) return Continue();
    return Break("done");
  }); });
  static_assert(std::is_same_v<decltype(future)::Output, std::string>);
  PolledTask task(std::move(future));
  EXPECT_THAT(task.PollWhileWoken(), IsReady(std::string("done")));
  EXPECT_EQ(rounds, 3);
  EXPECT_EQ(task.wakes(), 3);
}

TEST(LoopTest, ErrorsEndIt) {
  int rounds = 0;
  auto future = Loop([&] { return Ready(++rounds < 4 ? OkStatus() : Bad()); });
  static_assert(std::is_same_v<decltype(future)::Output, Status>);
  EXPECT_THAT(PolledTask(std::move(future)).Poll(), IsReady(Bad()));
  EXPECT_EQ(rounds, 4);

  auto value = Loop([&]() -> StatusOr<Flow<int>> { return Bad(); });
  static_assert(std::is_same_v<decltype(value)::Output, StatusOr<int>>);
  EXPECT_EQ((*PolledTask(std::move(value)).Poll()).status(), Bad());
  auto broken = Loop([&]() -> StatusOr<Flow<int>> { return Break(3); });
  EXPECT_EQ(**PolledTask(std::move(broken)).Poll(), 3);
  auto unit = Loop([&]() -> StatusOr<Flow<>> { return Break(); });
  static_assert(std::is_same_v<decltype(unit)::Output, Status>);
  EXPECT_THAT(PolledTask(std::move(unit)).Poll(), IsReady(OkStatus()));
}

TEST(LoopTest, ABodyThatIsAlwaysReadyStopsForBreath) {
  int rounds = 0;
  PolledTask task(Loop([&] {
    ++rounds;
    return Ready();
  }));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(rounds, limits::kPollBudget + 1);
  EXPECT_TRUE(task.yielded());
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_GT(rounds, 2 * limits::kPollBudget);
}

TEST(LoopTest, ARoundWhoseLeavesPaidPaysNoMore) {
  int rounds = 0;
  PolledTask task(Loop([&] {
    return PollFn([&](Context& cx) -> Poll<Unit> {
      if (!cx.ConsumeBudget()) return kPending;
      ++rounds;
      return Unit{};
    });
  }));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(rounds, limits::kPollBudget);
}

TEST(LoopTest, ALoopOfAMillionRoundsIsFlat) {
  int rounds = 0;
  PolledTask task(Loop([&]() -> Flow<> {
    if (++rounds < 1000000) return Continue();
    return Break();
  }));
  EXPECT_THAT(task.PollWhileWoken(1000000), IsReady());
}

TEST(LoopTest, EachRoundEndsBeforeTheNextBegins) {
  DestructionLog log;
  int round = 0;
  Promise<int> promises[2] = {};
  PolledTask task(Loop([&] {
    log.Add("begin");
    const int i = round++;
    return promises[i].Get("end", &log).Map([i](int) -> Flow<> {
      if (i == 1) return Break();
      return Continue();
    });
  }));
  EXPECT_THAT(task.Poll(), IsPending());
  promises[0].Set(0);
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(log.text(), "begin end begin");
  promises[1].Set(0);
  EXPECT_THAT(task.Poll(), IsReady());
  EXPECT_EQ(log.text(), "begin end begin end");
}

TEST(LoopTest, AllocatesNothing) {
  int left = 50;
  auto future = Loop([&] {
    return Ready(StatusOr<int>(left--)).AndThen([](int& n) { return If(n == 0, Break, [] { return OkStatus(); }); });
  });
  internal::PollScope scope;
  const Waker none;
  Context cx(none, scope);
  base::AllocationCounter counter;
  EXPECT_TRUE(future.PollOnce(cx).ready());
  EXPECT_EQ(counter.count(), 0);
}

// check: H1
TEST(LoopTest, DropSuite) {
  RunDropSuite([](Tracked t) {
    return Loop([t = std::move(t), n = 0]() mutable {
      return PendingTimes(1, Tracked()).Map([&n](Tracked) -> Flow<> {
        if (++n == 3) return Break();
        return Continue();
      });
    });
  });
}

#if KIOTO_EXCEPTIONS
TEST(LoopTest, AThrowingRoundLeavesNothing) {
  const int alive = Tracked::alive();
  {
    PolledTask task(Loop([t = Tracked()] { return PendingTimes(1, 0).Map([](int n) { if (n == 0) throw 1; }); }));
    EXPECT_THAT(task.Poll(), IsPending());
    EXPECT_THROW(static_cast<void>(task.Poll()), int);
  }
  EXPECT_EQ(Tracked::alive(), alive);
}
#endif

}  // namespace
}  // namespace kioto
