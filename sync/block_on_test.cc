#include "kioto/sync/block_on.h"

#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/sync/oneshot.h"

namespace kioto {
namespace {

TEST(BlockOnTest, SleepsUntilAnotherThreadHasSent) {
  auto channel = sync::Oneshot<int>();
  std::thread thread([sender = std::move(channel.sender)]() mutable { (void)std::move(sender).Send(7); });
  StatusOr<int> seven = BlockOn(std::move(channel.receiver));
  thread.join();
  EXPECT_EQ(*seven, 7);
}

TEST(BlockOnTest, GoesOnAfterAYield) {
  EXPECT_EQ(BlockOn(YieldNow().Then([](Unit&) { return 7; })), 7);
}

TEST(BlockOnTest, JoinsATask) {
  StatusOr<Runtime> runtime = RuntimeBuilder::MultiThread().WorkerThreads(1).Build();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  StatusOr<int> seven = BlockOn(runtime->Spawn(YieldNow().Then([](Unit&) { return 7; })));
  EXPECT_EQ(*seven, 7);
}

TEST(BlockOnDeathTest, RefusesAThreadThatRunsTasks) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        StatusOr<Runtime> runtime = RuntimeBuilder::CurrentThread().Build();
        (void)runtime->BlockOn([] { BlockOn(Ready()); });
      },
      "would stop every task");
}

}  // namespace
}  // namespace kioto
