// Several streams as one, Chain, Merge, Zip and FlatMap; and Peekable.
#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/by_ref.h"
#include "kioto/runtime/future/stream/streams.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/testing/stream_items.h"
#include "kioto/runtime/future/testing/tracked.h"
#include "kioto/sync/mpsc_unbounded.h"

namespace kioto {
namespace {

using Ints = std::vector<int>;
using Int = std::optional<int>;

constexpr SizeHint kAll = {SIZE_MAX, std::nullopt};

// --- Chain and Merge ---

// behaviour: tokio-stream/tests/stream_chain.rs#basic_usage
TEST(StreamChain, GivesTheOneThenTheOther) {
  PolledStream both(stream::From(Ints{1, 2, 3}).Chain(stream::From(Ints{4, 5, 6})));
  for (int n = 1; n <= 6; ++n) {
    EXPECT_EQ(both->size_hint(), SizeHint::Exactly(static_cast<size_t>(7 - n)));
    EXPECT_THAT(both.Poll(), IsReady(Int(n)));
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(both->size_hint(), SizeHint::Exactly(0));
    EXPECT_THAT(both.Poll(), IsReady(Int()));
  }
}

// behaviour: tokio-stream/tests/stream_chain.rs#pending_first
TEST(StreamChain, AsksTheSecondWhenTheFirstHasEnded) {
  auto first = sync::MpscUnbounded<int>();
  auto second = sync::MpscUnbounded<int>();
  PolledStream both(stream::From(std::move(first.receiver)).Chain(std::move(second.receiver)));
  EXPECT_EQ(both->size_hint(), (SizeHint{0, std::nullopt}));
  EXPECT_THAT(both.Poll(), IsPending());
  EXPECT_TRUE(second.sender.Send(2).ok());
  EXPECT_FALSE(both.is_woken());
  EXPECT_THAT(both.Poll(), IsPending());
  EXPECT_TRUE(first.sender.Send(1).ok());
  EXPECT_TRUE(both.is_woken());
  EXPECT_THAT(both.Poll(), IsReady(Int(1)));
  EXPECT_THAT(both.Poll(), IsPending());
  first.sender.reset();
  EXPECT_TRUE(both.is_woken());
  EXPECT_THAT(both.Poll(), IsReady(Int(2)));
  EXPECT_THAT(both.Poll(), IsPending());
  second.sender.reset();
  EXPECT_TRUE(both.is_woken());
  EXPECT_THAT(both.Poll(), IsReady(Int()));
}

// behaviour: tokio-stream/tests/stream_chain.rs#size_overflow
TEST(StreamChain, DoesNotCountBeyondAllBounds) { EXPECT_EQ(EndlessClaim().Chain(EndlessClaim()).size_hint(), kAll); }

// behaviour: tokio-stream/tests/stream_merge.rs#merge_async_streams
TEST(StreamMerge, GivesWhatComesUntilBothHaveEnded) {
  auto first = sync::MpscUnbounded<int>();
  auto second = sync::MpscUnbounded<int>();
  PolledStream both(stream::From(std::move(first.receiver)).Merge(std::move(second.receiver)));
  EXPECT_THAT(both.Poll(), IsPending());
  EXPECT_TRUE(first.sender.Send(1).ok());
  EXPECT_TRUE(both.is_woken());
  EXPECT_THAT(both.Poll(), IsReady(Int(1)));
  EXPECT_THAT(both.Poll(), IsPending());
  EXPECT_TRUE(second.sender.Send(2).ok());
  EXPECT_TRUE(both.is_woken());
  EXPECT_THAT(both.Poll(), IsReady(Int(2)));
  EXPECT_THAT(both.Poll(), IsPending());
  first.sender.reset();
  EXPECT_TRUE(both.is_woken());
  EXPECT_THAT(both.Poll(), IsPending());
  EXPECT_TRUE(second.sender.Send(3).ok());
  EXPECT_THAT(both.Poll(), IsReady(Int(3)));
  second.sender.reset();
  EXPECT_THAT(both.Poll(), IsReady(Int()));
}

// behaviour: tokio-stream/tests/stream_merge.rs#size_overflow
TEST(StreamMerge, DoesNotCountBeyondAllBounds) { EXPECT_EQ(EndlessClaim().Merge(EndlessClaim()).size_hint(), kAll); }

TEST(StreamMerge, IsFairToBoth) {
  PolledStream both(stream::From(Ints(50, 1)).Merge(stream::From(Ints(50, 2))).Take(40));
  const Ints items = ItemsOf(both);
  EXPECT_EQ(std::count(items.begin(), items.end(), 1), 20);
}

// --- Zip ---

using Pair = std::tuple<int, std::string>;
using Pairs = std::vector<Pair>;

auto Words() { return stream::From(std::vector<std::string>{"one", "two", "three"}); }

TEST(StreamZip, GivesAnItemOfEach) {
  PolledStream both(stream::From(Ints{1, 2, 3}).Zip(Words()));
  EXPECT_EQ(both->size_hint(), SizeHint::Exactly(3));
  EXPECT_EQ(ItemsOf(both), (Pairs{{1, "one"}, {2, "two"}, {3, "three"}}));
  EXPECT_TRUE(both->ended());
}

TEST(StreamZip, GoesToAStepThatTakesBoth) {
  std::string all;
  PolledTask task(stream::From(Ints{1, 2}).Zip(Words()).ForEach([&all](int& n, std::string& word) {
    all += std::to_string(n) + word;
  }));
  EXPECT_TRUE(task.Poll()->ok());
  EXPECT_EQ(all, "1one2two");
}

TEST(StreamZip, EndsWithTheFirstThatEnds) {
  EXPECT_EQ(ItemsOf(stream::Once(1).Zip(Words())), (Pairs{{1, "one"}}));
  EXPECT_EQ(ItemsOf(stream::From(Ints{1, 2, 3, 4}).Zip(Words())).size(), 3u);
  EXPECT_EQ(stream::Once(1).Zip(Words()).size_hint(), SizeHint::Exactly(1));
  EXPECT_TRUE(stream::Empty<int>().Zip(Words()).ended());
  // Though the other one still waits; neither is asked again.
  int asked = 0;
  PolledStream ends(stream::PollFn([&asked](Context&) -> Poll<Int> {
                      ++asked;
                      return kPending;
                    }).Zip(stream::Once(1)));
  EXPECT_THAT(ends.Poll(), IsPending());
  for (int i = 0; i < 2; ++i) EXPECT_THAT(ends.Poll(), IsPending()) << "the second has given its item, and is not asked for more";
  EXPECT_EQ(asked, 3);
  PolledStream at_once(stream::Never<int>().Zip(stream::Empty<int>()));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(at_once.Poll().ready());
}

TEST(StreamZip, WaitsForBothAtOnceAndKeepsWhatCame) {
  auto first = sync::MpscUnbounded<int>();
  auto second = sync::MpscUnbounded<int>();
  PolledStream both(stream::From(std::move(first.receiver)).Zip(std::move(second.receiver)));
  EXPECT_THAT(both.Poll(), IsPending());
  for (int n : {1, 2}) EXPECT_TRUE(second.sender.Send(10 * n).ok());
  EXPECT_TRUE(both.is_woken());
  EXPECT_THAT(both.Poll(), IsPending());
  EXPECT_EQ(both->size_hint(), (SizeHint{0, std::nullopt}));
  EXPECT_TRUE(first.sender.Send(1).ok());
  EXPECT_TRUE(both.is_woken());
  EXPECT_THAT(both.Poll(), IsReady(std::optional(std::tuple(1, 10))));
  EXPECT_THAT(both.Poll(), IsPending());
  first.sender.reset();  // 20 has no other half
  EXPECT_THAT(both.Poll(), IsReady(std::optional<std::tuple<int, int>>()));
  EXPECT_TRUE(both->ended());
}

TEST(StreamZip, DoesNotCountBeyondAllBounds) {
  EXPECT_EQ(EndlessClaim().Zip(EndlessClaim()).size_hint(), SizeHint::Exactly(SIZE_MAX));
  EXPECT_EQ(EndlessClaim().Zip(stream::Never<int>()).size_hint(), (SizeHint{0, SIZE_MAX}));
}

// --- FlatMap ---

TEST(StreamFlatMap, GivesTheItemsOfEachInTurn) {
  PolledStream flat(stream::From(Ints{2, 0, 3}).FlatMap([](int& n) { return stream::From(Ints(static_cast<size_t>(n), n)); }));
  EXPECT_EQ(flat->size_hint(), (SizeHint{0, std::nullopt}));
  EXPECT_EQ(ItemsOf(flat), (Ints{2, 2, 3, 3, 3}));
  EXPECT_TRUE(flat->ended());
  EXPECT_EQ(flat->size_hint(), SizeHint::Exactly(0));
}

TEST(StreamFlatMap, TakesAContainer) {
  EXPECT_EQ(ItemsOf(Words().Take(2).FlatMap([](std::string& word) { return std::move(word); })).size(), 6u);
}

TEST(StreamFlatMap, AnItemLivesUntilItsStreamHasEnded) {
  DestructionLog log;
  std::vector<Tracked> items;
  for (const char* name : {"first", "second"}) items.emplace_back(name, &log);
  PolledStream flat(stream::From(std::move(items)).FlatMap([](Tracked& t) {
    return stream::Unfold(2, [&t](int& left) -> std::optional<std::string> {
      EXPECT_TRUE(t.lives());
      return left-- > 0 ? std::optional(t.name()) : std::nullopt;
    });
  }));
  log.Clear();
  for (const char* name : {"first", "first", "second", "second"}) {
    EXPECT_THAT(flat.Poll(), IsReady(std::optional<std::string>(name)));
    EXPECT_EQ(log.text(), name == std::string("first") ? "" : "first");
  }
  EXPECT_THAT(flat.Poll(), IsReady(std::optional<std::string>()));
  EXPECT_EQ(log.text(), "first second");
}

TEST(StreamFlatMap, WaitsForTheStreamThatItIsAt) {
  auto inner = sync::MpscUnbounded<int>();
  PolledStream flat(stream::Once(0).FlatMap([&inner](int&) { return std::move(inner.receiver); }));
  EXPECT_THAT(flat.Poll(), IsPending());
  EXPECT_FALSE(flat->ended());  // its source has
  EXPECT_TRUE(inner.sender.Send(7).ok());
  EXPECT_TRUE(flat.is_woken());
  EXPECT_THAT(flat.Poll(), IsReady(Int(7)));
  inner.sender.reset();
  EXPECT_THAT(flat.Poll(), IsReady(Int()));
  EXPECT_THAT(flat.Poll(), IsReady(Int()));
}

TEST(StreamFlatMap, OverEmptyStreamsConsumesBudget) {
  PolledStream none(stream::PollFn([](Context&) -> Poll<Int> { return Int(1); }).FlatMap([](int&) { return stream::Empty<int>(); }));
  EXPECT_THAT(none.Poll(), IsPending());
  EXPECT_TRUE(none.yielded());
}

TEST(StreamFlatMapDeathTest, MovedWhileAStreamIsAtWork) {
  auto waits = stream::Once(1).FlatMap([](int&) { return stream::Never<int>(); });
  PolledStream polled(ByRef(waits));
  EXPECT_THAT(polled.Poll(), IsPending());
  EXPECT_DEATH({ auto moved = std::move(waits); }, "kioto: a stream was moved while a future or a stream of its own was at work");
}

// --- Peekable ---

// behaviour: tokio-stream/tests/stream_peekable.rs#peek_returns_correct_item
TEST(StreamPeekable, ShowsWhatComesNext) {
  PolledStream items(stream::From(Ints{10, 20, 30}).Peekable());
  for (int i = 0; i < 2; ++i) {
    PolledTask peek(items->Peek());
    EXPECT_EQ(**peek.Poll(), 10);
  }
  EXPECT_EQ(ItemsOf(items), (Ints{10, 20, 30}));
}

// behaviour: tokio-stream/tests/stream_peekable.rs#peek_does_not_consume
TEST(StreamPeekable, TakesNothing) {
  PolledStream items(stream::From(Ints{1, 2}).Peekable());
  for (int i = 0; i < 2; ++i) EXPECT_THAT(PolledTask(items->Peek()).Poll(), IsReady(::testing::Pointee(1)));
  EXPECT_THAT(items.Poll(), IsReady(Int(1)));
  EXPECT_THAT(items.Poll(), IsReady(Int(2)));
}

// behaviour: tokio-stream/tests/stream_peekable.rs#peek_mut_mutates_yielded_item
TEST(StreamPeekable, TheItemMayBeChanged) {
  PolledStream items(stream::From(Ints{1, 2}).Peekable());
  **PolledTask(items->Peek()).Poll() += 10;
  EXPECT_EQ(ItemsOf(items), (Ints{11, 2}));
}

// behaviour: tokio-stream/tests/stream_peekable.rs#peek_on_empty_stream
TEST(StreamPeekable, NothingAtTheEnd) {
  PolledStream items(stream::Empty<int>().Peekable());
  EXPECT_THAT(PolledTask(items->Peek()).Poll(), IsReady(nullptr));
  EXPECT_THAT(PolledTask(items->Peek()).Poll(), IsReady(nullptr));
  EXPECT_THAT(items.Poll(), IsReady(Int()));
}

// behaviour: tokio-stream/tests/stream_peekable.rs#poll_peek_propagates_pending
TEST(StreamPeekable, WaitsForItsSource) {
  PolledStream items(PendingOnceThen(7).Peekable());
  PolledTask peek(items->Peek());
  EXPECT_THAT(peek.Poll(), IsPending());
  EXPECT_TRUE(peek.is_woken());
  EXPECT_THAT(peek.Poll(), IsReady(::testing::Pointee(7)));
}

// behaviour: tokio-stream/tests/stream_peekable.rs#size_hint_with_peek
TEST(StreamPeekable, CountsWhatItHasSeen) {
  PolledStream items(stream::From(Ints{1, 2, 3}).Peekable());
  EXPECT_EQ(items->size_hint(), SizeHint::Exactly(3));
  EXPECT_TRUE(PolledTask(items->Peek()).Poll().ready());
  EXPECT_EQ(items->size_hint(), SizeHint::Exactly(3));
  EXPECT_TRUE(items.Poll().ready());
  EXPECT_EQ(items->size_hint(), SizeHint::Exactly(2));
}

// behaviour: tokio-stream/tests/stream_peekable.rs#size_hint_empty_stream
TEST(StreamPeekable, CountsNothingAtTheEnd) {
  PolledStream items(stream::Empty<int>().Peekable());
  EXPECT_EQ(items->size_hint(), SizeHint::Exactly(0));
  EXPECT_THAT(PolledTask(items->Peek()).Poll(), IsReady(nullptr));
  EXPECT_EQ(items->size_hint(), SizeHint::Exactly(0));
}

// An item, and then a claim.
template <class Claim>
auto PeekedBefore(Claim claim) {
  PolledStream items(stream::Once(1).Chain(std::move(claim)).Peekable());
  EXPECT_TRUE(PolledTask(items->Peek()).Poll().ready());
  return items->size_hint();
}

// behaviour: tokio-stream/tests/stream_peekable.rs#size_hint_overflow
TEST(StreamPeekable, DoesNotCountBeyondAllBounds) { EXPECT_EQ(PeekedBefore(EndlessClaim()), kAll); }

// Says that it has one item at least.
struct AtLeastOne : StreamBase<AtLeastOne, int> {
  Poll<Int> PollNext(Context&) { return kPending; }
  SizeHint size_hint() const { return {1, std::nullopt}; }
};

// behaviour: tokio-stream/tests/stream_peekable.rs#size_hint_unbounded_upper
TEST(StreamPeekable, AddsOneToWhatIsUnbounded) { EXPECT_EQ(PeekedBefore(AtLeastOne()), (SizeHint{2, std::nullopt})); }

}  // namespace
}  // namespace kioto
