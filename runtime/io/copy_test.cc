#include "kioto/runtime/io/copy.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/by_ref.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/testing/scripted_stream.h"

namespace kioto::io {
namespace {

StatusOr<uint64_t> Finish(CopyFuture future) {
  PolledTask task(std::move(future));
  while (true) {
    auto poll = task.Poll();
    if (poll.ready()) return *std::move(poll);
    EXPECT_TRUE(task.wakes() > 0 || task.yielded()) << "pending without a wake";
  }
}

// behaviour: tokio/tests/io_copy.rs#copy
TEST(Copy, MovesEverythingAndFlushes) {
  ScriptedReader reader({"hello world"});
  ScriptedWriter writer;
  EXPECT_EQ(*Finish(Copy(reader, writer)), 11u);
  EXPECT_EQ(writer.data(), "hello world");
  EXPECT_EQ(writer.flushed(), 11u);
}

TEST(Copy, ReadsOnWhileTheWriterWaits) {
  ScriptedReader reader({"abc", "def", PendingForever{}});
  ScriptedWriter writer({size_t{1}, PendingForever{}});
  PolledTask task(Copy(reader, writer));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(writer.data(), "a");
  EXPECT_GE(reader.polls(), 3);  // its buffer had room
}

// behaviour: kioto/runtime/io/copy.h#flushes_when_the_reader_waits
TEST(Copy, FlushesWhenTheReaderHasNothingForNow) {
  ScriptedReader reader({"abc", PendingForever{}});
  ScriptedWriter writer;
  PolledTask task(Copy(reader, writer));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_EQ(writer.flushed(), 3u);
}

TEST(Copy, WorksWithAnyBufferAndShortWrites) {
  std::string sent(5000, 'x');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i);
  for (size_t buffer : {1, 2, 7, 4096, 100000}) {
    ScriptedReader reader({sent.substr(0, 1000), PendingOnce{}, sent.substr(1000)});
    ScriptedWriter writer({size_t{3}, PendingOnce{}, size_t{1}, size_t{2}});
    EXPECT_EQ(*Finish(Copy(reader, writer, buffer)), sent.size());
    EXPECT_EQ(writer.data(), sent);
    EXPECT_EQ(reader.empty_polls(), 0);
  }
}

TEST(Copy, EndsWithTheFirstError) {
  ScriptedReader bad_reader({"abc", absl::InternalError("read")});
  ScriptedWriter writer;
  EXPECT_EQ(Finish(Copy(bad_reader, writer)).status().message(), "read");
  EXPECT_EQ(writer.data(), "abc");
  ScriptedReader reader({"abc"});
  ScriptedWriter bad_writer({absl::InternalError("write")});
  EXPECT_EQ(Finish(Copy(reader, bad_writer)).status().message(), "write");
  ScriptedReader again({"abc"});
  ScriptedWriter full({size_t{0}});
  EXPECT_TRUE(IsWriteZero(Finish(Copy(again, full)).status()));
}

// What is read and not yet written does not count.
TEST(Copy, TellsHowMuchIsWrittenSoFar) {
  ScriptedReader reader({"abc", "def", PendingForever{}});
  ScriptedWriter writer({size_t{1}, PendingForever{}});
  CopyFuture copying = Copy(reader, writer);
  EXPECT_EQ(copying.copied(), 0u);
  EXPECT_TRUE(PolledTask(ByRef(copying)).Poll().pending());
  EXPECT_EQ(copying.copied(), 1u);
  ScriptedReader ends({"abc", "def"});
  ScriptedWriter takes;
  CopyFuture copies = Copy(ends, takes);
  EXPECT_TRUE(PolledTask(ByRef(copies)).Poll().ready());
  EXPECT_EQ(copies.copied(), 6u);
}

// Select refuses it, unless it is said.
static_assert(LosesDataWhenDropped<CopyFuture>);

TEST(Copy, CanBeDroppedAnywhere) {
  for (int polls = 0; polls < 3; ++polls) {
    ScriptedReader reader({"a", PendingOnce{}, "b", PendingOnce{}, "c", PendingForever{}});
    ScriptedWriter writer;
    PolledTask task(Copy(reader, writer));
    for (int i = 0; i < polls; ++i) EXPECT_TRUE(task.Poll().pending());
  }
}

}  // namespace
}  // namespace kioto::io
