#include "kioto/tools/examples/http/message_parser.h"

#include <http_parser.h>

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace http {

const std::string* Head::Find(absl::string_view name) const {
  for (const auto& field : fields) {
    if (absl::EqualsIgnoreCase(field.first, name)) return &field.second;
  }
  return nullptr;
}

size_t Head::Count(absl::string_view name) const {
  return std::count_if(fields.begin(), fields.end(),
                       [name](const auto& field) { return absl::EqualsIgnoreCase(field.first, name); });
}

// What http-parser calls. Something else than 0 ends the parsing.
struct MessageParser::Callbacks {
  static MessageParser& Of(http_parser* parser) { return *static_cast<MessageParser*>(parser->data); }

  static int Begin(http_parser* parser) {
    MessageParser& self = Of(parser);
    self.head_ = Head();
    self.body_.clear();
    self.inside_ = true;
    self.head_done_ = false;
    self.in_value_ = false;
    return 0;
  }
  static int Target(http_parser* parser, const char* at, size_t size) {
    Of(parser).head_.target.append(at, size);
    return 0;
  }
  static int FieldName(http_parser* parser, const char* at, size_t size) {
    MessageParser& self = Of(parser);
    if (self.head_done_) return 0;  // behind a chunked body: nobody needs them here
    auto& fields = self.head_.fields;
    if (fields.empty() || self.in_value_) fields.emplace_back();
    self.in_value_ = false;
    if (fields.size() > self.limits_.fields) return self.Fail(431, "too many fields") == Result::kError;
    fields.back().first.append(at, size);
    return 0;
  }
  static int FieldValue(http_parser* parser, const char* at, size_t size) {
    MessageParser& self = Of(parser);
    if (self.head_done_) return 0;
    self.in_value_ = true;
    self.head_.fields.back().second.append(at, size);
    return 0;
  }
  static int HeadDone(http_parser* parser) {
    MessageParser& self = Of(parser);
    parser->upgrade = 0;  // what comes next is HTTP all the same
    if (parser->type == HTTP_REQUEST) {
      self.head_.method = http_method_str(static_cast<http_method>(parser->method));
    } else {
      self.head_.status = parser->status_code;
    }
    self.head_.minor = parser->http_minor;
    self.head_.keep_alive = http_should_keep_alive(parser) != 0;
    self.head_done_ = true;
    self.line_ = Line::kBegin;
    self.framing_size_ = 0;
    self.result_ = self.CheckHead();
    if (self.result_ == Result::kError) return -1;
    http_parser_pause(parser, 1);
    return 0;
  }
  static int Body(http_parser* parser, const char* at, size_t size) {
    MessageParser& self = Of(parser);
    if ((parser->flags & F_CHUNKED) != 0 && !self.FramingIsProper(at)) return 1;
    self.framing_ = at + size;
    if (size > self.limits_.body - self.body_.size()) {
      return self.Fail(413, "the body is too large") == Result::kError;
    }
    self.body_.append(at, size);
    return 0;
  }
  static int End(http_parser* parser) {
    MessageParser& self = Of(parser);
    self.inside_ = false;
    self.head_done_ = false;
    self.result_ = Result::kEnd;
    http_parser_pause(parser, 1);
    return 0;
  }

  static const http_parser_settings& Settings() {
    static const http_parser_settings settings = [] {
      http_parser_settings s;
      http_parser_settings_init(&s);
      s.on_message_begin = Begin;
      s.on_url = Target;
      s.on_header_field = FieldName;
      s.on_header_value = FieldValue;
      s.on_headers_complete = HeadDone;
      s.on_body = Body;
      s.on_message_complete = End;
      return s;
    }();
    return settings;
  }
};

MessageParser::MessageParser(Type type, MessageLimits limits) : limits_(limits), parser_(std::make_unique<http_parser>()) {
  http_parser_init(parser_.get(), type == Type::kRequest ? HTTP_REQUEST : HTTP_RESPONSE);
  parser_->data = this;
}

MessageParser::~MessageParser() = default;

MessageParser::Result MessageParser::Fail(int status, absl::string_view why) {
  error_status_ = status;
  error_ = std::string(why);
  return result_ = Result::kError;
}

bool MessageParser::IsProper(char c, bool first) {
  if (c == '\n' && last_ != '\r' && !first) return false;
  if ((c == ' ' || c == '\t') && last_ == '\n' && !first) return false;
  if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\r' && c != '\n' && c != '\t') return false;
  last_ = c;
  return true;
}

bool MessageParser::LinesAreProper(absl::string_view bytes) {
  for (const char c : bytes) {
    if (!IsProper(c, /*first=*/head_size_ == 0)) return false;
    ++head_size_;
  }
  return true;
}

bool MessageParser::FramingIsProper(const char* end) {
  for (; framing_ != end; ++framing_) {
    if (++framing_size_ > limits_.head + 8 * body_.size()) return Fail(413, "too much around the chunks") != Result::kError;
    const char c = *framing_;
    bool proper = IsProper(c, /*first=*/false);
    if (line_ == Line::kTrailer || c == '\r') {
    } else if (c == '\n') {
      line_ = line_ != Line::kBegin && zero_ ? Line::kTrailer : Line::kBegin;
    } else if (line_ != Line::kExtension) {
      proper &= absl::ascii_isxdigit(static_cast<unsigned char>(c)) || (c == ';' && line_ == Line::kSize);
      zero_ = (line_ == Line::kBegin || zero_) && (c == '0' || c == ';');
      line_ = c == ';' ? Line::kExtension : Line::kSize;
    }
    if (!proper) return Fail(400, "a line around a chunk that is no such line") != Result::kError;
  }
  return true;
}

MessageParser::Result MessageParser::CheckHead() {
  const bool request = parser_->type == HTTP_REQUEST;
  if (parser_->http_major != 1 || parser_->http_minor > 1) return Fail(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  const size_t codings = head_.Count("Transfer-Encoding");
  if (codings > 1) return Fail(400, "more than one Transfer-Encoding");
  if (codings == 1 && head_.Count("Content-Length") > 0) return Fail(400, "a Transfer-Encoding and a Content-Length");
  if (codings == 1 && !absl::EqualsIgnoreCase(*head_.Find("Transfer-Encoding"), "chunked")) {
    return Fail(501, "a Transfer-Encoding that is not \"chunked\"");
  }
  if (codings == 1 && parser_->http_minor == 0) return Fail(400, "a Transfer-Encoding in HTTP/1.0");
  const size_t hosts = head_.Count("Host");
  if (request && (hosts > 1 || (hosts == 0 && parser_->http_minor == 1))) return Fail(400, "not exactly one Host");
  const bool sized = (parser_->flags & F_CONTENTLENGTH) != 0;
  if (sized && parser_->content_length > limits_.body) return Fail(413, "the body is too large");
  return Result::kHead;
}

MessageParser::Result MessageParser::Run(absl::string_view bytes) {
  result_ = Result::kMore;
  http_parser_pause(parser_.get(), 0);
  const bool framed = head_done_ && (parser_->flags & F_CHUNKED) != 0;
  framing_ = bytes.data();
  consumed_ = http_parser_execute(parser_.get(), &Callbacks::Settings(), bytes.data(), bytes.size());
  const http_errno problem = HTTP_PARSER_ERRNO(parser_.get());
  if (result_ == Result::kError) return result_;
  if (problem == HPE_OK || problem == HPE_PAUSED) {
    if (framed && !FramingIsProper(bytes.data() + consumed_)) return result_;
    if (result_ == Result::kEnd) {
      head_size_ = 0;
      last_ = '\n';
    }
    return result_;
  }
  const int status = problem == HPE_HEADER_OVERFLOW ? 431 : problem == HPE_INVALID_METHOD ? 501 : 400;
  return Fail(status, http_errno_description(problem));
}

MessageParser::Result MessageParser::Parse(absl::string_view bytes) {
  consumed_ = 0;
  if (error_status_ != 0) return Result::kError;
  if (bytes.empty()) return Result::kMore;  // http-parser would take it for the end
  if (head_done_) return Run(bytes);
  const absl::string_view head = bytes.substr(0, limits_.head - head_size_);
  const Result result = Run(head);
  if (result == Result::kError) return result;
  // At the end of the head http-parser has not taken its last byte, an LF.
  if (!LinesAreProper(head.substr(0, consumed_)) || (result == Result::kHead && last_ != '\r')) {
    return Fail(400, "a line that is folded, does not end with CR LF, or holds what is no text");
  }
  if (result == Result::kMore && head_size_ == limits_.head) {
    return Fail(head_.fields.empty() ? 414 : 431, "the head is too large");
  }
  return result;
}

void MessageParser::Release() {
  head_ = Head();
  std::string().swap(body_);
}

MessageParser::Result MessageParser::ParseEnd() {
  consumed_ = 0;
  if (error_status_ != 0) return Result::kError;
  if (!inside_) return Result::kMore;
  return Run(absl::string_view());
}

}  // namespace http
