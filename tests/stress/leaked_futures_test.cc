// Futures that are polled and then never destroyed, as code leaks them that calls `release()`. Such a future keeps what it holds,
// and what it was given, for ever (a place, a permit, a turn). Otherwise it hurts nobody: who shares something with it goes
// on, and what it waited for may end before it.
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/unix_socket.h"
#include "kioto/runtime/blocking/spawn_blocking.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/pipe.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/write.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/join_set.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/oneshot.h"
#include "kioto/sync/semaphore.h"
#include "kioto/sync/watch.h"
#include "kioto/time/interval.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

constexpr int kMostPolls = 3;

// Polls `future` so often, and leaks it. A leak checker finds it here.
template <class F>
void Leak(int polls, F future) {
  static auto* const kept = new std::vector<std::unique_ptr<F>>;
  PolledTask<F> task(std::move(future));
  for (int i = 0; i < polls && !task.done(); ++i) (void)task.Poll();
  if (!task.done()) kept->push_back(task.Release());
}

// test(polls) for futures that are leaked after 0 to kMostPolls polls, inside a runtime that ends well afterwards.
template <class Test>
void AfterEachNumberOfPolls(Test test) {
  for (int polls = 0; polls <= kMostPolls; ++polls) {
    SCOPED_TRACE(::testing::Message() << "leaked after " << polls << " polls");
    Runtime runtime = *Runtime::CurrentThread();
    {
      const EnterGuard guard = runtime.Enter();
      test(polls, runtime);
    }
    const ShutdownReport report = runtime.Shutdown(10s);
    EXPECT_EQ(report.live_tasks, 0u);
  }
}

// check: H1
TEST(LeakedFuturesTest, AReceiverThatIsLeakedLetsItsSenderGoOn) {
  AfterEachNumberOfPolls([](int polls, Runtime&) {
    auto bounded = sync::Mpsc<int>(2);
    Leak(polls, With(std::move(bounded.receiver), [](sync::MpscReceiver<int>& in) { return in.Recv(); }));
    EXPECT_TRUE(bounded.sender.TrySend(1).ok());
    EXPECT_TRUE(bounded.sender.TrySend(2).ok());
    EXPECT_TRUE(IsFull(bounded.sender.TrySend(3)));

    auto once = sync::Oneshot<int>();
    Leak(polls, std::move(once.receiver));
    EXPECT_TRUE(std::move(once.sender).Send(1));

    sync::Watch<int> seen(0);
    Leak(polls, With(seen.Subscribe(), [](sync::WatchReceiver<int>& in) { return in.Changed(); }));
    sync::WatchReceiver<int> other = seen.Subscribe();
    EXPECT_TRUE(seen.Send(1));
    EXPECT_EQ(*other.BorrowAndUpdate(), 1);

    sync::Broadcast<std::string> room(2);
    Leak(polls, With(room.Subscribe(), [](sync::BroadcastReceiver<std::string>& in) { return in.Recv(); }));
    sync::BroadcastReceiver<std::string> listener = room.Subscribe();
    for (const char* said : {"one", "two", "three", "four", "five"}) {
      EXPECT_EQ(room.Send(said), 2u);
      EXPECT_EQ(*listener.TryRecv(), said);
    }
  });
}

// check: H1
TEST(LeakedFuturesTest, ASenderThatIsLeakedKeepsAPlaceAndNoMore) {
  AfterEachNumberOfPolls([](int polls, Runtime&) {
    auto jobs = sync::Mpsc<int>(2);
    EXPECT_TRUE(jobs.sender.TrySend(1).ok());
    EXPECT_TRUE(jobs.sender.TrySend(2).ok());
    Leak(polls, sync::MpscSender<int>(jobs.sender).Send(3));
    EXPECT_EQ(*jobs.receiver.TryRecv(), 1);
    EXPECT_EQ(*jobs.receiver.TryRecv(), 2);
    for (int i = 4; i < 10; ++i) {
      EXPECT_TRUE(jobs.sender.TrySend(int{i}).ok());
      EXPECT_EQ(*jobs.receiver.TryRecv(), i);
    }
    // Where it waited, the place that came free is its own; before that nothing is.
    EXPECT_TRUE(jobs.sender.TrySend(10).ok());
    EXPECT_EQ(jobs.sender.TrySend(11).ok(), polls == 0);
  });
}

// check: H1
TEST(LeakedFuturesTest, AWaiterThatIsLeakedKeepsItsTurnAndNoMore) {
  AfterEachNumberOfPolls([](int polls, Runtime&) {
    auto permits = std::make_shared<sync::Semaphore>(1);
    {
      auto held = sync::Semaphore::TryAcquireOwned(permits);
      Leak(polls, sync::AcquireOwned(permits));
    }
    permits->AddPermits(1);
    EXPECT_EQ(permits->AvailablePermits(), polls == 0 ? 2u : 1u);
    EXPECT_TRUE(sync::Semaphore::TryAcquireOwned(permits).ok());

    auto changed = std::make_shared<sync::Notify>();
    Leak(polls, sync::Notify::NotifiedOwned(changed));
    PolledTask second(sync::Notify::NotifiedOwned(changed));
    EXPECT_TRUE(second.Poll().pending());
    changed->NotifyOne();
    EXPECT_EQ(second.is_woken(), polls == 0);
    changed->NotifyAll();
    EXPECT_TRUE(second.Poll().ready());

    sync::CancellationToken token;
    Leak(polls, token.Cancelled());
    PolledTask told(token.Cancelled());
    EXPECT_TRUE(told.Poll().pending());
    token.Cancel();
    EXPECT_TRUE(told.Poll().ready());
  });
}

// check: H1
TEST(LeakedFuturesTest, TimersThatAreLeakedDoNotFireIntoTheEndOfTheirRuntime) {
  AfterEachNumberOfPolls([](int polls, Runtime& runtime) {
    Leak(polls, time::Sleep(1h));
    Leak(polls, time::Sleep(1ms));  // which fires
    Leak(polls, time::Timeout(1h, PollFn([](Context&) -> Poll<int> { return kPending; })));
    Leak(polls, With(time::Interval(1h), [](time::Interval& every) {
           return every.Tick().Then([&every](time::Instant&) { return every.Tick(); });
         }));
    EXPECT_TRUE(runtime.BlockOn(time::Sleep(5ms)).ok());
  });
}

// check: H1
TEST(LeakedFuturesTest, ATaskWhoseHandleIsLeakedEnds) {
  AfterEachNumberOfPolls([](int polls, Runtime& runtime) {
    auto ended = sync::Oneshot<int>();
    Leak(polls, Spawn(YieldNow().Then([sender = std::move(ended.sender)](Unit&) mutable { return std::move(sender).Send(7); })));
    EXPECT_EQ(*runtime.BlockOn(std::move(ended.receiver)), 7);

    auto done = sync::Oneshot<int>();
    Leak(polls, SpawnBlocking([sender = std::move(done.sender)]() mutable { return std::move(sender).Send(8); }));
    EXPECT_EQ(*runtime.BlockOn(std::move(done.receiver)), 8);

    Leak(polls, With(JoinSet<Unit>(), [](JoinSet<Unit>& set) {
           set.Spawn(PollFn([](Context&) -> Poll<Unit> { return kPending; }));  // which the end of the runtime drops
           return set.JoinNext();
         }));
    EXPECT_EQ(*runtime.BlockOn(Spawn(Ready(9))), 9);
  });
}

// check: H1
TEST(LeakedFuturesTest, WhatALeakedFutureReadsMayGoBeforeIt) {
  AfterEachNumberOfPolls([](int polls, Runtime& runtime) {
    static char into[16];  // is read into as long as anybody reads
    auto [here, there] = *net::UnixStream::Pair();
    Leak(polls, io::Read(here, MutableBytes(into)));
    EXPECT_TRUE(runtime.BlockOn(there.WriteAll("heard by nobody")).ok());
    EXPECT_TRUE(runtime.BlockOn(YieldNow().Then([](Unit&) { return OkStatus(); })).ok());
    char seen[32];
    EXPECT_EQ(*runtime.BlockOn(here.Read(MutableBytes(seen))), 15u);
    { const auto closed = std::move(here); }

    auto pipe = io::Duplex(4);
    Leak(polls, With(std::move(pipe.first), [](auto& end) { return io::Read(end, MutableBytes(into)); }));
    EXPECT_TRUE(runtime.BlockOn(io::WriteAll(pipe.second, "abcd")).ok());
  });
}

// check: H1
TEST(LeakedFuturesTest, WhatALeakedFutureIsMadeOfIsLeakedWithIt) {
  AfterEachNumberOfPolls([](int polls, Runtime& runtime) {
    auto one = sync::Oneshot<int>(), other = sync::Oneshot<int>(), last = sync::Oneshot<int>();
    Leak(polls, Select(Case(std::move(one.receiver), [](StatusOr<int>&) { return 1; }),
                       Case(time::Sleep(1h), [](auto&) { return 2; })));
    Leak(polls, Join(std::move(other.receiver), time::Sleep(1h)));
    Leak(polls, std::move(last.receiver).Boxed());
    EXPECT_TRUE(std::move(one.sender).Send(1));
    EXPECT_TRUE(std::move(other.sender).Send(1));
    EXPECT_TRUE(std::move(last.sender).Send(1));
    EXPECT_EQ(*runtime.BlockOn(Spawn(Ready(9))), 9);
  });
}

}  // namespace
}  // namespace kioto
