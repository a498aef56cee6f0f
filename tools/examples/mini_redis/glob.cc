#include "kioto/tools/examples/mini_redis/glob.h"

#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"

namespace mini_redis {
namespace {

// Whether `c` is in the class that begins behind the '[' at pattern[*at]; moves *at behind the class. A class that does not
// end, ends with the pattern.
bool InClass(absl::string_view pattern, size_t* at, char c) {
  size_t i = *at + 1;
  const bool negated = i < pattern.size() && pattern[i] == '^';
  if (negated) ++i;
  bool found = false;
  for (; i < pattern.size() && pattern[i] != ']'; ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      found |= pattern[++i] == c;
    } else if (i + 2 < pattern.size() && pattern[i + 1] == '-') {
      auto low = static_cast<unsigned char>(pattern[i]), high = static_cast<unsigned char>(pattern[i + 2]);
      if (low > high) std::swap(low, high);
      found |= low <= static_cast<unsigned char>(c) && static_cast<unsigned char>(c) <= high;
      i += 2;
    } else {
      found |= pattern[i] == c;
    }
  }
  *at = i < pattern.size() ? i + 1 : i;
  return found != negated;
}

// Whether the element of the pattern at *at, which is no star, matches `c`; moves *at behind it.
bool MatchOne(absl::string_view pattern, size_t* at, char c) {
  if (pattern[*at] == '[') return InClass(pattern, at, c);
  if (pattern[*at] == '?') {
    ++*at;
    return true;
  }
  if (pattern[*at] == '\\' && *at + 1 < pattern.size()) ++*at;
  return pattern[(*at)++] == c;
}

}  // namespace

// When something does not match, only the last star takes one more character: no star before it could do better.
bool GlobMatch(absl::string_view pattern, absl::string_view text) {
  constexpr size_t kNone = absl::string_view::npos;
  size_t p = 0, t = 0, star = kNone, star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
      continue;
    }
    if (p < pattern.size() && MatchOne(pattern, &p, text[t])) {
      ++t;
      continue;
    }
    if (star == kNone) return false;
    p = star + 1;
    t = ++star_text;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool GlobMatchIgnoringCase(absl::string_view pattern, absl::string_view text) {
  return GlobMatch(absl::AsciiStrToLower(pattern), absl::AsciiStrToLower(text));
}

}  // namespace mini_redis
