// What two readers of one stream may read differently, and what no writer may write: D22 of the checks with numbers
// (tests/stress/README.md). What http_server answers to the same, and that it closes, is in its checks_test.cc.
#include <cstddef>
#include <cstdio>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/tools/examples/http/fields.h"
#include "kioto/tools/examples/http/message_parser.h"
#include "kioto/tools/examples/http/testing/smuggling.h"

namespace http {
namespace {

using Result = MessageParser::Result;

// How many requests are read out of `stream`, which comes in pieces of so many bytes; `status` is that of the error, or 0.
int RequestsIn(std::string stream, size_t piece, int& status) {
  MessageParser parser(MessageParser::Type::kRequest, {});
  std::string in;
  int requests = 0;
  status = 0;
  while (true) {
    const Result result = parser.Parse(in);
    in.erase(0, parser.consumed());
    requests += result == Result::kEnd;
    if (result == Result::kError) {
      status = parser.error_status();
      EXPECT_EQ(parser.Parse("GET /second HTTP/1.1\r\nHost: h\r\n\r\n"), Result::kError) << "there is no way on";
      return requests;
    }
    if (result != Result::kMore) continue;
    if (stream.empty()) return requests;
    in += stream.substr(0, piece);
    stream.erase(0, piece);
  }
}

// Refused, whole and in pieces, and the request that hides behind it is not read.
// check: D22
TEST(SmugglingTest, NoRequestHidesInAnother) {
  const std::vector<std::string> streams = StreamsThatSmuggle("PUT");
  for (const std::string& stream : streams) {
    for (const size_t piece : {stream.size(), size_t{1}, size_t{7}}) {
      int status;
      EXPECT_EQ(RequestsIn(stream, piece, status), 0) << stream << " in pieces of " << piece;
      EXPECT_TRUE(status == 400 || status == 413 || status == 501 || status == 505) << status << ": " << stream;
    }
  }
  const std::set<std::string> different(streams.begin(), streams.end());
  std::printf("%zu inputs\n", different.size());
  EXPECT_GE(different.size(), 180u);
}

// A path that a client has named, with any bytes, is written into a field without one that could end its line.
// check: D22
TEST(SmugglingTest, WhatIsWrittenSplitsNoMessage) {
  std::mt19937 random(22);
  for (int i = 0; i < 100'000; ++i) {
    std::string path(random() % 40, '\0');
    for (char& c : path) c = random() % 3 == 0 ? Raw("\r\n\0 :/%")[random() % 7] : static_cast<char>(random());
    const std::string written = EncodePath(path);
    for (const char c : written) ASSERT_TRUE(c > ' ' && c < 0x7f) << written;
    const absl::string_view type = ContentType(path);
    ASSERT_EQ(type.find_first_of(Raw("\r\n\0")), absl::string_view::npos) << type;
  }
}

// Good requests with a byte or two changed, and any bytes: the same comes of them however they are cut.
// check: K4
TEST(SmugglingTest, GarbageIsReadTheSameHoweverItIsCut) {
  std::mt19937 random(4);
  const std::string good =
      "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\nabc\r\n0\r\nT: x\r\n\r\n"
      "GET /b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok";
  const std::string alphabet = Raw("\r\n\0 \t:;,0123456789abcdefxABC/");
  int read = 0, refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string stream = good;
    for (size_t changes = random() % 3; changes > 0; --changes)
      stream[random() % stream.size()] = alphabet[random() % alphabet.size()];
    if (i % 10 == 0) {
      for (char& c : stream) c = alphabet[random() % alphabet.size()];
    }
    int whole, cut;
    const int requests = RequestsIn(stream, stream.size(), whole);
    ASSERT_EQ(RequestsIn(stream, 1 + random() % 7, cut), requests) << stream;
    ASSERT_EQ(cut != 0, whole != 0) << stream;
    read += requests;
    refused += whole != 0;
  }
  EXPECT_GT(read, 5'000);
  EXPECT_GT(refused, 2'000);
}

}  // namespace
}  // namespace http
