#include "kioto/runtime/io/seek.h"

#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/io/buf_reader.h"
#include "kioto/runtime/io/buf_writer.h"
#include "kioto/runtime/io/memory.h"
#include "kioto/runtime/io/null.h"
#include "kioto/runtime/io/testing/finish.h"

namespace kioto::io {
namespace {

constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();

// A file in memory; waits at every other poll if it is told to.
class MemoryFile {
 public:
  explicit MemoryFile(std::string bytes, bool waits = false) : bytes_(std::move(bytes)), waits_(waits) {}

  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) {
    if (Waits(cx)) return kPending;
    if (position_ + bytes.size() > bytes_.size()) bytes_.resize(position_ + bytes.size());
    bytes_.replace(position_, bytes.size(), bytes.data(), bytes.size());
    position_ += bytes.size();
    return StatusOr<size_t>(bytes.size());
  }
  Poll<StatusOr<uint64_t>> PollSeek(Context& cx, SeekFrom to) {
    if (Waits(cx)) return kPending;
    StatusOr<uint64_t> place = to.Resolve(position_, bytes_.size());
    if (place.ok()) position_ = *place;
    return place;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  bool Waits(Context& cx) {
    waited_ = waits_ && !waited_;
    if (waited_) cx.waker().Wake();
    return waited_;
  }

  std::string bytes_;
  bool waits_;
  bool waited_ = false;
  uint64_t position_ = 0;
};

// As long as can be counted; counts its seeks.
class Endless {
 public:
  Poll<StatusOr<size_t>> PollRead(Context&, MutableBytes into) {
    std::memset(into.data(), 0, into.size());
    position_ += into.size();
    return StatusOr<size_t>(into.size());
  }
  Poll<StatusOr<uint64_t>> PollSeek(Context&, SeekFrom to) {
    ++seeks_;
    StatusOr<uint64_t> place = to.Resolve(position_, std::numeric_limits<uint64_t>::max());
    if (place.ok()) position_ = *place;
    return place;
  }
  int seeks() const { return seeks_; }
  uint64_t position() const { return position_; }

 private:
  uint64_t position_ = 0;
  int seeks_ = 0;
};
static_assert(IsSeeker<BytesReader> && IsSeeker<BufWriter<MemoryFile>> && !IsSeeker<RepeatReader>);
static_assert(IsSeeker<BufReader<Endless>> && !IsSeeker<BufReader<RepeatReader>>);

TEST(SeekFrom, CountsFromWhereItSays) {
  EXPECT_EQ(*SeekFrom::Start(7).Resolve(1, 5), 7u);
  EXPECT_EQ(*SeekFrom::End(-5).Resolve(1, 5), 0u);
  EXPECT_EQ(*SeekFrom::Current(3).Resolve(1, 5), 4u);
  EXPECT_EQ(SeekFrom::End(-6).Resolve(1, 5).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SeekFrom::Current(kLowest).Resolve(1, 5).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(SeekFrom::Current(1).Resolve(std::numeric_limits<uint64_t>::max(), 5).ok());
}

TEST(Seek, MovesAReaderOfBytes) {
  BytesReader in("hello world");
  EXPECT_EQ(*Finish(Seek(in, SeekFrom::End(-5))), 6u);
  EXPECT_EQ(in.left(), "world");
  EXPECT_EQ(*Finish(Seek(in, SeekFrom::Start(20))), 20u);
  EXPECT_EQ(in.left(), "");
  char byte;
  EXPECT_EQ(*Finish(Read(in, MutableBytes(&byte, 1))), 0u);
  EXPECT_FALSE(Finish(Seek(in, SeekFrom::Current(-21))).ok());
  EXPECT_EQ(*Finish(Position(in)), 20u);
  EXPECT_EQ(*Finish(Rewind(in)), 0u);
  EXPECT_EQ(in.left(), "hello world");
}

// behaviour: tokio/tests/io_util_empty.rs#empty_seek
TEST(Seek, EveryPlaceOfEmptyIsTheStart) {
  EmptyStream empty = Empty();
  for (SeekFrom to : {SeekFrom::Start(0), SeekFrom::Start(1), SeekFrom::Start(std::numeric_limits<uint64_t>::max()),
                      SeekFrom::End(kLowest), SeekFrom::End(0), SeekFrom::End(kHighest), SeekFrom::Current(kLowest),
                      SeekFrom::Current(-1), SeekFrom::Current(kHighest)}) {
    EXPECT_EQ(*Finish(Seek(empty, to)), 0u);
  }
}

// behaviour: tokio/tests/io_buf_reader.rs#test_buffered_reader_seek
TEST(Seek, ABufferedReaderSeeksFromWhatWasTaken) {
  const char bytes[] = {5, 6, 7, 0, 1, 2, 3, 4};
  BufReader<BytesReader> in(BytesReader(absl::string_view(bytes, sizeof(bytes))), /*capacity=*/2);
  const auto filled = [&] { return std::string(*Finish(in.Fill())); };
  EXPECT_EQ(*Finish(Seek(in, SeekFrom::Start(3))), 3u);
  EXPECT_EQ(filled(), std::string("\0\1", 2));
  EXPECT_FALSE(Finish(Seek(in, SeekFrom::Current(kLowest))).ok());
  EXPECT_EQ(filled(), std::string("\0\1", 2));
  EXPECT_EQ(*Finish(Seek(in, SeekFrom::Current(1))), 4u);
  EXPECT_EQ(filled(), "\1\2");
  in.Consume(1);
  EXPECT_EQ(*Finish(Seek(in, SeekFrom::Current(-2))), 3u);
  EXPECT_EQ(in.buffered(), "");
}

// behaviour: tokio/tests/io_buf_reader.rs#test_buffered_reader_seek_underflow
TEST(Seek, ABufferedReaderSeeksBackInTwoSteps) {
  constexpr uint64_t kEnd = std::numeric_limits<uint64_t>::max();
  BufReader<Endless> in(Endless(), /*capacity=*/5);
  EXPECT_EQ(*Finish(Seek(in, SeekFrom::End(-5))), kEnd - 5);
  EXPECT_EQ(Finish(in.Fill())->size(), 5u);
  const int before = in.inner().seeks();
  EXPECT_EQ(*Finish(Seek(in, SeekFrom::Current(kLowest))), 9223372036854775802u);
  EXPECT_EQ(in.inner().seeks(), before + 2);
  EXPECT_EQ(Finish(in.Fill())->size(), 5u);
  const uint64_t position = *Finish(Position(in));
  EXPECT_EQ(position, in.inner().position());
  EXPECT_EQ(in.buffered(), "");
}

void ExpectSeeksBehindWhatWasWritten(bool waits) {
  BufWriter<MemoryFile> out(MemoryFile("", waits), /*capacity=*/3);
  EXPECT_EQ(Finish(out.WriteAll("0123456")), OkStatus());
  EXPECT_EQ(Finish(out.WriteAll("7")), OkStatus());
  EXPECT_EQ(out.buffered(), "7");
  EXPECT_EQ(*Finish(Position(out)), 8u);
  EXPECT_EQ(out.inner().bytes(), "01234567");
  EXPECT_EQ(*Finish(Seek(out, SeekFrom::Start(2))), 2u);
  EXPECT_EQ(Finish(out.WriteAll("ab")), OkStatus());
  EXPECT_EQ(out.inner().bytes(), "01234567");
  EXPECT_EQ(Finish(out.Flush()), OkStatus());
  EXPECT_EQ(out.inner().bytes(), "01ab4567");
}

// behaviour: tokio/tests/io_buf_writer.rs#buf_writer_seek
TEST(Seek, ABufferedWriterIsWrittenOutFirst) { ExpectSeeksBehindWhatWasWritten(/*waits=*/false); }

// behaviour: tokio/tests/io_buf_writer.rs#maybe_pending_buf_writer_seek
TEST(Seek, ABufferedWriterWaitsForItsFile) { ExpectSeeksBehindWhatWasWritten(/*waits=*/true); }

// check: H1
TEST(Seek, DroppedAtAnyPointABufferedWriterWritesEachByteOnce) {
  for (int polls = 0; polls <= 2; ++polls) {
    BufWriter<MemoryFile> out(MemoryFile("", /*waits=*/true), /*capacity=*/8);
    EXPECT_EQ(Finish(out.WriteAll("abc")), OkStatus());
    PolledTask dropped(Seek(out, SeekFrom::Start(0)));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(dropped.Poll().pending());
    dropped.Drop();
    EXPECT_EQ(Finish(out.Flush()), OkStatus());
    EXPECT_EQ(out.inner().bytes(), "abc");
    EXPECT_EQ(*Finish(Seek(out, SeekFrom::Start(1))), 1u);
    EXPECT_EQ(Finish(out.WriteAll("B")), OkStatus());
    EXPECT_EQ(Finish(out.Flush()), OkStatus());
    EXPECT_EQ(out.inner().bytes(), "aBc");
  }
}

}  // namespace
}  // namespace kioto::io
