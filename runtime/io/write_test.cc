#include "kioto/runtime/io/write.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"

namespace kioto::io {
namespace {

// A writer that knows nothing but PollWrite.
struct PlainWriter {
  Poll<StatusOr<size_t>> PollWrite(Context&, absl::string_view bytes) {
    data.append(bytes.data(), bytes.size());
    return StatusOr<size_t>(bytes.size());
  }
  std::string data;
};

// A scripted one that takes a piece at a time.
struct OnePieceWriter {
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return writer->PollWrite(cx, bytes); }
  ScriptedWriter* writer;
};

static_assert(IsWriter<ScriptedWriter> && IsWriter<PlainWriter> && !IsWriter<ScriptedReader>);
static_assert(sizeof(WriteAllFuture) <= 32 + 8 * KIOTO_DEBUG);

// behaviour: tokio/tests/io_write.rs#write
TEST(Write, IsOneAttempt) {
  ScriptedWriter writer({size_t{4}});
  EXPECT_EQ(*Finish(Write(writer, "hello world")), 4u);
  EXPECT_EQ(writer.data(), "hell");
  EXPECT_EQ(writer.writes(), 1);
}

// behaviour: tokio/tests/io_write_all.rs#write_all
TEST(WriteAll, WritesOnUntilAllIsTaken) {
  ScriptedWriter writer({size_t{4}, PendingOnce{}, size_t{4}});
  EXPECT_EQ(Finish(WriteAll(writer, "hello world")), OkStatus());
  EXPECT_EQ(writer.data(), "hello world");
  EXPECT_EQ(writer.writes(), 4);  // one of them pending
}

TEST(WriteAll, OwnsAStringThatIsMovedIn) {
  ScriptedWriter writer({PendingOnce{}, size_t{3}});
  auto make = [&] { return WriteAll(writer, std::string(100, 'a') + "b"); };  // the string dies here if it is not owned
  EXPECT_EQ(Finish(make()), OkStatus());
  EXPECT_EQ(writer.data(), std::string(100, 'a') + "b");
  std::string kept = "kept";
  static_assert(std::is_same_v<decltype(WriteAll(writer, kept)), WriteAllFuture>);
  static_assert(std::is_same_v<decltype(WriteAll(writer, "literal")), WriteAllFuture>);
  static_assert(std::is_same_v<decltype(WriteAll(writer, std::move(kept))), WriteAllOwnedFuture>);
}

TEST(WriteAll, SaysWhenTheWriterTakesNoMore) {
  ScriptedWriter writer({size_t{4}, size_t{0}});
  Status status = Finish(WriteAll(writer, "hello world"));
  EXPECT_TRUE(IsWriteZero(status)) << status;
  ScriptedWriter owned({size_t{0}});
  EXPECT_TRUE(IsWriteZero(Finish(WriteAll(owned, std::string("x")))));
  ScriptedWriter vectored({size_t{0}});
  absl::string_view pieces[] = {"x"};
  EXPECT_TRUE(IsWriteZero(Finish(WriteAllVectored(vectored, pieces))));
}

TEST(WriteAll, PassesErrorsOnAndWritesNothingMore) {
  ScriptedWriter writer({size_t{4}, absl::InternalError("broken")});
  EXPECT_EQ(Finish(WriteAll(writer, "hello world")).message(), "broken");
  EXPECT_EQ(writer.data(), "hell");
}

TEST(WriteAll, OfNothingIsReadyAtOnce) {
  ScriptedWriter writer({PendingForever{}});
  EXPECT_EQ(Finish(WriteAll(writer, "")), OkStatus());
  EXPECT_EQ(Finish(WriteAll(writer, std::string())), OkStatus());
  EXPECT_EQ(Finish(WriteAllVectored(writer, Pieces())), OkStatus());
  EXPECT_EQ(writer.writes() + writer.vectored_writes(), 0);
}

// behaviour: tokio/tests/io_write_all_buf.rs#write_all_buf
TEST(WriteAllVectored, GoesPieceByPieceWhereTheWriterDoes) {
  ScriptedWriter writer({size_t{4}, size_t{4}, size_t{4}, size_t{4}});
  OnePieceWriter plain{&writer};
  absl::string_view pieces[] = {"hello", "world"};
  EXPECT_EQ(Finish(WriteAllVectored(plain, pieces)), OkStatus());
  EXPECT_EQ(writer.data(), "helloworld");
  EXPECT_EQ(writer.writes(), 4);
}

// behaviour: tokio/tests/io_write_all_buf.rs#write_all_buf_vectored
TEST(WriteAllVectored, TakesThreePiecesAtOnce) {
  ScriptedWriter writer;
  absl::string_view pieces[] = {"hello", "world", "!"};
  EXPECT_EQ(Finish(WriteAllVectored(writer, pieces)), OkStatus());
  EXPECT_EQ(writer.data(), "helloworld!");
  EXPECT_EQ(writer.writes(), 0);
  EXPECT_EQ(writer.vectored_writes(), 1);
}

ByteQueue QueueOf(absl::string_view bytes) {
  ByteQueue queue;
  queue.Append(bytes);
  return queue;
}

// behaviour: tokio/tests/io_write_all_buf.rs#write_buf_err
TEST(WriteQueue, HasWhatIsLeftAfterAnError) {
  ScriptedWriter writer({size_t{4}, absl::InternalError("broken")});
  ByteQueue queue = QueueOf("helloworld");
  EXPECT_EQ(Finish(WriteAll(writer, queue)).message(), "broken");
  EXPECT_EQ(queue.view(), "oworld");
  EXPECT_EQ(Finish(WriteAll(writer, queue)), OkStatus());
  EXPECT_EQ(writer.data(), "helloworld");
  EXPECT_TRUE(queue.empty());
  ScriptedWriter full({size_t{0}});
  queue.Append("x");
  EXPECT_TRUE(IsWriteZero(Finish(WriteAll(full, queue))));
  EXPECT_EQ(queue.view(), "x");
}

TEST(WriteQueue, GoesOnWhereItWasDropped) {
  ScriptedWriter writer({size_t{4}, PendingOnce{}});
  ByteQueue queue = QueueOf("hello world");
  {
    PolledTask dropped(WriteAll(writer, queue));
    EXPECT_TRUE(dropped.Poll().pending());
  }
  EXPECT_EQ(queue.view(), "o world");
  EXPECT_EQ(Finish(WriteAll(writer, queue)), OkStatus());
  EXPECT_EQ(writer.data(), "hello world");
}

// behaviour: tokio/tests/io_write_buf.rs#write_all
TEST(WriteQueue, OneWriteTakesWhatItCan) {
  ScriptedWriter writer({size_t{4}});
  ByteQueue queue = QueueOf("hello world");
  EXPECT_EQ(*Finish(Write(writer, queue)), 4u);
  EXPECT_EQ(writer.data(), "hell");
  EXPECT_EQ(writer.writes(), 1);
  EXPECT_EQ(queue.view(), "o world");
}

// behaviour: tokio/tests/io_write_buf.rs#write_buf_vectored
TEST(WriteVectored, TakesAllPiecesInOneWrite) {
  ScriptedWriter writer;
  absl::string_view pieces[] = {"hello", " ", "world"};
  EXPECT_EQ(*Finish(WriteVectored(writer, pieces)), 11u);
  EXPECT_EQ(writer.data(), "hello world");
  EXPECT_EQ(writer.writes(), 0);
  EXPECT_EQ(writer.vectored_writes(), 1);
}

// behaviour: tokio-util/tests/io_write_all_vectored.rs#test_write_all_vectored
TEST(WriteAllVectored, TakesAllPiecesByVectoredWritesOnly) {
  absl::string_view pieces[] = {"hello", " ", "world"};
  for (size_t step = 1; step <= 11; ++step) {
    ScriptedWriter writer({step, step, step, step, step, step, step, step, step, step, step});
    EXPECT_EQ(Finish(WriteAllVectored(writer, pieces)), OkStatus());
    EXPECT_EQ(writer.data(), "hello world");
    EXPECT_EQ(writer.writes(), 0);
    EXPECT_EQ(writer.vectored_writes(), static_cast<int>((11 + step - 1) / step));
  }
}

// behaviour: tokio-util/tests/io_write_all_vectored.rs#write_all_vectored_with_empty_slice
TEST(WriteAllVectored, PassesOverEmptyPieces) {
  const std::vector<std::vector<absl::string_view>> cases = {{"a", "", "b"}, {}, {""}, {"a", "b", ""}, {"", "a", "", "", "b"}};
  for (const auto& pieces : cases) {
    ScriptedWriter writer({size_t{1}});
    EXPECT_EQ(Finish(WriteAllVectored(writer, pieces)), OkStatus());
    EXPECT_EQ(writer.data(), pieces.size() > 1 ? "ab" : "");
  }
}

// behaviour: tokio-util/tests/io_write_all_vectored.rs#write_all_vectored_should_continue_with_next_buffer_if_write_ends_on_boundary
TEST(WriteAllVectored, GoesOnBehindABoundary) {
  absl::string_view pieces[] = {"ab", "cd"};
  ScriptedWriter writer({size_t{2}, size_t{2}});
  EXPECT_EQ(Finish(WriteAllVectored(writer, pieces)), OkStatus());
  EXPECT_EQ(writer.data(), "abcd");
}

TEST(WriteAllVectored, HandlesMorePiecesThanOneCallTakes) {
  std::vector<std::string> owned;
  std::string all;
  for (int i = 0; i < 100; ++i) owned.push_back(std::to_string(i)), all += owned.back();
  std::vector<absl::string_view> pieces(owned.begin(), owned.end());
  ScriptedWriter writer({size_t{7}, size_t{1}, size_t{30}});
  EXPECT_EQ(Finish(WriteAllVectored(writer, pieces)), OkStatus());
  EXPECT_EQ(writer.data(), all);
}

TEST(WriterRef, GivesAPlainWriterTheRest) {
  PlainWriter writer;
  absl::string_view pieces[] = {"", "one", "two"};
  EXPECT_EQ(*Finish(WriteVectored(writer, pieces)), 3u);
  EXPECT_EQ(writer.data, "one");
  EXPECT_EQ(Finish(Flush(writer)), OkStatus());
  EXPECT_EQ(Finish(Shutdown(writer)), OkStatus());
  ScriptedWriter scripted;
  EXPECT_EQ(Finish(Shutdown(scripted)), OkStatus());
  EXPECT_TRUE(scripted.shut());
}

TEST(WriteFutures, KeepTheirBytesWhenDroppedBeforeTheyWereTaken) {
  ScriptedWriter writer({PendingOnce{}, PendingOnce{}});
  {
    PolledTask task(Write(writer, "lost?"));
    EXPECT_TRUE(task.Poll().pending());
  }
  {
    PolledTask task(WriteAll(writer, std::string("lost?")));
    EXPECT_TRUE(task.Poll().pending());
  }
  EXPECT_EQ(writer.data(), "");
}

}  // namespace
}  // namespace kioto::io
