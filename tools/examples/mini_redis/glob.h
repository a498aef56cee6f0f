// Redis' patterns: * ? [abc] [^a-z] \x
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_GLOB_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_GLOB_H_

#include "absl/strings/string_view.h"

namespace mini_redis {

// Whether all of `text` matches. Takes at most pattern.size() * text.size() steps, whatever the pattern.
bool GlobMatch(absl::string_view pattern, absl::string_view text);

// The same for letters of either case.
bool GlobMatchIgnoringCase(absl::string_view pattern, absl::string_view text);

}  // namespace mini_redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_GLOB_H_
