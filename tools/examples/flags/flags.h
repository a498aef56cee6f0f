// Flags: the numbers that an example may be told: --name=N. All else is left as it stands.
//
//   Limits limits;
//   const auto words = ParseFlags(argc, argv, "proxy LISTEN UPSTREAM", {{"idle-ms", &limits.idle_ms, "a silence this long ends it"}});
#ifndef KIOTO_TOOLS_EXAMPLES_FLAGS_FLAGS_H_
#define KIOTO_TOOLS_EXAMPLES_FLAGS_FLAGS_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace examples {

struct Flag {
  const char* name;
  int64_t* value;  // its default, until it is told another; never negative
  const char* meaning;
};

// What is no flag, in order: as many words as `usage` has, or more where that ends with "...". Errors: a sentence, and the usage.
absl::StatusOr<std::vector<std::string>> ParseFlags(int argc, char** argv, const std::string& usage,
                                                    std::initializer_list<Flag> flags);

// Says what went wrong on standard error, and gives the exit code.
int Fail(const char* program, const absl::Status& status);

}  // namespace examples

#endif  // KIOTO_TOOLS_EXAMPLES_FLAGS_FLAGS_H_
