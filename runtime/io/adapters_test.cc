// Readers and writers that see bytes go by, that are streams, or are one of two.
#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/future_traits.h"
#include "kioto/runtime/future/stream/sources.h"
#include "kioto/runtime/future/stream/stream_base.h"
#include "kioto/runtime/io/buf_reader.h"
#include "kioto/runtime/io/either.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/inspect.h"
#include "kioto/runtime/io/memory.h"
#include "kioto/runtime/io/null.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/reader_stream.h"
#include "kioto/runtime/io/seek.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"
#include "kioto/runtime/io/write.h"

namespace kioto::io {
namespace {

constexpr absl::string_view kText = "This could be really long, you know";

// Gives `n` bytes of `byte`, at most 31 at a time, and then fails.
class FailsInTheEnd {
 public:
  explicit FailsInTheEnd(size_t n) : left_(n) {}
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) {
    EXPECT_FALSE(into.empty());
    if (!cx.ConsumeBudget()) return kPending;
    if (left_ == 0) return StatusOr<size_t>(absl::InvalidArgumentError("broken"));
    const size_t n = std::min({left_, into.size(), size_t{31}});
    std::memset(into.data(), 0, n);
    left_ -= n;
    return StatusOr<size_t>(n);
  }

 private:
  size_t left_;
};

std::deque<ScriptedReader::Step> ByteByByte(absl::string_view text) {
  std::deque<ScriptedReader::Step> steps;
  for (char c : text) steps.push_back(std::string(1, c));
  return steps;
}

// behaviour: tokio-util/tests/io_inspect.rs#read_tee
TEST(InspectReader, ShowsWhatIsRead) {
  std::string seen;
  int ends = 0;
  InspectReader tee(ScriptedReader(ByteByByte(kText)), [&](absl::string_view bytes) {
    seen.append(bytes);
    ends += bytes.empty();
  });
  EXPECT_EQ(*Finish(ReadToEnd(tee, 1000)), kText);
  EXPECT_EQ(seen, kText);
  EXPECT_EQ(ends, 1);
}

// behaviour: tokio-util/tests/io_inspect.rs#write_tee
TEST(InspectWriter, ShowsWhatIsTaken) {
  std::string seen;
  InspectWriter tee(ScriptedWriter(std::deque<ScriptedWriter::Step>(kText.size(), size_t{1})),
                    [&](absl::string_view bytes) {
                      EXPECT_EQ(bytes.size(), 1u);
                      seen.append(bytes);
                    });
  EXPECT_TRUE(Finish(WriteAll(tee, kText)).ok());
  EXPECT_EQ(tee.inner().data(), kText);
  EXPECT_EQ(seen, kText);
}

// Takes its first piece and one byte of the second.
class OnePieceAndAByte {
 public:
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return PollWriteVectored(cx, Pieces(&bytes, 1)); }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces) {
    if (!cx.ConsumeBudget()) return kPending;
    size_t n = 0;
    for (size_t i = 0; i < std::min<size_t>(pieces.size(), 2); ++i) {
      const absl::string_view taken = i == 0 ? pieces[0] : pieces[1].substr(0, 1);
      data.append(taken);
      n += taken.size();
    }
    return StatusOr<size_t>(n);
  }

  std::string data;
};

// behaviour: tokio-util/tests/io_inspect.rs#write_tee_vectored
TEST(InspectWriter, ShowsThePartsOfPieces) {
  std::string seen;
  size_t calls = 0;
  InspectWriter tee(OnePieceAndAByte(), [&](absl::string_view bytes) {
    seen.append(bytes);
    ++calls;
  });
  const std::vector<absl::string_view> pieces = {"A", "very", "long", "string", "split", "up"};
  EXPECT_TRUE(Finish(WriteAllVectored(tee, pieces)).ok());
  EXPECT_EQ(seen, "Averylongstringsplitup");
  EXPECT_EQ(seen, tee.inner().data);
  EXPECT_GE(calls, pieces.size());
}

// behaviour: tokio-util/tests/io_reader_stream.rs#correct_behavior_on_errors
TEST(ReaderStream, GivesWhatCameAndThenTheErrorOnce) {
  ReaderStream stream{FailsInTheEnd(8000)};
  size_t zeroes = 0;
  while (true) {
    std::optional<StatusOr<Bytes>> item = Finish(stream.Next());
    ASSERT_TRUE(item.has_value());
    if (!item->ok()) break;
    ASSERT_FALSE((*item)->empty());
    EXPECT_EQ(**item, std::string((*item)->size(), '\0'));
    zeroes += (*item)->size();
  }
  EXPECT_EQ(zeroes, 8000u);
  EXPECT_EQ(Finish(stream.Next()), std::nullopt);
}

TEST(ReaderStream, ReadsNoMoreThanItsCapacityAtATime) {
  ReaderStream stream(ScriptedReader({"abcdefgh"}), 3);
  for (const char* chunk : {"abc", "def", "gh"}) EXPECT_EQ(*Finish(stream.Next()).value(), chunk);
  EXPECT_EQ(Finish(stream.Next()), std::nullopt);
  EXPECT_TRUE(stream.ended());
}

using Chunks = std::vector<StatusOr<Bytes>>;

// behaviour: tokio-util/tests/io_stream_reader.rs#test_stream_reader
TEST(StreamReader, ReadsAcrossItems) {
  Chunks chunks;
  for (const char* chunk : {"", "0123", "", "4567", "", "89ab", ""}) chunks.emplace_back(Bytes::Static(chunk));
  StreamReader reader(stream::From(std::move(chunks)));
  Buffer buffer(5);
  EXPECT_TRUE(Finish(ReadExact(reader, buffer)).ok());
  EXPECT_EQ(buffer.first(5), "01234");
  EXPECT_EQ(*Finish(Read(reader, buffer)), 3u);
  EXPECT_EQ(buffer.first(3), "567");
  EXPECT_EQ(*Finish(Read(reader, buffer)), 4u);
  EXPECT_EQ(buffer.first(4), "89ab");
  EXPECT_EQ(*Finish(Read(reader, buffer)), 0u);
}

// behaviour: tokio-util/tests/io_stream_reader.rs#test_stream_reader_does_not_poll_after_eof
TEST(StreamReader, AsksNoMoreBehindTheEnd) {
  int asked = 0;
  StreamReader reader(stream::PollFn([&asked](Context&) -> Poll<std::optional<StatusOr<std::string>>> {
    ++asked;
    return std::optional<StatusOr<std::string>>();
  }));
  Buffer buffer(1);
  EXPECT_EQ(*Finish(Read(reader, buffer)), 0u);
  EXPECT_EQ(*Finish(Read(reader, buffer)), 0u);
  EXPECT_EQ(asked, 1);
}

TEST(StreamReader, GivesAnErrorAndReadsOn) {
  Chunks chunks;
  chunks.emplace_back(absl::AbortedError("broken"));
  chunks.emplace_back(Bytes::Static("more"));
  StreamReader reader(stream::From(std::move(chunks)));
  Buffer buffer(8);
  EXPECT_EQ(Finish(Read(reader, buffer)).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(*Finish(Read(reader, buffer)), 4u);
}

// behaviour: tokio-util/src/either.rs#either_is_stream
TEST(Either, IsAStreamIfBothAre) {
  using Source = decltype(stream::Once(1));
  auto left = Either<Source, decltype(stream::Empty<int>())>::Left(stream::Once(1));
  EXPECT_EQ(Finish(left.Next()), 1);
  EXPECT_EQ(Finish(left.Next()), std::nullopt);
  EXPECT_EQ(left.right(), nullptr);
}

// behaviour: tokio-util/src/either.rs#either_is_async_read
TEST(Either, IsAReaderIfBothAre) {
  auto right = Either<EmptyStream, RepeatReader>::Right(Repeat('\5'));
  Buffer buffer(3);
  EXPECT_TRUE(Finish(ReadExact(right, buffer)).ok());
  EXPECT_EQ(buffer.first(3), "\5\5\5");
  EXPECT_FALSE((IsWriter<Either<EmptyStream, RepeatReader>>));
  EXPECT_FALSE((IsStream<Either<EmptyStream, RepeatReader>>));
}

TEST(Either, IsABufferedReaderIfBothAre) {
  using Connection = Either<BytesReader, BufReader<ScriptedReader>>;
  auto memory = Connection::Left(BytesReader("one two"));
  auto stream = Connection::Right(BufReader(ScriptedReader({"one two"})));
  for (Connection* reader : {&memory, &stream}) {
    std::string word;
    EXPECT_EQ(*Finish(ReadUntil(*reader, ' ', word, 100)), 4u);
    EXPECT_EQ(*Finish(Fill(*reader)), "two");
  }
}

TEST(Either, IsASeekerIfBothAre) {
  auto nothing = Either<BytesReader, EmptyStream>::Right(Empty());
  EXPECT_EQ(*Finish(Seek(nothing, SeekFrom::Start(7))), 0u);
  auto memory = Either<BytesReader, EmptyStream>::Left(BytesReader("0123"));
  EXPECT_EQ(*Finish(Seek(memory, SeekFrom::End(-1))), 3u);
  EXPECT_EQ(*Finish(ReadToEnd(memory, 10)), "3");
  EXPECT_FALSE((IsSeeker<Either<EmptyStream, RepeatReader>>));
}

struct Bound : StreamBase<Bound, int> {
  static constexpr bool kLocal = true;
  Poll<std::optional<int>> PollNext(Context&) { return kPending; }
};
// It stays where either has to.
static_assert(IsLocalFuture<Either<Bound, decltype(stream::Once(1))>> && IsLocalFuture<Either<decltype(stream::Once(1)), Bound>>);
static_assert(!IsLocalFuture<Either<decltype(stream::Once(1)), decltype(stream::Empty<int>())>>);

TEST(Either, IsAWriterIfBothAre) {
  auto writer = Either<SinkWriter, ScriptedWriter>::Right(ScriptedWriter());
  EXPECT_TRUE(Finish(WriteAll(writer, "hello")).ok());
  EXPECT_TRUE(Finish(Shutdown(writer)).ok());
  ASSERT_NE(writer.right(), nullptr);
  EXPECT_EQ(writer.right()->data(), "hello");
  EXPECT_TRUE(writer.right()->shut());
}

}  // namespace
}  // namespace kioto::io
