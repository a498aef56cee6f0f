// Fairness on every flavour: a task that is always ready holds up nobody, and the driver has its turn.
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/conformance/flavours.h"

namespace kioto {
namespace {

using sync::MpscUnbounded;
using sync::Oneshot;

class FairnessTest : public FlavourTest {
 protected:
  // A task that is always ready, until the test ends.
  void StartLoad() { runtime().Spawn(SpinUntil(stop_)).Detach(); }
  void TearDown() override { stop_ = true; }

  std::atomic<bool> stop_{false};
};
ON_EVERY_FLAVOUR(FairnessTest);

// behaviour: tokio/tests/rt_common.rs#complete_block_on_under_load
TEST_P(FairnessTest, BlockOnEndsUnderLoad) {
  StartLoad();
  auto channel = Oneshot<int>();
  std::optional<TestThread> thread;
  StatusOr<int> n = runtime().BlockOn([&] {
    thread.emplace([&] { channel.sender.Send(1); });
    return std::move(channel.receiver);
  });
  ASSERT_TRUE(n.ok()) << n.status();
}

// behaviour: tokio/tests/rt_common.rs#complete_task_under_load
TEST_P(FairnessTest, ATaskEndsUnderLoad) {
  StartLoad();
  auto channel = Oneshot<int>();
  std::optional<TestThread> thread;
  StatusOr<int> n = runtime().BlockOn([&] {
    thread.emplace([&] { channel.sender.Send(1); });
    return Spawn(std::move(channel.receiver));
  });
  ASSERT_TRUE(n.ok()) << n.status();
}

// behaviour: tokio/tests/rt_common.rs#coop
TEST_P(FairnessTest, AChannelThatIsFullMakesItsReaderWaitAtTimes) {
  constexpr int kMessages = 1000;
  auto channel = MpscUnbounded<int>();
  for (int i = 0; i < kMessages; ++i) EXPECT_TRUE(channel.sender.Send(i).ok());
  int got = 0;
  EXPECT_TRUE(runtime().BlockOn(PollFn([&](Context& cx) -> Poll<Unit> {
    while (got < kMessages) {
      auto recv = channel.receiver.Recv();
      if (recv.PollOnce(cx).pending()) return Unit{};
      ++got;
    }
    return Unit{};
  })).ok());
  EXPECT_GT(got, 0);
  EXPECT_LE(got, limits::kPollBudget);
}

// Pairs of tasks that answer each other at once, and so go from LIFO slot to LIFO slot, until the counter stands still.
// behaviour: tokio/tests/rt_common.rs#ping_pong_saturation
TEST_P(FairnessTest, PairsThatWakeEachOtherDoNotStarveATaskThatYields) {
  constexpr int kPairs = 100;
  auto answers = [this](auto in, auto out) {
    return With(std::move(in), std::move(out), [this](auto& in, auto& out) {
      return Loop([&, this] {
        return in.Recv().Then([&, this](std::optional<Unit>& message) {
          if (!message || stop_) return Flow<>(Break());
          (void)out.Send(Unit{});
          return Flow<>(Continue());
        });
      });
    });
  };
  std::vector<JoinHandle<Unit>> players;
  const Status status = runtime().BlockOn([&] {
    for (int i = 0; i < kPairs; ++i) {
      auto to = MpscUnbounded<Unit>();
      auto back = MpscUnbounded<Unit>();
      (void)to.sender.Send(Unit{});
      players.push_back(Spawn(answers(std::move(to.receiver), std::move(back.sender))));
      players.push_back(Spawn(answers(std::move(back.receiver), std::move(to.sender))));
    }
    return Spawn(Yields(5));
  });
  EXPECT_TRUE(status.ok()) << status;
  stop_ = true;  // who stops drops its sender, which stops the other
  EXPECT_TRUE(runtime().BlockOn(TryJoinAll(std::move(players))).ok());
}

// --- The driver ----------------------------------------------------------------------------------------------------------

// With all workers but one in a job that blocks, a task connects to its own listener, and counts how often it waits for
// the rest by `wait` until the connection has come: the driver must look at the sockets before a task that yielded runs again.
class DriverTurnTest : public FlavourTest {
 protected:
  template <class Wait>
  int WaitsUntilAccepted(Wait wait) {
    std::promise<void> gate;
    std::shared_future<void> opened = gate.get_future().share();
    std::atomic<int> inside{0};
    for (int i = 1; i < GetParam(); ++i) {
      runtime().Spawn(Lazy([opened, &inside] {
        ++inside;
        opened.wait();
      })).Detach();
    }
    while (inside < GetParam() - 1) std::this_thread::yield();
    int waits = 0;
    const Status status = runtime().BlockOn([&] {
      return Spawn(net::TcpListener::Bind("127.0.0.1:0").AndThen([&](net::TcpListener& listener) {
        return With(false, *listener.local_address(), [&](bool& accepted, net::SocketAddress& address) {
          return Join(listener.Accept().Map([&](StatusOr<net::TcpStream>& stream) {
                        accepted = true;
                        return stream.ok();
                      }),
                      Lazy([&] {
                        return With(net::BlockingSocket(address), [&](net::BlockingSocket&) {
                          return Loop([&] { return If(accepted, Break, [&] { ++waits; return wait().Then([] { return Continue(); }); }); });
                        });
                      }))
              .Map([](auto&) { return OkStatus(); });
        });
      }));
    });
    EXPECT_TRUE(status.ok()) << status;
    gate.set_value();
    return waits;
  }
};
ON_EVERY_FLAVOUR(DriverTurnTest);

// behaviour: tokio/tests/rt_common.rs#yield_defers_until_park
TEST_P(DriverTurnTest, ComesBeforeATaskThatYieldedRunsAgain) {
  EXPECT_LT(WaitsUntilAccepted([] { return YieldNow(); }), 10);
}

// behaviour: tokio/tests/rt_common.rs#coop_yield_defers_until_park
TEST_P(DriverTurnTest, ComesBeforeATaskThatHasSpentItsBudgetRunsAgain) {
  EXPECT_LT(WaitsUntilAccepted([] {
    return PollFn([spent = false](Context& cx) mutable -> Poll<Unit> {
      if (spent) return Unit{};
      spent = true;
      while (cx.ConsumeBudget()) {
      }
      return kPending;
    });
  }), 10);
}

}  // namespace
}  // namespace kioto
