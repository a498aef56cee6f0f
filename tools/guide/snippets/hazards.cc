// The snippets of tools/guide/hazards.md, compiled and run.
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/testing/kioto_test.h"
#include "kioto/sync/mutex.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;

// [region compute]
Future<uint64_t> SumOfSquares(uint64_t n) {
  return With(uint64_t{0}, uint64_t{0}, [n](uint64_t& next, uint64_t& sum) {
    return Loop([&next, &sum, n] {
      for (const uint64_t end = std::min(n, next + 10'000); next < end; ++next) sum += next * next;  // some 10 us
      return If(
          next < n, [] { return YieldNow(); },
          [&sum] { return Break(sum); });
    });
  });
}
// [end compute]

std::vector<std::string> said;
void Say(const std::string& name) { said.push_back(name); }
struct Job {
  std::string name;
};
Future<Status> Run(Job& job) {
  return Sleep(1s).Then([&job] { Say(job.name); });
}

// [region own]
Future<Status> Greet(std::string name) { return Sleep(1s).Then([name = std::move(name)] { Say(name); }); }

void RunAll(std::vector<Job> jobs) {
  for (Job& job : jobs) Spawn(With(std::move(job), Run)).Detach();  // each task owns its job
}
// [end own]

// [region self]
class Session : public std::enable_shared_from_this<Session> {
 public:
  void Start() {
    Spawn(Sleep(1s).Then([self = shared_from_this()] { self->Tick(); })).Detach();  // [this] may be gone by then
  }
  int ticks() const { return ticks_; }

 private:
  void Tick() { ++ticks_; }
  int ticks_ = 0;
};
// [end self]

struct Account {
  int balance = 0;
};
using Accounts = std::pair<Account, Account>;
auto Permission() { return Sleep(1s).Then([] { return OkStatus(); }); }

// [region lock]
// Others see the accounts before the transfer or after it, never between.
Future<Status> Transfer(sync::Mutex<Accounts>& accounts, int amount) {
  return accounts.Lock().Then([amount](sync::MutexGuard<Accounts>& locked) {  // the guard lives until the step's future ends
    return Permission().AndThen([&locked, amount] {
      locked->first.balance -= amount;
      locked->second.balance += amount;
    });
  });
}
// [end lock]

struct Store {
  int begun = 0, committed = 0;
  auto Begin() {
    return Sleep(1s).Then([this] {
      ++begun;
      return OkStatus();
    });
  }
  auto Commit() {
    return Sleep(1s).Then([this] {
      ++committed;
      return OkStatus();
    });
  }
};

// [region finish]
// Once begun it is finished, whatever becomes of the caller: the work is a task, and a dropped handle lets it go on.
Future<Status> Change(std::shared_ptr<Store> store) {
  return Lazy([store = std::move(store)] {
    return Spawn(store->Begin().AndThen([store] { return store->Commit(); }));
  });
}
// [end finish]

KIOTO_TEST(HazardsGuide, ComputesInPieces) {
  return SumOfSquares(100'000).Then([](uint64_t& sum) { EXPECT_EQ(sum, 333328333350000u); });
}

KIOTO_TEST(HazardsGuide, WhatIsUsedIsOwned, test::Paused()) {
  said.clear();
  RunAll({{"one"}, {"two"}});
  return Greet("three").Then([](Status& status) {
    EXPECT_EQ(status, OkStatus());
    return Sleep(1s).Then([] { EXPECT_EQ(said.size(), 3u); });  // the tasks had their turn
  });
}

KIOTO_TEST(HazardsGuide, ASessionOutlivesItsOwner, test::Paused()) {
  auto session = std::make_shared<Session>();
  std::weak_ptr<Session> seen = session;
  session->Start();
  session.reset();
  return YieldNow().Then([seen](Unit&) {
    EXPECT_FALSE(seen.expired());
    return Sleep(2s).Then([seen] { EXPECT_TRUE(seen.expired()); });
  });
}

KIOTO_TEST(HazardsGuide, NobodySeesHalfATransfer, test::Paused()) {
  return With(InPlace<sync::Mutex<Accounts>>(), [](sync::Mutex<Accounts>& accounts) {
    return Join(Transfer(accounts, 5), accounts.Lock().Then([](auto& now) {
             EXPECT_EQ(now->first.balance + now->second.balance, 0);
           }))
        .Then([&](auto&, auto&) { EXPECT_EQ(accounts.Get().second.balance, 5); });
  });
}

KIOTO_TEST(HazardsGuide, WhatIsBegunIsFinished, test::Paused()) {
  auto store = std::make_shared<Store>();
  return Timeout(1500ms, Change(store)).Then([store](Status& status) {
    EXPECT_TRUE(IsElapsed(status));
    EXPECT_EQ(store->begun, 1);
    EXPECT_EQ(store->committed, 0);
    return Sleep(1s).Then([store] { EXPECT_EQ(store->committed, 1); });
  });
}

// What the page says of guards: a guard is gone when its step's future has ended, before the next step.
KIOTO_TEST(HazardsGuide, AGuardEndsWithItsStep) {
  return With(InPlace<sync::Mutex<int>>(), [](sync::Mutex<int>& mutex) {
    return mutex.Lock()
        .Then([&](auto&) {
          return YieldNow().Then([&](Unit&) { EXPECT_FALSE(mutex.TryLock().ok()); });
        })
        .Then([&](Unit&) { EXPECT_TRUE(mutex.TryLock().ok()); });
  });
}

// And of those of std: gone when the step returns, before its future is polled.
KIOTO_TEST(HazardsGuide, AStdGuardEndsAtTheReturn) {
  return With(std::make_unique<std::mutex>(), [](auto& mutex) {
    return Lazy([&] {
      const std::lock_guard<std::mutex> guard(*mutex);
      return YieldNow().Then([&](Unit&) {
        EXPECT_TRUE(mutex->try_lock());
        mutex->unlock();
      });
    });
  });
}

}  // namespace
}  // namespace kioto
