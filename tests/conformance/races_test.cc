// Races of tasks, their wakers, their handles and the end of their pool of workers, over and over: the schedules that the
// models (tests/model) search one protocol at a time, here on the whole runtime, and under ThreadSanitizer.
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/future/waker_slot.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/conformance/flavours.h"

namespace kioto {
namespace {

using sync::Oneshot;
using sync::OneshotSender;

constexpr int kRounds = 50;

class RacesTest : public FlavourTest {};
ON_EVERY_FLAVOUR(RacesTest);

// Ready once it was opened, from anywhere.
class Gate {
 public:
  void Open() {
    open_ = true;
    waiting_.Wake();
  }
  auto Wait() {
    return PollFn([this](Context& cx) -> Poll<Unit> {
      waiting_.Register(cx.waker());
      if (open_) return Unit{};
      return kPending;
    });
  }

 private:
  std::atomic<bool> open_{false};
  WakerSlot waiting_;
};

// behaviour: tokio/src/runtime/tests/loom_multi_thread.rs#complete_block_on_under_load
TEST_P(RacesTest, BlockOnIsWokenByAThreadBesideATask) {
  for (int round = 0; round < kRounds; ++round) {
    Gate gate;
    Runtime runtime = Make();
    TestThread opener([&] { gate.Open(); });
    runtime.Spawn(Yields(2)).Detach();
    EXPECT_TRUE(runtime.BlockOn(gate.Wait()).ok());
  }
}

// behaviour: tokio/src/runtime/tests/loom_multi_thread.rs#join_output
TEST_P(RacesTest, AnOutputIsJoined) {
  for (int round = 0; round < kRounds; ++round) {
    auto text = runtime().BlockOn(runtime().Spawn(Lazy([] { return std::string("hello"); })));
    EXPECT_EQ(*text, "hello");
  }
}

// behaviour: tokio/src/runtime/tests/loom_multi_thread.rs#poll_drop_handle_then_drop
TEST_P(RacesTest, AHandleThatWaitedIsDroppedWhileItsTaskEnds) {
  for (int round = 0; round < kRounds; ++round) {
    auto owned = std::make_shared<int>(1);
    Runtime runtime = Make();
    EXPECT_TRUE(runtime.BlockOn([&] {
      return With(Spawn(Lazy([owned] { return owned; })), [](auto& handle) {
        return PollFn([&handle](Context& cx) -> Poll<Unit> {
          (void)handle.PollOnce(cx).ready();
          return Unit{};
        });
      });
    }).ok());
    EXPECT_TRUE(runtime.Shutdown().clean());
    EXPECT_EQ(owned.use_count(), 1);
  }
}

// behaviour: tokio/src/runtime/tests/loom_current_thread.rs#drop_jh_during_schedule
TEST_P(RacesTest, AHandleThatWaitsElsewhereIsDroppedWhileItsTaskEnds) {
  for (int round = 0; round < kRounds; ++round) {
    auto owned = std::make_shared<int>(1);
    Runtime runtime = Make();
    PolledTask waits(runtime.Spawn(Lazy([owned] { return owned; })));
    std::promise<void> waiting;
    TestThread dropper([&] {
      (void)waits.Poll().ready();
      waiting.set_value();
      waits.Drop();
    });
    waiting.get_future().wait();
    EXPECT_TRUE(runtime.BlockOn(Yields(2)).ok());
    dropper.Join();
    EXPECT_TRUE(runtime.Shutdown().clean());
    EXPECT_LE(waits.wakes(), 1);
    EXPECT_EQ(waits.held(), 0);
    EXPECT_EQ(owned.use_count(), 1);
  }
}

// behaviour: tokio/src/runtime/tests/loom_multi_thread.rs#pool_multi_spawn
TEST_P(RacesTest, TheLastOfTheChildrenIsSeen) {
  for (int round = 0; round < kRounds; ++round) {
    std::atomic<int> left{2};
    auto done = std::make_shared<OneshotSender<int>>();
    auto channel = Oneshot<int>();
    *done = std::move(channel.sender);
    for (int i = 0; i < 2; ++i) {
      runtime().Spawn(Lazy([&left, done] {
        Spawn(Lazy([&left, done] {
          if (--left == 0) done->Send(1);
        })).Detach();
      })).Detach();
    }
    EXPECT_TRUE(runtime().BlockOn(std::move(channel.receiver)).ok());
  }
}

// behaviour: tokio/src/runtime/tests/loom_multi_thread.rs#pool_multi_notify
TEST_P(RacesTest, TasksThatAreWokenTwiceComeToTheirEnd) {
  for (int round = 0; round < kRounds; ++round) {
    auto twice = [] {
      return With(std::make_shared<Gate>(), std::make_shared<Gate>(), [](auto& first, auto& second) {
        Spawn(Lazy([first, second] {
          first->Open();
          second->Open();
        })).Detach();
        return first->Wait().Then([&second](Unit&) { return second->Wait(); });
      });
    };
    EXPECT_TRUE(runtime().BlockOn(TryJoin(runtime().Spawn(twice()), runtime().Spawn(twice()))).ok());
  }
}

// behaviour: tokio/src/runtime/tests/loom_multi_thread.rs#pool_shutdown
TEST_P(RacesTest, TasksAreWokenFromTwoSidesWhileTheRuntimeEnds) {
  for (int round = 0; round < kRounds; ++round) {
    auto first = std::make_shared<Gate>();
    auto second = std::make_shared<Gate>();
    auto waits = [](std::shared_ptr<Gate> gate) { return With(std::move(gate), [](auto& gate) { return gate->Wait(); }); };
    std::optional<TestThread> opener;
    {
      Runtime runtime = Make();
      JoinHandle<Unit> one = runtime.Spawn(waits(first));
      JoinHandle<Unit> two = runtime.Spawn(waits(second));
      runtime.Spawn(Lazy([first] { first->Open(); })).Detach();
      opener.emplace([second] { second->Open(); });
      EXPECT_TRUE(runtime.Shutdown().clean());
      EXPECT_TRUE(one.finished());
      EXPECT_TRUE(two.finished());
    }
    opener.reset();
    EXPECT_EQ(first.use_count(), 1);
    EXPECT_EQ(second.use_count(), 1);
  }
}

// behaviour: tokio/src/runtime/tests/loom_multi_thread.rs#shutdown_with_notification
TEST_P(RacesTest, JobsNotifyTasksOfTasksWhileTheRuntimeEnds) {
  for (int round = 0; round < kRounds; ++round) {
    auto owned = std::make_shared<int>(1);
    {
      Runtime runtime = Make();
      runtime.Spawn(Lazy([owned] {
        auto channel = Oneshot<int>();
        Spawn(Lazy([owned, to = std::move(channel.sender)]() mutable {
          SpawnBlocking([owned, to = std::move(to)]() mutable { to.Send(1); }).Detach();
        })).Detach();
        return std::move(channel.receiver);
      })).Detach();
      if (round % 2 == 0) {
        EXPECT_TRUE(runtime.BlockOn(YieldNow()).ok());
      }
    }
    EXPECT_EQ(owned.use_count(), 1);
  }
}

// --- How often a root is polled ------------------------------------------------------------------------------------------

// behaviour: tokio/src/runtime/tests/loom_current_thread.rs#assert_no_unnecessary_polls
TEST_P(RacesTest, TheRootIsPolledForItsOwnWakesOnly) {
  for (int round = 0; round < kRounds; ++round) {
    auto channel = Oneshot<int>();
    runtime().Spawn(Yields(24).Then([to = std::move(channel.sender)](Unit) mutable { to.Send(1); })).Detach();
    int pending = 0;
    EXPECT_TRUE(runtime().BlockOn(With(std::move(channel.receiver), [&](auto& receiver) {
      return YieldNow().Then([&](Unit&) {
        return PollFn([&](Context& cx) {
          auto poll = receiver.PollOnce(cx);
          pending += poll.pending();
          return poll;
        });
      });
    })).ok());
    EXPECT_LE(pending, 1);
  }
}

// behaviour: tokio/src/runtime/tests/loom_current_thread.rs#block_on_num_polls
TEST_P(RacesTest, TheRootsOfThreeThreadsArePolledForTheirOwnWakesOnly) {
  for (int round = 0; round < kRounds / 4; ++round) {
    std::atomic<int> most{0};
    auto blocks = [&] {
      int polls = 0;
      auto channel = Oneshot<int>();
      runtime().Spawn(Yields(12).Then([to = std::move(channel.sender)](Unit) mutable { to.Send(1); })).Detach();
      EXPECT_TRUE(runtime().BlockOn(PollFn([&](Context& cx) {
        ++polls;
        return channel.receiver.PollOnce(cx);
      })).ok());
      if (polls > most) most = polls;
    };
    (void)runtime();
    TestThread one(blocks), two(blocks);
    blocks();
    one.Join();
    two.Join();
    EXPECT_LE(most, 4);
  }
}

}  // namespace
}  // namespace kioto
