// Streams that know the time: Throttle, TimeoutEach, TimeoutRepeating, ChunksTimeout.
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/stream/streams.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_stream.h"
#include "kioto/time/chunks_timeout.h"
#include "kioto/time/sleep.h"
#include "kioto/time/testing/paused_clock.h"
#include "kioto/time/throttle.h"
#include "kioto/time/timeout_each.h"

namespace kioto::time {
namespace {

using namespace std::chrono_literals;  // NOLINT
using Ints = std::vector<int>;
using Int = std::optional<int>;
using Chunk = std::optional<Ints>;

class StreamsTest : public testing::Test {
 protected:
  // What one poll gives: "3", "late", "end", "pending".
  template <class S>
  std::string Next(PolledStream<S>& stream) {
    auto item = stream.Poll();
    if (item.pending()) return "pending";
    if (!item->has_value()) return "end";
    if (IsElapsed((*item)->status())) {
      said_ = std::string((*item)->status().message());
      return "late";
    }
    return std::to_string(***item);
  }
  // The even ones take 200 ms.
  static auto EvenAreSlow(Ints items) {
    return stream::From(std::move(items)).Then([](int& n) {
      return If(n % 2 == 0, [] { return Sleep(200ms); }, [] { return Ready(); }).Map([&n] { return n; });
    });
  }
  static auto After(std::chrono::milliseconds wait, int n) {
    return stream::Once(n).Then([wait](int& n) { return Sleep(wait).Map([&n] { return n; }); });
  }

  PausedClock clock_;
  std::string said_;  // by the last one that was late
};

// behaviour: tokio-stream/tests/time_throttle.rs#usage
TEST_F(StreamsTest, ThrottleRestsBetweenItems) {
  int asked = 0;
  PolledStream slow(stream::PollFn([&asked](Context&) -> Poll<Int> { return Int(++asked); }).Apply(Throttle(100ms)));
  EXPECT_THAT(slow.Poll(), IsReady(Int(1)));
  EXPECT_THAT(slow.Poll(), IsPending());
  clock_.Advance(90ms);
  EXPECT_THAT(slow.Poll(), IsPending());
  EXPECT_EQ(asked, 1);
  clock_.Advance(101ms);
  EXPECT_TRUE(slow.is_woken());
  EXPECT_THAT(slow.Poll(), IsReady(Int(2)));
  slow.Drop();
  EXPECT_EQ(clock_.timers(), 0u);
}

TEST_F(StreamsTest, ThrottleOfNothingChangesNothing) {
  PolledStream all(Throttle(0ms, stream::From(Ints{1, 2})));
  EXPECT_THAT(all.Poll(), IsReady(Int(1)));
  EXPECT_THAT(all.Poll(), IsReady(Int(2)));
  EXPECT_THAT(all.Poll(), IsReady(Int()));
}

// behaviour: tokio-stream/tests/stream_timeout.rs#basic_usage
TEST_F(StreamsTest, TimeoutEachTellsOfWhatIsLate) {
  PolledStream items(EvenAreSlow({1, 2, 3, 4}).Apply(TimeoutEach(100ms)));
  EXPECT_EQ(Next(items), "1");
  EXPECT_EQ(Next(items), "pending");
  clock_.Advance(150ms);
  EXPECT_TRUE(items.is_woken());
  EXPECT_EQ(Next(items), "late");
  EXPECT_EQ(Next(items), "pending");
  clock_.Advance(100ms);
  EXPECT_EQ(Next(items), "2");
  EXPECT_EQ(Next(items), "3");
  EXPECT_EQ(Next(items), "pending");
  clock_.Advance(60ms);
  EXPECT_EQ(Next(items), "pending");
  clock_.Advance(60ms);
  EXPECT_EQ(Next(items), "late");
  clock_.Advance(120ms);
  EXPECT_EQ(Next(items), "4");
  EXPECT_EQ(Next(items), "end");
}

// behaviour: tokio-stream/tests/stream_timeout.rs#return_elapsed_errors_only_once
TEST_F(StreamsTest, TimeoutEachTellsItOnce) {
  PolledStream items(EvenAreSlow({1, 2, 3}).Apply(TimeoutEach(50ms)));
  EXPECT_EQ(Next(items), "1");
  EXPECT_EQ(Next(items), "pending");
  clock_.Advance(51ms);
  EXPECT_EQ(Next(items), "late");
  EXPECT_EQ(said_, "TimeoutEach: the time was over before the stream's next item came");
  clock_.Advance(50ms);
  EXPECT_EQ(Next(items), "pending");
  clock_.Advance(100ms);
  EXPECT_EQ(Next(items), "2");
  EXPECT_EQ(Next(items), "3");
  EXPECT_EQ(Next(items), "end");
}

// behaviour: tokio-stream/tests/stream_timeout.rs#no_timeouts
TEST_F(StreamsTest, TimeoutEachLetsPassWhatIsThere) {
  PolledStream items(EvenAreSlow({1, 3, 5}).Apply(TimeoutEach(100ms)));
  EXPECT_EQ(Next(items), "1");
  EXPECT_EQ(Next(items), "3");
  EXPECT_EQ(Next(items), "5");
  EXPECT_EQ(Next(items), "end");
  items.Drop();
  EXPECT_EQ(clock_.timers(), 0u);
}

TEST_F(StreamsTest, TimeoutEachWithoutALimit) {
  PolledStream items(TimeoutEach(std::chrono::nanoseconds::max(), stream::Never<StatusOr<int>>()));
  EXPECT_EQ(Next(items), "pending");
  EXPECT_EQ(clock_.timers(), 0u);
}

TEST_F(StreamsTest, TimeoutRepeatingTellsItAgain) {
  PolledStream items(TimeoutRepeating(Interval(Instant::Now() + 50ms, 50ms), After(120ms, 7).Chain(stream::Never<int>())));
  EXPECT_EQ(Next(items), "pending");
  clock_.Advance(50ms);
  EXPECT_EQ(Next(items), "late");
  EXPECT_EQ(Next(items), "pending");
  clock_.Advance(50ms);
  EXPECT_EQ(Next(items), "late");
  clock_.Advance(21ms);
  EXPECT_EQ(Next(items), "7");  // counts anew from here
  clock_.Advance(49ms);
  EXPECT_EQ(Next(items), "pending");
  clock_.Advance(2ms);
  EXPECT_TRUE(items.is_woken());
  EXPECT_EQ(Next(items), "late");
  EXPECT_EQ(said_, "TimeoutRepeating: the time was over before the stream's next item came");
}

// A stream that takes the whole budget at each poll, and then yields.
auto Greedy() {
  return stream::PollFn([](Context& cx) -> Poll<std::optional<StatusOr<int>>> {
    while (cx.ConsumeBudget()) {
    }
    return kPending;
  });
}

// behaviour: kioto/time/timeout_each.h#a_stream_that_spends_the_budget_is_late
TEST_F(StreamsTest, AStreamThatSpendsTheBudgetCanNotHoldTheTimeBack) {
  PolledStream once(Greedy().Apply(TimeoutEach(50ms)));
  PolledStream again(TimeoutRepeating(Interval(Instant::Now() + 50ms, 50ms), Greedy()));
  EXPECT_EQ(Next(once), "pending");
  EXPECT_EQ(Next(again), "pending");
  clock_.Advance(50ms);
  EXPECT_EQ(Next(once), "late");
  EXPECT_EQ(Next(once), "pending");
  EXPECT_EQ(Next(again), "late");
  EXPECT_EQ(Next(again), "pending");
  clock_.Advance(50ms);
  EXPECT_EQ(Next(again), "late");
}

// Nor is a worker lost to ticks that come faster than they are told: each costs budget while there is some.
TEST_F(StreamsTest, TicksThatAreDueTakeTurns) {
  int ticks = 0;
  PolledStream items(TimeoutRepeating(Interval(Instant::Now(), 1ns), stream::Never<StatusOr<int>>())
                         .Filter([&ticks](const StatusOr<int>& item) { return ++ticks > 1'000'000 || item.ok(); }));
  clock_.Advance(1s);
  EXPECT_EQ(Next(items), "pending");
  EXPECT_TRUE(items.yielded());
  EXPECT_LE(ticks, limits::kPollBudget + 2);
}

// behaviour: tokio-stream/tests/chunks_timeout.rs#usage
TEST_F(StreamsTest, ChunksTimeoutGivesAShortChunkInTime) {
  PolledStream chunks(stream::From(Ints{1, 2, 3}).Chain(After(3s, 4)).Apply(ChunksTimeout(4, 2s)));
  EXPECT_THAT(chunks.Poll(), IsPending());
  clock_.Advance(2s);
  EXPECT_TRUE(chunks.is_woken());
  EXPECT_THAT(chunks.Poll(), IsReady(Chunk(Ints{1, 2, 3})));
  EXPECT_THAT(chunks.Poll(), IsPending());
  clock_.Advance(2s);
  EXPECT_THAT(chunks.Poll(), IsReady(Chunk(Ints{4})));
  EXPECT_THAT(chunks.Poll(), IsReady(Chunk()));
  EXPECT_EQ(clock_.timers(), 0u);
}

// behaviour: tokio-stream/tests/chunks_timeout.rs#full_chunk_with_timeout
TEST_F(StreamsTest, ChunksTimeoutGivesAFullChunkAtOnce) {
  PolledStream chunks(stream::From(Ints{1, 2}).Chain(After(1s, 3)).Chain(After(3s, 4)).Apply(ChunksTimeout(3, 2s)));
  EXPECT_THAT(chunks.Poll(), IsPending());
  clock_.Advance(1s);
  EXPECT_TRUE(chunks.is_woken());
  EXPECT_THAT(chunks.Poll(), IsReady(Chunk(Ints{1, 2, 3})));
  EXPECT_THAT(chunks.Poll(), IsPending());
  EXPECT_EQ(chunks->Remainder(), Ints());
  clock_.Advance(3s);
  EXPECT_THAT(chunks.Poll(), IsReady(Chunk(Ints{4})));
}

// check: H1
TEST_F(StreamsTest, DropSuite) {
  const auto after = [this] {
    EXPECT_EQ(clock_.timers(), 0u);
    clock_.Advance(20ms);
  };
  const auto source = [](Tracked t) {  // an item, and no more
    return stream::Once(1).Map([t = std::move(t)](int n) { return n; }).Chain(stream::Never<int>());
  };
  const auto ignore = [](auto&) {};
  RunDropSuite(
      [&](Tracked t) { return stream::Once(0).Chain(source(std::move(t))).Apply(Throttle(10ms)).ForEach(ignore); }, 3, after);
  RunDropSuite([&](Tracked t) { return source(std::move(t)).Apply(TimeoutEach(10ms)).ForEach(ignore); }, 3, after);
  RunDropSuite(
      [&](Tracked t) {
        return TimeoutRepeating(Interval(Instant::Now() + 10ms, 10ms), source(std::move(t))).ForEach(ignore);
      },
      3, after);
  RunDropSuite(
      [&](Tracked t) {
        return stream::Once(std::move(t)).Chain(stream::Never<Tracked>()).Apply(ChunksTimeout(3, 10ms)).ForEach(ignore);
      },
      3, after);
}

// A Next() that is dropped after so many polls.
template <class S>
void DropNext(PolledStream<S>& stream, int polls) {
  PolledTask next(stream->Next());
  for (int i = 0; i < polls; ++i) EXPECT_THAT(next.Poll(), IsPending());
}

// check: H1
TEST_F(StreamsTest, ThrottleRestsNoLongerForDrops) {
  for (int polls = 0; polls < 3; ++polls) {
    PolledStream slow(stream::From(Ints{1, 2}).Apply(Throttle(100ms)));
    EXPECT_THAT(slow.Poll(), IsReady(Int(1)));
    DropNext(slow, polls);
    clock_.Advance(90ms);
    DropNext(slow, polls);
    clock_.Advance(11ms);
    EXPECT_THAT(slow.Poll(), IsReady(Int(2)));
  }
}

// check: H1
TEST_F(StreamsTest, TimeoutEachCountsOnBesideDrops) {
  for (int polls = 1; polls < 4; ++polls) {
    PolledStream items(After(150ms, 7).Apply(TimeoutEach(100ms)));
    DropNext(items, polls);
    clock_.Advance(90ms);
    DropNext(items, polls);
    clock_.Advance(11ms);
    EXPECT_EQ(Next(items), "late");
    DropNext(items, polls);
    clock_.Advance(50ms);
    EXPECT_EQ(Next(items), "7");
    EXPECT_EQ(Next(items), "end");
  }
}

// check: H1
TEST_F(StreamsTest, TimeoutRepeatingTicksOnBesideDrops) {
  for (int polls = 1; polls < 4; ++polls) {
    PolledStream items(TimeoutRepeating(Interval(Instant::Now() + 50ms, 50ms), After(120ms, 7).Chain(stream::Never<int>())));
    DropNext(items, polls);
    clock_.Advance(50ms);
    DropNext(items, 0);
    EXPECT_EQ(Next(items), "late");
    DropNext(items, polls);
    clock_.Advance(71ms);
    EXPECT_EQ(Next(items), "7");
  }
}

TEST_F(StreamsTest, ChunksTimeoutKeepsWhatHasComeAndItsLimit) {
  for (int polls = 1; polls < 4; ++polls) {
    PolledStream chunks(stream::From(Ints{1, 2}).Chain(After(1s, 3)).Chain(stream::Never<int>()).Apply(ChunksTimeout(4, 2s)));
    DropNext(chunks, polls);
    clock_.Advance(1s);
    DropNext(chunks, polls);
    clock_.Advance(1s);
    EXPECT_THAT(chunks.Poll(), IsReady(Chunk(Ints{1, 2, 3})));
    EXPECT_EQ(clock_.timers(), 0u);
  }
}

// behaviour: tokio-stream/tests/chunks_timeout.rs#real_time
TEST(StreamsRealTimeTest, ChunksTimeoutOnTheRealClock) {
  auto runtime = RuntimeBuilder::CurrentThread().Build();
  ASSERT_TRUE(runtime.ok());
  constexpr auto kLimit = 20ms;
  const auto start = std::chrono::steady_clock::now();
  // The last item waits until the chunk before it has come out, which only the limit brings about.
  Promise<int> last;
  std::vector<Ints> chunks;
  auto items = stream::From(Ints{1, 2, 3, 4}).Chain(stream::FromFuture(last.Get()));
  auto all = std::move(items).Apply(ChunksTimeout(3, kLimit)).ForEach([&](Ints& chunk) {
    chunks.push_back(chunk);
    if (chunks.size() != 2) return;
    EXPECT_GE(std::chrono::steady_clock::now() - start, kLimit);
    last.Set(5);
  });
  EXPECT_TRUE(runtime->BlockOn(std::move(all)).ok());
  EXPECT_EQ(chunks, (std::vector<Ints>{{1, 2, 3}, {4}, {5}}));
}

// behaviour: tokio-stream/tests/stream_panic.rs#stream_chunks_timeout_panic_caller
TEST(StreamsDeathTest, ChunksTimeoutOfNothing) {
  EXPECT_DEATH(static_cast<void>(ChunksTimeout(0, 1s, stream::Empty<int>())), "kioto: ChunksTimeout: a chunk has at least one item");
}

// behaviour: tokio-stream/tests/stream_fuse.rs#interval_stream_is_never_terminated
TEST_F(StreamsTest, AnIntervalDoesNotEnd) {
  auto ticks = stream::From(Interval(1ms));
  EXPECT_FALSE(ticks.ended());
  EXPECT_FALSE(std::move(ticks).Fuse().ended());
}

}  // namespace
}  // namespace kioto::time
