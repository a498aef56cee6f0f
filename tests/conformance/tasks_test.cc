// Tasks on every flavour of runtime: that they run, wherever they were spawned, and what they give.
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/oneshot.h"
#include "kioto/tests/conformance/flavours.h"

namespace kioto {
namespace {

using sync::MpscUnbounded;
using sync::MpscUnboundedSender;
using sync::Oneshot;
using sync::OneshotReceiver;
using sync::OneshotSender;

class TasksTest : public FlavourTest {};
ON_EVERY_FLAVOUR(TasksTest);

// Sends `value` once it runs.
auto Sends(OneshotSender<int> sender, int value) {
  return Lazy([sender = std::move(sender), value]() mutable { sender.Send(value); });
}

// Passes on what it receives.
auto Relay(OneshotReceiver<int> from, OneshotSender<int> to) {
  return std::move(from).Then([to = std::move(to)](StatusOr<int>& n) mutable { to.Send(*n); });
}

// behaviour: tokio/tests/rt_common.rs#block_on_sync
TEST_P(TasksTest, BlockOnRunsWhatIsReadyAtOnce) {
  bool ran = false;
  EXPECT_TRUE(runtime().BlockOn([&] { ran = true; }).ok());
  EXPECT_TRUE(ran);
}

// behaviour: tokio/tests/rt_common.rs#block_on_async
TEST_P(TasksTest, BlockOnWaitsForAnotherThread) {
  auto channel = Oneshot<std::string>();
  std::optional<TestThread> thread;
  StatusOr<std::string> text = runtime().BlockOn([&] {
    // Sends only when the receiver has waited once: the wake comes to a thread that sleeps, or is about to.
    thread.emplace([&] { channel.sender.Send("ZOMG"); });
    return std::move(channel.receiver);
  });
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "ZOMG");
}

// behaviour: tokio/tests/rt_panic.rs#into_panic_panic_caller
TEST_P(TasksTest, WhatWasAbortedHasThrownNothing) {
  JoinHandle<Unit> task = runtime().Spawn(Never<Unit>());
  task.Abort();
  const Status status = runtime().BlockOn(std::move(task));
  EXPECT_TRUE(kioto::IsAborted(status)) << status;
  EXPECT_FALSE(IsThrown(status));
#if KIOTO_EXCEPTIONS
  EXPECT_EQ(ThrownException(status), nullptr);
  RethrowIfThrown(status);
#endif
}

// behaviour: tokio/tests/rt_common.rs#spawn_one_bg
TEST_P(TasksTest, ATaskIsRunInTheBackground) {
  StatusOr<int> n = runtime().BlockOn([] {
    auto channel = Oneshot<int>();
    Spawn(Sends(std::move(channel.sender), 7)).Detach();
    return std::move(channel.receiver);
  });
  ASSERT_TRUE(n.ok()) << n.status();
  EXPECT_EQ(*n, 7);
}

// behaviour: tokio/tests/rt_common.rs#spawn_one_join
TEST_P(TasksTest, AHandleGivesTheOutputBesidesWhatTheTaskSent) {
  auto both = runtime().BlockOn([] {
    auto channel = Oneshot<int>();
    auto task = Spawn(Sends(std::move(channel.sender), 7).Then([] { return std::string("DONE"); }));
    return TryJoin(std::move(channel.receiver), std::move(task));
  });
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(*both, std::make_tuple(7, std::string("DONE")));
}

// behaviour: tokio/tests/rt_common.rs#spawn_two
TEST_P(TasksTest, TwoTasksRelay) {
  StatusOr<int> n = runtime().BlockOn([] {
    auto first = Oneshot<int>();
    auto second = Oneshot<int>();
    Spawn(Sends(std::move(first.sender), 7)).Detach();
    Spawn(Relay(std::move(first.receiver), std::move(second.sender))).Detach();
    return std::move(second.receiver);
  });
  ASSERT_TRUE(n.ok()) << n.status();
  EXPECT_EQ(*n, 7);
}

// behaviour: tokio/tests/rt_common.rs#spawn_await_chain
TEST_P(TasksTest, OutputsComeThroughAChainOfHandles) {
  StatusOr<std::string> text = runtime().BlockOn([] {
    return Spawn(Lazy([] { return Spawn(Lazy([] { return Spawn(Ready(std::string("hello"))); })); }));
  });
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "hello");
}

// --- Many ----------------------------------------------------------------------------------------------------------------

// So many tasks, each of which waits for a number from a plain thread and passes it on; what came out, sorted into place.
class Crowd {
 public:
  explicit Crowd(int size) : seen(size) {}

  // Inside the runtime.
  auto Run() {
    auto [sender, receiver] = MpscUnbounded<int>();
    std::vector<OneshotSender<int>> starts;
    for (size_t i = 0; i < seen.size(); ++i) {
      auto start = Oneshot<int>();
      Spawn(std::move(start.receiver).Then([to = sender](StatusOr<int>& n) { (void)to.Send(*n); })).Detach();
      starts.push_back(std::move(start.sender));
    }
    thread_.emplace([starts = std::move(starts)]() mutable {
      for (size_t i = 0; i < starts.size(); ++i) starts[i].Send(static_cast<int>(i));
    });
    sender.reset();
    return With(std::move(receiver), [this](auto& in) {
      return Loop([this, &in] {
        return in.Recv().Then([this](std::optional<int>& n) {
          if (!n) return Flow<>(Break());
          ++seen[*n];
          return Flow<>(Continue());
        });
      });
    });
  }

  std::vector<int> seen;

 private:
  std::optional<TestThread> thread_;
};

// behaviour: tokio/tests/rt_common.rs#spawn_many_from_block_on
TEST_P(TasksTest, ManyTasksOfBlockOnAreWokenByAThread) {
  Crowd crowd(200);
  EXPECT_TRUE(runtime().BlockOn([&] { return crowd.Run(); }).ok());
  EXPECT_EQ(crowd.seen, std::vector<int>(200, 1));
}

// behaviour: tokio/tests/rt_common.rs#spawn_many_from_task
TEST_P(TasksTest, ManyTasksOfATaskAreWokenByAThread) {
  Crowd crowd(500);
  EXPECT_TRUE(runtime().BlockOn([&] { return Spawn(Lazy([&] { return crowd.Run(); })); }).ok());
  EXPECT_EQ(crowd.seen, std::vector<int>(500, 1));
}

// --- From where ----------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_common.rs#enter_and_spawn
TEST_P(TasksTest, AThreadThatHasEnteredMaySpawn) {
  JoinHandle<int> handle = [&] {
    EnterGuard guard = runtime().Enter();
    return Spawn(Ready(3));
  }();
  StatusOr<int> n = runtime().BlockOn(std::move(handle));
  ASSERT_TRUE(n.ok()) << n.status();
  EXPECT_EQ(*n, 3);
}

// behaviour: tokio/tests/rt_common.rs#spawn_from_other_thread_idle
TEST_P(TasksTest, ATaskFromAnotherThreadWakesARuntimeThatSleeps) {
  auto channel = Oneshot<int>();
  std::optional<TestThread> thread;
  StatusOr<int> n = runtime().BlockOn(With(std::move(channel.receiver), [&](OneshotReceiver<int>& receiver) {
    return PollFn([&, polls = 0](Context& cx) mutable {
      auto poll = receiver.PollOnce(cx);
      if (++polls == 1) {
        thread.emplace([&, handle = runtime().handle()] {
          handle.Spawn(Sends(std::move(channel.sender), 7)).Detach();
        });
      }
      return poll;
    });
  }));
  ASSERT_TRUE(n.ok()) << n.status();
  EXPECT_EQ(*n, 7);
}

// behaviour: tokio/tests/rt_common.rs#nested_rt
TEST_P(TasksTest, AnotherRuntimeIsNotDrivenInsideBlockOn) {
  Runtime other = Make();
  Status inner;
  EXPECT_TRUE(runtime().BlockOn([&] { inner = other.BlockOn(Ready()); }).ok());
  EXPECT_EQ(inner.code(), absl::StatusCode::kFailedPrecondition) << inner;
  EXPECT_TRUE(other.BlockOn(Ready()).ok());
}

// --- Blocking jobs -------------------------------------------------------------------------------------------------------

// behaviour: tokio/tests/rt_common.rs#spawn_blocking_from_blocking
TEST_P(TasksTest, ABlockingJobMayStartAnother) {
  StatusOr<std::string> text = runtime().BlockOn([] {
    return SpawnBlocking([] { return SpawnBlocking([] { return std::string("hello"); }); })
        .AndThen([](JoinHandle<std::string>& inner) { return ByRef(inner); });
  });
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "hello");
}

// --- Throws --------------------------------------------------------------------------------------------------------------

#if KIOTO_EXCEPTIONS
// behaviour: tokio/tests/rt_common.rs#panic_in_block_on
TEST_P(TasksTest, AThrowOfTheRootIsBlockOnsError) {
  const Status status = runtime().BlockOn(PollFn([](Context&) -> Poll<Unit> { throw 7; }));
  EXPECT_TRUE(IsThrown(status)) << status;
  EXPECT_THROW(RethrowIfThrown(status), int);
}

// behaviour: tokio/tests/rt_common.rs#panic_in_task
TEST_P(TasksTest, AFutureThatThrowsIsDestroyedAndTheRuntimeLivesOn) {
  auto owned = std::make_shared<int>(1);
  auto task = runtime().Spawn(PollFn([owned](Context&) -> Poll<Unit> { throw 7; }));
  EXPECT_TRUE(IsThrown(runtime().BlockOn(std::move(task))));
  EXPECT_EQ(owned.use_count(), 1);
  EXPECT_TRUE(runtime().BlockOn([] { return Spawn(Ready()); }).ok());
}
#endif

}  // namespace
}  // namespace kioto
