// Dumps while somebody is inside BlockOn: its future is in them, with what it waits for.
#include "kioto/runtime/task/task_dump.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/yield_now.h"
#include "kioto/runtime/scheduler/in_runtime.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/scheduler/testing/dumps.h"
#include "kioto/runtime/task/local_set.h"

namespace kioto {
namespace {

using namespace dump_testing;  // NOLINT: the tests' own words

class BlockOnDumpTest : public testing::TestWithParam<Flavour> {};

// behaviour: kioto/runtime/task/task_dump.h#the_future_of_a_block_on
TEST_P(BlockOnDumpTest, ShowsWhatABlockOnWaitsFor) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto watched = std::make_shared<Watched>();
  RuntimeDump dump;
  std::thread dumper([&] {
    dump = WhenBlockOnsWait(handle);
    watched->Finish();
  });
  auto future = Select(Case(Never<int>().Named("my accept loop")), Case(Watched::Wait(watched)));
  const int line = __LINE__ + 1;
  EXPECT_TRUE(runtime.BlockOn(std::move(future)).ok());
  dumper.join();
  ASSERT_EQ(dump.block_ons.size(), 1u);
  EXPECT_TRUE(absl::EndsWith(dump.block_ons[0].file, "block_on_dump_test.cc"));
  EXPECT_EQ(dump.block_ons[0].line, line);
  EXPECT_EQ(Tree(dump.block_ons[0].waits),
            (std::vector<std::string>{"0 Select", "1 \"my accept loop\"", "2 Never", "1 Watched"}));
  EXPECT_EQ(dump.ToString(), absl::StrCat("the future of a BlockOn at ", dump.block_ons[0].file, ":", line,
                                          ": waiting\n  Select\n    \"my accept loop\"\n      Never\n    Watched\n0 tasks\n"));
  EXPECT_TRUE(handle.Dump().block_ons.empty());
  EXPECT_EQ(watched.use_count(), 1);
}

// The thread that drives a current-thread runtime is in the BlockOn that it looks at.
TEST_P(BlockOnDumpTest, ShowsTheBlockOnToATaskInsideOfIt) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  RuntimeDump dump;
  uint64_t id = 0;
  Status status = runtime.BlockOn([&] {
    auto task = Spawn(Until([&] {
      dump = handle.Dump();
      return dump.block_ons.size() == 1 && dump.block_ons[0].state == TaskDump::State::kWaiting;
    }));
    id = task.id();
    return task;
  });
  EXPECT_TRUE(status.ok()) << status;
  ASSERT_EQ(dump.block_ons.size(), 1u);
  EXPECT_EQ(Tree(dump.block_ons[0].waits), (std::vector<std::string>{absl::StrCat("0 JoinHandle of task ", id)}));
}

TEST_P(BlockOnDumpTest, ABlockOnInsideItsPollIsRunning) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  StatusOr<RuntimeDump> dump = runtime.BlockOn(Lazy([&] { return handle.Dump(); }));
  ASSERT_TRUE(dump.ok()) << dump.status();
  ASSERT_EQ(dump->block_ons.size(), 1u);
  EXPECT_EQ(dump->block_ons[0].state, TaskDump::State::kRunning);
  EXPECT_TRUE(dump->block_ons[0].waits.empty());
  EXPECT_TRUE(absl::StrContains(dump->ToString(), ": running\n0 tasks\n")) << dump->ToString();
}

// Of a current-thread runtime one thread drives, and the others wait for their turn.
TEST_P(BlockOnDumpTest, ShowsEachOfSeveralBlockOns) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto first = std::make_shared<Watched>();
  auto second = std::make_shared<Watched>();
  std::thread one([&] { EXPECT_TRUE(handle.BlockOn(Watched::Wait(first).Named("first")).ok()); });
  (void)WhenBlockOnsWait(handle);
  std::thread other([&] { EXPECT_TRUE(handle.BlockOn(Watched::Wait(second).Named("second")).ok()); });
  const RuntimeDump both = WhenBlockOnsWait(handle, 2);
  EXPECT_EQ(Tree(both.block_ons[0].waits), (std::vector<std::string>{"0 \"first\"", "1 Watched"}));
  EXPECT_EQ(Tree(both.block_ons[1].waits), (std::vector<std::string>{"0 \"second\"", "1 Watched"}));
  first->Finish();
  one.join();
  const RuntimeDump left = WhenBlockOnsWait(handle);
  EXPECT_EQ(Tree(left.block_ons[0].waits), (std::vector<std::string>{"0 \"second\"", "1 Watched"}));
  second->Finish();
  other.join();
}

TEST_P(BlockOnDumpTest, ShowsTheFutureThatDrivesALocalSet) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto watched = std::make_shared<Watched>();
  LocalSet set;
  auto kept = set.SpawnLocal(Never());
  RuntimeDump dump;
  std::thread dumper([&] {
    dump = WhenBlockOnsWait(handle);
    watched->Finish();
  });
  const int line = __LINE__ + 1;
  EXPECT_TRUE(set.BlockOn(runtime, Watched::Wait(watched)).ok());
  dumper.join();
  ASSERT_EQ(dump.block_ons.size(), 1u);
  EXPECT_EQ(dump.block_ons[0].line, line);
  EXPECT_EQ(Tree(dump.block_ons[0].waits), (std::vector<std::string>{"0 Watched"}));
  EXPECT_NE(Find(dump, kept.id()), nullptr);
  EXPECT_TRUE(set.Dump().block_ons.empty());
}

// It is listed by the runtime whose BlockOn it is.
TEST_P(BlockOnDumpTest, ShowsAFutureThatIsInAnotherRuntime) {
  Runtime runtime = MakeRuntime(GetParam());
  Runtime other = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto watched = std::make_shared<Watched>();
  RuntimeDump dump;
  RuntimeDump of_other;
  std::thread dumper([&] {
    dump = WhenBlockOnsWait(handle);
    of_other = other.Dump();
    watched->Finish();
  });
  EXPECT_TRUE(runtime.BlockOn(InRuntime(other.handle(), Watched::Wait(watched))).ok());
  dumper.join();
  ASSERT_EQ(dump.block_ons.size(), 1u);
  EXPECT_EQ(Tree(dump.block_ons[0].waits), (std::vector<std::string>{"0 Watched"}));
  EXPECT_TRUE(of_other.block_ons.empty());
}

TEST_P(BlockOnDumpTest, AWakeDuringALookAtABlockOnIsNotLost) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto watched = std::make_shared<Watched>();
  watched->on_look = [raw = watched.get()] { raw->Finish(); };
  std::thread dumper([&] { (void)WhenBlockOnsWait(handle); });
  StatusOr<int> n = runtime.BlockOn(Watched::Wait(watched));
  dumper.join();
  ASSERT_TRUE(n.ok()) << n.status();
  EXPECT_EQ(*n, 7);
  EXPECT_EQ(watched->polls, 2);
  EXPECT_EQ(watched.use_count(), 1);
}

// behaviour: kioto/runtime/task/task_dump.h#a_block_on_ends_after_the_look
TEST_P(BlockOnDumpTest, ABlockOnThatEndsAwaitsTheLook) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  auto watched = std::make_shared<Watched>();
  std::atomic<bool> looked{false};
  watched->on_look = [&] {
    runtime.ShutdownBackground();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();  // it would have ended by now
    looked = true;
  };
  std::thread dumper([&] { (void)WhenBlockOnsWait(handle); });
  StatusOr<int> n = runtime.BlockOn(Watched::Wait(watched));
  EXPECT_TRUE(looked);
  EXPECT_TRUE(IsShutdown(n.status())) << n.status();
  dumper.join();
  EXPECT_TRUE(runtime.Shutdown().clean());
  EXPECT_EQ(watched.use_count(), 1);
}

// BlockOn calls begin, are polled and end on two threads while two others dump, which find each of them at any point of its life.
TEST_P(BlockOnDumpTest, WhileBlockOnsComeAndGo) {
  Runtime runtime = MakeRuntime(GetParam());
  const Handle handle = runtime.handle();
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> seen{0};
  std::vector<std::thread> dumpers;
  for (int i = 0; i < 2; ++i) {
    dumpers.emplace_back([&] {
      while (!stop) {
        for (const BlockOnDump& block_on : handle.Dump().block_ons) seen += block_on.waits.size();
      }
    });
  }
  auto alive = std::make_shared<int>(0);
  const auto block = [&] {
    for (int round = 0; round < 300; ++round) {
      Status status = handle.BlockOn([&] {
        return OnDrop(Spawn(YieldNow()), [alive] {}).Then([](Status& joined) {
          EXPECT_TRUE(joined.ok()) << joined;
          return YieldNow();
        });
      });
      EXPECT_TRUE(status.ok()) << status;
    }
  };
  std::thread other(block);
  block();
  other.join();
  EXPECT_EQ(alive.use_count(), 1);
  stop = true;
  for (std::thread& dumper : dumpers) dumper.join();
  EXPECT_TRUE(handle.Dump().block_ons.empty());
}

INSTANTIATE_TEST_SUITE_P(Flavours, BlockOnDumpTest, testing::ValuesIn(kFlavours));

}  // namespace
}  // namespace kioto
