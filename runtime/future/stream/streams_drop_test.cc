// Streams and what is made of them, dropped after any number of polls: nothing is left of them; and of a Next() that is
// dropped no item is lost.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/by_ref.h"
#include "kioto/runtime/future/ready.h"
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

bool IsOdd(int n) { return n % 2 != 0; }

// 1, 2, 3, 4, each of them after two polls that are pending.
auto Slow() {
  return stream::From(Ints{1, 2, 3, 4}).Then([](int& n) { return PendingTimes(2, &n).Map([](int* n) { return *n; }); });
}

// All items of a stream, though each Next() is dropped that is not ready after `polls` polls, and one that was not polled.
template <class S>
std::vector<typename S::Item> ItemsBesideDrops(S& stream, int polls) {
  std::vector<typename S::Item> items;
  for (;;) {
    { PolledTask unpolled(stream.Next()); }
    PolledTask next(stream.Next());
    auto item = next.Poll();
    for (int i = 1; i < polls && item.pending(); ++i) item = next.Poll();
    if (item.pending()) continue;
    if (!item->has_value()) return items;
    items.push_back(std::move(**item));
  }
}

class StreamDropTest : public testing::Test {
 protected:
  // Has 1 and 2, and then waits. Its sender stays: a waker that is left there is seen.
  auto Source() {
    auto channel = sync::MpscUnbounded<int>();
    for (int n : {1, 2}) EXPECT_TRUE(channel.sender.Send(n).ok());
    senders_.push_back(std::move(channel.sender));
    return stream::From(std::move(channel.receiver));
  }

  // adapt(source, Tracked) gives a stream of the source that owns both; of 1 to 4 it gives `all`.
  template <class Adapt, class Items>
  void ExpectDrops(Adapt adapt, const Items& all) {
    RunDropSuite([&](Tracked t) { return adapt(Source(), std::move(t)).template Collect<Unit>(); });
    for (int polls = 1; polls <= 4; ++polls) {
      auto stream = adapt(Slow(), Tracked());
      EXPECT_EQ(ItemsBesideDrops(stream, polls), all) << polls;
    }
  }

  std::vector<sync::MpscUnboundedSender<int>> senders_;
};

// --- Adapters ---

// check: H1
TEST_F(StreamDropTest, Map) {
  ExpectDrops([](auto s, Tracked t) { return std::move(s).Map([t = std::move(t)](int n) { return n * 2; }); }, Ints{2, 4, 6, 8});
}

// check: H1
TEST_F(StreamDropTest, Then) {
  ExpectDrops([](auto s, Tracked t) {
    return std::move(s).Then([t = std::move(t)](int& n) { return PendingTimes(1, &n).Map([](int* n) { return *n + 1; }); });
  }, Ints{2, 3, 4, 5});
}

// check: H1
TEST_F(StreamDropTest, Filter) {
  ExpectDrops([](auto s, Tracked t) { return std::move(s).Filter([t = std::move(t)](int n) { return !IsOdd(n); }); }, Ints{2, 4});
}

// check: H1
TEST_F(StreamDropTest, FilterMap) {
  ExpectDrops([](auto s, Tracked t) {
    return std::move(s).FilterMap([t = std::move(t)](int n) { return IsOdd(n) ? Int() : Int(n * 10); });
  }, Ints{20, 40});
}

// check: H1
TEST_F(StreamDropTest, MapWhile) {
  ExpectDrops([](auto s, Tracked t) {
    return std::move(s).MapWhile([t = std::move(t)](int n) { return n < 4 ? Int(n * 10) : Int(); });
  }, Ints{10, 20, 30});
}

// check: H1
TEST_F(StreamDropTest, InspectSeesEachItemOnce) {
  Ints seen;
  ExpectDrops([&seen](auto s, Tracked t) {
    seen.clear();
    return std::move(s).Inspect([&seen, t = std::move(t)](const int& n) { seen.push_back(n); });
  }, Ints{1, 2, 3, 4});
  EXPECT_EQ(seen, (Ints{1, 2, 3, 4}));
}

// Those that own nothing but their source: it owns the Tracked.
template <class S>
auto Owns(S source, Tracked t) {
  return std::move(source).Map([t = std::move(t)](int n) { return n; });
}

// check: H1
TEST_F(StreamDropTest, TakeAndSkip) {
  ExpectDrops([](auto s, Tracked t) { return Owns(std::move(s), std::move(t)).Take(3); }, Ints{1, 2, 3});
  ExpectDrops([](auto s, Tracked t) { return Owns(std::move(s), std::move(t)).Skip(2); }, Ints{3, 4});
}

// check: H1
TEST_F(StreamDropTest, TakeWhileAndSkipWhile) {
  ExpectDrops([](auto s, Tracked t) { return std::move(s).TakeWhile([t = std::move(t)](int n) { return n < 3; }); }, Ints{1, 2});
  ExpectDrops([](auto s, Tracked t) { return std::move(s).SkipWhile([t = std::move(t)](int n) { return n < 3; }); }, Ints{3, 4});
}

// check: H1
TEST_F(StreamDropTest, Until) {
  ExpectDrops([](auto s, Tracked t) { return std::move(s).Until(PendingTimes(1000, std::move(t))); }, Ints{1, 2, 3, 4});
  ExpectDrops([](auto s, Tracked t) { return std::move(s).Until(PendingTimes(4, std::move(t))); }, Ints{1});
}

// check: H1
TEST_F(StreamDropTest, FuseAndNotifyEnd) {
  ExpectDrops([](auto s, Tracked t) { return Owns(std::move(s), std::move(t)).Fuse(); }, Ints{1, 2, 3, 4});
  ExpectDrops([](auto s, Tracked t) { return Owns(std::move(s), std::move(t)).NotifyEnd(); },
              (std::vector<Int>{1, 2, 3, 4, std::nullopt}));
}

// check: H1
TEST_F(StreamDropTest, Chunks) {
  ExpectDrops([](auto s, Tracked t) { return Owns(std::move(s), std::move(t)).Chunks(3); }, (std::vector<Ints>{{1, 2, 3}, {4}}));
}

// check: H1
TEST_F(StreamDropTest, Buffered) {
  // The first ones take so long that several are at work.
  const auto slow = [](int& n) { return PendingTimes(20 - 4 * n, &n).Map([](int* n) { return *n; }); };
  ExpectDrops([&](auto s, Tracked t) { return Owns(std::move(s), std::move(t)).Buffered(3, slow); }, Ints{1, 2, 3, 4});
  for (int polls = 1; polls <= 4; ++polls) {
    auto unordered = Slow().BufferUnordered(3, slow);
    Ints items = ItemsBesideDrops(unordered, polls);
    std::sort(items.begin(), items.end());
    EXPECT_EQ(items, (Ints{1, 2, 3, 4})) << polls;
  }
}

// check: H1
TEST_F(StreamDropTest, Boxed) {
  ExpectDrops([](auto s, Tracked t) { return Owns(std::move(s), std::move(t)).Boxed(); }, Ints{1, 2, 3, 4});
}

// --- Two streams, and many ---

// check: H1
TEST_F(StreamDropTest, Chain) {
  ExpectDrops([](auto s, Tracked t) { return Owns(std::move(s), std::move(t)).Chain(stream::Once(5)); }, Ints{1, 2, 3, 4, 5});
  ExpectDrops([](auto s, Tracked t) { return stream::Once(0).Chain(Owns(std::move(s), std::move(t))); }, Ints{0, 1, 2, 3, 4});
}

// check: H1
TEST_F(StreamDropTest, Merge) {
  RunDropSuite([this](Tracked t) { return Owns(Source(), std::move(t)).Merge(Source()).Collect<Unit>(); });
  for (int polls = 1; polls <= 4; ++polls) {
    auto both = Slow().Merge(Slow());
    Ints items = ItemsBesideDrops(both, polls);
    std::sort(items.begin(), items.end());
    EXPECT_EQ(items, (Ints{1, 1, 2, 2, 3, 3, 4, 4})) << polls;
  }
}

// check: H1
TEST_F(StreamDropTest, Zip) {
  RunDropSuite([this](Tracked t) { return Owns(Source(), std::move(t)).Zip(Source()).Collect<Unit>(); });
  RunDropSuite([this](Tracked t) { return Source().Zip(Owns(stream::Never<int>(), std::move(t))).Collect<Unit>(); });
  for (int polls = 1; polls <= 4; ++polls) {
    auto both = Slow().Zip(stream::From(Ints{10, 20, 30, 40})).Map([](int a, int b) { return a + b; });
    EXPECT_EQ(ItemsBesideDrops(both, polls), (Ints{11, 22, 33, 44})) << polls;
  }
}

// check: H1
TEST_F(StreamDropTest, FlatMap) {
  ExpectDrops([](auto s, Tracked t) {
    return std::move(s).FlatMap([t = std::move(t)](int& n) {
      return stream::FromFuture(PendingTimes(1, &n)).Map([](int* n) { return *n * 10; }).Chain(stream::Once(n));
    });
  }, Ints{10, 1, 20, 2, 30, 3, 40, 4});
}

// check: H1
TEST_F(StreamDropTest, StreamMap) {
  using Owned = decltype(Owns(Source(), Tracked()));
  RunDropSuite([this](Tracked t) {
    StreamMap<int, Owned> map;
    map.Insert(1, Owns(Source(), std::move(t)));
    map.Insert(2, Owns(Source(), Tracked()));
    return std::move(map).Collect<Unit>();
  });
  for (int polls = 1; polls <= 4; ++polls) {
    StreamMap<int, decltype(Slow())> map;
    map.Insert(10, Slow());
    map.Insert(20, Slow());
    Ints items;
    for (const auto& from : ItemsBesideDrops(map, polls)) items.push_back(from.key + from.item);
    std::sort(items.begin(), items.end());
    EXPECT_EQ(items, (Ints{11, 12, 13, 14, 21, 22, 23, 24})) << polls;
  }
}

// check: H1
TEST_F(StreamDropTest, NextMany) {
  for (int polls = 0; polls < 4; ++polls) {
    StreamMap<int, decltype(Source())> map;
    map.Insert(1, Source());
    std::vector<Keyed<int, int>> out;
    EXPECT_THAT(PolledTask(map.NextMany(out, 2)).Poll(), IsReady(2u));
    PolledTask dropped(map.NextMany(out, 2));
    for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
    EXPECT_TRUE(senders_.back().Send(3).ok());
    dropped.Drop();
    EXPECT_EQ(out.size(), 2u);
    EXPECT_THAT(PolledTask(map.NextMany(out, 2)).Poll(), IsReady(1u));
    EXPECT_EQ(out.back().item, 3);
    map.Clear();
    EXPECT_EQ(dropped.held(), 0);
  }
}

// --- Sources ---

// check: H1
TEST_F(StreamDropTest, Sources) {
  RunDropSuite([](Tracked t) {
    std::vector<Tracked> items(2);
    items.push_back(std::move(t));
    return stream::From(std::move(items)).Chain(stream::Never<Tracked>()).Collect<std::vector<Tracked>>();
  });
  RunDropSuite([](Tracked t) { return stream::Once(std::move(t)).Chain(stream::Never<Tracked>()).Collect<Unit>(); });
  const Ints range = {1, 2};
  RunDropSuite([&](Tracked t) {
    return Owns(stream::From(range.begin(), range.end()), std::move(t)).Chain(stream::Never<int>()).Collect<Unit>();
  });
  RunDropSuite([](Tracked t) { return stream::FromFuture(PendingTimes(3, std::move(t))).Collect<Unit>(); });
  RunDropSuite([](Tracked t) {
    return stream::PollFn([t = std::move(t)](Context&) -> Poll<Int> { return kPending; }).Collect<Unit>();
  });
}

// check: H1
TEST_F(StreamDropTest, FromFutureKeepsItsOutput) {
  for (int polls = 1; polls <= 4; ++polls) {
    auto one = stream::FromFuture(PendingTimes(3, 7));
    EXPECT_EQ(ItemsBesideDrops(one, polls), Ints{7}) << polls;
  }
}

// check: H1
TEST_F(StreamDropTest, UnfoldKeepsItsState) {
  const auto lives = [](Tracked& t) { return PendingTimes(1, &t).Map([](Tracked* t) { return Int(t->lives()); }); };
  RunDropSuite([&](Tracked t) { return stream::Unfold(std::move(t), lives).Take(2).Collect<Unit>(); });
  for (int polls = 1; polls <= 4; ++polls) {
    auto countdown = stream::Unfold(3, [](int& n) {
      return PendingTimes(2, &n).Map([](int* n) { return *n > 0 ? Int((*n)--) : Int(); });
    });
    EXPECT_EQ(ItemsBesideDrops(countdown, polls), (Ints{3, 2, 1})) << polls;
  }
}

// --- One value of a stream ---

// check: H1
TEST_F(StreamDropTest, Fold) {
  RunDropSuite([this](Tracked t) { return Source().Fold(std::move(t), [](Tracked&, int) {}); });
  RunDropSuite([this](Tracked t) { return Source().TryFold(std::move(t), [](Tracked&, int) { return OkStatus(); }); });
}

// Of a stream that is kept: all items that the dropped one did not look at are still there.
template <class Search>
void ExpectTakesWhatItSaw(Search search) {
  for (int polls = 0; polls <= 8; ++polls) {
    auto items = Slow();
    Ints all;
    PolledTask task(search(stream::From(ByRef(items)), all));
    for (int i = 0; i < polls; ++i) EXPECT_THAT(task.Poll(), IsPending());
    task.Drop();
    EXPECT_EQ(all.size(), static_cast<size_t>(polls > 0 ? (polls - 1) / 2 : 0));
    for (int n : ItemsBesideDrops(items, 1)) all.push_back(n);
    EXPECT_EQ(all, (Ints{1, 2, 3, 4})) << polls;
  }
}

// check: H1
TEST_F(StreamDropTest, AnyAndAll) {
  RunDropSuite([this](Tracked t) { return Source().Any([t = std::move(t)](int) { return false; }); });
  RunDropSuite([this](Tracked t) { return Source().All([t = std::move(t)](int) { return true; }); });
  ExpectTakesWhatItSaw([](auto s, Ints& seen) { return std::move(s).Any([&seen](int n) { return seen.push_back(n), false; }); });
  ExpectTakesWhatItSaw([](auto s, Ints& seen) { return std::move(s).All([&seen](int n) { return seen.push_back(n), true; }); });
}

// check: H1
TEST_F(StreamDropTest, TryNext) {
  for (int polls = 0; polls <= 2; ++polls) {
    auto items = Slow().Map([](int n) { return StatusOr<int>(n); });
    PolledTask dropped(items.TryNext());
    for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
    dropped.Drop();
    PolledTask next(items.TryNext());
    EXPECT_EQ(**next.PollWhileWoken(), Int(1)) << polls;
  }
}

// check: H1
TEST_F(StreamDropTest, Peek) {
  for (int polls = 0; polls <= 2; ++polls) {
    auto items = Slow().Peekable();
    PolledTask dropped(items.Peek());
    for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
    dropped.Drop();
    PolledTask peek(items.Peek());
    EXPECT_THAT(peek.PollWhileWoken(), IsReady(::testing::Pointee(1))) << polls;
    EXPECT_EQ(ItemsBesideDrops(items, 1), (Ints{1, 2, 3, 4})) << polls;
  }
  ExpectDrops([](auto s, Tracked t) { return Owns(std::move(s), std::move(t)).Peekable(); }, Ints{1, 2, 3, 4});
}

}  // namespace
}  // namespace kioto
