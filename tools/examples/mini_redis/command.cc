#include "kioto/tools/examples/mini_redis/command.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <vector>

#include "absl/base/no_destructor.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace mini_redis {
namespace {

struct Table {
  Table() {
    for (const auto& group : {StringCommands(), KeyCommands(), ServerCommands(), PubSubCommands()}) {
      for (const Command& command : group) {
        all.push_back(&command);
        by_name.emplace(command.name, &command);
      }
    }
  }
  std::vector<const Command*> all;
  absl::flat_hash_map<absl::string_view, const Command*> by_name;
};

const Table& CommandTable() {
  static const absl::NoDestructor<Table> table;
  return *table;
}

std::string UnknownCommand(Args args) {
  constexpr size_t kShown = 128;
  std::string shown;
  for (size_t i = 1; i < args.size() && shown.size() < kShown; ++i) {
    absl::StrAppend(&shown, "'", args[i].substr(0, kShown - shown.size()), "' ");
  }
  return absl::StrCat("ERR unknown command '", args[0].substr(0, kShown), "', with args beginning with: ", shown);
}

}  // namespace

const Command* FindCommand(absl::string_view name) {
  constexpr size_t kLongest = 16;
  if (name.size() > kLongest) return nullptr;
  char lower[kLongest];
  for (size_t i = 0; i < name.size(); ++i) lower[i] = absl::ascii_tolower(static_cast<unsigned char>(name[i]));
  const auto& by_name = CommandTable().by_name;
  const auto found = by_name.find(absl::string_view(lower, name.size()));
  return found == by_name.end() ? nullptr : found->second;
}

absl::Span<const Command* const> AllCommands() { return CommandTable().all; }

// [region execute]
void Execute(Args args, State& state, Client& client, std::string& out) {
  ReplyWriter reply(out);
  const Command* command = FindCommand(args[0]);
  if (command == nullptr) return reply.Error(UnknownCommand(args));
  Call call{*command, args, state, client, reply};
  const auto count = static_cast<int>(args.size());
  if (command->arity >= 0 ? count != command->arity : count < -command->arity) return call.WrongNumber();
  if (!client.channels.empty() && !command->while_subscribed) {
    return reply.Error(absl::StrCat("ERR Can't execute '", command->name,
                                    "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
                                    "context"));
  }
  command->run(call);
}
// [end execute]

bool Call::TakeInteger(size_t i, int64_t* value) {
  if (ParseInteger(args[i], value)) return true;
  reply.Error("ERR value is not an integer or out of range");
  return false;
}

void Call::WrongNumber(absl::string_view subcommand) {
  reply.Error(absl::StrCat("ERR wrong number of arguments for '", command.name, subcommand.empty() ? "" : "|", subcommand,
                           "' command"));
}

void Call::UnknownSubcommand() {
  reply.Error(absl::StrCat("ERR unknown subcommand '", args[1].substr(0, 128), "'. Try ",
                           absl::AsciiStrToUpper(command.name), " HELP."));
}

bool Call::TooLong(size_t mark) {
  if (reply.mark() - mark <= state.options.max_reply) return false;
  reply.TakeBack(mark);
  reply.Error(absl::StrCat("ERR the reply would have more than ", state.options.max_reply, " bytes"));
  return true;
}

}  // namespace mini_redis
