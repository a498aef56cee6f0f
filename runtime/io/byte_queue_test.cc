#include "kioto/runtime/io/byte_queue.h"

#include <random>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/bytes.h"

namespace kioto {
namespace {

TEST(Buffer, GivesItsFirstBytesAndItsRest) {
  Buffer buffer(8);
  std::memcpy(buffer.data(), "abcdefgh", 8);
  EXPECT_EQ(buffer.first(3), "abc");
  EXPECT_EQ(buffer.view(2, 2), "cd");
  MutableBytes all = buffer;
  EXPECT_EQ(all.size(), 8u);
  EXPECT_EQ(buffer.from(5).data(), buffer.data() + 5);
  Buffer other = std::move(buffer);
  EXPECT_TRUE(buffer.empty());  // NOLINT: a buffer moved from is empty
  EXPECT_EQ(other.size(), 8u);
}

TEST(BufferDeathTest, RefusesMoreThanItHas) {
  Buffer buffer(2);
  EXPECT_DEATH((void)buffer.first(3), "more bytes than the buffer has");
  EXPECT_DEATH((void)buffer.view(1, SIZE_MAX), "beyond the end");
}

// behaviour: tokio/tests/io_panic.rs#read_buf_set_filled_panic_caller
TEST(BufferDeathTest, AnEmptyOneHasNoFirstBytes) {
  Buffer empty(0);
  EXPECT_DEATH((void)empty.first(2), "more bytes than the buffer has");
}

// behaviour: tokio/tests/io_panic.rs#read_buf_initialize_unfilled_to_panic_caller
TEST(BufferDeathTest, AnEmptyOneHasNothingBehindAnOffset) {
  Buffer empty(0);
  EXPECT_TRUE(empty.from(0).empty());
  EXPECT_DEATH((void)empty.from(2), "beyond the end");
}

// behaviour: tokio/tests/io_read_buf.rs#issue_5588
TEST(ByteQueue, ItsRoomIsWhatIsNotCommitted) {
  ByteQueue queue(4);
  Buffer buffer(4);
  for (size_t taken = 0; taken < 4; ++taken) {
    EXPECT_EQ(queue.Room(1).size(), 4 - taken);
    EXPECT_EQ(queue.capacity() - queue.size(), 4 - taken);
    EXPECT_EQ(buffer.from(taken).size(), 4 - taken);
    queue.Commit(1);
  }
  EXPECT_EQ(queue.size(), queue.capacity());
  EXPECT_TRUE(buffer.from(4).empty());
  ByteQueue at_once(4);
  at_once.Commit(at_once.Room(4).size());
  EXPECT_EQ(at_once.size(), at_once.capacity());
  EXPECT_EQ(at_once.capacity(), 4u);
}

TEST(ByteQueue, IsEmptyAndOwnsNothingAtFirst) {
  ByteQueue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.capacity(), 0u);
  EXPECT_EQ(queue.view(), "");
}

TEST(ByteQueue, KeepsBytesInOrderThroughGrowthAndMoves) {
  ByteQueue queue(4);
  std::string model;
  std::minstd_rand random(7);
  for (int i = 0; i < 5000; ++i) {
    std::string piece(random() % 40, static_cast<char>('a' + i % 26));
    queue.Append(piece);
    model += piece;
    const size_t n = random() % (model.size() + 1);
    queue.Consume(n);
    model.erase(0, n);
    ASSERT_EQ(queue.view(), model);
  }
}

TEST(ByteQueue, ReusesItsFrontInsteadOfGrowing) {
  ByteQueue queue(64);
  for (int i = 0; i < 1000; ++i) {
    queue.Append("0123456789abcdef");
    queue.Append("0123456789abcdef");
    queue.Consume(32 - i % 2);  // leaves a byte every other time
    if (i % 2 == 1) queue.Consume(queue.size());
  }
  EXPECT_EQ(queue.capacity(), 64u);
}

TEST(ByteQueue, GrowsRatherThanMoveMostOfItselfForLittle) {
  ByteQueue queue(64);
  queue.Append(std::string(64, 'x'));
  queue.Consume(1);
  queue.Append("y");  // moving 63 bytes for one, again and again, would be quadratic
  EXPECT_EQ(queue.capacity(), 128u);
}

TEST(ByteQueue, TakesBytesOfItsOwn) {
  ByteQueue queue;
  queue.Append("ab");
  std::string model = "ab";
  for (int i = 0; i < 10; ++i) {  // by growing
    queue.Append(queue.view());
    model += model;
    ASSERT_EQ(queue.view(), model);
  }
  ByteQueue moved(64);  // by moving down what is left
  moved.Append(std::string(40, 'x') + "0123456789");
  moved.Consume(40);
  for (int i = 0; i < 3; ++i) moved.Append(moved.view().substr(moved.size() - 10));
  EXPECT_EQ(moved.view(), "0123456789012345678901234567890123456789");
}

TEST(ByteQueue, IsChangedWhereItIs) {
  ByteQueue queue;
  queue.Append("gone");
  queue.Consume(4);
  queue.Append(absl::string_view("\0payload", 8));
  queue.span()[0] = static_cast<char>(queue.size() - 1);
  EXPECT_EQ(queue.view(), "\7payload");
  EXPECT_TRUE(ByteQueue().span().empty());
}

TEST(ByteQueue, IsCutBehindWhatItKeeps) {
  ByteQueue queue(16);
  queue.Append("header, and half a payl");
  queue.Truncate(6);
  EXPECT_EQ(queue.view(), "header");
  const Bytes head = queue.Split(4);
  queue.Append("s");
  queue.Truncate(2);
  EXPECT_EQ(queue.view(), "er");
  queue.Truncate(0);
  EXPECT_TRUE(queue.empty());
  queue.Append("next");
  EXPECT_EQ(queue.view(), "next");
  EXPECT_EQ(head, "head");
}

TEST(ByteQueue, ReleaseGivesBackOnlyWhatIsEmpty) {
  ByteQueue queue(100);
  queue.Append("x");
  queue.Release();
  EXPECT_EQ(queue.view(), "x");
  queue.Consume(1);
  queue.Release(100);
  EXPECT_EQ(queue.capacity(), 100u);
  queue.Release(99);
  EXPECT_EQ(queue.capacity(), 0u);
  queue.Append("again");
  EXPECT_EQ(queue.view(), "again");
}

// behaviour: tokio/tests/io_panic.rs#read_buf_advance_panic_caller
TEST(ByteQueueDeathTest, AnEmptyOneHasNothingToCommit) {
  ByteQueue empty;
  EXPECT_DEATH(empty.Commit(2), "more bytes than Room gave");
}

TEST(ByteQueueDeathTest, RefusesWhatIsNotThere) {
  ByteQueue queue;
  queue.Append("ab");
  EXPECT_DEATH(queue.Consume(3), "more bytes than there are");
  EXPECT_DEATH(queue.Truncate(3), "ByteQueue::Truncate: more bytes than there are");
  EXPECT_DEATH(queue.Commit(queue.Room(1).size() + 1), "more bytes than Room gave");
  EXPECT_DEATH((void)queue.Room(SIZE_MAX), "does not fit in memory");
}

}  // namespace
}  // namespace kioto
