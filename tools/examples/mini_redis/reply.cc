#include "kioto/tools/examples/mini_redis/reply.h"

#include <charconv>

#include "absl/strings/str_replace.h"

namespace mini_redis {

void ReplyWriter::Error(absl::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n')) text.remove_suffix(1);
  if (text.find_first_of("\r\n") == absl::string_view::npos) return Line('-', text);
  Line('-', absl::StrReplaceAll(text, {{"\r", " "}, {"\n", " "}}));
}

void ReplyWriter::Number(char kind, int64_t n) {
  char text[24];  // "$-9223372036854775808\r\n"
  text[0] = kind;
  char* end = std::to_chars(text + 1, text + sizeof(text) - 2, n).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out_->append(text, static_cast<size_t>(end - text));
}

void ReplyWriter::ArrayFrom(size_t mark, size_t count) {
  std::string header;
  ReplyWriter(header).Array(count);
  out_->insert(mark, header);
}

}  // namespace mini_redis
