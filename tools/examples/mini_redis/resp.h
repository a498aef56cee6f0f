// RespParser: Redis' protocol as a server reads it. A command is an array of strings,
//
//   *2\r\n$3\r\nGET\r\n$3\r\nkey\r\n
//
// or one line of words ("GET key\n"), as people type it into telnet. ReplyWriter (reply.h) is the other direction.
//
// The parser is incremental: what it has understood of a command it does not look at again, so a command that comes in byte by
// byte costs no more than one that comes at once. It copies nothing: the arguments are views of the input (only the words of
// a line are copied, because of their quotes). It believes no length: memory is used for bytes that have come, not for bytes
// that were announced.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_RESP_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_RESP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace mini_redis {

using Args = absl::Span<const absl::string_view>;

struct RespLimits {
  size_t max_args;
  size_t max_bulk;
  size_t max_frame;
};

class RespParser {
 public:
  enum class Result {
    kCommand,     // args() and size() say what; none: an empty line or array, which is no command
    kIncomplete,  // call again when there is more
    kError,       // error() says why; the connection can not go on
  };

  explicit RespParser(const RespLimits& limits) : limits_(limits) {}

  // `input` is what has come since the last command's end: the same bytes as at the last call, and perhaps more. They may
  // lie elsewhere.
  Result Parse(absl::string_view input);

  // After kCommand. Views of that call's input.
  Args args() const { return args_; }
  // How many bytes of the input the command took.
  size_t size() const { return at_; }
  // After kCommand: forget it and look for the next one.
  void Reset();

  absl::string_view error() const { return error_; }

 private:
  struct Piece {
    size_t offset, size;
  };

  Result ParseArray(absl::string_view input);
  Result ParseBulk(absl::string_view input);
  Result ParseLine(absl::string_view input);
  // The line at at_, without its end; moves behind it. nullopt: not there yet, or error_.
  std::optional<absl::string_view> TakeHeader(absl::string_view input, absl::string_view too_long);
  bool SplitWords(absl::string_view line);
  Result Fail(absl::string_view error);

  RespLimits limits_;
  size_t at_ = 0;         // how far the input is understood
  size_t searched_ = 0;   // how far it was searched for the end of the line
  int64_t args_left_ = kUnknown;
  int64_t bulk_ = kUnknown;  // the length of the argument that comes
  std::vector<Piece> pieces_;
  std::vector<absl::string_view> args_;
  std::string words_;
  std::string error_;

  static constexpr int64_t kUnknown = -1;
};

// A decimal number as Redis takes it: no sign but "-", no space, no leading zero. False: it is none, or too large.
bool ParseInteger(absl::string_view text, int64_t* value);

}  // namespace mini_redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_RESP_H_
