// WakerSlot: no wake is lost, none comes to a target that is gone. The numbers are those of
// waker_slot.h.
#include "kioto/runtime/future/waker_slot.h"

#include <gtest/gtest.h>

#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// One task waits for `producers` items; the conditions are relaxed, so that only the slot orders
// them (R1, R3).
auto WaitFor(int producers) {
  return [producers] {
    Cell<int> data[2];
    Atomic<bool> ready[2];
    auto* sleeper = new Sleeper;
    {
      WakerSlot slot;
      auto produce = [&](int i) {
        data[i].Write() = 1;
        ready[i].store(true, std::memory_order_release);
        slot.Wake();
      };
      Thread first([&] { produce(0); });
      Thread second([&] {
        if (producers == 2) produce(1);
      });
      {
        const Waker waker = sleeper->MakeWaker();
        for (int i = 0; i < producers; ++i) {
          for (;;) {
            slot.Register(waker);
            if (ready[i].load(std::memory_order_acquire)) break;
            sleeper->Sleep();
          }
          Assert(data[i].Read() == 1, "woken without the data");
        }
      }
      first.Join();
      second.Join();
    }
    Assert(sleeper->wakes() <= 2 * producers, "too many wakes");
    sleeper->Drop();  // the last reference: else the explorer reports a leak
  };
}

// The task changes its waker while a producer may be inside (R2).
void Replace() {
  Atomic<bool> ready(false);
  auto* first = new Sleeper;
  auto* second = new Sleeper;
  {
    WakerSlot slot;
    Thread producer([&] {
      slot.Wake();  // for no reason
      ready.store(true, kRelaxed);
      slot.Wake();
    });
    {
      const Waker waker = first->MakeWaker();
      slot.Register(waker);
    }
    first->Drop();  // only the slot keeps it
    const Waker waker = second->MakeWaker();
    for (;;) {
      slot.Register(waker);
      if (ready.load(kRelaxed)) break;
      second->Sleep();
    }
    producer.Join();
  }
  second->Drop();
}

// The task goes away: Disarm, and the slot dies after the producer has left, which only the slot's
// own word tells.
void Leave() {
  auto* sleeper = new Sleeper;
  {
    Atomic<bool> left(false);
    WakerSlot slot;
    Thread producer([&] {
      slot.Wake();
      left.store(true, std::memory_order_release);
    });
    {
      const Waker waker = sleeper->MakeWaker();
      slot.Register(waker);
      slot.Disarm();
    }
    while (!left.load(std::memory_order_acquire)) SpinHint();
    Assert(!slot.armed(), "armed after Disarm");
  }
  sleeper->Drop();
}

// A wake that finds nobody still tells what came before it to whoever registers next.
void FailedWakeTells() {
  auto* sleeper = new Sleeper;
  {
    Atomic<bool> flag(false);
    Cell<bool> woke(false);
    WakerSlot slot;
    const Waker waker = sleeper->MakeWaker();
    slot.Register(waker);
    Thread producer([&] {
      flag.store(true, kRelaxed);
      woke.Write() = slot.Wake();
    });
    (void)slot.Wake();
    slot.Register(waker);
    const bool seen = flag.load(kRelaxed);
    producer.Join();
    Assert(seen || woke.Read(), "neither seen nor woken");
  }
  sleeper->Drop();
}

// behaviour: tokio/src/sync/tests/atomic_waker.rs#failed_wake_synchronizes
TEST(WakerSlotModel, AWakeThatFindsNobodyTellsWhatCameBeforeIt) {
  ExpectHolds(Options().Preemptions(4), FailedWakeTells);
  ExpectHolds(Options().Random(10000), FailedWakeTells);
  ExpectCaught("waker_slot.wake_order", Options(), FailedWakeTells);
}

// behaviour: tokio/src/sync/tests/loom_atomic_waker.rs#basic_notification
TEST(WakerSlotModel, NoWakeIsLost) {
  ExpectHolds(Options().Preemptions(4), WaitFor(1));
  ExpectHolds(Options().Preemptions(3), WaitFor(2));
  ExpectHolds(Options().Random(20000), WaitFor(2));
  ExpectCaught("waker_slot.wake_order", Options(), WaitFor(1));
  ExpectCaught("waker_slot.rearm_order", Options(), WaitFor(2));
  ExpectCaught("waker_slot.rearm_only_if_needed", Options(), WaitFor(2));
  ExpectCaught("waker_slot.arm_order", Options(), WaitFor(1));
}

TEST(WakerSlotModel, AReplacedTargetIsNotTouched) {
  ExpectHolds(Options().Preemptions(4), Replace);
  ExpectHolds(Options().Random(20000), Replace);
  ExpectCaught("waker_slot.not_inside", Options(), Replace);
  ExpectCaught("waker_slot.leave_order", Options(), Replace);
}

TEST(WakerSlotModel, DisarmedSlotsDie) {
  ExpectHolds(Options().Preemptions(4), Leave);
  ExpectHolds(Options().Random(10000), Leave);
}

TEST(WakerSlotModel, WakeAndRegisterAreLockFree) {
  auto body = [] {
    auto* sleeper = new Sleeper;
    WakerSlot slot;
    const Waker waker = sleeper->MakeWaker();
    Thread a([&] { slot.Wake(); });
    Thread b([&] { slot.Wake(); });
    Thread task([&] {
      slot.Register(waker);
      slot.Register(waker);
      slot.Disarm();
    });
  };
  ExpectHolds(Options().Preemptions(1).StaleLoads(1).AllowLeaks().Freeze(), body);
}

TEST(WakerModel, TheLastReferenceDestroys) {
  auto body = [] {
    auto* sleeper = new Sleeper;
    Thread t([waker = sleeper->MakeWaker()] { waker.Wake(); });
    Thread u([waker = sleeper->MakeWaker()] { const Waker copy = waker; });
    sleeper->Drop();
  };
  ExpectHolds(Options().Preemptions(3), body);
  ExpectCaught("waker.unref_order", Options(), body);
  ExpectCaught("waker.copy_without_reference", Options(), body);
}

}  // namespace
}  // namespace kioto::model
