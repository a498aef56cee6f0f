#include "kioto/tools/examples/http/testing/smuggling.h"

#include "absl/strings/str_cat.h"

namespace http {
namespace {

// Heads, each without what comes behind: a field or two.
std::vector<std::string> BadFields() {
  std::vector<std::string> fields;
  // Lengths that are none, or two.
  for (const char* length :
       {"+5", "-5", "0x5", "5,5", "5, 5", "5 5", "5;", "5.0", "5e0", "", "five", "\xe2\x85\xa4", "5\x0b", "5\x01",
        "99999999999999999999", "18446744073709551616", "184467440737095516170", "5\n", "\"5\"", "0,5"}) {
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
        "X: a\n\r\n", "\nX: a\r\n", "X:\rContent-Length: 5\r\n", "X: a\r\r\n", "X:\r\n\tContent-Length: 5\r\n", "X : a\r\n",
        "X\t: a\r\n", "Connection : close\r\n", "Host: other\r\n", "Host:\r\n", "X: \x01\r\n", "X: \x7f\r\n", "X: a\x0b\r\n"}) {
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
        "0\r\n T: x\r\n\r\n", "0\r\nT: x\r\n y\r\n\r\n", "0\r\nT: \x01\r\n\r\n", "0\r\nT\r\n\r\n", "0\n\r\n", "0\r\n\n",
        "5\r0hello\r\n0\r\n\r\n", "0\r\nT: x\rU: y\r\n\r\n", "0\r\nT:\rU: y\r\n\r\n", "0\r\nT\t: x\r\n\r\n", "0\r\n: x\r\n\r\n",
        "0\r\n\rT: x\r\n\r\n"}) {
    bodies.push_back(body);
  }
  return bodies;
}

}  // namespace

std::vector<std::string> StreamsThatSmuggle(absl::string_view method) {
  const std::string second = "GET /second HTTP/1.1\r\nHost: h\r\n\r\n";
  std::vector<std::string> streams;
  for (const std::string& fields : BadFields()) {
    streams.push_back(absl::StrCat(method, " /first HTTP/1.1\r\nHost: h\r\n", fields, "\r\n0\r\n\r\n", second));
  }
  for (const std::string& body : BadChunks()) {
    streams.push_back(absl::StrCat(method, " /first HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", body, second));
  }
  for (const char* head :
       {"GET /first HTTP/1.1\r\n\r\n", "GET /first HTTP/1.1\nHost: h\r\n\r\n", "GET /first HTTP/1.1\rHost: h\r\n\r\n",
        "PUT /first HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "GET /first HTTP/1.1 \r\nHost: h\r\n\r\n",
        "GET /fi rst HTTP/1.1\r\nHost: h\r\n\r\n", "GET  HTTP/1.1\r\nHost: h\r\n\r\n", "GET\t/first\tHTTP/1.1\r\nHost: h\r\n\r\n",
        "G\x01T /first HTTP/1.1\r\nHost: h\r\n\r\n", " GET /first HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /first HTTP/9.9\r\nHost: h\r\n\r\n", "\rGET /first HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /first HTTP/1.1\r\nHost: h\r\n\r", "GET /first HTTP/1.1\r\nHost: h\r\n\rX",
        "GET /first RTSP/1.0\r\nHost: h\r\n\r\n"}) {
    streams.push_back(absl::StrCat(head, second));
  }
  streams.push_back(absl::StrCat(Raw("GET /fi\0rst HTTP/1.1\r\nHost: h\r\n\r\n"), second));
  return streams;
}

}  // namespace http
