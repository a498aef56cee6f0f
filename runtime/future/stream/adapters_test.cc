// Sources, and the adapters that give a stream of a stream.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/by_ref.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/stream/streams.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/stream_items.h"
#include "kioto/sync/mpsc_unbounded.h"

namespace kioto {
namespace {

using Ints = std::vector<int>;
using Int = std::optional<int>;

auto OneToThree() { return stream::From(Ints{1, 2, 3}); }
auto AddOne() {
  return [](int& n) { return Ready(n + 1); };
}
bool IsOdd(int n) { return n % 2 != 0; }

// What is left in the source of an adapter that has been polled once.
template <class S>
Ints InnerAfter(int first, S stream) {
  PolledStream<S> polled(std::move(stream));
  EXPECT_THAT(polled.Poll(), IsReady(Int(first)));
  return ItemsOf(std::move(polled.stream()).IntoInner());
}

// --- Sources ---

// behaviour: tokio-stream/tests/stream_once.rs#basic_usage
TEST(StreamSources, OnceGivesOneItem) {
  PolledStream once(stream::Once(1));
  EXPECT_EQ(once->size_hint(), SizeHint::Exactly(1));
  EXPECT_THAT(once.Poll(), IsReady(Int(1)));
  EXPECT_EQ(once->size_hint(), SizeHint::Exactly(0));
  EXPECT_THAT(once.Poll(), IsReady(Int()));
}

// behaviour: tokio-stream/tests/stream_empty.rs#basic_usage
TEST(StreamSources, EmptyIsAtItsEnd) {
  PolledStream empty(stream::Empty<int>());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(empty->size_hint(), SizeHint::Exactly(0));
    EXPECT_THAT(empty.Poll(), IsReady(Int()));
  }
}

// behaviour: tokio-stream/tests/stream_pending.rs#basic_usage
TEST(StreamSources, NeverNeitherGivesNorEnds) {
  PolledStream never(stream::Never<int>());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(never->size_hint(), (SizeHint{0, std::nullopt}));
    EXPECT_THAT(never.Poll(), IsPending());
  }
}

// behaviour: tokio-stream/tests/stream_iter.rs#test_iter_eof_behavior
TEST(StreamSources, AContainerEnds) {
  PolledStream items(stream::From(Ints{7}));
  EXPECT_THAT(items.Poll(), IsReady(Int(7)));
  EXPECT_THAT(items.Poll(), IsReady(Int()));
  EXPECT_THAT(items.Poll(), IsReady(Int()));
}

TEST(StreamSources, AContainerMayBeMovedHalfway) {
  auto items = stream::From(std::string("abc"));  // short: its bytes lie inside it
  PolledStream first(ByRef(items));
  EXPECT_THAT(first.Poll(), IsReady(std::optional<char>('a')));
  EXPECT_EQ(ItemsOf(std::move(items)), (std::vector<char>{'b', 'c'}));
}

TEST(StreamSources, ARangeIsCopied) {
  const Ints items = {1, 2, 3};
  EXPECT_EQ(ItemsOf(stream::From(items.begin(), items.end())), items);
}

TEST(StreamSources, UnfoldCarriesAState) {
  auto countdown = [](int& n) { return n > 0 ? Int(n--) : Int(); };
  EXPECT_EQ(ItemsOf(stream::Unfold(3, countdown)), (Ints{3, 2, 1}));
  PolledStream slow(stream::Unfold(2, [](int& n) { return PendingTimes(1, n > 0 ? Int(n--) : Int()); }));
  EXPECT_THAT(slow.Poll(), IsPending());
  EXPECT_TRUE(slow.is_woken());
  EXPECT_THAT(slow.Poll(), IsReady(Int(2)));
  EXPECT_THAT(slow.Poll(), IsPending());
  EXPECT_THAT(slow.Poll(), IsReady(Int(1)));
}

TEST(StreamSources, FromFutureGivesItsOutput) {
  Promise<int> promise;
  PolledStream one(stream::FromFuture(promise.Get()));
  EXPECT_THAT(one.Poll(), IsPending());
  promise.Set(4);
  EXPECT_TRUE(one.is_woken());
  EXPECT_THAT(one.Poll(), IsReady(Int(4)));
  EXPECT_THAT(one.Poll(), IsReady(Int()));
  EXPECT_TRUE(promise.dropped());
}

// --- Accessors ---

// behaviour: tokio-stream/tests/stream_accessors.rs#map_accessors
TEST(StreamInner, OfMap) {
  EXPECT_EQ(InnerAfter(2, OneToThree().Map([](int n) { return n * 2; })), (Ints{2, 3}));
}
// behaviour: tokio-stream/tests/stream_accessors.rs#skip_accessors
TEST(StreamInner, OfSkip) { EXPECT_EQ(InnerAfter(2, OneToThree().Skip(1)), Ints{3}); }
// behaviour: tokio-stream/tests/stream_accessors.rs#filter_accessors
TEST(StreamInner, OfFilter) { EXPECT_EQ(InnerAfter(1, OneToThree().Filter(&IsOdd)), (Ints{2, 3})); }
// behaviour: tokio-stream/tests/stream_accessors.rs#take_while_accessors
TEST(StreamInner, OfTakeWhile) {
  EXPECT_EQ(InnerAfter(1, OneToThree().TakeWhile([](int n) { return n < 3; })), (Ints{2, 3}));
}
// behaviour: tokio-stream/tests/stream_accessors.rs#skip_while_accessors
TEST(StreamInner, OfSkipWhile) {
  EXPECT_EQ(InnerAfter(2, OneToThree().SkipWhile([](int n) { return n < 2; })), Ints{3});
}
// behaviour: tokio-stream/tests/stream_accessors.rs#then_accessors
TEST(StreamInner, OfThen) { EXPECT_EQ(InnerAfter(2, OneToThree().Then(AddOne())), (Ints{2, 3})); }

// behaviour: tokio-stream/tests/stream_accessors.rs#get_mut_can_mutate_inner
TEST(StreamInner, MayBeAdvanced) {
  PolledStream doubled(OneToThree().Map([](int n) { return n * 2; }));
  PolledStream inner(ByRef(doubled->inner()));
  EXPECT_THAT(inner.Poll(), IsReady(Int(1)));
  EXPECT_THAT(doubled.Poll(), IsReady(Int(4)));
}

// --- ended() ---

// Polls an adapter of three items to its end, or over its first item if there is more.
template <class S>
void ExpectEndsWithItsSource(S stream) {
  PolledStream<S> polled(std::move(stream));
  EXPECT_FALSE(polled->ended());
  ItemsOf(polled);
  EXPECT_TRUE(polled->ended());
}
template <class S>
bool EndedAtStart(S stream) {
  return stream.ended();
}

// behaviour: tokio-stream/tests/stream_fused.rs#map_not_terminated_before_done
// behaviour: tokio-stream/tests/stream_fused.rs#filter_not_terminated_before_done
// behaviour: tokio-stream/tests/stream_fused.rs#filter_map_not_terminated_before_done
TEST(StreamEnded, NotBeforeTheFirstItemOfMapAndFilter) {
  EXPECT_FALSE(EndedAtStart(OneToThree().Map([](int n) { return n; })));
  EXPECT_FALSE(EndedAtStart(OneToThree().Filter(&IsOdd)));
  EXPECT_FALSE(EndedAtStart(OneToThree().FilterMap([](int n) { return Int(n); })));
}

// behaviour: tokio-stream/tests/stream_fused.rs#map_terminated_after_inner_done
// behaviour: tokio-stream/tests/stream_fused.rs#filter_terminated_after_inner_done
// behaviour: tokio-stream/tests/stream_fused.rs#filter_map_terminated_after_inner_done
TEST(StreamEnded, MapAndFilterWithTheirSource) {
  ExpectEndsWithItsSource(OneToThree().Map([](int n) { return n; }));
  ExpectEndsWithItsSource(OneToThree().Filter(&IsOdd));
  ExpectEndsWithItsSource(OneToThree().FilterMap([](int n) { return IsOdd(n) ? Int(n) : Int(); }));
}

// behaviour: tokio-stream/tests/stream_fused.rs#skip_not_terminated_before_done
// behaviour: tokio-stream/tests/stream_fused.rs#skip_while_not_terminated_before_done
TEST(StreamEnded, NotBeforeTheFirstItemOfSkip) {
  EXPECT_FALSE(EndedAtStart(OneToThree().Skip(1)));
  EXPECT_FALSE(EndedAtStart(OneToThree().SkipWhile(&IsOdd)));
}

// behaviour: tokio-stream/tests/stream_fused.rs#skip_terminated_after_inner_done
// behaviour: tokio-stream/tests/stream_fused.rs#skip_while_terminated_after_inner_done
TEST(StreamEnded, SkipWithItsSource) {
  ExpectEndsWithItsSource(OneToThree().Skip(1));
  ExpectEndsWithItsSource(OneToThree().SkipWhile(&IsOdd));
}

// behaviour: tokio-stream/tests/stream_fused.rs#take_terminated_when_remaining_zero
TEST(StreamEnded, TakeRightAfterItsLastItem) {
  PolledStream two(OneToThree().Take(2));
  EXPECT_THAT(two.Poll(), IsReady(Int(1)));
  EXPECT_FALSE(two->ended());
  EXPECT_THAT(two.Poll(), IsReady(Int(2)));
  EXPECT_TRUE(two->ended());
  EXPECT_THAT(two.Poll(), IsReady(Int()));
}

// behaviour: tokio-stream/tests/stream_fused.rs#take_zero_is_immediately_terminated
TEST(StreamEnded, TakeOfNothingAtOnce) { EXPECT_TRUE(EndedAtStart(OneToThree().Take(0))); }

// behaviour: tokio-stream/tests/stream_fused.rs#take_while_not_terminated_before_predicate_fails
TEST(StreamEnded, TakeWhileNotAtItsStart) { EXPECT_FALSE(EndedAtStart(OneToThree().TakeWhile(&IsOdd))); }

// behaviour: tokio-stream/tests/stream_fused.rs#take_while_terminated_after_predicate_fails
TEST(StreamEnded, TakeWhileWithItsPredicate) {
  PolledStream odd(OneToThree().TakeWhile(&IsOdd));
  EXPECT_EQ(ItemsOf(odd), Ints{1});
  EXPECT_TRUE(odd->ended());
  EXPECT_EQ(odd->size_hint(), SizeHint::Exactly(0));
}

auto MapBelowFour() {
  return [](int n) { return n + 3 < 7 ? Int(n + 3) : Int(); };
}

// behaviour: tokio-stream/tests/stream_fused.rs#map_while_not_terminated_before_closure_returns_none
TEST(StreamEnded, MapWhileNotAtItsStart) { EXPECT_FALSE(EndedAtStart(OneToThree().MapWhile(MapBelowFour()))); }

// behaviour: tokio-stream/tests/stream_fused.rs#map_while_terminated_after_closure_returns_none
TEST(StreamEnded, MapWhileWithItsFunction) {
  PolledStream some(stream::From(Ints{1, 9, 2}).MapWhile(MapBelowFour()));
  EXPECT_EQ(ItemsOf(some), Ints{4});
  EXPECT_TRUE(some->ended());
}

// behaviour: tokio-stream/tests/stream_fused.rs#then_not_terminated_before_done
TEST(StreamEnded, ThenNotAtItsStart) { EXPECT_FALSE(EndedAtStart(OneToThree().Then(AddOne()))); }

// behaviour: tokio-stream/tests/stream_fused.rs#then_terminated_after_inner_done_and_no_pending_future
TEST(StreamEnded, ThenWhenNothingIsInFlight) {
  Promise<int> promise;
  PolledStream last(stream::Once(1).Then([&](int&) { return promise.Get(); }));
  EXPECT_THAT(last.Poll(), IsPending());
  EXPECT_FALSE(last->ended());  // its source has
  EXPECT_EQ(last->size_hint(), SizeHint::Exactly(1));
  promise.Set(5);
  EXPECT_THAT(last.Poll(), IsReady(Int(5)));
  EXPECT_TRUE(last->ended());
}

// behaviour: tokio-stream/tests/stream_fused.rs#chain_not_terminated_while_either_has_items
TEST(StreamEnded, ChainNotWhileOneHasItems) {
  EXPECT_FALSE(EndedAtStart(stream::Empty<int>().Chain(OneToThree())));
  EXPECT_FALSE(EndedAtStart(OneToThree().Chain(stream::Empty<int>())));
}

// behaviour: tokio-stream/tests/stream_fused.rs#chain_terminated_only_after_both_done
TEST(StreamEnded, ChainAfterBoth) {
  PolledStream both(stream::Once(1).Chain(stream::Once(2)));
  EXPECT_THAT(both.Poll(), IsReady(Int(1)));
  EXPECT_FALSE(both->ended());
  EXPECT_THAT(both.Poll(), IsReady(Int(2)));
  EXPECT_THAT(both.Poll(), IsReady(Int()));
  EXPECT_TRUE(both->ended());
}

// behaviour: tokio-stream/tests/stream_fused.rs#merge_terminated_only_after_both_done
TEST(StreamEnded, MergeAfterBoth) {
  PolledStream both(stream::Once(1).Merge(stream::Once(2)));
  EXPECT_TRUE(both.Poll().ready());
  EXPECT_FALSE(both->ended());
  EXPECT_TRUE(both.Poll().ready());
  EXPECT_THAT(both.Poll(), IsReady(Int()));
  EXPECT_TRUE(both->ended());
}

// --- Fuse, MapWhile, NotifyEnd ---

// behaviour: tokio-stream/tests/stream_fuse.rs#basic_usage
TEST(StreamFuse, StaysAtItsEnd) {
  int state = 0;
  PolledStream fused(stream::PollFn([&state](Context&) -> Poll<Int> {
                       const int n = state++;
                       return n % 2 == 0 ? Int(n) : Int();
                     }).Fuse());
  EXPECT_FALSE(fused->ended());
  EXPECT_EQ(fused->size_hint(), (SizeHint{0, std::nullopt}));
  EXPECT_THAT(fused.Poll(), IsReady(Int(0)));
  EXPECT_FALSE(fused->ended());
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(fused.Poll(), IsReady(Int()));
    EXPECT_TRUE(fused->ended());
    EXPECT_EQ(fused->size_hint(), SizeHint::Exactly(0));
  }
  EXPECT_EQ(state, 2);
}

// behaviour: tokio-stream/tests/stream_map_while.rs#map_while_yields_until_closure_returns_none
TEST(StreamMapWhile, GivesUntilTheFirstNothing) {
  EXPECT_EQ(ItemsOf(stream::From(Ints{1, 2, 3, 4, 5, 6, 7, 8, 9}).MapWhile(MapBelowFour())), (Ints{4, 5, 6}));
}

// behaviour: tokio-stream/tests/stream_map_while.rs#map_while_does_not_poll_after_closure_returns_none
TEST(StreamMapWhile, AsksNoMoreAfterThat) {
  int asked = 0;
  PolledStream none(stream::PollFn([&asked](Context&) -> Poll<Int> { return Int(++asked); }).MapWhile([](int) { return Int(); }));
  for (int i = 0; i < 3; ++i) EXPECT_THAT(none.Poll(), IsReady(Int()));
  EXPECT_EQ(asked, 1);
}

// behaviour: tokio-stream/tests/stream_close.rs#basic_usage
TEST(StreamNotifyEnd, MakesTheEndAnItem) {
  using Marked = std::optional<Int>;
  PolledStream told(stream::From(Ints{0, 1}).NotifyEnd());
  EXPECT_EQ(told->size_hint(), SizeHint::Exactly(3));
  EXPECT_THAT(told.Poll(), IsReady(Marked(Int(0))));
  EXPECT_THAT(told.Poll(), IsReady(Marked(Int(1))));
  EXPECT_THAT(told.Poll(), IsReady(Marked(Int())));
  EXPECT_THAT(told.Poll(), IsReady(Marked()));
  EXPECT_THAT(told.Poll(), IsReady(Marked()));
}

TEST(StreamUntil, EndsWithTheFuture) {
  Promise<int> stop;
  PolledStream some(stream::Never<int>().Until(stop.Get()));
  EXPECT_THAT(some.Poll(), IsPending());
  stop.Set(0);
  EXPECT_THAT(some.Poll(), IsReady(Int()));
  EXPECT_TRUE(stop.dropped());
}

TEST(StreamInspect, LooksOn) {
  int sum = 0;
  EXPECT_EQ(ItemsOf(OneToThree().Inspect([&sum](const int& n) { sum += n; })), (Ints{1, 2, 3}));
  EXPECT_EQ(sum, 6);
}

TEST(StreamChunks, ComeFullButTheLast) {
  PolledStream chunks(stream::From(Ints{1, 2, 3, 4, 5}).Chunks(2));
  EXPECT_EQ(chunks->size_hint(), SizeHint::Exactly(3));
  EXPECT_EQ(ItemsOf(chunks), (std::vector<Ints>{{1, 2}, {3, 4}, {5}}));
  EXPECT_EQ(ItemsOf(stream::Empty<int>().Chunks(2)).size(), 0u);
}

TEST(StreamLoops, ConsumeBudgetOverWhatIsAlwaysThere) {
  PolledStream none(stream::PollFn([](Context&) -> Poll<Int> { return Int(1); }).Filter([](const int&) { return false; }));
  EXPECT_THAT(none.Poll(), IsPending());
  EXPECT_TRUE(none.yielded());
}

TEST(StreamThenDeathTest, MovedWhileAFutureIsAtWork) {
  auto waits = OneToThree().Then([](int&) { return Never<int>(); });
  PolledStream polled(ByRef(waits));
  EXPECT_THAT(polled.Poll(), IsPending());
  EXPECT_DEATH({ auto moved = std::move(waits); }, "kioto: a stream was moved while a future or a stream of its own was at work");
}

}  // namespace
}  // namespace kioto
