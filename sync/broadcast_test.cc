#include "kioto/sync/broadcast.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/base/testing/time_limit.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/select.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/yield_now.h"

namespace kioto::sync {
namespace {

using Counted = std::shared_ptr<int>;

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

// behaviour: tokio/src/sync/broadcast.rs#receiver_count_on_sender_constructor
// behaviour: tokio/src/sync/broadcast.rs#receiver_count_on_channel_constructor
TEST(BroadcastTest, ReceiversAreCounted) {
  Broadcast<int> room(3);
  EXPECT_EQ(room.Capacity(), 4u);
  EXPECT_EQ(room.ReceiverCount(), 0u);
  auto a = room.Subscribe();
  EXPECT_EQ(room.ReceiverCount(), 1u);
  {
    auto b = a.Resubscribe();
    EXPECT_EQ(room.ReceiverCount(), 2u);
    auto c = room.Subscribe();
    EXPECT_EQ(room.ReceiverCount(), 3u);
    EXPECT_TRUE(a.SameChannel(b));
    EXPECT_FALSE(a.SameChannel(Broadcast<int>(1).Subscribe()));
  }
  EXPECT_EQ(room.ReceiverCount(), 1u);
  a.reset();
  EXPECT_EQ(room.ReceiverCount(), 0u);
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
TEST(BroadcastTest, ClosedWaitsUntilNobodyListens) {
  Broadcast<int> room;
  auto a = room.Subscribe();
  auto b = room.Subscribe();
  PolledTask closed(room.Closed());
  EXPECT_TRUE(closed.Poll().pending());
  a.reset();
  EXPECT_EQ(closed.wakes(), 0);
  EXPECT_TRUE(closed.Poll().pending());
  b.reset();
  EXPECT_EQ(closed.wakes(), 1);
  EXPECT_TRUE(closed.Poll().ready());
}

// behaviour: tokio/tests/sync_broadcast.rs#broadcast_sender_closed_with_extra_subscribe
TEST(BroadcastTest, ClosedWaitsOnForWhoCameMeanwhile) {
  Broadcast<int> room;
  auto a = room.Subscribe();
  PolledTask closed(room.Closed());
  EXPECT_TRUE(closed.Poll().pending());
  a.reset();
  EXPECT_EQ(closed.wakes(), 1);
  auto b = room.Subscribe();
  EXPECT_TRUE(closed.Poll().pending());
  b.reset();
  EXPECT_EQ(closed.wakes(), 2);
  EXPECT_TRUE(closed.Poll().ready());
  EXPECT_TRUE(PolledTask(room.Closed()).Poll().ready());
  auto c = room.Subscribe();
  PolledTask again(room.Closed());
  EXPECT_TRUE(again.Poll().pending());
  c.reset();
  EXPECT_EQ(again.wakes(), 1);
  EXPECT_TRUE(again.Poll().ready());
}

// behaviour: tokio/tests/sync_broadcast.rs#broadcast_sender_new_must_be_closed
TEST(BroadcastTest, ClosedIsReadyBeforeAnybodyListens) {
  Broadcast<int> room;
  EXPECT_TRUE(PolledTask(room.Closed()).Poll().ready());
  auto inbox = room.Subscribe();
  EXPECT_TRUE(PolledTask(room.Closed()).Poll().pending());
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

// behaviour: tokio/tests/sync_broadcast.rs#send_slow_rx
TEST(BroadcastTest, AReceiverThatIsPolledLateHasItAll) {
  Broadcast<std::string> room(16);
  auto fast = room.Subscribe();
  auto slow = room.Subscribe();
  PolledTask late(slow.Recv());
  {
    PolledTask first(fast.Recv());
    EXPECT_TRUE(first.Poll().pending());
    EXPECT_TRUE(late.Poll().pending());
    room.Send("one");
    EXPECT_EQ(first.wakes(), 1);
    EXPECT_EQ(late.wakes(), 1);
    room.Send("two");
    EXPECT_EQ((*first.Poll()).value(), "one");
  }
  EXPECT_EQ(fast.TryRecv().value(), "two");
  PolledTask third(fast.Recv());
  EXPECT_TRUE(third.Poll().pending());
  room.Send("three");
  EXPECT_EQ(third.wakes(), 1);
  EXPECT_EQ((*third.Poll()).value(), "three");
  EXPECT_EQ((*late.Poll()).value(), "one");
  EXPECT_EQ(slow.TryRecv().value(), "two");
  EXPECT_EQ(slow.TryRecv().value(), "three");
}

// behaviour: tokio/tests/sync_broadcast.rs#receiver_recv_is_cooperative
TEST(BroadcastTest, ReceivingWithoutEndLeavesTheOthersATurn) {
  Broadcast<int> room(8);
  auto inbox = room.Subscribe();
  int sent = 0;
  // Not a Loop, which would use up the budget by itself.
  auto receive = PollFn([&](Context& cx) -> Poll<Unit> {
    while (++sent < 100'000) {
      room.Send(1);
      if (inbox.Recv().PollOnce(cx).pending()) return kPending;
    }
    return Unit{};
  });
  PolledTask task(SelectBiased(Case(std::move(receive), [] { ADD_FAILURE() << "the other branch never had a turn"; }),
                               Case(YieldNow(), [] {})));
  ASSERT_TRUE(task.Poll().pending());
  EXPECT_TRUE(task.yielded());
  EXPECT_EQ(task.budget_used(), limits::kPollBudget);
  EXPECT_TRUE(task.PollWhileWoken().ready());
}

// A waker whose last reference sends on the same channel.
struct Sends : Wakeable {
  explicit Sends(Broadcast<int> room) : room(std::move(room)) {}
  ~Sends() override { room.Send(2); }
  void OnWake() override { room.Send(1); }
  Broadcast<int> room;
};

// behaviour: tokio/tests/sync_broadcast.rs#send_in_waker_drop
TEST(BroadcastTest, AWakerThatSendsDoesNotDeadlock) {
  const base::TimeLimit limit;
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

// check: H1
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
// behaviour: tokio/tests/sync_panic.rs#broadcast_channel_panic_caller
TEST(BroadcastDeathTest, ACapacityOfZeroIsRefused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Broadcast<int>(0), "sync::Broadcast: the capacity is 1 to");
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

// Values that are read while a sender writes over them.
TEST(BroadcastTest, StressPlainWordsAreNeverTorn) {
  static constexpr int64_t kValues = 20'000;
  struct Plain {
    int64_t number;
    int64_t inverse;
    int32_t half;  // of the last word
  };
  static_assert(internal::kIsPlainWords<Plain>);
  for (size_t capacity : {1, 2, 16}) {
    Broadcast<Plain> room(capacity);
    std::vector<std::thread> threads;
    for (int r = 0; r < 3; ++r) {
      threads.emplace_back([inbox = room.Subscribe()]() mutable {
        int64_t next = 0;
        for (;;) {
          auto got = inbox.BlockingRecv();
          uint64_t missed = 0;
          if (got.ok()) {
            EXPECT_EQ(got->number, next++);
            EXPECT_EQ(got->inverse, ~got->number);
            EXPECT_EQ(got->half, static_cast<int32_t>(got->number));
          } else if (IsLagged(got.status(), &missed)) {
            next += static_cast<int64_t>(missed);
          } else {
            break;
          }
        }
        EXPECT_EQ(next, kValues);
      });
    }
    for (int64_t i = 0; i < kValues; ++i) EXPECT_EQ(room.Send(Plain{i, ~i, static_cast<int32_t>(i)}), 3u);
    room.reset();
    for (auto& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace kioto::sync
