// What a receiver of a Broadcast is told when it was too slow, and when all senders are gone.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/time_limit.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/broadcast.h"

namespace kioto::sync {
namespace {

void ExpectLagged(BroadcastReceiver<int>& rx, uint64_t missed) {
  uint64_t n = 0;
  EXPECT_TRUE(IsLagged(rx.TryRecv().status(), &n));
  EXPECT_EQ(n, missed);
}
void ExpectValues(BroadcastReceiver<int>& rx, std::vector<int> values) {
  for (int value : values) {
    auto got = rx.TryRecv();
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(*got, value);
  }
}

void ExpectEmpty(BroadcastReceiver<int>& rx) { EXPECT_TRUE(IsEmpty(rx.TryRecv().status())); }
void ExpectClosed(BroadcastReceiver<int>& rx) { EXPECT_TRUE(IsClosed(rx.TryRecv().status())); }
void SendAll(Broadcast<int>& room, const std::vector<int>& values) {
  for (int value : values) room.Send(value);
}

// --- what a sender sees of it ---

// behaviour: tokio/tests/sync_broadcast.rs#sender_len
TEST(BroadcastSizeTest, IsWhatTheSlowestReceiverHasToGet) {
  Broadcast<int> room(4);
  auto a = room.Subscribe();
  auto b = room.Subscribe();
  EXPECT_EQ(room.size(), 0u);
  EXPECT_TRUE(room.IsEmpty());
  SendAll(room, {1, 2, 3});
  EXPECT_EQ(room.size(), 3u);
  EXPECT_FALSE(room.IsEmpty());
  ExpectValues(a, {1, 2});
  EXPECT_EQ(room.size(), 3u);
  ExpectValues(b, {1});
  EXPECT_EQ(room.size(), 2u);
  SendAll(room, {4, 5, 6});
  EXPECT_EQ(room.size(), 4u);  // what was missed is not counted
  b.reset();
  EXPECT_EQ(room.size(), 4u);
  a.reset();
  EXPECT_TRUE(room.IsEmpty());
}

// behaviour: tokio/tests/sync_broadcast.rs#sender_len_random
TEST(BroadcastSizeTest, FollowsEverySendAndReceive) {
  Broadcast<int> room(16);
  auto a = room.Subscribe();
  auto b = room.Subscribe();
  std::minstd_rand random(7);
  for (int i = 0; i < 1000; ++i) {
    switch (random() % 4) {
      case 0:
        (void)a.TryRecv();
        break;
      case 1:
        (void)b.TryRecv();
        break;
      default:
        room.Send(i);
    }
    ASSERT_EQ(room.size(), std::min<size_t>(std::max(a.size(), b.size()), 16)) << i;
  }
}

// --- what a receiver is told ---

// behaviour: tokio/tests/sync_broadcast.rs#lagging_rx
TEST(BroadcastLagTest, ASlowReceiverIsToldWhatItMissed) {
  Broadcast<int> room(2);
  auto a = room.Subscribe();
  auto b = room.Subscribe();
  room.Send(1);
  room.Send(2);
  ExpectValues(a, {1});
  room.Send(3);
  ExpectLagged(b, 1);
  ExpectValues(b, {2});
  ExpectValues(a, {2, 3});
  room.Send(4);
  room.Send(5);
  ExpectLagged(b, 1);
  room.Send(6);
  ExpectLagged(b, 1);
  ExpectValues(b, {5, 6});
}

// behaviour: tokio/tests/sync_broadcast.rs#lag_is_per_receiver
TEST(BroadcastLagTest, OnlyTheSlowOneLags) {
  Broadcast<int> room(2);
  auto fast = room.Subscribe();
  auto slow = room.Subscribe();
  SendAll(room, {1, 2});
  ExpectValues(fast, {1, 2});
  SendAll(room, {3, 4});
  ExpectValues(fast, {3, 4});
  ExpectEmpty(fast);
  ExpectLagged(slow, 2);
  ExpectValues(slow, {3, 4});
  ExpectEmpty(slow);
}

// behaviour: tokio/tests/sync_broadcast.rs#lag_again_before_reading_retained_messages
TEST(BroadcastLagTest, LagsAgainBeforeItReadsWhatIsLeft) {
  Broadcast<int> room(2);
  auto inbox = room.Subscribe();
  SendAll(room, {1, 2, 3});
  ExpectLagged(inbox, 1);
  SendAll(room, {4, 5, 6});
  ExpectLagged(inbox, 3);
  ExpectValues(inbox, {5, 6});
  ExpectEmpty(inbox);
}

// behaviour: tokio/tests/sync_broadcast.rs#lag_catch_up_then_lag_again
TEST(BroadcastLagTest, CaughtUpItCountsAfresh) {
  Broadcast<int> room(2);
  auto inbox = room.Subscribe();
  SendAll(room, {1, 2, 3});
  ExpectLagged(inbox, 1);
  ExpectValues(inbox, {2, 3});
  ExpectEmpty(inbox);
  SendAll(room, {4, 5, 6});
  ExpectLagged(inbox, 1);
  ExpectValues(inbox, {5, 6});
  ExpectEmpty(inbox);
}

// behaviour: tokio/tests/sync_broadcast.rs#lagged_count_matches_number_of_overwritten_messages
TEST(BroadcastLagTest, TheCountIsOfWhatWasWrittenOver) {
  Broadcast<int> room(4);
  auto inbox = room.Subscribe();
  SendAll(room, {1, 2, 3, 4});
  ExpectValues(inbox, {1});
  SendAll(room, {5, 6, 7, 8});
  ExpectLagged(inbox, 3);
  ExpectValues(inbox, {5, 6, 7, 8});
  ExpectEmpty(inbox);
}

// behaviour: tokio/tests/sync_broadcast.rs#capacity_overflow_reports_lagged_then_oldest_retained
// behaviour: tokio/tests/sync_broadcast.rs#lagging_receiver_recovers_after_wrap_open
TEST(BroadcastLagTest, AfterTheLagComesTheOldestThatIsLeft) {
  Broadcast<int> room(2);
  auto inbox = room.Subscribe();
  SendAll(room, {10, 20, 30});
  ExpectLagged(inbox, 1);
  ExpectValues(inbox, {20, 30});
  ExpectEmpty(inbox);
}

// behaviour: tokio/tests/sync_broadcast.rs#async_recv_lagged_then_resumes_from_oldest_retained
TEST(BroadcastLagTest, RecvSaysTheLagAndGoesOn) {
  Broadcast<int> room(2);
  auto inbox = room.Subscribe();
  SendAll(room, {10, 20, 30});
  PolledTask lagged(inbox.Recv());
  uint64_t missed = 0;
  EXPECT_TRUE(IsLagged((*lagged.Poll()).status(), &missed));
  EXPECT_EQ(missed, 1u);
  for (int value : {20, 30}) {
    PolledTask recv(inbox.Recv());
    EXPECT_EQ((*recv.Poll()).value(), value);
  }
}

// behaviour: tokio/tests/sync_broadcast.rs#single_slot_capacity_lag_semantics
// behaviour: tokio/tests/sync_broadcast.rs#single_capacity_recvs
TEST(BroadcastLagTest, ARingOfOne) {
  Broadcast<int> room(1);
  auto inbox = room.Subscribe();
  SendAll(room, {1});
  ExpectValues(inbox, {1});
  ExpectEmpty(inbox);
  SendAll(room, {2, 3});
  ExpectLagged(inbox, 1);
  ExpectValues(inbox, {3});
  ExpectEmpty(inbox);
}

// behaviour: tokio/tests/sync_broadcast.rs#receiver_len_with_lagged
TEST(BroadcastLagTest, SizeCountsWhatWasMissed) {
  Broadcast<int> room(3);
  auto inbox = room.Subscribe();
  EXPECT_TRUE(inbox.IsEmpty());
  SendAll(room, {0, 1, 2, 3});
  EXPECT_EQ(inbox.size(), 4u);
  ExpectValues(inbox, {0});
  SendAll(room, {4, 5});
  EXPECT_EQ(inbox.size(), 5u);
  ExpectLagged(inbox, 1);
  EXPECT_EQ(inbox.size(), 4u);
}

// behaviour: tokio/tests/sync_broadcast.rs#receiver_len_after_lag_error_advances_cursor
TEST(BroadcastLagTest, ToldOfItsLagAReceiverStandsAtTheOldest) {
  Broadcast<int> room(2);
  auto inbox = room.Subscribe();
  SendAll(room, {1, 2, 3, 4});
  EXPECT_EQ(inbox.size(), 4u);
  ExpectLagged(inbox, 2);
  EXPECT_EQ(inbox.size(), 2u);
  ExpectValues(inbox, {3});
  EXPECT_EQ(inbox.size(), 1u);
  ExpectValues(inbox, {4});
  EXPECT_EQ(inbox.size(), 0u);
}

// behaviour: tokio/tests/sync_broadcast.rs#resubscribe_lagged
TEST(BroadcastLagTest, ResubscribedItSeesOnlyWhatComes) {
  Broadcast<int> room(1);
  auto inbox = room.Subscribe();
  SendAll(room, {1, 2});
  auto late = inbox.Resubscribe();
  EXPECT_TRUE(late.IsEmpty());
  ExpectEmpty(late);
  ExpectLagged(inbox, 1);
  ExpectValues(inbox, {2});
  ExpectEmpty(inbox);
  ExpectEmpty(late);
  SendAll(room, {3});
  ExpectValues(late, {3});
}

// --- the end ---

// behaviour: tokio/tests/sync_broadcast.rs#dropping_tx_notifies_rx
TEST(BroadcastEndTest, TheLastSenderToGoWakesAll) {
  Broadcast<int> room(16);
  Broadcast<int> copy = room;
  auto a = room.Subscribe();
  auto b = room.Subscribe();
  PolledTask wait_a(a.Recv());
  PolledTask wait_b(b.Recv());
  EXPECT_TRUE(wait_a.Poll().pending());
  EXPECT_TRUE(wait_b.Poll().pending());
  room.reset();
  EXPECT_FALSE(a.IsClosed());
  EXPECT_EQ(wait_a.wakes() + wait_b.wakes(), 0);
  EXPECT_TRUE(wait_a.Poll().pending());
  copy.reset();
  EXPECT_EQ(wait_a.wakes(), 1);
  EXPECT_EQ(wait_b.wakes(), 1);
  EXPECT_TRUE(IsClosed((*wait_a.Poll()).status()));
  EXPECT_TRUE(IsClosed((*wait_b.Poll()).status()));
  EXPECT_TRUE(a.IsClosed());
}

// check: H1
TEST(BroadcastEndTest, AClosedThatIsDroppedIsForgotten) {
  for (int polls = 0; polls < 4; ++polls) {
    Broadcast<int> room(4);
    auto inbox = room.Subscribe();
    PolledTask dropped(room.Closed());
    PolledTask stays(room.Closed());
    EXPECT_TRUE(stays.Poll().pending());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
    dropped.Drop();
    EXPECT_EQ(dropped.held(), 0);
    inbox.reset();
    EXPECT_EQ(dropped.wakes(), 0);
    EXPECT_EQ(stays.wakes(), 1);
    EXPECT_TRUE(stays.Poll().ready());
  }
}

// behaviour: tokio/tests/sync_broadcast.rs#dropping_sender_does_not_overwrite
TEST(BroadcastEndTest, TheEndTakesNoPlaceInTheRing) {
  Broadcast<int> room(2);
  auto inbox = room.Subscribe();
  SendAll(room, {1, 2});
  room.reset();
  ExpectValues(inbox, {1, 2});
  ExpectClosed(inbox);
}

// behaviour: tokio/tests/sync_broadcast.rs#single_capacity_recvs_after_drop_1
TEST(BroadcastEndTest, TheEndTakesNotTheOnlyPlace) {
  Broadcast<int> room(1);
  auto inbox = room.Subscribe();
  SendAll(room, {1});
  room.reset();
  ExpectValues(inbox, {1});
  ExpectClosed(inbox);
}

// behaviour: tokio/tests/sync_broadcast.rs#single_capacity_recvs_after_drop_2
TEST(BroadcastEndTest, TheLagThenTheOnlyValueThenTheEnd) {
  Broadcast<int> room(1);
  auto inbox = room.Subscribe();
  SendAll(room, {1, 2});
  room.reset();
  ExpectLagged(inbox, 1);
  ExpectValues(inbox, {2});
  ExpectClosed(inbox);
}

// behaviour: tokio/tests/sync_broadcast.rs#lagging_receiver_recovers_after_wrap_closed_1
TEST(BroadcastEndTest, TheLagThenWhatIsLeftThenTheEnd) {
  Broadcast<int> room(2);
  auto inbox = room.Subscribe();
  {
    PolledTask wait(inbox.Recv());
    EXPECT_TRUE(wait.Poll().pending());
    SendAll(room, {1, 2, 3});
  }
  room.reset();
  ExpectLagged(inbox, 1);
  ExpectValues(inbox, {2, 3});
  ExpectClosed(inbox);
}

// behaviour: tokio/tests/sync_broadcast.rs#resubscribe_to_closed_channel
TEST(BroadcastEndTest, ResubscribedAfterTheEndItIsClosed) {
  Broadcast<int> room(2);
  auto inbox = room.Subscribe();
  room.reset();
  auto late = inbox.Resubscribe();
  ExpectClosed(late);
}

// --- threads ---

// behaviour: tokio/src/sync/tests/loom_broadcast.rs#broadcast_two
TEST(BroadcastEndTest, StressTwoThreadsGetEveryValueAndTheEnd) {
  for (int round = 0; round < 500; ++round) {
    auto hello = std::make_shared<std::string>("hello");
    auto world = std::make_shared<std::string>("world");
    Broadcast<std::shared_ptr<std::string>> room(16);
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([inbox = room.Subscribe()]() mutable {
        EXPECT_EQ(**inbox.BlockingRecv(), "hello");
        EXPECT_EQ(**inbox.BlockingRecv(), "world");
        EXPECT_TRUE(IsClosed(inbox.BlockingRecv().status()));
      });
    }
    EXPECT_EQ(room.Send(hello), 2u);
    EXPECT_EQ(room.Send(world), 2u);
    room.reset();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(hello.use_count(), 1);
    EXPECT_EQ(world.use_count(), 1);
  }
}

// behaviour: tokio/src/sync/tests/loom_broadcast.rs#drop_multiple_rx_with_overflow
TEST(BroadcastEndTest, StressReceiversGoWhileTwoSendersOverflow) {
  const base::TimeLimit limit(std::chrono::seconds(30));
  constexpr uint64_t kValues = 100;  // of each sender
  std::atomic<int> lags{0};
  for (int round = 0; round < 200; ++round) {
    const bool to_the_end = round % 2 == 0;  // or it goes at its first lag, while they send
    auto value = std::make_shared<int>(1);
    {
      Broadcast<std::shared_ptr<int>> room(1);
      auto first = room.Subscribe();
      std::atomic<bool> draining{false};
      std::vector<std::thread> threads;
      threads.emplace_back([&, second = room.Subscribe()]() mutable {
        uint64_t total = 0;
        for (bool more = true; more;) {
          auto got = second.BlockingRecv();
          uint64_t missed = 0;
          if (got.ok()) {
            EXPECT_EQ(*got, value);
            ++total;
            draining = true;
          } else if (IsLagged(got.status(), &missed)) {
            ++lags;
            total += missed;
            more = to_the_end;
          } else {
            EXPECT_TRUE(IsClosed(got.status()));
            EXPECT_EQ(total, 2 * kValues);
            more = false;
          }
        }
        second.reset();
        draining = true;
      });
      for (int i = 0; i < 2; ++i) {
        threads.emplace_back([room, value] {
          for (uint64_t n = 0; n < kValues; ++n) room.Send(value);
        });
      }
      room.reset();
      while (!draining) std::this_thread::yield();
      first.reset();
      for (auto& thread : threads) thread.join();
    }
    EXPECT_EQ(value.use_count(), 1);
  }
  EXPECT_GT(lags, 0);
}

}  // namespace
}  // namespace kioto::sync
