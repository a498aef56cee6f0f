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

// Takes the first reply off the front of `bytes`; nullopt: it is not all there yet, and `bytes` is as it was. Errors: no server
// that speaks this protocol sends that.
absl::StatusOr<std::optional<Reply>> TakeReply(absl::string_view& bytes);

// A command, ready to be sent.
std::string Encode(absl::Span<const absl::string_view> words);

// What is wanted of a reply. A reply of another kind is kInternal; an error of the server's is kInvalidArgument, in its words.
absl::Status AsOk(const Reply& reply);
absl::StatusOr<std::string> AsText(Reply reply);
absl::StatusOr<std::optional<std::string>> AsTextOrNil(Reply reply);
absl::StatusOr<int64_t> AsInteger(const Reply& reply);

}  // namespace redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_CLIENT_REPLY_H_
