#include "kioto/runtime/io/buf_reader.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/base/limits.h"
#include "kioto/runtime/future/ready.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/memory.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"

namespace kioto::io {
namespace {

static_assert(IsReader<BufReader<ScriptedReader>> && !IsWriter<BufReader<ScriptedReader>>);
static_assert(IsReader<BufReader<ReaderRef>>);

// One read of at most `size` bytes.
template <class R>
std::string ReadSome(R& reader, size_t size) {
  Buffer buffer(size);
  StatusOr<size_t> n = Finish(reader.Read(buffer.span()));
  EXPECT_TRUE(n.ok()) << n.status();
  return std::string(buffer.first(*n));
}

// The bytes of Tokio's test as letters; `pending`: the source waits before each piece.
ScriptedReader EightBytes(bool pending) {
  ScriptedReader source({});
  for (const char* piece : {"567", "01", "234"}) {
    if (pending) source.Add(PendingOnce());
    source.Add(std::string(piece));
  }
  return source;
}

void ExpectReadsPastTheBufferWhenLarge(bool pending) {
  BufReader reader(EightBytes(pending), 2);
  EXPECT_EQ(ReadSome(reader, 3), "567");
  EXPECT_EQ(reader.buffered(), "");
  EXPECT_EQ(ReadSome(reader, 2), "01");
  EXPECT_EQ(reader.buffered(), "");
  EXPECT_EQ(ReadSome(reader, 1), "2");
  EXPECT_EQ(reader.buffered(), "3");
  EXPECT_EQ(ReadSome(reader, 3), "3");
  EXPECT_EQ(reader.buffered(), "");
  EXPECT_EQ(ReadSome(reader, 3), "4");
  EXPECT_EQ(reader.buffered(), "");
  EXPECT_EQ(ReadSome(reader, 3), "");
}

// behaviour: tokio/tests/io_buf_reader.rs#test_buffered_reader
TEST(BufReader, ReadsAheadButForLargeReads) { ExpectReadsPastTheBufferWhenLarge(/*pending=*/false); }

// behaviour: tokio/tests/io_buf_reader.rs#maybe_pending
TEST(BufReader, ReadsAheadFromASourceThatWaits) { ExpectReadsPastTheBufferWhenLarge(/*pending=*/true); }

TEST(BufReader, ManySmallReadsAreOneOfTheReader) {
  BufReader reader(ScriptedReader({std::string(1000, 'x')}));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(ReadSome(reader, 1), "x");
  EXPECT_EQ(reader.inner().polls(), 1);
  EXPECT_EQ(ReadSome(reader, 1), "");
}

// behaviour: tokio/tests/io_buf_reader.rs#test_fill_buf_wrapper
TEST(BufReader, FillGivesWhatIsThereUntilItIsConsumed) {
  BufReader reader(ScriptedReader({std::string("hello world"), PendingOnce(), std::string("foo bar")}), 16);
  EXPECT_EQ(*Finish(reader.Fill()), "hello world");
  reader.Consume(6);
  EXPECT_EQ(*Finish(reader.Fill()), "world");
  EXPECT_EQ(*Finish(reader.Fill()), "world");
  reader.Consume(5);
  PolledTask task(reader.Fill());
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(task.wakes(), 1);
  EXPECT_EQ(**task.Poll(), "foo bar");
  reader.Consume(7);
  EXPECT_EQ(*Finish(reader.Fill()), "");
  EXPECT_EQ(*Finish(reader.Fill()), "");
}

// behaviour: tokio/tests/io_read_until.rs#read_until
TEST(ReadUntil, EndsBehindItsByteOrWithTheStream) {
  BufReader reader(ScriptedReader({std::string("hello world")}));
  std::string into;
  EXPECT_EQ(*Finish(reader.ReadUntil(' ', into, 100)), 6u);
  EXPECT_EQ(into, "hello ");
  into.clear();
  EXPECT_EQ(*Finish(reader.ReadUntil(' ', into, 100)), 5u);
  EXPECT_EQ(into, "world");
  EXPECT_EQ(*Finish(reader.ReadUntil(' ', into, 100)), 0u);
  EXPECT_EQ(into, "world");
}

// behaviour: tokio/tests/io_read_until.rs#read_until_not_all_ready
TEST(ReadUntil, AppendsAcrossPieces) {
  BufReader reader(ScriptedReader({std::string("Hello Wor"), PendingOnce(), std::string("ld#\xffizz"), PendingOnce(),
                                   std::string("z\xff"), std::string("Buzz#1#2")}));
  std::string into = "say ";
  EXPECT_EQ(*Finish(reader.ReadUntil('#', into, 100)), 12u);
  EXPECT_EQ(into, "say Hello World#");
  into = "\xff";
  EXPECT_EQ(*Finish(reader.ReadUntil('#', into, 100)), 11u);
  EXPECT_EQ(into, "\xff\xffizzz\xff" "Buzz#");
  EXPECT_EQ(*Finish(reader.ReadUntil('#', into, 100)), 2u);
  EXPECT_EQ(*Finish(reader.ReadUntil('#', into, 100)), 1u);
  EXPECT_EQ(into.substr(into.size() - 3), "1#2");
}

// behaviour: tokio/tests/io_buf_reader.rs#maybe_pending_buf_read
TEST(ReadUntil, TakesSmallPiecesThatCome) {
  BufReader reader(ScriptedReader({std::string("01"), PendingOnce(), std::string("23"), PendingOnce(), std::string("10")}), 2);
  std::string into;
  EXPECT_EQ(*Finish(reader.ReadUntil('3', into, 100)), 4u);
  EXPECT_EQ(*Finish(reader.ReadUntil('1', into, 100)), 1u);
  EXPECT_EQ(*Finish(reader.ReadUntil('8', into, 100)), 1u);
  EXPECT_EQ(*Finish(reader.ReadUntil('9', into, 100)), 0u);
  EXPECT_EQ(into, "012310");
}

// behaviour: tokio/src/util/memchr.rs#memchr_all
TEST(ReadUntil, FindsEveryByte) {
  std::string ascending;
  for (int byte = 0; byte < 256; ++byte) ascending += static_cast<char>(byte);
  const std::string descending(ascending.rbegin(), ascending.rend());
  for (int byte = 0; byte < 256; ++byte) {
    BytesReader up(ascending), down(descending);
    std::string into;
    EXPECT_EQ(*Finish(ReadUntil(up, static_cast<char>(byte), into, 1000)), static_cast<size_t>(byte + 1));
    EXPECT_EQ(*Finish(ReadUntil(down, static_cast<char>(byte), into, 1000)), static_cast<size_t>(256 - byte));
  }
}

// behaviour: tokio/src/util/memchr.rs#memchr_empty
TEST(ReadUntil, FindsNothingInNothing) {
  BytesReader empty("");
  std::string into;
  for (char byte : {'a', '\0', '\xff'}) EXPECT_EQ(*Finish(ReadUntil(empty, byte, into, 1000)), 0u);
  EXPECT_EQ(into, "");
}

// behaviour: tokio/src/util/memchr.rs#memchr_test
TEST(ReadUntil, FindsTheFirstOfAByteOrTheEnd) {
  const std::string haystack("123abc456\0\xff" "abc\n", 15);
  const auto place = [&](char byte) {
    BytesReader in(haystack);
    std::string into;
    return *Finish(ReadUntil(in, byte, into, 1000));
  };
  EXPECT_EQ(place('1'), 1u);
  EXPECT_EQ(place('3'), 3u);
  EXPECT_EQ(place('a'), 4u);
  EXPECT_EQ(place('6'), 9u);
  EXPECT_EQ(place('\0'), 10u);
  EXPECT_EQ(place('\xff'), 11u);
  EXPECT_EQ(place('\n'), 15u);
  EXPECT_EQ(place('z'), 15u);  // there is none: up to the end
}

TEST(ReadUntil, HasALimit) {
  BufReader reader(ScriptedReader({std::string("aaaa"), std::string("aab")}));
  std::string into;
  EXPECT_TRUE(IsLimitExceeded(Finish(reader.ReadUntil('b', into, 5)).status()));
  EXPECT_EQ(into, "aaaaa");
  EXPECT_EQ(reader.buffered(), "ab");
  EXPECT_EQ(*Finish(reader.ReadUntil('b', into, 2)), 2u);  // just so many
}

TEST(ReadUntil, KeepsWhatCameBeforeAnError) {
  BufReader reader(ScriptedReader({std::string("half"), Status(absl::AbortedError("broken"))}));
  std::string into;
  EXPECT_EQ(Finish(reader.ReadUntil('\n', into, 100)).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(into, "half");
}

TEST(ReadUntil, DroppedItKeepsItsPlaceInInto) {
  BufReader reader(ScriptedReader({std::string("ab"), PendingOnce(), std::string("c.d")}));
  std::string into;
  for (int polls = 0; polls < 2; ++polls) {
    PolledTask task(reader.ReadUntil('.', into, 100));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(task.Poll().pending());
  }
  EXPECT_EQ(*Finish(reader.ReadUntil('.', into, 100)), 2u);
  EXPECT_EQ(into, "abc.");
  EXPECT_EQ(reader.buffered(), "d");
}

TEST(BufReader, WhatIsBufferedCostsBudget) {
  BufReader reader(ScriptedReader({std::string(1000, 'x')}));
  PolledTask task(PollFn([&reader](Context& cx) -> Poll<int> {
    int reads = 0;
    char byte;
    while (reader.PollRead(cx, MutableBytes(&byte, 1)).ready()) ++reads;
    return reads;
  }));
  EXPECT_EQ(*task.Poll(), limits::kPollBudget);
  EXPECT_TRUE(task.yielded());
}

TEST(BufReader, BorrowsByAReference) {
  ScriptedReader source({std::string("abc")});
  BufReader reader{ReaderRef(source)};
  EXPECT_EQ(ReadSome(reader, 1), "a");
  EXPECT_EQ(reader.buffered(), "bc");
  EXPECT_EQ(source.polls(), 1);
  EXPECT_EQ(*Finish(ReadToEnd(reader, 10)), "bc");
}

}  // namespace
}  // namespace kioto::io
