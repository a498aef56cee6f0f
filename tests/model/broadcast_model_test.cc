// Broadcast and CancellationToken.
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "kioto/runtime/base/config.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/tests/model/values.h"

namespace kioto::model {
namespace {

class BroadcastModel : public ::testing::Test {
 protected:
  BroadcastModel() { MakeStatuses(); }
};

// A value that is copied by reading it, possibly by several threads at once.
class Shared {
 public:
  explicit Shared(int number) : value_(MakeValue(number)) {}
  Shared(const Shared& other) : value_(MakeValue(other.number())) {}
  Shared(Shared&&) = default;
  int number() const { return Read(value_); }

 private:
  Value value_;
};

// A value of plain words, which are read while a sender may write over them.
class Plain {
 public:
  explicit Plain(int number) : number_(number), inverse_(~number_) {}
  int number() const {
    Assert(inverse_ == ~number_, "torn");
    return static_cast<int>(number_);
  }

 private:
  int64_t number_;
  int64_t inverse_;
};
static_assert(sync::internal::kIsPlainWords<Plain> && !sync::internal::kIsPlainWords<Shared>);

// Receives until the end: what it got and what it missed are all that was sent, in order.
template <class T>
void ReceiveAll(sync::BroadcastReceiver<T> receiver, int sent) {
  TaskThread task;
  int next = 0;
  for (;;) {
    StatusOr<T> value = task.Await(receiver.Recv());
    uint64_t missed = 0;
    if (value.ok()) {
      Assert(value->number() == next, "out of order, twice or lost");
      ++next;
    } else if (IsLagged(value.status(), &missed)) {
      next += static_cast<int>(missed);
    } else {
      Assert(IsClosed(value.status()), "neither a value nor an end");
      break;
    }
  }
  Assert(next == sent, "something was lost");
}

template <class T, int kCapacity, int kSent>
void TwoReceivers() {
  sync::Broadcast<T> room(kCapacity);
  auto first = std::make_unique<sync::BroadcastReceiver<T>>(room.Subscribe());
  auto second = std::make_unique<sync::BroadcastReceiver<T>>(room.Subscribe());
  Thread a([&] { ReceiveAll(std::move(*first), kSent); });
  Thread b([&] { ReceiveAll(std::move(*second), kSent); });
  for (int i = 0; i < kSent; ++i) (void)room.Send(T(i));
  room.reset();
}

// A receiver goes, another receives; values are destroyed by whoever needs them last.
template <class T, int kCapacity>
void ReceiverLeaves() {
  sync::Broadcast<T> room(kCapacity);
  auto first = std::make_unique<sync::BroadcastReceiver<T>>(room.Subscribe());
  auto second = std::make_unique<sync::BroadcastReceiver<T>>(room.Subscribe());
  Thread a([&] { first->reset(); });
  Thread b([&] { ReceiveAll(std::move(*second), 2); });
  (void)room.Send(T(0));
  (void)room.Send(T(1));
  room.reset();
}

// A sender that keeps size() below the capacity overtakes nobody, also while another receiver joins and goes.
template <class T>
void SenderThatWaits() {
  sync::Broadcast<T> room(1);
  auto receiver = std::make_unique<sync::BroadcastReceiver<T>>(room.Subscribe());
  Thread a([&] {
    TaskThread task;
    for (int i = 0; i < 2; ++i) {
      StatusOr<T> value = task.Await(receiver->Recv());
      Assert(value.ok() && value->number() == i, "a value was written over");
    }
  });
  Thread b([&] { room.Subscribe().reset(); });
  for (int i = 0; i < 2; ++i) {
    while (room.size() == room.Capacity()) SpinHint();
    (void)room.Send(T(i));
  }
}

// Two senders, and a receiver whose every poll has one unit of budget: it may be told, find nothing, and have none left to wait.
void TwoSendersAndASparingReceiver() {
  sync::Broadcast<Plain> room(2);
  sync::BroadcastReceiver<Plain> receiver = room.Subscribe();
  Thread a([&] { (void)room.Send(Plain(0)); });
  Thread b([&] { (void)room.Send(Plain(0)); });
  TaskThread task(/*budget=*/1);
  for (int i = 0; i < 2; ++i) Assert(task.Await(receiver.Recv()).ok(), "a value");
}

// Who knows of a value finds it, or that it has missed it, while the next one is written over it.
template <class T>
void LookWhileItIsWrittenOver() {
  sync::Broadcast<T> room(1);
  sync::BroadcastReceiver<T> receiver = room.Subscribe();
  (void)room.Send(T(0));
  Thread a([&] { (void)room.Send(T(1)); });
  StatusOr<T> value = receiver.TryRecv();
  Assert(value.ok() ? value->number() == 0 : IsLagged(value.status()), "not what it must find");
}

#if KIOTO_EXCEPTIONS
// A value whose copy throws.
class Throws {
 public:
  Throws() = default;
  Throws(const Throws&) { throw 1; }
  Throws(Throws&&) noexcept {}
};

// Two senders, the copy of one of which throws: the other's value is told of.
void ASenderThrows() {
  sync::Broadcast<Throws> room(2);
  sync::BroadcastReceiver<Throws> receiver = room.Subscribe();
  Thread a([&] {
    try {
      const Throws value;
      (void)room.Send(value);
    } catch (int) {
    }
  });
  Thread b([&] { (void)room.Send(Throws()); });
  TaskThread task;
  Assert(task.Await(receiver.Recv()).ok(), "the value of the one that does not throw");
}
#endif

// Two senders at once, one slot behind the other.
template <class T>
void TwoSenders() {
  sync::Broadcast<T> room(1);
  auto receiver = std::make_unique<sync::BroadcastReceiver<T>>(room.Subscribe());
  {
    Thread a([r = room] { (void)r.Send(T(0)); });
    Thread b([r = std::move(room)] { (void)r.Send(T(0)); });
    TaskThread task;
    for (int got = 0; got < 2;) {
      StatusOr<T> value = task.Await(receiver->Recv());
      uint64_t missed = 0;
      got += value.ok() || !IsLagged(value.status(), &missed) ? 1 : static_cast<int>(missed);
    }
  }
}

// Two senders send and go: what both sent comes before the end.
void TwoSendersGo() {
  sync::Broadcast<Shared> room(2);
  sync::BroadcastReceiver<Shared> receiver = room.Subscribe();
  Thread a([r = room] { (void)r.Send(Shared(0)); });
  Thread b([r = std::move(room)] { (void)r.Send(Shared(0)); });
  TaskThread task;
  int got = 0;
  while (task.Await(receiver.Recv()).ok()) ++got;
  Assert(got == 2, "the end came before what was sent");
}

// A weak handle becomes a sender while the last one goes: what it sends comes before the end.
void UpgradeAgainstTheLast() {
  sync::Broadcast<Shared> room(2);
  sync::BroadcastReceiver<Shared> receiver = room.Subscribe();
  Cell<int> sent(0);
  int got = 0;
  {
    Thread a([w = room.Downgrade(), &sent] {
      if (auto upgraded = w.Upgrade()) sent.Write() = static_cast<int>(upgraded.Send(Shared(0)));
    });
    Thread b([r = std::move(room)] {});
    TaskThread task;
    while (task.Await(receiver.Recv()).ok()) ++got;
  }
  Assert(got == sent.Read(), "sent after the end");
}

TEST_F(BroadcastModel, TheLastSenderToGoIsTheEnd) {
  ExpectHolds(Options().StaleLoads(1), TwoSendersGo);
  ExpectHolds(Options().Random(5000), TwoSendersGo);
  ExpectHolds(Options().StaleLoads(1), UpgradeAgainstTheLast);
  ExpectHolds(Options().Random(5000), UpgradeAgainstTheLast);
  ExpectCaught("sender_count.drop_order", Options(), TwoSendersGo);
  ExpectCaught("sender_count.revive", Options().StaleLoads(0), UpgradeAgainstTheLast);
}

TEST_F(BroadcastModel, EveryReceiverGetsOrMissesEveryValue) {
  ExpectHolds(Options().StaleLoads(1), TwoReceivers<Shared, 2, 1>);
  ExpectHolds(Options().StaleLoads(0), TwoReceivers<Shared, 1, 2>);
  ExpectHolds(Options().Random(10000), TwoReceivers<Shared, 2, 4>);
  ExpectCaught("broadcast.publish_order", Options(), TwoReceivers<Shared, 2, 1>);
  ExpectCaught("broadcast.drop_order", Options(), TwoReceivers<Shared, 2, 1>);
  ExpectCaught("broadcast.ignore_copies", Options().StaleLoads(0), TwoReceivers<Shared, 1, 2>);
}

TEST_F(BroadcastModel, PlainWordsAreNeverTorn) {
  ExpectHolds(Options().StaleLoads(1), TwoReceivers<Plain, 2, 1>);
  ExpectHolds(Options().StaleLoads(0), TwoReceivers<Plain, 1, 2>);
  ExpectHolds(Options().Random(10000), TwoReceivers<Plain, 1, 3>);
  ExpectHolds(Options().Random(10000), TwoReceivers<Plain, 2, 4>);
  ExpectHolds(Options().StaleLoads(0), ReceiverLeaves<Plain, 2>);
  ExpectHolds(Options().StaleLoads(0), ReceiverLeaves<Plain, 1>);
  ExpectHolds(Options().StaleLoads(0), TwoSenders<Plain>);
  ExpectCaught("broadcast.publish_order", Options(), TwoReceivers<Plain, 2, 1>);
  ExpectCaught("broadcast.words_order", Options(), TwoReceivers<Plain, 1, 2>);
  ExpectCaught("broadcast.look_once", Options().StaleLoads(0), TwoReceivers<Plain, 1, 2>);
}

TEST_F(BroadcastModel, ASenderThatWaitsForRoomOvertakesNobody) {
  ExpectHolds(Options().StaleLoads(1), SenderThatWaits<Plain>);
  ExpectHolds(Options().Random(10000), SenderThatWaits<Plain>);
  ExpectHolds(Options().Preemptions(1).StaleLoads(1), SenderThatWaits<Shared>);
  ExpectHolds(Options().Random(10000), SenderThatWaits<Shared>);
  ExpectCaught("broadcast.early_move", Options().StaleLoads(0), SenderThatWaits<Plain>);
  for (const char* order : {"notify.look_order", "notify.weak_lock", "broadcast.weak_publish", "broadcast.weak_look"}) {
    ExpectCaught(order, Options().StaleLoads(1), SenderThatWaits<Plain>);
  }
  ExpectCaught("broadcast.weak_begin", Options().Preemptions(1).StaleLoads(1), SenderThatWaits<Shared>);
}

TEST_F(BroadcastModel, WhoHasNoBudgetLeftToWaitIsNotTakenForAWaiter) {
  ExpectHolds(Options().StaleLoads(0), TwoSendersAndASparingReceiver);
  ExpectHolds(Options().Random(10000), TwoSendersAndASparingReceiver);
  ExpectCaught("broadcast.wait_without_budget", Options().Preemptions(3).StaleLoads(0), TwoSendersAndASparingReceiver);
}

TEST_F(BroadcastModel, WhatWasSentIsThereOrWasMissed) {
  ExpectHolds(Options(), LookWhileItIsWrittenOver<Plain>);
  ExpectHolds(Options(), LookWhileItIsWrittenOver<Shared>);
  ExpectCaught("broadcast.busy_order", Options(), LookWhileItIsWrittenOver<Plain>);
}

#if KIOTO_EXCEPTIONS
TEST_F(BroadcastModel, ASendThatThrowsTellsOfWhatIsBehindIt) {
  ExpectHolds(Options().StaleLoads(0), ASenderThrows);
  ExpectHolds(Options().Random(10000), ASenderThrows);
  ExpectCaught("broadcast.silent_throw", Options().StaleLoads(0), ASenderThrows);
}
#endif

TEST_F(BroadcastModel, AReceiverGoesWhileAnotherReceives) {
  ExpectHolds(Options().StaleLoads(0), ReceiverLeaves<Shared, 1>);
  ExpectHolds(Options().StaleLoads(0), ReceiverLeaves<Shared, 2>);
  ExpectHolds(Options().Random(10000), ReceiverLeaves<Shared, 2>);
  ExpectCaught("broadcast.drop_order", Options().StaleLoads(0), ReceiverLeaves<Shared, 2>);
}

TEST_F(BroadcastModel, TwoSendersAtOnePlace) {
  ExpectHolds(Options().StaleLoads(0), TwoSenders<Shared>);
  ExpectHolds(Options().Random(10000), TwoSenders<Shared>);
  ExpectCaught("broadcast.publish_order", Options().StaleLoads(0), TwoSenders<Shared>);
}

// --- CancellationToken ---

// A child is made while the parent is cancelled, and its waiter is woken.
void ChildAgainstCancel() {
  sync::CancellationToken parent;
  Thread child([&] { (void)Await(parent.ChildToken().Cancelled()); });
  parent.Cancel();
}

// A child goes while the parent is cancelled.
void ChildGoes() {
  sync::CancellationToken parent;
  auto child = std::make_unique<sync::CancellationToken>(parent.ChildToken());
  Thread a([&] { child.reset(); });
  parent.Cancel();
}

// Two cancel at once: when both have returned, all is cancelled.
void TwoCancel() {
  sync::CancellationToken parent;
  const sync::CancellationToken child = parent.ChildToken();
  {
    Thread a([&] { parent.Cancel(); });
    parent.Cancel();
    Assert(parent.IsCancelled(), "Cancel has returned, and the token is not cancelled");
  }
  Assert(child.IsCancelled(), "Cancel has returned, and a child is not cancelled");
}

// One waits, by a future that alone keeps its token, and another cancels.
void WaitAgainstCancel() {
  sync::CancellationToken token;
  auto cancelled = sync::CancellationToken(token).Cancelled();
  Thread a([t = std::move(token)] { t.Cancel(); });
  (void)Await(std::move(cancelled));
}

// Copies of a token go on three threads.
void CopiesGo() {
  sync::CancellationToken token;
  Thread a([t = token] {});
  Thread b([t = token] {});
  Thread c([t = std::move(token)] {});
}

// A token goes, and so do two children of it, on three threads.
void FamilyGoes() {
  sync::CancellationToken parent;
  Thread a([t = parent.ChildToken()] {});
  Thread b([t = parent.ChildToken()] {});
  Thread c([t = std::move(parent)] {});
}

// Two wait, one for the token and one for a child of it, while it is cancelled.
void FamilyWaits() {
  sync::CancellationToken parent;
  const sync::CancellationToken child = parent.ChildToken();
  Thread a([&] {
    (void)Await(child.Cancelled());
    Assert(child.IsCancelled(), "woken, and not cancelled");
  });
  Thread b([&] { parent.Cancel(); });
  (void)Await(parent.Cancelled());
  Assert(parent.IsCancelled(), "woken, and not cancelled");
}

// A copy of the token and a child of it go while the last copy cancels, and goes.
void CancelAgainstDrops() {
  sync::CancellationToken parent;
  Thread a([t = parent] {});
  Thread b([t = parent.ChildToken()] {});
  const sync::CancellationToken last = std::move(parent);
  last.Cancel();
  Assert(last.IsCancelled(), "Cancel has returned, and the token is not cancelled");
}

// The same, and the child cancels itself before it goes.
void ParentAndChildCancel() {
  sync::CancellationToken parent;
  Thread a([t = parent] {});
  Thread b([t = parent.ChildToken()] {
    t.Cancel();
    Assert(t.IsCancelled(), "Cancel has returned, and the child is not cancelled");
  });
  const sync::CancellationToken last = std::move(parent);
  last.Cancel();
  Assert(last.IsCancelled(), "Cancel has returned, and the token is not cancelled");
}

// behaviour: tokio-util/src/sync/tests/loom_cancellation_token.rs#cancel_token
// behaviour: tokio-util/src/sync/tests/loom_cancellation_token.rs#cancel_token_owned
TEST_F(BroadcastModel, WhoWaitsForATokenIsWoken) {
  ExpectHoldsAlways(Options(), WaitAgainstCancel);
  ExpectCaught("token.silent_cancel", Options(), WaitAgainstCancel);
}

// behaviour: tokio-util/src/sync/tests/loom_cancellation_token.rs#drop_token_no_child
TEST_F(BroadcastModel, ATokenGoesWithItsLastCopy) {
  ExpectHoldsAlways(Options(), CopiesGo);
  ExpectCaught("token.unref_order", Options(), CopiesGo);
}

// behaviour: tokio-util/src/sync/tests/loom_cancellation_token.rs#drop_token_with_children
TEST_F(BroadcastModel, AParentAndItsChildrenGoInAnyOrder) {
  ExpectHolds(Options().StaleLoads(1), FamilyGoes);
  ExpectHolds(Options().Random(5000), FamilyGoes);
  ExpectCaught("token.unref_order", Options(), FamilyGoes);
}

// behaviour: tokio-util/src/sync/tests/loom_cancellation_token.rs#cancel_with_child
TEST_F(BroadcastModel, TokensWakeWhoWaitsInAFamily) {
  ExpectHoldsAlways(Options().StaleLoads(0), FamilyWaits);
  ExpectCaught("token.silent_cancel", Options().StaleLoads(0), FamilyWaits);
}

// behaviour: tokio-util/src/sync/tests/loom_cancellation_token.rs#drop_and_cancel_token
TEST_F(BroadcastModel, TokensGoWhileTheyAreCancelled) {
  ExpectHoldsAlways(Options().StaleLoads(0), CancelAgainstDrops);
  ExpectCaught("token.revive", Options().StaleLoads(0), CancelAgainstDrops);
}

// behaviour: tokio-util/src/sync/tests/loom_cancellation_token.rs#cancel_parent_and_child
TEST_F(BroadcastModel, TokensOfParentAndChildAreCancelledAtOnce) {
  ExpectHoldsAlways(Options().StaleLoads(0), ParentAndChildCancel);
  ExpectCaught("token.revive", Options().StaleLoads(0), ParentAndChildCancel);
}

TEST_F(BroadcastModel, TokensCancelAllThatDescends) {
  for (auto body : {ChildAgainstCancel, ChildGoes, TwoCancel}) {
    ExpectHolds(Options(), body);
    ExpectHolds(Options().Random(5000), body);
  }
  ExpectCaught("token.born_uncancelled", Options(), ChildAgainstCancel);
  ExpectCaught("token.unref_order", Options(), ChildGoes);
  ExpectCaught("token.revive", Options(), ChildGoes);
}

}  // namespace
}  // namespace kioto::model
