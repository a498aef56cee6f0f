// Both channels: futures that are dropped after any number of polls lose no value and no place, and leave no waker.
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/for_each.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"

namespace kioto::sync {
namespace {

using Ints = std::vector<int>;

struct Bounded {
  static auto Make() { return Mpsc<int>(4); }
  static Status Send(const MpscSender<int>& sender, int n) { return sender.TrySend(n); }
};
struct Unbounded {
  static auto Make() { return MpscUnbounded<int>(); }
  static Status Send(const MpscUnboundedSender<int>& sender, int n) { return sender.Send(n); }
};

// receive(receiver) gives a future that waits for 1; take(receiver) what is there.
template <class Kind, class Receive, class Take>
void ExpectLosesNothing(Receive receive, Take take) {
  for (int polls = 0; polls < 4; ++polls) {
    for (bool sent : {false, true}) {
      auto ch = Kind::Make();
      PolledTask dropped(receive(ch.receiver));
      for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
      if (sent) {
        EXPECT_TRUE(Kind::Send(ch.sender, 1).ok());
      }
      dropped.Drop();
      EXPECT_EQ(dropped.held(), 0);
      const int wakes = dropped.wakes();
      if (!sent) {
        EXPECT_TRUE(Kind::Send(ch.sender, 1).ok());
      }
      EXPECT_TRUE(Kind::Send(ch.sender, 2).ok());
      EXPECT_EQ(take(ch.receiver), (Ints{1, 2})) << polls << sent;
      // Armed by the one that is dropped, then by the next: its wake is not lost.
      PolledTask next(receive(ch.receiver));
      EXPECT_THAT(next.Poll(), IsPending());
      EXPECT_TRUE(Kind::Send(ch.sender, 3).ok());
      EXPECT_EQ(next.wakes(), 1);
      EXPECT_EQ(dropped.wakes(), wakes);
    }
  }
}

template <class Receiver>
Ints TakeAll(Receiver& receiver) {
  Ints all;
  for (auto value = receiver.TryRecv(); value.ok(); value = receiver.TryRecv()) all.push_back(*value);
  return all;
}

// check: H1
TEST(MpscDropTest, Recv) {
  const auto receive = [](auto& receiver) { return receiver.Recv(); };
  const auto take = [](auto& receiver) { return TakeAll(receiver); };
  ExpectLosesNothing<Bounded>(receive, take);
  ExpectLosesNothing<Unbounded>(receive, take);
}

// check: H1
TEST(MpscDropTest, RecvManyTakesNothingAndNothingIsLost) {
  Ints none;
  const auto receive = [&none](auto& receiver) { return receiver.RecvMany(none, 10); };
  const auto take = [&none](auto& receiver) {
    EXPECT_EQ(none, Ints());
    Ints all;
    EXPECT_THAT(PolledTask(receiver.RecvMany(all, 10)).Poll(), IsReady(2u));
    return all;
  };
  ExpectLosesNothing<Bounded>(receive, take);
  ExpectLosesNothing<Unbounded>(receive, take);
  EXPECT_EQ(none, Ints());
}

template <class Kind>
void ExpectClosedIsForgotten() {
  for (int polls = 0; polls < 4; ++polls) {
    auto ch = Kind::Make();
    PolledTask dropped(ch.sender.Closed());
    PolledTask stays(ch.sender.Closed());
    EXPECT_THAT(stays.Poll(), IsPending());
    for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
    dropped.Drop();
    EXPECT_EQ(dropped.held(), 0);
    ch.receiver.reset();
    EXPECT_EQ(dropped.wakes(), 0);
    EXPECT_EQ(stays.wakes(), 1);
    EXPECT_THAT(stays.Poll(), IsReady());
    EXPECT_THAT(PolledTask(ch.sender.Closed()).Poll(), IsReady());
  }
}

// check: H1
TEST(MpscDropTest, Closed) {
  ExpectClosedIsForgotten<Bounded>();
  ExpectClosedIsForgotten<Unbounded>();
}

// A Reserve of two places, of which one is free at once and the other `later`, or never: dropped, it has none of them.
// check: H1
TEST(MpscDropTest, ReserveGivesBackItsPlaces) {
  for (int polls = 0; polls < 4; ++polls) {
    for (size_t later = 0; later <= 1; ++later) {
      auto ch = Mpsc<int>(2);
      EXPECT_TRUE(ch.sender.TrySend(1).ok());
      PolledTask dropped(ch.sender.Reserve(2));
      for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
      if (later == 1) {
        EXPECT_TRUE(ch.receiver.TryRecv().ok());
        EXPECT_EQ(dropped.wakes(), polls > 0 ? 1 : 0);
      }
      dropped.Drop();
      EXPECT_EQ(dropped.held(), 0);
      EXPECT_EQ(ch.sender.Capacity(), 1 + later);
      EXPECT_TRUE(ch.sender.TryReserve(1 + later).ok());
    }
  }
}

// check: H1
TEST(MpscDropTest, AReserveThatIsDroppedLetsTheNextGoOn) {
  for (int polls = 1; polls < 4; ++polls) {
    auto ch = Mpsc<int>(2);
    EXPECT_TRUE(ch.sender.TrySend(1).ok());
    PolledTask dropped(ch.sender.Reserve(2));
    for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
    PolledTask next(ch.sender.Reserve());
    EXPECT_THAT(next.Poll(), IsPending());  // the first one has what there is
    dropped.Drop();
    EXPECT_EQ(next.wakes(), 1);
    EXPECT_TRUE(next.Poll().ready());
  }
}

// check: H1
TEST(MpscDropTest, DropSuite) {
  // Receivers as streams, of which one value has come and the next has not.
  std::optional<MpscHandles<Tracked>> ch;
  RunDropSuite([&ch](Tracked tracked) {
    ch = Mpsc<Tracked>(2);
    EXPECT_TRUE(ch->sender.TrySend(std::move(tracked)).ok());
    return ForEach(std::move(ch->receiver), [](Tracked&) {});
  });
  std::optional<MpscUnboundedHandles<Tracked>> unbounded;
  RunDropSuite([&unbounded](Tracked tracked) {
    unbounded = MpscUnbounded<Tracked>();
    EXPECT_TRUE(unbounded->sender.Send(std::move(tracked)).ok());
    return ForEach(std::move(unbounded->receiver), [](Tracked&) {});
  });
}

}  // namespace
}  // namespace kioto::sync
