// Select, SelectBiased, Race, Case, Otherwise.
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

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

Status Bad() { return absl::NotFoundError("bad"); }

// behaviour: tokio/tests/macros_select.rs#sync_one_lit_expr_comma
TEST(SelectTest, OneCaseGivesItsHandlersValue) {
  EXPECT_THAT(PolledTask(Select(Case(Ready(1), [](int n) { return n; }))).Poll(), IsReady(1));
}

// behaviour: tokio/tests/macros_select.rs#one_ready
TEST(SelectTest, TheFirstThatIsReadyWins) {
  for (const bool first : {true, false}) {
    Promise<int> a, b;
    PolledTask task(Select(Case(a.Get(), [](int n) { return n; }), Case(b.Get(), [](int n) { return 10 * n; })));
    EXPECT_THAT(task.Poll(), IsPending());
    (first ? a : b).Set(2);
    EXPECT_EQ(task.wakes(), 1);
    EXPECT_THAT(task.Poll(), IsReady(first ? 2 : 20));
    EXPECT_TRUE((first ? b : a).dropped());
  }
}

// behaviour: tokio/tests/macros_select.rs#nested
TEST(SelectTest, HandlersMayReturnFutures) {
  PolledTask task(Select(Case(Ready(std::make_unique<int>(1)), [](std::unique_ptr<int>& one) {
    return Select(Case(PendingTimes(1, 2), [&one](int& two) { return PendingTimes(1, *one + two); }));
  }), Case(Never<int>(), [](int) { return 0; })));
  EXPECT_THAT(task.PollWhileWoken(), IsReady(3));
}

TEST(SelectTest, LosersAreDestroyedBeforeTheHandlerRuns) {
  DestructionLog log;
  Promise<int> a, b, c;
  b.Set(1);
  PolledTask task(SelectBiased(Case(a.Get("a", &log), [&](int) { log.Add("handler a"); }),
                               Case(b.Get("b", &log), [&](int) { log.Add("handler b"); }),
                               Case(c.Get("c", &log), [&](int) { log.Add("handler c"); })));
  EXPECT_THAT(task.Poll(), IsReady());
  EXPECT_EQ(log.text(), "c b a handler b");
}

TEST(SelectTest, DestroysNextThenHandlersThenArgument) {
  DestructionLog log;
  Promise<int> next;
  {
    PolledTask task(Select(Case(Ready(Tracked("argument", &log)), [&, t = Tracked("fn", &log)](Tracked&) { return next.Get("next", &log); })));
    EXPECT_THAT(task.Poll(), IsPending());
  }
  EXPECT_EQ(log.text(), "next fn argument");
}

TEST(SelectTest, UnifiesItsHandlers) {
  auto make = [](bool first) {
    return Select(Case(Ready(1), [](int) -> StatusOr<Flow<>> { return Continue(); }).When(first),
                  Case(Ready(2), [](int&) { return PendingTimes(1, Bad()); }).When(!first));
  };
  static_assert(std::is_same_v<decltype(make(true))::Output, StatusOr<Flow<>>>);
  EXPECT_FALSE((**PolledTask(make(true)).Poll()).stops());
  EXPECT_EQ((*PolledTask(make(false)).PollWhileWoken()).status(), Bad());
}

TEST(SelectTest, ACaseWithoutAHandlerGivesItsOutput) {
  EXPECT_THAT(PolledTask(Select(Case(Never<int>()), Case(Ready(4)))).Poll(), IsReady(4));
  EXPECT_THAT(PolledTask(Race(Never<int>(), PendingTimes(1, 4))).PollWhileWoken(), IsReady(4));
}

TEST(SelectTest, StartsAtARandomCase) {
  std::set<int> winners;
  for (uint64_t seed = 0; seed < 64; ++seed) {
    PolledTask task(Select(Case(Ready(1)), Case(Ready(2)), Case(Ready(3))));
    task.Seed(seed * 7919);
    winners.insert(*task.Poll());
  }
  EXPECT_EQ(winners, (std::set<int>{1, 2, 3}));
}

// How often each of the cases 1, 2, 3 wins in 3000 rounds of `select()`, whose cases are all ready.
template <class Fn>
std::vector<int> Shares(Fn select) {
  std::vector<int> wins(4);
  PolledTask task(With(0, [&](int& rounds) {
    return Loop([&] {
      return select().Map([&](int winner) -> Flow<> {
        ++wins[winner];
        return ++rounds < 3000 ? Flow<>(Continue()) : Break();
      });
    });
  }));
  EXPECT_THAT(task.PollWhileWoken(), IsReady());
  return wins;
}

// behaviour: kioto/runtime/future/select.h#cases_that_are_on_share_alike
TEST(SelectTest, CasesThatAreOnShareAlike) {
  using testing::AllOf, testing::ElementsAre, testing::Ge, testing::Le;
  const auto about = [](int n) { return AllOf(Ge(n - 150), Le(n + 150)); };  // five times the standard deviation
  EXPECT_THAT(Shares([] { return Select(Case(Ready(1)), Case(Ready(2)), Case(Ready(3))); }),
              ElementsAre(0, about(1000), about(1000), about(1000)));
  EXPECT_THAT(Shares([] { return Select(Case(Ready(1)), Case(Ready(2)), Otherwise([] { return 0; })); }),
              ElementsAre(0, about(1500), about(1500), 0));
  for (int off = 1; off <= 3; ++off) {
    const std::vector<int> wins = Shares([off] {
      return Select(Case(Ready(1)).When(off != 1), Case(Ready(2)).When(off != 2), Case(Ready(3)).When(off != 3),
                    Otherwise([] { return 0; }));
    });
    for (int i = 1; i <= 3; ++i) EXPECT_THAT(wins[i], about(i == off ? 0 : 1500)) << i << " beside " << off;
    EXPECT_EQ(wins[off], 0);
  }
}

// behaviour: tokio/tests/macros_select.rs#deterministic_select_current_thread
TEST(SelectTest, TheSameSeedMakesTheSameChoices) {
  auto choices = [](uint64_t seed) {
    std::vector<int> order;
    PolledTask task(Loop([&] {
      return Select(Case(Ready(1)), Case(Ready(2)), Case(Ready(3)), Case(Ready(4)), Case(Ready(5))).Map([&](int n) -> Flow<> {
        order.push_back(n);
        return order.size() < 10 ? Flow<>(Continue()) : Break();
      });
    }));
    task.Seed(seed);
    EXPECT_THAT(task.Poll(), IsReady());
    return order;
  };
  EXPECT_EQ(choices(5), choices(5));
  EXPECT_NE(choices(5), choices(99));
}

// behaviour: tokio/tests/macros_select.rs#biased_one_not_ready
TEST(SelectBiasedTest, PollsInOrder) {
  for (int i = 0; i < 20; ++i) {
    PolledTask task(SelectBiased(Case(Never<int>()), Case(Ready(2)), Case(Ready(3))));
    task.Seed(i);
    EXPECT_THAT(task.Poll(), IsReady(2));
  }
}

// behaviour: tokio/tests/macros_select.rs#disable_with_if
TEST(SelectTest, ACaseThatIsOffIsNeverPolled) {
  Promise<int> off, on;
  PolledTask task(Select(Case(off.Get()).When(false), Case(on.Get())));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(off.polls(), 0);
  on.Set(3);
  EXPECT_THAT(task.Poll(), IsReady(3));
  EXPECT_EQ(off.polls(), 0);
}

// behaviour: tokio/tests/macros_select.rs#no_branch_else_only
TEST(SelectTest, OtherwiseRunsIfAllAreOff) {
  EXPECT_THAT(PolledTask(Select(Otherwise([] { return 7; }))).Poll(), IsReady(7));
  EXPECT_THAT(PolledTask(SelectBiased(Case(Ready(1)).When(false), Otherwise([] { return 7; }))).Poll(), IsReady(7));
  PolledTask later(Select(Case(Ready(1)).When(false), Otherwise([s = std::make_unique<int>(7)] {
    return PendingTimes(2, 0).Map([&s](int) { return *s; });
  })));
  EXPECT_THAT(later.PollWhileWoken(), IsReady(7));
  EXPECT_THAT(PolledTask(Select(Case(Ready(1)), Otherwise([] { return 7; }))).Poll(), IsReady(1));
}

TEST(SelectDeathTest, AllOffWithoutOtherwise) {
  EXPECT_DEATH(static_cast<void>(PolledTask(Select(Case(Ready(1)).When(false))).Poll()), "kioto: every case of a Select is off");
}

// behaviour: tokio/tests/macros_select.rs#join_with_select
TEST(SelectTest, CasesAreSwitchedOffAsTheyFinish) {
  Promise<int> a, b;
  std::vector<int> got;
  PolledTask task(With(a.Get(), b.Get(), [&](auto& a, auto& b) {
    return With(false, false, [&](bool& a_done, bool& b_done) {
      return Loop([&] {
        return Select(Case(ByRef(a), [&](int n) { a_done = true; got.push_back(n); }).When(!a_done),
                      Case(ByRef(b), [&](int n) { b_done = true; got.push_back(n); }).When(!b_done),
                      Otherwise([&] { return Break(); }));
      });
    });
  }));
  EXPECT_THAT(task.Poll(), IsPending());
  b.Set(456);
  EXPECT_THAT(task.Poll(), IsPending());
  a.Set(123);
  EXPECT_THAT(task.Poll(), IsReady());
  EXPECT_EQ(got, (std::vector<int>{456, 123}));
}

// behaviour: tokio/tests/macros_select.rs#biased_eventually_ready
TEST(SelectTest, BiasedCasesFinishInTheirOrder) {
  int count = 0;
  PolledTask task(With(Ready(), YieldNow(), YieldNow(), [&](auto& one, auto& two, auto& three) {
    return Loop([&] {
      return SelectBiased(Case(ByRef(one), [&](Unit) { EXPECT_EQ(++count, 1); }).When(count < 1),
                          Case(ByRef(two), [&](Unit) { EXPECT_EQ(++count, 2); }).When(count < 2),
                          Case(ByRef(three), [&](Unit) { EXPECT_EQ(++count, 3); }).When(count < 3),
                          Otherwise([] { return Break(); }));
    });
  }));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(count, 1);
  EXPECT_THAT(task.PollWhileWoken(), IsReady());
  EXPECT_EQ(count, 3);
}

// behaviour: tokio/tests/macros_select.rs#many_branches
TEST(SelectTest, SixtyFourCases) {
  auto c = [] { return Case(Ready(1)); };
  PolledTask task(Select(c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(),
                         c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(),
                         c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(), c(),
                         c()));
  EXPECT_THAT(task.Poll(), IsReady(1));
}

// behaviour: tokio/tests/macros_select.rs#select_is_budget_aware
TEST(SelectTest, RespectsTheBudget) {
  int rounds = 0;
  PolledTask task(Loop([&] {
    return SelectBiased(Case(PollFn([](Context& cx) -> Poll<Unit> {
                          static_cast<void>(cx.ConsumeBudget());
                          return kPending;
                        })),
                        Case(Ready()))
        .Map([&](Unit) { ++rounds; });
  }));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(rounds, limits::kPollBudget);
  EXPECT_TRUE(task.yielded());
}

TEST(SelectTest, AWakeForAnyCaseIsEnough) {
  Promise<int> promises[3];
  PolledTask task(Race(promises[0].Get(), promises[1].Get(), promises[2].Get()));
  EXPECT_THAT(task.Poll(), IsPending());
  for (auto& promise : promises) EXPECT_EQ(promise.polls(), 1);
  promises[2].Set(5);
  EXPECT_THAT(task.Poll(), IsReady(5));
}

struct Losing : FutureBase<Losing, int> {
  static constexpr bool kLosesData = true;
  Poll<int> PollOnce(Context&) { return 1; }
};

TEST(SelectTest, LosingDataMustBeAccepted) {
  EXPECT_THAT(PolledTask(Select(Case(LosesData(Losing().Map([](int n) { return n; }))))).Poll(), IsReady(1));
  static_assert(LosesDataWhenDropped<Losing>);
  auto chain = Losing().Map([](int n) { return n; }).Named("x");
  static_assert(LosesDataWhenDropped<decltype(chain)>);
}

template <class F>
constexpr bool Loses(const F&) {
  return LosesDataWhenDropped<F>;
}

TEST(SelectTest, LosingDataIsPassedUp) {
  auto step = [] { return Losing(); };
  EXPECT_FALSE(Loses(With(1, [](int&) { return Ready(1); })));
  EXPECT_TRUE(Loses(With(1, [](int&) { return Losing(); })));
  EXPECT_TRUE(Loses(With(Losing(), [](Losing& losing) { return ByRef(losing); })));
  EXPECT_TRUE(Loses(Lazy(step)));
  EXPECT_TRUE(Loses(If(true, step, [] { return 1; })));
  EXPECT_TRUE(Loses(If(true, [] { return 1; }, step)));
  EXPECT_TRUE(Loses(Loop([] { return Losing().Map([](int) { return Break(); }); })));
  EXPECT_TRUE(Loses(Ready(1).Finally(step)));
  EXPECT_TRUE(Loses(Losing().Finally([] {})));
  auto on_item = [](int&) { return Losing().Map([](int) {}); };
  EXPECT_TRUE(Loses(ForEach(std::vector<int>(), on_item)));
  EXPECT_TRUE(Loses(ForEachConcurrent(std::vector<int>(), 2, on_item)));
  EXPECT_FALSE(Loses(ForEach(std::vector<int>(), [](int&) {})));
  EXPECT_TRUE(Loses(ForEach(TakeUntil(std::vector<int>(), Losing()), [](int&) {})));
  EXPECT_TRUE(Loses(Select(Case(Ready(1), [](int&) { return Losing(); }))));
  EXPECT_FALSE(Loses(Select(Case(LosesData(Losing())))));
  EXPECT_FALSE(Loses(Losing().Boxed()));  // as erased.h says
}

TEST(SelectTest, ACaseThatIsOffDoesNotMakeItsFuture) {
  int made = 0;
  auto factory = [&made] {
    ++made;
    return Ready(1);
  };
  EXPECT_THAT(PolledTask(SelectBiased(Case(false, factory), Case(Ready(2)))).Poll(), IsReady(2));
  EXPECT_EQ(made, 0);
  EXPECT_THAT(PolledTask(SelectBiased(Case(true, factory, [](int& n) { return Ready(n + 2); }), Case(Ready(2)))).Poll(),
              IsReady(3));
  EXPECT_EQ(made, 1);
  EXPECT_THAT(PolledTask(Select(Case(false, factory), Otherwise([] { return 4; }))).Poll(), IsReady(4));
}

TEST(SelectTest, AllocatesNothing) {
  auto future = Select(Case(Ready(1), [](int& n) { return Ready(n); }), Case(Never<int>(), [](int& n) { return Ready(n); }));
  internal::PollScope scope;
  const Waker none;
  Context cx(none, scope);
  base::AllocationCounter counter;
  EXPECT_TRUE(future.PollOnce(cx).ready());
  EXPECT_EQ(counter.count(), 0);
}

// check: H1
TEST(SelectTest, DropSuite) {
  RunDropSuite([](Tracked t) {
    return Select(Case(PendingTimes(2, std::move(t)), [u = Tracked()](Tracked&) { return PendingTimes(2, Tracked()); }),
                  Case(Never<Tracked>(), [u = Tracked()](Tracked&& t) { return std::move(t); }));
  });
}

#if KIOTO_EXCEPTIONS
TEST(SelectTest, AThrowingHandlerLeavesNothing) {
  const int alive = Tracked::alive();
  {
    PolledTask task(Select(Case(Ready(Tracked()), [t = Tracked()](Tracked& a) {
      if (a.lives()) throw 1;
      return PendingTimes(1, 1);
    }), Case(Never<Tracked>(), [](Tracked) { return 1; })));
    EXPECT_THROW(static_cast<void>(task.Poll()), int);
  }
  EXPECT_EQ(Tracked::alive(), alive);
}
#endif

}  // namespace
}  // namespace kioto
