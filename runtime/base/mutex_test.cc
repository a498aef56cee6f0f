#include "kioto/runtime/base/mutex.h"

#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/park.h"
#include "kioto/runtime/base/thread.h"

namespace kioto::base {
namespace {

// Runs `body(i)` on `count` threads and waits for all.
template <class F>
void OnThreads(int count, F body) {
  std::vector<Thread> threads;
  for (int i = 0; i < count; ++i) {
    StatusOr<Thread> thread = Thread::Start("test", [&body, i] { body(i); });
    ASSERT_TRUE(thread.ok()) << thread.status();
    threads.push_back(*std::move(thread));
  }
  for (Thread& thread : threads) thread.Join();
}

TEST(MutexTest, OnlyOneHolds) {
  Mutex mutex;
  int64_t count = 0;
  OnThreads(4, [&](int) {
    for (int i = 0; i < 20'000; ++i) {
      MutexLock lock(mutex);
      ++count;
    }
  });
  EXPECT_EQ(count, 4 * 20'000);
}

TEST(MutexTest, TryLockRefusesWhatIsHeld) {
  Mutex mutex;
  ASSERT_TRUE(mutex.TryLock());
  OnThreads(1, [&](int) { EXPECT_FALSE(mutex.TryLock()); });
  mutex.Unlock();
  ASSERT_TRUE(mutex.TryLock());
  mutex.Unlock();
}

TEST(MutexTest, GuardUnlocksOnce) {
  Mutex mutex;
  {
    MutexLock lock(&mutex);
    lock.Unlock();
    EXPECT_TRUE(mutex.TryLock());
  }
  EXPECT_FALSE(mutex.TryLock()) << "the guard unlocked what it no longer held";
  mutex.Unlock();
}

// Sections so long that waiters sleep: each of them must be woken again.
TEST(MutexTest, SleepersAreWoken) {
  Mutex mutex;
  int64_t count = 0;
  OnThreads(4, [&](int) {
    for (int i = 0; i < 300; ++i) {
      MutexLock lock(mutex);
      ++count;
      for (int k = 0; k < 300; ++k) CpuRelax();
      if (i % 16 == 0) YieldThread();
    }
  });
  EXPECT_EQ(count, 4 * 300);
}

TEST(SpinLockTest, OnlyOneHolds) {
  SpinLock lock;
  int64_t count = 0;
  OnThreads(4, [&](int) {
    for (int i = 0; i < 20'000; ++i) {
      SpinLockGuard guard(lock);
      ++count;
    }
  });
  EXPECT_EQ(count, 4 * 20'000);
  ASSERT_TRUE(lock.TryLock());
  EXPECT_FALSE(lock.TryLock());
  lock.Unlock();
}

// With more threads than cores the owner loses its core inside the section: the others must let it run.
TEST(SpinLockTest, SpinnersYieldToTheOwner) {
  SpinLock lock;
  int64_t count = 0;
  OnThreads(8, [&](int) {
    for (int i = 0; i < 200; ++i) {
      SpinLockGuard guard(lock);
      ++count;
      YieldThread();
    }
  });
  EXPECT_EQ(count, 8 * 200);
}

}  // namespace
}  // namespace kioto::base
