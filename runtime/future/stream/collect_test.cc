// What makes one value of a stream; streams with several futures at work; Stream<T>.
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/by_ref.h"
#include "kioto/runtime/future/stream/streams.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/stream_items.h"
#include "kioto/sync/mpsc_unbounded.h"

namespace kioto {
namespace {

using Ints = std::vector<int>;
using Int = std::optional<int>;

template <class F>
OutputOf<F> Finish(F future) {
  PolledTask<F> task(std::move(future));
  return *task.PollWhileWoken(/*limit=*/100000);
}

// Sends the items one by one to a Collect, which is woken by each and pending after it, and by the end, and gives what it has.
template <class C, class T>
C CollectsOneByOne(std::vector<T> items) {
  auto channel = sync::MpscUnbounded<T>();
  PolledTask task(stream::From(std::move(channel.receiver)).template Collect<C>());
  EXPECT_THAT(task.Poll(), IsPending());
  for (T& item : items) {
    EXPECT_TRUE(channel.sender.Send(std::move(item)).ok());
    EXPECT_TRUE(task.is_woken());
    EXPECT_THAT(task.Poll(), IsPending());
  }
  channel.sender.reset();
  EXPECT_TRUE(task.is_woken());
  auto collected = task.Poll();
  EXPECT_TRUE(collected.ready());
  return *std::move(collected);
}

// behaviour: tokio-stream/tests/stream_collect.rs#empty_unit
TEST(StreamCollect, IntoNothingDrains) {
  auto items = stream::From(std::vector<Unit>(3));
  PolledTask task(stream::From(ByRef(items)).Collect<Unit>());
  EXPECT_THAT(task.Poll(), IsReady());
  EXPECT_TRUE(items.ended());
}

// behaviour: tokio-stream/tests/stream_collect.rs#empty_vec
TEST(StreamCollect, NothingIntoAVector) { EXPECT_TRUE(Finish(stream::Empty<int>().Collect<Ints>()).empty()); }

// behaviour: tokio-stream/tests/stream_collect.rs#empty_string
TEST(StreamCollect, NothingIntoAString) { EXPECT_EQ(Finish(stream::Empty<const char*>().Collect<std::string>()), ""); }

// behaviour: tokio-stream/tests/stream_collect.rs#empty_result
TEST(StreamCollect, NothingIntoAStatusOr) {
  StatusOr<Ints> none = Finish(stream::Empty<StatusOr<int>>().Collect<StatusOr<Ints>>());
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->empty());
}

// behaviour: tokio-stream/tests/stream_collect.rs#collect_vec_items
TEST(StreamCollect, IntoAVector) { EXPECT_EQ(CollectsOneByOne<Ints>(Ints{1, 2}), (Ints{1, 2})); }

// behaviour: tokio-stream/tests/stream_collect.rs#collect_vecdeque_items
TEST(StreamCollect, IntoADeque) { EXPECT_EQ(CollectsOneByOne<std::deque<int>>(Ints{1, 2, 42, 3}), (std::deque<int>{1, 2, 42, 3})); }

// behaviour: tokio-stream/tests/stream_collect.rs#collect_linkedlist_items
TEST(StreamCollect, IntoAList) { EXPECT_EQ(CollectsOneByOne<std::list<int>>(Ints{1, 2, 42, 3}), (std::list<int>{1, 2, 42, 3})); }

// behaviour: tokio-stream/tests/stream_collect.rs#collect_btreeset_items
// behaviour: tokio-stream/tests/stream_collect.rs#collect_hashset_items
TEST(StreamCollect, IntoSets) {
  EXPECT_EQ(CollectsOneByOne<std::set<int>>(Ints{2, 1}), (std::set<int>{1, 2}));
  EXPECT_EQ(CollectsOneByOne<std::unordered_set<int>>(Ints{1, 2}), (std::unordered_set<int>{1, 2}));
}

// behaviour: tokio-stream/tests/stream_collect.rs#collect_btreemap_items
// behaviour: tokio-stream/tests/stream_collect.rs#collect_hashmap_items
TEST(StreamCollect, IntoMaps) {
  const std::vector<std::pair<int, int>> pairs = {{3, 4}, {1, 2}};
  EXPECT_EQ((CollectsOneByOne<std::map<int, int>>(pairs)), (std::map<int, int>{{1, 2}, {3, 4}}));
  EXPECT_EQ((CollectsOneByOne<std::unordered_map<int, int>>(pairs)), (std::unordered_map<int, int>{{1, 2}, {3, 4}}));
}

// behaviour: tokio-stream/tests/stream_collect.rs#collect_binaryheap_items
TEST(StreamCollect, IntoAPriorityQueue) {
  auto heap = CollectsOneByOne<std::priority_queue<int>>(Ints{1, 2});
  ASSERT_EQ(heap.size(), 2u);
  EXPECT_EQ(heap.top(), 2);
}

// behaviour: tokio-stream/tests/stream_collect.rs#collect_str_items
TEST(StreamCollect, TextIntoAString) {
  EXPECT_EQ((CollectsOneByOne<std::string>(std::vector<absl::string_view>{"hello ", "world"})), "hello world");
  EXPECT_EQ(Finish(stream::From(std::string("abc")).Filter([](char c) { return c != 'b'; }).Collect<std::string>()), "ac");
}

// behaviour: tokio-stream/tests/stream_collect.rs#collect_results_ok
TEST(StreamCollect, GoodTextIntoAString) {
  auto text = CollectsOneByOne<StatusOr<std::string>>(std::vector<StatusOr<std::string>>{"hello ", "world"});
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, "hello world");
}

// behaviour: tokio-stream/tests/stream_collect.rs#collect_results_err
TEST(StreamCollect, TheFirstErrorEndsIt) {
  auto channel = sync::MpscUnbounded<StatusOr<std::string>>();
  PolledTask task(stream::From(std::move(channel.receiver)).Collect<StatusOr<std::string>>());
  EXPECT_TRUE(channel.sender.Send("hello ").ok());
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_TRUE(channel.sender.Send(absl::InternalError("oh no")).ok());
  EXPECT_TRUE(task.is_woken());
  auto text = task.Poll();
  ASSERT_TRUE(text.ready());
  EXPECT_EQ(text->status(), absl::InternalError("oh no"));
}

// check: H1
TEST(StreamCollect, DropSuite) {
  RunDropSuite([](Tracked tracked) {
    return stream::Once(std::move(tracked)).Then([](Tracked& t) { return PendingTimes(3, &t); }).Collect<std::vector<Tracked*>>();
  });
}

TEST(StreamFold, GivesTheNextOrChanges) {
  EXPECT_EQ(Finish(stream::From(Ints{1, 2, 3}).Fold(10, [](int sum, int n) { return sum + n; })), 16);
  EXPECT_EQ(Finish(stream::From(Ints{1, 2, 3}).Fold(Ints(), [](Ints& all, int n) { all.insert(all.begin(), n); })), (Ints{3, 2, 1}));
}

StatusOr<int> Sum(int sum, int n) {
  if (n == 0) return absl::InvalidArgumentError("nothing");
  return sum + n;
}
using Fallible = std::vector<StatusOr<int>>;

TEST(StreamTryFold, IsAFoldWhileNothingFails) {
  EXPECT_EQ(*Finish(stream::From(Ints{1, 2, 3}).TryFold(10, &Sum)), 16);
  EXPECT_EQ(*Finish(stream::From(Fallible{1, 2, 3}).TryFold(10, &Sum)), 16);
  EXPECT_EQ(*Finish(stream::From(Fallible{1, 2, 3}).TryFold(10, [](int sum, int n) { return sum - n; })), 4);
  EXPECT_EQ(*Finish(stream::From(Fallible{1, 2}).TryFold(Ints(), [](Ints& all, int n) { all.push_back(n); })), (Ints{1, 2}));
  EXPECT_EQ(*Finish(stream::Empty<StatusOr<int>>().TryFold(5, &Sum)), 5);
}

TEST(StreamTryFold, TheFirstErrorOfTheStreamEndsIt) {
  auto items = stream::From(Fallible{1, absl::NotFoundError("gone"), 2});
  EXPECT_EQ(Finish(stream::From(ByRef(items)).TryFold(0, &Sum)).status(), absl::NotFoundError("gone"));
  EXPECT_EQ(**Finish(items.Next()), 2);
}

TEST(StreamTryFold, TheFirstErrorOfTheStepEndsIt) {
  auto items = stream::From(Fallible{1, 0, 2});
  EXPECT_EQ(Finish(stream::From(ByRef(items)).TryFold(0, &Sum)).status(), absl::InvalidArgumentError("nothing"));
  EXPECT_EQ(**Finish(items.Next()), 2);
  auto changes = stream::From(Ints{1, 2, 3, 4});
  const auto at_most_two = [](Ints& all, int n) {
    all.push_back(n);
    return all.size() < 3 ? OkStatus() : absl::ResourceExhaustedError("three");
  };
  EXPECT_EQ(Finish(stream::From(ByRef(changes)).TryFold(Ints(), at_most_two)).status(), absl::ResourceExhaustedError("three"));
  EXPECT_EQ(*Finish(changes.Next()), 4);
}

TEST(StreamFold, AnyAndAllTakeNoMoreThanTheyNeed) {
  auto items = stream::From(Ints{1, 2, 3, 4, 5});
  EXPECT_TRUE(Finish(stream::From(ByRef(items)).Any([](int n) { return n == 2; })));
  EXPECT_FALSE(Finish(stream::From(ByRef(items)).All([](int n) { return n == 3; })));
  EXPECT_EQ(ItemsOf(std::move(items)), Ints{5});
  EXPECT_FALSE(Finish(stream::Empty<int>().Any([](int) { return true; })));
  EXPECT_TRUE(Finish(stream::Empty<int>().All([](int) { return false; })));
}

TEST(StreamFold, ForEachAsAMember) {
  int sum = 0;
  EXPECT_TRUE(Finish(stream::From(Ints{1, 2}).ForEach([&sum](int n) { sum += n; })).ok());
  EXPECT_TRUE(Finish(stream::From(Ints{3, 4}).ForEachConcurrent(2, [&sum](int& n) {
                return PendingTimes(1, &n).Map([&sum](int* n) { sum += *n; });
              })).ok());
  EXPECT_EQ(sum, 10);
}

TEST(StreamNext, AndTryNext) {
  auto items = stream::From(std::vector<StatusOr<int>>{1, absl::NotFoundError("gone")});
  EXPECT_EQ(**Finish(items.TryNext()), 1);
  EXPECT_EQ(Finish(items.TryNext()).status(), absl::NotFoundError("gone"));
  EXPECT_FALSE(Finish(items.TryNext())->has_value());
  EXPECT_FALSE(Finish(items.Next()).has_value());
}

// --- Buffered ---

struct Three {
  auto Get() {
    return [this](int& n) { return promises[n].Get(); };
  }
  Promise<int> promises[3];
};

TEST(StreamBuffered, KeepsTheOrder) {
  Three three;
  PolledStream outputs(stream::From(Ints{0, 1, 2}).Buffered(2, three.Get()));
  EXPECT_THAT(outputs.Poll(), IsPending());
  const int polls = three.promises[0].polls();
  EXPECT_GT(polls, 0);
  EXPECT_GT(three.promises[1].polls(), 0);
  EXPECT_EQ(three.promises[2].polls(), 0);  // there is no place for it yet
  three.promises[1].Set(11);
  EXPECT_TRUE(outputs.is_woken());
  EXPECT_THAT(outputs.Poll(), IsPending());
  EXPECT_EQ(three.promises[0].polls(), polls);  // was not woken
  EXPECT_EQ(three.promises[2].polls(), 0);
  EXPECT_EQ(outputs->size_hint(), SizeHint::Exactly(3));
  three.promises[0].Set(10);
  EXPECT_THAT(outputs.Poll(), IsReady(Int(10)));
  EXPECT_THAT(outputs.Poll(), IsReady(Int(11)));
  EXPECT_THAT(outputs.Poll(), IsPending());
  three.promises[2].Set(12);
  EXPECT_THAT(outputs.Poll(), IsReady(Int(12)));
  EXPECT_THAT(outputs.Poll(), IsReady(Int()));
}

TEST(StreamBuffered, UnorderedGivesWhatIsReady) {
  Three three;
  PolledStream outputs(stream::From(Ints{0, 1, 2}).BufferUnordered(2, three.Get()));
  EXPECT_THAT(outputs.Poll(), IsPending());
  three.promises[1].Set(11);
  three.promises[0].Set(10);
  EXPECT_THAT(outputs.Poll(), IsReady(Int(11)));
  EXPECT_THAT(outputs.Poll(), IsReady(Int(10)));
  EXPECT_THAT(outputs.Poll(), IsPending());
  EXPECT_EQ(three.promises[2].polls(), 1);
  three.promises[2].Set(12);
  EXPECT_THAT(outputs.Poll(), IsReady(Int(12)));
  EXPECT_THAT(outputs.Poll(), IsReady(Int()));
  EXPECT_THAT(outputs.Poll(), IsReady(Int()));
}

TEST(StreamBuffered, GivesAllOfMany) {
  Ints numbers(1000);
  for (int i = 0; i < 1000; ++i) numbers[i] = i;
  for (uint32_t limit : {1u, 7u, 2000u}) {
    auto slow = [](int& n) { return PendingTimes(n % 3, &n).Map([](int* n) { return *n; }); };
    EXPECT_EQ(Finish(stream::From(Ints(numbers)).Buffered(limit, slow).Collect<Ints>()), numbers) << limit;
    EXPECT_EQ(Finish(stream::From(Ints(numbers)).BufferUnordered(limit, slow).Collect<std::set<int>>()).size(), 1000u) << limit;
  }
}

// check: H1
TEST(StreamBuffered, DropSuite) {
  RunDropSuite([](Tracked tracked) {
    return stream::Once(std::move(tracked)).Buffered(3, [](Tracked& t) { return PendingTimes(3, &t); }).Collect<std::vector<Tracked*>>();
  });
  RunDropSuite([](Tracked tracked) {
    return stream::Once(std::move(tracked)).BufferUnordered(3, [](Tracked& t) { return PendingTimes(3, &t); }).Collect<Unit>();
  });
}

// --- Stream<T> ---

Stream<int> Numbers() { return stream::From(Ints{1, 2, 3}).Map([](int n) { return n * 10; }); }

TEST(StreamBoxed, IsAnyStream) {
  Stream<int> numbers = Numbers();
  EXPECT_EQ(numbers.size_hint(), SizeHint::Exactly(3));
  EXPECT_EQ(*Finish(numbers.Next()), 10);
  Stream<int> moved = std::move(numbers);  // after it was polled
  EXPECT_TRUE(numbers.ended());
  EXPECT_EQ(Finish(std::move(moved).Skip(1).Collect<Ints>()), Ints{30});
  LocalStream<int> local = Numbers().Boxed();
  EXPECT_EQ(ItemsOf(std::move(local)), (Ints{10, 20, 30}));
}

TEST(StreamBoxed, IsOneAllocation) {
  auto source = stream::From(Ints{1, 2, 3});
  base::AllocationCounter counter;
  Stream<int> boxed = std::move(source).Take(2).Boxed();
  EXPECT_LE(counter.count(), 1);
}

TEST(StreamBoxedDeathTest, EmptyIsNotPolled) {
  PolledStream<Stream<int>> empty{Stream<int>()};
  EXPECT_DEATH(static_cast<void>(empty.Poll()), "kioto: a Stream was polled that is empty");
}

}  // namespace
}  // namespace kioto
