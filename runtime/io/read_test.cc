#include "kioto/runtime/io/read.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"

namespace kioto::io {
namespace {

static_assert(IsReader<ScriptedReader> && !IsReader<ScriptedWriter> && !IsReader<int>);
static_assert(IsFuture<ReadFuture> && IsFuture<ReadExactFuture> && IsFuture<ReadToEndFuture>);
// Debug builds add a word that sees moves after the first poll.
static_assert(sizeof(ReadFuture) <= 32 + 8 * KIOTO_DEBUG && sizeof(ReadExactFuture) <= 40 + 8 * KIOTO_DEBUG);

TEST(Read, IsOneAttempt) {
  ScriptedReader reader({"hello", "world"});
  char into[16];
  EXPECT_EQ(*Finish(Read(reader, into)), 5u);
  EXPECT_EQ(std::string(into, 5), "hello");
  EXPECT_EQ(reader.polls(), 1);
}

TEST(Read, WaitsAndGivesTheEndAsZero) {
  ScriptedReader reader({PendingOnce{}, "x"});
  Buffer into(4);
  EXPECT_EQ(*Finish(Read(reader, into)), 1u);
  EXPECT_EQ(*Finish(Read(reader, into)), 0u);
}

TEST(Read, DroppedTakesNothing) {
  ScriptedReader reader({PendingOnce{}, "x"});
  Buffer into(4);
  {
    PolledTask task(Read(reader, into));
    EXPECT_TRUE(task.Poll().pending());
  }
  EXPECT_EQ(*Finish(Read(reader, into)), 1u);
}

// behaviour: tokio/tests/io_read_buf.rs#read_buf
TEST(ReadQueue, AppendsWithOneRead) {
  ScriptedReader reader({"hello world"});
  ByteQueue queue;
  queue.Append("> ");
  EXPECT_EQ(*Finish(Read(reader, queue)), 11u);
  EXPECT_EQ(queue.view(), "> hello world");
  EXPECT_EQ(reader.polls(), 1);
}

TEST(ReadQueue, PendingAndErrorsAppendNothing) {
  ScriptedReader reader({PendingOnce{}, absl::InternalError("broken")});
  ByteQueue queue;
  EXPECT_EQ(Finish(Read(reader, queue)).status().message(), "broken");
  EXPECT_TRUE(queue.empty());
}

// behaviour: kioto/runtime/io/read.h#read_exact_across_pieces
TEST(ReadExact, FillsAcrossPiecesAndReadsNoMore) {
  ScriptedReader reader({"hel", PendingOnce{}, "lo w", "orld"});
  char into[8];
  EXPECT_EQ(Finish(ReadExact(reader, into)), OkStatus());
  EXPECT_EQ(std::string(into, 8), "hello wo");
  EXPECT_EQ(*Finish(Read(reader, into)), 3u);
}

TEST(ReadExact, SaysWhenTheStreamEndsBefore) {
  ScriptedReader reader({"abc"});
  char into[8];
  Status status = Finish(ReadExact(reader, into));
  EXPECT_TRUE(IsUnexpectedEof(status)) << status;
  EXPECT_EQ(status.message(), "the stream ended after 3 of 8 bytes");
}

TEST(ReadExact, PassesErrorsOn) {
  ScriptedReader reader({"abc", absl::InternalError("broken"), "defgh"});
  char into[8];
  EXPECT_EQ(Finish(ReadExact(reader, into)).message(), "broken");
}

TEST(ReadExact, OfNothingReadsNothing) {
  ScriptedReader reader({PendingForever{}});
  EXPECT_EQ(Finish(ReadExact(reader, MutableBytes())), OkStatus());
  EXPECT_EQ(reader.polls(), 0);
}

// Select refuses what loses data, unless it is said.
static_assert(LosesDataWhenDropped<ReadToEndFuture>);
static_assert(!LosesDataWhenDropped<ReadFuture> && !LosesDataWhenDropped<ReadQueueFuture>);

// behaviour: tokio/tests/io_read_to_end.rs#read_to_end
TEST(ReadToEnd, GivesEverything) {
  ScriptedReader reader({"hello ", PendingOnce{}, "world"});
  EXPECT_EQ(*Finish(ReadToEnd(reader, 1 << 20)), "hello world");
}

TEST(ReadToEnd, GrowsForLargeStreams) {
  std::string sent(300'000, 'x');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7);
  ScriptedReader reader({sent});
  EXPECT_EQ(*Finish(ReadToEnd(reader, sent.size())), sent);
  EXPECT_EQ(reader.empty_polls(), 0);
}

TEST(ReadToEnd, HoldsItsLimit) {
  for (size_t limit : {size_t{0}, size_t{1}, size_t{1023}, size_t{1024}, size_t{5000}}) {
    ScriptedReader fits({std::string(limit, 'a')});
    if (limit > 0) {
      EXPECT_EQ(Finish(ReadToEnd(fits, limit))->size(), limit);
    }
    ScriptedReader over({std::string(limit + 1, 'a')});
    Status status = Finish(ReadToEnd(over, limit)).status();
    EXPECT_TRUE(IsLimitExceeded(status)) << limit << status;
  }
  ScriptedReader any({"abc"});
  EXPECT_EQ(*Finish(ReadToEnd(any, SIZE_MAX)), "abc");
}

TEST(ReadToEnd, PassesErrorsOn) {
  ScriptedReader reader({"abc", absl::InternalError("broken")});
  EXPECT_EQ(Finish(ReadToEnd(reader, 10)).status().message(), "broken");
}

TEST(ReadFutures, CanBeDroppedAnywhere) {
  for (int polls = 0; polls < 4; ++polls) {
    ScriptedReader reader({"a", PendingOnce{}, "b", PendingOnce{}, "c", PendingForever{}});
    char into[8];
    PolledTask exact(ReadExact(reader, into));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(exact.Poll().pending());
    exact.Drop();
    PolledTask all(ReadToEnd(reader, 100));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(all.Poll().pending());
  }
}

// behaviour: tokio/tests/io_read_to_end.rs#read_to_end_doesnt_grow_with_capacity
TEST(AppendToEnd, DoesNotGrowAStringThatHasRoom) {
  for (size_t length = 32; length < 100; ++length) {
    std::string bytes;
    for (size_t i = 0; i < length; ++i) bytes.push_back(static_cast<char>(i));
    for (size_t split = 0; split < length; ++split) {
      for (size_t room = 0; room <= 100; room += 4) {
        ScriptedReader reader({bytes.substr(split)});
        if (split != 0) reader = ScriptedReader({bytes.substr(0, split), bytes.substr(split)});
        std::string into;
        into.reserve(room);
        const size_t before = into.capacity();
        ASSERT_EQ(*Finish(ReadToEnd(reader, into, 1000)), length);
        ASSERT_EQ(into, bytes);
        if (before >= length) {
          ASSERT_EQ(into.capacity(), before) << length << " bytes";
        }
      }
    }
  }
}

TEST(AppendToEnd, DoesNotGrowALargeStringThatJustFits) {
  std::string into;
  into.reserve(300 * 1024);
  const std::string bytes(into.capacity(), 'x');
  const char* before = into.data();
  ScriptedReader reader({bytes});
  EXPECT_EQ(*Finish(ReadToEnd(reader, into, SIZE_MAX)), bytes.size());
  EXPECT_TRUE(into == bytes);
  EXPECT_EQ(into.data(), before);
}

// behaviour: tokio/tests/io_read_to_end.rs#read_to_end_grows_capacity_if_unfit
TEST(AppendToEnd, GrowsOneThatHasNot) {
  const std::string bytes(38, 'x');
  ScriptedReader reader({bytes});
  std::string into;
  into.reserve(34);
  EXPECT_EQ(*Finish(ReadToEnd(reader, into, 1000)), 38u);
  EXPECT_EQ(into, bytes);
}

// Writes into all of the memory that it gets, and says that it was one byte.
struct SprawlingReader {
  Poll<StatusOr<size_t>> PollRead(Context&, MutableBytes into) {
    for (char& byte : into) byte = '?';
    if (left == 0 || into.empty()) return StatusOr<size_t>(0);
    into[0] = static_cast<char>('a' + --left % 26);
    return StatusOr<size_t>(1);
  }
  int left = 33;
};

// behaviour: tokio/tests/io_read_to_end.rs#read_to_end_uninit
TEST(AppendToEnd, TakesWhatWasReadAndNotWhatWasTouched) {
  SprawlingReader reader;
  std::string into;
  into.reserve(64);
  EXPECT_EQ(*Finish(ReadToEnd(reader, into, 1000)), 33u);
  EXPECT_EQ(into.size(), 33u);
  EXPECT_EQ(into.find('?'), std::string::npos);
}

TEST(AppendToEnd, KeepsWhatCameBeforeAnError) {
  ScriptedReader reader({"de", PendingOnce{}, "f", absl::InternalError("broken")});
  std::string into = "abc";
  EXPECT_EQ(Finish(ReadToEnd(reader, into, 1000)).status().message(), "broken");
  EXPECT_EQ(into, "abcdef");
  ScriptedReader more({"1234"});
  EXPECT_TRUE(IsLimitExceeded(Finish(ReadToEnd(more, into, 3)).status()));
}

// Says that it has read more than it was given room for.
struct LyingReader {
  Poll<StatusOr<size_t>> PollRead(Context&, MutableBytes into) { return StatusOr<size_t>(into.size() + 1); }
};

// behaviour: tokio/tests/io_read.rs#read_buf_bad_async_read
TEST(ReadDeathTest, AReaderThatBreaksItsRulesIsFoundOut) {
  LyingReader liar;
  ByteQueue queue;
  EXPECT_DEATH((void)Finish(Read(liar, queue)), "more bytes than Room gave");
}

}  // namespace
}  // namespace kioto::io
