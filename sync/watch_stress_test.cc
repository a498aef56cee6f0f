// Watch with many threads, against a sequential model: what a receiver borrows goes forward only, a change that it was
// told of is there, each modification has found the one before, and the last value reaches everybody.
#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/sync/internal/blocking.h"
#include "kioto/sync/watch.h"

namespace kioto::sync {
namespace {

constexpr int kSenders = 3;
constexpr int kReceivers = 3;
constexpr int kSends = 4000;

// The sum is that of the parts, or the value is torn.
struct Numbers {
  int total = 0;
  int by[kSenders] = {};
  std::shared_ptr<int> counted;

  bool whole() const {
    int sum = 0;
    for (int n : by) sum += n;
    return sum == total;
  }
};

void Receive(WatchReceiver<Numbers> seen) {
  int last = 0;
  for (int i = 0;; ++i) {
    if (i % 3 == 0) {
      auto value = internal::BlockingWait(seen.WaitFor([last](const Numbers& n) { return n.total > last; }));
      if (!value.ok()) break;
      EXPECT_TRUE((*value)->whole());
      EXPECT_GT((*value)->total, last);
      last = (*value)->total;
    } else {
      if (!internal::BlockingWait(seen.Changed()).ok()) break;
      const auto before = seen.Borrow();
      const auto value = seen.BorrowAndUpdate();
      EXPECT_TRUE(value->whole());
      EXPECT_GE(before->total, last);
      EXPECT_GE(value->total, before->total);
      last = value->total;
    }
  }
  EXPECT_EQ(seen.Borrow()->total, kSenders * kSends);
}

TEST(WatchStressTest, EveryoneSeesOrderAndTheEnd) {
  auto counted = std::make_shared<int>(0);
  Watch<Numbers> watch(Numbers{0, {}, counted});
  std::vector<std::thread> threads;
  for (int r = 0; r < kReceivers; ++r) threads.emplace_back(Receive, watch.Subscribe());
  for (int s = 0; s < kSenders; ++s) {
    threads.emplace_back([s, watch] {
      for (int i = 0; i < kSends; ++i) {
        watch.SendModify([s](Numbers& n) {
          ++n.by[s];
          ++n.total;
        });
        if (i % 64 == 0) (void)watch.Subscribe().Borrow();
      }
    });
  }
  watch.reset();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counted.use_count(), 1);
}

}  // namespace
}  // namespace kioto::sync
