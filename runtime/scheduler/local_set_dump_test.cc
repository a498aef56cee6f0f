// Dumps of a runtime that drives LocalSets: their tasks are in them.
#include "kioto/runtime/task/task_dump.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/yield_now.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/scheduler/testing/dumps.h"
#include "kioto/runtime/task/local_set.h"

namespace kioto {
namespace {

using namespace dump_testing;  // NOLINT: the tests' own words

class LocalSetDumpTest : public testing::TestWithParam<Flavour> {};

// behaviour: kioto/runtime/task/task_dump.h#tasks_of_local_sets
TEST_P(LocalSetDumpTest, ShowsTheTasksOfALocalSetThatItDroveLast) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  LocalSet set;
  auto kept = set.SpawnLocal(Never().Named("kept"));
  EXPECT_EQ(handle.Dump().tasks.size(), 0u);  // nobody has driven it yet
  EXPECT_EQ(set.BlockOn(runtime, [&] { return Until([&] { return Waits(handle, kept.id()); }); }), OkStatus());

  auto own = runtime.Spawn(Never());
  const RuntimeDump dump = handle.Dump();  // it may be driven again
  ASSERT_EQ(dump.tasks.size(), 2u);
  EXPECT_LT(dump.tasks[0].id, dump.tasks[1].id);
  ASSERT_NE(Find(dump, own.id()), nullptr);
  const TaskDump* task = Find(dump, kept.id());
  ASSERT_NE(task, nullptr);
  EXPECT_TRUE(task->local);
  EXPECT_EQ(Tree(task), (std::vector<std::string>{"0 \"kept\"", "1 Never"}));
  const RuntimeDump of_set = set.Dump();
  ASSERT_EQ(of_set.tasks.size(), 1u);
  EXPECT_EQ(of_set.tasks[0].id, kept.id());

  Runtime other = MakeRuntime(GetParam());
  EXPECT_EQ(other.Dump().tasks.size(), 0u);
  EXPECT_EQ(set.BlockOn(other, YieldNow()), OkStatus());
  EXPECT_NE(Find(other.Dump(), kept.id()), nullptr);
  EXPECT_EQ(Find(handle.Dump(), kept.id()), nullptr);
}

// behaviour: kioto/runtime/task/task_dump.h#tasks_of_local_sets
TEST_P(LocalSetDumpTest, ATaskOfALocalSetIsSeenRunning) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  LocalSet set;
  RuntimeDump dump;
  auto running = set.SpawnLocal(Lazy([&] { std::thread([&] { dump = handle.Dump(); }).join(); }));
  const uint64_t id = running.id();
  EXPECT_EQ(set.BlockOn(runtime, std::move(running)), OkStatus());
  const TaskDump* task = Find(dump, id);
  ASSERT_NE(task, nullptr);
  EXPECT_EQ(task->state, TaskDump::State::kRunning);
}

TEST_P(LocalSetDumpTest, TheLimitIsOfTheTasksOfLocalSetsToo) {
  Runtime runtime = MakeRuntime(GetParam());
  LocalSet set;
  std::vector<JoinHandle<Unit>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(set.SpawnLocal(Never()));
  for (int i = 0; i < 3; ++i) tasks.push_back(runtime.Spawn(Never()));
  EXPECT_EQ(set.BlockOn(runtime, YieldNow()), OkStatus());
  DumpOptions options;
  for (size_t at_most : {2, 3, 4}) {
    options.at_most = at_most;
    const RuntimeDump dump = runtime.Dump(options);
    EXPECT_EQ(dump.tasks.size(), at_most);
    EXPECT_EQ(dump.left_out, 6 - at_most);
  }
}

// Sets begin, are driven and end while another thread dumps, which finds each of them at any point of its life.
TEST_P(LocalSetDumpTest, WhileLocalSetsComeAndGo) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  std::atomic<bool> stop{false};
  std::thread dumper([&] {
    while (!stop) (void)handle.Dump();
  });
  auto alive = std::make_shared<int>(0);
  for (int round = 0; round < 300; ++round) {
    LocalSet set;
    for (int i = 0; i < 20; ++i) set.SpawnLocal(OnDrop(Never(), [alive] {})).Detach();
    JoinHandle<Unit> yields = set.SpawnLocal(YieldNow());
    EXPECT_EQ(set.BlockOn(runtime, std::move(yields)), OkStatus());
  }
  EXPECT_EQ(alive.use_count(), 1);
  stop = true;
  dumper.join();
}

INSTANTIATE_TEST_SUITE_P(Flavours, LocalSetDumpTest, testing::ValuesIn(kFlavours));

}  // namespace
}  // namespace kioto
