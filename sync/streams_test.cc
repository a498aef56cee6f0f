// What channels say of themselves as streams: how many items a receiver has, and a Watch and a Broadcast as streams of their values.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/by_ref.h"
#include "kioto/runtime/future/stream/streams.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/matchers.h"
#include "kioto/runtime/future/testing/polled_stream.h"
#include "kioto/runtime/future/testing/stream_items.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/broadcast_stream.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/watch.h"
#include "kioto/sync/watch_stream.h"

namespace kioto::sync {
namespace {

constexpr SizeHint AtLeast(size_t n) { return {n, std::nullopt}; }
SizeHint Exactly(size_t n) { return SizeHint::Exactly(n); }

// The hints of a receiver with two items, before, between and after them.
template <class Receiver>
void ExpectCountdown(Receiver& receiver, SizeHint (*says)(size_t)) {
  EXPECT_EQ(receiver.size_hint(), says(2));
  EXPECT_TRUE(receiver.TryRecv().ok());
  EXPECT_EQ(receiver.size_hint(), says(1));
  EXPECT_TRUE(receiver.TryRecv().ok());
  EXPECT_EQ(receiver.size_hint(), says(0));
}

MpscHandles<int> TwoItems() {
  auto channel = Mpsc<int>(4);
  EXPECT_TRUE(channel.sender.TrySend(1).ok());
  EXPECT_TRUE(channel.sender.TrySend(2).ok());
  return channel;
}
MpscUnboundedHandles<int> TwoItemsUnbounded() {
  auto channel = MpscUnbounded<int>();
  EXPECT_TRUE(channel.sender.Send(1).ok());
  EXPECT_TRUE(channel.sender.Send(2).ok());
  return channel;
}

// behaviour: tokio-stream/tests/mpsc_bounded_stream.rs#size_hint_stream_open
TEST(MpscSizeHint, AnOpenChannelHasNoUpperBound) {
  auto channel = TwoItems();
  ExpectCountdown(channel.receiver, &AtLeast);
}

// behaviour: tokio-stream/tests/mpsc_bounded_stream.rs#size_hint_stream_closed
TEST(MpscSizeHint, AClosedChannelKnows) {
  auto channel = TwoItems();
  channel.receiver.Close();
  ExpectCountdown(channel.receiver, &Exactly);
}

// behaviour: tokio-stream/tests/mpsc_bounded_stream.rs#size_hint_sender_dropped
TEST(MpscSizeHint, AChannelWithoutSendersKnows) {
  auto channel = TwoItems();
  channel.sender.reset();
  ExpectCountdown(channel.receiver, &Exactly);
}

// behaviour: tokio-stream/tests/mpsc_bounded_stream.rs#size_hint_stream_instantly_closed
TEST(MpscSizeHint, ClosedAndEmpty) {
  auto channel = Mpsc<int>(4);
  channel.receiver.Close();
  EXPECT_EQ(channel.receiver.size_hint(), Exactly(0));
}

// One item, two permits out, closed.
struct Promised {
  Promised() {
    EXPECT_TRUE(channel.sender.TrySend(1).ok());
    channel.receiver.Close();
  }
  MpscHandles<int> channel = Mpsc<int>(4);
  MpscPermits<int> first = *channel.sender.TryReserve();
  MpscPermits<int> second = *channel.sender.TryReserve();
};

// behaviour: tokio-stream/tests/mpsc_bounded_stream.rs#size_hint_stream_closed_permits_send
TEST(MpscSizeHint, PermitsThatAreOutMayStillBring) {
  Promised p;
  PolledStream stream(std::move(p.channel.receiver));
  EXPECT_EQ(stream->size_hint(), (SizeHint{1, 3}));
  p.first.Send(2);
  EXPECT_EQ(stream->size_hint(), (SizeHint{2, 3}));
  EXPECT_THAT(stream.Poll(), IsReady(std::optional<int>(1)));
  EXPECT_EQ(stream->size_hint(), (SizeHint{1, 2}));
  EXPECT_THAT(stream.Poll(), IsReady(std::optional<int>(2)));
  EXPECT_EQ(stream->size_hint(), (SizeHint{0, 1}));
  EXPECT_THAT(stream.Poll(), IsPending());
  p.second.Send(3);
  EXPECT_EQ(stream->size_hint(), (SizeHint{1, 1}));
  EXPECT_THAT(stream.Poll(), IsReady(std::optional<int>(3)));
  EXPECT_EQ(stream->size_hint(), Exactly(0));
  EXPECT_THAT(stream.Poll(), IsReady(std::optional<int>()));
}

// behaviour: tokio-stream/tests/mpsc_bounded_stream.rs#size_hint_stream_closed_permits_drop
TEST(MpscSizeHint, PermitsThatAreGivenBackBringNothing) {
  Promised p;
  PolledStream stream(std::move(p.channel.receiver));
  EXPECT_EQ(stream->size_hint(), (SizeHint{1, 3}));
  p.first.Release();
  EXPECT_EQ(stream->size_hint(), (SizeHint{1, 2}));
  EXPECT_THAT(stream.Poll(), IsReady(std::optional<int>(1)));
  EXPECT_EQ(stream->size_hint(), (SizeHint{0, 1}));
  p.second.Release();
  EXPECT_EQ(stream->size_hint(), Exactly(0));
  EXPECT_THAT(stream.Poll(), IsReady(std::optional<int>()));
}

// behaviour: tokio-stream/tests/mpsc_unbounded_stream.rs#size_hint_stream_open
TEST(MpscUnboundedSizeHint, AnOpenChannelHasNoUpperBound) {
  auto channel = TwoItemsUnbounded();
  ExpectCountdown(channel.receiver, &AtLeast);
}

// behaviour: tokio-stream/tests/mpsc_unbounded_stream.rs#size_hint_stream_closed
TEST(MpscUnboundedSizeHint, AClosedChannelKnows) {
  auto channel = TwoItemsUnbounded();
  channel.receiver.Close();
  ExpectCountdown(channel.receiver, &Exactly);
}

// behaviour: tokio-stream/tests/mpsc_unbounded_stream.rs#size_hint_sender_dropped
TEST(MpscUnboundedSizeHint, AChannelWithoutSendersKnows) {
  auto channel = TwoItemsUnbounded();
  channel.sender.reset();
  ExpectCountdown(channel.receiver, &Exactly);
}

// behaviour: tokio-stream/tests/mpsc_unbounded_stream.rs#size_hint_stream_instantly_closed
TEST(MpscUnboundedSizeHint, ClosedAndEmpty) {
  auto channel = MpscUnbounded<int>();
  channel.receiver.Close();
  EXPECT_EQ(channel.receiver.size_hint(), Exactly(0));
}

using Text = std::optional<std::string>;

// behaviour: tokio-stream/tests/watch.rs#watch_stream_message_not_twice
TEST(WatchStream, GivesTheLastValueOnce) {
  Watch<std::string> watch("hello");
  PolledStream stream(WatchStream(watch.Subscribe()));
  EXPECT_TRUE(watch.Send("goodbye"));
  watch.reset();
  EXPECT_THAT(stream.Poll(), IsReady(Text("goodbye")));
  EXPECT_THAT(stream.Poll(), IsReady(Text()));
}

// behaviour: tokio-stream/tests/watch.rs#watch_stream_from_rx
TEST(WatchStream, BeginsWithTheValueOfThisMoment) {
  Watch<std::string> watch("hello");
  PolledStream stream(WatchStream(watch.Subscribe()));
  EXPECT_THAT(stream.Poll(), IsReady(Text("hello")));
  EXPECT_THAT(stream.Poll(), IsPending());
  EXPECT_TRUE(watch.Send("bye"));
  EXPECT_TRUE(stream.is_woken());
  EXPECT_THAT(stream.Poll(), IsReady(Text("bye")));
}

// behaviour: tokio-stream/tests/watch.rs#watch_stream_from_changes
TEST(WatchStream, OfChangesWaitsForTheFirst) {
  Watch<std::string> watch("hello");
  PolledStream stream(WatchStream<std::string>::Changes(watch.Subscribe()));
  EXPECT_THAT(stream.Poll(), IsPending());
  EXPECT_TRUE(watch.Send("bye"));
  EXPECT_TRUE(stream.is_woken());
  EXPECT_THAT(stream.Poll(), IsReady(Text("bye")));
}

TEST(WatchStream, MayBeMovedWhileItWaits) {
  Watch<std::string> watch("hello");
  WatchStream<std::string> stream(watch.Subscribe());
  {
    PolledStream polled(ByRef(stream));
    EXPECT_THAT(polled.Poll(), IsReady(Text("hello")));
    EXPECT_THAT(polled.Poll(), IsPending());
  }
  PolledStream moved(std::move(stream));
  EXPECT_THAT(moved.Poll(), IsPending());
  EXPECT_TRUE(watch.Send("bye"));
  EXPECT_TRUE(moved.is_woken());
  EXPECT_THAT(moved.Poll(), IsReady(Text("bye")));
  moved.Drop();
  EXPECT_EQ(moved.held(), 0);
}

// check: H1
TEST(WatchStream, DropSuite) {
  Watch<std::string> watch("hello");
  RunDropSuite(
      [&watch](Tracked tracked) {
        return WatchStream(watch.Subscribe()).Map([tracked = std::move(tracked)](std::string&) { return 1; }).Collect<Unit>();
      },
      3, [&watch] { EXPECT_EQ(watch.ReceiverCount(), 0u); });
}

// check: H1
TEST(WatchStream, OfANextThatIsDroppedTheValueComesWithTheNext) {
  for (int polls = 0; polls < 4; ++polls) {
    for (bool sent : {false, true}) {
      Watch<std::string> watch("hello");
      auto stream = WatchStream<std::string>::Changes(watch.Subscribe());
      PolledTask dropped(stream.Next());
      for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
      if (sent) {
        EXPECT_TRUE(watch.Send("bye"));
      }
      dropped.Drop();
      if (!sent) {
        EXPECT_TRUE(watch.Send("bye"));
      }
      EXPECT_THAT(PolledTask(stream.Next()).Poll(), IsReady(Text("bye")));
      EXPECT_EQ(dropped.held(), 0);
      EXPECT_THAT(PolledTask(stream.Next()).Poll(), IsPending());
    }
  }
}

// The item that the stream gives now.
StatusOr<std::string> Next(PolledStream<BroadcastStream<std::string>>& stream) {
  auto poll = stream.Poll();
  if (poll.pending()) return absl::UnavailableError("pending");
  std::optional<StatusOr<std::string>> item = *std::move(poll);
  return item.has_value() ? *std::move(item) : absl::OutOfRangeError("the end");
}

TEST(BroadcastStream, GivesEveryValueAndEnds) {
  Broadcast<std::string> room(2);
  PolledStream stream(BroadcastStream(room.Subscribe()));
  EXPECT_THAT(stream.Poll(), IsPending());
  EXPECT_EQ(room.Send("one"), 1u);
  EXPECT_TRUE(stream.is_woken());
  EXPECT_EQ(room.Send("two"), 1u);
  room.reset();
  EXPECT_EQ(*Next(stream), "one");
  EXPECT_EQ(*Next(stream), "two");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Next(stream).status(), absl::OutOfRangeError("the end"));
}

TEST(BroadcastStream, TellsWhatWasMissedAndGoesOn) {
  Broadcast<std::string> room(2);
  PolledStream stream(BroadcastStream(room.Subscribe()));
  for (const char* said : {"one", "two", "three"}) EXPECT_EQ(room.Send(said), 1u);
  uint64_t missed = 0;
  EXPECT_TRUE(IsLagged(Next(stream).status(), &missed));
  EXPECT_EQ(missed, 1u);
  EXPECT_EQ(*Next(stream), "two");
  EXPECT_EQ(*Next(stream), "three");
  EXPECT_THAT(stream.Poll(), IsPending());
}

TEST(BroadcastStream, MayBeMovedWhileItWaits) {
  Broadcast<std::string> room(2);
  BroadcastStream<std::string> stream(room.Subscribe());
  {
    PolledStream polled(ByRef(stream));
    EXPECT_THAT(polled.Poll(), IsPending());
  }
  PolledStream moved(std::move(stream));
  EXPECT_EQ(room.ReceiverCount(), 1u);
  EXPECT_THAT(moved.Poll(), IsPending());
  EXPECT_EQ(room.Send("hello"), 1u);
  EXPECT_TRUE(moved.is_woken());
  EXPECT_EQ(*Next(moved), "hello");
  moved.Drop();
  EXPECT_EQ(moved.held(), 0);
  EXPECT_EQ(room.ReceiverCount(), 0u);
}

// check: H1
TEST(BroadcastStream, DropSuite) {
  std::optional<Broadcast<std::shared_ptr<Tracked>>> room;
  RunDropSuite(
      [&room](Tracked tracked) {
        room.emplace(2);
        auto stream = stream::From(BroadcastStream(room->Subscribe()));
        EXPECT_EQ(room->Send(std::make_shared<Tracked>(std::move(tracked))), 1u);
        return std::move(stream).ForEach([](StatusOr<std::shared_ptr<Tracked>>& item) { EXPECT_TRUE(item.ok()); });
      },
      3, [&room] { EXPECT_EQ(room->ReceiverCount(), 0u); });
}

// check: H1
TEST(BroadcastStream, OfANextThatIsDroppedTheValueComesWithTheNext) {
  for (int polls = 0; polls < 4; ++polls) {
    for (bool sent : {false, true}) {
      Broadcast<std::string> room(2);
      PolledStream stream(BroadcastStream(room.Subscribe()));
      PolledTask dropped(stream->Next());
      for (int i = 0; i < polls; ++i) EXPECT_THAT(dropped.Poll(), IsPending());
      if (sent) {
        EXPECT_EQ(room.Send("one"), 1u);
      }
      dropped.Drop();
      if (!sent) {
        EXPECT_EQ(room.Send("one"), 1u);
      }
      EXPECT_EQ(room.Send("two"), 1u);
      EXPECT_EQ(*Next(stream), "one");
      EXPECT_EQ(*Next(stream), "two");
      EXPECT_EQ(dropped.held(), 0);
    }
  }
}

}  // namespace
}  // namespace kioto::sync
