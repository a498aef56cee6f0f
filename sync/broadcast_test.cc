#include "kioto/sync/broadcast.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::sync {
namespace {

using Counted = std::shared_ptr<int>;

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

// behaviour: tokio/tests/sync_broadcast.rs#send_try_recv_bounded
TEST(BroadcastTest, AValueReachesAReceiverOnce) {
  Broadcast<std::string> room(16);
  auto inbox = room.Subscribe();
  EXPECT_TRUE(IsEmpty(inbox.TryRecv().status()));
  EXPECT_EQ(room.Send("hello"), 1u);
  EXPECT_EQ(inbox.TryRecv().value(), "hello");
  EXPECT_TRUE(IsEmpty(inbox.TryRecv().status()));
}

// behaviour: tokio/tests/sync_broadcast.rs#send_recv_bounded
// behaviour: tokio/tests/sync_broadcast.rs#send_two_recv_bounded
TEST(BroadcastTest, ASendWakesThoseWhoWait) {
  Broadcast<int> room(16);
  auto a = room.Subscribe();
  auto b = room.Subscribe();
  PolledTask wait_a(a.Recv());
  PolledTask wait_b(b.Recv());
  EXPECT_TRUE(wait_a.Poll().pending());
  EXPECT_TRUE(wait_b.Poll().pending());
  EXPECT_EQ(room.Send(1), 2u);
  EXPECT_EQ(wait_a.wakes(), 1);
  EXPECT_EQ(wait_b.wakes(), 1);
  EXPECT_EQ((*wait_a.Poll()).value(), 1);
  EXPECT_EQ((*wait_b.Poll()).value(), 1);
  PolledTask polled(a.Recv());
  PolledTask unpolled(b.Recv());
  EXPECT_TRUE(polled.Poll().pending());
  room.Send(2);
  EXPECT_EQ(polled.wakes(), 1);
  EXPECT_EQ(unpolled.wakes(), 0);
  EXPECT_EQ((*polled.Poll()).value(), 2);
  EXPECT_EQ((*unpolled.Poll()).value(), 2);
}

// behaviour: tokio/tests/sync_broadcast.rs#change_tasks
TEST(BroadcastTest, TheLatestWakerIsWoken) {
  Broadcast<int> room(1);
  auto inbox = room.Subscribe();
  auto recv = inbox.Recv();
  CountingWaker a;
  CountingWaker b;
  for (auto* waker : {&a, &b}) {
    kioto::internal::PollScope scope;
    Context cx(waker->waker(), scope);
    EXPECT_TRUE(recv.PollOnce(cx).pending());
  }
  room.Send(1);
  EXPECT_EQ(a.wakes(), 0);
  EXPECT_EQ(b.wakes(), 1);
}

// behaviour: tokio/tests/sync_broadcast.rs#lagging_rx
// behaviour: tokio/tests/sync_broadcast.rs#lag_is_per_receiver
TEST(BroadcastTest, ASlowReceiverIsToldWhatItMissed) {
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

// behaviour: tokio/tests/sync_broadcast.rs#lag_again_before_reading_retained_messages
// behaviour: tokio/tests/sync_broadcast.rs#lag_catch_up_then_lag_again
// behaviour: tokio/tests/sync_broadcast.rs#lagged_count_matches_number_of_overwritten_messages
// behaviour: tokio/tests/sync_broadcast.rs#single_slot_capacity_lag_semantics
TEST(BroadcastTest, LagIsCountedAfresh) {
  Broadcast<int> room(2);
  auto inbox = room.Subscribe();
  for (int i = 1; i <= 3; ++i) room.Send(i);
  ExpectLagged(inbox, 1);
  for (int i = 4; i <= 6; ++i) room.Send(i);
  ExpectLagged(inbox, 3);
  ExpectValues(inbox, {5, 6});
  EXPECT_TRUE(IsEmpty(inbox.TryRecv().status()));

  Broadcast<int> one(1);
  auto single = one.Subscribe();
  one.Send(1);
  ExpectValues(single, {1});
  one.Send(2);
  one.Send(3);
  ExpectLagged(single, 1);
  ExpectValues(single, {3});
}

// behaviour: tokio/tests/sync_broadcast.rs#send_no_rx
TEST(BroadcastTest, WithoutReceiversTheValueStays) {
  Broadcast<std::string> room;
  std::string value = "kept";
  EXPECT_EQ(room.Send(std::move(value)), 0u);
  EXPECT_EQ(value, "kept");
  auto inbox = room.Subscribe();
  EXPECT_EQ(room.Send(std::move(value)), 1u);
  EXPECT_EQ(inbox.TryRecv().value(), "kept");
}

// behaviour: tokio/tests/sync_broadcast.rs#dropping_tx_notifies_rx
// behaviour: tokio/tests/sync_broadcast.rs#dropping_sender_does_not_overwrite
// behaviour: tokio/tests/sync_broadcast.rs#single_capacity_recvs_after_drop_2
// behaviour: tokio/tests/sync_broadcast.rs#lagging_receiver_recovers_after_wrap_closed_1
TEST(BroadcastTest, TheEndComesAfterWhatIsLeft) {
  Broadcast<int> room(2);
  Broadcast<int> copy = room;
  auto a = room.Subscribe();
  auto b = room.Subscribe();
  PolledTask wait(b.Recv());
  EXPECT_TRUE(wait.Poll().pending());
  for (int i = 1; i <= 3; ++i) room.Send(i);
  wait.Drop();
  room.reset();
  EXPECT_FALSE(a.IsClosed());
  PolledTask end(b.Recv());
  ExpectLagged(b, 1);
  ExpectValues(b, {2, 3});
  EXPECT_TRUE(end.Poll().pending());
  copy.reset();
  EXPECT_EQ(end.wakes(), 1);
  EXPECT_TRUE(IsClosed((*end.Poll()).status()));
  EXPECT_TRUE(a.IsClosed());
  ExpectLagged(a, 1);
  ExpectValues(a, {2, 3});
  EXPECT_TRUE(IsClosed(a.TryRecv().status()));
  // behaviour: tokio/tests/sync_broadcast.rs#resubscribe_to_closed_channel
  auto late = a.Resubscribe();
  EXPECT_TRUE(IsClosed(late.TryRecv().status()));
}

// behaviour: tokio/src/sync/broadcast.rs#receiver_count_on_sender_constructor
// behaviour: tokio/tests/sync_broadcast.rs#receiver_len_with_lagged
// behaviour: tokio/tests/sync_broadcast.rs#receiver_len_after_lag_error_advances_cursor
// behaviour: tokio/tests/sync_broadcast.rs#resubscribe_lagged
TEST(BroadcastTest, Observers) {
  Broadcast<int> room(3);
  EXPECT_EQ(room.Capacity(), 4u);
  EXPECT_EQ(room.ReceiverCount(), 0u);
  auto a = room.Subscribe();
  {
    auto b = a.Resubscribe();
    EXPECT_EQ(room.ReceiverCount(), 2u);
  }
  EXPECT_EQ(room.ReceiverCount(), 1u);
  for (int i = 0; i < 4; ++i) room.Send(i);
  EXPECT_EQ(a.size(), 4u);
  auto late = a.Resubscribe();
  EXPECT_TRUE(late.IsEmpty());
  ExpectValues(a, {0});
  room.Send(4);
  room.Send(5);
  EXPECT_EQ(a.size(), 5u);
  ExpectLagged(a, 1);
  EXPECT_EQ(a.size(), 4u);
  ExpectValues(late, {4, 5});
}

TEST(BroadcastTest, AValueLivesUntilItsLastReceiverHadOrMissedIt) {
  auto value = std::make_shared<int>(1);
  Broadcast<Counted> room(2);
  auto a = room.Subscribe();
  auto b = room.Subscribe();
  room.Send(value);
  EXPECT_EQ(value.use_count(), 2);
  EXPECT_TRUE(a.TryRecv().ok());
  EXPECT_EQ(value.use_count(), 2);
  EXPECT_TRUE(b.TryRecv().ok());
  EXPECT_EQ(value.use_count(), 1);  // the last one took it

  room.Send(value);
  EXPECT_TRUE(a.TryRecv().ok());
  b.reset();
  EXPECT_EQ(value.use_count(), 1);  // the last one went

  room.Send(value);
  room.Send(nullptr);
  room.Send(nullptr);
  EXPECT_EQ(value.use_count(), 1);  // written over
  room.Send(value);
  auto closing = std::move(room);
  closing.reset();
  a.reset();
  EXPECT_EQ(value.use_count(), 1);
}

// behaviour: tokio/tests/sync_broadcast.rs#broadcast_sender_closed
// behaviour: tokio/tests/sync_broadcast.rs#broadcast_sender_closed_with_extra_subscribe
// behaviour: tokio/tests/sync_broadcast.rs#broadcast_sender_new_must_be_closed
TEST(BroadcastTest, ClosedWaitsUntilNobodyListens) {
  Broadcast<int> room;
  PolledTask at_once(room.Closed());
  EXPECT_TRUE(at_once.Poll().ready());
  auto a = room.Subscribe();
  auto b = room.Subscribe();
  PolledTask closed(room.Closed());
  EXPECT_TRUE(closed.Poll().pending());
  a.reset();
  EXPECT_EQ(closed.wakes(), 0);
  b.reset();
  EXPECT_EQ(closed.wakes(), 1);
  auto c = room.Subscribe();
  EXPECT_TRUE(closed.Poll().pending());
  c.reset();
  EXPECT_EQ(closed.wakes(), 2);
  EXPECT_TRUE(closed.Poll().ready());
}

#if KIOTO_EXCEPTIONS
struct Throws {
  explicit Throws(int value) : value(value) {}
  Throws(Throws&&) = default;
  Throws(const Throws& other) : value(other.value) {
    if (value == 0) throw value;
  }
  int value;
};

// behaviour: tokio/tests/sync_broadcast.rs#panic_in_clone
TEST(BroadcastTest, ACopyThatThrowsIsConsumed) {
  Broadcast<Throws> room(16);
  auto a = room.Subscribe();
  auto b = room.Subscribe();
  room.Send(Throws(0));
  room.Send(Throws(1));
  EXPECT_THROW((void)a.TryRecv(), int);
  EXPECT_EQ(a.TryRecv()->value, 1);
  const Throws bad(0);
  EXPECT_THROW(room.Send(bad), int);  // a position that all skip
  room.Send(Throws(2));
  EXPECT_EQ(a.TryRecv()->value, 2);
}
#endif

// A waker whose last reference sends on the same channel.
struct Sends : Wakeable {
  explicit Sends(Broadcast<int> room) : room(std::move(room)) {}
  ~Sends() override { room.Send(2); }
  void OnWake() override { room.Send(1); }
  Broadcast<int> room;
};

// behaviour: tokio/tests/sync_broadcast.rs#send_in_waker_drop
TEST(BroadcastTest, AWakerThatSendsDoesNotDeadlock) {
  for (bool replace : {false, true}) {
    Broadcast<int> room(16);
    auto inbox = room.Subscribe();
    auto recv = inbox.Recv();
    {
      auto* target = new Sends(room);
      Waker waker = target->MakeWaker();
      target->Unref();
      kioto::internal::PollScope scope;
      Context cx(waker, scope);
      EXPECT_TRUE(recv.PollOnce(cx).pending());
    }
    CountingWaker other;
    kioto::internal::PollScope scope;
    Context cx(other.waker(), scope);
    if (replace) {
      (void)recv.PollOnce(cx);
    } else {
      room.Send(0);
    }
    EXPECT_GE(inbox.size(), 1u);
  }
}

TEST(BroadcastTest, SendAndReceiveAllocateNothing) {
  Broadcast<int> room(8);
  auto a = room.Subscribe();
  auto b = room.Subscribe();
  base::AllocationCounter allocations;
  for (int i = 0; i < 1000; ++i) {
    room.Send(i);
    EXPECT_EQ(a.TryRecv().value(), i);
    EXPECT_EQ(b.TryRecv().value(), i);
  }
  EXPECT_EQ(allocations.count(), 0);
}

TEST(BroadcastTest, DroppedAtAnyPointARecvLosesNothing) {
  for (int polls = 0; polls < 3; ++polls) {
    for (bool sent : {false, true}) {
      Broadcast<int> room(4);
      auto inbox = room.Subscribe();
      PolledTask recv(inbox.Recv());
      for (int i = 0; i < polls; ++i) EXPECT_TRUE(recv.Poll().pending());
      if (sent) room.Send(1);
      recv.Drop();
      EXPECT_EQ(recv.held(), 0);
      if (!sent) room.Send(1);
      EXPECT_EQ(inbox.TryRecv().value(), 1);
    }
  }
}

// behaviour: tokio/tests/sync_broadcast.rs#zero_capacity
TEST(BroadcastDeathTest, ACapacityOfZeroIsRefused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Broadcast<int>(0), "capacity");
}

// behaviour: tokio/src/sync/tests/loom_broadcast.rs#broadcast_send
// behaviour: tokio/src/sync/tests/loom_broadcast.rs#broadcast_wrap
// behaviour: tokio/src/sync/tests/loom_broadcast.rs#drop_rx
TEST(BroadcastTest, StressReceivedAndMissedIsAllAndInOrder) {
  constexpr int kSenders = 2;
  constexpr int kValues = 5000;
  struct Value {
    int sender;
    int number;
    Counted counted;
  };
  for (size_t capacity : {1, 4, 512}) {
    auto counted = std::make_shared<int>(0);
    {
      Broadcast<Value> room(capacity);
      std::vector<std::thread> threads;
      for (int r = 0; r < 3; ++r) {
        threads.emplace_back([inbox = room.Subscribe(), r]() mutable {
          uint64_t total = 0;
          int last[kSenders] = {-1, -1};
          for (;;) {
            auto got = inbox.BlockingRecv();
            uint64_t missed = 0;
            if (got.ok()) {
              ++total;
              EXPECT_GT(got->number, last[got->sender]);
              last[got->sender] = got->number;
            } else if (IsLagged(got.status(), &missed)) {
              EXPECT_GT(missed, 0u);
              total += missed;
            } else {
              break;
            }
            if (r == 2 && total > kValues) return;  // goes early
            if (total % 64 == 0) inbox.Resubscribe().reset();
          }
          EXPECT_EQ(total, uint64_t{kSenders} * kValues);
        });
      }
      for (int s = 0; s < kSenders; ++s) {
        threads.emplace_back([room, s, counted] {
          for (int i = 0; i < kValues; ++i) room.Send(Value{s, i, counted});
        });
      }
      room.reset();
      for (auto& thread : threads) thread.join();
    }
    EXPECT_EQ(counted.use_count(), 1);
  }
}

}  // namespace
}  // namespace kioto::sync
