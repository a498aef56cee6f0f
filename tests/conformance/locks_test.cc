// Locks and cells in whole runtimes: what a time-out drops, on a clock that stands still, and many tasks at once.
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/runtime/testing/runtime.h"
#include "kioto/sync/barrier.h"
#include "kioto/sync/mutex.h"
#include "kioto/sync/once_cell.h"
#include "kioto/sync/rwlock.h"
#include "kioto/tests/conformance/flavours.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;  // NOLINT

using sync::Mutex;
using sync::OnceCell;
using Shared = std::shared_ptr<Mutex<int>>;

// How a mutex is locked: borrowed, and owned.
const auto kLock = [](const Shared& mutex) { return mutex->Lock(); };
const auto kLockOwned = [](const Shared& mutex) { return Mutex<int>::LockOwned(mutex); };

// One that holds the lock while it waits runs out of time: it is unlocked.
template <class Lock>
void HolderIsDropped(Lock lock) {
  auto mutex = std::make_shared<Mutex<int>>(1);
  const Status status = test::BlockOn(
      [&] {
        return Timeout(1ms, lock(mutex).Then([](auto&) { return Sleep(1s); })).Then([&](Status& held) {
          EXPECT_TRUE(IsElapsed(held)) << held;
          return Timeout(1ms, lock(mutex)).Map([](auto& guard) { return guard.status(); });
        });
      },
      test::Paused());
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(mutex.use_count(), 1);
}

// One that waits for the lock runs out of time: it does not get it later.
template <class Lock>
void WaiterIsDropped(Lock lock) {
  auto mutex = std::make_shared<Mutex<int>>(1);
  const Status status = test::BlockOn(
      [&] {
        return lock(mutex)
            .Then([&](auto& held) {
              return Timeout(1ms, lock(mutex)).Then([&](auto& guard) {
                EXPECT_TRUE(IsElapsed(guard.status())) << guard.status();
                held.Unlock();
              });
            })
            .Then([&] { return Timeout(1ms, lock(mutex)).Map([](auto& guard) { return guard.status(); }); });
      },
      test::Paused());
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(mutex.use_count(), 1);
}

// behaviour: tokio/tests/sync_mutex.rs#aborted_future_1
TEST(MutexInTimeTest, AHolderThatIsDroppedUnlocks) { HolderIsDropped(kLock); }
// behaviour: tokio/tests/sync_mutex.rs#aborted_future_2
TEST(MutexInTimeTest, AWaiterThatIsDroppedKeepsNothing) { WaiterIsDropped(kLock); }
// behaviour: tokio/tests/sync_mutex_owned.rs#aborted_future_1
TEST(MutexInTimeTest, AnOwnedHolderThatIsDroppedUnlocks) { HolderIsDropped(kLockOwned); }
// behaviour: tokio/tests/sync_mutex_owned.rs#aborted_future_2
TEST(MutexInTimeTest, AnOwnedWaiterThatIsDroppedKeepsNothing) { WaiterIsDropped(kLockOwned); }

// behaviour: tokio/tests/sync_once_cell.rs#get_or_init
TEST(OnceCellInTimeTest, TheFasterMakesIt) {
  OnceCell<int> cell;
  const Status status = test::BlockOn(
      [&] {
        auto first = Spawn(cell.GetOrInit([] { return 5; }));
        auto second = Spawn(cell.GetOrInit([] { return Sleep(1ms).Then([] { return 10; }); }));
        return Join(std::move(first), std::move(second)).Map([](auto& both) {
          EXPECT_EQ(**std::get<0>(both), 5);
          EXPECT_EQ(**std::get<1>(both), 5);
          return OkStatus();
        });
      },
      test::Paused());
  EXPECT_TRUE(status.ok()) << status;
}

// behaviour: tokio/tests/sync_once_cell.rs#get_or_try_init
TEST(OnceCellInTimeTest, AfterAFailureTheNextMakesIt) {
  OnceCell<int> cell;
  const Status status = test::BlockOn(
      [&] {
        auto first = Spawn(cell.GetOrTryInit(
            [] { return Sleep(1ms).Then([]() -> StatusOr<int> { return absl::InternalError("fails"); }); }));
        auto second = Spawn(cell.GetOrTryInit([] { return StatusOr<int>(10); }));
        return Join(std::move(first), std::move(second)).Map([](auto& both) {
          EXPECT_EQ(std::get<0>(both).status().message(), "fails");
          EXPECT_EQ(**std::get<1>(both), 10);
          return OkStatus();
        });
      },
      test::Paused());
  EXPECT_TRUE(status.ok()) << status;
}

// behaviour: tokio/tests/sync_once_cell.rs#set_while_initializing
TEST(OnceCellInTimeTest, SetIsRefusedWhileItIsMade) {
  OnceCell<int> cell;
  const Status status = test::BlockOn(
      [&] {
        auto made = Spawn(cell.GetOrInit([] { return Sleep(2ms).Then([] { return 5; }); }));
        return Sleep(1ms).Then([&, made = std::move(made)]() mutable {
          EXPECT_EQ(cell.Set(10).code(), absl::StatusCode::kUnavailable);
          return std::move(made).Map([](auto& value) {
            EXPECT_EQ(**value, 5);
            return OkStatus();
          });
        });
      },
      test::Paused());
  EXPECT_TRUE(status.ok()) << status;
}

class LocksTest : public FlavourTest {};
ON_EVERY_FLAVOUR(LocksTest);

// behaviour: tokio/tests/sync_rwlock.rs#multithreaded
TEST_P(LocksTest, ManyWritersAddUp) {
  sync::RwLock<int> lock(0);
  sync::Barrier barrier(5);
  int inside = 0;  // writers, of whom each holds the lock across a yield
  auto& tasks = runtime();
  for (int step : {2, 3, 5, 7}) {
    tasks.Spawn(Loop([&lock, &inside, step, left = 1000]() mutable {
           return lock.Write().Then([&, step](sync::WriteGuard<int>& value) {
             EXPECT_EQ(++inside, 1);
             return YieldNow().Then([&, step]() -> Flow<> {
               *value += step;
               --inside;
               return --left > 0 ? Flow<>(Continue()) : Flow<>(Break());
             });
           });
         }).Then([&barrier] { return barrier.Wait(); }))
        .Detach();
  }
  EXPECT_TRUE(tasks.BlockOn(barrier.Wait()).ok());
  EXPECT_EQ(*lock.BlockingRead(), 17000);
  EndRuntime();
}

}  // namespace
}  // namespace kioto
