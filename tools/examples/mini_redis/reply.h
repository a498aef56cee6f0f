// ReplyWriter: appends replies to the bytes that a connection will send.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_REPLY_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_REPLY_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace mini_redis {

class ReplyWriter {
 public:
  explicit ReplyWriter(std::string& out) : out_(&out) {}

  void Ok() { Literal("+OK\r\n"); }
  void Nil() { Literal("$-1\r\n"); }
  void Simple(absl::string_view text) { Line('+', text); }
  // "ERR value is not an integer or out of range". Ends of lines within it become spaces.
  void Error(absl::string_view text);
  void Integer(int64_t n) { Number(':', n); }
  void Bulk(absl::string_view bytes) {
    Number('$', static_cast<int64_t>(bytes.size()));
    out_->append(bytes.data(), bytes.size());
    Literal("\r\n");
  }
  // `count` replies follow.
  void Array(size_t count) { Number('*', static_cast<int64_t>(count)); }

  // Replies that were made elsewhere.
  void Made(absl::string_view replies) { Literal(replies); }

  // For replies whose length is known only at the end: what was written since `mark` is taken back.
  size_t mark() const { return out_->size(); }
  void TakeBack(size_t mark) { out_->resize(mark); }
  // Puts an array's header before what was written since `mark`.
  void ArrayFrom(size_t mark, size_t count);

 private:
  void Literal(absl::string_view text) { out_->append(text.data(), text.size()); }
  void Line(char kind, absl::string_view text) {
    out_->push_back(kind);
    out_->append(text.data(), text.size());
    Literal("\r\n");
  }
  void Number(char kind, int64_t n);

  std::string* out_;
};

}  // namespace mini_redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_REPLY_H_
