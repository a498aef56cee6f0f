// The channels: what is sent arrives once, in its sender's order, or is destroyed; and nobody
// sleeps for ever. The numbers are those of sync/internal/mpsc_*.h. A block has two slots here.
#include <gtest/gtest.h>

#include <optional>

#include "kioto/runtime/base/mutex.h"
#include "kioto/runtime/base/status.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/tests/model/values.h"

namespace kioto::model {
namespace {

class MpscModel : public ::testing::Test {
 protected:
  MpscModel() { MakeStatuses(); }
};

// Receives until the end. Value 10 * sender + i: each sender's come in order.
template <class Receiver>
void ReceiveAll(Receiver& receiver, int total) {
  int last[3] = {-1, -1, -1};
  int count = 0;
  TaskThread task;
  while (std::optional<Value> value = task.Await(receiver.Recv())) {
    const int number = Read(*value);
    Assert(number % 10 == last[number / 10] + 1, "out of order, twice or lost");
    last[number / 10] = number % 10;
    ++count;
  }
  Assert(count == total, "something was lost");
}

// --- unbounded ---

template <int kFirst, int kSecond>
void Unbounded() {
  auto channel = sync::MpscUnbounded<Value>();
  auto send = [&channel](int sender, int count) {
    return [s = channel.sender, sender, count]() mutable {
      for (int i = 0; i < count; ++i) Assert(s.Send(MakeValue(10 * sender + i)).ok(), "the receiver is there");
      s.reset();
    };
  };
  Thread a(send(0, kFirst));
  Thread b(send(1, kSecond));
  channel.sender.reset();
  ReceiveAll(channel.receiver, kFirst + kSecond);
}

void UnboundedReceiverLeaves() {
  auto channel = sync::MpscUnbounded<Value>();
  Thread a([s = channel.sender] {
    (void)s.Send(MakeValue(1));
    (void)s.Send(MakeValue(2));
    (void)s.Send(MakeValue(3));
  });
  Thread b([s = std::move(channel.sender)] { (void)s.Send(MakeValue(4)); });
  (void)channel.receiver.TryRecv();
  channel.receiver.reset();
}

struct UnboundedChannel {
  static auto Make() { return sync::MpscUnbounded<Value>(); }
  template <class Sender>
  static void Send(const Sender& sender) {
    Assert(sender.Send(MakeValue(1)).ok(), "the receiver is there");
  }
};
template <int kCapacity>
struct BoundedChannel {
  static auto Make() { return sync::Mpsc<Value>(kCapacity); }
  template <class Sender>
  static void Send(const Sender& sender) {
    Assert(sender.TrySend(MakeValue(1)).ok(), "there is room");
  }
};

// After a send has returned, TryRecv, IsEmpty and size never say empty, though another one is half done.
template <class Kind>
void NotEmptyAfterSend() {
  auto channel = Kind::Make();
  Thread other([s = channel.sender] { Kind::Send(s); });
  Kind::Send(channel.sender);
  Assert(channel.receiver.size() >= 1, "of no size after a send");
  Assert(!channel.receiver.IsEmpty(), "empty after a send");
  Assert(channel.receiver.TryRecv().ok(), "nothing to take after a send");
}

// The end is not counted, at no moment.
template <class Kind, int kItems>
void SizeWhileTheSenderLeaves() {
  auto channel = Kind::Make();
  for (int i = 0; i < kItems; ++i) Kind::Send(channel.sender);
  Thread sender([s = std::move(channel.sender)]() mutable { s.reset(); });
  Assert(channel.receiver.size() == kItems, "the end was counted");
  sender.Join();
  Assert(channel.receiver.size() == kItems, "the end was counted");
}
template <int kItems>
void ExpectExactSize() {
  ExpectHolds(Options().Preemptions(3), SizeWhileTheSenderLeaves<UnboundedChannel, kItems>);
  ExpectHolds(Options().Preemptions(3), SizeWhileTheSenderLeaves<BoundedChannel<4>, kItems>);
}

// Two runners, one item each at any time: whoever takes its turn finds one, and room for another. What the second turn finds may
// be what the other runner is just about to put back.
void TakeAndPutBack() {
  auto channel = sync::Mpsc<Value>(2);
  for (int i = 0; i < 2; ++i) Assert(channel.sender.TrySend(MakeValue(i)).ok(), "there is room");
  base::Mutex mutex;  // of the receiver
  auto turn = [&] {
    StatusOr<Value> value = EmptyError();
    {
      base::MutexLock lock(mutex);
      value = channel.receiver.TryRecv();
    }
    Assert(value.ok(), "empty, though something was there");
    Assert(channel.sender.TrySend(*std::move(value)).ok(), "full, though there was room");
  };
  Thread a([&] {
    turn();
    turn();
  });
  Thread b(turn);
}

// The receiver is polled by one task, then by another: the second must be woken, though the bit that says that the
// receiver sleeps may be gone already (R2).
void ReceiverMoves() {
  auto channel = sync::MpscUnbounded<Value>();
  Thread sender([s = std::move(channel.sender)]() mutable { (void)s.Send(MakeValue(0)); });
  bool received = false;
  TaskThread first;
  {
    StreamItem<sync::MpscUnboundedReceiver<Value>> next(channel.receiver);
    received = first.Poll(next).ready();
  }
  if (!received) {
    TaskThread second;
    Assert(second.Await(StreamItem(channel.receiver)).has_value(), "the item was lost");
  }
}

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#closing_unbounded_tx
TEST_F(MpscModel, Unbounded) {
  ExpectHolds(Options().Preemptions(3), Unbounded<1, 0>);
  ExpectHolds(Options().Preemptions(3), ReceiverMoves);
  ExpectHolds(Options(), UnboundedReceiverLeaves);
  ExpectHolds(Options().Random(10000), UnboundedReceiverLeaves);
  ExpectCaught("mpsc.publish_order", Options(), Unbounded<1, 0>);
  ExpectCaught("mpsc.look_order", Options(), Unbounded<1, 0>);
  ExpectCaught("mpsc.park_without_bit", Options(), Unbounded<1, 0>);
  ExpectCaught("mpsc.end_without_wake", Options(), Unbounded<1, 0>);
  ExpectCaught("mpsc.wait_without_register", Options(), ReceiverMoves);
  ExpectCaught("mpsc.take_waker_order", Options(), ReceiverMoves);
  ExpectCaught("mpsc.register_order", Options(), ReceiverMoves);
}

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#dropping_unbounded_tx
TEST_F(MpscModel, UnboundedSendersLeave) {
  ExpectHolds(Options().Preemptions(3), Unbounded<0, 0>);
  ExpectCaught("mpsc.end_without_wake", Options(), Unbounded<0, 0>);
}

// behaviour: tokio/src/sync/tests/loom_list.rs#smoke
TEST_F(MpscModel, UnboundedAcrossBlocks) {
  ExpectHolds(Options(), Unbounded<2, 1>);
  ExpectHolds(Options().StaleLoads(0), Unbounded<2, 2>);
  ExpectHolds(Options().StaleLoads(0), Unbounded<3, 3>);
  ExpectHolds(Options().Random(20000), Unbounded<5, 4>);
  ExpectCaught("mpsc_blocks.grow_order", Options(), Unbounded<2, 1>);
  ExpectCaught("mpsc_blocks.reuse_early", Options(), Unbounded<3, 3>);
}

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#nonempty_after_send
// behaviour: tokio/src/sync/tests/loom_mpsc.rs#len_nonzero_after_send
TEST_F(MpscModel, NotEmptyAfterSend) {
  ExpectHolds(Options().Preemptions(3), NotEmptyAfterSend<UnboundedChannel>);
  ExpectHolds(Options().Preemptions(3), NotEmptyAfterSend<BoundedChannel<10>>);
  ExpectCaught("mpsc.ask_gives_up", Options(), NotEmptyAfterSend<UnboundedChannel>);
  ExpectCaught("mpsc.ask_gives_up", Options(), NotEmptyAfterSend<BoundedChannel<10>>);
}

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#len_during_close_0
TEST_F(MpscModel, NoSizeWhileTheSenderLeaves) { ExpectExactSize<0>(); }

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#len_during_close_1
TEST_F(MpscModel, SizeOneWhileTheSenderLeaves) { ExpectExactSize<1>(); }

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#len_during_close_block_cap
TEST_F(MpscModel, SizeOfABlockWhileTheSenderLeaves) { ExpectExactSize<2>(); }

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#len_during_close_block_cap_plus_1
TEST_F(MpscModel, SizeOfABlockAndOneWhileTheSenderLeaves) { ExpectExactSize<3>(); }

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#try_recv
TEST_F(MpscModel, NeverEmptyForWhoPutsBackWhatItTakes) {
  ExpectHolds(Options().Preemptions(2).StaleLoads(0), TakeAndPutBack);
  ExpectHolds(Options().Random(5000), TakeAndPutBack);
  ExpectCaught("mpsc.ask_gives_up", Options().StaleLoads(0), TakeAndPutBack);
}

// A weak handle becomes a sender while the last one goes: what it sends comes before the end.
template <class Channel>
void UpgradeAgainstTheLast() {
  auto channel = Channel::Make();
  Cell<int> sent(0);
  int received = 0;
  {
    Thread a([w = channel.sender.Downgrade(), &sent] {
      if (auto upgraded = w.Upgrade()) {
        Channel::Send(upgraded);
        sent.Write() = 1;
      }
    });
    Thread b([s = std::move(channel.sender)] {});
    TaskThread task;
    while (task.Await(channel.receiver.Recv())) ++received;
  }
  Assert(received == sent.Read(), "sent after the end");
}

TEST_F(MpscModel, AnUpgradedSenderSendsBeforeTheEnd) {
  ExpectHoldsAlways(Options().StaleLoads(1), UpgradeAgainstTheLast<UnboundedChannel>);
  ExpectHoldsAlways(Options().StaleLoads(1), UpgradeAgainstTheLast<BoundedChannel<1>>);
  ExpectCaught("sender_count.revive", Options().StaleLoads(0), UpgradeAgainstTheLast<UnboundedChannel>);
  ExpectCaught("sender_count.revive", Options().StaleLoads(0), UpgradeAgainstTheLast<BoundedChannel<1>>);
}

// Two senders wait for the receiver to go.
template <class Channel>
void WaitForClosed(Channel channel) {
  auto wait = [&channel] { return [s = channel.sender] { (void)Await(s.Closed()); }; };
  Thread a(wait());
  Thread b(wait());
  channel.receiver.reset();
}

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#closing_unbounded_rx
// behaviour: tokio/src/sync/tests/loom_mpsc.rs#closing_bounded_rx
TEST_F(MpscModel, SendersSeeTheReceiverGo) {
  auto unbounded = [] { WaitForClosed(sync::MpscUnbounded<Value>()); };
  auto bounded = [] { WaitForClosed(sync::Mpsc<Value>(1)); };
  ExpectHolds(Options(), unbounded);
  ExpectHolds(Options(), bounded);
  ExpectCaught("mpsc.silent_close", Options(), unbounded);
  ExpectCaught("mpsc.silent_close", Options(), bounded);
}

// --- bounded ---

template <int kCapacity, int kFirst, int kSecond>
void Bounded() {
  auto channel = sync::Mpsc<Value>(kCapacity);
  auto send = [&channel](int sender, int count) {
    return [s = channel.sender, sender, count]() mutable {
      TaskThread task;
      for (int i = 0; i < count; ++i) {
        Assert(task.Await(s.Send(MakeValue(10 * sender + i))).ok(), "the receiver is there");
      }
      s.reset();
    };
  };
  Thread a(send(0, kFirst));
  Thread b(send(1, kSecond));
  channel.sender.reset();
  ReceiveAll(channel.receiver, kFirst + kSecond);
}

// The receiver leaves while one sender has the place and another waits for it.
void BoundedReceiverLeaves() {
  auto channel = sync::Mpsc<Value>(1);
  auto send = [&channel] { return [s = channel.sender] { (void)Await(s.Send(MakeValue(1))); }; };
  Thread a(send());
  Thread b(send());
  (void)channel.receiver.TryRecv();
  channel.receiver.reset();
}

// A permit is dropped: the one who waits gets it.
void DropPermit() {
  auto channel = sync::Mpsc<Value>(1);
  Thread holder([s = channel.sender] {
    auto permits = s.TryReserve(1);
    if (permits.ok()) permits->Release();
  });
  Thread sender([s = std::move(channel.sender)]() mutable {
    Assert(Await(s.Send(MakeValue(0))).ok(), "the receiver is there");
    s.reset();
  });
  holder.Join();
  ReceiveAll(channel.receiver, 1);
}

// A send that waits is dropped after one poll: the place goes to the other.
void DropSend() {
  auto channel = sync::Mpsc<Value>(1);
  Assert(channel.sender.TrySend(MakeValue(0)).ok(), "there is room");
  Thread dropper([s = channel.sender]() mutable {
    {
      TaskThread task;
      auto reserve = s.Reserve();
      (void)task.Poll(reserve).ready();
    }
    s.reset();
  });
  Thread sender([s = std::move(channel.sender)]() mutable {
    Assert(Await(s.Send(MakeValue(1))).ok(), "the receiver is there");
    s.reset();
  });
  ReceiveAll(channel.receiver, 2);
}

// A sender waits for room in a full channel of three. The receiver takes one item, which puts its serving off, and then only
// waits for the sender: that is served at the end of the poll.
void TakeOneOfThree() {
  auto channel = sync::Mpsc<Value>(3);
  for (int i = 0; i < 3; ++i) Assert(channel.sender.TrySend(MakeValue(i)).ok(), "there is room");
  Thread sender([s = std::move(channel.sender)]() mutable {
    Assert(Await(s.Send(MakeValue(3))).ok(), "the receiver is there");
    s.reset();
  });
  {
    auto first = channel.receiver.Recv();
    const Waker none;
    kioto::internal::PollScope scope;
    Context cx(none, scope);
    Assert(first.PollOnce(cx).ready(), "it is full");
    scope.RunAtEnd();  // as its end would
  }
  sender.Join();
}

TEST_F(MpscModel, BoundedServesLater) {
  ExpectHolds(Options().StaleLoads(1), TakeOneOfThree);
  ExpectHolds(Options().Random(10000), Bounded<3, 5, 4>);
  ExpectCaught("mpsc.never_later", Options(), TakeOneOfThree);
}

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#closing_tx
TEST_F(MpscModel, Bounded) {
  ExpectHolds(Options().StaleLoads(1), Bounded<1, 2, 0>);
  ExpectHolds(Options().StaleLoads(1), Bounded<1, 1, 1>);
  ExpectHolds(Options().StaleLoads(0), Bounded<2, 2, 1>);
  ExpectHolds(Options().StaleLoads(0), BoundedReceiverLeaves);
  ExpectHolds(Options().StaleLoads(1), DropPermit);
  ExpectHolds(Options().StaleLoads(0), DropSend);
  ExpectHolds(Options().Random(10000), Bounded<1, 3, 3>);
  ExpectHolds(Options().Random(10000), Bounded<2, 4, 3>);
  ExpectHolds(Options().Random(10000), BoundedReceiverLeaves);
  ExpectHolds(Options().Random(10000), DropSend);
  ExpectCaught("mpsc_bounded.look_order", Options(), Bounded<1, 2, 0>);
  ExpectCaught("mpsc_bounded.advance_order", Options(), Bounded<1, 2, 0>);
  ExpectCaught("mpsc_bounded.return_without_hand_over", Options(), DropPermit);
}

// behaviour: tokio/src/sync/tests/loom_mpsc.rs#dropping_tx
TEST_F(MpscModel, BoundedSendersLeave) {
  ExpectHolds(Options().Preemptions(3), Bounded<1, 0, 0>);
  ExpectCaught("mpsc.end_without_wake", Options(), Bounded<1, 0, 0>);
}

}  // namespace
}  // namespace kioto::model
