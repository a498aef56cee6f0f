#include "kioto/runtime/io/text.h"

#include <cstdint>
#include <cstring>

#include "kioto/runtime/io/errors.h"

namespace kioto::io {
namespace {

// Whether eight bytes are all ASCII.
bool EightAscii(const char* bytes) {
  uint64_t eight;
  std::memcpy(&eight, bytes, sizeof(eight));
  return (eight & 0x8080808080808080u) == 0;
}

// How many bytes of `text` come before the first that is not ASCII: mostly all of them, so eight are looked at at once.
size_t AsciiPrefix(absl::string_view text) {
  size_t at = 0;
  if (text.size() >= 8) {
    const size_t last = text.size() - 8;
    while (at < last && EightAscii(&text[at])) at += 8;
    if (at >= last && EightAscii(&text[last])) return text.size();
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

// The bytes of the well-formed character that `text` begins with, which is not ASCII; 0: it begins with none.
size_t CharacterAt(absl::string_view text) {
  const auto byte = [text](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [byte](size_t i, unsigned least = 0x80, unsigned most = 0xbf) { return byte(i) >= least && byte(i) <= most; };
  const unsigned first = byte(0);
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned least = first == 0xe0 ? 0xa0 : 0x80, most = first == 0xed ? 0x9f : 0xbf;
    return follows(1, least, most) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned least = first == 0xf0 ? 0x90 : 0x80, most = first == 0xf4 ? 0x8f : 0xbf;
    return follows(1, least, most) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

Status CheckText(absl::string_view text) {
  const size_t fine = Utf8Prefix(text);
  return fine == text.size() ? OkStatus() : InvalidUtf8Error(fine);
}

}  // namespace

size_t Utf8Prefix(absl::string_view text) {
  size_t at = AsciiPrefix(text);
  while (at < text.size()) {
    const size_t n = CharacterAt(text.substr(at));
    if (n == 0) break;
    at += n;
    at += AsciiPrefix(text.substr(at));
  }
  return at;
}

Poll<StatusOr<size_t>> ReadLineFuture::PollOnce(Context& cx) {
  ReadUntilFuture rest(reader_, '\n', line_, limit_ - line_.size());
  Poll<StatusOr<size_t>> n = rest.PollOnce(cx);
  if (n.pending()) return kPending;
  const Status text = CheckText(line_);
  if (text.ok()) into_->append(line_);
  if (!n->ok()) return IsLimitExceeded(n->status()) ? StatusOr<size_t>(LimitExceededError("a line", limit_)) : n;
  if (!text.ok()) return StatusOr<size_t>(text);
  return StatusOr<size_t>(line_.size());
}

Poll<StatusOr<size_t>> ReadToStringFuture::PollOnce(Context& cx) {
  Poll<StatusOr<std::string>> all = read_.PollOnce(cx);
  if (all.pending()) return kPending;
  if (!all->ok()) return StatusOr<size_t>(all->status());
  if (Status text = CheckText(**all); !text.ok()) return StatusOr<size_t>(std::move(text));
  into_->append(**all);
  return StatusOr<size_t>((*all)->size());
}

}  // namespace kioto::io
