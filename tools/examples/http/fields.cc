#include "kioto/tools/examples/http/fields.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

namespace http {
namespace {

constexpr char kDateFormat[] = "%a, %d %b %E4Y %H:%M:%S GMT";

int HexDigit(char c) {
  if (absl::ascii_isdigit(c)) return c - '0';
  return absl::ascii_isxdigit(c) ? absl::ascii_tolower(c) - 'a' + 10 : -1;
}

// nullopt: a percent sign without two digits behind it, or a NUL, which no name of a file has.
std::optional<std::string> DecodePercent(absl::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    decoded.push_back(c);
  }
  return decoded;
}

// Digits alone: no sign, no space.
bool ParseNumber(absl::string_view text, uint64_t& number) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isdigit) && absl::SimpleAtoi(text, &number);
}

}  // namespace

absl::StatusOr<std::string> ParsePath(absl::string_view target) {
  if (absl::StartsWithIgnoreCase(target, "http://")) {  // the form for proxies, which servers must understand too
    const size_t slash = target.find('/', 7);
    target = slash == absl::string_view::npos ? "/" : target.substr(slash);
  }
  const auto decoded = DecodePercent(target.substr(0, target.find_first_of("?#")));
  if (!decoded.has_value() || !absl::StartsWith(*decoded, "/")) return absl::InvalidArgumentError("not a path");
  std::vector<absl::string_view> names;
  for (const absl::string_view name : absl::StrSplit(*decoded, '/')) {
    if (name == "..") return absl::NotFoundError("nothing is outside the root");
    if (!name.empty() && name != ".") names.push_back(name);
  }
  const bool folder = absl::EndsWith(*decoded, "/") || absl::EndsWith(*decoded, "/.");
  return absl::StrCat(absl::StrJoin(names, "/"), folder && !names.empty() ? "/" : "");
}

std::string EncodePath(absl::string_view path) {
  std::string encoded = "/";
  for (const char c : path) {
    if (absl::ascii_isalnum(c) || absl::string_view("-._~/").find(c) != absl::string_view::npos) {
      encoded.push_back(c);
    } else {
      absl::StrAppend(&encoded, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return encoded;
}

std::optional<ByteRange> ParseRange(absl::string_view field, uint64_t size) {
  const size_t dash = field.find('-');
  if (!absl::StartsWith(field, "bytes=") || dash == absl::string_view::npos) return std::nullopt;
  const absl::string_view from = field.substr(6, dash - 6), to = field.substr(dash + 1);
  uint64_t first = 0, last = 0;
  if (from.empty()) {  // the last so many
    if (to.empty() || !ParseNumber(to, last)) return std::nullopt;
    const uint64_t length = std::min(last, size);
    return ByteRange{size - length, length};
  }
  if (!ParseNumber(from, first) || (!to.empty() && (!ParseNumber(to, last) || last < first))) return std::nullopt;
  if (first >= size) return ByteRange{0, 0};
  if (to.empty() || last >= size) last = size - 1;
  return ByteRange{first, last - first + 1};
}

std::string HttpDate(std::time_t seconds) {
  return absl::FormatTime(kDateFormat, absl::FromTimeT(seconds), absl::UTCTimeZone());
}

std::optional<std::time_t> ParseHttpDate(absl::string_view field) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(kDateFormat, field, &time, &error)) return std::nullopt;
  return absl::ToTimeT(time);
}

absl::string_view ContentType(absl::string_view path) {
  static constexpr struct {
    absl::string_view end, type;
  } kTypes[] = {
      {".html", "text/html; charset=utf-8"}, {".txt", "text/plain; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},   {".js", "text/javascript; charset=utf-8"},
      {".json", "application/json"},         {".md", "text/markdown; charset=utf-8"},
      {".png", "image/png"},                 {".jpg", "image/jpeg"},
      {".svg", "image/svg+xml"},             {".wasm", "application/wasm"},
  };
  for (const auto& known : kTypes) {
    if (absl::EndsWithIgnoreCase(path, known.end)) return known.type;
  }
  return "application/octet-stream";
}

absl::string_view Reason(int status) {
  static constexpr struct {
    int status;
    absl::string_view reason;
  } kReasons[] = {
      {200, "OK"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {413, "Payload Too Large"},
      {414, "URI Too Long"},
      {416, "Range Not Satisfiable"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {505, "HTTP Version Not Supported"},
  };
  for (const auto& known : kReasons) {
    if (known.status == status) return known.reason;
  }
  return "Unknown";
}

}  // namespace http
