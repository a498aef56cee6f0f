#include "kioto/tools/examples/mini_redis/options.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace mini_redis {
namespace {

struct Number {
  absl::string_view name;
  absl::string_view meaning;
  int64_t least, most;
  int64_t value;                        // what it is
  void (*set)(Options&, int64_t value);
};

constexpr int64_t kMost = std::numeric_limits<int32_t>::max();

std::vector<Number> Numbers(const Options& o) {
  using Seconds = std::chrono::seconds;
  const auto size = [](size_t n) { return static_cast<int64_t>(n); };
  return {
      {"port", "port; 0: any free one", 0, 65535, o.port, [](Options& to, int64_t n) { to.port = static_cast<int>(n); }},
      {"workers", "threads; 0: the main thread does it all", 0, 128, o.workers,
       [](Options& to, int64_t n) { to.workers = static_cast<int>(n); }},
      {"max-clients", "connections at a time", 1, kMost, size(o.max_clients),
       [](Options& to, int64_t n) { to.max_clients = static_cast<size_t>(n); }},
      {"max-bulk", "bytes of an argument", 1, int64_t{1} << 29, size(o.max_bulk),
       [](Options& to, int64_t n) { to.max_bulk = static_cast<size_t>(n); }},
      {"max-frame", "bytes of a command", 64, kMost, size(o.max_frame),
       [](Options& to, int64_t n) { to.max_frame = static_cast<size_t>(n); }},
      {"max-args", "arguments of a command", 1, kMost, size(o.max_args),
       [](Options& to, int64_t n) { to.max_args = static_cast<size_t>(n); }},
      {"max-reply", "bytes of a reply", 64, kMost, size(o.max_reply),
       [](Options& to, int64_t n) { to.max_reply = static_cast<size_t>(n); }},
      {"max-backlog", "bytes that may wait for a subscriber", 1024, kMost, size(o.max_backlog),
       [](Options& to, int64_t n) { to.max_backlog = static_cast<size_t>(n); }},
      {"max-subscriptions", "channels of a client", 1, kMost, size(o.max_subscriptions),
       [](Options& to, int64_t n) { to.max_subscriptions = static_cast<size_t>(n); }},
      {"timeout", "seconds after which an idle client is disconnected; 0: never", 0, kMost, o.idle_timeout.count(),
       [](Options& to, int64_t n) { to.idle_timeout = Seconds(n); }},
      {"frame-timeout", "seconds for a command to come in; 0: any", 0, kMost, o.frame_timeout.count(),
       [](Options& to, int64_t n) { to.frame_timeout = Seconds(n); }},
      {"write-timeout", "seconds for a client to take a part of its replies; 0: any", 0, kMost, o.write_timeout.count(),
       [](Options& to, int64_t n) { to.write_timeout = Seconds(n); }},
      {"drain-timeout", "seconds for the clients at the end", 0, kMost, o.drain_timeout.count(),
       [](Options& to, int64_t n) { to.drain_timeout = Seconds(n); }},
  };
}

absl::Status Set(Options& options, absl::string_view name, absl::string_view text) {
  if (name == "bind") {
    options.bind = std::string(text);
    return absl::OkStatus();
  }
  for (const Number& number : Numbers(options)) {
    if (number.name != name) continue;
    int64_t value = 0;
    if (!absl::SimpleAtoi(text, &value) || value < number.least || value > number.most) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", name, " takes a number from ", number.least, " to ", number.most, ", not \"", text, "\""));
    }
    number.set(options, value);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no option --", name, "\n", OptionsHelp()));
}

}  // namespace

absl::StatusOr<Options> ParseOptions(int argc, const char* const* argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    absl::string_view name = argv[i];
    if (name == "--help" || name == "-h" || !absl::ConsumePrefix(&name, "--")) {
      return absl::InvalidArgumentError(OptionsHelp());
    }
    absl::string_view value;
    const size_t equals = name.find('=');
    if (equals != absl::string_view::npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    } else if (++i < argc) {
      value = argv[i];
    } else {
      return absl::InvalidArgumentError(absl::StrCat("--", name, " needs a value"));
    }
    const absl::Status set = Set(options, name, value);
    if (!set.ok()) return set;
  }
  return options;
}

std::string OptionsHelp() {
  const Options defaults;
  std::string help = absl::StrCat("mini_redis [--option value]...\n  --bind ADDRESS  (", defaults.bind, ")\n");
  for (const Number& number : Numbers(defaults)) {
    absl::StrAppend(&help, "  --", number.name, " N  ", number.meaning, " (", number.value, ")\n");
  }
  return help;
}

}  // namespace mini_redis
