// What two readers of one stream may read differently, and what no writer may write: D22 of the checks with numbers
// (tests/stress/README.md). What http_server answers, and that it closes, is in http_server_test.py.
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

// A literal with its zero bytes.
template <size_t N>
std::string Raw(const char (&bytes)[N]) {
  return std::string(bytes, N - 1);
}

// Heads, each without what comes behind: a field or two of a PUT.
std::vector<std::string> BadFields() {
  std::vector<std::string> fields;
  // Lengths that are none, or two.
  for (const char* length : {"+5",
                             "-5",
                             "0x5",
                             "5,5",
                             "5, 5",
                             "5 5",
                             "5;",
                             "5.0",
                             "5e0",
                             "",
                             "five",
                             "\xe2\x85\xa4",
                             "5\x0b",
                             "5\x01",
                             "99999999999999999999",
                             "18446744073709551616",
                             "184467440737095516170",
                             "5\n",
                             "\"5\"",
                             "0,5"}) {
    fields.push_back(absl::StrCat("Content-Length: ", length, "\r\n"));
  }
  for (const char* two : {"5", "6", "0", "05", "+5"}) {
    fields.push_back(absl::StrCat("Content-Length: 5\r\nContent-Length: ", two, "\r\n"));
    fields.push_back(absl::StrCat("Content-Length: 5\r\ncontent-length: ", two, "\r\n"));
    fields.push_back(absl::StrCat("Content-Length: 5\r\nX: y\r\nCONTENT-LENGTH: ", two, "\r\n"));
  }
  // A length beside a coding, in either order.
  for (const char* coding : {"chunked", "Chunked", "CHUNKED", " chunked", "chunked ", "identity", "gzip, chunked",
                             "chunked, chunked", "x", "", "chunked;q=1", "\"chunked\"", "chunked, identity"}) {
    fields.push_back(absl::StrCat("Content-Length: 5\r\nTransfer-Encoding: ", coding, "\r\n"));
    fields.push_back(absl::StrCat("Transfer-Encoding: ", coding, "\r\nContent-Length: 5\r\n"));
  }
  // Codings that are not the one that is known, or two fields of them.
  for (const char* coding : {"identity", "gzip", "xchunked", "chunkedx", "chunked, gzip", "gzip, chunked", "chunked, chunked",
                             "chunked,", ",chunked", "chunked;a=b", "\"chunked\"", "chunked\x0b",
                             "\x0b"
                             "chunked",
                             "c hunked", "chunked\x01", ""}) {
    fields.push_back(absl::StrCat("Transfer-Encoding: ", coding, "\r\n"));
  }
  for (const char* second : {"chunked", "identity", "gzip", "x", ""}) {
    fields.push_back(absl::StrCat("Transfer-Encoding: chunked\r\nTransfer-Encoding: ", second, "\r\n"));
    fields.push_back(absl::StrCat("Transfer-Encoding: ", second, "\r\nTransfer-Encoding: chunked\r\n"));
  }
  // Names and lines that some readers take for others.
  for (const char* name :
       {"Content-Length ", "Content-Length\t", " Content-Length", "\tContent-Length", "Content\x01Length", "Content-Length\x0b",
        "Content Length", "(Content-Length)", "Content-Length\x7f", "Content-L\xc3\xa9ngth"}) {
    fields.push_back(absl::StrCat(name, ": 5\r\n"));
  }
  for (const char* name : {"Transfer-Encoding ", "Transfer-Encoding\t", " Transfer-Encoding", "\tTransfer-Encoding",
                           "Transfer-Encoding\x0b", "Transfer Encoding", "Transfer-Encoding\x7f"}) {
    fields.push_back(absl::StrCat(name, ": chunked\r\n"));
  }
  for (const char* lines :
       {"X: a\r\n b\r\n", "X: a\r\n\tb\r\n", "X:\r\n Content-Length: 5\r\n", "X: a\nContent-Length: 5\r\n",
        "X: a\rContent-Length: 5\r\n", "X: a\r\rContent-Length: 5\r\n", "X: a\n\nGET /second HTTP/1.1\r\n", "X\r\n", ": a\r\n",
        "X: a\n\r\n", "\nX: a\r\n", "Host: other\r\n", "Host:\r\n", "X: \x01\r\n", "X: \x7f\r\n", "X: a\x0b\r\n"}) {
    fields.push_back(lines);
  }
  fields.push_back(Raw("X: a\0b\r\n"));
  fields.push_back(Raw("X\0: a\r\n"));
  fields.push_back(Raw("Content-Length: 5\0\r\n"));
  fields.push_back(Raw("Transfer-Encoding: chunked\0\r\n"));
  return fields;
}

// Bodies of chunks that two readers would end at two places.
std::vector<std::string> BadChunks() {
  std::vector<std::string> bodies;
  for (const char* size : {"0x5",
                           "+5",
                           "-5",
                           " 5",
                           "5 ",
                           "5\t",
                           "5 ;a",
                           "5,5",
                           "5x",
                           "g",
                           "",
                           "five",
                           "\x0b"
                           "5",
                           "5\x0b",
                           "fffffffffffffffff",
                           "10000000000000000",
                           "5;\x01",
                           "5;a\nb",
                           "5;a\rb",
                           "5 5",
                           "5.",
                           "\"5\"",
                           ";a"}) {
    bodies.push_back(absl::StrCat(size, "\r\nhello\r\n0\r\n\r\n"));
  }
  for (const char* body :
       {"5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "5\r\nhello!\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n", "5\r\nhello\r0\r\n\r\n", "0\r\nT: x\n\r\n", "0\r\nT: x\r\n\n", "0\r\nT : x\r\n\r\n",
        "0\r\n T: x\r\n\r\n", "0\r\nT: x\r\n y\r\n\r\n", "0\r\nT: \x01\r\n\r\n", "0\r\nT\r\n\r\n", "0\n\r\n", "0\r\n\n"}) {
    bodies.push_back(body);
  }
  return bodies;
}

// Refused, whole and in pieces, and the request that hides behind it is not read.
// check: D22
TEST(SmugglingTest, NoRequestHidesInAnother) {
  const std::string second = "GET /second HTTP/1.1\r\nHost: h\r\n\r\n";
  std::vector<std::string> streams;
  for (const std::string& fields : BadFields()) {
    streams.push_back(absl::StrCat("PUT /first HTTP/1.1\r\nHost: h\r\n", fields, "\r\n0\r\n\r\n", second));
  }
  for (const std::string& body : BadChunks()) {
    streams.push_back(absl::StrCat("PUT /first HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", body, second));
  }
  for (const char* head :
       {"GET /first HTTP/1.1\r\n\r\n", "GET /first HTTP/1.1\nHost: h\r\n\r\n", "GET /first HTTP/1.1\rHost: h\r\n\r\n",
        "PUT /first HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "GET /first HTTP/1.1 \r\nHost: h\r\n\r\n",
        "GET /fi rst HTTP/1.1\r\nHost: h\r\n\r\n", "GET  HTTP/1.1\r\nHost: h\r\n\r\n", "GET\t/first\tHTTP/1.1\r\nHost: h\r\n\r\n",
        "G\x01T /first HTTP/1.1\r\nHost: h\r\n\r\n", " GET /first HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /first HTTP/9.9\r\nHost: h\r\n\r\n"}) {
    streams.push_back(absl::StrCat(head, second));
  }
  streams.push_back(absl::StrCat(Raw("GET /fi\0rst HTTP/1.1\r\nHost: h\r\n\r\n"), second));
  for (const std::string& stream : streams) {
    for (const size_t piece : {stream.size(), size_t{1}, size_t{7}}) {
      int status;
      EXPECT_EQ(RequestsIn(stream, piece, status), 0) << stream << " in pieces of " << piece;
      EXPECT_TRUE(status == 400 || status == 413 || status == 501 || status == 505) << status << ": " << stream;
    }
  }
  const std::set<std::string> different(streams.begin(), streams.end());
  std::printf("%zu inputs\n", different.size());
  EXPECT_GE(different.size(), 120u);
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
