// Oneshot, Notify and Semaphore.
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "kioto/runtime/base/status.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/oneshot.h"
#include "kioto/sync/semaphore.h"
#include "kioto/tests/model/values.h"

namespace kioto::model {
namespace {

class SyncModel : public ::testing::Test {
 protected:
  SyncModel() { MakeStatuses(); }
};

// --- Oneshot ---

// behaviour: tokio/src/sync/tests/loom_oneshot.rs#smoke
void SendAndReceive() {
  auto channel = sync::Oneshot<Value>();
  Thread sender([s = std::move(channel.sender)]() mutable { Assert(s.Send(MakeValue(1)), "the receiver is there"); });
  StatusOr<Value> value = Await(std::move(channel.receiver));
  Assert(value.ok() && Read(*value) == 1, "the value did not arrive");
}

// behaviour: tokio/src/sync/tests/loom_oneshot.rs#recv_closed
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

// behaviour: tokio/src/sync/tests/loom_oneshot.rs#changing_rx_task
void ReceiverMoves() {
  auto channel = sync::Oneshot<Value>();
  Thread sender([s = std::move(channel.sender)]() mutable { (void)s.Send(MakeValue(1)); });
  {
    TaskThread first;
    if (first.Poll(channel.receiver).ready()) return;
  }
  Assert(TaskThread().Await(std::move(channel.receiver)).ok(), "the value did not arrive");
}

// behaviour: tokio/src/sync/tests/loom_oneshot.rs#changing_tx_task
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

// behaviour: tokio/src/sync/tests/loom_oneshot.rs#drop_rx_after_poll
void PolledReceiverLeaves() {
  auto channel = sync::Oneshot<Value>();
  Thread sender([s = std::move(channel.sender)]() mutable { (void)s.Send(MakeValue(1)); });
  TaskThread task;
  (void)task.Poll(channel.receiver).ready();
  auto gone = std::move(channel.receiver);
}

TEST_F(SyncModel, Oneshot) {
  for (auto body : {SendAndReceive, SendAgainstClose, ReceiverLeaves, SenderLeaves, WaitForClosed, ReceiverMoves,
                    SenderMoves, PolledReceiverLeaves}) {
    ExpectHolds(Options().Preemptions(3), body);
    ExpectHolds(Options().Random(5000), body);
  }
  ExpectCaught("oneshot.send_order", Options(), SendAndReceive);
  ExpectCaught("oneshot.await_order", Options(), SendAndReceive);
  ExpectCaught("oneshot.leave_without_close", Options(), WaitForClosed);
}

TEST_F(SyncModel, OneshotIsLockFree) {
  ExpectHolds(Options().Freeze().AllowLeaks(), [] {
    auto channel = sync::Oneshot<Value>();
    Thread sender([s = std::move(channel.sender)]() mutable { (void)s.Send(MakeValue(1)); });
    Thread receiver([r = std::move(channel.receiver)]() mutable { r.Close(); });
  });
}

// --- Notify ---

// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_multi
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

// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_drop
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

// behaviour: tokio/src/sync/tests/loom_notify.rs#notify_waiters
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

TEST_F(SyncModel, Notify) {
  for (auto body : {PassItOn, DropAndPass, PermitOfTwo, All, NotifiedBetweenWakes}) {
    ExpectHolds(Options().StaleLoads(1), body);
    ExpectHolds(Options().Random(5000), body);
  }
  ExpectCaught("notify.swallow", Options(), DropAndPass);
  ExpectCaught("notify.signal_order", Options(), NotifiedBetweenWakes);
  ExpectCaught("notify.keep_permit", Options(), PermitOfTwo);
}

// --- Semaphore ---

// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#release
void Exclude() {
  sync::Semaphore semaphore(1);
  Cell<int> count(0);
  auto add = [&] {
    auto permit = Await(semaphore.Acquire(1));
    Assert(permit.ok(), "not closed");
    ++count.Write();
  };
  {
    Thread a(add);
    Thread b(add);
  }
  Assert(count.Read() == 2, "two were inside at once");
  Assert(semaphore.TryAcquire(1).ok(), "a permit was lost");
}

// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#concurrent_cancel
// A waiter for two is polled once and dropped while permits come back one by one: what it was given
// goes on.
void DropAcquire() {
  sync::Semaphore semaphore(0);
  Thread giver([&] {
    semaphore.AddPermits(1);
    semaphore.AddPermits(1);
  });
  {
    TaskThread task;
    auto wait = semaphore.Acquire(2);
    (void)task.Poll(wait).ready();
  }
  Assert(Await(semaphore.Acquire(2)).ok(), "not closed");
}

// behaviour: tokio/src/sync/tests/loom_semaphore_batch.rs#concurrent_close
void CloseAgainstAcquire() {
  sync::Semaphore semaphore(1);
  {
    Thread a([&] { (void)Await(semaphore.Acquire(1)); });
    Thread b([&] { (void)Await(semaphore.Acquire(1)); });
    semaphore.Close();
  }
  Assert(semaphore.AvailablePermits() == 1, "a permit was lost");
}

void GrantedBetweenWakes() {
  sync::Semaphore semaphore(0);
  Cell<int> data(0);
  Thread giver([&] {
    data.Write() = 1;
    semaphore.AddPermits(1);
  });
  TaskThread task;
  Assert(task.AwaitByPolling(semaphore.Acquire(1)).ok(), "not closed");
  Assert(data.Read() == 1, "granted without what came before");
}

TEST_F(SyncModel, Semaphore) {
  for (auto body : {Exclude, DropAcquire, CloseAgainstAcquire, GrantedBetweenWakes}) {
    ExpectHolds(Options().StaleLoads(1), body);
    ExpectHolds(Options().Random(5000), body);
  }
  ExpectCaught("semaphore.release_order", Options(), Exclude);
  ExpectCaught("semaphore.no_hand_over", Options(), Exclude);
  ExpectCaught("permit_queue.leave_with_permits", Options(), DropAcquire);
  ExpectCaught("permit_queue.signal_order", Options(), GrantedBetweenWakes);
}

}  // namespace
}  // namespace kioto::model
