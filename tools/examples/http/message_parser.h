// MessageParser: HTTP/1.x messages out of bytes, on top of http-parser. One message after the other; a head, then its body.
//
//   MessageParser parser(MessageParser::Type::kRequest, {});
//   while (parser.Parse(in.view()) == MessageParser::Result::kHead) { ... }     // each time: in.Consume(parser.consumed());
//
// It is stricter than http-parser where two readers of one message could see two different ones, which is what request
// smuggling lives on: lines end with CR LF, no line is folded, a Content-Length beside a Transfer-Encoding, a second of
// either, and any coding but "chunked" are refused. The same holds for the lines around chunks and behind them, and nothing but a
// size, or a size and what follows a semicolon, stands before a chunk. Everything has a limit. Not thread safe.
#ifndef KIOTO_TOOLS_EXAMPLES_HTTP_MESSAGE_PARSER_H_
#define KIOTO_TOOLS_EXAMPLES_HTTP_MESSAGE_PARSER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

struct http_parser;

namespace http {

struct Head {
  std::string method;  // of a request
  std::string target;
  int status = 0;      // of a response
  int minor = 1;       // HTTP/1.minor
  bool keep_alive = false;
  std::vector<std::pair<std::string, std::string>> fields;

  // The value of the first field of this name, in any case; null if there is none.
  const std::string* Find(absl::string_view name) const;
  size_t Count(absl::string_view name) const;
};

struct MessageLimits {
  size_t head = 16 * 1024;  // bytes of the first line and all fields
  size_t fields = 100;
  size_t body = 64 * 1024;  // bytes of the body, without what chunks put around it: of that, as much as a head and 8 for each byte
};

class MessageParser {
 public:
  enum class Type { kRequest, kResponse };
  enum class Result {
    kMore,   // all bytes were taken, and there must be more
    kHead,   // head() is complete; go on with Parse
    kEnd,    // body() is complete too; the next Parse begins another message
    kError,  // error() says why, error_status() what a server answers; there is no way on
  };

  MessageParser(Type type, MessageLimits limits);
  ~MessageParser();
  MessageParser(const MessageParser&) = delete;
  MessageParser& operator=(const MessageParser&) = delete;

  // Takes bytes up to the next result; consumed() says how many.
  Result Parse(absl::string_view bytes);
  // The stream has ended: that is kEnd for a body that has no other end, and kError in the middle of a message. Between two
  // messages it is kMore.
  Result ParseEnd();

  size_t consumed() const { return consumed_; }
  // Gives back the memory that the last message took: for connections that idle. Not inside a message; its head and body are gone.
  void Release();
  // Whether a message was begun and is not complete.
  bool inside() const { return inside_; }
  const Head& head() const { return head_; }
  std::string& body() { return body_; }
  const std::string& error() const { return error_; }
  int error_status() const { return error_status_; }

 private:
  struct Callbacks;

  Result Run(absl::string_view bytes);
  Result Fail(int status, absl::string_view why);
  // Look at bytes that http-parser takes and others do not: a byte of a line, bytes of the head, and those around chunks up to `end`,
  // which fails by itself.
  bool IsProper(char c, bool first);
  bool LinesAreProper(absl::string_view bytes);
  bool FramingIsProper(const char* end);
  Result CheckHead();

  const MessageLimits limits_;
  std::unique_ptr<http_parser> parser_;
  Head head_;
  std::string body_;
  Result result_ = Result::kMore;
  bool inside_ = false;
  bool head_done_ = false;
  bool in_value_ = false;  // of a field: the next name begins another one
  char last_ = '\n';       // of the head, before what is parsed now
  size_t head_size_ = 0;
  // Around chunks:
  enum class Line { kBegin, kSize, kExtension, kTrailer };  // where in a line, or behind the last chunk
  Line line_ = Line::kBegin;
  bool zero_ = false;              // the size of the chunk, so far
  const char* framing_ = nullptr;  // what was not looked at begins here
  size_t framing_size_ = 0;
  size_t consumed_ = 0;
  int error_status_ = 0;
  std::string error_;
};

}  // namespace http

#endif  // KIOTO_TOOLS_EXAMPLES_HTTP_MESSAGE_PARSER_H_
