// The snippets of tools/guide/shared-state.md, channels.md and sync.md, compiled and run.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/join_handle.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/block_on.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/broadcast_stream.h"
#include "kioto/sync/call.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mutex.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/rwlock.h"
#include "kioto/sync/semaphore.h"
#include "kioto/sync/watch.h"
#include "kioto/sync/watch_stream.h"
#include "kioto/time/sleep.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

// [region map]
class Names {
 public:
  void Set(const std::string& key, std::string value) {
    absl::MutexLock lock(&mutex_);
    names_[key] = std::move(value);
  }
  std::optional<std::string> Get(const std::string& key) {
    absl::MutexLock lock(&mutex_);
    const auto found = names_.find(key);  // names_[key] would put one there
    if (found == names_.end()) return std::nullopt;
    return found->second;
  }

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::string> names_ ABSL_GUARDED_BY(mutex_);
};
// [end map]

TEST(SharedGuide, AMapUnderAMutex) {
  auto names = std::make_shared<Names>();
  Runtime runtime = *Runtime::CurrentThread();
  Status status = runtime.BlockOn([&] {
    return Spawn(With(names, [](std::shared_ptr<Names>& n) { return YieldNow().Then([&n](Unit&) { n->Set("a", "Ada"); }); }))
        .Then([](Status&) { return OkStatus(); });
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(names->Get("a"), "Ada");
  EXPECT_EQ(names->Get("b"), std::nullopt);
}

// [region across]
struct Device {
  std::vector<std::string> log;
  auto Send(const char* line) {
    return Sleep(10ms).Then([this, line](Unit&) { log.push_back(line); });
  }
};

auto TwoLines(sync::Mutex<Device>& device) {
  return device.Lock().Then([](sync::MutexGuard<Device>& d) {  // held until both have been sent
    return d->Send("one").Then([&d](Unit&) { return d->Send("two"); });
  });
}
// [end across]

TEST(SharedGuide, ALockThatIsHeldAcrossAWait) {
  sync::Mutex<Device> device;
  Runtime runtime = *RuntimeBuilder::CurrentThread().StartPaused().Build();
  (void)runtime.BlockOn([&] { return Join(TwoLines(device), TwoLines(device)).Then([](auto&) { return OkStatus(); }); });
  EXPECT_EQ(device.Get().log, (std::vector<std::string>{"one", "two", "one", "two"}));
}

// [region owned]
using Log = sync::Mutex<std::vector<std::string>>;

auto Append(std::shared_ptr<Log> log, std::string line) {
  return sync::LockOwned(std::move(log)).Then([line = std::move(line)](sync::OwnedMutexGuard<std::vector<std::string>>& log) mutable {
    log->push_back(std::move(line));
  });
}
// [end owned]

TEST(SharedGuide, AGuardThatKeepsItsLock) {
  auto log = std::make_shared<Log>();
  Runtime runtime = *Runtime::CurrentThread();
  JoinHandle<Unit> appended = runtime.Spawn(Append(log, "a"));
  EXPECT_TRUE(runtime.BlockOn(std::move(appended)).ok());
  EXPECT_EQ(log->Get(), std::vector<std::string>{"a"});
}

// [region downgrade]
auto AddAndTell(sync::RwLock<std::vector<int>>& numbers, int number, std::vector<int>& told) {
  return numbers.Write().Then([number, &told](sync::WriteGuard<std::vector<int>>& writing) {
    writing->push_back(number);
    return With(std::move(writing).Downgrade(), [&told](sync::ReadGuard<std::vector<int>>& reading) {
      return Sleep(10ms).Then([&](Unit&) { told = *reading; });  // others read meanwhile, nobody has written since
    });
  });
}
// [end downgrade]

TEST(SharedGuide, AWriterThatReadsOn) {
  sync::RwLock<std::vector<int>> numbers;
  std::vector<int> first, second;
  Runtime runtime = *RuntimeBuilder::CurrentThread().StartPaused().Build();
  (void)runtime.BlockOn([&] {
    return JoinBiased(AddAndTell(numbers, 1, first), AddAndTell(numbers, 2, second)).Then([](auto&) { return OkStatus(); });
  });
  EXPECT_EQ(first, std::vector<int>{1});
  EXPECT_EQ(second, (std::vector<int>{1, 2}));
}

// [region owner]
struct Add {
  int amount;
  sync::OneshotSender<int> reply;
};

// The task that owns the account: nobody else sees it, so it needs no lock.
auto Account(sync::MpscReceiver<Add> jobs) {
  return With(std::move(jobs), 0, [](sync::MpscReceiver<Add>& jobs, int& balance) {
    return Loop([&] {
      return jobs.Recv().Then([&balance](std::optional<Add>& job) -> Flow<> {
        if (!job) return Break();  // all who could ask are gone
        balance += job->amount;
        job->reply.Send(int{balance});
        return Continue();
      });
    });
  });
}

auto AddTo(const sync::MpscSender<Add>& account, int amount) {
  return sync::Call<int>(account, [amount](sync::OneshotSender<int> reply) { return Add{amount, std::move(reply)}; });
}
// [end owner]

TEST(SharedGuide, ATaskThatOwnsTheState) {
  Runtime runtime = *Runtime::CurrentThread();
  auto channel = sync::Mpsc<Add>(8);
  runtime.Spawn(Account(std::move(channel.receiver))).Detach();
  StatusOr<int> balance = runtime.BlockOn([&] {
    return AddTo(channel.sender, 3).AndThen([&](int&) { return AddTo(channel.sender, 4); });
  });
  EXPECT_EQ(*balance, 7);
}

// [region lagged]
auto Show(sync::Broadcast<std::string>& room, std::vector<std::string>& screen) {
  return ForEach(sync::BroadcastStream(room.Subscribe()), [&screen](StatusOr<std::string>& said) {
    uint64_t missed = 0;
    if (said.ok()) screen.push_back(*said);
    if (IsLagged(said.status(), &missed)) screen.push_back(absl::StrCat("(", missed, " missed)"));
  });
}
// [end lagged]

TEST(SharedGuide, ABroadcastTellsWhatWasMissed) {
  sync::Broadcast<std::string> room(2);
  std::vector<std::string> screen;
  auto show = Show(room, screen);
  for (const char* said : {"a", "b", "c"}) room.Send(said);
  room.reset();
  EXPECT_TRUE(Runtime::CurrentThread()->BlockOn(std::move(show)).ok());
  EXPECT_EQ(screen, (std::vector<std::string>{"(1 missed)", "b", "c"}));
}

// [region watch]
auto Follow(sync::WatchReceiver<int> level, std::vector<int>& seen) {
  return With(std::move(level), [&seen](sync::WatchReceiver<int>& level) {
    return Loop([&] {
      return level.Changed().AndThen([&] { seen.push_back(*level.BorrowAndUpdate()); });  // ends when no sender is left
    });
  });
}
// [end watch]

TEST(SharedGuide, AWatchHasTheLastValue) {
  sync::Watch<int> level(0);
  std::vector<int> seen;
  auto follow = Follow(level.Subscribe(), seen);
  for (int i = 1; i <= 3; ++i) EXPECT_TRUE(level.Send(i));
  level.reset();
  EXPECT_TRUE(IsClosed(Runtime::CurrentThread()->BlockOn(std::move(follow))));
  EXPECT_EQ(seen, std::vector<int>{3});
}

// [region changes]
auto Show(const sync::Watch<int>& level, std::vector<int>& screen) {
  return ForEach(sync::WatchStream(level.Subscribe()), [&screen](int& now) { screen.push_back(now); });
}
// [end changes]

TEST(SharedGuide, AWatchAsAStream) {
  sync::Watch<int> level(0);
  std::vector<int> screen;
  auto show = Show(level, screen);
  level.Set(1);
  level.Set(2);
  level.reset();
  EXPECT_TRUE(Runtime::CurrentThread()->BlockOn(std::move(show)).ok());
  EXPECT_EQ(screen, (std::vector<int>{2}));
}

// [region workers]
using Jobs = std::shared_ptr<sync::Mutex<sync::MpscReceiver<int>>>;

// One of several workers, each in a task of its own. Who waits for a job has the lock; who does one has not.
auto Worker(Jobs jobs, std::atomic<int>& sum) {
  return With(std::move(jobs), [&sum](Jobs& jobs) {
    return Loop([&] {
      return jobs->Lock()
          .Then([](sync::MutexGuard<sync::MpscReceiver<int>>& queue) { return queue->Recv(); })
          .Then([&sum](std::optional<int>& job) {  // behind the step with the guard: unlocked
            return If(!job, Break, [&] { return YieldNow().Then([&](Unit&) { sum += *job; }); });
          });
    });
  });
}
// [end workers]

TEST(SharedGuide, SeveralWorkersOnOneQueue) {
  auto channel = sync::Mpsc<int>(2);
  std::atomic<int> sum{0};
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  auto jobs = std::make_shared<sync::Mutex<sync::MpscReceiver<int>>>(std::move(channel.receiver));
  std::vector<JoinHandle<Unit>> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(runtime.Spawn(Worker(jobs, sum)));
  for (int job = 1; job <= 10; ++job) EXPECT_TRUE(channel.sender.BlockingSend(job).ok());
  channel.sender.reset();
  for (JoinHandle<Unit>& worker : workers) EXPECT_TRUE(BlockOn(std::move(worker)).ok());
  EXPECT_EQ(sum.load(), 55);
}

// [region limit]
auto Limited(sync::Semaphore& slots, int& running, int& most) {
  return slots.Acquire().AndThen([&](sync::SemaphorePermit&) {  // given back when what follows is done, or dropped
    most = std::max(most, ++running);
    return Sleep(1ms).Then([&running](Unit&) { --running; });
  });
}
// [end limit]

TEST(SharedGuide, ASemaphoreLimits) {
  sync::Semaphore slots(2);
  int running = 0, most = 0;
  Runtime runtime = *RuntimeBuilder::CurrentThread().StartPaused().Build();
  (void)runtime.BlockOn([&] {
    return Join(Limited(slots, running, most), Limited(slots, running, most), Limited(slots, running, most)).Then([](auto&) {
      return OkStatus();
    });
  });
  EXPECT_EQ(most, 2);
}

bool TryTake(std::atomic<int>& things) {
  int there = things.load();
  while (there > 0 && !things.compare_exchange_weak(there, there - 1)) {
  }
  return there > 0;
}

// [region notify]
// Takes one thing, as soon as there is one. Whoever puts one there calls NotifyOne() next.
auto TakeOne(sync::Notify& changed, std::atomic<int>& things) {
  return Loop([&] {
    return With(changed.Notified(), [&things](sync::NotifiedFuture& notified) {
      notified.Enable();  // it waits from here on: so what comes behind the look wakes it
      return If(TryTake(things), Break, [&notified] { return ByRef(notified); });
    });
  });
}
// [end notify]

TEST(SharedGuide, WhoWaitsForANotifyMissesNothing) {
  sync::Notify changed;
  std::atomic<int> things{0};
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  std::vector<JoinHandle<Unit>> takers;
  for (int i = 0; i < 3; ++i) takers.push_back(runtime.Spawn(TakeOne(changed, things)));
  for (int i = 0; i < 3; ++i) {
    ++things;
    changed.NotifyOne();
  }
  for (JoinHandle<Unit>& taker : takers) EXPECT_TRUE(BlockOn(std::move(taker)).ok());
  EXPECT_EQ(things.load(), 0);
}

}  // namespace
}  // namespace kioto
