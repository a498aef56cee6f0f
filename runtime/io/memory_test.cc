#include "kioto/runtime/io/memory.h"

#include <string>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buf_reader.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/write.h"

namespace kioto::io {
namespace {

TEST(Memory, ReadsWhatThereIs) {
  BytesReader reader("hello");
  char into[3];
  EXPECT_EQ(*Finish(Read(reader, into)), 3u);
  EXPECT_EQ(reader.left(), "lo");
  EXPECT_EQ(*Finish(ReadToEnd(reader, 10)), "lo");
  EXPECT_EQ(*Finish(Read(reader, into)), 0u);
}

TEST(Memory, IsABufferedReader) {
  BytesReader reader("one two");
  std::string word;
  EXPECT_EQ(*Finish(ReadUntil(reader, ' ', word, 10)), 4u);
  EXPECT_EQ(word, "one ");
  EXPECT_EQ(*Finish(Fill(reader)), "two");
}

// behaviour: tokio/tests/io_write.rs#write_cursor
TEST(Memory, AppendsWhatIsWritten) {
  std::string into = "> ";
  StringWriter writer(into);
  EXPECT_EQ(*Finish(Write(writer, "hello world")), 11u);
  EXPECT_EQ(into, "> hello world");
}

TEST(Memory, LetsOthersRun) {
  BytesReader reader("");
  PolledTask task(PollFn([&reader](Context& cx) -> Poll<Unit> {
    char byte[1];
    while (reader.PollRead(cx, byte).ready()) {
    }
    return kPending;
  }));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_TRUE(task.yielded());
}

}  // namespace
}  // namespace kioto::io
