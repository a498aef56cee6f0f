#include "kioto/sync/reusable_box.h"

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::sync {
namespace {

// Gives `number` at every poll, once `gate` is open. Of some size and alignment.
template <size_t kSize, size_t kAlign = 8>
struct Gives : FutureBase<Gives<kSize, kAlign>, int> {
  explicit Gives(int number, std::shared_ptr<int> gate = nullptr) : number(number), gate(std::move(gate)) {}
  Poll<int> PollOnce(Context&) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(this) % kAlign, 0u);
    if (gate != nullptr && *gate == 0) return kPending;
    return number;
  }
  alignas(kAlign) std::array<char, kSize> body{};
  int number;
  std::shared_ptr<int> gate;
};
struct Nothing : FutureBase<Nothing, int> {
  Poll<int> PollOnce(Context&) { return 5; }
};

class ReusableBoxTest : public testing::Test {
 protected:
  static int Get(ReusableBox<int>& box) {
    CountingWaker waker;
    kioto::internal::PollScope scope;
    Context cx(waker.waker(), scope);
    auto poll = box.PollOnce(cx);
    return poll.ready() ? *poll : -1;
  }
};

// behaviour: tokio-util/tests/reusable_box.rs#test_different_futures
// behaviour: tokio/src/signal/reusable_box.rs#test_different_futures
TEST_F(ReusableBoxTest, OtherFuturesOfItsSizeNeedNoMemory) {
  ReusableBox<int> box(Gives<1024>(10));
  EXPECT_EQ(Get(box), 10);
  base::AllocationCounter allocations;
  EXPECT_TRUE(box.TrySet(Gives<1024>(20)));
  box.Set(Gives<1000>(30));
  EXPECT_EQ(allocations.count(), 0);
  EXPECT_EQ(Get(box), 30);
  EXPECT_TRUE(box.TrySet(Gives<1024>(20)));
  EXPECT_EQ(Get(box), 20);
}

// behaviour: tokio-util/tests/reusable_box.rs#test_different_sizes
// behaviour: tokio/src/signal/reusable_box.rs#test_different_sizes
TEST_F(ReusableBoxTest, LargerOnesGetMoreMemory) {
  ReusableBox<int> box(Gives<8>(1));
  EXPECT_EQ(Get(box), 1);
  Gives<4096> large(2);
  EXPECT_FALSE(box.TrySet(std::move(large)));
  EXPECT_EQ(Get(box), 1);  // as it was
  box.Set(std::move(large));
  EXPECT_EQ(Get(box), 2);
  box.Set(Gives<64, 32>(3));
  EXPECT_EQ(Get(box), 3);
  EXPECT_TRUE(box.TrySet(Gives<8>(4)));
  EXPECT_EQ(Get(box), 4);
  EXPECT_TRUE(box.TrySet(Nothing()));
  EXPECT_EQ(Get(box), 5);
}

// behaviour: tokio-util/tests/reusable_box.rs#test_zero_sized
// behaviour: tokio/src/signal/reusable_box.rs#test_zero_sized
TEST_F(ReusableBoxTest, FuturesWithoutAStateMayBePolledAgain) {
  ReusableBox<int> box{Nothing()};
  EXPECT_EQ(Get(box), 5);
  EXPECT_EQ(Get(box), 5);
  EXPECT_TRUE(box.TrySet(Nothing()));
  EXPECT_EQ(Get(box), 5);
}

TEST_F(ReusableBoxTest, MovedAfterAPollItGoesOn) {
  auto gate = std::make_shared<int>(0);
  ReusableBox<int> box(Gives<8>(1, gate));
  EXPECT_EQ(Get(box), -1);
  ReusableBox<int> moved(std::move(box));
  *gate = 1;
  EXPECT_EQ(Get(moved), 1);
  box = std::move(moved);
  EXPECT_EQ(Get(box), 1);
  PolledTask task(std::move(box));
  EXPECT_EQ(*task.Poll(), 1);
}

// check: H1
TEST_F(ReusableBoxTest, DroppedOrSetAfterAnyPollTheFutureIsDestroyedOnce) {
  auto gate = std::make_shared<int>(0);
  for (int polls = 0; polls < 3; ++polls) {
    for (bool set : {false, true}) {
      ReusableBox<int> box(Gives<8>(1, gate));
      for (int i = 0; i < polls; ++i) EXPECT_EQ(Get(box), -1);
      EXPECT_EQ(gate.use_count(), 2);
      if (!set) continue;
      box.Set(Gives<8>(2));
      EXPECT_EQ(gate.use_count(), 1);
    }
    EXPECT_EQ(gate.use_count(), 1);
  }
}

TEST(ReusableBoxDeathTest, EmptyItIsNotPolled) {
  ReusableBox<int> box{Nothing()};
  const ReusableBox<int> other(std::move(box));
  EXPECT_DEATH((void)PolledTask(std::move(box)).Poll(), "a ReusableBox was polled that is empty: Set it first");
}

}  // namespace
}  // namespace kioto::sync
