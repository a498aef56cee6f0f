#include "kioto/sync/mutex.h"

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::sync {
namespace {

using Task = PolledTask<LockFuture<int>>;
using OwnedTask = PolledTask<OwnedLockFuture<int>>;

TEST(MutexTest, LocksOneAfterTheOtherAndAllocatesNothing) {
  Mutex<int> mutex(100);
  CountingWaker waker;
  base::AllocationCounter allocations;
  const int64_t before = allocations.count();
  for (int i = 0; i < 3; ++i) {
    kioto::internal::PollScope scope;
    Context cx(waker.waker(), scope);
    auto future = mutex.Lock();
    auto guard = future.PollOnce(cx);
    ASSERT_TRUE(guard.ready());
    EXPECT_EQ(**guard, 100 - i);
    --**guard;
  }
  EXPECT_EQ(allocations.count(), before);
  EXPECT_EQ(mutex.Get(), 97);
  EXPECT_EQ(std::move(mutex).Into(), 97);
}

TEST(MutexTest, WhatIsUnlockedIsHandedToTheFirst) {
  Mutex<int> mutex;
  auto held = mutex.TryLock();
  Task first(mutex.Lock());
  Task second(mutex.Lock());
  EXPECT_TRUE(first.Poll().pending());
  EXPECT_TRUE(second.Poll().pending());
  held->Unlock();
  EXPECT_EQ(first.wakes(), 1);
  EXPECT_EQ(second.wakes(), 0);
  EXPECT_TRUE(IsEmpty(mutex.TryLock().status()));  // no barging
  EXPECT_TRUE(Task(mutex.Lock()).Poll().pending());
  {
    auto guard = *first.Poll();
    EXPECT_TRUE(second.Poll().pending());
  }
  EXPECT_EQ(second.wakes(), 1);
  EXPECT_TRUE(second.Poll().ready());
  EXPECT_TRUE(mutex.TryLock().ok());
}

// behaviour: tokio/tests/sync_mutex.rs#try_lock
TEST(MutexTest, TryLock) {
  Mutex<int> mutex(1);
  {
    auto guard = mutex.TryLock();
    ASSERT_TRUE(guard.ok());
    EXPECT_TRUE(IsEmpty(mutex.TryLock().status()));
  }
  EXPECT_TRUE(mutex.TryLock().ok());
}

// behaviour: tokio/tests/sync_mutex_owned.rs#try_lock_owned
TEST(MutexTest, TryLockOwned) {
  auto mutex = std::make_shared<Mutex<int>>(1);
  {
    auto guard = Mutex<int>::TryLockOwned(mutex);
    ASSERT_TRUE(guard.ok());
    EXPECT_TRUE(IsEmpty(Mutex<int>::TryLockOwned(mutex).status()));
  }
  EXPECT_TRUE(Mutex<int>::TryLockOwned(mutex).ok());
  EXPECT_EQ(mutex.use_count(), 1);
}

// behaviour: tokio/tests/sync_mutex_owned.rs#straight_execution
TEST(MutexTest, OwnedLocksOneAfterTheOther) {
  auto mutex = std::make_shared<Mutex<int>>(100);
  for (int i = 0; i < 3; ++i) {
    auto guard = *OwnedTask(Mutex<int>::LockOwned(mutex)).Poll();
    EXPECT_EQ((*guard)--, 100 - i);
  }
  EXPECT_EQ(mutex.use_count(), 1);
}

TEST(MutexTest, LockOwnedFindsOutItsType) {
  auto mutex = std::make_shared<Mutex<int>>(7);
  {
    OwnedMutexGuard<int> held = *OwnedTask(LockOwned(mutex)).Poll();
    EXPECT_EQ(*held, 7);
    OwnedTask waiting(LockOwned(mutex));
    EXPECT_TRUE(waiting.Poll().pending());
    waiting.Drop();
  }
  EXPECT_EQ(mutex.use_count(), 1);
  EXPECT_TRUE(mutex->TryLock().ok());
}

// behaviour: tokio/tests/sync_mutex_owned.rs#readiness
TEST(MutexTest, AnOwnedGuardKeepsTheMutexAndWakesTheNext) {
  auto mutex = std::make_shared<Mutex<int>>(7);
  std::optional held = *OwnedTask(Mutex<int>::LockOwned(mutex)).Poll();
  OwnedTask waiting(Mutex<int>::LockOwned(mutex));
  std::weak_ptr<Mutex<int>> alive = mutex;
  mutex.reset();
  EXPECT_TRUE(waiting.Poll().pending());
  EXPECT_EQ(waiting.wakes(), 0);
  held.reset();
  EXPECT_EQ(waiting.wakes(), 1);
  {
    auto guard = *waiting.Poll();
    EXPECT_EQ(*guard, 7);
    EXPECT_FALSE(alive.expired());
  }
  EXPECT_TRUE(alive.expired());
}

TEST(MutexTest, GuardsMoveAndUnlockOnce) {
  Mutex<int> a(1);
  Mutex<int> b(2);
  auto first = *a.TryLock();
  auto second = *b.TryLock();
  first = std::move(second);
  EXPECT_EQ(*first, 2);
  EXPECT_TRUE(a.TryLock().ok());
  EXPECT_TRUE(IsEmpty(b.TryLock().status()));
  first.Unlock();
  first.Unlock();
  EXPECT_TRUE(b.TryLock().ok());
}

TEST(MutexTest, AGuardOfAPart) {
  Mutex<std::pair<int, std::string>> mutex(std::in_place, 1, "one");
  {
    MutexGuard<std::string> part =
        std::move(*mutex.TryLock()).Map([](auto& pair) -> std::string& { return pair.second; });
    EXPECT_EQ(*part, "one");
    MutexGuard<char> letter = std::move(part).Map([](std::string& s) -> char& { return s[0]; });
    *letter = 'O';
    EXPECT_TRUE(IsEmpty(mutex.TryLock().status()));
  }
  EXPECT_EQ(mutex.TryLock()->get()->second, "One");
}

TEST(MutexTest, AGuardOfAPartThatMayNotBeThere) {
  auto mutex = std::make_shared<Mutex<std::optional<int>>>();
  auto pointer = [](std::optional<int>& value) { return value ? &*value : nullptr; };
  auto guard = *Mutex<std::optional<int>>::TryLockOwned(mutex);
  EXPECT_FALSE(std::move(guard).TryMap(pointer).has_value());
  *guard = 5;  // still its guard
  std::optional<OwnedMutexGuard<int>> part = std::move(guard).TryMap(pointer);
  ASSERT_TRUE(part.has_value());
  EXPECT_EQ(**part, 5);
  EXPECT_TRUE(IsEmpty(mutex->TryLock().status()));
  part.reset();
  EXPECT_TRUE(mutex->TryLock().ok());
}

// behaviour: tokio/tests/sync_mutex.rs#debug_format
// behaviour: tokio/tests/sync_mutex_owned.rs#debug_format
TEST(MutexTest, AGuardPrintsWhatItProtects) {
  auto mutex = std::make_shared<Mutex<std::string>>("data");
  std::ostringstream out;
  out << *mutex->TryLock();
  out << ' ' << *Mutex<std::string>::TryLockOwned(mutex);
  EXPECT_EQ(out.str(), "data data");
}

// behaviour: tokio/tests/sync_mutex.rs#mutex_debug
TEST(MutexTest, AMutexPrintsItsValueOrThatItIsLocked) {
  Mutex<std::string> mutex("data");
  std::ostringstream out;
  out << mutex << ' ';
  auto guard = mutex.TryLock();
  out << mutex;
  EXPECT_EQ(out.str(), "data <locked>");
}

TEST(MutexTest, TheWakerOfTheLastPollIsWoken) {
  Mutex<int> mutex;
  auto held = mutex.TryLock();
  auto future = mutex.Lock();
  CountingWaker first;
  CountingWaker second;
  for (CountingWaker* waker : {&first, &second}) {
    kioto::internal::PollScope scope;
    Context cx(waker->waker(), scope);
    EXPECT_TRUE(future.PollOnce(cx).pending());
  }
  held->Unlock();
  EXPECT_EQ(first.wakes(), 0);
  EXPECT_EQ(second.wakes(), 1);
}

TEST(MutexTest, ASpentBudgetWaitsForTheNextTurn) {
  Mutex<int> mutex;
  CountingWaker waker;
  kioto::internal::PollScope scope;
  scope.budget = 1;
  Context cx(waker.waker(), scope);
  EXPECT_TRUE(mutex.Lock().PollOnce(cx).ready());
  EXPECT_TRUE(mutex.Lock().PollOnce(cx).pending());
  EXPECT_TRUE(scope.yielded);
  EXPECT_TRUE(mutex.TryLock().ok());  // and holds nothing
}

// Three wait, and are polled and dropped in every order, before and after the hand-over: the lock is never lost.
// check: H1
TEST(MutexTest, DroppedAtAnyPointTheLockIsNotLost) {
  const std::vector<std::vector<int>> orders = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (int polls = 0; polls < 3; ++polls) {
    for (const auto& order : orders) {
      for (int unlock_at = 0; unlock_at < 4; ++unlock_at) {
        Mutex<int> mutex;
        auto held = mutex.TryLock();
        std::vector<std::unique_ptr<Task>> tasks;
        for (int i = 0; i < 3; ++i) {
          tasks.push_back(std::make_unique<Task>(mutex.Lock()));
          for (int p = 0; p < polls; ++p) EXPECT_TRUE(tasks[i]->Poll().pending());
        }
        for (int i = 0; i < 3; ++i) {
          if (i == unlock_at) held->Unlock();
          tasks[order[i]]->Drop();
          EXPECT_EQ(tasks[order[i]]->held(), 0);
        }
        held->Unlock();
        EXPECT_TRUE(mutex.TryLock().ok());
      }
    }
  }
}

TEST(MutexTest, AThreadBlocks) {
  auto mutex = std::make_shared<Mutex<int>>(1);
  EXPECT_EQ(*mutex->BlockingLock(), 1);
  EXPECT_EQ(*Mutex<int>::BlockingLockOwned(mutex), 1);
}

}  // namespace
}  // namespace kioto::sync
