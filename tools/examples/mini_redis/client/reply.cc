#include "kioto/tools/examples/mini_redis/client/reply.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace redis {
namespace {

constexpr int64_t kMostBytes = int64_t{512} << 20;  // of one string, as Redis has it
constexpr int64_t kMostItems = 1 << 20;
constexpr int kMostLevels = 8;  // of arrays in arrays

using Taken = absl::StatusOr<std::optional<Reply>>;

absl::Status Malformed(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("this is no reply of a Redis server: ", what));
}

Taken Take(absl::string_view& bytes, int level);

Taken TakeString(absl::string_view& rest, int64_t size) {
  if (size > kMostBytes) return Malformed("a string that is too long");
  const auto length = static_cast<size_t>(size);
  if (rest.size() < length + 2) return std::nullopt;
  if (rest.substr(length, 2) != "\r\n") return Malformed("a string that is longer than it says");
  Reply reply{Reply::Kind::kText, std::string(rest.substr(0, length)), 0, {}};
  rest.remove_prefix(length + 2);
  return reply;
}

Taken TakeArray(absl::string_view& rest, int64_t count, int level) {
  if (count > kMostItems || level == kMostLevels) return Malformed("an array that is too large");
  Reply array{Reply::Kind::kArray, "", 0, {}};
  for (int64_t i = 0; i < count; ++i) {
    Taken item = Take(rest, level + 1);
    if (!item.ok() || !*item) return item;
    array.items.push_back(**std::move(item));
  }
  return array;
}

Taken Take(absl::string_view& bytes, int level) {
  const size_t end = bytes.find("\r\n");
  if (end == absl::string_view::npos) return std::nullopt;
  const absl::string_view line = bytes.substr(0, end);
  if (line.empty()) return Malformed("an empty line");
  bytes.remove_prefix(end + 2);
  const absl::string_view body = line.substr(1);
  if (line[0] == '+') return Reply{Reply::Kind::kText, std::string(body), 0, {}};
  if (line[0] == '-') return Reply{Reply::Kind::kError, std::string(body), 0, {}};
  int64_t number = 0;
  if (!absl::SimpleAtoi(body, &number)) return Malformed(absl::CHexEscape(line.substr(0, 40)));
  if (line[0] == ':') return Reply{Reply::Kind::kInteger, "", number, {}};
  if (line[0] != '$' && line[0] != '*') return Malformed(absl::CHexEscape(line.substr(0, 40)));
  if (number < 0) return Reply();
  return line[0] == '$' ? TakeString(bytes, number) : TakeArray(bytes, number, level);
}

absl::Status Unwanted(const Reply& reply) {
  if (reply.kind == Reply::Kind::kError) return absl::InvalidArgumentError(reply.text);
  return absl::InternalError(absl::StrCat("the server answered with something else: ", reply.ToString()));
}

}  // namespace

Taken TakeReply(absl::string_view& bytes) {
  absl::string_view rest = bytes;
  Taken reply = Take(rest, 0);
  if (reply.ok() && *reply) bytes = rest;
  return reply;
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
