// Futures of readers and writers, dropped after any number of polls: those that are cancel safe have taken nothing, the others
// no more than they say.
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/stream.h"
#include "kioto/runtime/future/testing/drop_after.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/io/buf_reader.h"
#include "kioto/runtime/io/buf_writer.h"
#include "kioto/runtime/io/copy.h"
#include "kioto/runtime/io/copy_bidirectional.h"
#include "kioto/runtime/io/copy_buf.h"
#include "kioto/runtime/io/integers.h"
#include "kioto/runtime/io/lines.h"
#include "kioto/runtime/io/pipe.h"
#include "kioto/runtime/io/read.h"
#include "kioto/runtime/io/reader_stream.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"
#include "kioto/runtime/io/text.h"
#include "kioto/runtime/io/write.h"

namespace kioto::io {
namespace {

const char kAll[] = "abcdefgh";

// --- Reading ---

// Waits three times before its bytes.
ScriptedReader Late() { return ScriptedReader({PendingOnce{}, PendingOnce{}, PendingOnce{}, kAll}); }

// check: H1
TEST(IoDrop, ASafeReadTakesNothing) {
  for (int polls = 0; polls <= 3; ++polls) {
    ScriptedReader reader = Late();
    char into[16];
    DropAfter(polls, Read(reader, into));
    EXPECT_EQ(*Finish(Read(reader, into)), 8u);
    EXPECT_EQ(std::string(into, 8), kAll);

    reader = Late();
    ByteQueue queue;
    DropAfter(polls, Read(reader, queue));
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(*Finish(Read(reader, queue)), 8u);
    EXPECT_EQ(queue.view(), kAll);

    BufReader buffered(Late());
    DropAfter(polls, buffered.Fill());
    EXPECT_EQ(*Finish(buffered.Fill()), kAll);

    ReaderStream stream(Late());
    DropAfter(polls, stream.Next());
    auto bytes = Finish(stream.Next());
    ASSERT_TRUE(bytes.has_value() && bytes->ok());
    EXPECT_EQ((*bytes)->view(), kAll);
  }
}

// check: H1
TEST(IoDrop, LinesKeepHalfALine) {
  for (int polls = 0; polls <= 3; ++polls) {
    ScriptedReader reader({"par", PendingOnce{}, PendingOnce{}, "ti", PendingOnce{}, "al\nrest"});
    Lines lines(reader, 100);
    DropAfter(polls, lines.Next());
    EXPECT_EQ(lines.buffered(), polls == 0 ? "" : polls < 3 ? "par" : "parti");
    EXPECT_EQ(**Finish(lines.Next()), "partial");
    EXPECT_EQ(**Finish(lines.Next()), "rest");
  }
}

// A future of make(reader) has two more bytes after each of its first polls: dropped, it leaves the rest.
template <class Make>
void ExpectLeavesTheRest(Make make) {
  for (int polls = 0; polls <= 2; ++polls) {
    BufReader reader(ScriptedReader({"ab", PendingOnce{}, "cd", PendingOnce{}, "efgh\n"}));
    DropAfter(polls, make(reader));
    EXPECT_EQ(*Finish(ReadToEnd(reader, 100)), std::string(kAll).substr(2 * polls) + "\n");
  }
}

// check: H1
TEST(IoDrop, AReadThatLosesDataLeavesTheRest) {
  ExpectLeavesTheRest([](auto& reader) { return ReadNumber<uint64_t>(reader); });
  for (int polls = 0; polls <= 3; ++polls) {  // of one byte: nothing
    ScriptedReader reader = Late();
    DropAfter(polls, ReadNumber<uint8_t>(reader));
    EXPECT_EQ(*Finish(ReadNumber<uint8_t>(reader)), 'a');
  }
  ExpectLeavesTheRest([](auto& reader) { return ReadToEnd(reader, 100); });
  std::string none;
  ExpectLeavesTheRest([&none](auto& reader) { return ReadLine(reader, none, 100); });
  ExpectLeavesTheRest([&none](auto& reader) { return ReadToString(reader, none, 100); });
  EXPECT_EQ(none, "");
}

// check: H1
TEST(IoDrop, AReadThatLosesPlaceHasWhatItReadInInto) {
  char into[8];
  ExpectLeavesTheRest([&into](auto& reader) { return ReadExact(reader, into); });
  EXPECT_EQ(std::string(into, 4), "abcd");
  std::string appended, until;
  ExpectLeavesTheRest([&appended](auto& reader) {
    appended.clear();
    return ReadToEnd(reader, appended, 100);
  });
  EXPECT_EQ(appended, "abcd");
  ExpectLeavesTheRest([&until](auto& reader) {
    until.clear();
    return ReadUntil(reader, '\n', until, 100);
  });
  EXPECT_EQ(until, "abcd");
}

// --- Writing ---

// A future of make(writer), which writes "abcdefgh", has written two more bytes after each of its first polls.
template <class Make>
void ExpectWritesNoMore(Make make) {
  for (int polls = 0; polls <= 2; ++polls) {
    ScriptedWriter writer({size_t{2}, PendingOnce{}, size_t{2}, PendingOnce{}});
    DropAfter(polls, make(writer));
    EXPECT_EQ(writer.data(), std::string(kAll).substr(0, 2 * polls));
  }
}

// check: H1
TEST(IoDrop, AWriteOfAllWritesNoMore) {
  ExpectWritesNoMore([](auto& writer) { return WriteAll(writer, absl::string_view(kAll)); });
  ExpectWritesNoMore([](auto& writer) { return WriteAll(writer, std::string(kAll)); });
  const absl::string_view pieces[] = {"abc", "", "defgh"};
  ExpectWritesNoMore([&pieces](auto& writer) { return WriteAllVectored(writer, pieces); });
  ExpectWritesNoMore([](auto& writer) { return WriteNumber<uint64_t>(writer, 0x6162636465666768); });
}

// check: H1
TEST(IoDrop, AQueueHasWhatIsNotWritten) {
  for (int polls = 0; polls <= 2; ++polls) {
    ScriptedWriter writer({size_t{2}, PendingOnce{}, size_t{2}, PendingOnce{}});
    ByteQueue queue;
    queue.Append(kAll);
    DropAfter(polls, WriteAll(writer, queue));
    EXPECT_EQ(queue.view(), std::string(kAll).substr(2 * polls));
    EXPECT_EQ(Finish(WriteAll(writer, queue)), OkStatus());
    EXPECT_EQ(writer.data(), kAll);
  }
}

// Waits three times before it takes anything.
ScriptedWriter Slow() { return ScriptedWriter({PendingOnce{}, PendingOnce{}, PendingOnce{}}); }

// check: H1
TEST(IoDrop, OneWriteThatWaitsWritesNothing) {
  for (int polls = 0; polls <= 3; ++polls) {
    ScriptedWriter writer = Slow();
    DropAfter(polls, Write(writer, "lost"));
    EXPECT_EQ(*Finish(Write(writer, kAll)), 8u);
    EXPECT_EQ(writer.data(), kAll);

    writer = Slow();
    const absl::string_view lost[] = {"lo", "st"}, kept[] = {"abcd", "efgh"};
    DropAfter(polls, WriteVectored(writer, lost));
    EXPECT_EQ(*Finish(WriteVectored(writer, kept)), 8u);
    EXPECT_EQ(writer.data(), kAll);

    writer = Slow();
    ByteQueue queue;
    queue.Append(kAll);
    DropAfter(polls, Write(writer, queue));
    EXPECT_EQ(queue.view(), kAll);
    EXPECT_EQ(*Finish(Write(writer, queue)), 8u);
    EXPECT_EQ(writer.data(), kAll);
  }
}

// check: H1
TEST(IoDrop, AFlushAndAShutdownGoOnWhereTheyWere) {
  for (int polls = 0; polls <= 3; ++polls) {
    BufWriter writer(Slow(), 16);
    EXPECT_EQ(Finish(writer.WriteAll(kAll)), OkStatus());
    DropAfter(polls, writer.Flush());
    EXPECT_EQ(writer.buffered(), kAll);
    EXPECT_EQ(Finish(writer.Flush()), OkStatus());
    EXPECT_EQ(writer.inner().data(), kAll);

    BufWriter last(Slow(), 16);
    EXPECT_EQ(Finish(last.WriteAll(kAll)), OkStatus());
    DropAfter(polls, last.Shutdown());
    EXPECT_FALSE(last.inner().shut());
    EXPECT_EQ(Finish(last.Shutdown()), OkStatus());
    EXPECT_EQ(last.inner().data(), kAll);
    EXPECT_TRUE(last.inner().shut());
  }
}

// --- Both ways ---

// check: H1
TEST(IoDrop, ACopyLosesWhatItHasReadAndNotWritten) {
  for (int polls = 0; polls <= 3; ++polls) {
    ScriptedReader reader({"abcd", PendingOnce{}, PendingOnce{}, PendingOnce{}, PendingOnce{}, "efgh"});
    ScriptedWriter writer({size_t{2}, PendingOnce{}, PendingOnce{}, PendingOnce{}, PendingOnce{}});
    DropAfter(polls, Copy(reader, writer));
    EXPECT_EQ(writer.data(), polls == 0 ? "" : "ab");
    EXPECT_TRUE(Finish(Copy(reader, writer)).ok());
    EXPECT_EQ(writer.data(), polls == 0 ? "abcdefgh" : "abefgh");
  }
}

// check: H1
TEST(IoDrop, ACopyOfABufferLosesNothing) {
  for (int polls = 0; polls <= 3; ++polls) {
    BufReader reader(ScriptedReader({"abcd", PendingOnce{}, PendingOnce{}, PendingOnce{}, PendingOnce{}, "efgh"}));
    ScriptedWriter writer({size_t{2}, PendingOnce{}, PendingOnce{}, PendingOnce{}, PendingOnce{}});
    DropAfter(polls, CopyBuf(reader, writer));
    EXPECT_EQ(writer.data(), polls == 0 ? "" : "ab");
    EXPECT_TRUE(Finish(CopyBuf(reader, writer)).ok());
    EXPECT_EQ(writer.data(), kAll);
  }
}

// check: H1
TEST(IoDrop, AnotherCopyBidirectionalGoesOn) {
  for (int polls = 0; polls <= 3; ++polls) {
    DuplexPipe a = Duplex(64), b = Duplex(64);  // a.first — a.second : copier : b.second — b.first
    const auto expect = [](DuplexStream& end, const std::string& bytes) {
      char into[64];
      const size_t n = *Finish(Read(end, into));
      EXPECT_EQ(std::string(into, n), bytes);
    };
    {
      PolledTask dropped(CopyBidirectional(a.second, b.second));
      for (int i = 0; i < polls; ++i) {
        EXPECT_EQ(*Finish(Write(a.first, "to b")), 4u);
        EXPECT_TRUE(dropped.Poll().pending());
        expect(b.first, "to b");
      }
      EXPECT_EQ(*Finish(Write(a.first, "kept")), 4u);
    }
    PolledTask copier(CopyBidirectional(a.second, b.second));
    EXPECT_TRUE(copier.Poll().pending());
    expect(b.first, "kept");
    EXPECT_EQ(*Finish(Write(b.first, "to a")), 4u);
    EXPECT_TRUE(copier.is_woken());
    EXPECT_TRUE(copier.Poll().pending());
    expect(a.first, "to a");
    EXPECT_EQ(Finish(Shutdown(a.first)), OkStatus());
    EXPECT_EQ(Finish(Shutdown(b.first)), OkStatus());
    EXPECT_TRUE(copier.Poll().ready());
  }
}

}  // namespace
}  // namespace kioto::io
