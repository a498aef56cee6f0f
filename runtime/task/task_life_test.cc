// Who ends a task's future, and when; and what keeps its memory: with the handles dropped in each order.
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/task/testing/hand_scheduler.h"

namespace kioto::internal {
namespace {

auto HoldForEver(std::shared_ptr<int> owned) {
  return PollFn([owned = std::move(owned)](Context&) -> Poll<Unit> { return kPending; });
}

class TaskLifeTest : public testing::Test {
 protected:
  // References to the task, its entry in the queue and its handles.
  static uint64_t References(const TaskHeader* task) { return task->state.load(std::memory_order_relaxed) >> TaskHeader::kRefShift; }

  HandScheduler scheduler_;
  std::shared_ptr<int> owned_ = std::make_shared<int>(1);
};

// --- Never run -----------------------------------------------------------------------------------------------------------

// An entry of the queue is the right to poll: it can not be dropped, only run or cancelled.
// behaviour: tokio/src/runtime/tests/task.rs#create_drop1
TEST_F(TaskLifeTest, TheEntryGoesThenTheHandle) {
  auto handle = Spawn(HoldForEver(owned_));
  TaskHeader* task = scheduler_.queue.front();
  scheduler_.Shutdown();
  EXPECT_EQ(owned_.use_count(), 1);
  EXPECT_EQ(References(task), 1u);  // the handle's
  EXPECT_TRUE(handle.finished());
}

// behaviour: tokio/src/runtime/tests/task.rs#create_drop2
// behaviour: tokio/src/runtime/tests/task.rs#create_shutdown1
TEST_F(TaskLifeTest, TheHandleGoesThenTheEntry) {
  auto handle = Spawn(HoldForEver(owned_));
  TaskHeader* task = scheduler_.queue.front();
  handle.reset();
  EXPECT_EQ(owned_.use_count(), 2);
  EXPECT_EQ(References(task), 1u);  // the entry's
  scheduler_.Shutdown();
  EXPECT_EQ(owned_.use_count(), 1);
}

// behaviour: tokio/src/runtime/tests/task.rs#create_shutdown2
TEST_F(TaskLifeTest, TheEndDestroysTheFutureUnderItsHandle) {
  auto handle = Spawn(HoldForEver(owned_));
  scheduler_.Shutdown();
  EXPECT_EQ(owned_.use_count(), 1);
  EXPECT_TRUE(IsShutdown(*handle.TryTake()));
}

// behaviour: tokio/src/runtime/tests/task.rs#drop_abort_handle1
TEST_F(TaskLifeTest, AnAbortHandleKeepsTheMemoryLast) {
  auto handle = Spawn(HoldForEver(owned_));
  TaskHeader* task = scheduler_.queue.front();
  AbortHandle abort = handle.abort_handle();
  const uint64_t id = handle.id();
  handle.reset();
  scheduler_.Shutdown();
  EXPECT_EQ(owned_.use_count(), 1);
  EXPECT_EQ(References(task), 1u);  // the abort handle's
  EXPECT_TRUE(abort.finished());
  EXPECT_EQ(abort.id(), id);
}

// behaviour: tokio/src/runtime/tests/task.rs#drop_abort_handle2
TEST_F(TaskLifeTest, AnAbortHandleGoesInTheMiddle) {
  auto handle = Spawn(HoldForEver(owned_));
  TaskHeader* task = scheduler_.queue.front();
  AbortHandle abort = handle.abort_handle();
  scheduler_.Shutdown();
  EXPECT_EQ(References(task), 2u);
  abort = AbortHandle();
  EXPECT_EQ(References(task), 1u);  // the handle's
  EXPECT_TRUE(IsShutdown(*handle.TryTake()));
}

// --- Run -----------------------------------------------------------------------------------------------------------------

// behaviour: tokio/src/runtime/tests/task.rs#unowned_poll
TEST_F(TaskLifeTest, OneRunOfWhatIsReadyIsAll) {
  auto handle = Spawn(Lazy([] { return 3; }));
  scheduler_.RunOne();
  EXPECT_EQ(**handle.TryTake(), 3);
  EXPECT_EQ(scheduler_.owned.size(), 0u);
}

// behaviour: tokio/src/runtime/tests/task.rs#schedule
TEST_F(TaskLifeTest, ATaskThatYieldsOnceTakesTwoTicks) {
  auto handle = Spawn(YieldNow());
  EXPECT_EQ(scheduler_.Tick(), 1);
  EXPECT_FALSE(handle.finished());
  EXPECT_EQ(scheduler_.Tick(), 1);
  EXPECT_TRUE(handle.finished());
  EXPECT_EQ(scheduler_.Tick(), 0);
}

auto YieldsForEver(std::shared_ptr<int> owned) {
  return PollFn([owned = std::move(owned)](Context& cx) -> Poll<Unit> {
    cx.Yield();
    return kPending;
  });
}

// behaviour: tokio/src/runtime/tests/task.rs#shutdown
// behaviour: tokio/src/runtime/tests/task.rs#shutdown_immediately
TEST_F(TaskLifeTest, ATaskThatAlwaysYieldsIsEnded) {
  Spawn(YieldsForEver(owned_)).Detach();
  EXPECT_EQ(scheduler_.Tick(), 1);
  Spawn(YieldsForEver(owned_)).Detach();  // has had no turn yet
  scheduler_.Shutdown();
  EXPECT_EQ(owned_.use_count(), 1);
}

// Spawns when it is destroyed.
struct SpawnsAtItsEnd {
  SpawnsAtItsEnd(std::shared_ptr<int> owned, bool* refused) : owned(std::move(owned)), refused(refused) {}
  SpawnsAtItsEnd(SpawnsAtItsEnd&&) = default;
  ~SpawnsAtItsEnd() {
    if (owned != nullptr) *refused = IsShutdown(*Spawn(HoldForEver(owned)).TryTake());
  }
  std::shared_ptr<int> owned;
  bool* refused;
};

// behaviour: tokio/src/runtime/tests/task.rs#spawn_during_shutdown
TEST_F(TaskLifeTest, ADestructorMaySpawnWhileAllEnds) {
  bool refused = false;
  Spawn(PollFn([spawns = SpawnsAtItsEnd(owned_, &refused)](Context&) -> Poll<Unit> { return kPending; })).Detach();
  scheduler_.Tick();
  scheduler_.Shutdown();
  EXPECT_TRUE(refused);
  EXPECT_EQ(owned_.use_count(), 1);
}

// behaviour: tokio/src/runtime/tests/task.rs#spawn_niche_in_task
TEST_F(TaskLifeTest, ATaskWakesOthersThroughAListOfTheirWakers) {
  int version = 0;
  std::vector<Waker> wakers;
  auto changed = [&] {
    return PollFn([&, seen = version](Context& cx) -> Poll<Unit> {
      if (version != seen) return Unit{};
      wakers.push_back(cx.waker());
      return kPending;
    });
  };
  auto waits = [&] { return Lazy(changed).Then([&](Unit&) { return changed(); }); };
  auto notify = [&] {
    ++version;
    for (Waker& waker : std::exchange(wakers, {})) waker.Wake();
  };
  auto one = Spawn(waits());
  auto two = Spawn(waits());
  EXPECT_EQ(scheduler_.Tick(), 2);
  for (int i = 0; i < 2; ++i) {
    Spawn(Lazy(notify)).Detach();
    EXPECT_EQ(scheduler_.Tick(), 1);
    EXPECT_EQ(scheduler_.Tick(), 2);
  }
  EXPECT_TRUE(one.finished());
  EXPECT_TRUE(two.finished());
  EXPECT_EQ(scheduler_.Tick(), 0);
}

// --- What is in it -------------------------------------------------------------------------------------------------------

// behaviour: tokio/src/runtime/task/core.rs#header_lte_cache_line
TEST_F(TaskLifeTest, TheHeaderIsSmall) {
  EXPECT_LE(sizeof(TaskHeader), 80u);  // of which 16 say where it was spawned
}

// behaviour: tokio/src/runtime/task/list.rs#test_id_not_broken
TEST_F(TaskLifeTest, IdsOfAThreadRise) {
  uint64_t last = 0;
  for (int i = 0; i < 3000; ++i) {  // more than a thread takes at once
    const uint64_t id = NextTaskId();
    EXPECT_GT(id, last);
    last = id;
  }
}

}  // namespace
}  // namespace kioto::internal
