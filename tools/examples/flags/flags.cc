#include "kioto/tools/examples/flags/flags.h"

#include <algorithm>
#include <cstdio>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace examples {
namespace {

std::string Help(const std::string& usage, std::initializer_list<Flag> flags) {
  std::string help = absl::StrCat("usage: ", usage);
  for (const Flag& flag : flags) {
    absl::StrAppend(&help, "\n  --", flag.name, "=N  ", flag.meaning, " (", *flag.value, ")");
  }
  return help;
}

bool Set(absl::string_view word, std::initializer_list<Flag> flags) {
  const size_t equals = word.find('=');
  if (equals == absl::string_view::npos) return false;
  const absl::string_view name = word.substr(2, equals - 2);
  for (const Flag& flag : flags) {
    int64_t number = 0;
    if (name != flag.name || !absl::SimpleAtoi(word.substr(equals + 1), &number) || number < 0) continue;
    *flag.value = number;
    return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseFlags(int argc, char** argv, const std::string& usage,
                                                    std::initializer_list<Flag> flags) {
  const std::string help = Help(usage, flags);  // before the defaults are overwritten
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    if (!absl::StartsWith(argv[i], "--")) {
      words.push_back(argv[i]);
    } else if (!Set(argv[i], flags)) {
      return absl::InvalidArgumentError(absl::StrCat("not understood: ", argv[i], "\n", help));
    }
  }
  const auto wanted = static_cast<size_t>(std::count(usage.begin(), usage.end(), ' '));  // the first is the program
  const bool or_more = absl::EndsWith(usage, "...");
  if (words.size() < wanted || (words.size() > wanted && !or_more)) return absl::InvalidArgumentError(help);
  return words;
}

int Fail(const char* program, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", program, std::string(status.message()).c_str());
  return 1;
}

}  // namespace examples
