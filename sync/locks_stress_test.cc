// The locks with many threads, some of which give up while they wait, against what one thread would count.
#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/sync/barrier.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/mutex.h"
#include "kioto/sync/once_cell.h"
#include "kioto/sync/rwlock.h"

namespace kioto::sync {
namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 3000;

template <class Fn>
void InThreads(Fn fn) {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back(fn, t);
  for (auto& thread : threads) thread.join();
}

TEST(LocksStressTest, MutexCountsRight) {
  Mutex<int> mutex;
  std::atomic<int> done{0};
  InThreads([&](int t) {
    for (int i = 0; i < kRounds; ++i) {
      if ((i + t) % 3 == 0) {
        PolledTask cancelled(mutex.Lock());
        if (cancelled.Poll().ready()) continue;  // locked, and unlocked
      } else if ((i + t) % 7 == 0) {
        if (auto guard = mutex.TryLock(); guard.ok()) {
          ++**guard;
          ++done;
        }
      } else {
        ++*mutex.BlockingLock();
        ++done;
      }
    }
  });
  EXPECT_EQ(mutex.Get(), done);
  EXPECT_TRUE(mutex.TryLock().ok());
}

// Two numbers that a writer changes one after the other: a reader sees them equal, also the writer that became one.
TEST(LocksStressTest, RwLockReadersSeeWholeWrites) {
  struct Pair {
    int a = 0;
    int b = 0;
  };
  RwLock<Pair> lock(Pair(), 3);
  std::atomic<int> done{0};
  InThreads([&](int t) {
    for (int i = 0; i < kRounds; ++i) {
      if ((i + t) % 5 == 0) {
        PolledTask cancelled(lock.Write());
        (void)cancelled.Poll();
      } else if ((i + t) % 4 == 0) {
        auto write = lock.BlockingWrite();
        const int mine = ++write->a;
        ++write->b;
        ++done;
        if (i % 2 == 0) {
          auto read = std::move(write).Downgrade();
          EXPECT_EQ(read->a, mine);
        }
      } else {
        auto read = lock.BlockingRead();
        EXPECT_EQ(read->a, read->b);
      }
    }
  });
  EXPECT_EQ(lock.Get().a, done);
  EXPECT_EQ(lock.Get().b, done);
  EXPECT_TRUE(lock.TryWrite().ok());
}

// Some initializers fail, some are dropped: one value is made, and all see it.
TEST(LocksStressTest, OnceCellIsMadeOnce) {
  for (int round = 0; round < 300; ++round) {
    OnceCell<int> cell;
    std::atomic<int> made{0};
    InThreads([&](int t) {
      auto make = [&, t]() -> StatusOr<int> {
        if (t == 0) return absl::InternalError("not this one");
        ++made;
        return t;
      };
      if (t == 1) {
        PolledTask cancelled(cell.GetOrTryInit([] { return PollFn([](Context&) -> Poll<StatusOr<int>> { return kPending; }); }));
        (void)cancelled.Poll();
      }
      auto value = BlockOn(cell.GetOrTryInit(make));
      EXPECT_TRUE(t == 0 || value.ok());
      EXPECT_TRUE(!value.ok() || *value == cell.Get());
    });
    EXPECT_EQ(made, 1);
  }
}

// More threads than parties: each generation has one leader, and nobody goes on before it is complete.
TEST(LocksStressTest, BarrierHasOneLeaderAGeneration) {
  constexpr int kArrivals = kThreads * kRounds;
  Barrier barrier(2);
  std::atomic<int> turns{0};
  std::atomic<int> arrived{0};
  std::atomic<int> gone{0};
  std::atomic<int> leaders{0};
  InThreads([&](int) {
    while (turns++ < kArrivals) {  // together: the last is not left alone
      ++arrived;
      if (BlockOn(barrier.Wait()).is_leader) ++leaders;
      EXPECT_LE(++gone, arrived);
    }
  });
  EXPECT_EQ(leaders, kArrivals / 2);
}

}  // namespace
}  // namespace kioto::sync
