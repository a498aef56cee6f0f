// PING ECHO SELECT QUIT DBSIZE FLUSHDB FLUSHALL COMMAND CONFIG GET CLIENT INFO
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "kioto/tools/examples/mini_redis/command.h"
#include "kioto/tools/examples/mini_redis/glob.h"

namespace mini_redis {
namespace {

constexpr absl::string_view kVersion = "7.0.0";  // whose replies these are

void Ping(Call& call) {
  if (call.args.size() > 2) return call.WrongNumber();
  const absl::string_view text = call.args.size() == 2 ? call.args[1] : "";
  if (!call.client.channels.empty()) {  // looks like a message then
    call.reply.Array(2);
    call.reply.Bulk("pong");
    return call.reply.Bulk(text);
  }
  if (call.args.size() == 1) return call.reply.Simple("PONG");
  call.reply.Bulk(text);
}

void Echo(Call& call) { call.reply.Bulk(call.args[1]); }

void Select(Call& call) {
  int64_t index = 0;
  if (!call.TakeInteger(1, &index)) return;
  if (index < INT32_MIN || index > INT32_MAX) {
    return call.reply.Error("ERR value is out of range, value must between -2147483648 and 2147483647");
  }
  if (index < 0 || index >= static_cast<int64_t>(Store::kDatabases)) {
    return call.reply.Error("ERR DB index is out of range");
  }
  call.client.database = static_cast<size_t>(index);
  call.reply.Ok();
}

void Quit(Call& call) {
  call.client.closing = true;
  call.reply.Ok();
}

void DbSize(Call& call) { call.reply.Integer(static_cast<int64_t>(call.database().size())); }

// Nothing is put off here, so ASYNC is taken for SYNC.
bool TakeFlushOption(Call& call) {
  const bool fine = call.args.size() == 1 || (call.args.size() == 2 && (absl::EqualsIgnoreCase(call.args[1], "ASYNC") ||
                                                                        absl::EqualsIgnoreCase(call.args[1], "SYNC")));
  if (!fine) call.SyntaxError();
  return fine;
}

void FlushDb(Call& call) {
  if (!TakeFlushOption(call)) return;
  call.database().Clear();
  call.reply.Ok();
}

void FlushAll(Call& call) {
  if (!TakeFlushOption(call)) return;
  for (size_t i = 0; i < Store::kDatabases; ++i) call.state.store.database(i).Clear();
  call.reply.Ok();
}

// --- COMMAND ---

void Describe(Call& call, const Command& command) {
  call.reply.Array(7);
  call.reply.Bulk(command.name);
  call.reply.Integer(command.arity);
  const std::vector<absl::string_view> flags = absl::StrSplit(command.flags, ',');
  call.reply.Array(flags.size());
  for (absl::string_view flag : flags) call.reply.Simple(flag);
  call.reply.Integer(command.first_key);
  call.reply.Integer(command.last_key);
  call.reply.Integer(command.key_step);
  call.reply.Array(0);
}

void Document(Call& call, const Command& command) {
  call.reply.Bulk(command.name);
  call.reply.Array(4);
  call.reply.Bulk("summary");
  call.reply.Bulk(command.summary);
  call.reply.Bulk("group");
  call.reply.Bulk(command.group);
}

// The commands named from args[2] on, or all.
std::vector<const Command*> Named(const Call& call) {
  if (call.args.size() <= 2) return {AllCommands().begin(), AllCommands().end()};
  std::vector<const Command*> named;
  for (absl::string_view name : call.args.subspan(2)) named.push_back(FindCommand(name));
  return named;
}

void CommandCommand(Call& call) {
  const absl::string_view what = call.args.size() == 1 ? "INFO" : call.args[1];
  if (absl::EqualsIgnoreCase(what, "COUNT")) {
    if (call.args.size() != 2) return call.WrongNumber("count");
    return call.reply.Integer(static_cast<int64_t>(AllCommands().size()));
  }
  std::vector<const Command*> named = Named(call);
  const size_t mark = call.reply.mark();
  if (absl::EqualsIgnoreCase(what, "INFO")) {
    call.reply.Array(named.size());
    for (const Command* command : named) {
      if (command != nullptr) Describe(call, *command);
      if (command == nullptr) call.reply.Nil();
      if (call.TooLong(mark)) return;
    }
  } else if (absl::EqualsIgnoreCase(what, "DOCS")) {
    named.erase(std::remove(named.begin(), named.end(), nullptr), named.end());
    call.reply.Array(named.size() * 2);
    for (const Command* command : named) {
      Document(call, *command);
      if (call.TooLong(mark)) return;
    }
  } else if (absl::EqualsIgnoreCase(what, "LIST")) {
    if (call.args.size() != 2) return call.SyntaxError();  // no filters here
    call.reply.Array(AllCommands().size());
    for (const Command* command : AllCommands()) call.reply.Bulk(command->name);
  } else {
    call.UnknownSubcommand();
  }
}

// --- CONFIG ---

std::vector<std::pair<std::string, std::string>> Parameters(const Call& call) {
  const Options& o = call.state.options;
  return {
      {"appendonly", "no"},
      {"bind", o.bind},
      {"client-output-buffer-limit", absl::StrCat("normal 0 0 0 slave 0 0 0 pubsub ", o.max_backlog, " 0 0")},
      {"client-query-buffer-limit", absl::StrCat(o.max_frame)},
      {"databases", absl::StrCat(Store::kDatabases)},
      {"maxclients", absl::StrCat(o.max_clients)},
      {"maxmemory", "0"},
      {"port", absl::StrCat(call.state.port)},
      {"proto-max-bulk-len", absl::StrCat(o.max_bulk)},
      {"save", ""},
      {"timeout", absl::StrCat(o.idle_timeout.count())},
  };
}

void Config(Call& call) {
  if (!absl::EqualsIgnoreCase(call.args[1], "GET")) return call.UnknownSubcommand();
  if (call.args.size() < 3) return call.WrongNumber("get");
  const size_t mark = call.reply.mark();
  size_t count = 0;
  for (const auto& parameter : Parameters(call)) {
    const auto pattern = std::find_if(call.args.begin() + 2, call.args.end(), [&](absl::string_view p) {
      return GlobMatchIgnoringCase(p, parameter.first);
    });
    if (pattern == call.args.end()) continue;
    const bool name = pattern->find_first_of("*?[") == absl::string_view::npos;
    call.reply.Bulk(name ? *pattern : parameter.first);  // a name comes back as it was written
    call.reply.Bulk(parameter.second);
    count += 2;
  }
  call.reply.ArrayFrom(mark, count);
}

// --- CLIENT ---

void ClientSetName(Call& call) {
  const absl::string_view name = call.args[2];
  if (std::any_of(name.begin(), name.end(), [](char c) { return c < '!' || c > '~'; })) {
    return call.reply.Error("ERR Client names cannot contain spaces, newlines or special characters.");
  }
  call.client.name = std::string(name);
  call.reply.Ok();
}

void ClientGetName(Call& call) {
  if (call.client.name.empty()) return call.reply.Nil();
  call.reply.Bulk(call.client.name);
}

void ClientCommand(Call& call) {
  struct Subcommand {
    absl::string_view name;
    size_t args;
    void (*run)(Call& call);
  };
  static constexpr Subcommand kSubcommands[] = {
      {"id", 2, [](Call& c) { c.reply.Integer(static_cast<int64_t>(c.client.id)); }},
      {"getname", 2, ClientGetName},
      {"setname", 3, ClientSetName},
      {"setinfo", 4, [](Call& c) { c.reply.Ok(); }},
      {"info", 2,
       [](Call& c) {
         c.reply.Bulk(absl::StrCat("id=", c.client.id, " addr=", c.client.address, " name=", c.client.name,
                                   " db=", c.client.database, " sub=", c.client.channels.size(), " psub=0 cmd=client|info\n"));
       }},
  };
  for (const Subcommand& subcommand : kSubcommands) {
    if (!absl::EqualsIgnoreCase(call.args[1], subcommand.name)) continue;
    if (call.args.size() != subcommand.args) return call.WrongNumber(subcommand.name);
    return subcommand.run(call);
  }
  call.UnknownSubcommand();
}

// --- INFO ---

std::string Keyspace(Call& call) {
  std::string text;
  for (size_t i = 0; i < Store::kDatabases; ++i) {
    const size_t size = call.state.store.database(i).size();
    if (size == 0) continue;
    absl::StrAppend(&text, "db", i, ":keys=", size, ",expires=", call.state.store.database(i).expiring(), ",avg_ttl=0\r\n");
  }
  return text;
}

void Info(Call& call) {
  const State& state = call.state;
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(state.started.Elapsed()).count();
  const std::pair<absl::string_view, std::string> sections[] = {
      {"Server", absl::StrCat("redis_version:", kVersion, "\r\nredis_mode:standalone\r\nserver_name:mini_redis\r\ntcp_port:",
                              state.port, "\r\nuptime_in_seconds:", uptime, "\r\n")},
      {"Clients", absl::StrCat("connected_clients:", state.clients.size(), "\r\nmaxclients:", state.options.max_clients,
                               "\r\n")},
      {"Stats", absl::StrCat("total_connections_received:", state.connections.value(),
                             "\r\ntotal_commands_processed:", state.commands.value(),
                             "\r\nrejected_connections:", state.refused.value(),
                             "\r\nclient_output_buffer_limit_disconnections:", state.overflowed.value(),
                             "\r\npubsub_channels:", call.state.hub.channels(), "\r\n")},
      {"Keyspace", Keyspace(call)},
  };
  const auto wanted = [&](absl::string_view section) {
    if (call.args.size() == 1) return true;
    return std::any_of(call.args.begin() + 1, call.args.end(), [&](absl::string_view name) {
      return absl::EqualsIgnoreCase(name, section) || absl::EqualsIgnoreCase(name, "all") ||
             absl::EqualsIgnoreCase(name, "everything") || absl::EqualsIgnoreCase(name, "default");
    });
  };
  std::string text;
  for (const auto& section : sections) {
    if (!wanted(section.first)) continue;
    absl::StrAppend(&text, text.empty() ? "" : "\r\n", "# ", section.first, "\r\n", section.second);
  }
  call.reply.Bulk(text);
}

constexpr absl::string_view kConnection = "connection";
constexpr absl::string_view kServer = "server";
constexpr Command kCommands[] = {
    {"ping", -1, "fast", 0, 0, 0, kConnection, "See whether the server answers", true, Ping},
    {"echo", 2, "fast", 0, 0, 0, kConnection, "Get the text back", false, Echo},
    {"select", 2, "loading,stale,fast", 0, 0, 0, kConnection, "Choose a database", false, Select},
    {"quit", -1, "fast", 0, 0, 0, kConnection, "Close the connection", true, Quit},
    {"client", -2, "admin", 0, 0, 0, kConnection, "Ask and say things about this connection", false, ClientCommand},
    {"dbsize", 1, "readonly,fast", 0, 0, 0, kServer, "Count the keys", false, DbSize},
    {"flushdb", -1, "write", 0, 0, 0, kServer, "Delete all keys of the database", false, FlushDb},
    {"flushall", -1, "write", 0, 0, 0, kServer, "Delete all keys of all databases", false, FlushAll},
    {"command", -1, "loading,stale", 0, 0, 0, kServer, "List the commands", false, CommandCommand},
    {"config", -2, "admin", 0, 0, 0, kServer, "Get parameters that match a pattern", false, Config},
    {"info", -1, "loading,stale", 0, 0, 0, kServer, "Get figures about the server", false, Info},
};

}  // namespace

absl::Span<const Command> ServerCommands() { return kCommands; }

}  // namespace mini_redis
