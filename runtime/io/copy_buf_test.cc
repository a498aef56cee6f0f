#include "kioto/runtime/io/copy_buf.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/buf_reader.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/memory.h"
#include "kioto/runtime/io/null.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"

namespace kioto::io {
namespace {

TEST(CopyBuf, MovesEverythingAndFlushes) {
  BytesReader reader("hello world");
  ScriptedWriter writer({size_t{3}, PendingOnce{}, size_t{1}});
  EXPECT_EQ(*Finish(CopyBuf(reader, writer)), 11u);
  EXPECT_EQ(writer.data(), "hello world");
  EXPECT_EQ(writer.flushed(), 11u);
}

TEST(CopyBuf, BeginsWithWhatIsInTheBuffer) {
  BufReader reader(ScriptedReader({"hello world", "!"}));
  EXPECT_EQ(*Finish(Fill(reader)), "hello world");
  reader.Consume(6);
  ScriptedWriter writer;
  EXPECT_EQ(*Finish(CopyBuf(reader, writer)), 6u);
  EXPECT_EQ(writer.data(), "world!");
}

TEST(CopyBuf, FlushesWhenTheReaderHasNothingForNow) {
  BufReader reader(ScriptedReader({"abc", PendingForever{}}));
  ScriptedWriter writer;
  PolledTask task(CopyBuf(reader, writer));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(writer.flushed(), 3u);
}

TEST(CopyBuf, EndsWithTheFirstErrorAndKeepsTheRest) {
  BufReader bad(ScriptedReader({"abc", absl::InternalError("read")}));
  ScriptedWriter writer;
  EXPECT_EQ(Finish(CopyBuf(bad, writer)).status().message(), "read");
  EXPECT_EQ(writer.data(), "abc");
  BytesReader reader("abc");
  ScriptedWriter bad_writer({size_t{1}, absl::InternalError("write")});
  EXPECT_EQ(Finish(CopyBuf(reader, bad_writer)).status().message(), "write");
  EXPECT_EQ(reader.left(), "bc");
  ScriptedWriter full({size_t{0}});
  EXPECT_TRUE(IsWriteZero(Finish(CopyBuf(reader, full)).status()));
}

TEST(CopyBuf, LosesNoByteWhenDropped) {
  for (int polls = 0; polls < 4; ++polls) {
    BufReader reader(ScriptedReader({"abc", PendingOnce{}, "def"}));
    ScriptedWriter writer({size_t{1}, PendingOnce{}, size_t{1}, PendingOnce{}});
    {
      PolledTask task(CopyBuf(reader, writer));
      for (int i = 0; i < polls && !task.done(); ++i) (void)task.Poll();
    }
    EXPECT_TRUE(Finish(CopyBuf(reader, writer)).ok());
    EXPECT_EQ(writer.data(), "abcdef");
  }
}

TEST(CopyBuf, LetsOthersRun) {
  RepeatReader endless = Repeat('x');
  BufReader reader((ReaderRef(endless)));
  SinkWriter sink = Sink();
  PolledTask task(CopyBuf(reader, sink));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_TRUE(task.yielded());
}

}  // namespace
}  // namespace kioto::io
