#include "kioto/sync/mpsc.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/internal/blocking.h"
#include "kioto/sync/mpsc_unbounded.h"

namespace kioto::sync {
namespace {

using Counted = std::shared_ptr<int>;

// behaviour: tokio/tests/sync_mpsc.rs#send_recv_with_buffer
TEST(MpscTest, ValuesComeInOrderThenTheEnd) {
  auto ch = Mpsc<int>(16);
  PolledTask reserve(ch.sender.Reserve());
  auto permit = *reserve.Poll();
  permit->Send(1);
  EXPECT_TRUE(ch.sender.TrySend(2).ok());
  PolledTask send(ch.sender.Send(3));
  EXPECT_TRUE((*send.Poll()).ok());
  ch.sender.reset();
  for (int i = 1; i <= 3; ++i) {
    PolledTask recv(ch.receiver.Recv());
    EXPECT_EQ(*recv.Poll(), std::optional<int>(i));
  }
  PolledTask recv(ch.receiver.Recv());
  EXPECT_EQ(*recv.Poll(), std::nullopt);
}

// behaviour: tokio/tests/sync_mpsc.rs#async_send_recv_with_buffer
TEST(MpscTest, ValuesComeFromAnotherThreadsSends) {
  auto ch = Mpsc<int>(16);
  std::thread sender([tx = std::move(ch.sender)] {
    for (int i = 1; i <= 2; ++i) EXPECT_EQ(internal::BlockingWait(tx.Send(i)), OkStatus());
  });
  EXPECT_EQ(internal::BlockingWait(ch.receiver.Recv()), std::optional<int>(1));
  EXPECT_EQ(internal::BlockingWait(ch.receiver.Recv()), std::optional<int>(2));
  EXPECT_EQ(internal::BlockingWait(ch.receiver.Recv()), std::nullopt);
  sender.join();
}

TEST(MpscTest, ASendWakesTheSleepingReceiverOnceForManyItems) {
  auto ch = Mpsc<int>(16);
  PolledTask recv(ch.receiver.Recv());
  EXPECT_TRUE(recv.Poll().pending());
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(ch.sender.TrySend(i).ok());
  EXPECT_EQ(recv.wakes(), 1);
  EXPECT_EQ(*recv.Poll(), std::optional<int>(0));
}

// behaviour: tokio/tests/sync_mpsc.rs#send_recv_buffer_limited
TEST(MpscTest, AFreedSlotBelongsToTheWaiterAndNobodyPassesIt) {
  auto ch = Mpsc<int>(1);
  EXPECT_TRUE(ch.sender.TrySend(1).ok());
  PolledTask waiting(ch.sender.Send(2));
  EXPECT_TRUE(waiting.Poll().pending());
  EXPECT_EQ(ch.receiver.TryRecv().value(), 1);
  EXPECT_EQ(waiting.wakes(), 1);
  EXPECT_TRUE(IsFull(ch.sender.TrySend(3)));
  EXPECT_TRUE((*waiting.Poll()).ok());
  EXPECT_EQ(ch.receiver.TryRecv().value(), 2);
  EXPECT_EQ(ch.sender.Capacity(), 1u);
}

TEST(MpscTest, RecvManyTakesWhatIsThereUpToItsLimit) {
  auto ch = Mpsc<std::string>(100);
  std::vector<std::string> out;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(ch.sender.TrySend("x" + std::to_string(i)).ok());
  PolledTask three(ch.receiver.RecvMany(out, 3));
  EXPECT_EQ(*three.Poll(), 3u);
  EXPECT_EQ(three.budget_used(), 1);
  PolledTask rest(ch.receiver.RecvMany(out, 30));
  EXPECT_EQ(*rest.Poll(), 2u);
  EXPECT_EQ(out, (std::vector<std::string>{"x0", "x1", "x2", "x3", "x4"}));
  EXPECT_EQ(ch.sender.Capacity(), 100u);
  PolledTask waits(ch.receiver.RecvMany(out, 30));
  EXPECT_TRUE(waits.Poll().pending());
  ch.sender.reset();
  EXPECT_EQ(waits.wakes(), 1);
  EXPECT_EQ(*waits.Poll(), 0u);
}

// behaviour: tokio/tests/sync_mpsc.rs#async_send_recv_many_with_buffer
TEST(MpscTest, RecvManyFollowsASenderThatIsAhead) {
  auto ch = Mpsc<int>(2);
  std::vector<int> out;
  EXPECT_EQ(*PolledTask(ch.receiver.RecvMany(out, 0)).Poll(), 0u);
  std::thread sender([tx = std::move(ch.sender)] {
    for (int n : {1, 2, 7, 0}) EXPECT_EQ(internal::BlockingWait(tx.Send(n)), OkStatus());
  });
  size_t received = 0;
  while (received < 4) {
    const size_t count = internal::BlockingWait(ch.receiver.RecvMany(out, 3));
    EXPECT_GE(count, 1u);
    EXPECT_LE(count, 3u);
    received += count;
    EXPECT_EQ(out.size(), received);
  }
  EXPECT_EQ(out, (std::vector<int>{1, 2, 7, 0}));
  EXPECT_EQ(internal::BlockingWait(ch.receiver.RecvMany(out, 3)), 0u);
  sender.join();
}

// behaviour: tokio/tests/sync_mpsc.rs#send_recv_many_bounded_capacity
TEST(MpscTest, RecvManyDoesNotGrowABufferWithRoomForItsLimit) {
  auto ch = Mpsc<std::string>(100);
  std::vector<std::string> out;
  out.reserve(8);
  const size_t room = out.capacity();
  std::vector<std::string> sent;
  for (size_t i = 0; i <= room; ++i) sent.push_back("x" + std::to_string(i));
  for (const std::string& value : sent) EXPECT_TRUE(ch.sender.TrySend(value).ok());
  EXPECT_EQ(*PolledTask(ch.receiver.RecvMany(out, room)).Poll(), room);
  EXPECT_EQ(out.capacity(), room);
  EXPECT_EQ(*PolledTask(ch.receiver.RecvMany(out, room)).Poll(), 1u);
  EXPECT_GT(out.capacity(), room);
  std::thread sender([tx = std::move(ch.sender)] { EXPECT_EQ(internal::BlockingWait(tx.Send("final")), OkStatus()); });
  EXPECT_EQ(internal::BlockingWait(ch.receiver.RecvMany(out, room)), 1u);
  EXPECT_EQ(internal::BlockingWait(ch.receiver.RecvMany(out, room)), 0u);
  sender.join();
  sent.push_back("final");
  EXPECT_EQ(out, sent);
}

// behaviour: tokio/tests/sync_mpsc.rs#recv_many_with_non_empty_buffer_bounded_rx_closed_and_idle
TEST(MpscTest, RecvManyOnAClosedIdleChannelLeavesTheBuffer) {
  auto ch = Mpsc<int>(1);
  ch.receiver.Close();
  std::vector<int> out = {1};
  PolledTask recv(ch.receiver.RecvMany(out, 4));
  EXPECT_EQ(*recv.Poll(), 0u);
  EXPECT_EQ(out, std::vector<int>{1});
}

// behaviour: tokio/tests/sync_mpsc.rs#recv_close_gets_none_idle
TEST(MpscTest, AnIdleClosedChannelIsOver) {
  auto ch = Mpsc<int>(10);
  ch.receiver.Close();
  PolledTask recv(ch.receiver.Recv());
  EXPECT_EQ(*recv.Poll(), std::nullopt);
  PolledTask send(ch.sender.Send(1));
  EXPECT_TRUE(IsClosed(*send.Poll()));
}

// behaviour: tokio/tests/sync_mpsc.rs#tx_close_gets_none
TEST(MpscTest, AnIdleChannelWithoutSendersIsOver) {
  auto ch = Mpsc<int>(10);
  ch.sender.reset();
  PolledTask recv(ch.receiver.Recv());
  auto end = recv.Poll();
  ASSERT_TRUE(end.ready());
  EXPECT_EQ(*end, std::nullopt);
}

// behaviour: tokio/tests/sync_mpsc.rs#try_send_fail_with_try_recv
TEST(MpscTest, TrySendMovesOnlyOnSuccessAndAllocatesNothing) {
  auto ch = Mpsc<std::unique_ptr<int>>(1);
  auto value = std::make_unique<int>(1);
  EXPECT_TRUE(ch.sender.TrySend(std::move(value)).ok());
  EXPECT_EQ(value, nullptr);
  value = std::make_unique<int>(2);
  (void)FullError();
  base::AllocationCounter allocations;
  EXPECT_TRUE(IsFull(ch.sender.TrySend(std::move(value))));
  EXPECT_EQ(allocations.count(), 0);
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(**ch.receiver.TryRecv(), 1);
  EXPECT_TRUE(IsEmpty(ch.receiver.TryRecv().status()));
  EXPECT_TRUE(ch.sender.TrySend(std::move(value)).ok());
  ch.sender.reset();
  EXPECT_EQ(**ch.receiver.TryRecv(), 2);
  EXPECT_TRUE(IsClosed(ch.receiver.TryRecv().status()));
}

// behaviour: tokio/tests/sync_mpsc.rs#try_send_fail
TEST(MpscTest, TrySendGoesOnOnceThereIsRoom) {
  auto ch = Mpsc<std::string>(1);
  EXPECT_TRUE(ch.sender.TrySend("hello").ok());
  EXPECT_TRUE(IsFull(ch.sender.TrySend("fail")));
  EXPECT_EQ(*PolledTask(ch.receiver.Recv()).Poll(), "hello");
  EXPECT_TRUE(ch.sender.TrySend("goodbye").ok());
  ch.sender.reset();
  EXPECT_EQ(*PolledTask(ch.receiver.Recv()).Poll(), "goodbye");
  EXPECT_EQ(*PolledTask(ch.receiver.Recv()).Poll(), std::nullopt);
}

// behaviour: tokio/tests/sync_mpsc_weak.rs#test_msgs_dropped_on_rx_drop
TEST(MpscTest, EveryValueIsDestroyedOnce) {
  auto value = std::make_shared<int>(1);
  auto ch = Mpsc<Counted>(3);
  EXPECT_TRUE(ch.sender.TrySend(value).ok());
  EXPECT_TRUE(ch.sender.TrySend(value).ok());
  PolledTask third(ch.sender.Send(value));
  EXPECT_EQ(value.use_count(), 4);
  EXPECT_TRUE(ch.receiver.TryRecv().ok());
  EXPECT_TRUE(ch.receiver.TryRecv().ok());
  EXPECT_EQ(value.use_count(), 2);
  EXPECT_TRUE((*third.Poll()).ok());
  EXPECT_EQ(value.use_count(), 2);
  ch.receiver.reset();
  EXPECT_EQ(value.use_count(), 1);
  PolledTask late(ch.sender.Send(value));
  EXPECT_TRUE(IsClosed(*late.Poll()));
  EXPECT_EQ(value.use_count(), 1);
}

// behaviour: tokio/tests/sync_mpsc.rs#dropping_rx_closes_channel
// behaviour: tokio/tests/sync_mpsc.rs#dropping_rx_closes_channel_for_try
TEST(MpscTest, DroppingTheReceiverFreesWhatIsQueued) {
  auto value = std::make_shared<int>(1);
  auto ch = Mpsc<Counted>(100);
  EXPECT_TRUE(ch.sender.TrySend(value).ok());
  PolledTask closed(ch.sender.Closed());
  EXPECT_TRUE(closed.Poll().pending());
  ch.receiver.reset();
  EXPECT_EQ(value.use_count(), 1);
  EXPECT_EQ(closed.wakes(), 1);
  EXPECT_TRUE(closed.Poll().ready());
  EXPECT_TRUE(ch.sender.IsClosed());
  EXPECT_TRUE(IsClosed(ch.sender.TrySend(value)));
  EXPECT_TRUE(IsClosed(ch.sender.TryReserve().status()));
  EXPECT_TRUE(IsClosed(std::move(ch.sender).TryReserveOwned().status()));  // and the sender is still here
  PolledTask send(ch.sender.Send(value));
  EXPECT_TRUE(IsClosed(*send.Poll()));
  EXPECT_EQ(value.use_count(), 1);
  for (size_t count : {1, 10}) {
    PolledTask reserve(ch.sender.Reserve(count));
    auto permits = reserve.Poll();
    ASSERT_TRUE(permits.ready());
    EXPECT_TRUE(IsClosed((*permits).status()));
  }
}

// behaviour: tokio/tests/sync_mpsc.rs#unconsumed_messages_are_dropped
TEST(MpscTest, DroppingBothEndsFreesWhatIsQueued) {
  auto value = std::make_shared<int>(1);
  {
    auto ch = Mpsc<Counted>(100);
    EXPECT_TRUE(ch.sender.TrySend(value).ok());
    EXPECT_EQ(value.use_count(), 2);
  }
  EXPECT_EQ(value.use_count(), 1);
}

TEST(MpscTest, DroppingTheReceiverFailsSendersThatWait) {
  auto value = std::make_shared<int>(1);
  auto ch = Mpsc<Counted>(1);
  EXPECT_TRUE(ch.sender.TrySend(value).ok());
  PolledTask send(ch.sender.Send(value));
  EXPECT_TRUE(send.Poll().pending());
  ch.receiver.reset();
  EXPECT_EQ(send.wakes(), 1);
  EXPECT_TRUE(IsClosed(*send.Poll()));
  EXPECT_EQ(value.use_count(), 1);
}

// check: H1
TEST(MpscTest, ADroppedSendGivesItsPlaceToTheNext) {
  for (int polls = 0; polls < 4; ++polls) {
    auto value = std::make_shared<int>(1);
    auto ch = Mpsc<Counted>(1);
    EXPECT_TRUE(ch.sender.TrySend(nullptr).ok());
    PolledTask dropped(ch.sender.Send(value));
    PolledTask next(ch.sender.Send(nullptr));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
    EXPECT_TRUE(next.Poll().pending());
    bool room = false;
    if (polls == 3) room = ch.receiver.TryRecv().ok();  // granted, and dropped all the same
    dropped.Drop();
    EXPECT_EQ(value.use_count(), 1);
    if (polls < 3) room = ch.receiver.TryRecv().ok();
    EXPECT_TRUE(room);
    EXPECT_EQ(next.wakes(), 1);
    EXPECT_TRUE((*next.Poll()).ok());
    EXPECT_EQ(ch.receiver.size(), 1u);
  }
}

TEST(MpscTest, ASendOfAnRvalueKeepsItsSender) {
  auto ch = Mpsc<int>(1);
  EXPECT_TRUE(ch.sender.TrySend(1).ok());
  PolledTask send(std::move(ch.sender).Send(2));
  EXPECT_FALSE(ch.sender);
  EXPECT_TRUE(send.Poll().pending());
  EXPECT_EQ(ch.receiver.TryRecv().value(), 1);
  EXPECT_EQ(send.wakes(), 1);
  EXPECT_TRUE((*send.Poll()).ok());
  send.Drop();
  PolledTask recv(ch.receiver.Recv());
  EXPECT_EQ(*recv.Poll(), std::optional<int>(2));
  PolledTask end(ch.receiver.Recv());
  EXPECT_EQ(*end.Poll(), std::nullopt);  // it was the last sender
}

// check: H1
TEST(MpscTest, SendDropSuite) {
  std::optional<MpscHandles<std::shared_ptr<Tracked>>> ch;
  RunDropSuite([&](Tracked tracked) {
    ch = Mpsc<std::shared_ptr<Tracked>>(1);
    EXPECT_TRUE(ch->sender.TrySend(nullptr).ok());  // full
    return std::move(ch->sender).Send(std::make_shared<Tracked>(std::move(tracked)));
  });
}

TEST(MpscTest, ADroppedRecvLosesNothing) {
  for (int polls = 0; polls < 3; ++polls) {
    auto ch = Mpsc<int>(4);
    PolledTask recv(ch.receiver.Recv());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(recv.Poll().pending());
    EXPECT_TRUE(ch.sender.TrySend(1).ok());
    recv.Drop();
    PolledTask again(ch.receiver.Recv());
    EXPECT_EQ(*again.Poll(), std::optional<int>(1));
    // Armed by nobody, then by the next: no wake is lost.
    PolledTask left(ch.receiver.Recv());
    EXPECT_TRUE(left.Poll().pending());
    left.Drop();
    PolledTask next(ch.receiver.Recv());
    EXPECT_TRUE(next.Poll().pending());
    EXPECT_TRUE(ch.sender.TrySend(2).ok());
    EXPECT_EQ(left.wakes(), 0);
    EXPECT_EQ(next.wakes(), 1);
    EXPECT_EQ(*next.Poll(), std::optional<int>(2));
  }
}

// behaviour: tokio/tests/sync_mpsc.rs#release_waker_on_rx_drop
TEST(MpscTest, DroppingTheReceiverReleasesItsWaker) {
  auto ch = Mpsc<int>(4);
  CountingWaker waker;
  kioto::internal::PollScope scope;
  Context cx(waker.waker(), scope);
  EXPECT_TRUE(ch.receiver.PollNext(cx).pending());
  EXPECT_EQ(waker.held(), 1);
  ch.receiver.reset();
  EXPECT_EQ(waker.held(), 0);
}

// behaviour: tokio/tests/sync_mpsc.rs#try_recv_bounded
TEST(MpscTest, TheRingWrapsRound) {
  auto ch = Mpsc<int>(5);
  int sent = 0;
  int received = 0;
  EXPECT_TRUE(IsEmpty(ch.receiver.TryRecv().status()));
  for (int round = 0; round < 50; ++round) {
    while (ch.sender.TrySend(sent).ok()) ++sent;
    EXPECT_TRUE(IsFull(ch.sender.TrySend(sent)));
    EXPECT_EQ(sent - received, 5);
    for (int i = 0; i <= round % 5; ++i) EXPECT_EQ(ch.receiver.TryRecv().value(), received++);
    if (sent == received) {
      EXPECT_TRUE(IsEmpty(ch.receiver.TryRecv().status()));
    }
  }
  EXPECT_EQ(sent, received);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ch.sender.TrySend(sent++).ok());
  ch.sender.reset();
  while (received < sent) EXPECT_EQ(ch.receiver.TryRecv().value(), received++);
  EXPECT_TRUE(IsClosed(ch.receiver.TryRecv().status()));
}

// behaviour: tokio/tests/sync_mpsc.rs#try_recv_close_while_empty_bounded
TEST(MpscTest, AnEmptyRingIsClosedWithItsLastSender) {
  auto ch = Mpsc<int>(5);
  EXPECT_TRUE(IsEmpty(ch.receiver.TryRecv().status()));
  ch.sender.reset();
  EXPECT_TRUE(IsClosed(ch.receiver.TryRecv().status()));
}

// behaviour: tokio/tests/sync_mpsc.rs#buffer_gteq_one
// behaviour: tokio/tests/sync_panic.rs#mpsc_bounded_channel_panic_caller
TEST(MpscDeathTest, ACapacityOfZeroIsRefused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH((void)Mpsc<int>(0), "sync::Mpsc: the capacity is 1 to .* use sync::MpscUnbounded");
}

TEST(MpscTest, ASteadyFlowAllocatesNothing) {
  auto ch = Mpsc<int>(8);
  base::AllocationCounter allocations;
  CountingWaker waker;
  const int64_t before = allocations.count();
  for (int i = 0; i < 1000; ++i) {
    kioto::internal::PollScope scope;
    Context cx(waker.waker(), scope);
    auto recv = ch.receiver.Recv();
    EXPECT_TRUE(recv.PollOnce(cx).pending());
    auto send = ch.sender.Send(i);
    EXPECT_TRUE(send.PollOnce(cx).ready());
    EXPECT_TRUE(recv.PollOnce(cx).ready());
  }
  EXPECT_EQ(allocations.count(), before);
}

TEST(MpscTest, ASpentBudgetLosesNothing) {
  auto ch = Mpsc<int>(2);
  EXPECT_TRUE(ch.sender.TrySend(1).ok());
  CountingWaker waker;
  kioto::internal::PollScope scope;
  scope.budget = 0;
  Context tired(waker.waker(), scope);
  EXPECT_TRUE(ch.receiver.PollNext(tired).pending());
  EXPECT_TRUE(scope.yielded);
  auto send = ch.sender.Send(2);
  EXPECT_TRUE(send.PollOnce(tired).pending());
  EXPECT_EQ(ch.receiver.size(), 1u);
  EXPECT_EQ(ch.receiver.TryRecv().value(), 1);
}

#if KIOTO_EXCEPTIONS
struct Throws {
  explicit Throws(int value) : value(value) {}
  Throws(const Throws& other) : value(other.value) {
    if (value < 0) throw value;
  }
  int value;
};

TEST(MpscTest, ACopyThatThrowsLeavesNoHole) {
  auto ch = Mpsc<Throws>(2);
  PolledTask recv(ch.receiver.Recv());
  EXPECT_TRUE(recv.Poll().pending());
  const Throws bad(-1);
  EXPECT_THROW((void)ch.sender.TrySend(bad), int);
  EXPECT_TRUE(ch.sender.TrySend(Throws(7)).ok());
  EXPECT_EQ((*recv.Poll())->value, 7);
  EXPECT_EQ(ch.sender.Capacity(), 2u);
}
#endif

// behaviour: tokio/src/sync/mpsc/block.rs#assert_no_stack_overflow
TEST(MpscTest, BigItemsLieOnTheHeap) {
  struct Big {
    char bytes[2 << 20];
  };
  auto ch = Mpsc<Big>(1);
  EXPECT_EQ(ch.sender.Capacity(), 1u);
  auto unbounded = MpscUnbounded<Big>();  // with a block of them
  EXPECT_TRUE(unbounded.receiver.IsEmpty());
}

// behaviour: tokio/tests/sync_mpsc.rs#blocking_recv
TEST(MpscTest, APlainThreadWaitsForWhatIsSent) {
  auto ch = Mpsc<int>(1);
  std::thread receiver([rx = std::move(ch.receiver)]() mutable {
    for (int i = 0; i < 100; ++i) EXPECT_EQ(rx.BlockingRecv(), std::optional<int>(i));
    EXPECT_EQ(rx.BlockingRecv(), std::nullopt);
  });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(internal::BlockingWait(ch.sender.Send(i)), OkStatus());
  ch.sender.reset();
  receiver.join();
}

// behaviour: tokio/tests/sync_mpsc.rs#blocking_send
TEST(MpscTest, APlainThreadWaitsForRoom) {
  auto ch = Mpsc<int>(1);
  std::thread sender([tx = std::move(ch.sender)] {
    for (int i = 0; i < 100; ++i) EXPECT_EQ(tx.BlockingSend(i), OkStatus());
  });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(internal::BlockingWait(ch.receiver.Recv()), std::optional<int>(i));
  EXPECT_EQ(internal::BlockingWait(ch.receiver.Recv()), std::nullopt);
  sender.join();
}

}  // namespace
}  // namespace kioto::sync
