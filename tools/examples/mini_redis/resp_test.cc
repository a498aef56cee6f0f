#include "kioto/tools/examples/mini_redis/resp.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kioto/tools/examples/mini_redis/reply.h"

namespace mini_redis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Result = RespParser::Result;

constexpr RespLimits kLimits{/*max_args=*/100, /*max_bulk=*/10'000, /*max_frame=*/20'000};

// What came out of a stream: each command's arguments, and at the end the error.
struct Outcome {
  std::vector<std::vector<std::string>> commands;
  std::string error;

  friend bool operator==(const Outcome& a, const Outcome& b) { return a.commands == b.commands && a.error == b.error; }
};

// Feeds a stream in pieces; the bytes lie elsewhere each time, in a block of exactly their size.
class Feeder {
 public:
  explicit Feeder(const RespLimits& limits = kLimits) : parser_(limits) {}

  void Feed(absl::string_view more) {
    left_.append(more.data(), more.size());
    while (outcome.error.empty()) {
      const std::vector<char> block(left_.begin(), left_.end());
      const Result result = parser_.Parse(absl::string_view(block.data(), block.size()));
      if (result == Result::kIncomplete) return;
      if (result == Result::kError) {
        outcome.error = std::string(parser_.error());
        return;
      }
      outcome.commands.emplace_back(parser_.args().begin(), parser_.args().end());
      left_.erase(0, parser_.size());
      parser_.Reset();
    }
  }

  Outcome outcome;

 private:
  RespParser parser_;
  std::string left_;
};

Outcome ParseAll(absl::string_view stream) {
  Feeder feeder;
  feeder.Feed(stream);
  return feeder.outcome;
}

std::string Encode(const std::vector<std::string>& args) {
  std::string out;
  ReplyWriter writer(out);
  writer.Array(args.size());
  for (const std::string& arg : args) writer.Bulk(arg);
  return out;
}

TEST(RespTest, ParsesArraysAndLines) {
  const Outcome outcome = ParseAll("*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n  set a  b\n*0\r\n\r\n*-1\r\n*1\r\n$0\r\n\r\n");
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(outcome.commands, ElementsAre(ElementsAre("GET", "k"), ElementsAre("PING"), ElementsAre("set", "a", "b"),
                                            ElementsAre(), ElementsAre(), ElementsAre(), ElementsAre("")));
}

TEST(RespTest, TakesQuotesApart) {
  const Outcome outcome = ParseAll(R"(a "b c" 'd e' "\x41\n\"\q" 'it\'s' "")" "\n");
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(outcome.commands, ElementsAre(ElementsAre("a", "b c", "d e", "A\n\"q", "it's", "")));
  for (absl::string_view bad : {"a \"b\n", "a 'b\n", "a \"b\"c\n", "\"\\\n"}) {
    EXPECT_EQ(ParseAll(bad).error, "ERR Protocol error: unbalanced quotes in request") << bad;
  }
}

// The same comes out wherever the stream is cut, and when it comes byte by byte.
TEST(RespTest, EverySplitPointGivesTheSame) {
  const std::string data = "*3\r\n$3\r\nSET\r\n$5\r\na\r\nbc\r\n$10\r\n*1\r\n$4\r\nEV\r\n";
  const std::string echo = Encode({"ECHO", std::string(300, '\r')});
  for (const std::string& whole : {data + "PING \"x y\"\r\n*0\r\n" + echo + "*1\r\n$3\r\nfooXX", echo + "set 'a\n", data}) {
    const Outcome expected = ParseAll(whole);
    Feeder bytes;
    for (char c : whole) bytes.Feed(absl::string_view(&c, 1));
    EXPECT_EQ(bytes.outcome, expected);
    for (size_t at = 0; at <= whole.size(); ++at) {
      Feeder halves;
      halves.Feed(absl::string_view(whole).substr(0, at));
      halves.Feed(absl::string_view(whole).substr(at));
      EXPECT_EQ(halves.outcome, expected) << "cut at " << at;
    }
  }
  const Outcome outcome = ParseAll(data);
  EXPECT_THAT(outcome.commands, ElementsAre(ElementsAre("SET", "a\r\nbc", "*1\r\n$4\r\nEV")));
}

struct Hostile {
  std::string stream;
  absl::string_view error;
};

TEST(RespTest, RefusesLengthsThatLie) {
  std::vector<Hostile> cases;
  const std::vector<std::string> bad_numbers = {
      "",     "-",    "+1",        "01",         "1 ",         " 1",        "0x1",        "1e1",       "1.0",
      "--1",  "a",    "1\n2",      "2147483648", "4294967295", "4294967296", "4294967297", "18446744073709551615",
      "18446744073709551616",      "9223372036854775807",      "9223372036854775808",      "99999999999999999999999",
  };
  for (const std::string& n : bad_numbers) {
    cases.push_back({absl::StrCat("*", n, "\r\n"), "ERR Protocol error: invalid multibulk length"});
    cases.push_back({absl::StrCat("*1\r\n$", n, "\r\n"), "ERR Protocol error: invalid bulk length"});
  }
  for (int bit = 14; bit < 63; ++bit) {
    for (int by = -1; by <= 1; ++by) {
      const std::string n = absl::StrCat((int64_t{1} << bit) + by);
      cases.push_back({absl::StrCat("*", n, "\r\n"), "ERR Protocol error: invalid multibulk length"});
      cases.push_back({absl::StrCat("*2\r\n$1\r\na\r\n$", n, "\r\n"), "ERR Protocol error: invalid bulk length"});
      cases.push_back({absl::StrCat("*1\r\n$-", n, "\r\n"), "ERR Protocol error: invalid bulk length"});
    }
  }
  cases.push_back({"*101\r\n", "ERR Protocol error: invalid multibulk length"});
  cases.push_back({"*1\r\n$10001\r\n", "ERR Protocol error: invalid bulk length"});
  cases.push_back({"*1\r\n$-1\r\n", "ERR Protocol error: invalid bulk length"});
  cases.push_back({"*1\r\nfoo\r\n", "ERR Protocol error: expected '$', got 'f'"});
  cases.push_back({"*1\r\n*1\r\n", "ERR Protocol error: expected '$', got '*'"});
  cases.push_back({"*1\r\n$3\r\nabcd\r\n", "ERR Protocol error: a bulk string is longer than its length"});
  cases.push_back({"*1\r\n$3\r\nab\r\n\r\n", "ERR Protocol error: a bulk string is longer than its length"});
  cases.push_back({"*1\rX", "ERR Protocol error: a length must end with CRLF"});
  cases.push_back({"*" + std::string(70'000, '1'), "ERR Protocol error: too big mbulk count string"});
  cases.push_back({"*1\r\n$" + std::string(70'000, '1'), "ERR Protocol error: too big bulk count string"});
  cases.push_back({std::string(70'000, 'x'), "ERR Protocol error: too big inline request"});
  cases.push_back({std::string(70'000, 'x') + "\n", "ERR Protocol error: too big inline request"});
  EXPECT_GE(cases.size(), 200u);
  for (const Hostile& hostile : cases) {
    const Outcome outcome = ParseAll(hostile.stream);
    EXPECT_EQ(outcome.error, hostile.error) << hostile.stream.substr(0, 60);
    EXPECT_TRUE(outcome.commands.empty());
  }
}

TEST(RespTest, AFrameHasALimit) {
  const std::string part = "$8000\r\n" + std::string(8000, 'x') + "\r\n";
  EXPECT_EQ(ParseAll("*2\r\n" + part + part).error, "");
  EXPECT_THAT(ParseAll("*3\r\n" + part + part + "$8000\r\n").error, HasSubstr("a command may have 20000 bytes"));
  // The length is believed, not awaited.
  EXPECT_THAT(ParseAll("*3\r\n" + part + part + "$4000\r\n").error, HasSubstr("a command may have 20000 bytes"));
}

TEST(RespTest, LongLinesAndBulksByteByByte) {
  const std::string stream = Encode({"SET", "k", std::string(9'000, '\r')}) + std::string(9'000, 'x') + "\n";
  RespParser parser(kLimits);
  size_t begin = 0, commands = 0;
  for (size_t end = 1; end <= stream.size(); ++end) {
    if (parser.Parse(absl::string_view(stream).substr(begin, end - begin)) == Result::kIncomplete) continue;
    ++commands;
    begin += parser.size();
    parser.Reset();
  }
  EXPECT_EQ(commands, 2u);
  EXPECT_EQ(begin, stream.size());
}

// Random bytes, and good streams with a byte changed: never a crash, never an argument outside the input, always progress.
// check: K4
TEST(RespTest, SeededGarbage) {
  std::mt19937 random(20'261'121);
  const absl::string_view alphabet = "*$\r\n0123456789- \"'\\xaGET";
  int errors = 0, commands = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string stream;
    if (round % 2 == 0) {
      const size_t size = random() % 60;
      for (size_t i = 0; i < size; ++i) stream.push_back(alphabet[random() % alphabet.size()]);
    } else {
      stream = Encode({"SET", std::string(random() % 20, 'k'), "v"}) + Encode({"PING"}) + "get x\r\n";
      stream[random() % stream.size()] = alphabet[random() % alphabet.size()];
    }
    const Outcome whole = ParseAll(stream);
    Feeder pieces;
    for (size_t at = 0; at < stream.size();) {
      const size_t n = 1 + random() % 7;
      pieces.Feed(absl::string_view(stream).substr(at, n));
      at += n;
    }
    ASSERT_EQ(pieces.outcome, whole) << stream;
    errors += whole.error.empty() ? 0 : 1;
    commands += static_cast<int>(whole.commands.size());
  }
  EXPECT_GT(errors, 1'000);
  EXPECT_GT(commands, 10'000);
}

TEST(RespTest, IntegersAreStrict) {
  int64_t n = 7;
  for (absl::string_view good : {"0", "-1", "9223372036854775807", "-9223372036854775808"}) {
    ASSERT_TRUE(ParseInteger(good, &n)) << good;
    EXPECT_EQ(absl::StrCat(n), good);
  }
  for (absl::string_view bad : {"", "-", "-0", "00", "+1", " 1", "1 ", "9223372036854775808", "-9223372036854775809", "1a",
                                "18446744073709551617", "99999999999999999999"}) {
    EXPECT_FALSE(ParseInteger(bad, &n)) << bad;
  }
}

TEST(ReplyTest, WritesEveryKind) {
  std::string out;
  ReplyWriter writer(out);
  writer.Ok();
  writer.Nil();
  writer.Integer(INT64_MIN);
  writer.Bulk("a\r\nb");
  writer.Error("ERR two\r\nlines");
  EXPECT_EQ(out, "+OK\r\n$-1\r\n:-9223372036854775808\r\n$4\r\na\r\nb\r\n-ERR two  lines\r\n");
  const size_t mark = writer.mark();
  writer.Bulk("x");
  writer.ArrayFrom(mark, 1);
  EXPECT_EQ(out.substr(mark), "*1\r\n$1\r\nx\r\n");
  writer.TakeBack(mark);
  EXPECT_EQ(out.size(), mark);
}

}  // namespace
}  // namespace mini_redis
