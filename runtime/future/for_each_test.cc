// Streams, ForEach, ForEachConcurrent, TakeUntil.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

// A stream fed by hand.
template <class T>
class Feed {
  struct State {
    std::vector<T> items;
    size_t at = 0;
    bool ended = false;
    int polls = 0;
    WakerSlot waker;
  };

 public:
  class Stream {
   public:
    using Item = T;
    explicit Stream(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Poll<std::optional<T>> PollNext(Context& cx) {
      ++state_->polls;
      state_->waker.Register(cx.waker());
      if (state_->at < state_->items.size()) {
        if (!cx.ConsumeBudget()) return kPending;
        return std::optional<T>(std::move(state_->items[state_->at++]));
      }
      if (state_->ended) return std::optional<T>();
      return kPending;
    }

   private:
    std::shared_ptr<State> state_;
  };

  Stream Get() { return Stream(state_); }
  void Push(T item) {
    state_->items.push_back(std::move(item));
    state_->waker.Wake();
  }
  void End() {
    state_->ended = true;
    state_->waker.Wake();
  }
  int polls() const { return state_->polls; }

 private:
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

static_assert(IsStream<Feed<int>::Stream>);
static_assert(!IsStream<std::vector<int>>);
static_assert(!IsStream<internal::ReadyFuture<int>>);

// behaviour: tokio-stream/tests/stream_iter.rs#test_iter_coop_budget
TEST(StreamTest, AContainersItemsCostBudget) {
  auto stream = StreamOf(std::vector<int>(1000, 1));
  internal::PollScope scope;
  CountingWaker waker;
  Context cx(waker.waker(), scope);
  for (int i = 0; i < limits::kPollBudget; ++i) EXPECT_THAT(stream.PollNext(cx), IsReady(std::optional<int>(1)));
  EXPECT_THAT(stream.PollNext(cx), IsPending());
  EXPECT_TRUE(scope.yielded);
}

TEST(StreamTest, NextGivesOneItem) {
  PolledTask task(With(StreamOf(std::vector<std::string>{"a"}), [](auto& s) {
    return Next(s).Then([&s](std::optional<std::string>& first) {
      return Next(s).Map([&first](std::optional<std::string> second) { return *first + (second ? "more" : "end"); });
    });
  }));
  EXPECT_THAT(task.Poll(), IsReady(std::string("aend")));
}

TEST(ForEachTest, CallsTheStepInOrder) {
  std::vector<int> seen;
  std::vector<std::unique_ptr<int>> items;
  for (int i = 0; i < 3; ++i) items.push_back(std::make_unique<int>(i));
  PolledTask task(ForEach(std::move(items), [&](std::unique_ptr<int>& item) {
    return PendingTimes(1, 0).Then([&](int&) { seen.push_back(*item); });
  }));
  EXPECT_THAT(task.PollWhileWoken(), IsReady(OkStatus()));
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2}));
  PolledTask sync(ForEach(std::vector<int>(seen), [&](int n) { seen[n] = 2 * n; }));
  EXPECT_THAT(sync.Poll(), IsReady(OkStatus()));
  EXPECT_EQ(seen[2], 4);
  PolledTask map(ForEach(std::map<int, int>{{1, 2}}, [&](std::pair<const int, int>& e) { seen[0] = e.second; }));
  EXPECT_THAT(map.Poll(), IsReady(OkStatus()));
  EXPECT_EQ(seen[0], 2);
}

TEST(ForEachTest, WaitsForItsStream) {
  Feed<int> feed;
  int sum = 0;
  PolledTask task(ForEach(feed.Get(), [&](int n) { sum += n; }));
  EXPECT_THAT(task.Poll(), IsPending());
  feed.Push(1);
  feed.Push(2);
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(sum, 3);
  feed.End();
  EXPECT_THAT(task.Poll(), IsReady(OkStatus()));
}

TEST(ForEachTest, EndsByErrorAndByBreak) {
  int calls = 0;
  std::vector<int> items{1, 2, 3};
  PolledTask bad(ForEach(std::vector<int>(items), [&](int& n) { return Ready(++calls && n == 2 ? Bad() : OkStatus()); }));
  EXPECT_THAT(bad.Poll(), IsReady(Bad()));
  EXPECT_EQ(calls, 2);
  PolledTask stop(ForEach(std::move(items), [&](int n) -> Flow<> {
    calls = n;
    if (n == 2) return Break();
    return Continue();
  }));
  EXPECT_THAT(stop.Poll(), IsReady(OkStatus()));
  EXPECT_EQ(calls, 2);
}

TEST(ForEachTest, UnwrapsAStreamThatMayFail) {
  Feed<StatusOr<int>> feed;
  int sum = 0;
  feed.Push(4);
  feed.Push(Bad());
  PolledTask task(ForEach(feed.Get(), [&](int& n) { return Ready(sum += n).Map([](int) {}); }));
  EXPECT_THAT(task.Poll(), IsReady(Bad()));
  EXPECT_EQ(sum, 4);
  Feed<StatusOr<int>> whole;
  whole.Push(Bad());
  whole.End();
  PolledTask all(ForEach(whole.Get(), [&](StatusOr<int>& n) { sum = n.ok() ? 1 : 2; }));
  EXPECT_THAT(all.Poll(), IsReady(OkStatus()));
  EXPECT_EQ(sum, 2);
}

TEST(ForEachTest, ByRefLeavesTheStreamToItsOwner) {
  Feed<int> feed;
  for (int i = 1; i <= 3; ++i) feed.Push(i);
  feed.End();
  auto stream = feed.Get();
  int sum = 0;
  PolledTask first(ForEach(ByRef(stream), [&](int n) -> Flow<> {
    sum += n;
    return Break();
  }));
  EXPECT_THAT(first.Poll(), IsReady(OkStatus()));
  PolledTask rest(ForEach(ByRef(stream), [&](int n) { sum += 10 * n; }));
  EXPECT_THAT(rest.Poll(), IsReady(OkStatus()));
  EXPECT_EQ(sum, 51);
}

// check: H1
TEST(ForEachTest, AByRefThatIsDroppedLosesNoItem) {
  for (int polls = 0; polls < 4; ++polls) {
    Feed<int> feed;
    auto stream = feed.Get();
    {
      PolledTask dropped(ForEach(ByRef(stream), [](int) {}));
      for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
    }
    feed.Push(7);
    feed.End();
    int sum = 0;
    PolledTask rest(ForEach(ByRef(stream), [&sum](int n) { sum += n; }));
    EXPECT_THAT(rest.Poll(), IsReady(OkStatus()));
    EXPECT_EQ(sum, 7);
  }
}

// check: H1
TEST(ForEachTest, DropSuite) {
  RunDropSuite([](Tracked t) {
    std::vector<Tracked> items;
    items.push_back(std::move(t));
    items.emplace_back();
    return ForEach(std::move(items), [fn = Tracked()](Tracked& item) { return PendingTimes(2, item.lives()).Map([](bool) {}); });
  });
}

// check: H1
TEST(TakeUntilTest, DropSuite) {
  RunDropSuite([](Tracked t) {
    return ForEach(TakeUntil(std::vector<int>{1, 2, 3}, PendingTimes(3, std::move(t))), [](int&) { return YieldNow(); });
  });
  RunDropSuite([](Tracked t) {  // a container that is dropped takes its items with it
    std::vector<Tracked> items;
    items.push_back(std::move(t));
    items.emplace_back();
    return ForEach(TakeUntil(std::move(items), PendingTimes(3, Tracked())), [](Tracked&) { return YieldNow(); });
  });
}

TEST(TakeUntilTest, EndsWhenTheFutureIsReady) {
  Feed<int> feed;
  Promise<int> stop;
  int sum = 0;
  PolledTask task(ForEach(TakeUntil(feed.Get(), stop.Get()), [&](int n) { sum += n; }));
  feed.Push(1);
  EXPECT_THAT(task.Poll(), IsPending());
  stop.Set(0);
  EXPECT_EQ(task.wakes(), 1);
  feed.Push(2);
  EXPECT_THAT(task.Poll(), IsReady(OkStatus()));
  EXPECT_EQ(sum, 1);
  EXPECT_THAT(PolledTask(ForEach(TakeUntil(std::vector<int>{1}, Never()), [](int) {})).Poll(), IsReady(OkStatus()));
}

TEST(ForEachConcurrentTest, WorksOnSoManyAtATime) {
  std::vector<Promise<Status>> promises(5);
  std::vector<int> items{0, 1, 2, 3, 4};
  int at_work = 0, most = 0, done = 0;
  PolledTask task(ForEachConcurrent(std::move(items), 2, [&](const int& i) {
    most = std::max(most, ++at_work);
    return promises[i].Get().AndThen([&] {
      --at_work;
      ++done;
    });
  }));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(at_work, 2);
  promises[1].Set(OkStatus());
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(at_work, 2);
  EXPECT_EQ(promises[0].polls(), 1);  // it was not woken
  EXPECT_EQ(promises[2].polls(), 1);
  for (int i : {0, 2, 3, 4}) promises[i].Set(OkStatus());
  EXPECT_THAT(task.PollWhileWoken(), IsReady(OkStatus()));
  EXPECT_EQ(done, 5);
  EXPECT_EQ(most, 2);
}

TEST(ForEachConcurrentTest, PollsItsSourceOnlyWhenThatIsWoken) {
  Feed<int> feed;
  Promise<int> work;
  PolledTask task(ForEachConcurrent(feed.Get(), 4, [&](int&) { return work.Get().Map([](int) {}); }));
  EXPECT_THAT(task.Poll(), IsPending());
  feed.Push(1);
  EXPECT_THAT(task.Poll(), IsPending());
  const int polls = feed.polls();
  work.Wake();
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(feed.polls(), polls);
  feed.End();
  EXPECT_THAT(task.Poll(), IsPending());
  work.Set(1);
  EXPECT_THAT(task.Poll(), IsReady(OkStatus()));
}

TEST(ForEachConcurrentTest, TheFirstErrorDropsWhatIsAtWork) {
  std::vector<Promise<Status>> promises(3);
  PolledTask task(ForEachConcurrent(std::vector<int>{0, 1, 2}, 3, [&](int& i) { return promises[i].Get(); }));
  EXPECT_THAT(task.Poll(), IsPending());
  promises[1].Set(Bad());
  EXPECT_THAT(task.Poll(), IsReady(Bad()));
  EXPECT_TRUE(promises[0].dropped());
  EXPECT_TRUE(promises[2].dropped());
}

TEST(ForEachConcurrentTest, AThousandItemsThroughEightPlaces) {
  int sum = 0;
  std::vector<int> items(1000, 1);
  PolledTask task(ForEachConcurrent(std::move(items), 8, [&](int& n) { return YieldNow().Then([&] { sum += n; }); }));
  EXPECT_THAT(task.PollWhileWoken(100000), IsReady(OkStatus()));
  EXPECT_EQ(sum, 1000);
  int sync = 0;
  EXPECT_THAT(PolledTask(ForEachConcurrent(std::vector<int>(10, 1), 3, [&](int n) { sync += n; })).Poll(), IsReady(OkStatus()));
  EXPECT_EQ(sync, 10);
}

TEST(ForEachConcurrentTest, AStepThatIsAlwaysReadyStopsForBreath) {
  int calls = 0;
  PolledTask task(ForEachConcurrent(std::vector<int>(1000, 1), 4, [&](int&) {
    ++calls;
    return Ready();
  }));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_EQ(calls, limits::kPollBudget);
  EXPECT_THAT(task.PollWhileWoken(), IsReady(OkStatus()));
}

// Takes the whole budget at each poll, and then yields.
struct Greedy : FutureBase<Greedy, Unit> {
  Poll<Unit> PollOnce(Context& cx) {
    while (cx.ConsumeBudget()) {
    }
    return kPending;
  }
};

TEST(ForEachConcurrentTest, AnItemThatNeverWaitsKeepsNoOtherFromBeginning) {
  Feed<int> feed;
  int begun = 0;
  PolledTask task(ForEachConcurrent(feed.Get(), 4, [&](int&) {
    ++begun;
    return Greedy();
  }));
  for (int i = 1; i <= 4; ++i) {
    feed.Push(i);
    for (int turns = 0; turns < 10; ++turns) EXPECT_THAT(task.Poll(), IsPending());
    EXPECT_EQ(begun, i);
  }
}

TEST(ForEachConcurrentTest, AllocatesOneBlock) {
  std::vector<int> items(100, 1);
  auto future = ForEachConcurrent(std::move(items), 64, [](int& n) { return Ready(n).Map([](int) {}); });
  internal::PollScope scope;
  const Waker none;
  Context cx(none, scope);
  base::AllocationCounter counter;
  EXPECT_TRUE(future.PollOnce(cx).ready());
  EXPECT_LE(counter.count(), 1);
}

// check: H1
TEST(ForEachConcurrentTest, DropSuite) {
  RunDropSuite([](Tracked t) {
    std::vector<Tracked> items;
    items.push_back(std::move(t));
    for (int i = 0; i < 5; ++i) items.emplace_back();
    return ForEachConcurrent(std::move(items), 2, [fn = Tracked()](Tracked& item) {
      return PendingTimes(2, 0).Map([&item](int) { EXPECT_TRUE(item.lives()); });
    });
  });
}

#if KIOTO_EXCEPTIONS
TEST(ForEachConcurrentTest, AThrowingStepLeavesNothing) {
  const int alive = Tracked::alive();
  {
    std::vector<Tracked> items(3);
    PolledTask task(ForEachConcurrent(std::move(items), 2, [n = 0](Tracked& t) mutable {
      if (++n == 2) throw 5;
      return PendingTimes(1, t.lives()).Map([](bool) {});
    }));
    EXPECT_THROW(static_cast<void>(task.Poll()), int);
  }
  EXPECT_EQ(Tracked::alive(), alive);
}
#endif

}  // namespace
}  // namespace kioto
