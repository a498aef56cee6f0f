#include "kioto/tools/examples/http/message_parser.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace http {
namespace {

using Result = MessageParser::Result;
using Type = MessageParser::Type;

// What comes of a stream of bytes: a line for each message, and how it ends.
std::vector<std::string> Read(Type type, absl::string_view stream, size_t piece, MessageLimits limits = {}) {
  MessageParser parser(type, limits);
  std::vector<std::string> messages;
  std::string in;
  while (true) {
    const Result result = parser.Parse(in);
    in.erase(0, parser.consumed());
    if (result == Result::kError) {
      messages.push_back(absl::StrCat("error ", parser.error_status()));
      return messages;
    }
    if (result == Result::kEnd) {
      const Head& head = parser.head();
      messages.push_back(absl::StrCat(head.method, head.target, head.status == 0 ? "" : absl::StrCat(head.status), " ",
                                      head.fields.size(), head.keep_alive ? " keep " : " close ", parser.body()));
    }
    if (result != Result::kMore) continue;
    EXPECT_TRUE(in.empty());
    EXPECT_EQ(parser.Parse({}), Result::kMore);  // which changes nothing
    if (stream.empty()) break;
    in = std::string(stream.substr(0, piece));
    stream.remove_prefix(in.size());
  }
  const bool inside = parser.inside();
  const Result end = parser.ParseEnd();
  if (end == Result::kEnd) messages.push_back(absl::StrCat("to the end: ", parser.body()));
  if (end == Result::kError) messages.push_back("cut");
  EXPECT_EQ(inside, end != Result::kMore);
  return messages;
}

// The same however the bytes are cut.
std::vector<std::string> Requests(absl::string_view stream, MessageLimits limits = {}) {
  const std::vector<std::string> whole = Read(Type::kRequest, stream, stream.size(), limits);
  for (size_t piece = 1; piece < std::min<size_t>(stream.size(), 80); ++piece) {
    EXPECT_EQ(Read(Type::kRequest, stream, piece, limits), whole) << "in pieces of " << piece;
  }
  return whole;
}
std::vector<std::string> Responses(absl::string_view stream, MessageLimits limits = {}) {
  const std::vector<std::string> whole = Read(Type::kResponse, stream, stream.size(), limits);
  for (size_t piece = 1; piece < stream.size(); ++piece) {
    EXPECT_EQ(Read(Type::kResponse, stream, piece, limits), whole) << "in pieces of " << piece;
  }
  return whole;
}

using Messages = std::vector<std::string>;

TEST(MessageParserTest, Requests) {
  EXPECT_EQ(Requests("GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n"), Messages{"GET/a?b 1 keep "});
  EXPECT_EQ(Requests("GET / HTTP/1.0\r\n\r\n"), Messages{"GET/ 0 close "});
  EXPECT_EQ(Requests("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), Messages{"GET/ 2 close "});
  EXPECT_EQ(Requests("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"), Messages{"PUT/x 2 keep hello"});
  EXPECT_EQ(Requests("PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n"),
            Messages{"PUT/x 2 keep abcde"});
  EXPECT_EQ(Requests("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), Messages{"GET/ 1 keep "});
  EXPECT_EQ(Requests("GET / HTTP/1.1\r\nHost: h\r\nA:\r\nB: \r\nC:d\r\n\r\n"), Messages{"GET/ 4 keep "});
}

TEST(MessageParserTest, WhatComesAfterAnUpgradeIsHttpAllTheSame) {
  const std::string next = "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(Requests(absl::StrCat("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", next)),
            (Messages{"GET/ 3 keep ", "GET/2 1 keep "}));
  EXPECT_EQ(Requests(absl::StrCat("PUT / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nok", next)),
            (Messages{"PUT/ 4 keep ok", "GET/2 1 keep "}));
  EXPECT_EQ(Requests(absl::StrCat("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", next)), (Messages{"CONNECTh:1 1 keep ", "GET/2 1 keep "}));
  EXPECT_EQ(Requests(absl::StrCat("CONNECT h:1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok", next)),
            (Messages{"CONNECTh:1 2 keep ok", "GET/2 1 keep "}));
  EXPECT_EQ(Responses("HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nHTTP/1.1 204 X\r\n\r\n"),
            (Messages{"101 2 keep ", "204 0 keep "}));
}

TEST(MessageParserTest, NothingComesAfterTheLastRequest) {
  const std::string last = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(Requests(absl::StrCat(last, "\r\n")), Messages{"GET/ 2 close "});
  EXPECT_EQ(Requests(absl::StrCat(last, last)), (Messages{"GET/ 2 close ", "error 400"}));
}

// A head is taken whole, and what has no body needs no further byte.
TEST(MessageParserTest, StopsAtTheEndOfEachPart) {
  const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n", put = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n";
  MessageParser parser(Type::kRequest, {});
  EXPECT_EQ(parser.Parse(absl::StrCat(get, put)), Result::kHead);
  EXPECT_EQ(parser.consumed(), get.size());
  EXPECT_TRUE(parser.inside());
  EXPECT_EQ(parser.Parse({}), Result::kEnd);
  EXPECT_EQ(parser.consumed(), 0u);
  EXPECT_FALSE(parser.inside());
  EXPECT_EQ(parser.Parse({}), Result::kMore);
  EXPECT_EQ(parser.Parse(absl::StrCat(put, "ok", get)), Result::kHead);
  EXPECT_EQ(parser.consumed(), put.size());
  EXPECT_EQ(parser.Parse({}), Result::kMore);
  EXPECT_EQ(parser.Parse(absl::StrCat("ok", get)), Result::kEnd);
  EXPECT_EQ(parser.consumed(), 2u);
  EXPECT_EQ(parser.Parse(get), Result::kHead);
  EXPECT_EQ(parser.ParseEnd(), Result::kEnd);
  EXPECT_EQ(parser.ParseEnd(), Result::kMore);
}

TEST(MessageParserTest, OneRequestAfterTheOther) {
  EXPECT_EQ(Requests("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPUT /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nokGET /3 HTTP/1.1\r\nHost: h\r\n\r\n"),
            (Messages{"GET/1 1 keep ", "PUT/2 2 keep ok", "GET/3 1 keep "}));
  EXPECT_EQ(Requests(""), Messages{});
}

TEST(MessageParserTest, ARequestThatIsCut) {
  EXPECT_EQ(Requests("GET / HTTP/1.1\r\nHo"), Messages{"cut"});
  EXPECT_EQ(Requests("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nshort"), Messages{"cut"});
  EXPECT_EQ(Requests("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), Messages{"cut"});
}

// What two readers may read differently.
// check: D22
TEST(MessageParserTest, WhatCouldSmuggleIsRefused) {
  for (const char* fields : {
           "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
           "Content-Length: 3\r\nContent-Length: 3\r\n",
           "Content-Length: 3\r\nContent-Length: 4\r\n",
           "Content-Length: 3, 3\r\n",
           "Content-Length: +3\r\n",
           "Content-Length: -3\r\n",
           "Content-Length: 0x3\r\n",
           "Content-Length: 99999999999999999999\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Content-Length : 3\r\n",
           " Content-Length: 3\r\n",
           "X: a\r\n folded\r\n",
           "X: a\r\n\tfolded\r\n",
           "X: a\nY: b\r\n",
           "X: a\rY: b\r\n",
           "X: a\r\r\n",
           "X:\rY: b\r\n",
           "X: \rContent-Length: 3\r\n",
           "Content-Length: 3\rX: y\r\n",
           "Connection: close\rX: y\r\n",
           "Transfer-Encoding: chunked\rX: y\r\n",
           "X : a\r\n",
           "X\t: a\r\n",
           "X Y: a\r\n",
           "Connection : close\r\n",
           "Content-Length\t: 3\r\n",
           "X:\r\n Content-Length: 3\r\n",
           ": a\r\n",
           "X\r\n",
           "X: \x01\r\n",
           "Host: another\r\n",
       }) {
    EXPECT_EQ(Requests(absl::StrCat("PUT / HTTP/1.1\r\nHost: h\r\n", fields, "\r\nabc")), Messages{"error 400"}) << fields;
  }
  for (const char* coding : {"gzip, chunked", "chunked, gzip", "xchunked", "identity", ""}) {
    const auto refused = Requests(absl::StrCat("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ", coding, "\r\n\r\n0\r\n\r\n"));
    EXPECT_EQ(refused, Messages{"error 501"}) << coding;
  }
  EXPECT_EQ(Requests("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), Messages{"error 400"});
  EXPECT_EQ(Requests("GET / HTTP/1.1\r\n\r\n"), Messages{"error 400"});
  EXPECT_EQ(Requests("GET / HTTP/1.1\r\nHost: h\n\r\n"), Messages{"error 400"});
  EXPECT_EQ(Requests("GET / HTTP/1.1\nHost: h\r\n\r\n"), Messages{"error 400"});
  EXPECT_EQ(Requests("GET / HTTP/1.1\r\nHost: h\r\n\n"), Messages{"error 400"});
  EXPECT_EQ(Requests("GET / HTTP/1.1\r\nHost: h\r\n\rX\r\n\r\n"), Messages{"error 400"});
  EXPECT_EQ(Requests("GET / HTTP/1.1\r\n Host: h\r\n\r\n"), Messages{"error 400"});
  for (const char* empty : {"\r", "\n", "\r\r\n", "\r\n\n"}) {
    EXPECT_EQ(Requests(absl::StrCat(empty, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")), Messages{"error 400"}) << empty;
  }
  EXPECT_EQ(Requests("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3x\r\nabc\r\n0\r\n\r\n"), Messages{"error 400"});
  EXPECT_EQ(Requests("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"), Messages{"error 400"});
}

// What is around chunks is read as strictly as the head.
// check: D22
TEST(MessageParserTest, ChunksThatCouldSmuggleAreRefused) {
  const auto chunks = [](absl::string_view body) {
    return Requests(absl::StrCat("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", body));
  };
  for (const char* good : {"3\r\nabc\r\n0\r\n\r\n", "003;a=\"b c\";d\r\nabc\r\n000;x\r\n\r\n", "1\r\na\r\n2\r\nbc\r\n0\r\nT: x\r\nU: y z\r\n\r\n"}) {
    EXPECT_EQ(chunks(good), Messages{"PUT/ 2 keep abc"}) << good;
  }
  EXPECT_EQ(chunks("0\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"), (Messages{"PUT/ 2 keep ", "GET/2 1 keep "}));
  for (const char* bad : {
           "3;a\nb\r\nabc\r\n0\r\n\r\n",       // an LF alone: others end the line there
           "3 4\r\nabc\r\n0\r\n\r\n",          // two sizes
           "3 ;a\r\nabc\r\n0\r\n\r\n",
           "3\t\r\nabc\r\n0\r\n\r\n",
           "3;\x01\r\nabc\r\n0\r\n\r\n",
           "3\nabc\n0\n\n",
           "3\r\nabcd\r\n0\r\n\r\n",          // longer than it says
           "3\r\nabc\n0\r\n\r\n",
           "3\r\nabc0\r\n\r\n",
           ";a\r\n\r\n",
           "-1\r\n\r\n",
           "0x3\r\nabc\r\n0\r\n\r\n",
           "0\r\nT: x\n\r\n",
           "0\r\nT: x\r\n folded\r\n\r\n",
           "0\r\nT : x\r\n\r\n",
           "0\r\nT: \x01\r\n\r\n",
           "0\r\nT: x\r\n\n",
           "3\rabc\r\n0\r\n\r\n",           // a CR alone
           "3\r0abc\r\n0\r\n\r\n",
           "3;a\rb\r\nabc\r\n0\r\n\r\n",
           "3;a=\"\r\"\r\nabc\r\n0\r\n\r\n",
           "3\r\nabc\r0\r\n\r\n",
           "3\r\nabc\r00\r\n\r\n",
           "3\r\nabcd\n0\r\n\r\n",
           "0\rT: x\r\n\r\n",
           "0\r\nT: x\rU: y\r\n\r\n",
           "0\r\nT:\rU: y\r\n\r\n",
           "0\r\nT: \r U: y\r\n\r\n",
           "0\r\n\rX",
           "0\r\nT: x\r\n\rX",
           "3;a=\"\x7f\"\r\nabc\r\n0\r\n\r\n",
           "0\r\nT\t: x\r\n\r\n",           // names that are none
           "0\r\nT U: x\r\n\r\n",
           "0\r\n T: x\r\n\r\n",
           "0\r\n: x\r\n\r\n",
           "0\r\nT: x\r\nU : y\r\n\r\n",
           "0\r\nT:\r\n folded\r\n\r\n",
       }) {
    EXPECT_EQ(chunks(bad), Messages{"error 400"}) << bad;
  }
}

// Fields behind the chunks change nothing of how the rest is read.
// check: D22
TEST(MessageParserTest, ALateTransferEncodingLeavesTheRestAsStrict) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: x\r\n";
  EXPECT_EQ(Responses(absl::StrCat(head, "T: x\r\n\r\n")), Messages{"200 1 keep "});
  EXPECT_EQ(Responses(absl::StrCat(head, "T: x\r\n folded\r\n\r\n")), Messages{"error 400"});
  EXPECT_EQ(Responses(absl::StrCat(head, "\n")), Messages{"error 400"});
  EXPECT_EQ(Requests("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: x\r\n\r\n"), Messages{"error 501"});
}

TEST(MessageParserTest, WhatIsAroundChunksHasALimit) {
  MessageLimits limits;
  limits.head = 100;
  limits.body = 1000;
  const std::string head = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string small;  // the smallest chunks are none of it
  for (int i = 0; i < 100; ++i) small += "1\r\nx\r\n";
  EXPECT_EQ(Requests(absl::StrCat(head, small, "0\r\n\r\n"), limits), Messages{absl::StrCat("PUT/ 2 keep ", std::string(100, 'x'))});
  const std::string extension(200, 'e');
  EXPECT_EQ(Requests(absl::StrCat(head, "1;", extension, "\r\nx\r\n0\r\n\r\n"), limits), Messages{"error 413"});
  EXPECT_EQ(Requests(absl::StrCat(head, std::string(200, '0'), "1\r\nx\r\n0\r\n\r\n"), limits), Messages{"error 413"});
  EXPECT_EQ(Requests(absl::StrCat(head, "0\r\nT: ", extension, "\r\n\r\n"), limits), Messages{"error 413"});
  std::string trailers;
  for (int i = 0; i < 30; ++i) trailers += "T: x\r\n";
  EXPECT_EQ(Requests(absl::StrCat(head, "0\r\n", trailers, "\r\n"), limits), Messages{"error 413"});
}

TEST(MessageParserTest, GivesItsMemoryBack) {
  MessageParser parser(Type::kRequest, {});
  const std::string body(60'000, 'x');
  const std::string put = absl::StrCat("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n", body);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(parser.Parse(put), Result::kHead);
    const size_t head = parser.consumed();
    EXPECT_EQ(parser.Parse(put.substr(head)), Result::kEnd);
    EXPECT_EQ(parser.body(), body);
    parser.Release();
    EXPECT_LT(parser.body().capacity(), 100u);
    EXPECT_EQ(parser.head().fields.capacity(), 0u);
  }
}

TEST(MessageParserTest, WhatIsNotSpokenHere) {
  EXPECT_EQ(Requests("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), Messages{"error 505"});
  EXPECT_EQ(Requests("GET / HTTP/1.2\r\nHost: h\r\n\r\n"), Messages{"error 505"});
  EXPECT_EQ(Requests("GET /\r\n\r\n"), Messages{"error 505"});
  EXPECT_EQ(Requests("GET / RTSP/1.0\r\n\r\n"), Messages{"error 505"});
  EXPECT_EQ(Requests("GET  /  RTSP/1.0\r\n\r\n"), Messages{"error 505"});
  EXPECT_EQ(Requests("SOURCE / ICE/1.0\r\n\r\n"), Messages{"error 505"});
  EXPECT_EQ(Requests("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Messages{"error 400"});  // a client of HTTP/2
  EXPECT_EQ(Requests("BREW / HTTP/1.1\r\nHost: h\r\n\r\n"), Messages{"error 501"});
  EXPECT_EQ(Requests("\x16\x03\x01\x02"), Messages{"error 501"});  // a client of HTTPS
}

// check: D13
TEST(MessageParserTest, Limits) {
  MessageLimits limits;
  limits.head = 64;
  limits.fields = 2;
  limits.body = 4;
  const std::string name(20, 'x');
  EXPECT_EQ(Requests("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n", limits), Messages{"GET/ 2 keep "});
  EXPECT_EQ(Requests("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\n\r\n", limits), Messages{"error 431"});
  EXPECT_EQ(Requests(absl::StrCat("GET / HTTP/1.1\r\nHost: h\r\nA: ", std::string(100, 'x')), limits), Messages{"error 431"});
  EXPECT_EQ(Requests(absl::StrCat("GET /", std::string(100, 'x')), limits), Messages{"error 414"});
  EXPECT_EQ(Requests(std::string(1000, '\n'), limits), Messages{"error 400"});
  EXPECT_EQ(Requests("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", limits), Messages{"error 413"});
  EXPECT_EQ(Requests("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", limits), Messages{"error 400"});
  EXPECT_EQ(Requests("PUT / HTTP/1.0\r\nContent-Length: 4\r\n\r\nfour", limits), Messages{"PUT/ 1 close four"});
  limits.head = 100;
  EXPECT_EQ(Requests("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", limits),
            Messages{"error 413"});
  // The limit of the head is each message's own.
  std::string many;
  for (int i = 0; i < 20; ++i) many += "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(Requests(many, limits).size(), 20u);
}

TEST(MessageParserTest, Responses) {
  EXPECT_EQ(Responses("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), Messages{"200 1 keep hello"});
  EXPECT_EQ(Responses("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), Messages{"200 1 keep hello"});
  EXPECT_EQ(Responses("HTTP/1.1 204 No Content\r\n\r\n"), Messages{"204 0 keep "});
  EXPECT_EQ(Responses("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            (Messages{"100 0 keep ", "200 1 keep "}));
  EXPECT_EQ(Responses("HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            (Messages{"304 0 keep ", "200 1 keep ok"}));
  EXPECT_EQ(Responses("HTTP/1.0 200 OK\r\n\r\nall that comes"), Messages{"to the end: all that comes"});
  EXPECT_EQ(Responses("HTTP/1.1 200\r\n\r\n"), Messages{"to the end: "});
  EXPECT_EQ(Responses("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"), Messages{"error 400"});
  EXPECT_EQ(Responses("HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n"), Messages{"error 400"});
}

TEST(MessageParserTest, ResponsesThatLie) {
  EXPECT_EQ(Responses("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), Messages{"cut"});
  EXPECT_EQ(Responses("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"), Messages{"cut"});
  EXPECT_EQ(Responses("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), Messages{"error 400"});
  EXPECT_EQ(Responses("SSH-2.0-OpenSSH_9.2p1\r\n"), Messages{"error 400"});
  MessageLimits limits;
  limits.body = 4;
  EXPECT_EQ(Responses("HTTP/1.0 200 OK\r\n\r\nfive5", limits), Messages{"error 413"});
}

TEST(MessageParserTest, NothingComesAfterAnError) {
  MessageParser parser(Type::kRequest, {});
  EXPECT_EQ(parser.Parse("nonsense\r\n"), Result::kError);
  EXPECT_FALSE(parser.error().empty());
  EXPECT_EQ(parser.Parse("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), Result::kError);
  EXPECT_EQ(parser.consumed(), 0u);
  EXPECT_EQ(parser.ParseEnd(), Result::kError);
}

}  // namespace
}  // namespace http
