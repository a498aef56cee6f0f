#include "kioto/runtime/io/split.h"

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "kioto/runtime/future/join.h"
#include "kioto/runtime/future/wait_trace.h"
#include "kioto/runtime/io/memory.h"
#include "kioto/runtime/io/pipe.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"
#include "kioto/runtime/io/write.h"

namespace kioto::io {
namespace {

// A stream of both, which says in its answers who was asked.
struct Both {
  Poll<StatusOr<size_t>> PollRead(Context& cx, MutableBytes into) { return reader.PollRead(cx, into); }
  Poll<StatusOr<size_t>> PollWrite(Context& cx, absl::string_view bytes) { return writer.PollWrite(cx, bytes); }
  Poll<StatusOr<size_t>> PollWriteVectored(Context& cx, Pieces pieces) { return writer.PollWriteVectored(cx, pieces); }
  Poll<Status> PollFlush(Context& cx) { return writer.PollFlush(cx); }
  Poll<Status> PollShutdown(Context& cx) { return writer.PollShutdown(cx); }

  ScriptedReader reader{{"z"}};
  ScriptedWriter writer{};
};

template <class R, class W>
void UseAll(R& reader, W& writer) {
  char byte[1];
  EXPECT_EQ(*Finish(Read(reader, byte)), 1u);
  EXPECT_EQ(byte[0], 'z');
  EXPECT_EQ(*Finish(Write(writer, "x")), 1u);
  const absl::string_view pieces[] = {"a", "b"};
  EXPECT_EQ(*Finish(WriteVectored(writer, pieces)), 2u);
  EXPECT_EQ(Finish(Flush(writer)), OkStatus());
  EXPECT_EQ(Finish(Shutdown(writer)), OkStatus());
}

void ExpectUsed(const ScriptedWriter& writer) {
  EXPECT_EQ(writer.data(), "xab");
  EXPECT_EQ(writer.writes(), 1);
  EXPECT_EQ(writer.vectored_writes(), 1);
  EXPECT_EQ(writer.flushed(), 3u);
  EXPECT_TRUE(writer.shut());
}

// behaviour: tokio/tests/io_join.rs#method_delegation
TEST(JoinStreams, AsksTheOneThatItIsFor) {
  ScriptedReader reader({"z"});
  auto joined = Join(ReaderRef(reader), ScriptedWriter());
  UseAll(joined, joined);
  ExpectUsed(joined.writer());
  auto [again, writer] = std::move(joined).Into();
  ExpectUsed(writer);
  char byte[1];
  EXPECT_EQ(*Finish(Read(again, byte)), 0u);
}

TEST(JoinStreams, ShowWhatTheyAreMadeOfInADump) {
  DuplexPipe reads = Duplex(1);
  auto joined = Join(ReaderRef(reads.first), ScriptedWriter());
  WaitTrace trace(8);
  trace.Child(joined);
  const std::vector<WaitNode> nodes = trace.Take();
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_EQ(nodes[0].what, "Join");
  EXPECT_EQ(nodes[1].what, "DuplexStream");
  EXPECT_EQ(nodes[2].what, "kioto::io::ScriptedWriter");
}

// behaviour: tokio/tests/io_split.rs#method_delegation
TEST(Split, HalvesAskTheStream) {
  auto ends = Split(Both());
  UseAll(ends.reader, ends.writer);
  StatusOr<Both> stream = Unsplit(ends.reader, ends.writer);
  ASSERT_TRUE(stream.ok());
  ExpectUsed(stream->writer);
}

// behaviour: tokio/tests/io_split.rs#unsplit_err1
// behaviour: tokio/tests/io_split.rs#unsplit_err2
// behaviour: tokio/tests/io_panic.rs#unsplit_panic_caller
TEST(Split, HalvesOfTwoStreamsAreNotOne) {
  auto one = Split(Both());
  auto other = Split(Both());
  EXPECT_TRUE(one.reader.IsPairOf(one.writer));
  EXPECT_FALSE(one.reader.IsPairOf(other.writer));
  for (const Status& status : {Unsplit(one.reader, other.writer).status(), Unsplit(other.reader, one.writer).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(absl::StrContains(status.message(), "halves of two streams")) << status;
  }
  EXPECT_TRUE(Unsplit(one.reader, one.writer).ok());
  EXPECT_TRUE(Unsplit(other.reader, other.writer).ok());
}

TEST(Split, EmptyHalvesAreNoStream) {
  auto ends = Split(Both());
  ASSERT_TRUE(Unsplit(ends.reader, ends.writer).ok());
  EXPECT_FALSE(ends.reader.IsPairOf(ends.writer));
  const Status again = Unsplit(ends.reader, ends.writer).status();
  EXPECT_EQ(again.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(again.message(), "empty")) << again;
}

TEST(SplitDeathTest, AnEmptyHalfIsNotUsed) {
  auto ends = Split(Both());
  ASSERT_TRUE(Unsplit(ends.reader, ends.writer).ok());
  char byte[1];
  EXPECT_DEATH((void)Finish(Read(ends.reader, byte)), "a half was used after Unsplit");
  EXPECT_DEATH((void)Finish(Write(ends.writer, "x")), "a half was used after Unsplit");
}

// That this header is included leaves the Join of futures as it is, also where ADL finds ours.
TEST(JoinStreams, FuturesAreJoinedAsEver) {
  ScriptedReader one({"a"}), other({"b"});
  char a[1], b[1];
  auto both = Finish(Join(Read(one, a), Read(other, b)));
  EXPECT_EQ(*std::get<0>(both), 1u);
  EXPECT_EQ(*std::get<1>(both), 1u);
  EXPECT_EQ(std::string(a, 1) + std::string(b, 1), "ab");
}

}  // namespace
}  // namespace kioto::io
