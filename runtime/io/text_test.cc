#include "kioto/runtime/io/text.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/errors.h"
#include "kioto/runtime/io/memory.h"
#include "kioto/runtime/io/null.h"
#include "kioto/runtime/io/testing/finish.h"
#include "kioto/runtime/io/testing/scripted_stream.h"

namespace kioto::io {
namespace {

TEST(Utf8, EndsWhereItIsBroken) {
  EXPECT_EQ(Utf8Prefix(""), 0u);
  EXPECT_EQ(Utf8Prefix("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), 10u);
  const absl::string_view broken[] = {
      "\x80",              // a byte that only follows
      "\xc0\xaf",          // overlong, in two bytes
      "\xe0\x80\xaf",      // and in three
      "\xf0\x80\x80\xaf",  // and in four
      "\xed\xa0\x80",      // a surrogate
      "\xf4\x90\x80\x80",  // beyond the last character
      "\xf5\x80\x80\x80", "\xff",
      "\xe2\x82", "\xf0\x9f\x98",  // cut short
  };
  for (absl::string_view bytes : broken) {
    EXPECT_EQ(Utf8Prefix(std::string("ok") + std::string(bytes)), 2u) << bytes.size();
  }
}

TEST(Utf8, FindsWhatIsBrokenAtAnyPlace) {
  for (size_t size = 1; size < 40; ++size) {
    std::string text(size, 'a');
    EXPECT_EQ(Utf8Prefix(text), size);
    for (size_t at = 0; at < size; ++at) {
      text[at] = '\x80';
      EXPECT_EQ(Utf8Prefix(text), at) << size << " bytes";
      text[at] = 'a';
      EXPECT_EQ(Utf8Prefix(text.substr(0, at) + "\xc3\xa4" + text.substr(at)), size + 2);
    }
  }
}

// behaviour: tokio/tests/io_read_line.rs#read_line
TEST(ReadLine, GivesLinesWithTheirEnds) {
  BytesReader reader("hello\nworld\n\n");
  std::string line;
  EXPECT_EQ(*Finish(ReadLine(reader, line, 100)), 6u);
  EXPECT_EQ(line, "hello\n");
  line.clear();
  EXPECT_EQ(*Finish(ReadLine(reader, line, 100)), 6u);
  EXPECT_EQ(line, "world\n");
  line.clear();
  EXPECT_EQ(*Finish(ReadLine(reader, line, 100)), 1u);
  EXPECT_EQ(*Finish(ReadLine(reader, line, 100)), 0u);
  EXPECT_EQ(line, "\n");
}

// behaviour: tokio/tests/io_read_line.rs#read_line_not_all_ready
TEST(ReadLine, AppendsWhatComesInPieces) {
  ScriptedReader source({"hello wor", PendingOnce{}, "ld\nfizz", PendingOnce{}, "bu", PendingOnce{}, "zz\n1"});
  BufReader reader{ReaderRef(source)};
  std::string line = "we say ";
  EXPECT_EQ(*Finish(ReadLine(reader, line, 100)), 12u);
  EXPECT_EQ(line, "we say hello world\n");
  line = "I solve ";
  EXPECT_EQ(*Finish(ReadLine(reader, line, 100)), 9u);
  EXPECT_EQ(line, "I solve fizzbuzz\n");
  line.clear();
  EXPECT_EQ(*Finish(ReadLine(reader, line, 100)), 1u);
  EXPECT_EQ(line, "1");
}

// behaviour: tokio/tests/io_read_line.rs#read_line_fail
TEST(ReadLine, KeepsTheTextBeforeAnError) {
  ScriptedReader source({"hello", PendingOnce{}, " wor", absl::InternalError("broken"), "ld\n"});
  BufReader reader{ReaderRef(source)};
  std::string line = "foo ";
  EXPECT_EQ(Finish(ReadLine(reader, line, 100)).status().message(), "broken");
  EXPECT_EQ(line, "foo hello wor");
}

// behaviour: tokio/tests/io_read_line.rs#read_line_fail_and_utf8_fail
TEST(ReadLine, AnErrorOfTheReaderGoesBeforeBadText) {
  ScriptedReader source({"foo\xff\xff\xff", absl::InternalError("broken")});
  BufReader reader{ReaderRef(source)};
  std::string line = "we say ";
  EXPECT_EQ(Finish(ReadLine(reader, line, 100)).status().message(), "broken");
  EXPECT_EQ(line, "we say ");
}

TEST(ReadLine, BadTextIsRefusedAndSkipped) {
  BytesReader reader("a\xff\nb\n");
  std::string line = "> ";
  const Status status = Finish(ReadLine(reader, line, 100)).status();
  EXPECT_TRUE(IsInvalidUtf8(status)) << status;
  EXPECT_EQ(line, "> ");
  EXPECT_EQ(*Finish(ReadLine(reader, line, 100)), 2u);
  EXPECT_EQ(line, "> b\n");
}

TEST(ReadLine, ALineMayBeSoLongAndNoLonger) {
  for (const bool in_pieces : {false, true}) {
    ScriptedReader source({"123\n1234", "5\n"});
    if (in_pieces) source = ScriptedReader({"12", PendingOnce{}, "3\n", PendingOnce{}, "123", PendingOnce{}, "4", "5\n"});
    BufReader reader{ReaderRef(source)};
    std::string line;
    EXPECT_EQ(*Finish(ReadLine(reader, line, 4)), 4u);
    const Status status = Finish(ReadLine(reader, line, 4)).status();
    EXPECT_TRUE(IsLimitExceeded(status)) << status;
    EXPECT_EQ(line, "123\n1234");
  }
}

// behaviour: tokio/tests/io_util_empty.rs#empty_buf_reads_are_cooperative
TEST(ReadLine, OfNothingLetsOthersRun) {
  BytesReader empty("");
  std::string line;
  PolledTask task(PollFn([&](Context& cx) -> Poll<Unit> {
    while (ReadLine(empty, line, 100).PollOnce(cx).ready()) {
    }
    return kPending;
  }));
  EXPECT_TRUE(task.Poll().pending());
  EXPECT_TRUE(task.yielded());
}

// behaviour: tokio/tests/io_read_to_string.rs#read_to_string
TEST(ReadToString, GivesAllTheText) {
  BytesReader reader("hello world");
  std::string text;
  EXPECT_EQ(*Finish(ReadToString(reader, text, 100)), 11u);
  EXPECT_EQ(text, "hello world");
}

// behaviour: tokio/tests/io_read_to_string.rs#to_string_appends
TEST(ReadToString, Appends) {
  ScriptedReader reader({"de", PendingOnce{}, "f"});
  std::string text = "abc";
  EXPECT_EQ(*Finish(ReadToString(reader, text, 100)), 3u);
  EXPECT_EQ(text, "abcdef");
}

// behaviour: tokio/tests/io_read_to_string.rs#to_string_does_not_truncate_on_utf8_error
TEST(ReadToString, BadTextLeavesTheStringAsItWas) {
  ScriptedReader reader({"def\xff\xff\xff"});
  std::string text = "abc";
  EXPECT_TRUE(IsInvalidUtf8(Finish(ReadToString(reader, text, 100)).status()));
  EXPECT_EQ(text, "abc");
}

// behaviour: tokio/tests/io_read_to_string.rs#to_string_does_not_truncate_on_io_error
TEST(ReadToString, AnErrorLeavesTheStringAsItWas) {
  ScriptedReader reader({"def", absl::InternalError("broken")});
  std::string text = "abc";
  EXPECT_EQ(Finish(ReadToString(reader, text, 100)).status().message(), "broken");
  EXPECT_EQ(text, "abc");
}

TEST(ReadToString, HasALimit) {
  BytesReader reader("hello world");
  std::string text;
  EXPECT_TRUE(IsLimitExceeded(Finish(ReadToString(reader, text, 10)).status()));
}

}  // namespace
}  // namespace kioto::io
