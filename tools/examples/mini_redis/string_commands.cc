// GET SET SETNX GETSET MGET MSET INCR DECR INCRBY DECRBY APPEND STRLEN
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kioto/tools/examples/mini_redis/command.h"

namespace mini_redis {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

void ReplyValue(Call& call, const Entry* entry) {
  if (entry == nullptr) return call.reply.Nil();
  call.reply.Bulk(entry->value());
}

void Get(Call& call) {
  Locked keys = call.database().Lock(call.args[1]);
  ReplyValue(call, keys.Find(call.args[1]));
}

// --- SET ---

struct SetOptions {
  bool if_absent = false, if_present = false, give_old = false, keep_deadline = false;
  size_t expiry = 0;  // the index of the number; 0: none
  int64_t unit = 0;   // milliseconds
  bool absolute = false;
};

// False: replied a syntax error.
bool ParseSetOptions(Call& call, SetOptions* options) {
  struct Expiry {
    absl::string_view name;
    int64_t unit;
    bool absolute;
  };
  static constexpr Expiry kExpiries[] = {{"EX", 1000, false}, {"PX", 1, false}, {"EXAT", 1000, true}, {"PXAT", 1, true}};
  for (size_t i = 3; i < call.args.size(); ++i) {
    const absl::string_view option = call.args[i];
    bool fits = false;
    if (absl::EqualsIgnoreCase(option, "NX")) {
      fits = options->if_absent = !options->if_present;
    } else if (absl::EqualsIgnoreCase(option, "XX")) {
      fits = options->if_present = !options->if_absent;
    } else if (absl::EqualsIgnoreCase(option, "GET")) {
      fits = options->give_old = true;
    } else if (absl::EqualsIgnoreCase(option, "KEEPTTL")) {
      fits = options->keep_deadline = options->expiry == 0;
    }
    for (const Expiry& expiry : kExpiries) {
      if (!absl::EqualsIgnoreCase(option, expiry.name)) continue;
      fits = options->expiry == 0 && !options->keep_deadline && i + 1 < call.args.size();
      options->expiry = ++i;
      options->unit = expiry.unit;
      options->absolute = expiry.absolute;
      break;
    }
    if (!fits) {
      call.SyntaxError();
      return false;
    }
  }
  return true;
}

// False: replied an error.
bool TakeDeadline(Call& call, const SetOptions& options, Millis* deadline) {
  int64_t n = 0;
  if (!call.TakeInteger(options.expiry, &n)) return false;
  const Millis from = options.absolute ? 0 : call.state.store.Now();
  if (n <= 0 || n > kMax / options.unit || n * options.unit > kMax - from) {
    call.reply.Error(absl::StrCat("ERR invalid expire time in '", call.command.name, "' command"));
    return false;
  }
  *deadline = from + n * options.unit;
  return true;
}

void Set(Call& call) {
  SetOptions options;
  Millis deadline = kNever;
  if (call.args.size() > 3) {
    if (!ParseSetOptions(call, &options)) return;
    if (options.expiry != 0 && !TakeDeadline(call, options, &deadline)) return;
  }
  Locked keys = call.database().Lock(call.args[1]);
  if (options.if_absent || options.if_present || options.give_old) {
    const Entry* old = keys.Find(call.args[1]);
    if (options.give_old) ReplyValue(call, old);
    if (old != nullptr ? options.if_absent : options.if_present) {
      if (!options.give_old) call.reply.Nil();
      return;
    }
  }
  Entry* entry = keys.Set(call.args[1], call.args[2],
                          options.keep_deadline ? Locked::Deadline::kKeep : Locked::Deadline::kForget);
  if (deadline != kNever) keys.SetDeadline(entry, deadline);
  if (!options.give_old) call.reply.Ok();
}

void SetNx(Call& call) {
  Locked keys = call.database().Lock(call.args[1]);
  const bool absent = keys.Find(call.args[1]) == nullptr;
  if (absent) keys.Set(call.args[1], call.args[2]);
  call.reply.Integer(absent ? 1 : 0);
}

void GetSet(Call& call) {
  Locked keys = call.database().Lock(call.args[1]);
  ReplyValue(call, keys.Find(call.args[1]));
  keys.Set(call.args[1], call.args[2]);
}

void MGet(Call& call) {
  const size_t mark = call.reply.mark();
  const Args names = call.args.subspan(1);
  Locked keys = call.database().Lock(names);
  call.reply.Array(names.size());
  for (absl::string_view name : names) {
    ReplyValue(call, keys.Find(name));
    if (call.TooLong(mark)) return;
  }
}

void MSet(Call& call) {
  if (call.args.size() % 2 == 0) return call.WrongNumber();
  const Args pairs = call.args.subspan(1);
  Locked keys = call.database().Lock(pairs, 2);
  for (size_t i = 0; i < pairs.size(); i += 2) keys.Set(pairs[i], pairs[i + 1]);
  call.reply.Ok();
}

// --- Numbers ---

void Add(Call& call, int64_t by) {
  const absl::string_view key = call.args[1];
  Locked keys = call.database().Lock(key);
  const Entry* entry = keys.Find(key);
  int64_t n = 0;
  if (entry != nullptr && !ParseInteger(entry->value(), &n)) {
    return call.reply.Error("ERR value is not an integer or out of range");
  }
  if (by > 0 ? n > kMax - by : n < kMin - by) return call.reply.Error("ERR increment or decrement would overflow");
  n += by;
  char digits[24];
  const char* end = std::to_chars(digits, digits + sizeof(digits), n).ptr;
  keys.Set(key, absl::string_view(digits, static_cast<size_t>(end - digits)), Locked::Deadline::kKeep);
  call.reply.Integer(n);
}

void Incr(Call& call) { Add(call, 1); }
void Decr(Call& call) { Add(call, -1); }

void IncrBy(Call& call) {
  int64_t by = 0;
  if (call.TakeInteger(2, &by)) Add(call, by);
}

void DecrBy(Call& call) {
  int64_t by = 0;
  if (!call.TakeInteger(2, &by)) return;
  if (by == kMin) return call.reply.Error("ERR decrement would overflow");
  Add(call, -by);
}

// --- Bytes ---

void Append(Call& call) {
  const absl::string_view key = call.args[1], more = call.args[2];
  Locked keys = call.database().Lock(key);
  const Entry* entry = keys.Find(key);
  const size_t size = (entry == nullptr ? 0 : entry->value().size()) + more.size();
  if (size > call.state.options.max_bulk) {
    return call.reply.Error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  }
  keys.Append(key, more);
  call.reply.Integer(static_cast<int64_t>(size));
}

void StrLen(Call& call) {
  Locked keys = call.database().Lock(call.args[1]);
  const Entry* entry = keys.Find(call.args[1]);
  call.reply.Integer(entry == nullptr ? 0 : static_cast<int64_t>(entry->value().size()));
}

constexpr absl::string_view kGroup = "string";
constexpr Command kCommands[] = {
    {"get", 2, "readonly,fast", 1, 1, 1, kGroup, "Get the value of a key", false, Get},
    {"set", -3, "write,denyoom", 1, 1, 1, kGroup, "Set the value of a key", false, Set},
    {"setnx", 3, "write,denyoom,fast", 1, 1, 1, kGroup, "Set the value of a key that does not exist", false, SetNx},
    {"getset", 3, "write,denyoom,fast", 1, 1, 1, kGroup, "Set the value of a key and return its old value", false, GetSet},
    {"mget", -2, "readonly,fast", 1, -1, 1, kGroup, "Get the values of all the given keys", false, MGet},
    {"mset", -3, "write,denyoom", 1, -1, 2, kGroup, "Set several keys at once", false, MSet},
    {"incr", 2, "write,denyoom,fast", 1, 1, 1, kGroup, "Add one to the number in a key", false, Incr},
    {"decr", 2, "write,denyoom,fast", 1, 1, 1, kGroup, "Take one from the number in a key", false, Decr},
    {"incrby", 3, "write,denyoom,fast", 1, 1, 1, kGroup, "Add to the number in a key", false, IncrBy},
    {"decrby", 3, "write,denyoom,fast", 1, 1, 1, kGroup, "Take from the number in a key", false, DecrBy},
    {"append", 3, "write,denyoom,fast", 1, 1, 1, kGroup, "Append to the value of a key", false, Append},
    {"strlen", 2, "readonly,fast", 1, 1, 1, kGroup, "Get the length of the value of a key", false, StrLen},
};

}  // namespace

absl::Span<const Command> StringCommands() { return kCommands; }

}  // namespace mini_redis
