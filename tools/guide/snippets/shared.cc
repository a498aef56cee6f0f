// The snippets of tools/guide/shared-state.md, channels.md and sync.md, compiled and run.
#include <chrono>
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
#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/broadcast_stream.h"
#include "kioto/sync/call.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mutex.h"
#include "kioto/sync/notify.h"
#include "kioto/sync/semaphore.h"
#include "kioto/sync/watch.h"
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

}  // namespace
}  // namespace kioto
