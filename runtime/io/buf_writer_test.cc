#include "kioto/runtime/io/buf_writer.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"

namespace kioto::io {
namespace {

// A writer that takes one piece at a time.
struct PlainWriter {
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return to.PollWrite(cx, bytes); }
  Poll<Status> PollFlush(Context& cx) { return to.PollFlush(cx); }
  ScriptedWriter to;
  const std::string& data() const { return to.data(); }
};
static_assert(IsWriter<BufWriter<PlainWriter>> && !IsReader<BufWriter<PlainWriter>>);
static_assert(!internal::HasVectored<PlainWriter>::value && internal::HasVectored<ScriptedWriter>::value);

std::deque<ScriptedWriter::Step> Steps(bool pending, size_t most) {
  std::deque<ScriptedWriter::Step> steps;
  for (int i = 0; i < 20; ++i) {
    if (pending) steps.push_back(PendingOnce());
    steps.push_back(most);
  }
  return steps;
}

void ExpectBuffersSmallWrites(bool pending) {
  BufWriter writer(ScriptedWriter(Steps(pending, 100)), 2);
  const auto expect = [&writer](absl::string_view write, absl::string_view buffered, absl::string_view written) {
    EXPECT_EQ(*Finish(writer.Write(write)), write.size());
    EXPECT_EQ(writer.buffered(), buffered);
    EXPECT_EQ(writer.inner().data(), written);
  };
  expect("01", "", "01");
  expect("2", "2", "01");
  expect("3", "23", "01");
  EXPECT_EQ(Finish(writer.Flush()), OkStatus());
  EXPECT_EQ(writer.buffered(), "");
  EXPECT_EQ(writer.inner().data(), "0123");
  expect("4", "4", "0123");
  expect("5", "45", "0123");
  expect("6", "6", "012345");
  expect("78", "", "012345678");
  expect("9ab", "", "0123456789ab");
  EXPECT_EQ(Finish(writer.Flush()), OkStatus());
  EXPECT_EQ(writer.inner().flushed(), 12u);
}

// behaviour: tokio/tests/io_buf_writer.rs#buf_writer
TEST(BufWriter, LargeWritesGoPastTheBuffer) { ExpectBuffersSmallWrites(/*pending=*/false); }

// behaviour: tokio/tests/io_buf_writer.rs#maybe_pending_buf_writer
TEST(BufWriter, LargeWritesGoPastTheBufferToAWriterThatWaits) { ExpectBuffersSmallWrites(/*pending=*/true); }

// behaviour: tokio/tests/io_buf_writer.rs#buf_writer_inner_flushes
// behaviour: tokio/tests/io_buf_writer.rs#maybe_pending_buf_writer_inner_flushes
TEST(BufWriter, WritesNothingBeforeAFlush) {
  for (bool pending : {false, true}) {
    BufWriter writer(ScriptedWriter(Steps(pending, 100)), 3);
    EXPECT_EQ(*Finish(writer.Write("01")), 2u);
    EXPECT_EQ(writer.inner().data(), "");
    EXPECT_EQ(Finish(writer.Flush()), OkStatus());
    EXPECT_EQ(std::move(writer).IntoInner().data(), "01");
  }
}

// behaviour: tokio/tests/io_buf_writer.rs#write_vectored_empty_on_non_vectored
// behaviour: tokio/tests/io_buf_writer.rs#write_vectored_empty_on_vectored
TEST(BufWriter, NoBytesAreNoWrite) {
  const absl::string_view empty[3] = {};
  BufWriter<PlainWriter> plain(PlainWriter{ScriptedWriter()});
  BufWriter vectored{ScriptedWriter()};
  for (Pieces pieces : {Pieces(), Pieces(empty, 3)}) {
    EXPECT_EQ(*Finish(WriteVectored(plain, pieces)), 0u);
    EXPECT_EQ(*Finish(WriteVectored(vectored, pieces)), 0u);
  }
  EXPECT_EQ(plain.inner().to.writes(), 0);
  EXPECT_EQ(vectored.inner().vectored_writes(), 0);
}

const absl::string_view kFooBarBaz[] = {"foo ", "bar ", "baz"};

// behaviour: tokio/tests/io_buf_writer.rs#write_vectored_basic_on_non_vectored
// behaviour: tokio/tests/io_buf_writer.rs#write_vectored_basic_on_vectored
TEST(BufWriter, TakesAllPiecesThatFit) {
  BufWriter<PlainWriter> plain(PlainWriter{ScriptedWriter(Steps(false, 4))});
  EXPECT_EQ(*Finish(WriteVectored(plain, kFooBarBaz)), 11u);
  EXPECT_EQ(plain.buffered(), "foo bar baz");
  EXPECT_EQ(Finish(plain.Flush()), OkStatus());
  EXPECT_EQ(plain.inner().data(), "foo bar baz");
  BufWriter vectored(ScriptedWriter(Steps(false, 4)));
  EXPECT_EQ(*Finish(WriteVectored(vectored, kFooBarBaz)), 11u);
  EXPECT_EQ(vectored.buffered(), "foo bar baz");
  EXPECT_EQ(Finish(vectored.Flush()), OkStatus());
  EXPECT_EQ(vectored.inner().data(), "foo bar baz");
}

// behaviour: tokio/tests/io_buf_writer.rs#write_vectored_large_total_on_non_vectored
TEST(BufWriter, TakesThePiecesThatFitAtFirst) {
  BufWriter<PlainWriter> writer(PlainWriter{ScriptedWriter()}, 8);
  EXPECT_EQ(*Finish(WriteVectored(writer, kFooBarBaz)), 8u);
  EXPECT_EQ(writer.buffered(), "foo bar ");
  EXPECT_EQ(*Finish(WriteVectored(writer, Pieces(kFooBarBaz + 2, 1))), 3u);
  EXPECT_EQ(writer.buffered(), "baz");
  EXPECT_EQ(writer.inner().data(), "foo bar ");
}

// behaviour: tokio/tests/io_buf_writer.rs#write_vectored_large_total_on_vectored
TEST(BufWriter, ALargeTotalGoesPastTheBuffer) {
  BufWriter writer(ScriptedWriter(Steps(false, 10)), 8);
  EXPECT_EQ(*Finish(WriteVectored(writer, kFooBarBaz)), 10u);
  EXPECT_EQ(writer.buffered(), "");
  const absl::string_view rest[] = {"z"};
  EXPECT_EQ(*Finish(WriteVectored(writer, rest)), 1u);
  EXPECT_EQ(writer.buffered(), "z");
}

// Every call takes something, the buffer stays within its size, and the bytes arrive as they were.
template <class W>
void ExpectAllArrives(W writer, std::vector<absl::string_view> pieces) {
  std::string all;
  for (absl::string_view piece : pieces) all.append(piece.data(), piece.size());
  size_t taken = 0;
  while (taken < all.size()) {
    StatusOr<size_t> n = Finish(WriteVectored(writer, pieces));
    ASSERT_TRUE(n.ok() && *n > 0);
    EXPECT_LE(writer.buffered().size(), 8u);
    taken += *n;
    for (absl::string_view& piece : pieces) {
      const size_t of_this = std::min(*n, piece.size());
      piece.remove_prefix(of_this);
      *n -= of_this;
    }
  }
  EXPECT_EQ(Finish(writer.Flush()), OkStatus());
  EXPECT_EQ(writer.inner().data(), all);
}

const std::vector<absl::string_view> kOdd = {"0123", "", "45678", "9a"};
const std::vector<absl::string_view> kLarge = {"", "012345678", "9a"};

// behaviour: tokio/tests/io_buf_writer.rs#write_vectored_odd_on_non_vectored
// behaviour: tokio/tests/io_buf_writer.rs#write_vectored_large_slice_on_non_vectored
TEST(BufWriter, OddPiecesArriveOneByOne) {
  for (const auto& pieces : {kOdd, kLarge}) ExpectAllArrives(BufWriter<PlainWriter>(PlainWriter{ScriptedWriter()}, 8), pieces);
}

// behaviour: tokio/tests/io_buf_writer.rs#write_vectored_odd_on_vectored
// behaviour: tokio/tests/io_buf_writer.rs#write_vectored_large_slice_on_vectored
TEST(BufWriter, OddPiecesArriveTogether) {
  for (const auto& pieces : {kOdd, kLarge}) ExpectAllArrives(BufWriter(ScriptedWriter(), 8), pieces);
}

TEST(BufWriter, AFlushThatWasDroppedGoesOnWhereItWas) {
  BufWriter writer(ScriptedWriter({size_t{2}, PendingForever()}), 8);
  EXPECT_EQ(*Finish(writer.Write("012345")), 6u);
  for (int polls = 0; polls < 3; ++polls) {
    PolledTask task(writer.Flush());
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(task.Poll().pending());
  }
  EXPECT_EQ(writer.inner().data(), "01");
  EXPECT_EQ(writer.buffered(), "2345");
  PolledTask write(writer.Write("678"));  // does not fit: waits for the flush, and takes nothing before
  EXPECT_TRUE(write.Poll().pending());
  write.Drop();
  EXPECT_EQ(writer.buffered(), "2345");
  EXPECT_EQ(*Finish(writer.Write("67")), 2u);  // fits
  EXPECT_EQ(writer.buffered(), "234567");
}

TEST(BufWriter, AnErrorLosesNothing) {
  BufWriter writer(ScriptedWriter({size_t{1}, Status(absl::AbortedError("broken")), size_t{0}}), 4);
  EXPECT_EQ(*Finish(writer.Write("abc")), 3u);
  EXPECT_EQ(Finish(writer.Flush()).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(writer.buffered(), "bc");
  EXPECT_TRUE(IsWriteZero(Finish(writer.Write("defg")).status()));
  EXPECT_EQ(writer.buffered(), "bc");
  EXPECT_EQ(Finish(writer.Shutdown()), OkStatus());
  EXPECT_EQ(writer.inner().data(), "abc");
  EXPECT_TRUE(writer.inner().shut());
}

TEST(BufWriter, IsNotFlushedByItsEnd) {
  ScriptedWriter to;
  {
    BufWriter writer{WriterRef(to)};
    EXPECT_EQ(*Finish(writer.Write("lost")), 4u);
  }
  EXPECT_EQ(to.data(), "");
}

struct Both {
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) { return in.PollRead(cx, into); }
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return out.PollWrite(cx, bytes); }
  Poll<Status> PollFlush(Context& cx) { return out.PollFlush(cx); }
  ScriptedReader in;
  ScriptedWriter out;
};

TEST(BufStream, BuffersBothWays) {
  BufStream<Both> stream(BufWriter(Both{ScriptedReader({std::string("question\nmore")}), ScriptedWriter()}));
  std::string line;
  EXPECT_EQ(*Finish(stream.ReadUntil('\n', line, 100)), 9u);
  EXPECT_EQ(Finish(WriteAll(stream, "answer")), OkStatus());
  EXPECT_EQ(stream.inner().inner().out.data(), "");
  EXPECT_EQ(Finish(Flush(stream)), OkStatus());
  EXPECT_EQ(stream.inner().inner().out.data(), "answer");
  EXPECT_EQ(stream.buffered(), "more");
}

}  // namespace
}  // namespace kioto::io
