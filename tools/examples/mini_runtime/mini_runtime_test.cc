// The mini runtime runs what the real one runs.
#include "kioto/tools/examples/mini_runtime/mini_runtime.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/sync/mpsc.h"

namespace {

using namespace kioto;
using namespace std::chrono_literals;

class MiniRuntimeTest : public testing::TestWithParam<int> {
 protected:
  MiniRuntime runtime_{GetParam()};
};

TEST_P(MiniRuntimeTest, RunsChains) {
  EXPECT_EQ(runtime_.BlockOn(Ready(3).Then([](int& n) { return n + 4; })), 7);
}

TEST_P(MiniRuntimeTest, SleepsAtLeastSoLong) {
  const auto start = std::chrono::steady_clock::now();
  runtime_.BlockOn(Join(runtime_.Sleep(20ms), runtime_.Sleep(5ms), runtime_.Sleep(10ms)));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
}

TEST_P(MiniRuntimeTest, LosesNoWakeThatComesDuringAPoll) {
  int polls = 0;
  runtime_.BlockOn(PollFn([&polls](Context& cx) -> Poll<Unit> {
    if (++polls == 1000) return Unit{};
    cx.waker().Wake();
    return kPending;
  }));
  EXPECT_EQ(polls, 1000);
}

TEST_P(MiniRuntimeTest, YieldsTakeTurns) {
  int rounds = 0;
  runtime_.BlockOn(Loop([&rounds] {
    return YieldNow().Then([&rounds]() -> Flow<> { return ++rounds < 500 ? Flow<>(Continue()) : Break(); });
  }));
  EXPECT_EQ(rounds, 500);
}

TEST_P(MiniRuntimeTest, ChannelsOfKiotoWorkInIt) {
  auto channel = sync::Mpsc<int>(/*capacity=*/2);
  for (int i = 0; i < 4; ++i) {
    runtime_.Spawn(With(channel.sender, 0, [](sync::MpscSender<int>& sender, int& sent) {
      return Loop([&sender, &sent] {
        return sender.Send(1).AndThen([&sent]() -> Flow<> { return ++sent < 100 ? Flow<>(Continue()) : Break(); });
      });
    }));
  }
  channel.sender.reset();
  int sum = 0;
  EXPECT_TRUE(runtime_.BlockOn(ForEach(std::move(channel.receiver), [&sum](int& one) { sum += one; })).ok());
  EXPECT_EQ(sum, 400);
}

TEST_P(MiniRuntimeTest, SelectDropsTheSlower) {
  EXPECT_EQ(runtime_.BlockOn(Select(Case(runtime_.Sleep(1h), [] { return 1; }), Case(runtime_.Sleep(1ms), [] { return 2; }))), 2);
}

TEST_P(MiniRuntimeTest, EndsWithTasksThatWait) {
  auto owned = std::make_shared<int>(1);
  {
    MiniRuntime runtime(GetParam());
    for (int i = 0; i < 10; ++i) runtime.Spawn(runtime.Sleep(1h).Then([owned] {}));
    runtime.Spawn(PollFn([owned](Context&) -> Poll<Unit> { return kPending; }));
    runtime.BlockOn(YieldNow());
    EXPECT_EQ(owned.use_count(), 12);
  }
  EXPECT_EQ(owned.use_count(), 1);
}

INSTANTIATE_TEST_SUITE_P(Threads, MiniRuntimeTest, testing::Values(1, 2));

}  // namespace
