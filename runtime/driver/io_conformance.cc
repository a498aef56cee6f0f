// The part of the suite that is about fds.
#include <errno.h>
#include <sys/resource.h>

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/driver/driver_conformance.h"
#include "kioto/runtime/driver/harvest_fault.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/driver/testing_io.h"
#include "kioto/runtime/driver/thread_context.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::internal {
namespace {

class IoConformance : public DriverConformance {
 protected:
  template <class Task>
  void ParkUntilWoken(Task& task, int wakes) {
    while (task.wakes() < wakes) Park(kNever);
  }
  // Polls whenever woken, until ready.
  template <class Task>
  auto Finish(Task& task) {
    for (;;) {
      const int wakes = task.wakes();
      auto poll = task.Poll();
      if (poll.ready()) return *std::move(poll);
      if (!task.yielded()) ParkUntilWoken(task, wakes + 1);
    }
  }

  void TurnWithEvents(TestPair& pair, int events) {
    for (int i = 0; i < events; ++i) {
      PolledTask task(TestRead{&pair.here, buffer_, sizeof(buffer_)});
      EXPECT_TRUE(task.Poll().pending());
      pair.Send("x");
      while (task.wakes() == 0) harness_->parks_itself() ? driver().Turn() : Park(Now());
      EXPECT_EQ(*Finish(task), 1u);
    }
  }
  // One that comes while the driver sleeps, or is about to.
  void WaitForAnEvent(TestPair& pair) {
    PolledTask task(TestRead{&pair.here, buffer_, sizeof(buffer_)});
    EXPECT_TRUE(task.Poll().pending());
    std::thread sender([&] { pair.Send("x"); });
    EXPECT_EQ(*Finish(task), 1u);
    sender.join();
  }

  char buffer_[256] = {};
};

TEST_P(IoConformance, AReadWaitsForBytes) {
  TestPair pair;
  PolledTask task(TestRead{&pair.here, buffer_, sizeof(buffer_)});
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(task.wakes(), 0);
  EXPECT_EQ(driver().reactor()->sources(), 1u);
  pair.Send("hello");
  ParkUntilWoken(task, 1);
  auto poll = task.Poll();
  ASSERT_TRUE(poll.ready());
  EXPECT_EQ(**poll, 5u);
  EXPECT_EQ(std::string(buffer_, 5), "hello");
  EXPECT_EQ(task.budget_used(), 1);
  pair.here.Close();
  EXPECT_EQ(task.held(), 0);
  EXPECT_EQ(driver().reactor()->sources(), 0u);
}

TEST_P(IoConformance, WhatIsThereIsReadWithoutTheReactor) {
  TestPair pair;
  pair.Send("hello");
  PolledTask task(TestRead{&pair.here, buffer_, sizeof(buffer_)});
  EXPECT_TRUE(task.Poll().ready());
  EXPECT_EQ(driver().reactor()->sources(), 0u);
}

TEST_P(IoConformance, AWriteWaitsForRoom) {
  TestPair pair;
  const std::string bytes(8 << 20, 'x');
  PolledTask task(TestWrite{&pair.here, &bytes});
  EXPECT_TRUE(task.Poll().pending());
  size_t taken = 0;
  while (!task.done()) {
    const int wakes = task.wakes();
    taken += pair.Take().size();
    auto poll = task.Poll();
    if (poll.ready()) {
      EXPECT_EQ(**poll, bytes.size());
    } else if (task.wakes() == wakes && !task.yielded()) {
      Park(Now());
    }
  }
  EXPECT_EQ(taken + pair.Take().size(), bytes.size());
}

// A driver that is busy may stop telling its loop of events; before it sleeps it has to begin again.
TEST_P(IoConformance, AParkHearsOfEventsAfterManyTurnsWithThem) {
  TestPair pair;
  for (int round = 0; round < 3; ++round) {
    TurnWithEvents(pair, 400);
    WaitForAnEvent(pair);
  }
}

#if !KIOTO_DRIVER_IS_PORTABLE
TEST_P(IoConformance, AParkHearsOfEventsThoughTheKernelRefusesToWatchTheReactor) {
  if (driver().reactor()->fd() < 0) return;
  TestPair pair;
  TurnWithEvents(pair, 400);
  base::sys::ScopedFault refused(base::sys::Call::kEpollCtl, base::sys::Fault::First(2, ENOMEM).On(driver().reactor()->fd()));
  WaitForAnEvent(pair);
  TurnWithEvents(pair, 400);
  WaitForAnEvent(pair);
}
#endif

TEST_P(IoConformance, EndOfFileWakesAndStays) {
  TestPair pair;
  PolledTask task(TestRead{&pair.here, buffer_, sizeof(buffer_)});
  EXPECT_TRUE(task.Poll().pending());
  pair.Send("bye");
  pair.CloseThere();
  EXPECT_EQ(*Finish(task), 3u);
  for (int i = 0; i < 3; ++i) {
    PolledTask again(TestRead{&pair.here, buffer_, sizeof(buffer_)});
    EXPECT_EQ(*Finish(again), 0u);
  }
}

TEST_P(IoConformance, BothDirectionsWaitAtOnce) {
  TestPair pair;
  const std::string bytes(8 << 20, 'x');
  PolledTask writer(TestWrite{&pair.here, &bytes});
  PolledTask reader(TestRead{&pair.here, buffer_, sizeof(buffer_)});
  EXPECT_TRUE(writer.Poll().pending());
  EXPECT_TRUE(reader.Poll().pending());
  pair.Send("x");
  EXPECT_EQ(*Finish(reader), 1u);
  EXPECT_FALSE(writer.done());
  size_t taken = 0;
  while (!writer.done()) {
    taken += pair.Take().size();
    Park(Now());
    (void)writer.Poll();
  }
  EXPECT_EQ(taken + pair.Take().size(), bytes.size());
}

// behaviour: tokio/tests/io_async_fd.rs#multiple_waiters
TEST_P(IoConformance, SeveralTasksWaitForOneDirection) {
  TestPair pair;
  std::deque<IoWaiter> waiters(40);
  std::deque<PolledTask<TestReady>> tasks;
  for (IoWaiter& waiter : waiters) {
    tasks.emplace_back(TestReady{&pair.here, Direction::kRead, &waiter});
    EXPECT_TRUE(tasks.back().Poll().pending());
    EXPECT_TRUE(tasks.back().Poll().pending());  // again: no second place
  }
  IoWaiter writer_waiter;
  tasks.emplace_back(TestReady{&pair.here, Direction::kRead, &writer_waiter});
  EXPECT_TRUE(tasks.back().Poll().pending());
  writer_waiter.Cancel();
  pair.Send("x");
  for (size_t i = 0; i < waiters.size(); ++i) {
    ParkUntilWoken(tasks[i], 1);
    EXPECT_TRUE(tasks[i].Poll().ready()) << i;
  }
  EXPECT_EQ(tasks.back().wakes(), 0);
}

// behaviour: tokio/tests/io_async_fd.rs#poll_fns
TEST_P(IoConformance, TheLatestWakerOfADirectionCounts) {
  TestPair pair;
  const std::string bytes(8 << 20, 'x');
  PolledTask full(TestWrite{&pair.here, &bytes});
  EXPECT_TRUE(full.Poll().pending());
  PolledTask writer(TestReady{&pair.here, Direction::kWrite});
  EXPECT_TRUE(writer.Poll().pending());
  PolledTask first(TestReady{&pair.here, Direction::kRead});
  PolledTask second(TestReady{&pair.here, Direction::kRead});
  IoWaiter waiter;
  PolledTask beside(TestReady{&pair.here, Direction::kRead, &waiter});  // as Readable() waits
  EXPECT_TRUE(first.Poll().pending());
  EXPECT_TRUE(second.Poll().pending());
  EXPECT_TRUE(beside.Poll().pending());
  EXPECT_EQ(first.held(), 0);
  pair.Send("x");
  ParkUntilWoken(second, 1);
  EXPECT_TRUE(second.Poll().ready());
  ParkUntilWoken(beside, 1);
  EXPECT_TRUE(beside.Poll().ready());
  EXPECT_EQ(first.wakes(), 0);
  EXPECT_TRUE(writer.Poll().pending());
  const int wakes_for_nothing = writer.wakes();  // allowed, and met where the reactor is the portable one
  (void)pair.Take();
  ParkUntilWoken(writer, wakes_for_nothing + 1);
  EXPECT_TRUE(writer.Poll().ready());
  EXPECT_EQ(full.wakes(), 0);
}

TEST_P(IoConformance, ADroppedReadLosesNothing) {
  TestPair pair;
  for (int polls = 0; polls < 3; ++polls) {
    PolledTask dropped(TestRead{&pair.here, buffer_, sizeof(buffer_)});
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
    pair.Send("abc");
    if (polls > 0) ParkUntilWoken(dropped, 1);
    dropped.Drop();
    PolledTask task(TestRead{&pair.here, buffer_, sizeof(buffer_)});
    EXPECT_EQ(*Finish(task), 3u);
  }
}

TEST_P(IoConformance, CloseWakesWhoeverStillWaits) {
  TestPair pair;
  PolledTask task(TestRead{&pair.here, buffer_, sizeof(buffer_)});
  IoWaiter waiter;
  PolledTask other(TestReady{&pair.here, Direction::kWrite, &waiter});
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_TRUE(other.Poll().pending());
  pair.here.Close();
  EXPECT_GE(task.wakes(), 1);
  EXPECT_GE(other.wakes(), 1);
  auto poll = task.Poll();
  ASSERT_TRUE(poll.ready());
  EXPECT_EQ(ErrnoOf((*poll).status()), EBADF);
}

// behaviour: tokio/tests/io_async_fd.rs#reregister
TEST_P(IoConformance, AReleasedFdCanBeRegisteredAgain) {
  TestPair pair;
  for (int round = 0; round < 3; ++round) {
    PolledTask task(TestRead{&pair.here, buffer_, sizeof(buffer_)});
    EXPECT_TRUE(task.Poll().pending());
    IoHandle again(pair.here.Release());
    EXPECT_FALSE(pair.here.is_open());
    EXPECT_EQ(driver().reactor()->sources(), 0u);
    pair.here = std::move(again);
    pair.Send("x");
    PolledTask second(TestRead{&pair.here, buffer_, sizeof(buffer_)});
    EXPECT_EQ(*Finish(second), 1u);
  }
}

// The portable reactor gives a duplicate away when another thread than the loop's releases. Without a number for it the fd
// used to be given away while the loop still watched it, under whatever the number meant next.
TEST_P(IoConformance, AReleaseOnAnotherThreadNeedsANumberOrChangesNothing) {
  TestPair pair;
  PolledTask task(TestRead{&pair.here, buffer_, sizeof(buffer_)});
  EXPECT_TRUE(task.Poll().pending());
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 1;
  int released = 0;
  std::thread([&] {  // starting a thread takes an fd under UBSan, so it has started already
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    released = pair.here.Release();
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  }).join();
  if (released < 0) {
    EXPECT_EQ(released, -EMFILE);
    EXPECT_TRUE(pair.here.is_open());
    EXPECT_EQ(driver().reactor()->sources(), 1u);
    pair.Send("x");
    ParkUntilWoken(task, 1);
    EXPECT_EQ(*Finish(task), 1u);
    std::thread([&] { released = pair.here.Release(); }).join();
  }
  ASSERT_GE(released, 0);
  EXPECT_FALSE(pair.here.is_open());
  EXPECT_EQ(driver().reactor()->sources(), 0u);
  driver().Turn();
  pair.here = IoHandle(released);
  pair.Send("y");
  PolledTask again(TestRead{&pair.here, buffer_, sizeof(buffer_)});
  EXPECT_EQ(*Finish(again), 1u);
}

TEST_P(IoConformance, AHandleSurvivesBeingMovedToItself) {
  TestPair pair;
  IoHandle& same = pair.here;
  pair.here = std::move(same);
  ASSERT_TRUE(pair.here.is_open());
  pair.Send("x");
  PolledTask task(TestRead{&pair.here, buffer_, sizeof(buffer_)});
  EXPECT_EQ(*Finish(task), 1u);
}

// behaviour: tokio/tests/io_async_fd.rs#driver_shutdown_wakes_currently_pending_polls
TEST_P(IoConformance, ShutdownEndsWaits) {
  auto pair = std::make_unique<TestPair>();
  PolledTask reader(TestRead{&pair->here, buffer_, sizeof(buffer_)});
  IoWaiter waiter;
  PolledTask ready(TestReady{&pair->here, Direction::kWrite, &waiter});
  EXPECT_TRUE(reader.Poll().pending());
  EXPECT_TRUE(ready.Poll().pending());
  driver().Shutdown();
  EXPECT_EQ(reader.wakes(), 1);
  EXPECT_GE(ready.wakes(), 1);
  EXPECT_TRUE(IsShutdown((*reader.Poll()).status()));
  EXPECT_TRUE(IsShutdown((*ready.Poll()).status()));
  EXPECT_TRUE(IsShutdown(pair->here.TryIo(Direction::kRead, 0, "try", [] { return -EAGAIN; }).status()));
  EXPECT_EQ(driver().reactor()->sources(), 0u);
  harness_.reset();
  set_.drivers.clear();
  CurrentThread().driver = nullptr;
  pair.reset();  // outlives its reactor
}

// behaviour: tokio/tests/io_async_fd.rs#driver_shutdown_wakes_future_pending
TEST_P(IoConformance, AfterAShutdownNothingWaits) {
  TestPair pair;
  driver().Shutdown();
  PolledTask reader(TestRead{&pair.here, buffer_, sizeof(buffer_)});
  EXPECT_TRUE(IsShutdown((*reader.Poll()).status()));
  IoWaiter waiter;
  PolledTask ready(TestReady{&pair.here, Direction::kRead, &waiter});
  EXPECT_TRUE(IsShutdown((*ready.Poll()).status()));
  EXPECT_EQ(driver().reactor()->sources(), 0u);
}

// behaviour: tokio/tests/io_async_fd.rs#try_io_readable
TEST_P(IoConformance, TryCallsOnlyWhenItMayBeReady) {
  TestPair pair;
  int calls = 0;
  auto try_read = [&] {
    return pair.here.TryIo(Direction::kRead, 0, "try", [&] {
      ++calls;
      return base::sys::Read(pair.here.fd(), buffer_, 1);
    });
  };
  EXPECT_TRUE(IsEmpty(try_read().status()));  // nobody watches: it is tried
  EXPECT_EQ(calls, 1);
  PolledTask ready(TestReady{&pair.here, Direction::kRead});
  EXPECT_TRUE(ready.Poll().pending());
  EXPECT_TRUE(IsEmpty(try_read().status()));
  EXPECT_EQ(calls, 1);
  pair.Send("ab");
  Finish(ready).IgnoreError();
  EXPECT_EQ(*try_read(), 1u);
  EXPECT_EQ(*try_read(), 1u);
  EXPECT_TRUE(IsEmpty(try_read().status()));
  EXPECT_EQ(calls, 4);
}

// Reads `size` bytes at a time, for ever.
struct GreedyRead {
  using Output = Unit;
  IoHandle* handle;
  size_t size;
  int* reads;
  Poll<Unit> PollOnce(Context& cx) {
    char bytes[4096];
    for (;;) {
      auto poll = handle->PollIo(cx, Direction::kRead, size, "read", [&] { return base::sys::Read(handle->fd(), bytes, size); });
      if (poll.pending()) return kPending;
      ++*reads;
    }
  }
};

TEST_P(IoConformance, TheBudgetIsAskedBeforeTheOperation) {
  TestPair pair;
  pair.Send(std::string(200, 'x'));
  int reads = 0;
  PolledTask task(GreedyRead{&pair.here, 1, &reads});
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(reads, limits::kPollBudget);
  EXPECT_TRUE(task.yielded());
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(reads, 200);
  EXPECT_FALSE(task.yielded());
}

TEST_P(IoConformance, ALongResultSpendsMoreOfTheBudget) {
  constexpr int kUnits = 8;
  constexpr size_t kPiece = kUnits * IoHandle::kBytesPerUnit;
  TestPair pair;
  pair.Send(std::string(16 * kPiece, 'x'));
  int reads = 0;
  PolledTask task(GreedyRead{&pair.here, kPiece, &reads});
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(reads, limits::kPollBudget / (1 + kUnits) + 1);  // the last one took what was left
  EXPECT_TRUE(task.yielded());
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(reads, 16);
  EXPECT_FALSE(task.yielded());
}

TEST_P(IoConformance, ForeignThreadsWatchAndClose) {
  // One thread parks; another makes sockets, waits with them, feeds and closes them.
  base::Atomic<bool> done{false};
  std::thread other([&] {
    CurrentThread().drivers = &set_;
    for (int round = 0; round < 200; ++round) {
      TestPair pair;
      char byte;
      PolledTask task(TestRead{&pair.here, &byte, 1});
      EXPECT_TRUE(task.Poll().pending());
      pair.Send("x");
      while (task.wakes() == 0) std::this_thread::yield();
      EXPECT_TRUE(round % 2 == 0 || **task.Poll() == 1u);
    }
    CurrentThread().drivers = nullptr;
    done.store(true, std::memory_order_release);  // release: pairs with the loop's acquire
    driver().Unpark();
  });
  while (!done.load(std::memory_order_acquire)) Park(kNever);  // acquire: pairs with the store above
  other.join();
}

TEST_P(IoConformance, NothingIsLostWhenHarvestsAreDisturbed) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    ScopedHarvestFault fault({}, seed);
    std::deque<TestPair> pairs(8);
    const std::string bytes(1 << 20, 'x');
    std::deque<PolledTask<TestWrite>> writers;
    for (TestPair& pair : pairs) writers.emplace_back(TestWrite{&pair.here, &bytes});
    std::vector<size_t> taken(pairs.size());
    for (bool all = false; !all;) {
      all = true;
      for (size_t i = 0; i < pairs.size(); ++i) {
        taken[i] += pairs[i].Take().size();
        const int wakes = writers[i].wakes();
        if (!writers[i].done() && wakes + 1 > 0) (void)writers[i].Poll();
        all = all && writers[i].done();
      }
      if (!all) Park(Now() + kTickNs);
    }
    for (size_t i = 0; i < pairs.size(); ++i) EXPECT_EQ(taken[i] + pairs[i].Take().size(), bytes.size());
  }
}

TEST_P(IoConformance, APausedClockHearsEventsFirst) {
  set_.clock.Pause();
  const int64_t start = Now();
  TestPair pair;
  PolledTask task(TestRead{&pair.here, buffer_, sizeof(buffer_)});
  EXPECT_TRUE(task.Poll().pending());
  pair.Send("x");
  while (task.wakes() == 0) Park(start + 1'000 * kTickNs);
  EXPECT_EQ(Now(), start);
  set_.clock.Resume();
}

INSTANTIATE_TEST_SUITE_P(Drivers, IoConformance, ::testing::ValuesIn(ConformingIoDrivers()),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Drivers, DriverConformance, ::testing::ValuesIn(ConformingDrivers()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace kioto::internal
