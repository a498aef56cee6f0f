// Oneshot and Notify.
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "kioto/runtime/base/status.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/model/values.h"

namespace kioto::model {
namespace {

class SyncModel : public ::testing::Test {
 protected:
  SyncModel() { MakeStatuses(); }
};

// --- Oneshot ---

void SendAndReceive() {
  auto channel = sync::Oneshot<Value>();
  Thread sender([s = std::move(channel.sender)]() mutable { Assert(s.Send(MakeValue(1)), "the receiver is there"); });
  StatusOr<Value> value = Await(std::move(channel.receiver));
  Assert(value.ok() && Read(*value) == 1, "the value did not arrive");
}

// The receiver closes and leaves while the sender sends: the value is somewhere, once.
void SendAgainstClose() {
  auto channel = sync::Oneshot<Value>();
  bool sent = false;
  Thread sender([&sent, s = std::move(channel.sender)]() mutable { sent = s.Send(MakeValue(1)); });
  channel.receiver.Close();
  StatusOr<Value> value = Await(std::move(channel.receiver));
  sender.Join();
  Assert(sent == value.ok(), "sent and not received, or received and not sent");
}

// The same without waiting.
void SendAgainstCloseAndTry() {
  auto channel = sync::Oneshot<Value>();
  bool sent = false;
  Thread sender([&sent, s = std::move(channel.sender)]() mutable { sent = s.Send(MakeValue(1)); });
  channel.receiver.Close();
  StatusOr<Value> value = channel.receiver.TryRecv();
  Assert(value.ok() ? Read(*value) == 1 : IsClosed(value.status()), "neither the value nor closed");
  sender.Join();
  Assert(sent == value.ok(), "sent and not received, or received and not sent");
}

void ReceiverLeaves() {
  auto channel = sync::Oneshot<Value>();
  Thread sender([s = std::move(channel.sender)]() mutable { (void)s.Send(MakeValue(1)); });
  auto gone = std::move(channel.receiver);
}

void SenderLeaves() {
  auto channel = sync::Oneshot<Value>();
  Thread sender([s = std::move(channel.sender)]() mutable { auto gone = std::move(s); });
  Assert(IsClosed(Await(std::move(channel.receiver)).status()), "nothing was sent");
}

// The sender waits for the receiver to go.
void WaitForClosed() {
  auto channel = sync::Oneshot<Value>();
  Thread sender([s = std::move(channel.sender)]() mutable { (void)Await(s.Closed()); });
  auto gone = std::move(channel.receiver);
}

void ReceiverMoves() {
  auto channel = sync::Oneshot<Value>();
  Thread sender([s = std::move(channel.sender)]() mutable { (void)s.Send(MakeValue(1)); });
  {
    TaskThread first;
    if (first.Poll(channel.receiver).ready()) return;
  }
  Assert(TaskThread().Await(std::move(channel.receiver)).ok(), "the value did not arrive");
}

void SenderMoves() {
  auto channel = sync::Oneshot<Value>();
  Thread sender([s = std::move(channel.sender)]() mutable {
    {
      TaskThread first;
      auto closed = s.Closed();
      if (first.Poll(closed).ready()) return;
    }
    (void)Await(s.Closed());
  });
  auto gone = std::move(channel.receiver);
}

void PolledReceiverLeaves() {
  auto channel = sync::Oneshot<Value>();
  Thread sender([s = std::move(channel.sender)]() mutable { (void)s.Send(MakeValue(1)); });
  TaskThread task;
  (void)task.Poll(channel.receiver).ready();
  auto gone = std::move(channel.receiver);
}

// behaviour: tokio/src/sync/tests/loom_oneshot.rs#smoke
TEST_F(SyncModel, OneshotSendAndReceive) {
  ExpectHoldsAlways(Options().Preemptions(3), SendAndReceive);
  ExpectCaught("oneshot.send_order", Options(), SendAndReceive);
  ExpectCaught("oneshot.await_order", Options(), SendAndReceive);
}

// behaviour: tokio/src/sync/tests/loom_oneshot.rs#recv_closed
TEST_F(SyncModel, OneshotSendAgainstClose) {
  ExpectHoldsAlways(Options().Preemptions(3), SendAgainstClose);
  ExpectCaught("oneshot.send_after_close", Options(), SendAgainstClose);
}

// behaviour: tokio/src/sync/tests/loom_oneshot.rs#try_recv_close
TEST_F(SyncModel, OneshotSendAgainstCloseAndTry) {
  ExpectHoldsAlways(Options().Preemptions(3), SendAgainstCloseAndTry);
  ExpectCaught("oneshot.send_order", Options(), SendAgainstCloseAndTry);
}

TEST_F(SyncModel, OneshotReceiverLeaves) {
  ExpectHoldsAlways(Options().Preemptions(3), ReceiverLeaves);
  ExpectCaught("oneshot.send_order", Options(), ReceiverLeaves);
}

TEST_F(SyncModel, OneshotSenderLeaves) {
  ExpectHoldsAlways(Options().Preemptions(3), SenderLeaves);
  ExpectCaught("oneshot.leave_silently", Options(), SenderLeaves);
}

TEST_F(SyncModel, OneshotWaitForClosed) {
  ExpectHoldsAlways(Options().Preemptions(3), WaitForClosed);
  ExpectCaught("oneshot.leave_without_close", Options(), WaitForClosed);
}

// behaviour: tokio/src/sync/tests/loom_oneshot.rs#changing_rx_task
TEST_F(SyncModel, OneshotReceiverMoves) {
  ExpectHoldsAlways(Options().Preemptions(3), ReceiverMoves);
  ExpectCaught("oneshot.await_order", Options(), ReceiverMoves);
}

// behaviour: tokio/src/sync/tests/loom_oneshot.rs#changing_tx_task
TEST_F(SyncModel, OneshotSenderMoves) {
  ExpectHoldsAlways(Options().Preemptions(3), SenderMoves);
  ExpectCaught("oneshot.leave_without_close", Options(), SenderMoves);
}

// behaviour: tokio/src/sync/tests/loom_oneshot.rs#drop_rx_after_poll
TEST_F(SyncModel, OneshotPolledReceiverLeaves) {
  ExpectHoldsAlways(Options().Preemptions(3), PolledReceiverLeaves);
  ExpectCaught("oneshot.await_order", Options(), PolledReceiverLeaves);
}

// --- Notify ---

// Each of two waits for its turn and passes it on.
void PassItOn() {
  sync::Notify notify;
  Cell<int> data(0);
  auto take = [&] {
    (void)Await(notify.Notified());
    ++data.Write();
    notify.NotifyOne();
  };
  {
    Thread a(take);
    Thread b(take);
    data.Write() = 1;
    notify.NotifyOne();
  }
  Assert(data.Read() == 3, "somebody had no turn");
}

// One waiter is polled once and dropped; what it may have got must reach the other.
void DropAndPass() {
  sync::Notify notify;
  Thread dropper([&] {
    TaskThread task;
    auto wait = notify.Notified();
    if (task.Poll(wait).ready()) notify.NotifyOne();
  });
  Thread waiter([&] { (void)Await(notify.Notified()); });
  notify.NotifyOne();
}

// A permit is stored once, and its taker sees the work of both who stored it.
void PermitOfTwo() {
  sync::Notify notify;
  Atomic<int> stored(0);
  auto give = [&] {
    stored.fetch_add(1, std::memory_order_relaxed);
    notify.NotifyOne();
  };
  Thread a(give);
  Thread b(give);
  do {
    (void)Await(notify.Notified());
  } while (stored.load(std::memory_order_relaxed) < 2);
}

// All who exist when NotifyAll is called are woken.
void All() {
  sync::Notify notify;
  Cell<int> data(0);
  auto first = notify.Notified();
  auto second = notify.Notified();
  Thread a([&] {
    (void)Await(std::move(first));
    Assert(data.Read() == 1, "woken without what came before");
  });
  Thread b([&] {
    data.Write() = 1;
    notify.NotifyAll();
  });
  (void)Await(std::move(second));
  Assert(data.Read() == 1, "woken without what came before");
}

// One waits, and both kinds come at once: it is woken, and at most one permit is left.
void AllAndOne() {
  sync::Notify notify;
  auto wait = notify.Notified();
  Thread a([&] { notify.NotifyAll(); });
  Thread b([&] { notify.NotifyOne(); });
  (void)Await(std::move(wait));
}

// Two are polled in order while NotifyAll runs: if the first was notified, so was the second, which had waited or not.
template <bool kPolled>
void AllIsSeenInOrder() {
  sync::Notify notify;
  TaskThread task;
  auto first = notify.Notified();
  auto second = notify.Notified();
  if (kPolled) {
    (void)task.Poll(first).ready();
    (void)task.Poll(second).ready();
  }
  Thread a([&] { notify.NotifyAll(); });
  if (task.Poll(first).ready()) Assert(task.Poll(second).ready(), "notified one by one");
}

// One waits, asleep, and another notifies it.
void OneAgainstWait() {
  sync::Notify notify;
  Cell<int> data(0);
  Thread giver([&] {
    data.Write() = 1;
    notify.NotifyOne();
  });
  (void)Await(notify.Notified());
  Assert(data.Read() == 1, "notified without what came before");
}

// A waiter that is polled before its waker tells it to.
void NotifiedBetweenWakes() {
  sync::Notify notify;
  Cell<int> data(0);
  Thread giver([&] {
    data.Write() = 1;
    notify.NotifyOne();
  });
  TaskThread task;
  (void)task.AwaitByPolling(notify.Notified());
  Assert(data.Read() == 1, "notified without what came before");
}

// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_multi
TEST_F(SyncModel, NotifyPassItOn) {
  ExpectHoldsAlways(Options().StaleLoads(1), PassItOn);
  ExpectCaught("notify.lock_order", Options(), PassItOn);
  ExpectCaught("notify.unlock_order", Options(), PassItOn);
}

// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_drop
TEST_F(SyncModel, NotifyDropAndPass) {
  ExpectHoldsAlways(Options().StaleLoads(1), DropAndPass);
  ExpectCaught("notify.swallow", Options(), DropAndPass);
}

TEST_F(SyncModel, NotifyPermitOfTwo) {
  ExpectHoldsAlways(Options().StaleLoads(1), PermitOfTwo);
  ExpectCaught("notify.keep_permit", Options(), PermitOfTwo);
}

// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_waiters
TEST_F(SyncModel, NotifyAll) {
  ExpectHoldsAlways(Options().StaleLoads(1), All);
  ExpectCaught("notify.silent_all", Options(), All);
}

// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_one
TEST_F(SyncModel, NotifyWakesWhoSleeps) {
  ExpectHoldsAlways(Options().StaleLoads(1), OneAgainstWait);
  ExpectCaught("notify.silent_one", Options(), OneAgainstWait);
}

TEST_F(SyncModel, NotifyBetweenWakes) {
  ExpectHoldsAlways(Options().StaleLoads(1), NotifiedBetweenWakes);
  ExpectCaught("notify.signal_order", Options(), NotifiedBetweenWakes);
}

// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_waiters_and_one
TEST_F(SyncModel, NotifyAllAndOne) {
  ExpectHoldsAlways(Options().StaleLoads(1), AllAndOne);
  ExpectCaught("notify.silent_all", Options(), AllAndOne);
}

// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_waiters_poll_consistency
TEST_F(SyncModel, NotifyAllIsSeenInOrder) {
  ExpectHoldsAlways(Options().StaleLoads(1), AllIsSeenInOrder<false>);
  ExpectHoldsAlways(Options().StaleLoads(1), AllIsSeenInOrder<true>);
  ExpectCaught("notify.one_by_one", Options().StaleLoads(1), AllIsSeenInOrder<true>);
}

}  // namespace
}  // namespace kioto::model
