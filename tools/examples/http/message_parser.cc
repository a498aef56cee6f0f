#include "kioto/tools/examples/http/message_parser.h"

#include <llhttp.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace http {
namespace {

int StatusOf(llhttp_errno_t problem, const Head& head) {
  switch (problem) {
    case HPE_INVALID_METHOD:
      return 501;
    case HPE_INVALID_VERSION:
      return 505;
    case HPE_INVALID_TRANSFER_ENCODING:
      return head.Count("Transfer-Encoding") == 1 ? 501 : 400;
    default:
      return 400;
  }
}

}  // namespace

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

// What llhttp calls. Something else than 0 ends the parsing, or interrupts it.
struct MessageParser::Callbacks {
  static MessageParser& Of(llhttp_t* parser) { return *static_cast<MessageParser*>(parser->data); }

  static int Begin(llhttp_t* parser) {
    MessageParser& self = Of(parser);
    self.head_ = Head();
    self.body_.clear();
    self.inside_ = true;
    self.in_name_ = false;
    return 0;
  }
  static int Target(llhttp_t* parser, const char* at, size_t size) {
    Of(parser).head_.target.append(at, size);
    return 0;
  }
  static int FieldName(llhttp_t* parser, const char* at, size_t size) {
    MessageParser& self = Of(parser);
    const bool begins = !std::exchange(self.in_name_, true);
    if (self.head_done_) {  // behind a chunked body: nobody needs them here
      if (!self.FramingIsProper(at)) return -1;
      if (begins) self.line_ = Line::kName;
      return 0;
    }
    auto& fields = self.head_.fields;
    if (begins) fields.emplace_back();
    if (fields.size() > self.limits_.fields) return self.Refuse(431, "too many fields");
    fields.back().first.append(at, size);
    return 0;
  }
  static int FieldNameDone(llhttp_t* parser) {
    Of(parser).in_name_ = false;
    return 0;
  }
  static int FieldValue(llhttp_t* parser, const char* at, size_t size) {
    MessageParser& self = Of(parser);
    if (!self.head_done_) self.head_.fields.back().second.append(at, size);
    return 0;
  }
  static int HeadDone(llhttp_t* parser) {
    MessageParser& self = Of(parser);
    parser->upgrade = 0;  // what comes next is HTTP all the same
    if (parser->type == HTTP_REQUEST) {
      self.head_.method = llhttp_method_name(static_cast<llhttp_method_t>(parser->method));
    } else {
      self.head_.status = parser->status_code;
    }
    self.head_.minor = parser->http_minor;
    self.head_.keep_alive = llhttp_should_keep_alive(parser) != 0;
    self.head_done_ = true;
    self.chunked_ = (parser->flags & F_CHUNKED) != 0;
    self.line_ = Line::kChunk;
    self.framing_size_ = 0;
    self.result_ = self.CheckHead();
    return self.result_ == Result::kError ? -1 : HPE_PAUSED;
  }
  static int Body(llhttp_t* parser, const char* at, size_t size) {
    MessageParser& self = Of(parser);
    if (self.chunked_ && !self.FramingIsProper(at)) return -1;
    self.framing_ = at + size;
    if (size > self.limits_.body - self.body_.size()) return self.Refuse(413, "the body is too large");
    self.body_.append(at, size);
    return 0;
  }
  static int End(llhttp_t* parser) {
    MessageParser& self = Of(parser);
    self.inside_ = false;
    self.head_done_ = false;
    self.result_ = Result::kEnd;
    return HPE_PAUSED;
  }

  static const llhttp_settings_t* Settings() {
    static const llhttp_settings_t settings = [] {
      llhttp_settings_t s;
      llhttp_settings_init(&s);
      s.on_message_begin = Begin;
      s.on_url = Target;
      s.on_header_field = FieldName;
      s.on_header_field_complete = FieldNameDone;
      s.on_header_value = FieldValue;
      s.on_headers_complete = HeadDone;
      s.on_body = Body;
      s.on_message_complete = End;
      return s;
    }();
    return &settings;
  }
};

MessageParser::MessageParser(Type type, MessageLimits limits) : limits_(limits), parser_(std::make_unique<llhttp_t>()) {
  llhttp_init(parser_.get(), type == Type::kRequest ? HTTP_REQUEST : HTTP_RESPONSE, Callbacks::Settings());
  parser_->data = this;
}

MessageParser::~MessageParser() = default;

MessageParser::Result MessageParser::Fail(int status, absl::string_view why) {
  error_status_ = status;
  error_ = std::string(why);
  return result_ = Result::kError;
}

int MessageParser::Refuse(int status, absl::string_view why) {
  Fail(status, why);
  return -1;
}

bool MessageParser::IsProper(char c) {
  const char last = std::exchange(last_, c);
  const bool ends = c == '\n';
  if ((last == '\r') != ends) return false;
  if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\r' && c != '\n' && c != '\t') return false;
  switch (line_) {
    case Line::kNone:
      if (c != '\r' && !ends) line_ = Line::kFirst;  // empty lines before it are skipped
      return true;
    case Line::kFirst:
      if (last == ' ') protocol_ = c;
      if (ends) line_ = Line::kName;
      return true;
    case Line::kName:
      if (c == ':') line_ = Line::kValue;
      if (ends) line_ = Line::kEnd;  // of an empty line: llhttp takes no other without a colon
      return c != ' ' && c != '\t' && !(c == ':' && last == '\n');
    case Line::kValue:
      if (ends) line_ = Line::kName;
      return true;
    case Line::kEnd:
    case Line::kChunk:
      break;
  }
  return true;
}

bool MessageParser::FramingIsProper(const char* end) {
  for (; framing_ != end; ++framing_) {
    if (++framing_size_ > limits_.head + 8 * body_.size()) return Fail(413, "too much around the chunks") != Result::kError;
    if (!IsProper(*framing_)) return Fail(400, "a line around a chunk that is no such line") != Result::kError;
  }
  return true;
}

MessageParser::Result MessageParser::CheckHead() {
  const bool request = parser_->type == HTTP_REQUEST;
  const bool http = !request || protocol_ == 'H';  // or RTSP, or ICE
  if (!http || parser_->http_major != 1) return Fail(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  const size_t codings = head_.Count("Transfer-Encoding");
  if (codings > 1) return Fail(400, "more than one Transfer-Encoding");
  if (codings == 1 && !absl::EqualsIgnoreCase(*head_.Find("Transfer-Encoding"), "chunked")) {
    return Fail(501, "a Transfer-Encoding that is not \"chunked\"");
  }
  if (codings == 1 && parser_->http_minor == 0) return Fail(400, "a Transfer-Encoding in HTTP/1.0");
  const size_t hosts = head_.Count("Host");
  if (request && (hosts > 1 || (hosts == 0 && parser_->http_minor == 1))) return Fail(400, "not exactly one Host");
  if (parser_->content_length > limits_.body) return Fail(413, "the body is too large");
  return Result::kHead;
}

MessageParser::Result MessageParser::Run(absl::string_view bytes) {
  if (bytes.empty()) bytes = "";  // null is no place in bytes, for llhttp
  result_ = Result::kMore;
  const bool framed = head_done_ && chunked_;
  framing_ = bytes.data();
  llhttp_resume(parser_.get());
  const llhttp_errno_t problem = llhttp_execute(parser_.get(), bytes.data(), bytes.size());
  consumed_ = problem == HPE_OK ? bytes.size() : llhttp_get_error_pos(parser_.get()) - bytes.data();
  if (result_ == Result::kError) return result_;
  if (problem != HPE_OK && problem != HPE_PAUSED) return Fail(StatusOf(problem, head_), llhttp_get_error_reason(parser_.get()));
  if (framed && !FramingIsProper(bytes.data() + consumed_)) return result_;
  if (result_ == Result::kEnd) {
    line_ = Line::kNone;
    head_size_ = 0;
  }
  return result_;
}

MessageParser::Result MessageParser::ParseHead(absl::string_view bytes) {
  bytes = bytes.substr(0, limits_.head - head_size_);
  size_t size = 0;
  bool proper = true;
  while (proper && line_ != Line::kEnd && size < bytes.size()) proper = IsProper(bytes[size++]);
  const bool ended = line_ == Line::kEnd;
  head_size_ += size;
  const Result result = Run(bytes.substr(0, size));  // with the byte that is not proper: llhttp may know better what is wrong
  if (result == Result::kError) return result;
  if (!proper || ended != (result == Result::kHead)) {
    return Fail(400, "a line that is folded, has no name, does not end with CR LF, or holds what is no text");
  }
  if (result == Result::kMore && head_size_ == limits_.head) {
    return Fail(head_.fields.empty() ? 414 : 431, "the head is too large");
  }
  return result;
}

MessageParser::Result MessageParser::Parse(absl::string_view bytes) {
  consumed_ = 0;
  if (error_status_ != 0) return Result::kError;
  return head_done_ ? Run(bytes) : ParseHead(bytes);
}

void MessageParser::Release() {
  head_ = Head();
  std::string().swap(body_);
}

MessageParser::Result MessageParser::ParseEnd() {
  consumed_ = 0;
  if (error_status_ != 0) return Result::kError;
  if (!inside_) return Result::kMore;
  if (Run("") != Result::kMore) return result_;  // its head was its end
  llhttp_finish(parser_.get());
  return result_ == Result::kEnd ? result_ : Fail(400, "the stream ends inside a message");
}

}  // namespace http
