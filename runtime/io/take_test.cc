#include "kioto/runtime/io/take.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/memory.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"

namespace kioto::io {
namespace {

// behaviour: tokio/tests/io_take.rs#take
TEST(Take, IsAtItsEndAfterSoManyBytes) {
  auto reader = Take(BytesReader("hello world"), 4);
  char into[6] = {};
  EXPECT_EQ(*Finish(Read(reader, into)), 4u);
  EXPECT_EQ(std::string(into), "hell");
  EXPECT_EQ(*Finish(Read(reader, into)), 0u);
  EXPECT_EQ(std::move(reader).Into().left(), "o world");
}

// behaviour: tokio/tests/io_take.rs#issue_4435
TEST(Take, AppendsBehindWhatIsThere) {
  auto reader = Take(BytesReader("hello world"), 4);
  ByteQueue queue;
  queue.Append("ab");
  EXPECT_EQ(*Finish(Read(reader, queue)), 4u);
  EXPECT_EQ(queue.view(), "abhell");
}

TEST(Take, CountsOverManyReadsAndNotErrors) {
  ScriptedReader source({"ab", absl::InternalError("broken"), PendingOnce{}, "cdef"});
  auto reader = Take(ReaderRef(source), 4);
  char into[16];
  EXPECT_EQ(*Finish(Read(reader, into)), 2u);
  EXPECT_EQ(Finish(Read(reader, into)).status().message(), "broken");
  EXPECT_EQ(reader.limit(), 2u);
  EXPECT_EQ(*Finish(Read(reader, into)), 2u);
  EXPECT_EQ(*Finish(Read(reader, into)), 0u);
  reader.set_limit(1);
  EXPECT_EQ(*Finish(Read(reader, into)), 1u);
}

TEST(Take, LetsOthersRunAtItsEnd) {
  auto reader = Take(BytesReader("x"), 0);
  PolledTask task(PollFn([&reader](Context& cx) -> Poll<Unit> {
    char byte[1];
    while (reader.PollRead(cx, byte).ready()) {
    }
    return kPending;
  }));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_TRUE(task.yielded());
}

struct LyingReader {
  Poll<StatusOr<size_t>> PollRead(Context&, MutableBytes into) { return StatusOr<size_t>(into.size() + 1); }
};

// behaviour: tokio/tests/io_take.rs#bad_reader_fails
TEST(TakeDeathTest, AReaderThatGaveMoreThanThereIsRoomForIsFound) {
  auto reader = Take(LyingReader(), 4);
  char into[8];
  EXPECT_DEATH((void)Finish(Read(reader, into)), "more than there was room for");
}

}  // namespace
}  // namespace kioto::io
