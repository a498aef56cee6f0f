// A task that yields lets the driver have its turn before it is polled again; a root future that parks its own thread.
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/base/park.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/time/instant.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using std::chrono::milliseconds;

// Whether a timer that was due when the task yielded, and that only a turn of the driver fires, has fired by its next poll.
// `same_thread`: whether both polls were on one thread; elsewhere another worker's turns may come in any order.
struct Seen {
  bool same_thread = true;
  bool fired = false;
};

class YieldsOnce : public FutureBase<YieldsOnce, Seen> {
 public:
  Poll<Seen> PollOnce(Context& cx) {
    const bool fired = sleep_.PollOnce(cx).ready();
    if (thread_ != std::thread::id()) return Seen{thread_ == std::this_thread::get_id(), fired};
    EXPECT_FALSE(fired);
    thread_ = std::this_thread::get_id();
    const auto until = std::chrono::steady_clock::now() + milliseconds(3);  // no wait for an event: the timer is due after it
    while (std::chrono::steady_clock::now() < until) {
    }
    cx.Yield();
    return kPending;
  }

 private:
  time::SleepFuture sleep_ = time::Sleep(milliseconds(1));
  std::thread::id thread_;
};

// behaviour: tokio/src/runtime/tests/loom_current_thread/yield_now.rs#yield_calls_park_before_scheduling_again
TEST(YieldTest, TheDriverHasItsTurnBeforeTheNextPollOnOneThread) {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  StatusOr<Seen> seen = runtime->BlockOn([] { return Spawn(YieldsOnce()); });
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_TRUE(seen->fired);
}

// behaviour: tokio/src/runtime/tests/loom_multi_thread/yield_now.rs#yield_calls_park_before_scheduling_again
TEST(YieldTest, TheDriverHasItsTurnBeforeTheNextPollOnTheSameWorker) {
  RuntimeBuilder builder = RuntimeBuilder::MultiThread();
  // The monitor would fire the timer in the place of a worker that is long in a poll.
  StatusOr<Runtime> runtime = builder.WorkerThreads(2).WithoutMonitor().Build();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  for (int stayed = 0; stayed < 3;) {
    StatusOr<Seen> seen = runtime->BlockOn(runtime->Spawn(YieldsOnce()));
    ASSERT_TRUE(seen.ok()) << seen.status();
    if (!seen->same_thread) continue;
    ++stayed;
    EXPECT_TRUE(seen->fired);
  }
}

// So many that they are more than one turn's. After each yield of the root all of them have been polled once more.
// behaviour: kioto/runtime/future/yield_now.h#a_root_that_yields_lets_all_that_is_ready_run
TEST(YieldTest, ARootThatYieldsLetsAllThatIsReadyRun) {
  constexpr size_t kTasks = 200;
  StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().EventInterval(61).Build();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  std::vector<int> polls(kTasks);
  int yields = 0;
  EXPECT_TRUE(runtime->BlockOn(PollFn([&](Context& cx) -> Poll<Unit> {
    if (yields == 0) {
      for (int& mine : polls) {
        Spawn(PollFn([&mine](Context& poll) -> Poll<Unit> {
          ++mine;
          poll.Yield();
          return kPending;
        })).Detach();
      }
    }
    EXPECT_EQ(polls, std::vector<int>(kTasks, yields));
    if (yields++ == 5) return Unit{};
    cx.Yield();
    return kPending;
  })).ok());
}

// A root that always has work: it comes to its end of budget, and then all others have a turn.
TEST(YieldTest, ARootThatUsesUpItsBudgetLetsAllThatIsReadyRun) {
  StatusOr<Runtime> runtime = Runtime::CurrentThread();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  int ran = 0, polls = 0;
  EXPECT_TRUE(runtime->BlockOn(PollFn([&](Context& cx) -> Poll<Unit> {
    if (++polls == 1) {
      for (int i = 0; i < 10; ++i) Spawn(Lazy([&ran] { ++ran; })).Detach();
    } else {
      EXPECT_EQ(ran, 10);
      return Unit{};
    }
    while (cx.ConsumeBudget()) {
    }
    return kPending;
  })).ok());
  EXPECT_EQ(polls, 2);
}

class RootTest : public FlavourTest {};
ON_EVERY_FLAVOUR(RootTest);

// behaviour: tokio/tests/rt_handle_block_on.rs#thread_park_ok
TEST_P(RootTest, MayParkItsThreadAfterItHasWokenItself) {
  int polls = 0;
  EXPECT_TRUE(runtime().handle().BlockOn(PollFn([&polls](Context& cx) -> Poll<Unit> {
    if (++polls == 2) return Unit{};
    cx.waker().Wake();
    base::Parker parker;
    parker.Unpark();
    parker.Park();
    return kPending;
  })).ok());
  EXPECT_EQ(polls, 2);
}

}  // namespace
}  // namespace kioto
