#include "kioto/runtime/future/stream/stream_map.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/stream/streams.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/testing/stream_items.h"
#include "kioto/sync/mpsc_unbounded.h"

namespace kioto {
namespace {

using Ints = std::vector<int>;
using Int = std::optional<int>;
using Receiver = sync::MpscUnboundedReceiver<int>;

constexpr SizeHint kAll = {SIZE_MAX, std::nullopt};

// Inserts, and says whether the key was free.
template <class M, class K, class S>
bool Inserted(M& map, K key, S stream) {
  return !map.Insert(std::move(key), std::move(stream)).has_value();
}

// What one poll gives, "key:item"; "end"; "pending".
template <class M>
std::string Next(PolledStream<M>& map) {
  auto item = map.Poll();
  if (item.pending()) return "pending";
  if (!item->has_value()) return "end";
  return std::string((*item)->key) + ":" + std::to_string((*item)->item);
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#empty
TEST(StreamMap, EmptyIsAtItsEnd) {
  PolledStream map(StreamMap<std::string, Stream<int>>{});
  EXPECT_EQ(map->size(), 0u);
  EXPECT_TRUE(map->empty());
  EXPECT_EQ(Next(map), "end");
  EXPECT_EQ(Next(map), "end");
  EXPECT_FALSE(map->Remove("foo").has_value());
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#single_entry
TEST(StreamMap, OneStream) {
  auto channel = sync::MpscUnbounded<int>();
  PolledStream map(StreamMap<std::string, Receiver>{});
  EXPECT_EQ(Next(map), "end");
  EXPECT_TRUE(Inserted(map.stream(), "foo", std::move(channel.receiver)));
  EXPECT_TRUE(map->Contains("foo"));
  EXPECT_FALSE(map->Contains("bar"));
  EXPECT_EQ(map->size(), 1u);
  for (int n = 1; n <= 2; ++n) {
    EXPECT_EQ(Next(map), "pending");
    EXPECT_TRUE(channel.sender.Send(n).ok());
    EXPECT_TRUE(map.is_woken());
    EXPECT_EQ(Next(map), "foo:" + std::to_string(n));
  }
  EXPECT_EQ(Next(map), "pending");
  channel.sender.reset();
  EXPECT_TRUE(map.is_woken());
  EXPECT_EQ(Next(map), "end");
  EXPECT_TRUE(map->empty());
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#multiple_entries
TEST(StreamMap, SeveralStreams) {
  auto foo = sync::MpscUnbounded<int>();
  auto bar = sync::MpscUnbounded<int>();
  PolledStream map(StreamMap<std::string, Receiver>{});
  EXPECT_TRUE(Inserted(map.stream(), "foo", std::move(foo.receiver)));
  EXPECT_TRUE(Inserted(map.stream(), "bar", std::move(bar.receiver)));
  EXPECT_EQ(Next(map), "pending");
  EXPECT_TRUE(foo.sender.Send(1).ok());
  EXPECT_TRUE(map.is_woken());
  EXPECT_EQ(Next(map), "foo:1");
  EXPECT_EQ(Next(map), "pending");
  EXPECT_TRUE(bar.sender.Send(2).ok());
  EXPECT_TRUE(map.is_woken());
  EXPECT_EQ(Next(map), "bar:2");
  EXPECT_TRUE(foo.sender.Send(3).ok());
  EXPECT_TRUE(bar.sender.Send(4).ok());
  std::vector<std::string> both = {Next(map), Next(map)};
  std::sort(both.begin(), both.end());
  EXPECT_EQ(both, (std::vector<std::string>{"bar:4", "foo:3"}));
  EXPECT_EQ(Next(map), "pending");
  foo.sender.reset();
  EXPECT_TRUE(map.is_woken());
  EXPECT_EQ(Next(map), "pending");
  bar.sender.reset();
  EXPECT_EQ(Next(map), "end");
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#insert_remove
TEST(StreamMap, ARemovedStreamKeepsItsItems) {
  auto channel = sync::MpscUnbounded<int>();
  PolledStream map(StreamMap<std::string, Receiver>{});
  EXPECT_TRUE(Inserted(map.stream(), "foo", std::move(channel.receiver)));
  EXPECT_EQ(Next(map), "pending");
  auto receiver = map->Remove("foo");
  ASSERT_TRUE(receiver.has_value());
  EXPECT_TRUE(channel.sender.Send(1).ok());
  EXPECT_EQ(Next(map), "end");
  EXPECT_TRUE(Inserted(map.stream(), "bar", *std::move(receiver)));
  EXPECT_EQ(Next(map), "bar:1");
  EXPECT_TRUE(map->Remove("bar").has_value());
  EXPECT_EQ(Next(map), "end");
  EXPECT_EQ(map->size(), 0u);
}

TEST(StreamMap, AKeyThatIsTakenGivesItsStreamBack) {
  StreamMap<int, Stream<int>> map;
  EXPECT_TRUE(Inserted(map, 1, stream::Once(1)));
  EXPECT_TRUE(map.Insert(1, stream::Once(2)).has_value());
  EXPECT_EQ(map.size(), 1u);
  EXPECT_TRUE(map.Erase(1));
  EXPECT_FALSE(map.Erase(1));
}

// Members "a", "b" and "c" of 1, 2 and 3 items; or an endless one in place of the last.
StreamMap<std::string, Stream<int>> Abc(Stream<int> c) {
  StreamMap<std::string, Stream<int>> map;
  EXPECT_TRUE(Inserted(map, "a", stream::From(Ints{0})));
  EXPECT_TRUE(Inserted(map, "b", stream::From(Ints{0, 1})));
  EXPECT_TRUE(Inserted(map, "c", std::move(c)));
  return map;
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#size_hint_with_upper
TEST(StreamMap, CountsAllItems) { EXPECT_EQ(Abc(stream::From(Ints{0, 1, 2})).size_hint(), SizeHint::Exactly(6)); }

// behaviour: tokio-stream/tests/stream_stream_map.rs#size_hint_without_upper
TEST(StreamMap, KnowsNoBoundIfOneMemberHasNone) { EXPECT_EQ(Abc(stream::Never<int>()).size_hint(), (SizeHint{3, std::nullopt})); }

// behaviour: tokio-stream/tests/stream_stream_map.rs#size_hint_overflow
TEST(StreamMap, DoesNotCountBeyondAllBounds) {
  StreamMap<int, EndlessClaim> map;
  EXPECT_TRUE(Inserted(map, 1, EndlessClaim()));
  EXPECT_TRUE(Inserted(map, 2, EndlessClaim()));
  EXPECT_EQ(map.size_hint(), kAll);
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#new_capacity_zero
TEST(StreamMap, ANewOneHasNoRoom) {
  const StreamMap<int, EndlessClaim> map;
  EXPECT_EQ(map.capacity(), 0u);
  EXPECT_TRUE(map.begin() == map.end());
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#with_capacity
TEST(StreamMap, RoomMayBeMadeAhead) {
  const StreamMap<int, EndlessClaim> map(10);
  EXPECT_GE(map.capacity(), 10u);
  EXPECT_TRUE(map.begin() == map.end());
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#iter_keys
TEST(StreamMap, ListsItsKeys) {
  std::string keys;
  for (auto& entry : Abc(stream::Never<int>())) keys += entry.key;
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(keys, "abc");
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#iter_values_mut
TEST(StreamMap, LendsItsStreams) {
  PolledStream map(Abc(stream::Never<int>()));
  for (auto& entry : map.stream()) entry.stream = stream::Empty<int>();
  EXPECT_EQ(Next(map), "end");
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#contains_key_borrow
TEST(StreamMap, FindsAKeyByAView) {
  const auto map = Abc(stream::Never<int>());
  EXPECT_TRUE(map.Contains(absl::string_view("a")));
  EXPECT_FALSE(map.Contains(absl::string_view("d")));
}

// A map that each test fills anew, asked by one task: its chance goes on.
class StreamMapTest : public testing::Test {
 protected:
  using Map = StreamMap<std::string, Stream<int>>;

  std::string NextOfMap() { return Next(task_); }
  // What one poll of NextMany gives: how many items, and which.
  std::string NextMany(size_t limit) {
    limit_ = limit;
    auto item = many_.Poll();
    if (item.pending()) return "pending";
    std::string items = std::to_string((**item)) + ":";
    for (const auto& each : std::exchange(out_, {})) items += " " + each.key + std::to_string(each.item);
    return items;
  }
  // The same by the future.
  std::string NextManyFuture(size_t limit) {
    PolledTask task(map_.NextMany(out_, limit));
    auto count = task.Poll();
    return count.pending() ? "pending" : std::to_string(*count) + " of " + std::to_string(std::exchange(out_, {}).size());
  }

  Map map_;
  std::vector<Map::Item> out_;
  size_t limit_ = 0;

 private:
  struct PollMap {
    Poll<std::optional<Map::Item>> operator()(Context& cx) { return test->map_.PollNext(cx); }
    StreamMapTest* test;
  };
  struct PollMany {
    Poll<std::optional<size_t>> operator()(Context& cx) {
      auto count = test->map_.PollNextMany(cx, test->out_, test->limit_);
      if (count.pending()) return kPending;
      return std::optional<size_t>(*count);
    }
    StreamMapTest* test;
  };
  PolledStream<internal::PollFnStream<PollMap>> task_{stream::PollFn(PollMap{this})};
  PolledStream<internal::PollFnStream<PollMany>> many_{stream::PollFn(PollMany{this})};
};

// behaviour: tokio-stream/tests/stream_stream_map.rs#one_ready_many_none
TEST_F(StreamMapTest, FindsTheOneThatHasAnItem) {
  for (int i = 0; i < 100; ++i) {
    map_.Clear();
    EXPECT_TRUE(Inserted(map_, "0", stream::Empty<int>()));
    EXPECT_TRUE(Inserted(map_, "1", stream::Empty<int>()));
    EXPECT_TRUE(Inserted(map_, "2", stream::Once(5)));
    EXPECT_TRUE(Inserted(map_, "3", stream::Never<int>()));
    EXPECT_EQ(NextOfMap(), "2:5");
  }
}

TEST_F(StreamMapTest, BeginsAnywhere) {
  int begins[3] = {};
  for (int i = 0; i < 300; ++i) {
    map_ = Abc(stream::From(Ints{0}));
    ++begins[NextOfMap()[0] - 'a'];
  }
  for (int count : begins) EXPECT_GT(count, 50);
}

// Each stream is asked once in a round, whichever of them end.
TEST_F(StreamMapTest, AsksEachOnceInARound) {
  for (unsigned ends = 0; ends < 32; ++ends) {
    for (int i = 0; i < 20; ++i) {
      map_.Clear();
      int asked[5] = {};
      for (int m = 0; m < 5; ++m) {
        const bool end = (ends >> m & 1) != 0;
        EXPECT_TRUE(Inserted(map_, std::to_string(m), stream::PollFn([&asked, m, end](Context&) -> Poll<Int> {
          ++asked[m];
          if (end) return Int();
          return kPending;
        })));
      }
      EXPECT_EQ(NextOfMap(), ends == 31 ? "end" : "pending");
      for (int count : asked) EXPECT_EQ(count, 1) << ends;
    }
  }
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#poll_next_many_zero
TEST_F(StreamMapTest, NothingIsAsked) {
  EXPECT_TRUE(Inserted(map_, "0", stream::Never<int>()));
  EXPECT_EQ(NextMany(0), "0:");
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#poll_next_many_empty
TEST_F(StreamMapTest, NothingIsThere) { EXPECT_EQ(NextMany(1), "0:"); }

// behaviour: tokio-stream/tests/stream_stream_map.rs#poll_next_many_pending
TEST_F(StreamMapTest, ManyOfThoseThatWait) {
  EXPECT_TRUE(Inserted(map_, "0", stream::Never<int>()));
  EXPECT_EQ(NextMany(1), "pending");
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#poll_next_many_not_enough
TEST_F(StreamMapTest, FewerThanAskedFor) {
  EXPECT_TRUE(Inserted(map_, "0", stream::Once(0)));
  EXPECT_TRUE(Inserted(map_, "1", stream::Once(1)));
  const std::string many = NextMany(3);
  EXPECT_TRUE(many == "2: 00 11" || many == "2: 11 00") << many;
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#poll_next_many_does_not_exceed_limit
TEST_F(StreamMapTest, NoMoreThanAskedFor) {
  EXPECT_TRUE(Inserted(map_, "0", stream::Once(0)));
  EXPECT_TRUE(Inserted(map_, "1", stream::Once(1)));
  EXPECT_EQ(NextMany(1).substr(0, 2), "1:");
  EXPECT_EQ(NextMany(1).substr(0, 2), "1:");
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#poll_next_many_correctly_loops_around
TEST_F(StreamMapTest, OneOfEachInTurn) {
  map_ = Abc(stream::From(Ints{0, 1, 2}));
  const auto values = [](std::string many) {
    many.erase(std::remove_if(many.begin(), many.end(), [](char c) { return c >= 'a' && c <= 'c'; }), many.end());
    return many;
  };
  EXPECT_EQ(values(NextMany(3)), "3: 0 0 0");
  EXPECT_EQ(values(NextMany(2)), "2: 1 1");
  EXPECT_EQ(NextMany(1), "1: c2");
  EXPECT_EQ(NextMany(1), "0:");
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#next_many_zero
TEST_F(StreamMapTest, AFutureOfNothing) {
  EXPECT_TRUE(Inserted(map_, "0", stream::Never<int>()));
  EXPECT_EQ(NextManyFuture(0), "0 of 0");
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#next_many_empty
TEST_F(StreamMapTest, AFutureOfAnEmptyMap) { EXPECT_EQ(NextManyFuture(1), "0 of 0"); }

// behaviour: tokio-stream/tests/stream_stream_map.rs#next_many_pending
TEST_F(StreamMapTest, AFutureThatWaits) {
  EXPECT_TRUE(Inserted(map_, "0", stream::Never<int>()));
  EXPECT_EQ(NextManyFuture(1), "pending");
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#next_many_enough
TEST_F(StreamMapTest, AFutureOfAll) {
  EXPECT_TRUE(Inserted(map_, "0", stream::Once(0)));
  EXPECT_TRUE(Inserted(map_, "1", stream::Once(1)));
  PolledTask both(map_.NextMany(out_, 2));
  auto count = both.Poll();
  ASSERT_TRUE(count.ready());
  EXPECT_EQ(*count, 2u);
  std::string items;  // which of them is the first is left to chance
  for (const char* key : {"0", "1"}) {
    for (const auto& each : out_) items += each.key == key ? " " + each.key + ":" + std::to_string(each.item) : "";
  }
  EXPECT_EQ(items, " 0:0 1:1");
}

// behaviour: tokio-stream/tests/stream_stream_map.rs#next_many_does_not_exceed_limit
TEST_F(StreamMapTest, AFutureOfNoMoreThanAskedFor) {
  EXPECT_TRUE(Inserted(map_, "0", stream::Once(0)));
  EXPECT_TRUE(Inserted(map_, "1", stream::Once(1)));
  EXPECT_EQ(NextManyFuture(1), "1 of 1");
  EXPECT_EQ(NextManyFuture(1), "1 of 1");
}

}  // namespace
}  // namespace kioto
