#include "kioto/sync/rwlock.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"

namespace kioto::sync {
namespace {

using Reader = PolledTask<ReadFuture<int>>;
using Writer = PolledTask<WriteFuture<int>>;

// behaviour: tokio/tests/sync_rwlock.rs#into_inner
TEST(RwLockTest, Into) { EXPECT_EQ(RwLock<int>(42).Into(), 42); }

// behaviour: tokio/tests/sync_rwlock.rs#read_uncontested
TEST(RwLockTest, ReadersReadTogether) {
  RwLock<int> lock(100);
  auto a = *Reader(lock.Read()).Poll();
  auto b = *Reader(lock.Read()).Poll();
  EXPECT_EQ(*a + *b, 200);
}

// behaviour: tokio/tests/sync_rwlock.rs#write_shared_pending
TEST(RwLockTest, AReaderKeepsAWriterOut) {
  RwLock<int> lock(100);
  auto read = *Reader(lock.Read()).Poll();
  EXPECT_TRUE(Writer(lock.Write()).Poll().pending());
}

// behaviour: tokio/tests/sync_rwlock.rs#read_exclusive_pending
TEST(RwLockTest, AWriterKeepsReadersOut) {
  RwLock<int> lock(100);
  auto write = *Writer(lock.Write()).Poll();
  EXPECT_TRUE(Reader(lock.Read()).Poll().pending());
  EXPECT_TRUE(IsEmpty(lock.TryRead().status()));
}

// behaviour: tokio/tests/sync_rwlock.rs#write_exclusive_pending
TEST(RwLockTest, AWriterKeepsWritersOut) {
  RwLock<int> lock(100);
  auto write = *Writer(lock.Write()).Poll();
  EXPECT_TRUE(Writer(lock.Write()).Poll().pending());
}

// behaviour: tokio/tests/sync_rwlock.rs#write_shared_drop
TEST(RwLockTest, TheLastReaderWakesTheWriter) {
  RwLock<int> lock(100);
  auto a = *Reader(lock.Read()).Poll();
  auto b = *Reader(lock.Read()).Poll();
  Writer writer(lock.Write());
  EXPECT_TRUE(writer.Poll().pending());
  a.Unlock();
  EXPECT_EQ(writer.wakes(), 0);
  b.Unlock();
  EXPECT_EQ(writer.wakes(), 1);
  auto guard = *writer.Poll();
  *guard = 1;
  EXPECT_EQ(lock.Get(), 1);
}

// behaviour: tokio/tests/sync_rwlock.rs#write_read_shared_pending
TEST(RwLockTest, AWriterThatWaitsKeepsLaterReadersBack) {
  RwLock<int> lock(100);
  auto a = *Reader(lock.Read()).Poll();
  auto b = *Reader(lock.Read()).Poll();
  Writer writer(lock.Write());
  EXPECT_TRUE(writer.Poll().pending());
  Reader later(lock.Read());
  EXPECT_TRUE(later.Poll().pending());
  EXPECT_TRUE(IsEmpty(lock.TryRead().status()));
  a.Unlock();
  EXPECT_TRUE(IsEmpty(lock.TryRead().status()));
  EXPECT_EQ(later.wakes(), 0);
}

// behaviour: tokio/tests/sync_rwlock.rs#write_read_shared_drop_pending
TEST(RwLockTest, AWriterThatGivesUpLetsTheReadersBehindItIn) {
  RwLock<int> lock(100);
  auto read = *Reader(lock.Read()).Poll();
  Writer writer(lock.Write());
  EXPECT_TRUE(writer.Poll().pending());
  Reader later(lock.Read());
  EXPECT_TRUE(later.Poll().pending());
  writer.Drop();
  EXPECT_EQ(later.wakes(), 1);
  EXPECT_TRUE(later.Poll().ready());
}

// behaviour: tokio/tests/sync_rwlock.rs#exhaust_reading
TEST(RwLockTest, MoreReadersThanMayBeWait) {
  RwLock<int> lock(100, 1024);
  std::vector<ReadGuard<int>> guards;
  for (;;) {
    Reader reader(lock.Read());
    auto poll = reader.Poll();
    if (poll.pending()) break;
    guards.push_back(*std::move(poll));
  }
  EXPECT_EQ(guards.size(), 1024u);
  Reader fresh(lock.Read());
  EXPECT_TRUE(fresh.Poll().pending());
  guards.pop_back();
  EXPECT_EQ(fresh.wakes(), 1);
  EXPECT_TRUE(fresh.Poll().ready());
}

// behaviour: tokio/tests/sync_rwlock.rs#write_order
TEST(RwLockTest, TheOrderIsThatOfTheFirstPolls) {
  RwLock<std::vector<int>> lock;
  auto made_first = lock.Write().Map([](auto& guard) { guard->push_back(2); });
  auto made_second = lock.Write().Map([](auto& guard) { guard->push_back(1); });
  EXPECT_TRUE(PolledTask(std::move(made_second)).Poll().ready());
  EXPECT_TRUE(PolledTask(std::move(made_first)).Poll().ready());
  EXPECT_EQ(lock.Get(), (std::vector<int>{1, 2}));
}

// behaviour: tokio/tests/sync_rwlock.rs#try_write
TEST(RwLockTest, TryWrite) {
  RwLock<int> lock(1);
  {
    auto read = lock.TryRead();
    ASSERT_TRUE(read.ok());
    EXPECT_TRUE(IsEmpty(lock.TryWrite().status()));
  }
  EXPECT_TRUE(lock.TryWrite().ok());
}

TEST(RwLockTest, DowngradeLetsNoWriterIn) {
  RwLock<int> lock(1);
  std::optional write = *Writer(lock.Write()).Poll();
  Reader reader(lock.Read());
  Writer writer(lock.Write());
  Reader last(lock.Read());
  EXPECT_TRUE(reader.Poll().pending());
  EXPECT_TRUE(writer.Poll().pending());
  EXPECT_TRUE(last.Poll().pending());
  std::optional<ReadGuard<int>> read = std::move(*write).Downgrade();
  write.reset();
  EXPECT_EQ(reader.wakes(), 1);
  EXPECT_EQ(writer.wakes(), 0);
  EXPECT_EQ(last.wakes(), 0);  // behind the writer
  read.reset();
  EXPECT_TRUE(reader.Poll().ready());
  EXPECT_EQ(writer.wakes(), 1);
}

struct Pair {
  int a = 1;
  int b = 2;
};

// behaviour: tokio/tests/sync_rwlock.rs#downgrade_map
TEST(RwLockTest, DowngradeMapChoosesAloneAndThenReadersComeIn) {
  RwLock<Pair> lock;
  auto write = *PolledTask(lock.Write()).Poll();
  PolledTask reader(lock.Read());
  EXPECT_TRUE(reader.Poll().pending());
  ReadGuard<int> part = std::move(write).DowngradeMap([&](const Pair& pair) -> const int& {
    EXPECT_TRUE(reader.Poll().pending());
    EXPECT_EQ(reader.wakes(), 0);
    return pair.b;
  });
  EXPECT_EQ(reader.wakes(), 1);
  auto other = *reader.Poll();
  EXPECT_EQ(&other->b, part.get());
}

// behaviour: tokio/tests/sync_rwlock.rs#try_downgrade_map
TEST(RwLockTest, TryDowngradeMapWithoutAPartKeepsWriting) {
  RwLock<Pair> lock;
  auto write = *PolledTask(lock.Write()).Poll();
  PolledTask reader(lock.Read());
  EXPECT_TRUE(reader.Poll().pending());
  EXPECT_FALSE(std::move(write).TryDowngradeMap([](const Pair&) -> const int* { return nullptr; }).has_value());
  write->b = 3;
  EXPECT_EQ(reader.wakes(), 0);
  std::optional<ReadGuard<int>> part = std::move(write).TryDowngradeMap([](const Pair& pair) { return &pair.b; });
  EXPECT_EQ(reader.wakes(), 1);
  auto other = *reader.Poll();
  ASSERT_TRUE(part.has_value());
  EXPECT_EQ(&other->b, part->get());
}

TEST(RwLockTest, ReadOwnedAndWriteOwnedFindOutTheirType) {
  auto lock = std::make_shared<RwLock<Pair>>();
  {
    OwnedReadGuard<Pair> read = *PolledTask(ReadOwned(lock)).Poll();
    PolledTask write(WriteOwned(lock));
    EXPECT_TRUE(write.Poll().pending());
    PolledTask dropped(ReadOwned(lock));
    EXPECT_TRUE(dropped.Poll().pending());
    dropped.Drop();
    read.Unlock();
    EXPECT_TRUE(write.Poll().ready());
  }
  EXPECT_EQ(lock.use_count(), 1);
}

TEST(RwLockTest, OwnedGuardsKeepTheLock) {
  auto lock = std::make_shared<RwLock<Pair>>();
  using Lock = RwLock<Pair>;
  {
    OwnedWriteGuard<Pair> write = *PolledTask(Lock::WriteOwned(lock)).Poll();
    EXPECT_TRUE(IsEmpty(Lock::TryReadOwned(lock).status()));
    OwnedWriteGuard<int> part = std::move(write).Map([](Pair& pair) -> int& { return pair.a; });
    *part = 5;
    OwnedReadGuard<int> read = std::move(part).Downgrade();
    EXPECT_EQ(*read, 5);
    EXPECT_TRUE(Lock::TryReadOwned(lock).ok());
    EXPECT_TRUE(IsEmpty(Lock::TryWriteOwned(lock).status()));
    EXPECT_TRUE(PolledTask(Lock::ReadOwned(lock)).Poll().ready());
  }
  EXPECT_EQ(lock.use_count(), 1);
  EXPECT_TRUE(Lock::TryWriteOwned(lock).ok());
  EXPECT_EQ(lock->BlockingRead()->a, 5);
  EXPECT_EQ(lock->BlockingWrite()->a, 5);
}

// A reader holds it; a writer and a reader wait, are polled and dropped at every point: all permits come back.
// check: H1
TEST(RwLockTest, DroppedAtAnyPointNothingIsLost) {
  for (int polls = 0; polls < 3; ++polls) {
    for (bool unlock_first : {false, true}) {
      for (bool writer_first : {false, true}) {
        RwLock<int> lock;
        auto held = *lock.TryRead();
        Writer writer(lock.Write());
        Reader reader(lock.Read());
        for (int i = 0; i < polls; ++i) {
          EXPECT_TRUE(writer.Poll().pending());
          EXPECT_TRUE(reader.Poll().pending());
        }
        if (unlock_first) held.Unlock();
        writer_first ? writer.Drop() : reader.Drop();
        writer_first ? reader.Drop() : writer.Drop();
        EXPECT_EQ(writer.held() + reader.held(), 0);
        held.Unlock();
        EXPECT_TRUE(lock.TryWrite().ok());
      }
    }
  }
}

// behaviour: tokio/tests/sync_rwlock.rs#zero_max_readers
// behaviour: tokio/tests/sync_rwlock.rs#zero_max_readers_const
TEST(RwLockDeathTest, NoReaders) { EXPECT_DEATH(RwLock<int>(1, 0), "max_readers is 1 to RwLock::kMaxReaders"); }

// behaviour: tokio/tests/sync_panic.rs#rwlock_with_max_readers_panic_caller
TEST(RwLockDeathTest, TooManyReaders) {
  RwLock<int> most(1, RwLock<int>::kMaxReaders);
  EXPECT_TRUE(most.TryWrite().ok());
  EXPECT_DEATH(RwLock<int>(1, RwLock<int>::kMaxReaders + 1), "max_readers is 1 to RwLock::kMaxReaders");
}

}  // namespace
}  // namespace kioto::sync
