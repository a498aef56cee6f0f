// EnterGuard: nested, of one runtime and of two, and what is refused. InRuntime, which enters for a future.
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/drop_suite.h"
#include "kioto/runtime/future/testing/manual.h"
#include "kioto/runtime/scheduler/in_runtime.h"
#include "kioto/runtime/scheduler/runtime.h"

namespace kioto {
namespace {

Runtime MakeRuntime() {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  EXPECT_TRUE(runtime.ok()) << runtime.status();
  return *std::move(runtime);
}

TEST(EnterTest, TheInnerRuntimeCountsThenTheOuterOne) {
  Runtime one = MakeRuntime(), two = MakeRuntime();
  EnterGuard outer = one.Enter();
  {
    EnterGuard inner = two.Enter();
    Spawn(Never()).Detach();
    EXPECT_EQ(two.handle().live_tasks(), 1u);
  }
  Spawn(Never()).Detach();
  EXPECT_EQ(one.handle().live_tasks(), 1u);
}

// The first guard goes before the second, which then would bring back a runtime that nobody has entered.
void DropInOrder(const Runtime& first, const Runtime& second) {
  std::unique_ptr<EnterGuard> one(new EnterGuard(first.Enter()));
  std::unique_ptr<EnterGuard> two(new EnterGuard(second.Enter()));
  one = nullptr;
  two = nullptr;
}

// behaviour: tokio/tests/rt_handle.rs#interleave_enter_different_rt
TEST(EnterDeathTest, GuardsOfTwoRuntimesGoInReverseOrder) {
  Runtime one = MakeRuntime(), two = MakeRuntime();
  EXPECT_DEATH(DropInOrder(one, two), "an EnterGuard went away before one that was made after it");
}

// behaviour: tokio/tests/rt_handle.rs#interleave_enter_same_rt
TEST(EnterDeathTest, GuardsOfOneRuntimeGoInReverseOrder) {
  Runtime runtime = MakeRuntime();
  EXPECT_DEATH(DropInOrder(runtime, runtime), "an EnterGuard went away before one that was made after it");
}

// --- InRuntime -----------------------------------------------------------------------------------------------------------

uint64_t Here() { return Handle::Current()->id(); }

// Ready at its second poll. Says which runtime it is in, at each poll and at its end.
class TellsWhere : public FutureBase<TellsWhere, Unit> {
 public:
  explicit TellsWhere(std::vector<uint64_t>* told) : told_(told) {}
  TellsWhere(TellsWhere&& other) : FutureBase(std::move(other)), told_(std::exchange(other.told_, nullptr)) {}
  ~TellsWhere() {
    if (told_ != nullptr) told_->push_back(Here());
  }
  Poll<Unit> PollOnce(Context& cx) {
    told_->push_back(Here());
    if (std::exchange(ready_, true)) return Unit{};
    cx.waker().Wake();
    return kPending;
  }

 private:
  std::vector<uint64_t>* told_;
  bool ready_ = false;
};

// behaviour: kioto/runtime/scheduler/in_runtime.h#polls_and_the_end_are_in_that_runtime
TEST(InRuntimeTest, EachPollAndTheEndAreInThatRuntime) {
  Runtime driving = MakeRuntime(), other = MakeRuntime();
  const uint64_t there = other.handle().id();
  std::vector<uint64_t> told;
  EXPECT_EQ(*driving.BlockOn(InRuntime(other.handle(), TellsWhere(&told)).Map([](Unit&) { return Here(); })), driving.handle().id());
  EXPECT_EQ(told, (std::vector<uint64_t>{there, there, there}));
}

TEST(InRuntimeTest, ADroppedOneEndsInThatRuntimeToo) {
  Runtime driving = MakeRuntime(), other = MakeRuntime();
  const uint64_t there = other.handle().id();
  std::vector<uint64_t> told;
  { auto never_polled = InRuntime(other.handle(), TellsWhere(&told)); }
  EXPECT_EQ(told, std::vector<uint64_t>{there});
  EXPECT_TRUE(driving.BlockOn([&] {
    return InRuntime(other.handle(), TellsWhere(&told)).Apply([](auto polled_once) {
      return PollFn([polled_once = std::move(polled_once)](Context& cx) mutable -> Poll<Unit> {
        EXPECT_TRUE(polled_once.PollOnce(cx).pending());
        return Unit{};
      });
    });
  }).ok());
  EXPECT_EQ(told, (std::vector<uint64_t>{there, there, there}));
}

// check: H1
TEST(InRuntimeTest, DropSuite) {
  Runtime other = MakeRuntime();
  const uint64_t there = other.handle().id();
  std::vector<uint64_t> told;
  RunDropSuite(
      [&](Tracked t) { return InRuntime(other.handle(), Join(PendingTimes(2, std::move(t)), TellsWhere(&told))); }, 4, [&] {
        for (const uint64_t place : told) EXPECT_EQ(place, there);
      });
  EXPECT_EQ(told.size(), 12u);  // five ends, seven polls
}

TEST(InRuntimeTest, GivesTheFutureBack) {
  Runtime driving = MakeRuntime(), other = MakeRuntime();
  std::vector<uint64_t> told;
  auto there = InRuntime(other.handle(), TellsWhere(&told));
  EXPECT_EQ(there.handle().id(), other.handle().id());
  const uint64_t here = driving.handle().id();
  EXPECT_TRUE(driving.BlockOn(std::move(there).IntoInner()).ok());
  EXPECT_EQ(told, (std::vector<uint64_t>{here, here, here}));
}

}  // namespace
}  // namespace kioto
