// The Blocking... calls inside a task: a checked error, for they would stop every task of its thread.
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/mpsc_unbounded.h"
#include "kioto/sync/mutex.h"
#include "kioto/sync/oneshot.h"
#include "kioto/sync/rwlock.h"
#include "kioto/sync/semaphore.h"

namespace kioto::sync {
namespace {

class BlockingDeathTest : public testing::Test {
 protected:
  BlockingDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // In the root of a runtime, though nothing would keep the call waiting.
  template <class Call>
  static void ExpectRefused(Call call) {
    EXPECT_DEATH((void)RuntimeBuilder::CurrentThread().Build()->BlockOn([&call] { call(); }),
                 "BlockOn, or a Blocking... call, inside a task would stop every task of its thread");
  }
};

// behaviour: tokio/tests/sync_semaphore.rs#blocking_acquire_in_async_context
TEST_F(BlockingDeathTest, Acquire) {
  Semaphore semaphore(1);
  ExpectRefused([&] { (void)semaphore.BlockingAcquire(); });
}

// behaviour: tokio/tests/sync_semaphore.rs#blocking_acquire_many_in_async_context
TEST_F(BlockingDeathTest, AcquireMany) {
  Semaphore semaphore(2);
  ExpectRefused([&] { (void)semaphore.BlockingAcquire(2); });
}

// behaviour: tokio/tests/sync_semaphore.rs#blocking_acquire_owned_in_async_context
TEST_F(BlockingDeathTest, AcquireOwned) {
  auto semaphore = std::make_shared<Semaphore>(1);
  ExpectRefused([&] { (void)Semaphore::BlockingAcquireOwned(semaphore); });
}

// behaviour: tokio/tests/sync_semaphore.rs#blocking_acquire_many_owned_in_async_context
TEST_F(BlockingDeathTest, AcquireManyOwned) {
  auto semaphore = std::make_shared<Semaphore>(2);
  ExpectRefused([&] { (void)Semaphore::BlockingAcquireOwned(semaphore, 2); });
}

// behaviour: tokio/tests/sync_panic.rs#oneshot_blocking_recv_panic_caller
TEST_F(BlockingDeathTest, OneshotRecv) {
  auto channel = Oneshot<int>();
  EXPECT_TRUE(channel.sender.Send(1));
  ExpectRefused([&] { (void)std::move(channel.receiver).BlockingRecv(); });
}

// behaviour: tokio/tests/sync_mpsc.rs#blocking_recv_async
// behaviour: tokio/tests/sync_panic.rs#mpsc_bounded_receiver_blocking_recv_panic_caller
TEST_F(BlockingDeathTest, MpscRecv) {
  auto ch = Mpsc<int>(1);
  EXPECT_TRUE(ch.sender.TrySend(1).ok());
  ExpectRefused([&] { (void)ch.receiver.BlockingRecv(); });
}

// behaviour: tokio/tests/sync_panic.rs#mpsc_bounded_receiver_blocking_recv_many_panic_caller
TEST_F(BlockingDeathTest, MpscRecvMany) {
  auto ch = Mpsc<int>(1);
  EXPECT_TRUE(ch.sender.TrySend(1).ok());
  std::vector<int> out;
  ExpectRefused([&] { (void)ch.receiver.BlockingRecvMany(out, 1); });
}

// behaviour: tokio/tests/sync_mpsc.rs#blocking_send_async
// behaviour: tokio/tests/sync_panic.rs#mpsc_bounded_sender_blocking_send_panic_caller
TEST_F(BlockingDeathTest, MpscSend) {
  auto ch = Mpsc<int>(1);
  ExpectRefused([&] { (void)ch.sender.BlockingSend(1); });
}

// behaviour: tokio/tests/sync_panic.rs#mpsc_unbounded_receiver_blocking_recv_panic_caller
TEST_F(BlockingDeathTest, MpscUnboundedRecv) {
  auto ch = MpscUnbounded<int>();
  EXPECT_TRUE(ch.sender.Send(1).ok());
  ExpectRefused([&] { (void)ch.receiver.BlockingRecv(); });
}

// behaviour: tokio/tests/sync_panic.rs#mpsc_unbounded_receiver_blocking_recv_many_panic_caller
TEST_F(BlockingDeathTest, MpscUnboundedRecvMany) {
  auto ch = MpscUnbounded<int>();
  EXPECT_TRUE(ch.sender.Send(1).ok());
  std::vector<int> out;
  ExpectRefused([&] { (void)ch.receiver.BlockingRecvMany(out, 1); });
}

// behaviour: tokio/tests/sync_panic.rs#mutex_blocking_lock_panic_caller
TEST_F(BlockingDeathTest, MutexLock) {
  Mutex<int> mutex;
  ExpectRefused([&] { (void)mutex.BlockingLock(); });
}

// behaviour: tokio/tests/sync_panic.rs#rwlock_blocking_read_panic_caller
TEST_F(BlockingDeathTest, RwLockRead) {
  RwLock<int> lock;
  ExpectRefused([&] { (void)lock.BlockingRead(); });
}

// behaviour: tokio/tests/sync_panic.rs#rwlock_blocking_write_panic_caller
TEST_F(BlockingDeathTest, RwLockWrite) {
  RwLock<int> lock;
  ExpectRefused([&] { (void)lock.BlockingWrite(); });
}

}  // namespace
}  // namespace kioto::sync
