// The timer wheel, and entries that are dropped or moved on one thread while another one fires them. The numbers are those of
// runtime/driver/timer_wheel.h.
#include "kioto/runtime/driver/timer_wheel.h"

#include <gtest/gtest.h>

#include "kioto/runtime/base/park.h"
#include "kioto/tests/model/model_testing.h"

namespace kioto::model {
namespace {

using kioto::internal::kTickNs;
using kioto::internal::TimerEntry;
using kioto::internal::TimerState;
using kioto::internal::TimerWheel;

// A wheel of this execution.
class Wheel {
 public:
  Wheel() : wheel_(TimerWheel::Make(0)) {}
  ~Wheel() {
    wheel_->Shutdown();
    wheel_->Recycle();
  }
  TimerWheel* operator->() { return wheel_; }
  TimerWheel& operator*() { return *wheel_; }

 private:
  TimerWheel* const wheel_;
};

// `body`, and what it recycled.
template <class Body>
auto Clean(Body body) {
  return [body] {
    TimerWheel::ForgetRecycled();
    body();
    TimerWheel::FreeRecycled();
  };
}

// The entry is dropped, and freed, while it is fired (R1, R2).
void Drop() {
  auto* sleeper = new Sleeper;
  {
    Wheel wheel;
    TimerState end = TimerState::kIdle;
    {
      const Waker waker = sleeper->MakeWaker();
      auto* entry = new TimerEntry;
      entry->Arm(*wheel, kTickNs, waker);
      Thread fires([&] { (void)wheel->Expire(2 * kTickNs, 8); });
      entry->Cancel();
      end = entry->state();
      delete entry;
    }
    Assert(end == TimerState::kIdle || end == TimerState::kFired, "a dropped entry is still armed");
    Assert(sleeper->wakes() == (end == TimerState::kFired ? 1 : 0), "it was woken if, and only if, it fired");
    Assert(wheel->size() == 0, "an entry is left");
  }
  sleeper->Drop();
}

// The entry goes to another wheel, with another waker, while its old one fires it: it fires there too.
void Move() {
  auto* first = new Sleeper;
  auto* second = new Sleeper;
  {
    Wheel old_wheel;
    Wheel new_wheel;
    const Waker old_waker = first->MakeWaker();
    const Waker waker = second->MakeWaker();
    TimerEntry entry;
    entry.Arm(*old_wheel, kTickNs, old_waker);
    Thread fires([&] { (void)old_wheel->Expire(2 * kTickNs, 8); });
    entry.Arm(*new_wheel, kTickNs, waker);
    Thread fires_too([&] { (void)new_wheel->Expire(2 * kTickNs, 8); });
    while (entry.Poll(waker) == TimerState::kArmed) second->Sleep();
    Assert(entry.state() == TimerState::kFired, "it did not fire on its new wheel");
    fires.Join();
    fires_too.Join();
    Assert(first->wakes() <= 1 && second->wakes() == 1, "once for each wheel at most");
    Assert(old_wheel->size() == 0 && new_wheel->size() == 0, "an entry is left");
  }
  first->Drop();
  second->Drop();
}

// The same with one that is freed as soon as it has fired on its new wheel.
void MoveAndFree() {
  auto* first = new Sleeper;
  auto* second = new Sleeper;
  {
    Wheel old_wheel;
    Wheel new_wheel;
    {
      const Waker old_waker = first->MakeWaker();
      const Waker waker = second->MakeWaker();
      auto* entry = new TimerEntry;
      entry->Arm(*old_wheel, kTickNs, old_waker);
      Thread fires([&] { (void)old_wheel->Expire(2 * kTickNs, 8); });
      entry->Arm(*new_wheel, kTickNs, waker);
      Thread fires_too([&] { (void)new_wheel->Expire(2 * kTickNs, 8); });
      while (entry->Poll(waker) == TimerState::kArmed) second->Sleep();
      delete entry;
    }
    Assert(old_wheel->size() == 0 && new_wheel->size() == 0, "an entry is left");
  }
  first->Drop();
  second->Drop();
}

// The entry is put off, on the wheel where it is due, while another thread fires it: what it fires at is the new deadline.
void PutOff() {
  auto* sleeper = new Sleeper;
  {
    Wheel wheel;
    const Waker waker = sleeper->MakeWaker();
    TimerEntry entry;
    entry.Arm(*wheel, kTickNs, waker);
    Thread fires([&] { (void)wheel->Expire(2 * kTickNs, 8); });
    entry.Arm(*wheel, 70 * kTickNs, waker);
    fires.Join();
    Assert(entry.state() == TimerState::kArmed && wheel->size() == 1, "it fired at the deadline that it no longer has");
    const int before = sleeper->wakes();
    Assert(before <= 1, "it was woken twice for one deadline");
    Assert(wheel->Expire(70 * kTickNs, 8) == 1 && entry.state() == TimerState::kFired, "it did not fire when it was due");
    Assert(sleeper->wakes() == before + 1, "a timer that fires wakes once");
  }
  sleeper->Drop();
}

// The same by Move: the old deadline was met, or the new one holds, and whoever waits is woken at that one (R6).
void MoveInPlace() {
  auto* sleeper = new Sleeper;
  {
    Wheel wheel;
    const Waker waker = sleeper->MakeWaker();
    TimerEntry entry;
    entry.Arm(*wheel, kTickNs, waker);
    Thread fires([&] { (void)wheel->Expire(2 * kTickNs, 8); });
    const bool moved = entry.Move(70 * kTickNs);
    fires.Join();
    Assert(entry.state() == (moved ? TimerState::kArmed : TimerState::kFired), "the answer of Move is wrong");
    Assert(wheel->size() == (moved ? 1 : 0), "it is not on its wheel, or twice");
    Assert(sleeper->wakes() == (moved ? 0 : 1), "it was woken if, and only if, it fired");
    Assert(wheel->Expire(70 * kTickNs, 8) == (moved ? 1 : 0) && entry.state() == TimerState::kFired, "it did not fire when it was due");
    Assert(sleeper->wakes() == 1, "a timer that fires wakes once");
  }
  sleeper->Drop();
}

// A thread without a wheel arms a timer on one whose driver is about to sleep for ever (R4).
template <bool kMove>
void ArmAgainstPark() {
  auto* sleeper = new Sleeper;
  {
    Wheel wheel;
    base::Parker driver;
    wheel->SetHurry([](void* parker) { static_cast<base::Parker*>(parker)->Unpark(); }, &driver);
    TimerEntry entry;
    Thread drives([&] {
      do {
        if (wheel->BeginPark(kioto::internal::kNever) > 2 * kTickNs) driver.Park();
        wheel->EndPark();
        (void)wheel->Expire(2 * kTickNs, 8);
      } while (entry.state() != TimerState::kFired);
    });
    const Waker waker = sleeper->MakeWaker();
    entry.Arm(*wheel, (kMove ? 70 : 1) * kTickNs, waker);
    if (kMove) Assert(entry.Move(kTickNs), "it is not armed");
    while (entry.Poll(waker) == TimerState::kArmed) sleeper->Sleep();
    driver.Unpark();  // where it had fired at once
    drives.Join();
  }
  sleeper->Drop();
}

// The runtime of the wheel ends, and another one takes the wheel, while the entry is dropped (R3).
void DropAtShutdown() {
  auto* sleeper = new Sleeper;
  {
    auto* entry = new TimerEntry;
    {
      Wheel wheel;
      const Waker waker = sleeper->MakeWaker();
      entry->Arm(*wheel, kTickNs, waker);
    }
    Thread next([] { Wheel wheel; });
    entry->Cancel();
    Assert(entry->state() == TimerState::kShutdown, "the end of the wheel was not told");
    delete entry;
  }
  sleeper->Drop();
}

TEST(TimerModel, AnEntryIsDroppedOrFires) {
  ExpectHolds(Options().Preemptions(3), Clean(Drop));
  ExpectHolds(Options().Random(10000), Clean(Drop));
  ExpectHolds(Options().Preemptions(2), Clean(DropAtShutdown));
  ExpectCaught("timer_wheel.cancel_without_look", Options(), Clean(Drop));
  ExpectCaught("timer_wheel.finish_order", Options(), Clean(Drop));
}

TEST(TimerModel, AnEntryMovesToAnotherWheel) {
  ExpectHolds(Options().Preemptions(2), Clean(Move));
  ExpectHolds(Options().Random(10000), Clean(Move));
  ExpectHolds(Options().Preemptions(2), Clean(MoveAndFree));
  ExpectCaught("timer_wheel.finish_order", Options(), Clean(MoveAndFree));
}

TEST(TimerModel, AnEntryIsPutOffWhileItFires) {
  ExpectHoldsAlways(Options(), Clean(PutOff));
  ExpectCaught("timer_wheel.arm_without_cancel", Options(), Clean(PutOff));
  ExpectCaught("timer_wheel.cancel_without_look", Options(), Clean(PutOff));
}

TEST(TimerModel, AnEntryMovesOnItsWheelWhileItFires) {
  ExpectHoldsAlways(Options(), Clean(MoveInPlace));
  ExpectCaught("timer_wheel.move_without_look", Options(), Clean(MoveInPlace));
}

TEST(TimerModel, ADriverThatIsAboutToSleepHearsOfAnEarlierTimer) {
  for (const auto against_park : {ArmAgainstPark<false>, ArmAgainstPark<true>}) {
    ExpectHoldsAlways(Options(), Clean(against_park));
    ExpectCaught("timer_wheel.arm_without_hurry", Options(), Clean(against_park));
  }
  ExpectCaught("timer_wheel.park_without_look", Options(), Clean(ArmAgainstPark<false>));
}

}  // namespace
}  // namespace kioto::model
