#include "kioto/runtime/base/park.h"

#include <memory>

#include "gtest/gtest.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/thread.h"

namespace kioto::base {
namespace {

TEST(ParkerTest, TokenThatCameFirstIsTaken) {
  Parker parker;
  parker.Unpark();
  parker.Park();
}

TEST(ParkerTest, TokensDoNotAddUp) {
  Parker parker;
  parker.Unpark();
  parker.Unpark();
  EXPECT_TRUE(parker.ParkUntil(0));
  EXPECT_FALSE(parker.ParkUntil(0));
}

TEST(ParkerTest, DeadlineInThePastOnlyLooks) {
  Parker parker;
  EXPECT_FALSE(parker.ParkUntil(-5));
  EXPECT_FALSE(parker.ParkUntil(MonotonicNanos()));
  parker.Unpark();
  EXPECT_TRUE(parker.ParkUntil(-5));
}

TEST(ParkerTest, NeverReturnsBeforeTheDeadline) {
  Parker parker;
  for (int i = 0; i < 5; ++i) {
    const int64_t deadline = MonotonicNanos() + 1'000'000;
    EXPECT_FALSE(parker.ParkUntil(deadline));
    EXPECT_GE(MonotonicNanos(), deadline);
  }
  // After a deadline the parker is as new: a token is neither lost nor invented.
  parker.Unpark();
  EXPECT_TRUE(parker.ParkUntil(0));
  EXPECT_FALSE(parker.ParkUntil(0));
}

TEST(ParkerTest, FarDeadlineIsNoProblem) {
  Parker parker;
  StatusOr<Thread> thread = Thread::Start("unpark", [&] { parker.Unpark(); });
  ASSERT_TRUE(thread.ok());
  EXPECT_TRUE(parker.ParkUntil(int64_t{1} << 60));
  thread->Join();
}

// Each side waits for the other in turn: one lost wake-up and the test hangs.
TEST(ParkerTest, PingPong) {
  constexpr int kRounds = 5'000;
  Parker ping;
  Parker pong;
  int64_t ball = 0;  // plain: the parkers must order it
  StatusOr<Thread> thread = Thread::Start("pong", [&] {
    for (int i = 0; i < kRounds; ++i) {
      pong.Park();
      EXPECT_EQ(ball, 2 * i + 1);
      ++ball;
      ping.Unpark();
    }
  });
  ASSERT_TRUE(thread.ok());
  for (int i = 0; i < kRounds; ++i) {
    ++ball;
    pong.Unpark();
    ping.Park();
    ASSERT_EQ(ball, 2 * i + 2);
  }
  thread->Join();
}

// Many wakers, one sleeper with deadlines that nearly meet the wakes: what was sent is seen, however the race ends.
TEST(ParkerTest, DeadlinesRaceWithWakes) {
  constexpr int kThreads = 3;
  constexpr int64_t kEach = 3'000;
  Parker parker;
  Atomic<int64_t> sent{0};
  Thread threads[kThreads];
  for (Thread& thread : threads) {
    StatusOr<Thread> started = Thread::Start("waker", [&] {
      for (int64_t i = 0; i < kEach; ++i) {
        sent.fetch_add(1, std::memory_order_relaxed);  // relaxed: the parker orders it
        parker.Unpark();
      }
    });
    ASSERT_TRUE(started.ok());
    thread = *std::move(started);
  }
  int64_t wakes = 0;
  for (int round = 0; sent.load(std::memory_order_relaxed) < kThreads * kEach;
       ++round) {  // relaxed: the loop ends late
    wakes += parker.ParkUntil(MonotonicNanos() + (round % 4) * 5'000) ? 1 : 0;
  }
  for (Thread& thread : threads) thread.Join();
  wakes += parker.ParkUntil(0) ? 1 : 0;  // the last token, if it is still there
  EXPECT_GT(wakes, 0);
  EXPECT_LE(wakes, kThreads * kEach);
  EXPECT_FALSE(parker.ParkUntil(0));
}

// The owner frees the parker as soon as it has its token, while Unpark may still be on its way out.
TEST(ParkerTest, MayBeFreedOnceTheTokenIsTaken) {
  for (int i = 0; i < 300; ++i) {
    auto parker = std::make_unique<Parker>();
    StatusOr<Thread> thread = Thread::Start("unpark", [p = parker.get()] { p->Unpark(); });
    ASSERT_TRUE(thread.ok());
    parker->Park();
    parker.reset();
    thread->Join();
  }
}

}  // namespace
}  // namespace kioto::base
