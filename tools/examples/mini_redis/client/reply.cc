#include "kioto/tools/examples/mini_redis/client/reply.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace redis {
namespace {

constexpr int64_t kMostBytes = int64_t{513} << 20;  // of a reply: a string of Redis has at most 512 MiB
constexpr int64_t kMostItems = 1 << 20;
constexpr size_t kMostLine = 64 << 10;
constexpr size_t kMostLevels = 8;  // of arrays in arrays

absl::Status Malformed(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("this is no reply of a Redis server: ", what));
}

absl::Status Unwanted(const Reply& reply) {
  if (reply.kind == Reply::Kind::kError) return absl::InvalidArgumentError(reply.text);
  return absl::InternalError(absl::StrCat("the server answered with something else: ", reply.ToString()));
}

}  // namespace

absl::Status ReplyParser::Begin(char kind, int64_t length, std::optional<Reply>& value) {
  if (length < 0) {
    value = Reply();
  } else if (kind == '$') {
    if (length > kMostBytes - size_) return Malformed("it is too long");
    size_ += length;
    string_ = length;
  } else {
    if (length > kMostItems - items_ || open_.size() == kMostLevels) return Malformed("an array that is too large");
    items_ += length;
    Reply array{Reply::Kind::kArray, "", 0, {}};
    if (length == 0) {
      value = std::move(array);
    } else {
      open_.push_back({std::move(array), length});
    }
  }
  return absl::OkStatus();
}

absl::Status ReplyParser::TakeLine(absl::string_view line, std::optional<Reply>& value) {
  if (line.empty()) return Malformed("an empty line");
  const absl::string_view body = line.substr(1);
  size_ += static_cast<int64_t>(line.size());
  if (size_ > kMostBytes) return Malformed("it is too long");
  int64_t number = 0;
  switch (line[0]) {
    case '+': value = Reply{Reply::Kind::kText, std::string(body), 0, {}}; return absl::OkStatus();
    case '-': value = Reply{Reply::Kind::kError, std::string(body), 0, {}}; return absl::OkStatus();
    case ':':
    case '$':
    case '*':
      if (absl::SimpleAtoi(body, &number)) break;
      [[fallthrough]];
    default: return Malformed(absl::CHexEscape(line.substr(0, 40)));
  }
  if (line[0] != ':') return Begin(line[0], number, value);
  value = Reply{Reply::Kind::kInteger, "", number, {}};
  return absl::OkStatus();
}

// Into the array that it belongs to, and that into its own, as far as they are complete by it.
void ReplyParser::Place(std::optional<Reply>& value) {
  while (value && !open_.empty()) {
    Open& last = open_.back();
    last.array.items.push_back(*std::move(value));
    value.reset();
    if (--last.missing > 0) return;
    value = std::move(last.array);
    open_.pop_back();
  }
}

absl::StatusOr<std::optional<Reply>> ReplyParser::Parse(absl::string_view& bytes) {
  std::optional<Reply> value;
  while (!value) {
    if (string_ < 0) {
      const size_t end = bytes.find("\r\n");
      if (std::min(end, bytes.size()) > kMostLine) return Malformed("a line that is too long");
      if (end == absl::string_view::npos) return std::nullopt;
      absl::Status taken = TakeLine(bytes.substr(0, end), value);
      if (!taken.ok()) return taken;
      bytes.remove_prefix(end + 2);
    } else {
      const auto length = static_cast<size_t>(string_);
      if (bytes.size() < length + 2) return std::nullopt;
      if (bytes.substr(length, 2) != "\r\n") return Malformed("a string that is longer than it says");
      value = Reply{Reply::Kind::kText, std::string(bytes.substr(0, length)), 0, {}};
      bytes.remove_prefix(length + 2);
      string_ = -1;
    }
    Place(value);
  }
  items_ = size_ = 0;
  return value;
}

std::string Encode(absl::Span<const absl::string_view> words) {
  std::string bytes = absl::StrCat("*", words.size(), "\r\n");
  for (absl::string_view word : words) absl::StrAppend(&bytes, "$", word.size(), "\r\n", word, "\r\n");
  return bytes;
}

std::string Reply::ToString() const {
  switch (kind) {
    case Kind::kText: return absl::StrCat("\"", absl::CHexEscape(text), "\"");
    case Kind::kError: return absl::StrCat("(error) ", text);
    case Kind::kInteger: return absl::StrCat("(integer) ", integer);
    case Kind::kNil: return "(nil)";
    case Kind::kArray: break;
  }
  std::string lines = items.empty() ? "(empty array)" : "";
  for (size_t i = 0; i < items.size(); ++i) absl::StrAppend(&lines, i > 0 ? "\n" : "", i + 1, ") ", items[i].ToString());
  return lines;
}

absl::Status AsOk(const Reply& reply) { return reply.kind == Reply::Kind::kText ? absl::OkStatus() : Unwanted(reply); }

absl::StatusOr<std::string> AsText(Reply reply) {
  if (reply.kind != Reply::Kind::kText) return Unwanted(reply);
  return std::move(reply.text);
}

absl::StatusOr<std::optional<std::string>> AsTextOrNil(Reply reply) {
  if (reply.kind == Reply::Kind::kNil) return std::nullopt;
  if (reply.kind != Reply::Kind::kText) return Unwanted(reply);
  return std::optional<std::string>(std::move(reply.text));
}

absl::StatusOr<int64_t> AsInteger(const Reply& reply) {
  if (reply.kind != Reply::Kind::kInteger) return Unwanted(reply);
  return reply.integer;
}

}  // namespace redis
