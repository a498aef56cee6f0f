#include "kioto/tools/examples/mini_redis/resp.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace mini_redis {
namespace {

// The longest line: a command typed by hand, or the length of an array or of a string.
constexpr size_t kMaxLine = 64 * 1024;
// Scratch memory above this is given back after a command.
constexpr size_t kKeepArgs = 1024;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

char Escaped(char c) {
  switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
  }
}

// Appends the quoted word at the front of `line` (its first character is the quote) and removes it from there. False: it
// does not end, or is not followed by a space.
bool TakeQuoted(absl::string_view& line, std::string& word) {
  const char quote = line[0];
  size_t i = 1;
  for (; i < line.size() && line[i] != quote; ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      word.push_back(line[i]);
    } else if (quote == '\'') {
      if (line[i + 1] == '\'') ++i;
      word.push_back(line[i]);
    } else if (line[i + 1] == 'x' && i + 3 < line.size() && HexDigit(line[i + 2]) >= 0 && HexDigit(line[i + 3]) >= 0) {
      word.push_back(static_cast<char>(HexDigit(line[i + 2]) * 16 + HexDigit(line[i + 3])));
      i += 3;
    } else {
      word.push_back(Escaped(line[++i]));
    }
  }
  if (i == line.size()) return false;
  line.remove_prefix(i + 1);
  return line.empty() || absl::ascii_isspace(static_cast<unsigned char>(line[0]));
}

}  // namespace

bool ParseInteger(absl::string_view text, int64_t* value) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 19 || (text[0] == '0' && (negative || text.size() > 1))) return false;
  uint64_t magnitude = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    magnitude = magnitude * 10 + static_cast<uint64_t>(c - '0');  // 19 digits fit
  }
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (magnitude > kMax + (negative ? 1 : 0)) return false;
  *value = static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
  return true;
}

void RespParser::Reset() {
  at_ = searched_ = 0;
  args_left_ = bulk_ = kUnknown;
  pieces_.clear();
  args_.clear();
  if (pieces_.capacity() > kKeepArgs) {
    decltype(pieces_)().swap(pieces_);  // libstdc++'s shrink_to_fit does nothing without exceptions
    decltype(args_)().swap(args_);
  }
  if (words_.capacity() > kMaxLine) std::string().swap(words_);
}

RespParser::Result RespParser::Fail(absl::string_view error) {
  error_ = absl::StrCat("ERR Protocol error: ", error);
  return Result::kError;
}

// [region parser]
RespParser::Result RespParser::Parse(absl::string_view input) {
  if (input.empty()) return Result::kIncomplete;
  return input[0] == '*' ? ParseArray(input) : ParseLine(input);
}

RespParser::Result RespParser::ParseArray(absl::string_view input) {
  if (args_left_ == kUnknown) {
    const auto header = TakeHeader(input, "too big mbulk count string");
    if (!header) return error_.empty() ? Result::kIncomplete : Result::kError;
    int64_t count = 0;
    if (!ParseInteger(header->substr(1), &count) || count > static_cast<int64_t>(limits_.max_args)) {
      return Fail("invalid multibulk length");
    }
    args_left_ = std::max<int64_t>(count, 0);
  }
  for (; args_left_ > 0; --args_left_) {
    const Result argument = ParseBulk(input);
    if (argument != Result::kCommand) return argument;
  }
  for (const Piece& piece : pieces_) args_.push_back(input.substr(piece.offset, piece.size));
  return Result::kCommand;
}

// One "$5\r\nhello\r\n".
RespParser::Result RespParser::ParseBulk(absl::string_view input) {
  if (bulk_ == kUnknown) {
    if (at_ < input.size() && input[at_] != '$') {
      return Fail(absl::StrCat("expected '$', got '", input.substr(at_, 1), "'"));
    }
    const auto header = TakeHeader(input, "too big bulk count string");
    if (!header) return error_.empty() ? Result::kIncomplete : Result::kError;
    int64_t length = 0;
    if (!ParseInteger(header->substr(1), &length) || length < 0 || length > static_cast<int64_t>(limits_.max_bulk)) {
      return Fail("invalid bulk length");
    }
    if (static_cast<size_t>(length) + 2 > limits_.max_frame - at_) {
      return Fail(absl::StrCat("a command may have ", limits_.max_frame, " bytes"));
    }
    bulk_ = length;
  }
  const auto length = static_cast<size_t>(bulk_);
  if (input.size() - at_ < length + 2) return Result::kIncomplete;
  if (input.substr(at_ + length, 2) != "\r\n") return Fail("a bulk string is longer than its length");
  pieces_.push_back({at_, length});
  at_ += length + 2;
  searched_ = at_;
  bulk_ = kUnknown;
  return Result::kCommand;
}
// [end parser]

std::optional<absl::string_view> RespParser::TakeHeader(absl::string_view input, absl::string_view too_long) {
  const size_t end = input.find('\r', searched_);
  if (end == absl::string_view::npos || end + 1 == input.size()) {
    searched_ = end == absl::string_view::npos ? input.size() : end;
    if (searched_ - at_ > kMaxLine) Fail(too_long);
    return std::nullopt;
  }
  if (input[end + 1] != '\n') {
    Fail("a length must end with CRLF");
    return std::nullopt;
  }
  const absl::string_view header = input.substr(at_, end - at_);
  at_ = searched_ = end + 2;
  // A flood of headers alone is a frame, too.
  if (at_ > limits_.max_frame) {
    Fail(absl::StrCat("a command may have ", limits_.max_frame, " bytes"));
    return std::nullopt;
  }
  return header;
}

RespParser::Result RespParser::ParseLine(absl::string_view input) {
  const size_t end = input.find('\n', searched_);
  if (end == absl::string_view::npos) {
    searched_ = input.size();
    return searched_ > kMaxLine ? Fail("too big inline request") : Result::kIncomplete;
  }
  if (end > kMaxLine) return Fail("too big inline request");
  absl::string_view line = input.substr(0, end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  at_ = end + 1;
  return SplitWords(line) ? Result::kCommand : Fail("unbalanced quotes in request");
}

bool RespParser::SplitWords(absl::string_view line) {
  words_.clear();
  for (;;) {
    line = absl::StripLeadingAsciiWhitespace(line);
    if (line.empty()) break;
    const size_t begin = words_.size();
    while (!line.empty() && !absl::ascii_isspace(static_cast<unsigned char>(line[0]))) {
      if (line[0] == '"' || line[0] == '\'') {
        if (!TakeQuoted(line, words_)) return false;
        break;
      }
      words_.push_back(line[0]);
      line.remove_prefix(1);
    }
    pieces_.push_back({begin, words_.size() - begin});
  }
  for (const Piece& piece : pieces_) args_.push_back(absl::string_view(words_).substr(piece.offset, piece.size));
  return true;
}

}  // namespace mini_redis
