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
// behaviour: tokio/tests/sync_mpsc.rs#permit_available_not_acquired_close
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

// behaviour: tokio/tests/sync_mpsc.rs#dropping_last_permit_wakes_closed_receiver
// behaviour: tokio/tests/sync_mpsc.rs#ready_close_cancel_bounded
TEST(MpscPermitsTest, TheLastPermitDroppedEndsAClosedChannel) {
  auto ch = Mpsc<int>(100);
  auto permit = ch.sender.TryReserve();
  ch.receiver.Close();
  PolledTask recv(ch.receiver.Recv());
  EXPECT_TRUE(recv.Poll().pending());
  permit->Release();
  EXPECT_EQ(recv.wakes(), 1);
  EXPECT_EQ(*recv.Poll(), std::nullopt);
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
// behaviour: tokio/tests/sync_mpsc.rs#reserve_many_zero
// behaviour: tokio/tests/sync_mpsc.rs#try_reserve_many_edge_cases
TEST(MpscPermitsTest, ReservingNothingAndTooMuch) {
  auto ch = Mpsc<int>(1);
  EXPECT_EQ(ch.sender.TryReserve(0)->size(), 0u);
  EXPECT_TRUE(ch.sender.TrySend(1).ok());
  EXPECT_EQ(ch.sender.TryReserve(0)->size(), 0u);
  PolledTask zero(ch.sender.Reserve(0));
  EXPECT_TRUE((*zero.Poll()).ok());
  EXPECT_TRUE(IsFull(ch.sender.TryReserve(2).status()));
  EXPECT_TRUE(IsFull(ch.sender.TryReserve(SIZE_MAX).status()));
  PolledTask too_many(ch.sender.Reserve(2));
  EXPECT_TRUE(absl::IsInvalidArgument((*too_many.Poll()).status()));
  ch.receiver.reset();
  EXPECT_TRUE(IsClosed(ch.sender.TryReserve(0).status()));
  PolledTask closed(ch.sender.Reserve(0));
  EXPECT_TRUE(IsClosed((*closed.Poll()).status()));
}

// behaviour: tokio/tests/sync_mpsc.rs#reserve_many_and_send
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

// behaviour: tokio/tests/sync_mpsc.rs#try_reserve_many_and_send
TEST(MpscPermitsTest, TryReserveGivesAsManyAsWereAskedFor) {
  auto ch = Mpsc<int>(100);
  for (int n = 0; n < 100; ++n) {
    auto permits = ch.sender.TryReserve(n);
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

// behaviour: tokio/tests/sync_mpsc.rs#try_reserve_many_on_closed_channel
TEST(MpscPermitsTest, TryReserveOnAClosedChannelSaysSo) {
  auto ch = Mpsc<int>(100);
  ch.receiver.reset();
  EXPECT_TRUE(IsClosed(ch.sender.TryReserve(10).status()));
}

}  // namespace
}  // namespace kioto::sync
