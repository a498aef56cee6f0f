// What stands in the lines of an HTTP message: paths, ranges, dates, types.
#ifndef KIOTO_TOOLS_EXAMPLES_HTTP_FIELDS_H_
#define KIOTO_TOOLS_EXAMPLES_HTTP_FIELDS_H_

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace http {

// The path that a request's target names, decoded, below the root and without a slash in front: "/a%20b/./c?q" is "a b/c". A slash
// at the end stays. Errors: kInvalidArgument for what is no path; kNotFound for one that would leave the root by "..".
absl::StatusOr<std::string> ParsePath(absl::string_view target);
// The other way, with the slash in front.
std::string EncodePath(absl::string_view path);

struct ByteRange {
  uint64_t first = 0;
  uint64_t size = 0;  // 0: the file has nothing of what was asked for
};
// The part of a file of `size` bytes that a Range field asks for. nullopt: all of it, as for every form that is not a
// single range of bytes.
std::optional<ByteRange> ParseRange(absl::string_view field, uint64_t size);

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string HttpDate(std::time_t seconds);
std::optional<std::time_t> ParseHttpDate(absl::string_view field);

// By the end of the name; "application/octet-stream" if it says nothing.
absl::string_view ContentType(absl::string_view path);

// "Not Found"; "Unknown" for what a server of files does not answer.
absl::string_view Reason(int status);

}  // namespace http

#endif  // KIOTO_TOOLS_EXAMPLES_HTTP_FIELDS_H_
