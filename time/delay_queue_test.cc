#include "kioto/time/delay_queue.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_stream.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/time/sleep.h"
#include "kioto/time/testing/paused_clock.h"

namespace kioto::time {
namespace {

using namespace std::chrono_literals;  // NOLINT

// A queue asked by hand, on a clock that stands still.
class DelayQueueTest : public ::testing::Test {
 protected:
  using Queue = DelayQueue<std::string>;

  // What comes out at one poll: its value, "none" if the queue is empty, "pending".
  std::string Poll() {
    auto poll = stream_.Poll();
    if (poll.pending()) return "pending";
    return poll->has_value() ? (*poll)->value : "none";
  }
  bool woken() const { return stream_.is_woken(); }
  // Moves the clock so far from the start of the test.
  void At(std::chrono::nanoseconds time) { clock_.Advance(clock_.start() + time - Instant::Now()); }
  Queue::Key InsertAt(std::string value, std::chrono::nanoseconds time) {
    return queue_.InsertAt(std::move(value), clock_.start() + time);
  }
  void ResetAt(Queue::Key key, std::chrono::nanoseconds time) { queue_.ResetAt(key, clock_.start() + time); }

  PausedClock clock_;
  Queue queue_;
  PolledStream<decltype(ByRef(queue_))> stream_{ByRef(queue_)};
};

// behaviour: tokio-util/tests/time_delay_queue.rs#single_immediate_delay
TEST_F(DelayQueueTest, WhatIsDueNowComesOutAtOnce) {
  InsertAt("foo", 0ms);
  EXPECT_EQ(Poll(), "foo");
  EXPECT_EQ(Poll(), "none");
  EXPECT_EQ(clock_.timers(), 0u);
}

// behaviour: tokio-util/tests/time_delay_queue.rs#multi_immediate_delays
TEST_F(DelayQueueTest, AllThatIsDueNowComesOutInTheOrderOfInsertion) {
  for (const char* name : {"1", "2", "3"}) InsertAt(name, 0ms);
  EXPECT_EQ(Poll(), "1");
  EXPECT_EQ(Poll(), "2");
  EXPECT_EQ(Poll(), "3");
  EXPECT_EQ(Poll(), "none");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#multi_delay_at_start
TEST_F(DelayQueueTest, EachComesOutInItsMillisecondAndNothingElseWakes) {
  for (int ms : {1000, 2, 234, 299'008, 60, 10}) InsertAt(std::to_string(ms), ms * 1ms);
  EXPECT_EQ(Poll(), "pending");
  int wakes = 0;
  for (int ms = 1; ms <= 1200; ++ms) {
    At(ms * 1ms);
    const bool due = ms == 1000 || ms == 2 || ms == 234 || ms == 60 || ms == 10;
    ASSERT_EQ(woken(), due) << ms;
    if (!due) continue;
    ++wakes;
    ASSERT_EQ(Poll(), std::to_string(ms));
    ASSERT_EQ(Poll(), "pending");
  }
  EXPECT_EQ(wakes, 5);
  EXPECT_EQ(clock_.timers(), 1u);
}

// The timer behind the queue files what is far away by powers of 64 milliseconds.
//
// behaviour: tokio-util/src/time/wheel/level.rs#test_slot_for
TEST_F(DelayQueueTest, IsExactAtEachPlaceOfTheWheelBehindIt) {
  std::chrono::milliseconds width = 1ms;
  std::chrono::milliseconds last = 0ms;
  for (int level = 0; level < 5; ++level, width *= 64) {
    for (int slot = 1; slot < 64; ++slot) InsertAt("due", last = slot * width);
  }
  InsertAt("last", last);
  width = 1ms;
  for (int level = 0; level < 5; ++level, width *= 64) {
    for (int slot = 1; slot < 64; ++slot) {
      ASSERT_EQ(Poll(), "pending");
      At(slot * width - 1ns);
      ASSERT_EQ(Poll(), "pending") << slot << " of level " << level;
      At(slot * width);
      ASSERT_TRUE(woken());
      ASSERT_EQ(Poll(), "due") << slot << " of level " << level;
    }
  }
  EXPECT_EQ(Poll(), "last");
}

// behaviour: tokio-util/src/time/wheel/mod.rs#test_level_for
TEST_F(DelayQueueTest, IsExactWhereTheLevelsOfTheWheelMeet) {
  std::chrono::milliseconds width = 64ms;
  for (int level = 1; level < 5; ++level, width *= 64) {
    for (auto due : {width + 1ms, width, width - 1ms}) InsertAt(std::to_string(due.count()), due);
  }
  width = 64ms;
  for (int level = 1; level < 5; ++level, width *= 64) {
    for (auto due : {width - 1ms, width, width + 1ms}) {
      ASSERT_EQ(Poll(), "pending");
      At(due);
      ASSERT_TRUE(woken());
      ASSERT_EQ(Poll(), std::to_string(due.count()));
    }
  }
}

// behaviour: tokio-util/tests/time_delay_queue.rs#insert_in_past_fires_immediately
TEST_F(DelayQueueTest, APastDeadlineComesOutAtOnce) {
  At(10ms);
  InsertAt("foo", 5ms);
  queue_.Insert("bar", -1h);  // before the clock began
  EXPECT_EQ(Poll(), "bar");
  EXPECT_EQ(Poll(), "foo");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#remove_entry
TEST_F(DelayQueueTest, ARemovedEntryNeverComesOut) {
  const auto key = InsertAt("foo", 5ms);
  EXPECT_EQ(Poll(), "pending");
  Queue::Expired removed = queue_.Remove(key);
  EXPECT_EQ(removed.value, "foo");
  EXPECT_EQ(removed.deadline, clock_.start() + 5ms);
  EXPECT_EQ(removed.key, key);
  At(10ms);
  EXPECT_EQ(Poll(), "none");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#reset_entry
TEST_F(DelayQueueTest, AResetEntryWaitsForItsNewDeadline) {
  const auto key = InsertAt("foo", 5ms);
  EXPECT_EQ(Poll(), "pending");
  ResetAt(key, 10ms);
  EXPECT_EQ(queue_.Deadline(key), clock_.start() + 10ms);
  EXPECT_EQ(Poll(), "pending");
  At(8ms);
  EXPECT_FALSE(woken());
  EXPECT_EQ(Poll(), "pending");
  At(11ms);
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "foo");
  EXPECT_EQ(Poll(), "none");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#reset_to_past_wakes_pending_queue
TEST_F(DelayQueueTest, AResetToThePastWakes) {
  const auto key = InsertAt("foo", 10s);
  At(1s);
  EXPECT_EQ(Poll(), "pending");
  ResetAt(key, 500ms);
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "foo");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#reset_much_later
TEST_F(DelayQueueTest, AResetToMuchEarlierComesOutInTime) {
  At(1ms);
  const auto key = queue_.Insert("foo", 200s);
  EXPECT_EQ(Poll(), "pending");
  At(4ms);
  queue_.Reset(key, 10ms);
  At(24ms);
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "foo");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#reset_twice
TEST_F(DelayQueueTest, ASecondResetCounts) {
  const auto key = InsertAt("foo", 200s);
  EXPECT_EQ(Poll(), "pending");
  At(3ms);
  ResetAt(key, 53ms);
  EXPECT_EQ(Poll(), "pending");
  At(23ms);
  ResetAt(key, 43ms);
  EXPECT_EQ(Poll(), "pending");
  At(43ms);
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "foo");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#repeatedly_reset_entry_inserted_as_expired
TEST_F(DelayQueueTest, AnEntryInsertedTooLateCanBeResetTwice) {
  At(100ms);
  const auto key = InsertAt("foo", 0ms);
  ResetAt(key, 200ms);
  EXPECT_EQ(Poll(), "pending");
  ResetAt(key, 150ms);
  EXPECT_EQ(Poll(), "pending");
  At(160ms);
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "foo");
  EXPECT_EQ(Poll(), "none");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#expires_before_last_insert
TEST_F(DelayQueueTest, AnEarlierInsertionWakesAndComesOutFirst) {
  InsertAt("foo", 10s);
  EXPECT_EQ(Poll(), "pending");
  At(1ms);
  InsertAt("bar", 600ms);
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "pending");
  At(599ms);
  EXPECT_FALSE(woken());
  At(600ms);
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "bar");
}

TEST_F(DelayQueueTest, NothingIsEarlyByANanosecond) {
  InsertAt("foo", 10ms);
  InsertAt("bar", 10ms + 1ns);
  EXPECT_EQ(Poll(), "pending");
  At(10ms);
  EXPECT_EQ(Poll(), "foo");
  EXPECT_EQ(Poll(), "pending");
  At(11ms);
  EXPECT_EQ(Poll(), "bar") << "the grain of timers is a millisecond";
}

TEST_F(DelayQueueTest, ALaterInsertionWakesNobody) {
  InsertAt("foo", 10ms);
  EXPECT_EQ(Poll(), "pending");
  InsertAt("bar", 10ms);
  InsertAt("baz", 1h);
  EXPECT_FALSE(woken());
}

// behaviour: tokio-util/tests/time_delay_queue.rs#multi_reset
TEST_F(DelayQueueTest, TwoEntriesTradePlaces) {
  const auto one = InsertAt("one", 200ms);
  const auto two = InsertAt("two", 250ms);
  EXPECT_EQ(Poll(), "pending");
  ResetAt(one, 400ms);
  ResetAt(two, 350ms);
  At(310ms);
  EXPECT_EQ(Poll(), "pending");
  At(360ms);
  EXPECT_EQ(Poll(), "two");
  EXPECT_EQ(Poll(), "pending");
  At(410ms);
  EXPECT_EQ(Poll(), "one");
  EXPECT_EQ(Poll(), "none");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#expire_first_key_when_reset_to_expire_earlier
TEST_F(DelayQueueTest, TheFirstIsResetToEarlier) {
  const auto one = InsertAt("one", 200ms);
  InsertAt("two", 250ms);
  EXPECT_EQ(Poll(), "pending");
  ResetAt(one, 100ms);
  EXPECT_TRUE(woken());
  At(100ms);
  EXPECT_EQ(Poll(), "one");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#expire_second_key_when_reset_to_expire_earlier
TEST_F(DelayQueueTest, TheSecondIsResetToBeforeTheFirst) {
  InsertAt("one", 200ms);
  const auto two = InsertAt("two", 250ms);
  EXPECT_EQ(Poll(), "pending");
  ResetAt(two, 100ms);
  EXPECT_TRUE(woken());
  At(100ms);
  EXPECT_EQ(Poll(), "two");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#reset_first_expiring_item_to_expire_later
TEST_F(DelayQueueTest, TheFirstIsResetToAfterTheSecond) {
  const auto one = InsertAt("one", 200ms);
  InsertAt("two", 250ms);
  EXPECT_EQ(Poll(), "pending");
  ResetAt(one, 300ms);
  At(250ms);
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "two");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#insert_after_ready_poll
TEST_F(DelayQueueTest, InsertionsBetweenTwoItemsLoseNothing) {
  InsertAt("1", 100ms);
  InsertAt("2", 100ms);
  InsertAt("3", 100ms);
  EXPECT_EQ(Poll(), "pending");
  At(100ms);
  EXPECT_TRUE(woken());
  std::vector<std::string> out;
  for (int i = 0; i < 3; ++i) {
    out.push_back(Poll());
    InsertAt("new", 500ms);
  }
  EXPECT_EQ(out, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(Poll(), "pending");
  EXPECT_EQ(queue_.size(), 3u);
}

// behaviour: tokio-util/tests/time_delay_queue.rs#reset_later_after_slot_starts
TEST_F(DelayQueueTest, AResetToLaterWakesNowAndNotAtTheOldDeadline) {
  const auto key = InsertAt("foo", 100ms);
  EXPECT_EQ(Poll(), "pending");
  At(80ms);
  EXPECT_FALSE(woken());
  ResetAt(key, 120ms);
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "pending");
  At(119ms);
  EXPECT_FALSE(woken());
  At(120ms);
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "foo");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#reset_earlier_after_slot_starts
TEST_F(DelayQueueTest, AResetToEarlierWakesNowAndAtTheNewDeadline) {
  const auto key = InsertAt("foo", 200ms);
  EXPECT_EQ(Poll(), "pending");
  At(80ms);
  EXPECT_FALSE(woken());
  ResetAt(key, 120ms);
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "pending");
  At(119ms);
  EXPECT_FALSE(woken());
  At(120ms);
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "foo");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#wake_after_remove_last
TEST_F(DelayQueueTest, RemovingTheLastWakes) {
  const auto one = InsertAt("one", 1h);
  const auto two = InsertAt("two", 2h);
  EXPECT_EQ(Poll(), "pending");
  queue_.Remove(one);
  EXPECT_FALSE(woken()) << "the queue is not empty: nobody needs to know";
  EXPECT_TRUE(queue_.TryRemove(two).has_value());
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "none");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#wake_after_clear
TEST_F(DelayQueueTest, ClearingWakes) {
  InsertAt("one", 1h);
  InsertAt("two", 2h);
  EXPECT_EQ(Poll(), "pending");
  queue_.Clear();
  EXPECT_TRUE(woken());
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(Poll(), "none");
  queue_.Clear();
  EXPECT_FALSE(woken());
}

TEST_F(DelayQueueTest, AnEmptyQueueIsWokenByTheNextInsertion) {
  EXPECT_EQ(Poll(), "none");
  EXPECT_FALSE(woken());
  InsertAt("foo", 10ms);
  EXPECT_TRUE(woken());
  EXPECT_EQ(Poll(), "pending");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#item_expiry_greater_than_wheel
TEST_F(DelayQueueTest, LivesForYears) {
  constexpr auto kTwoYears = (int64_t{1} << 36) * 1ms;
  At(kTwoYears);
  queue_.Insert("foo", 1ms);
  EXPECT_EQ(Poll(), "pending");
  At(kTwoYears + 1ms);
  EXPECT_EQ(Poll(), "foo");
}

// behaviour: tokio-util/tests/panic.rs#delay_queue_insert_at_panic_caller
// behaviour: tokio-util/tests/panic.rs#delay_queue_insert_panic_caller
TEST_F(DelayQueueTest, NoDelayIsTooLong) {
  At(1h);
  const auto key = queue_.Insert("foo", std::chrono::hours::max());
  EXPECT_EQ(queue_.Deadline(key), Instant::Never());
  InsertAt("bar", std::chrono::nanoseconds::max());
  EXPECT_EQ(Poll(), "pending");
  At((int64_t{1} << 37) * 1ms);
  EXPECT_EQ(Poll(), "pending");
}

// behaviour: tokio-util/tests/panic.rs#delay_queue_reset_at_panic_caller
// behaviour: tokio-util/tests/panic.rs#delay_queue_reset_panic_caller
TEST_F(DelayQueueTest, NoResetIsTooLate) {
  const auto key = InsertAt("foo", 1ms);
  queue_.Reset(key, std::chrono::hours::max());
  EXPECT_EQ(queue_.Deadline(key), Instant::Never());
  EXPECT_EQ(Poll(), "pending");
  queue_.ResetAt(key, Instant::Never());
  At((int64_t{1} << 37) * 1ms);
  EXPECT_EQ(Poll(), "pending");
}

TEST_F(DelayQueueTest, GivesItsBudgetBack) {
  for (int i = 0; i < 1000; ++i) InsertAt("foo", 0ms);
  PolledTask task(ForEach(ByRef(queue_), [](Queue::Expired&) {}));
  EXPECT_THAT(task.Poll(), IsPending());
  EXPECT_TRUE(task.yielded());
  EXPECT_EQ(queue_.size(), 1000u - limits::kPollBudget);
  EXPECT_THAT(task.PollWhileWoken(), IsReady());
}

TEST_F(DelayQueueTest, TheTaskThatAsksLastIsWoken) {
  InsertAt("foo", 10ms);
  PolledTask first(Next(queue_));
  PolledTask second(Next(queue_));
  EXPECT_THAT(first.Poll(), IsPending());
  EXPECT_THAT(second.Poll(), IsPending());
  EXPECT_EQ(first.held(), 0);
  clock_.Advance(10ms);
  EXPECT_EQ(first.wakes(), 0);
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_THAT(second.Poll(), IsReady());
}

// check: H1
TEST_F(DelayQueueTest, DropSuite) {
  RunDropSuite([](Tracked tracked) {
    DelayQueue<Tracked> queue;
    queue.Insert(std::move(tracked), 10ms);
    queue.Insert(Tracked(), 0ms);
    return With(std::move(queue), [](DelayQueue<Tracked>& queue) {
      return ForEach(ByRef(queue), [](auto& expired) { return Sleep(0ns).Then([&](Unit&) { (void)expired.value; }); });
    });
  });
  EXPECT_EQ(clock_.timers(), 0u);
}

// The queue as the clock of a cache: what is used lives on.
TEST(DelayQueueRuntimeTest, RunsOnAutoAdvance) {
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().StartPaused().Build();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  std::vector<int> out;
  const Status status = runtime->BlockOn([&] {
    return With(DelayQueue<int>(), [&out](DelayQueue<int>& queue) {
      for (int i = 0; i < 5; ++i) queue.Insert(i, (5 - i) * 1h);
      return ForEach(ByRef(queue), [&](DelayQueue<int>::Expired& expired) {
        out.push_back(expired.value);
        if (expired.value == 4) queue.Reset(*queue.Peek(), 10h);  // 3 becomes the last
      });
    });
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(out, (std::vector<int>{4, 2, 1, 0, 3}));
}

TEST(DelayQueueDeathTest, OutsideARuntimeSaysWhatToDo) {
  DelayQueue<int> queue;
  queue.Insert(1, 1h);
  PolledTask task(Next(queue));
  EXPECT_DEATH((void)task.Poll(), "DelayQueue");
}

}  // namespace
}  // namespace kioto::time
