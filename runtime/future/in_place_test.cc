// InPlace: states of With that are made where they stay.
#include "kioto/runtime/future/in_place.h"

#include <memory>
#include <string>
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

// Has a member that borrows another one, and may not be moved.
struct Session {
  explicit Session(std::string n) : name(std::move(n)) {}
  Session(Session&&) = delete;

  Future<StatusOr<std::string>> Run() {
    return PendingTimes(2, 0).Then([this](int&) {
      name += "!";
      return Ready(StatusOr<std::string>(*neighbour));
    });
  }

  std::string name;
  std::string* neighbour = &name;
};

TEST(InPlaceTest, AnObjectThatBorrowsFromItself) {
  auto with = With(InPlace<Session>(std::string("a")), &Session::Run);
  auto moved = std::move(with);  // before the first poll, as every future
  PolledTask task(std::move(moved));
  EXPECT_EQ(**task.PollWhileWoken(), "a!");
  Future<StatusOr<std::string>> erased = With(InPlace<Session>("b"), [](Session& s) { return s.Run(); });
  EXPECT_EQ(**PolledTask(std::move(erased)).PollWhileWoken(), "b!");
}

TEST(InPlaceTest, AnAggregateAndOtherStates) {
  struct Pair {
    std::unique_ptr<int> n;
    int* same = n.get();
  };
  auto sum = With(1, InPlace<Pair>(std::make_unique<int>(2)), InPlace<std::string>(3, 'x'), [](int& a, Pair& b, std::string& c) {
    return PendingTimes(1, 0).Map([&](int) { return a + *b.same + static_cast<int>(c.size()); });
  });
  EXPECT_THAT(PolledTask(std::move(sum)).PollWhileWoken(), IsReady(6));
  EXPECT_THAT(PolledTask(With(InPlace<std::string>(), [](std::string& s) { return s.size(); })).Poll(), IsReady(0u));
}

struct Logged {
  Logged(DestructionLog* log, const char* name) : name(name), log(log) { log->Add(std::string("+") + name); }
  Logged(Logged&&) = delete;
  ~Logged() { log->Add(std::string("-") + name); }
  const char* name;
  DestructionLog* log;
};

TEST(InPlaceTest, IsMadeAtTheFirstPollInOrderAndDestroyedInReverse) {
  DestructionLog log;
  auto make = [&log] {
    return With(InPlace<Logged>(&log, "a"), InPlace<Logged>(&log, "b"), [](Logged&, Logged&) { return Never(); });
  };
  { PolledTask task(make()); }
  EXPECT_EQ(log.text(), "");
  {
    PolledTask task(make());
    EXPECT_THAT(task.Poll(), IsPending());
    EXPECT_EQ(log.text(), "+a +b");
    EXPECT_THAT(task.Poll(), IsPending());
  }
  EXPECT_EQ(log.text(), "+a +b -b -a");
}

TEST(InPlaceTest, AllocatesNothing) {
  PolledTask task(With(InPlace<Session>("a"), [](Session& s) { return PendingTimes(1, 0).Map([&s](int) { return s.name.size(); }); }));
  base::AllocationCounter counter;
  const auto polled = task.PollWhileWoken();
  const int64_t allocations = counter.count();
  EXPECT_THAT(polled, IsReady(1u));
  EXPECT_EQ(allocations, 0);
}

// check: H1
TEST(InPlaceTest, DropSuite) {
  struct Keeps {
    explicit Keeps(Tracked t) : tracked(std::move(t)) {}
    Keeps(Keeps&&) = delete;
    Tracked tracked;
    Tracked* same = &tracked;
  };
  RunDropSuite([](Tracked tracked) {
    return With(InPlace<Keeps>(std::move(tracked)), [](Keeps& k) { return PendingTimes(3, 0).Map([&k](int) { return k.same->lives(); }); });
  });
}

#if KIOTO_EXCEPTIONS
TEST(InPlaceTest, AConstructorThatThrowsLeavesNothing) {
  struct Throws {
    explicit Throws(Tracked t) : tracked(std::move(t)) { throw 1; }
    Throws(Throws&&) = delete;
    Tracked tracked;
  };
  {
    PolledTask task(With(Tracked(), InPlace<Throws>(Tracked()), [](Tracked&, Throws&) { return Ready(1); }));
    EXPECT_EQ(Tracked::alive(), 2);
    EXPECT_THROW((void)task.Poll(), int);
    EXPECT_EQ(Tracked::alive(), 1);
  }
  EXPECT_EQ(Tracked::alive(), 0);
}
#endif

}  // namespace
}  // namespace kioto
