// Which operations of the package sync go on whatever the other threads do: two threads at once, and either of them is
// stopped for ever, at each of its points in turn. sync/README.md has the same list, and a test compares the two.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "kioto/runtime/base/status.h"
#include "kioto/sync/barrier.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/mutex.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/once_cell.h"
#include "kioto/sync/oneshot.h"
#include "kioto/sync/rwlock.h"
#include "kioto/sync/semaphore.h"
#include "kioto/sync/set_once.h"
#include "kioto/sync/watch.h"
#include "kioto/tests/model/values.h"

namespace kioto::model {
namespace {

// Both at once. What they use is the body's: it stays while one of them is stopped.
template <class A, class B>
void Both(A a, B b) {
  Thread first(a);
  Thread second(b);
}
template <class Work>
void Twice(Work work) {
  Both(work, work);
}

// One poll, as a task makes it that is woken later, or never. Not dropped: that would be another operation.
template <class F>
bool PollOnce(F* future, TaskThread* task) {
  return task->Poll(*future).ready();
}
template <class F>
F* Kept(F future) {
  return new F(std::move(future));
}

// --- channels ---

void MpscSend() {
  auto channel = sync::Mpsc<int>(4);
  TaskThread task;
  auto recv = channel.receiver.Recv();
  (void)PollOnce(&recv, &task);  // so that one of them wakes it
  Twice([&] {
    (void)PollOnce(Kept(channel.sender.Send(1)), new TaskThread);
    auto permit = channel.sender.TryReserve();
    if (permit.ok()) permit->Send(2);
  });
}
struct Bounded : sync::MpscHandles<int> {
  Bounded() : sync::MpscHandles<int>(sync::Mpsc<int>(2)) {}
  void send(int i) { (void)sender.TrySend(i); }
};
struct Unbounded : sync::MpscUnboundedHandles<int> {
  Unbounded() : sync::MpscUnboundedHandles<int>(sync::MpscUnbounded<int>()) {}
  void send(int i) { (void)sender.Send(i); }
};
template <class Channel>
void Recv() {
  Channel channel;
  Both([&] { for (int i = 0; i < 2; ++i) channel.send(i); },
       [&] {
         TaskThread task;
         auto recv = channel.receiver.Recv();
         for (int i = 0; i < 2 && !PollOnce(&recv, &task); ++i) {
         }
       });
}
template <class Channel>
void TryRecv() {
  Channel channel;
  Both([&] { channel.send(1); }, [&] { (void)channel.receiver.TryRecv(); });
}
void UnboundedSend() {
  Unbounded channel;
  Twice([&] { for (int i = 0; i < 3; ++i) channel.send(i); });
}
void MpscSendWithoutRoom() {
  auto channel = sync::Mpsc<int>(1);
  (void)channel.sender.TrySend(1);
  Twice([&] { (void)PollOnce(Kept(channel.sender.Reserve()), new TaskThread); });
}
void MpscRecvThatServes() {
  auto channel = sync::Mpsc<int>(1);
  (void)channel.sender.TrySend(1);
  TaskThread task;
  auto* waits = Kept(channel.sender.Reserve());
  (void)PollOnce(waits, &task);
  Both([&] { delete waits; }, [&] { (void)channel.receiver.TryRecv(); });
}
void MpscClose() {
  auto channel = sync::Mpsc<int>(1);
  (void)channel.sender.TrySend(1);
  Both([&] { channel.receiver.Close(); }, [&] { (void)PollOnce(Kept(channel.sender.Reserve()), new TaskThread); });
}
void OneshotSend() {
  auto channel = sync::Oneshot<int>();
  Both([&] { (void)channel.sender.Send(1); },
       [&] { (void)PollOnce(&channel.receiver, new TaskThread); });
}
void OneshotClose() {
  auto channel = sync::Oneshot<int>();
  Both([&] { (void)PollOnce(Kept(channel.sender.Closed()), new TaskThread); },
       [&] { channel.receiver.Close(); });
}
void OneshotLeave() {
  auto channel = sync::Oneshot<int>();
  Both([&] { channel.sender.reset(); }, [&] { channel.receiver.reset(); });
}

// --- broadcast and watch ---

// Copied by code of its own, so no plain words: the other kind of place in a broadcast's ring.
class Copied {
 public:
  explicit Copied(int number) : number_(number) {}
  Copied(const Copied& other) : number_(other.number_) {}

 private:
  int number_;
};

template <class T>
void BroadcastSend() {
  sync::Broadcast<T> room(4);
  auto receiver = room.Subscribe();
  Twice([&] { for (int i = 0; i < 2; ++i) (void)room.Send(T(i)); });
}
template <class T>
void BroadcastRecv() {
  sync::Broadcast<T> room(2);
  auto first = room.Subscribe();
  auto second = room.Subscribe();
  (void)room.Send(T(1));
  Both([&] { (void)PollOnce(Kept(first.Recv()), new TaskThread); },
       [&] { (void)PollOnce(Kept(second.Recv()), new TaskThread); });
}
template <class T>
void BroadcastTryRecv() {
  sync::Broadcast<T> room(2);
  auto receiver = room.Subscribe();
  Both([&] { for (int i = 0; i < 2; ++i) (void)room.Send(T(i)); },
       [&] { for (int i = 0; i < 2; ++i) (void)receiver.TryRecv(); });
}
template <class T>
void BroadcastSendOverAnother() {
  sync::Broadcast<T> room(1);
  auto receiver = room.Subscribe();
  Twice([&] { (void)room.Send(T(1)); });
}
template <class T>
void BroadcastSendOverWhatIsRead() {
  sync::Broadcast<T> room(1);
  auto first = room.Subscribe();
  auto second = room.Subscribe();  // needs it too, so that the first one copies
  (void)room.Send(T(1));
  Both([&] { for (int i = 0; i < 2; ++i) (void)room.Send(T(i)); },
       [&] { for (int i = 0; i < 2; ++i) (void)first.TryRecv(); });
}
void BroadcastSubscribe() {
  sync::Broadcast<int> room(1);
  Both([&] { room.Subscribe().reset(); }, [&] { (void)room.size(); });
}
void BroadcastWait() {
  sync::Broadcast<int> room(1);
  auto first = room.Subscribe();
  auto second = room.Subscribe();
  Both([&] { (void)PollOnce(Kept(first.Recv()), new TaskThread); },
       [&] { (void)PollOnce(Kept(second.Recv()), new TaskThread); });
}

void WatchVersion() {
  sync::Watch<int> watch(0);
  auto seen = watch.Subscribe();
  Both([&] { watch.Set(1); },
       [&] {
         (void)seen.HasChanged().ok();
         seen.MarkUnchanged();
         seen.MarkChanged();
         Assert(PollOnce(Kept(seen.Changed()), new TaskThread), "there is something new");
       });
}
void WatchSend() {
  sync::Watch<int> watch(0);
  Twice([&] { watch.Set(1); });
}
void WatchBorrow() {
  sync::Watch<int> watch(0);
  auto seen = watch.Subscribe();
  Both([&] { watch.Set(1); }, [&] { (void)*seen.Borrow(); });
}

// --- notify, semaphore, locks ---

void NotifyNobody() {
  sync::Notify notify;
  Twice([&] {
    notify.NotifyOne();
    notify.NotifyAll();
    notify.NotifyLinked();
  });
}
void NotifyPermit() {
  sync::Notify notify;
  notify.NotifyOne();
  Both([&] { notify.NotifyOne(); }, [&] { Assert(PollOnce(Kept(notify.Notified()), new TaskThread), "a permit was there"); });
}
void NotifyWaiters() {
  sync::Notify notify;
  Both([&] { (void)PollOnce(Kept(notify.Notified()), new TaskThread); }, [&] { notify.NotifyOne(); });
}
void SemaphoreFree() {
  sync::Semaphore semaphore(4);  // enough for both at once
  Twice([&] {
    TaskThread task;
    auto acquire = semaphore.Acquire();
    if (auto poll = task.Poll(acquire); poll.ready()) (*poll)->Release();
    (void)semaphore.TryAcquire(2).ok();
  });
}
void SemaphoreWait() {
  sync::Semaphore semaphore(0);
  Both([&] { (void)PollOnce(Kept(semaphore.Acquire()), new TaskThread); }, [&] { semaphore.AddPermits(1); });
}
void MutexFree() {
  sync::Mutex<int> mutex(0);
  Twice([&] {
    if (auto guard = mutex.TryLock(); guard.ok()) guard->Unlock();
  });
}
void MutexWait() {
  sync::Mutex<int> mutex(0);
  std::optional held = *mutex.TryLock();
  Both([&] { (void)PollOnce(Kept(mutex.Lock()), new TaskThread); }, [&] { held.reset(); });
}
void RwLockFree() {
  sync::RwLock<int> lock(0);
  Twice([&] {
    if (auto guard = lock.TryRead(); guard.ok()) guard->Unlock();
    if (auto guard = lock.TryWrite(); guard.ok()) guard->Unlock();
  });
}
void RwLockWait() {
  sync::RwLock<int> lock(0);
  std::optional held = *lock.TryWrite();
  Both([&] { (void)PollOnce(Kept(lock.Read()), new TaskThread); }, [&] { held.reset(); });
}
void BarrierWait() {
  sync::Barrier barrier(2);
  Twice([&] { (void)PollOnce(Kept(barrier.Wait()), new TaskThread); });
}
void OnceCellGet() {
  sync::OnceCell<int> cell;
  Both([&] { (void)cell.Set(1); }, [&] { (void)cell.Get(); });
}
void SetOnceSet() {
  sync::SetOnce<int> cell;
  Twice([&] {
    (void)cell.Set(1).ok();
    (void)cell.Get();
  });
}
void TokenLook() {
  sync::CancellationToken token;
  Both([&] { token.Cancel(); }, [&] { (void)sync::CancellationToken(token).IsCancelled(); });
}
void TokenCancel() {
  sync::CancellationToken token;
  Both([&] { token.Cancel(); }, [&] { (void)token.ChildToken(); });
}

// --- the list ---

struct Operation {
  const char* name;  // as the page has it
  bool lock_free;
  void (*model)();
};
constexpr Operation kOperations[] = {
    {"Mpsc: `Send`, `TrySend`, `Reserve` with room; a permit's `Send`", true, &MpscSend},
    {"Mpsc: a poll of `Recv`", true, &Recv<Bounded>},
    {"Mpsc: `TryRecv`", false, &TryRecv<Bounded>},
    {"Mpsc: `Send` and `Reserve` without room", false, &MpscSendWithoutRoom},
    {"Mpsc: receiving while senders wait", false, &MpscRecvThatServes},
    {"Mpsc: `Close`", false, &MpscClose},
    {"MpscUnbounded: `Send`", true, &UnboundedSend},
    {"MpscUnbounded: a poll of `Recv`", true, &Recv<Unbounded>},
    {"MpscUnbounded: `TryRecv`", false, &TryRecv<Unbounded>},
    {"Oneshot: `Send`, and a poll of the receiver", true, &OneshotSend},
    {"Oneshot: `Close`, and a poll of `Closed`", true, &OneshotClose},
    {"Oneshot: both ends leave", true, &OneshotLeave},
    {"Broadcast: `Send` into a free place, nobody waiting", true, &BroadcastSend<int>},
    {"Broadcast: `Send` into a free place, nobody waiting", true, &BroadcastSend<Copied>},
    {"Broadcast: `Recv` of what is there", true, &BroadcastRecv<int>},
    {"Broadcast: `Recv` of what is there", true, &BroadcastRecv<Copied>},
    {"Broadcast: `TryRecv`", true, &BroadcastTryRecv<int>},
    {"Broadcast: `TryRecv`", true, &BroadcastTryRecv<Copied>},
    {"Broadcast: `Send` over plain words that are being read", true, &BroadcastSendOverWhatIsRead<int>},
    {"Broadcast: `Send` over a value that is being sent or copied", false, &BroadcastSendOverAnother<int>},
    {"Broadcast: `Send` over a value that is being sent or copied", false, &BroadcastSendOverAnother<Copied>},
    {"Broadcast: `Send` over a value that is being sent or copied", false, &BroadcastSendOverWhatIsRead<Copied>},
    {"Broadcast: `size`, `Subscribe`, a receiver that goes", false, &BroadcastSubscribe},
    {"Broadcast: `Recv` that waits", false, &BroadcastWait},
    {"Watch: `HasChanged`, and `Changed` when there is something new", true, &WatchVersion},
    {"Watch: `Send` and its kin", false, &WatchSend},
    {"Watch: `Borrow`", false, &WatchBorrow},
    {"Notify: `NotifyOne`, `NotifyAll`, `NotifyLinked`, nobody waiting", true, &NotifyNobody},
    {"Notify: `Notified` that finds a permit", true, &NotifyPermit},
    {"Notify: with somebody waiting, or about to", false, &NotifyWaiters},
    {"Semaphore: `Acquire`, `TryAcquire`, release, nobody waiting", true, &SemaphoreFree},
    {"Semaphore: with somebody waiting, or about to", false, &SemaphoreWait},
    {"Mutex: `TryLock`, unlock, nobody waiting", true, &MutexFree},
    {"Mutex: with somebody waiting, or about to", false, &MutexWait},
    {"RwLock: `TryRead`, `TryWrite`, unlock, nobody waiting", true, &RwLockFree},
    {"RwLock: with somebody waiting, or about to", false, &RwLockWait},
    {"Barrier: `Wait`", false, &BarrierWait},
    {"OnceCell: `Get`", true, &OnceCellGet},
    {"SetOnce: `Set`, nobody waiting, and `Get`", true, &SetOnceSet},
    {"CancellationToken: `IsCancelled`, and copies", true, &TokenLook},
    {"CancellationToken: `Cancel` and `ChildToken`", false, &TokenCancel},
};

class LockFreeModel : public ::testing::Test {
 protected:
  LockFreeModel() { MakeStatuses(); }
  static Options Bounds() { return Options().StaleLoads(1).AllowLeaks().Freeze(); }
};

TEST_F(LockFreeModel, WhatIsLockFreeGoesOn) {
  for (const Operation& operation : kOperations) {
    if (!operation.lock_free) continue;
    SCOPED_TRACE(operation.name);
    ExpectHolds(Bounds(), operation.model);
  }
}

// Those that keep a lock for a moment, or wait for who is half done, are found out: so the list is no wish.
TEST_F(LockFreeModel, WhatIsNotStopsWithTheOther) {
  for (const Operation& operation : kOperations) {
    if (operation.lock_free) continue;
    const Report report = Explore(Scaled(Bounds()), operation.model);
    EXPECT_FALSE(report.ok) << operation.name << " is lock-free: say so";
    EXPECT_NE(report.failure.find("is stopped"), std::string::npos) << operation.name << ": " << report.failure;
  }
}

// "| NAME | yes | … |" or "| NAME | no | … |".
std::map<std::string, bool> ListOf(const char* page) {
  std::map<std::string, bool> list;
  std::ifstream in(page);
  for (std::string line; std::getline(in, line);) {
    const size_t end = line.find(" | ", 2);
    if (line.rfind("| ", 0) != 0 || end == std::string::npos) continue;
    const std::string verdict = line.substr(end + 3, 4);
    if (verdict == "yes " || verdict.rfind("no ", 0) == 0) list[line.substr(2, end - 2)] = verdict == "yes ";
  }
  return list;
}

TEST_F(LockFreeModel, ThePageOfThePackageSaysTheSame) {
  std::map<std::string, bool> models;
  for (const Operation& operation : kOperations) models[operation.name] = operation.lock_free;
  EXPECT_EQ(ListOf("sync/README.md"), models);
}

}  // namespace
}  // namespace kioto::model
