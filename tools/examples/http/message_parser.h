// MessageParser: HTTP/1.x messages out of bytes, on top of llhttp. One message after the other; a head, then its body.
//
//   MessageParser parser(MessageParser::Type::kRequest, {});
//   while (parser.Parse(in.view()) == MessageParser::Result::kHead) { ... }     // each time: in.Consume(parser.consumed());
//
// It is stricter than llhttp where two readers of one message could see two different ones, which is what request smuggling
// lives on, whatever llhttp's version and mode refuse by themselves. In a head, in the lines around chunks and in those behind
// them CR and LF stand at the end of a line only, and together; there is no other control character than the tab. No line is
// folded, and each field has a name, without white space in it or before its colon. A head ends where these lines do. More than
// one Transfer-Encoding, any coding but "chunked", and that in HTTP/1.0, are refused, as llhttp refuses a second Content-Length
// and one beside a coding; so is what is not HTTP/1.0 or HTTP/1.1. Everything has a limit. Not thread safe.
#ifndef KIOTO_TOOLS_EXAMPLES_HTTP_MESSAGE_PARSER_H_
#define KIOTO_TOOLS_EXAMPLES_HTTP_MESSAGE_PARSER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

struct llhttp__internal_s;  // llhttp_t

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
  Result ParseHead(absl::string_view bytes);
  Result Fail(int status, absl::string_view why);
  int Refuse(int status, absl::string_view why);  // the same, in what llhttp calls
  // Look at bytes that llhttp takes and others do not: the next of a line, and those around chunks up to `end`, which fails by
  // itself.
  bool IsProper(char c);
  bool FramingIsProper(const char* end);
  Result CheckHead();

  const MessageLimits limits_;
  std::unique_ptr<llhttp__internal_s> parser_;
  Head head_;
  std::string body_;
  Result result_ = Result::kMore;
  bool inside_ = false;
  bool head_done_ = false;
  bool in_name_ = false;  // of a field: what comes of a name is its
  bool chunked_ = false;
  enum class Line { kNone, kFirst, kName, kValue, kEnd, kChunk };  // what the next byte is of: nothing yet, a line of the head, ...
  Line line_ = Line::kNone;
  char last_ = '\n';      // byte of a line
  char protocol_ = '\0';  // the first letter of the last word of the first line
  size_t head_size_ = 0;
  const char* framing_ = nullptr;  // around chunks: what was not looked at begins here
  size_t framing_size_ = 0;
  size_t consumed_ = 0;
  int error_status_ = 0;
  std::string error_;
};

}  // namespace http

#endif  // KIOTO_TOOLS_EXAMPLES_HTTP_MESSAGE_PARSER_H_
