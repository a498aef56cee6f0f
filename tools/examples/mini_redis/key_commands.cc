// DEL EXISTS TYPE EXPIRE PEXPIRE TTL PTTL PERSIST KEYS
#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kioto/tools/examples/mini_redis/command.h"
#include "kioto/tools/examples/mini_redis/glob.h"

namespace mini_redis {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

void Del(Call& call) {
  const Args names = call.args.subspan(1);
  Locked keys = call.database().Lock(names);
  int64_t deleted = 0;
  for (absl::string_view name : names) {
    Entry* entry = keys.Find(name);
    if (entry == nullptr) continue;
    keys.Erase(entry);
    ++deleted;
  }
  call.reply.Integer(deleted);
}

void Exists(Call& call) {
  const Args names = call.args.subspan(1);
  Locked keys = call.database().Lock(names);
  call.reply.Integer(std::count_if(names.begin(), names.end(), [&](absl::string_view n) { return keys.Find(n) != nullptr; }));
}

void Type(Call& call) {
  Locked keys = call.database().Lock(call.args[1]);
  call.reply.Simple(keys.Find(call.args[1]) == nullptr ? "none" : "string");
}

// --- EXPIRE ---

struct Conditions {
  bool nx = false, xx = false, gt = false, lt = false;

  bool Allow(Millis old, Millis deadline) const {
    if (old == kNever) return !xx && !gt;
    return !nx && !(gt && deadline <= old) && !(lt && deadline >= old);
  }
};

// False: the error was replied.
bool ParseConditions(Call& call, Conditions* conditions) {
  for (absl::string_view option : call.args.subspan(3)) {
    if (absl::EqualsIgnoreCase(option, "NX")) {
      conditions->nx = true;
    } else if (absl::EqualsIgnoreCase(option, "XX")) {
      conditions->xx = true;
    } else if (absl::EqualsIgnoreCase(option, "GT")) {
      conditions->gt = true;
    } else if (absl::EqualsIgnoreCase(option, "LT")) {
      conditions->lt = true;
    } else {
      call.reply.Error(absl::StrCat("ERR Unsupported option ", option));
      return false;
    }
  }
  if (conditions->nx && (conditions->xx || conditions->gt || conditions->lt)) {
    call.reply.Error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return false;
  }
  if (conditions->gt && conditions->lt) {
    call.reply.Error("ERR GT and LT options at the same time are not compatible");
    return false;
  }
  return true;
}

void ExpireIn(Call& call, int64_t unit) {
  Conditions conditions;
  int64_t n = 0;
  if (!ParseConditions(call, &conditions) || !call.TakeInteger(2, &n)) return;
  const Millis now = call.state.store.Now();
  if (n > kMax / unit || n < kMin / unit || n * unit > kMax - now) {
    return call.reply.Error(absl::StrCat("ERR invalid expire time in '", call.command.name, "' command"));
  }
  const Millis deadline = now + n * unit;
  Locked keys = call.database().Lock(call.args[1]);
  Entry* entry = keys.Find(call.args[1]);
  if (entry == nullptr || !conditions.Allow(entry->deadline(), deadline)) return call.reply.Integer(0);
  if (deadline <= now) {
    keys.Erase(entry);
  } else {
    keys.SetDeadline(entry, deadline);
  }
  call.reply.Integer(1);
}

void Expire(Call& call) { ExpireIn(call, 1000); }
void PExpire(Call& call) { ExpireIn(call, 1); }

// -2: no such key; -1: no deadline.
int64_t TimeToLive(Call& call) {
  Locked keys = call.database().Lock(call.args[1]);
  const Entry* entry = keys.Find(call.args[1]);
  if (entry == nullptr) return -2;
  if (entry->deadline() == kNever) return -1;
  return std::max<Millis>(entry->deadline() - call.state.store.Now(), 0);
}

void Ttl(Call& call) {
  const int64_t millis = TimeToLive(call);
  call.reply.Integer(millis < 0 ? millis : millis / 1000 + (millis % 1000 >= 500 ? 1 : 0));
}
void PTtl(Call& call) { call.reply.Integer(TimeToLive(call)); }

void Persist(Call& call) {
  Locked keys = call.database().Lock(call.args[1]);
  Entry* entry = keys.Find(call.args[1]);
  const bool had_deadline = entry != nullptr && entry->deadline() != kNever;
  if (had_deadline) keys.SetDeadline(entry, kNever);
  call.reply.Integer(had_deadline ? 1 : 0);
}

void Keys(Call& call) {
  const size_t mark = call.reply.mark();
  size_t count = 0;
  call.database().ForEachKey([&](absl::string_view key) {
    if (call.reply.mark() - mark > call.state.options.max_reply || !GlobMatch(call.args[1], key)) return;
    call.reply.Bulk(key);
    ++count;
  });
  if (!call.TooLong(mark)) call.reply.ArrayFrom(mark, count);
}

constexpr absl::string_view kGroup = "generic";
constexpr Command kCommands[] = {
    {"del", -2, "write", 1, -1, 1, kGroup, "Delete keys", false, Del},
    {"exists", -2, "readonly,fast", 1, -1, 1, kGroup, "Count how many of the given keys exist", false, Exists},
    {"type", 2, "readonly,fast", 1, 1, 1, kGroup, "Tell the type of a key's value", false, Type},
    {"expire", -3, "write,fast", 1, 1, 1, kGroup, "Let a key live for so many seconds", false, Expire},
    {"pexpire", -3, "write,fast", 1, 1, 1, kGroup, "Let a key live for so many milliseconds", false, PExpire},
    {"ttl", 2, "readonly,fast", 1, 1, 1, kGroup, "Tell how many seconds a key has left", false, Ttl},
    {"pttl", 2, "readonly,fast", 1, 1, 1, kGroup, "Tell how many milliseconds a key has left", false, PTtl},
    {"persist", 2, "write,fast", 1, 1, 1, kGroup, "Let a key live for ever", false, Persist},
    {"keys", 2, "readonly,sort_for_script", 0, 0, 0, kGroup, "List the keys that match a pattern", false, Keys},
};

}  // namespace

absl::Span<const Command> KeyCommands() { return kCommands; }

}  // namespace mini_redis
