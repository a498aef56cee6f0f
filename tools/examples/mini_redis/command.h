// Commands: a table of names and functions. A command looks at its arguments, does its work under the locks of its keys, and
// writes one reply. It never waits: what waits is the session.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_COMMAND_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_COMMAND_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kioto/tools/examples/mini_redis/reply.h"
#include "kioto/tools/examples/mini_redis/resp.h"
#include "kioto/tools/examples/mini_redis/state.h"

namespace mini_redis {

struct Command;

// One command on its way.
struct Call {
  const Command& command;
  Args args;  // args[0] is the name
  State& state;
  Client& client;
  ReplyWriter reply;

  Database& database() { return state.store.database(client.database); }
  // Parses args[i]; false: the error was replied.
  bool TakeInteger(size_t i, int64_t* value);
  // "ERR wrong number of arguments for 'get' command". Subcommand: "config|get".
  void WrongNumber(absl::string_view subcommand = "");
  void UnknownSubcommand();
  void SyntaxError() { reply.Error("ERR syntax error"); }
  // Whether the reply has become too long: then it was replaced by an error.
  bool TooLong(size_t mark);
};

struct Command {
  absl::string_view name;     // in small letters
  int arity;                  // with the name; -n: at least n
  absl::string_view flags;    // as COMMAND tells them, with commas
  int first_key, last_key, key_step;
  absl::string_view group;
  absl::string_view summary;
  bool while_subscribed;      // allowed then
  void (*run)(Call& call);
};

// The commands of a group. Each group has a file of its own.
absl::Span<const Command> StringCommands();
absl::Span<const Command> KeyCommands();
absl::Span<const Command> ServerCommands();
absl::Span<const Command> PubSubCommands();

// In any case; null: there is none.
const Command* FindCommand(absl::string_view name);
absl::Span<const Command* const> AllCommands();

// Runs one command, and writes its reply, or the error, to `out`. `args` is not empty.
void Execute(Args args, State& state, Client& client, std::string& out);

// Ends all subscriptions of a client that leaves.
void UnsubscribeAll(State& state, Client& client);

}  // namespace mini_redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_COMMAND_H_
