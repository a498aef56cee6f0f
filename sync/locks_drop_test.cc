// What waits for a turn and keeps what it waits for, dropped after any number of polls: it loses its place, and nothing else.
#include <memory>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/by_ref.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/mutex.h"
#include "kioto/sync/once_cell.h"
#include "kioto/sync/oneshot.h"
#include "kioto/sync/rwlock.h"

namespace kioto::sync {
namespace {

// wait(lock) waits for what try_hold(lock) holds; dropped, before or after the lock is free, it keeps neither turn nor lock.
template <class Lock, class Hold, class Wait>
void ExpectLosesItsPlaceAlone(Hold try_hold, Wait wait) {
  for (int polls = 0; polls < 4; ++polls) {
    for (bool unlock_first : {false, true}) {
      auto lock = std::make_shared<Lock>(1);
      auto held = *try_hold(lock);
      PolledTask dropped(wait(lock));
      PolledTask next(wait(lock));
      for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
      EXPECT_TRUE(next.Poll().pending());
      if (unlock_first) held.Unlock();
      dropped.Drop();
      EXPECT_EQ(dropped.held(), 0);
      held.Unlock();
      EXPECT_EQ(next.wakes(), 1);
      { const auto its_turn = *next.Poll(); }
      EXPECT_EQ(dropped.wakes(), unlock_first && polls > 0 ? 1 : 0);
      EXPECT_EQ(lock.use_count(), 1);
    }
  }
}

// check: H1
TEST(OwnedLockDropTest, LockOwned) {
  ExpectLosesItsPlaceAlone<Mutex<int>>([](auto lock) { return Mutex<int>::TryLockOwned(lock); },
                                       [](auto lock) { return LockOwned(lock); });
}

// check: H1
TEST(OwnedLockDropTest, ReadOwned) {
  ExpectLosesItsPlaceAlone<RwLock<int>>([](auto lock) { return RwLock<int>::TryWriteOwned(lock); },
                                        [](auto lock) { return ReadOwned(lock); });
}

// check: H1
TEST(OwnedLockDropTest, WriteOwned) {
  ExpectLosesItsPlaceAlone<RwLock<int>>([](auto lock) { return RwLock<int>::TryReadOwned(lock); },
                                        [](auto lock) { return WriteOwned(lock); });
}

// Of three that want the value the first is at work for ever, and goes before or after the second, which only waits: then the
// third makes the value. `Made`: what start(cell, fn)'s fn gives.
template <class Made, class Start>
void ExpectTheNextMakesTheValue(Start start) {
  for (int polls = 0; polls < 4; ++polls) {
    for (bool first_goes_first : {false, true}) {
      OnceCell<std::shared_ptr<int>> cell;
      const auto value = std::make_shared<int>(1);
      const auto make = [value] { return Ready(Made(value)); };
      PolledTask first(start(cell, [value] { return Never<Made>(); }));
      PolledTask second(start(cell, make));
      PolledTask third(start(cell, make));
      EXPECT_TRUE(first.Poll().pending());
      for (int i = 0; i < polls; ++i) EXPECT_TRUE(second.Poll().pending());
      EXPECT_TRUE(third.Poll().pending());
      if (first_goes_first) first.Drop();
      second.Drop();
      first.Drop();
      EXPECT_EQ(first.held() + second.held(), 0);
      EXPECT_EQ(third.wakes(), 1);
      EXPECT_TRUE(third.Poll().ready());
      EXPECT_EQ(*cell.Get(), value);
      EXPECT_EQ(value.use_count(), 3);  // here, in `make`, in the cell
    }
  }
}

// check: H1
TEST(OnceCellDropTest, GetOrInit) {
  ExpectTheNextMakesTheValue<std::shared_ptr<int>>([](auto& cell, auto fn) { return cell.GetOrInit(fn); });
}

// check: H1
TEST(OnceCellDropTest, GetOrTryInit) {
  ExpectTheNextMakesTheValue<StatusOr<std::shared_ptr<int>>>([](auto& cell, auto fn) { return cell.GetOrTryInit(fn); });
}

// check: H1
TEST(OneshotDropTest, WhatIsSentStaysForTheNextThatIsPolledByRef) {
  for (int polls = 0; polls < 4; ++polls) {
    for (bool sent : {false, true}) {
      const auto value = std::make_shared<int>(1);
      auto channel = Oneshot<std::shared_ptr<int>>();
      PolledTask dropped(ByRef(channel.receiver));
      for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
      if (sent) {
        EXPECT_TRUE(channel.sender.Send(value));
      }
      dropped.Drop();
      if (!sent) {
        EXPECT_TRUE(channel.sender.Send(value));
      }
      EXPECT_EQ(**PolledTask(ByRef(channel.receiver)).Poll(), value);
      EXPECT_EQ(dropped.held(), 0);
      EXPECT_EQ(value.use_count(), 1);
    }
  }
}

}  // namespace
}  // namespace kioto::sync
