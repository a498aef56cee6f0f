// Watch.
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "kioto/sync/watch.h"
#include "kioto/tests/model/values.h"

namespace kioto::model {
namespace {

class WatchModel : public ::testing::Test {
 protected:
  WatchModel() {
    MakeStatuses();
    (void)sync::internal::WatchEnd();
  }
};

// A value that is copied by reading it, possibly by several threads at once.
class Shared {
 public:
  explicit Shared(int number) : value_(MakeValue(number)) {}
  Shared(const Shared& other) : value_(MakeValue(other.number())) {}
  Shared(Shared&&) = default;
  int number() const { return Read(value_); }
  void Set(int number) { value_->Write() = number; }

 private:
  Value value_;
};

using Receiver = std::unique_ptr<sync::WatchReceiver<Shared>>;
Receiver Subscribe(const sync::Watch<Shared>& watch) {
  return std::make_unique<sync::WatchReceiver<Shared>>(watch.Subscribe());
}

// Follows the changes until the end: what it sees goes forward, and it sees the last one.
void Follow(sync::WatchReceiver<Shared> seen, int last) {
  TaskThread task;
  int now = 0;
  while (task.Await(seen.Changed()).ok()) {
    const int next = seen.BorrowAndUpdate()->number();
    Assert(next > now, "a change that was told is not there, or was told twice");
    now = next;
  }
  Assert(now == last, "the last change was not told");
}

template <int kSends>
void TwoFollow() {
  sync::Watch<Shared> watch(Shared(0));
  Receiver first = Subscribe(watch);
  Receiver second = Subscribe(watch);
  Thread a([&] { Follow(std::move(*first), kSends); });
  Thread b([&] { Follow(std::move(*second), kSends); });
  for (int i = 1; i <= kSends; ++i) (void)watch.Send(Shared(i));
  watch.reset();
}

// What was done before a send is seen by whoever is told of it, also without a Borrow.
void ToldInOrder() {
  sync::Watch<Shared> watch(Shared(0));
  Receiver seen = Subscribe(watch);
  Cell<int> before(0);
  Thread a([&] {
    if (Await(seen->Changed()).ok()) Assert(before.Read() == 1, "the version came before what was done before it");
  });
  before.Write() = 1;
  (void)watch.Send(Shared(1));
}

// Two senders change the value, and go: neither change is lost, and the last to go is the end.
void TwoModify() {
  sync::Watch<Shared> watch(Shared(0));
  Receiver seen = Subscribe(watch);
  Thread a([w = watch] { w.SendModify([](Shared& s) { s.Set(s.number() + 1); }); });
  Thread b([w = std::move(watch)] { w.SendModify([](Shared& s) { s.Set(s.number() + 1); }); });
  TaskThread task;
  while (task.Await(seen->Changed()).ok()) {
  }
  Assert(seen->Borrow()->number() == 2, "a change was lost");
}

// A borrowed value outlives its send, and is destroyed by whoever holds it last.
void BorrowAgainstSend() {
  sync::Watch<Shared> watch(Shared(1));
  Receiver seen = Subscribe(watch);
  Thread a([&] {
    const int number = seen->Borrow()->number();
    Assert(number == 1 || number == 2, "neither the old value nor the new one");
  });
  (void)watch.Send(Shared(2));
}

void WaitForAgainstSends() {
  sync::Watch<Shared> watch(Shared(0));
  Receiver seen = Subscribe(watch);
  Thread a([w = std::move(watch)] {
    for (int i = 1; i <= 2; ++i) (void)w.Send(Shared(i));
  });
  int accepted = -1;
  auto value = Await(seen->WaitFor([&](const Shared& s) {
    if (s.number() == 0) return false;
    accepted = s.number();
    return true;
  }));
  Assert(value.ok() && (*value)->number() == accepted, "not the value that was accepted");
}

// One sender changes nothing, twice, and another does.
void WaitForAfterNothing() {
  sync::Watch<Shared> watch(Shared(0));
  Receiver seen = Subscribe(watch);
  Thread a([w = watch] {
    for (int i = 0; i < 2; ++i) w.SendModify([](Shared&) {});
  });
  Thread b([w = std::move(watch)] { (void)w.Send(Shared(1)); });
  auto value = Await(seen->WaitFor([](const Shared& s) { return s.number() == 1; }));
  Assert(value.ok() && (*value)->number() == 1, "not the value that was waited for");
}

// Two senders go at once, and a receiver waits for the end.
void TwoGo() {
  sync::Watch<Shared> watch(Shared(0));
  Receiver seen = Subscribe(watch);
  Assert(seen->HasChanged().ok(), "the end, with two senders");
  {
    Thread a([w = watch] {});
    Thread b([w = std::move(watch)] {});
    Assert(!Await(seen->Changed()).ok(), "a change, and nothing was sent");
  }
  Assert(!seen->HasChanged().ok(), "no end, without senders");
}

// The last receiver goes while a sender waits for that.
void ClosedAgainstReceivers() {
  sync::Watch<Shared> watch(Shared(0));
  Receiver seen = Subscribe(watch);
  Thread a([&] { seen->reset(); });
  Await(watch.Closed());
  Assert(watch.IsClosed(), "closed, with a receiver");
}

// What both ends see after each send is what was sent, while the changes are looked for on another thread.
void BorrowAfterEachSend() {
  sync::Watch<Shared> watch(Shared(0));
  sync::WatchReceiver<Shared> seen = watch.Subscribe();
  Receiver other = Subscribe(watch);
  Thread a([&] {
    TaskThread task;
    for (int i = 0; i < 2; ++i) {
      auto changed = other->Changed();
      (void)task.Poll(changed).ready();
    }
  });
  for (int number : {1, 2, 3, 2}) {
    (void)watch.Send(Shared(number));
    Assert(watch.Borrow()->number() == number, "the sender borrowed another value than it sent");
    Assert(seen.Borrow()->number() == number, "the receiver borrowed another value than was sent");
  }
}

// A receiver goes from thread to thread, each polls once and goes on: what is woken meanwhile is gone, and no change is lost.
void PolledOnceHereAndThere() {
  sync::Watch<Shared> watch(Shared(0));
  Receiver seen = Subscribe(watch);
  Thread sender([&watch] {
    for (int i = 1; i <= 2; ++i) (void)watch.Send(Shared(i));
  });
  int told = 0;
  auto poll_once = [&] {
    TaskThread task;
    auto changed = seen->Changed();
    if (!task.Poll(changed).ready()) return;
    const int now = seen->BorrowAndUpdate()->number();
    Assert(now > told, "a change was told twice");
    told = now;
  };
  for (int i = 0; i < 2; ++i) {
    Thread(poll_once).Join();
    poll_once();
  }
  sender.Join();
  poll_once();
  Assert(told == 2, "the last change was not told");
}

// behaviour: tokio/src/sync/watch.rs#watch_borrow
TEST_F(WatchModel, BothEndsBorrowWhatWasSent) {
  ExpectHolds(Options().StaleLoads(0).Preemptions(2), BorrowAfterEachSend);
  ExpectHolds(Options().Random(2000), BorrowAfterEachSend);
}

// behaviour: tokio/src/sync/watch.rs#watch_spurious_wakeup
TEST_F(WatchModel, PolledOnceOnSeveralThreadsNoChangeIsLostOrToldTwice) {
  ExpectHolds(Options().StaleLoads(0).Preemptions(2), PolledOnceHereAndThere);
  ExpectHolds(Options().Random(2000), PolledOnceHereAndThere);
  ExpectCaught("watch.borrow_unseen", Options().StaleLoads(0), PolledOnceHereAndThere);
}

// behaviour: tokio/src/sync/tests/loom_watch.rs#smoke
TEST_F(WatchModel, EveryoneIsToldOfTheLastChange) {
  ExpectHolds(Options().StaleLoads(0), TwoFollow<1>);
  ExpectHolds(Options().Random(5000), TwoFollow<3>);
  ExpectHoldsAlways(Options(), ToldInOrder);
  ExpectCaught("watch.look_once", Options().StaleLoads(0), TwoFollow<1>);
  ExpectCaught("watch.version_order", Options(), ToldInOrder);
}

// behaviour: tokio/src/sync/tests/loom_watch.rs#multiple_sender_drop_concurrently
TEST_F(WatchModel, TheLastSenderToGoIsTheEnd) {
  ExpectHoldsAlways(Options().StaleLoads(0), TwoGo);
  ExpectHoldsAlways(Options(), ClosedAgainstReceivers);
  ExpectCaught("watch.silent_end", Options().StaleLoads(0), TwoGo);
}

TEST_F(WatchModel, NoChangeAndNoBorrowedValueIsLost) {
  ExpectHolds(Options().StaleLoads(0), TwoModify);
  ExpectHolds(Options().Random(5000), TwoModify);
  ExpectHoldsAlways(Options(), BorrowAgainstSend);
  ExpectCaught("watch.writers_together", Options().StaleLoads(0), TwoModify);
  ExpectCaught("watch.unref_order", Options(), BorrowAgainstSend);
}

// behaviour: tokio/src/sync/tests/loom_watch.rs#wait_for_returns_correct_value
TEST_F(WatchModel, WaitForGivesTheValueThatWasAccepted) {
  ExpectHolds(Options().StaleLoads(0), WaitForAgainstSends);
  ExpectHolds(Options().Random(5000), WaitForAgainstSends);
  ExpectCaught("watch.look_once", Options().StaleLoads(0), WaitForAgainstSends);
}

// behaviour: tokio/src/sync/tests/loom_watch.rs#wait_for_test
TEST_F(WatchModel, WaitForIsNotMisledByChangesThatAreNone) {
  ExpectHolds(Options().StaleLoads(0), WaitForAfterNothing);
  ExpectHolds(Options().Random(5000), WaitForAfterNothing);
  ExpectCaught("watch.look_once", Options().StaleLoads(0), WaitForAfterNothing);
}

}  // namespace
}  // namespace kioto::model
