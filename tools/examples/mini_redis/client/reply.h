// Reply: what a Redis server answers, as a client reads it; and the commands as it writes them.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_CLIENT_REPLY_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_CLIENT_REPLY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace redis {

struct Reply {
  enum class Kind { kText, kError, kInteger, kNil, kArray };

  Kind kind = Kind::kNil;
  std::string text;  // of kText and kError
  int64_t integer = 0;
  std::vector<Reply> items;

  // As redis-cli shows it.
  std::string ToString() const;
};

// Replies out of the bytes of a connection. What was looked at once is taken and kept: a long reply in many pieces costs no more
// than the same in one. Its size, its items and its lines are bounded.
class ReplyParser {
 public:
  // Takes what it can use off the front of `bytes`. nullopt: the reply goes on in bytes that come behind what was left. Errors: no
  // server that speaks this protocol sends that; there is no way on.
  absl::StatusOr<std::optional<Reply>> Parse(absl::string_view& bytes);

 private:
  struct Open {
    Reply array;
    int64_t missing;  // items
  };

  absl::Status TakeLine(absl::string_view line, std::optional<Reply>& value);
  absl::Status Begin(char kind, int64_t length, std::optional<Reply>& value);
  void Place(std::optional<Reply>& value);

  std::vector<Open> open_;  // arrays that are not all there, the outer first
  int64_t string_ = -1;     // the length of the string that comes next
  int64_t items_ = 0;       // of this reply, in all its arrays
  int64_t size_ = 0;        // bytes of this reply
};

// A command, ready to be sent.
std::string Encode(absl::Span<const absl::string_view> words);

// What is wanted of a reply. A reply of another kind is kInternal; an error of the server's is kInvalidArgument, in its words.
absl::Status AsOk(const Reply& reply);
absl::StatusOr<std::string> AsText(Reply reply);
absl::StatusOr<std::optional<std::string>> AsTextOrNil(Reply reply);
absl::StatusOr<int64_t> AsInteger(const Reply& reply);

}  // namespace redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_CLIENT_REPLY_H_
