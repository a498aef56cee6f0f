// Options: what the server may be told, with its limits. Every one has a bound, so that no client can use up the memory.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_OPTIONS_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace mini_redis {

struct Options {
  std::string bind = "127.0.0.1";
  int port = 6379;  // 0: any free one, which is printed
  int workers = 1;  // 0: everything on the main thread

  size_t max_clients = 10'000;
  size_t max_bulk = size_t{64} << 20;        // bytes of one argument
  size_t max_frame = size_t{96} << 20;       // bytes of one command; the read buffer holds at most twice as many
  size_t max_args = 1 << 20;                 // arguments of one command
  size_t max_reply = size_t{256} << 20;      // bytes of one reply
  size_t max_backlog = size_t{1} << 20;      // bytes that wait for a subscriber; it is disconnected at what would be more
  size_t max_subscriptions = 10'000;         // channels of one client

  std::chrono::seconds idle_timeout{0};      // a client that says nothing; 0: never
  std::chrono::seconds frame_timeout{120};   // a command that was begun must be complete by then; 0: never
  std::chrono::seconds write_timeout{60};    // a client that takes no byte of its replies; 0: never
  std::chrono::seconds drain_timeout{10};    // after a signal, for replies that are still being written
};

// "--port 0 --workers=2". Errors: a sentence for the user.
absl::StatusOr<Options> ParseOptions(int argc, const char* const* argv);

// One line per option, with its default.
std::string OptionsHelp();

}  // namespace mini_redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_OPTIONS_H_
