// With, Finally, ByRef, and the checks of what is borrowed and moved.
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/internal/borrow.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto {
namespace {

Status Bad() { return absl::NotFoundError("bad"); }

TEST(WithTest, HoldsStatesBesideTheFuture) {
  int copied = 5;
  PolledTask task(With(std::make_unique<int>(1), std::string("x"), copied, [](std::unique_ptr<int>& p, std::string& s, int& n) {
    return PendingTimes(2, 0).Then([&](int&) {
      s += "y";
      ++n;
      return PendingTimes(1, s + std::to_string(*p + n));
    });
  }));
  EXPECT_THAT(task.PollWhileWoken(), IsReady(std::string("xy7")));
  EXPECT_EQ(copied, 5);
}

TEST(WithTest, CallsAtTheFirstPollWhereTheStatesStay) {
  int calls = 0;
  auto future = With(Tracked(), [&](Tracked& t) {
    ++calls;
    return PendingTimes(2, 0).Map([&t](int) { return t.lives(); });
  });
  EXPECT_EQ(calls, 0);
  PolledTask task(std::move(future));
  EXPECT_THAT(task.PollWhileWoken(), IsReady(true));
  EXPECT_EQ(calls, 1);
}

TEST(WithTest, TakesMembersAndSynchronousFunctions) {
  struct Session {
    std::string name;
    auto Run() { return PendingTimes(1, 0).Map([this](int) { return name; }); }
  };
  EXPECT_THAT(PolledTask(With(Session{"a"}, &Session::Run)).PollWhileWoken(), IsReady(std::string("a")));
  EXPECT_THAT(PolledTask(With(Session{"b"}, [](Session& x) { return x.Run(); })).PollWhileWoken(), IsReady(std::string("b")));
  EXPECT_THAT(PolledTask(With(3, [](int& n) { return n + 1; })).Poll(), IsReady(4));
  EXPECT_THAT(PolledTask(With(3, [](int&) {})).Poll(), IsReady(Unit{}));
  EXPECT_THAT(PolledTask(With([] { return Ready(4); })).Poll(), IsReady(4));
}

TEST(WithTest, DestroysInReverseOrderOfMaking) {
  DestructionLog log;
  Promise<int> promise;
  {
    PolledTask task(With(Tracked("first", &log), Tracked("second", &log),
                         [&promise, &log, fn = Tracked("fn", &log)](Tracked&, Tracked&) { return promise.Get("future", &log); }));
    EXPECT_THAT(task.Poll(), IsPending());
  }
  EXPECT_EQ(log.text(), "future fn second first");
}

// check: H1
TEST(WithTest, DropSuite) {
  RunDropSuite([](Tracked t) {
    return With(std::move(t), Tracked(), [](Tracked& a, Tracked& b) {
      return With(Tracked(), [&](Tracked& c) { return PendingTimes(3, 0).Map([&](int) { return a.lives() && b.lives() && c.lives(); }); });
    });
  });
}

#if KIOTO_CHECK_BORROWS
auto BorrowLocal() {
  int local = 5;
  const int* volatile pointer = &local;
  return With(const_cast<const int*>(pointer), [](const int*& p) { return PendingTimes(1, *p); });
}

TEST(WithDeathTest, RefusesToBorrowFromTheStackOfAStep) {
  auto borrow_local = [] { return Ready(1).Then([](int&) { return BorrowLocal(); }); };
  EXPECT_DEATH(static_cast<void>(PolledTask(borrow_local()).Poll()), "kioto: a future borrows from the stack of a step");
  int outside = 5;
  EXPECT_THAT(PolledTask(With(&outside, [](int*& p) { return Ready(*p); })).Poll(), IsReady(5));
  std::string text = "abc";
  EXPECT_THAT(PolledTask(With(absl::string_view(text), [](absl::string_view& v) { return Ready(v.size()); })).Poll(), IsReady(size_t{3}));
}

#endif

#if KIOTO_DEBUG
TEST(PinDeathTest, AFutureIsNotMovedAfterItsFirstPoll) {
  auto future = PendingTimes(1, 1).Then([](int&) { return Ready(1); });
  internal::PollScope scope;
  const Waker none;
  Context cx(none, scope);
  EXPECT_TRUE(internal::PollChild(future, cx).pending());
  EXPECT_DEATH({ auto moved = std::move(future); }, "kioto: a future was moved after its first poll");
}

// behaviour: kioto/runtime/future/future_base.h#a_future_that_was_moved_from_is_not_polled
TEST(PinDeathTest, AFutureIsNotPolledAfterItWasMovedFrom) {
  auto future = Ready(1).Then([](int&) { return Ready(2); });
  auto taken = std::move(future);
  EXPECT_THAT(PolledTask(std::move(taken)).Poll(), IsReady(2));
  EXPECT_DEATH(static_cast<void>(PolledTask(std::move(future)).Poll()), "kioto: a future was polled after it was moved from");
}
#endif

TEST(ByRefTest, SurvivesASelectInALoop) {
  Promise<int> ticks[2];
  Promise<int> deadline;
  int rounds = 0;
  PolledTask task(With(deadline.Get(), [&](auto& deadline) {
    return Loop([&] {
      return SelectBiased(Case(ticks[rounds == 0 ? 0 : 1].Get(), [&](int) { ++rounds; }),
                          Case(ByRef(deadline), [](int n) { return Break(n); }));
    });
  }));
  EXPECT_THAT(task.Poll(), IsPending());
  ticks[0].Set(0);
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(rounds, 1);
  EXPECT_FALSE(deadline.dropped());
  deadline.Set(9);
  EXPECT_THAT(task.Poll(), IsReady(9));
}

TEST(FinallyTest, RunsOnCompletionAndError) {
  int cleaned = 0;
  PolledTask good(PendingTimes(1, 3).Finally([&] { ++cleaned; }));
  EXPECT_THAT(good.Poll(), IsPending());
  EXPECT_EQ(cleaned, 0);
  EXPECT_THAT(good.Poll(), IsReady(3));
  EXPECT_EQ(cleaned, 1);
  PolledTask bad(Ready(Bad()).Finally([&] { return PendingTimes(2, OkStatus()).Map([&](Status) { return ++cleaned; }); }));
  EXPECT_THAT(bad.Poll(), IsPending());
  EXPECT_THAT(bad.PollWhileWoken(), IsReady(Bad()));
  EXPECT_EQ(cleaned, 2);
}

TEST(FinallyTest, NotOnADrop) {
  int cleaned = 0;
  {
    PolledTask task(Never().Finally([&] { ++cleaned; }));
    EXPECT_THAT(task.Poll(), IsPending());
  }
  EXPECT_EQ(cleaned, 0);
}

TEST(FinallyTest, TheFutureEndsBeforeIt) {
  DestructionLog log;
  Promise<int> promise;
  promise.Set(1);
  PolledTask task(promise.Get("future", &log).Finally([&] { log.Add("finally"); }));
  EXPECT_THAT(task.Poll(), IsReady(1));
  EXPECT_EQ(log.text(), "future finally");
}

// check: H1
TEST(FinallyTest, DropSuite) {
  RunDropSuite([](Tracked t) {
    return PendingTimes(1, 1).Finally([t = std::move(t)] { return PendingTimes(2, Tracked()); });
  });
}

#if KIOTO_EXCEPTIONS
TEST(FinallyTest, RunsOnAThrowAndKeepsIt) {
  int cleaned = 0;
  PolledTask task(PendingTimes(1, 0).Map([](int n) {
    if (n == 0) throw std::string("thrown");
  }).Finally([&] { return PendingTimes(1, 0).Map([&](int) { ++cleaned; }); }));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_THROW(static_cast<void>(task.Poll()), std::string);
  EXPECT_EQ(cleaned, 1);
}
#endif

}  // namespace
}  // namespace kioto
