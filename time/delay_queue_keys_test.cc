#include "kioto/time/delay_queue.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_stream.h"
#include "kioto/time/testing/paused_clock.h"

namespace kioto::time {
namespace {

using namespace std::chrono_literals;  // NOLINT

// A queue asked by hand, on a clock that stands still.
class DelayQueueKeysTest : public ::testing::Test {
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

// behaviour: tokio-util/tests/time_delay_queue.rs#remove_expired_item
TEST_F(DelayQueueKeysTest, AnEntryThatIsDueCanBeRemoved) {
  const auto key = InsertAt("foo", 10ms);
  At(20ms);
  EXPECT_EQ(queue_.Remove(key).value, "foo");
  EXPECT_EQ(Poll(), "none");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#reset_inserted_expired
TEST_F(DelayQueueKeysTest, AnEntryInsertedTooLateCanBeReset) {
  At(100ms);
  const auto key = InsertAt("foo", 0ms);
  ResetAt(key, 200ms);
  EXPECT_EQ(queue_.size(), 1u);
  At(190ms);
  EXPECT_EQ(Poll(), "pending");
  At(200ms);
  EXPECT_EQ(Poll(), "foo");
  EXPECT_EQ(queue_.size(), 0u);
}

// behaviour: tokio-util/tests/time_delay_queue.rs#compact_expire_empty
TEST_F(DelayQueueKeysTest, CompactGivesAllMemoryOfAnEmptyQueueBack) {
  InsertAt("1", 10ms);
  InsertAt("2", 10ms);
  EXPECT_EQ(Poll(), "pending");
  At(10ms);
  EXPECT_EQ(Poll(), "1");
  EXPECT_EQ(Poll(), "2");
  EXPECT_EQ(Poll(), "none");
  EXPECT_GT(queue_.capacity(), 0u);
  queue_.Compact();
  EXPECT_EQ(queue_.size(), 0u);
  EXPECT_EQ(queue_.capacity(), 0u);
}

// behaviour: tokio-util/tests/time_delay_queue.rs#compact_remove_remapped_keys
TEST_F(DelayQueueKeysTest, KeysStayValidWhenCompactMovesTheirEntries) {
  InsertAt("1", 10ms);
  InsertAt("2", 10ms);
  const auto key3 = InsertAt("3", 20ms);
  const auto key4 = InsertAt("4", 20ms);
  At(10ms);
  EXPECT_EQ(Poll(), "1");
  EXPECT_EQ(Poll(), "2");
  queue_.Compact();
  EXPECT_EQ(queue_.capacity(), 2u);
  EXPECT_EQ(queue_.Deadline(key3), clock_.start() + 20ms);
  EXPECT_EQ(queue_.Remove(key3).value, "3");
  queue_.Compact();
  EXPECT_EQ(queue_.size(), 1u);
  EXPECT_EQ(queue_.capacity(), 1u);
  EXPECT_EQ(queue_.Remove(key4).value, "4");
  EXPECT_EQ(Poll(), "none");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#compact_change_deadline
TEST_F(DelayQueueKeysTest, EntriesCanBeResetAfterCompact) {
  InsertAt("1", 10ms);
  InsertAt("2", 10ms);
  const auto key3 = InsertAt("3", 20ms);
  const auto key4 = InsertAt("4", 20ms);
  At(10ms);
  EXPECT_EQ(Poll(), "1");
  EXPECT_EQ(Poll(), "2");
  queue_.Compact();
  InsertAt("5", 20ms);
  InsertAt("6", 20ms);
  ResetAt(key3, 30ms);
  ResetAt(key4, 30ms);
  EXPECT_EQ(Poll(), "pending");
  At(20ms);
  EXPECT_EQ(Poll(), "5");
  EXPECT_EQ(Poll(), "6");
  EXPECT_EQ(Poll(), "pending");
  At(30ms);
  EXPECT_EQ(Poll(), "3");
  EXPECT_EQ(Poll(), "4");
  EXPECT_EQ(Poll(), "none");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#remove_after_compact
TEST_F(DelayQueueKeysTest, ARemovedKeyStaysUnknownAfterCompact) {
  const auto key = InsertAt("foo", 10ms);
  queue_.Remove(key);
  queue_.Compact();
  EXPECT_FALSE(queue_.Contains(key));
  EXPECT_FALSE(queue_.TryRemove(key).has_value());
  EXPECT_DEATH(queue_.Remove(key), "DelayQueue::Remove: there is no entry of this key");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#remove_after_compact_poll
TEST_F(DelayQueueKeysTest, AKeyThatCameOutStaysUnknownAfterCompact) {
  const auto key = InsertAt("foo", 10ms);
  InsertAt("bar", 20ms);
  At(10ms);
  EXPECT_EQ(Poll(), "foo");
  queue_.Compact();
  EXPECT_FALSE(queue_.Contains(key));
  EXPECT_DEATH(queue_.Remove(key), "DelayQueue::Remove: there is no entry of this key");
}

// behaviour: tokio-util/tests/panic.rs#delay_queue_remove_panic_caller
TEST_F(DelayQueueKeysTest, RemovingTwiceEndsTheProgram) {
  const auto key = InsertAt("foo", 10ms);
  const auto other = InsertAt("bar", 10ms);
  queue_.Remove(key);
  InsertAt("baz", 10ms);  // in the place of foo
  EXPECT_DEATH(queue_.Remove(key), "DelayQueue::Remove: there is no entry of this key");
  EXPECT_DEATH(queue_.ResetAt(key, clock_.start()), "DelayQueue::Reset: there is no entry of this key");
  EXPECT_DEATH((void)queue_.Deadline(key), "DelayQueue::Deadline: there is no entry of this key");
  EXPECT_EQ(queue_.Remove(other).value, "bar");
}

// behaviour: tokio-util/tests/panic.rs#delay_queue_reserve_panic_caller
TEST_F(DelayQueueKeysTest, ReservesWithinItsLimit) {
  queue_.Reserve(100);
  EXPECT_GE(queue_.capacity(), 100u);
  EXPECT_DEATH(queue_.Reserve(size_t{1} << 30), "at most 2\\^30 - 1 entries");
}

// behaviour: tokio-util/tests/time_delay_queue.rs#peek
TEST_F(DelayQueueKeysTest, PeekNamesTheNextToComeOut) {
  EXPECT_EQ(queue_.Peek(), std::nullopt);
  const auto key = InsertAt("1", 10ms);
  EXPECT_EQ(queue_.Peek(), key);
  InsertAt("2", 10ms);
  const auto key3 = InsertAt("3", 5ms);
  EXPECT_EQ(queue_.Peek(), key3);
  At(6ms);
  EXPECT_EQ(queue_.Peek(), key3) << "its time has come, but it is still there";
  EXPECT_EQ(Poll(), "3");
  EXPECT_EQ(queue_.Peek(), key);
  At(10ms);
  EXPECT_EQ(Poll(), "1");
  EXPECT_EQ(Poll(), "2");
  EXPECT_EQ(queue_.Peek(), std::nullopt);
}

TEST_F(DelayQueueKeysTest, ShrinkToFitKeepsKeysAndPlaces) {
  std::vector<Queue::Key> keys;
  for (int i = 0; i < 100; ++i) keys.push_back(InsertAt(std::to_string(i), i * 1ms));
  for (int i = 99; i >= 10; --i) queue_.Remove(keys[i]);
  queue_.Remove(keys[3]);
  queue_.ShrinkToFit();
  EXPECT_EQ(queue_.capacity(), 10u);
  EXPECT_EQ(queue_.Remove(keys[9]).value, "9");
  InsertAt("new", 0ms);
  InsertAt("newer", 0ms);
  EXPECT_EQ(queue_.capacity(), 10u) << "the free places are used";
  EXPECT_EQ(Poll(), "0");
  EXPECT_EQ(Poll(), "new");
}

// Where a value ends, the queue is whole already.
TEST(DelayQueueClearTest, AValueMayUseTheQueueAsItEnds) {
  struct InsertsOnEnd {
    DelayQueue<InsertsOnEnd>* queue = nullptr;
    InsertsOnEnd() = default;
    explicit InsertsOnEnd(DelayQueue<InsertsOnEnd>* queue) : queue(queue) {}
    InsertsOnEnd(InsertsOnEnd&& other) noexcept : queue(std::exchange(other.queue, nullptr)) {}
    ~InsertsOnEnd() {
      if (queue != nullptr) queue->InsertAt(InsertsOnEnd(), Instant());
    }
  };
  DelayQueue<InsertsOnEnd> queue;
  for (int i = 0; i < 3; ++i) queue.InsertAt(InsertsOnEnd(&queue), Instant());
  queue.Clear();
  EXPECT_EQ(queue.size(), 3u);
  queue.Clear();
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace kioto::time
