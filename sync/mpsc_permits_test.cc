// The permits of a bounded channel: who gets them, and that a closed channel waits for those that are out.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/mpsc.h"

namespace kioto::sync {
namespace {

// behaviour: tokio/tests/sync_mpsc.rs#reserve_disarm
TEST(MpscPermitsTest, PermitsGoToWaitersInOrderOfArrival) {
  auto ch = Mpsc<int>(2);
  PolledTask r1(ch.sender.Reserve());
  PolledTask r2(ch.sender.Reserve());
  PolledTask r3(ch.sender.Reserve());
  PolledTask r4(ch.sender.Reserve());
  auto permit1 = *r1.Poll();
  auto permit2 = *r2.Poll();
  EXPECT_TRUE(r3.Poll().pending());
  EXPECT_TRUE(r4.Poll().pending());
  permit1->Send(1);
  EXPECT_EQ(r3.wakes() + r4.wakes(), 0);
  EXPECT_EQ(ch.receiver.TryRecv().value(), 1);
  EXPECT_EQ(r3.wakes(), 1);
  EXPECT_EQ(r4.wakes(), 0);
  permit2->Release();
  EXPECT_EQ(r4.wakes(), 1);
  PolledTask fresh(ch.sender.Reserve());
  EXPECT_TRUE(fresh.Poll().pending());
  EXPECT_TRUE((*r3.Poll()).ok());
}

// behaviour: tokio/tests/sync_mpsc.rs#drop_permit_releases_permit
TEST(MpscPermitsTest, APermitDroppedGoesToWhoWaits) {
  auto ch = Mpsc<int>(1);
  auto other = ch.sender;
  PolledTask waits(other.Reserve());
  {
    auto permit = ch.sender.TryReserve();
    EXPECT_TRUE(permit.ok());
    EXPECT_TRUE(waits.Poll().pending());
  }
  EXPECT_EQ(waits.wakes(), 1);
  EXPECT_TRUE((*waits.Poll()).ok());
}

// behaviour: tokio/tests/sync_mpsc.rs#try_reserve_fails
TEST(MpscPermitsTest, TryReserveSaysFullUntilAPermitComesBack) {
  auto ch = Mpsc<int>(1);
  {
    auto permit = ch.sender.TryReserve();
    EXPECT_TRUE(IsFull(ch.sender.TryReserve().status()));
    permit->Send(1);
  }
  EXPECT_EQ(ch.receiver.TryRecv().value(), 1);
  {
    auto unused = ch.sender.TryReserve();
    EXPECT_TRUE(unused.ok());
    EXPECT_TRUE(IsFull(ch.sender.TryReserve().status()));
  }
  EXPECT_TRUE(ch.sender.TryReserve().ok());
}

// behaviour: tokio/tests/sync_mpsc.rs#recv_close_gets_none_reserved
// behaviour: tokio/tests/sync_mpsc.rs#sending_last_permit_wakes_closed_receiver
TEST(MpscPermitsTest, AClosedChannelWaitsForItsPermits) {
  auto ch = Mpsc<int>(1);
  auto permit = ch.sender.TryReserve();
  PolledTask second(ch.sender.Reserve());
  EXPECT_TRUE(second.Poll().pending());
  ch.receiver.Close();
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_TRUE(IsClosed((*second.Poll()).status()));
  PolledTask recv(ch.receiver.Recv());
  EXPECT_TRUE(recv.Poll().pending());
  permit->Send(123);
  EXPECT_EQ(recv.wakes(), 1);
  EXPECT_EQ(*recv.Poll(), std::optional<int>(123));
  PolledTask end(ch.receiver.Recv());
  EXPECT_EQ(*end.Poll(), std::nullopt);
}

// behaviour: tokio/tests/sync_mpsc.rs#failed_reserve_many_wakes_closed_receiver
// behaviour: tokio/tests/sync_mpsc.rs#cancelled_reserve_many_wakes_closed_receiver
TEST(MpscPermitsTest, APartialReservationGivenUpEndsAClosedChannel) {
  for (bool drop : {false, true}) {
    auto ch = Mpsc<int>(2);
    auto permit = ch.sender.TryReserve();
    PolledTask many(ch.sender.Reserve(2));
    EXPECT_TRUE(many.Poll().pending());
    ch.receiver.Close();
    PolledTask recv(ch.receiver.Recv());
    EXPECT_TRUE(recv.Poll().pending());
    permit->Release();
    EXPECT_EQ(recv.wakes(), 0);
    if (drop) {
      many.Drop();
    } else {
      EXPECT_TRUE(IsClosed((*many.Poll()).status()));
    }
    EXPECT_EQ(recv.wakes(), 1);
    EXPECT_EQ(*recv.Poll(), std::nullopt);
  }
}

// behaviour: tokio/tests/sync_mpsc.rs#failed_reserve_wakes_closed_receiver
// behaviour: tokio/tests/sync_mpsc.rs#cancelled_reserve_wakes_closed_receiver
TEST(MpscPermitsTest, AGrantThatCameBeforeTheCloseIsGivenBack) {
  for (bool drop : {false, true}) {
    auto ch = Mpsc<int>(1);
    auto permit = ch.sender.TryReserve();
    PolledTask reserve(ch.sender.Reserve());
    EXPECT_TRUE(reserve.Poll().pending());
    permit->Release();
    EXPECT_EQ(reserve.wakes(), 1);
    ch.receiver.Close();
    PolledTask recv(ch.receiver.Recv());
    EXPECT_TRUE(recv.Poll().pending());
    if (drop) {
      reserve.Drop();
    } else {
      EXPECT_TRUE(IsClosed((*reserve.Poll()).status()));
    }
    EXPECT_EQ(recv.wakes(), 1);
    EXPECT_EQ(*recv.Poll(), std::nullopt);
  }
}

// behaviour: tokio/tests/sync_mpsc.rs#permit_available_not_acquired_close
TEST(MpscPermitsTest, AReservationThatTheCloseWokeMayBeDropped) {
  auto ch = Mpsc<int>(1);
  auto permit = ch.sender.TryReserve();
  PolledTask reserve(ch.sender.Reserve());
  EXPECT_TRUE(reserve.Poll().pending());
  ch.receiver.Close();
  permit->Release();
  EXPECT_EQ(reserve.wakes(), 1);
  reserve.Drop();
  PolledTask recv(ch.receiver.Recv());
  EXPECT_EQ(*recv.Poll(), std::nullopt);
}

// behaviour: tokio/tests/sync_mpsc.rs#dropping_last_permit_wakes_closed_receiver
// behaviour: tokio/tests/sync_mpsc.rs#ready_close_cancel_bounded
TEST(MpscPermitsTest, TheLastPermitDroppedEndsAClosedChannel) {
  auto ch = Mpsc<int>(100);
  auto other = ch.sender;
  auto permit = ch.sender.TryReserve();
  ch.receiver.Close();
  PolledTask recv(ch.receiver.Recv());
  EXPECT_TRUE(recv.Poll().pending());
  permit->Release();
  EXPECT_EQ(recv.wakes(), 1);
  EXPECT_EQ(*recv.Poll(), std::nullopt);
}

// --- owned permits ---

class MpscOwnedPermitTest : public testing::Test {
 protected:
  // The only permit, with the only sender, of a channel that was closed, whose receiver waits.
  MpscOwnedPermitTest() {
    auto ch = Mpsc<int>(1);
    receiver_.emplace(std::move(ch.receiver));
    permit_.emplace(*std::move(ch.sender).TryReserveOwned());
    receiver_->Close();
    recv_.emplace(receiver_->Recv());
    EXPECT_TRUE(recv_->Poll().pending());
    EXPECT_EQ(recv_->wakes(), 0);
  }

  std::optional<MpscReceiver<int>> receiver_;
  std::optional<MpscOwnedPermit<int>> permit_;
  std::optional<PolledTask<MpscReceiver<int>::RecvFuture>> recv_;
};

// behaviour: tokio/tests/sync_mpsc.rs#dropping_last_owned_permit_wakes_closed_receiver
TEST_F(MpscOwnedPermitTest, TheLastOneDroppedEndsAClosedChannel) {
  permit_.reset();
  EXPECT_EQ(recv_->wakes(), 1);
  EXPECT_EQ(*recv_->Poll(), std::nullopt);
}

// behaviour: tokio/tests/sync_mpsc.rs#releasing_last_owned_permit_wakes_closed_receiver
TEST_F(MpscOwnedPermitTest, TheLastOneReleasedEndsAClosedChannelThoughThereIsASender) {
  const MpscSender<int> sender = std::move(*permit_).Release();
  EXPECT_TRUE(sender);
  EXPECT_EQ(recv_->wakes(), 1);
  EXPECT_EQ(*recv_->Poll(), std::nullopt);
}

// behaviour: tokio/tests/sync_mpsc.rs#sending_last_owned_permit_wakes_closed_receiver
TEST_F(MpscOwnedPermitTest, WhatTheLastOneSendsIsReceivedThenTheEnd) {
  const MpscSender<int> sender = std::move(*permit_).Send(7);
  EXPECT_EQ(recv_->wakes(), 1);
  EXPECT_EQ(*recv_->Poll(), std::optional<int>(7));
  EXPECT_EQ(*PolledTask(receiver_->Recv()).Poll(), std::nullopt);
}

// behaviour: tokio/tests/sync_mpsc.rs#test_rx_is_not_closed_when_there_are_permits_but_not_senders
TEST(MpscPermitsTest, AnOwnedPermitKeepsTheChannelOpen) {
  auto ch = Mpsc<int>(10);
  auto permit = std::move(ch.sender).TryReserveOwned();
  EXPECT_FALSE(ch.sender);
  EXPECT_FALSE(ch.receiver.IsClosed());
  EXPECT_TRUE(std::move(*permit).Send(1));
  EXPECT_TRUE(ch.receiver.IsClosed());
  EXPECT_EQ(ch.receiver.TryRecv().value(), 1);
}

// behaviour: tokio/tests/sync_mpsc_weak.rs#downgrade_get_permit_upgrade_no_senders
TEST(MpscPermitsTest, AnOwnedPermitIsASenderForAWeakOne) {
  auto ch = Mpsc<int>(1);
  const auto weak = ch.sender.Downgrade();
  auto permit = std::move(ch.sender).TryReserveOwned();
  EXPECT_TRUE(weak.Upgrade());
  EXPECT_TRUE(permit->sender().SameChannel(weak.Upgrade()));
}

TEST(MpscPermitsTest, TryReserveOwnedTakesTheSenderOnlyIfItIsOk) {
  auto ch = Mpsc<int>(1);
  auto first = MpscSender<int>(ch.sender).TryReserveOwned();
  EXPECT_TRUE(IsFull(std::move(ch.sender).TryReserveOwned().status()));
  EXPECT_TRUE(ch.sender);
  ch.receiver.Close();
  EXPECT_TRUE(IsClosed(std::move(ch.sender).TryReserveOwned().status()));
  EXPECT_TRUE(ch.sender);
}

// check: H1
TEST(MpscPermitsTest, ReserveOwnedDroppedAtAnyPointLeavesNothingBehind) {
  for (int polls = 0; polls < 3; ++polls) {
    auto ch = Mpsc<int>(1);
    EXPECT_TRUE(ch.sender.TrySend(1).ok());
    PolledTask task(MpscSender<int>(ch.sender).ReserveOwned());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(task.Poll().pending());
    EXPECT_EQ(ch.sender.SenderCount(), 2u);
    EXPECT_TRUE(ch.receiver.TryRecv().ok());
    task.Drop();
    EXPECT_EQ(task.held(), 0);
    EXPECT_EQ(ch.sender.SenderCount(), 1u);
    EXPECT_EQ(ch.sender.Capacity(), 1u);
  }
}

TEST(MpscPermitsTest, AnOwnedPermitThatIsAssignedGivesBackTheOldOneFirst) {
  auto old = Mpsc<int>(1);
  auto ch = Mpsc<int>(1);
  PolledTask task(std::move(old.sender).ReserveOwned());
  auto permit = *std::move(*task.Poll());
  old.receiver.reset();  // now the permit's sender alone keeps the channel
  permit = *std::move(ch.sender).TryReserveOwned();
  EXPECT_TRUE(std::move(permit).Send(2));
  EXPECT_EQ(ch.receiver.TryRecv().value(), 2);
}

// behaviour: tokio/tests/sync_mpsc.rs#dropping_last_permit_iterator_wakes_closed_receiver
TEST(MpscPermitsTest, TheRestOfASetDroppedEndsAClosedChannel) {
  for (size_t count : {1, 3}) {
    auto ch = Mpsc<int>(100);
    PolledTask recv(ch.receiver.Recv());
    {
      auto permits = ch.sender.TryReserve(count);
      ASSERT_EQ(permits->size(), count);
      ch.receiver.Close();
      for (size_t i = 1; i < count; ++i) {
        permits->Send(7);
        EXPECT_EQ(ch.receiver.TryRecv().value(), 7);
      }
      EXPECT_TRUE(recv.Poll().pending());
      EXPECT_EQ(recv.wakes(), 0);
    }
    EXPECT_EQ(recv.wakes(), 1);
    EXPECT_EQ(*recv.Poll(), std::nullopt);
  }
}

// behaviour: tokio/tests/sync_mpsc.rs#try_reserve_many_zero
TEST(MpscPermitsTest, TryingToReserveNothing) {
  auto ch = Mpsc<int>(1);
  EXPECT_EQ(ch.sender.TryReserve(0)->size(), 0u);
  EXPECT_TRUE(ch.sender.TrySend(1).ok());
  EXPECT_EQ(ch.sender.TryReserve(0)->size(), 0u);
  ch.receiver.reset();
  EXPECT_TRUE(IsClosed(ch.sender.TryReserve(0).status()));
}

// behaviour: tokio/tests/sync_mpsc.rs#reserve_many_zero
TEST(MpscPermitsTest, ReservingNothing) {
  auto ch = Mpsc<int>(1);
  EXPECT_EQ((*PolledTask(ch.sender.Reserve(0)).Poll())->size(), 0u);
  EXPECT_TRUE(ch.sender.TrySend(1).ok());
  EXPECT_EQ((*PolledTask(ch.sender.Reserve(0)).Poll())->size(), 0u);
  ch.receiver.reset();
  EXPECT_TRUE(IsClosed((*PolledTask(ch.sender.Reserve(0)).Poll()).status()));
}

// behaviour: tokio/tests/sync_mpsc.rs#try_reserve_many_edge_cases
TEST(MpscPermitsTest, ReservingTooMuch) {
  auto ch = Mpsc<int>(1);
  EXPECT_EQ(ch.sender.TryReserve(0)->size(), 0u);
  EXPECT_TRUE(IsFull(ch.sender.TryReserve(2).status()));
  EXPECT_TRUE(IsFull(ch.sender.TryReserve(SIZE_MAX).status()));
  PolledTask too_many(ch.sender.Reserve(2));
  EXPECT_TRUE(absl::IsInvalidArgument((*too_many.Poll()).status()));
  ch.receiver.reset();
  EXPECT_TRUE(IsClosed((*PolledTask(ch.sender.Reserve(0)).Poll()).status()));
}

// behaviour: tokio/tests/sync_mpsc.rs#try_reserve_many_full
TEST(MpscPermitsTest, ManyPermitsAreCountedExactly) {
  for (size_t n = 1; n < 40; ++n) {
    for (size_t k = 0; k < n; k += 3) {
      auto ch = Mpsc<int>(n);
      auto permits = ch.sender.TryReserve(n);
      ASSERT_EQ(permits->size(), n);
      EXPECT_EQ(ch.sender.Capacity(), 0u);
      EXPECT_TRUE(IsFull(ch.sender.TryReserve().status()));
      for (size_t i = 0; i < k; ++i) permits->Send(static_cast<int>(i));
      permits->Release();
      EXPECT_EQ(ch.sender.Capacity(), n - k);
      EXPECT_TRUE(ch.sender.TryReserve(1).ok());
      EXPECT_TRUE(IsFull(ch.sender.TryReserve(n - k + 1).status()));
      for (size_t i = 0; i < k; ++i) EXPECT_EQ(ch.receiver.TryRecv().value(), static_cast<int>(i));
      EXPECT_EQ(ch.sender.Capacity(), n);
    }
  }
}

// Uses all that reserve(sender, n) gives, for every n.
template <class Reserve>
void ReserveAndSend(Reserve reserve) {
  auto ch = Mpsc<int>(100);
  for (int n = 0; n < 100; ++n) {
    StatusOr<MpscPermits<int>> permits = reserve(ch.sender, n);
    ASSERT_TRUE(permits.ok());
    for (int i = 0; i < n; ++i) {
      permits->Send(i);
      EXPECT_EQ(ch.receiver.TryRecv().value(), i);
    }
    EXPECT_EQ(permits->size(), 0u);
    EXPECT_TRUE(IsEmpty(ch.receiver.TryRecv().status()));
  }
  EXPECT_EQ(ch.sender.Capacity(), 100u);
}

// behaviour: tokio/tests/sync_mpsc.rs#reserve_many_and_send
TEST(MpscPermitsTest, ReserveGivesAsManyAsWereAskedFor) {
  ReserveAndSend([](const MpscSender<int>& sender, size_t n) {
    PolledTask reserve(sender.Reserve(n));
    return *reserve.Poll();
  });
}

// behaviour: tokio/tests/sync_mpsc.rs#try_reserve_many_and_send
TEST(MpscPermitsTest, TryReserveGivesAsManyAsWereAskedFor) {
  ReserveAndSend([](const MpscSender<int>& sender, size_t n) { return sender.TryReserve(n); });
}

// behaviour: tokio/tests/sync_mpsc.rs#try_reserve_many_on_closed_channel
TEST(MpscPermitsTest, TryReserveOnAClosedChannelSaysSo) {
  auto ch = Mpsc<int>(100);
  ch.receiver.reset();
  EXPECT_TRUE(IsClosed(ch.sender.TryReserve(10).status()));
}

}  // namespace
}  // namespace kioto::sync
