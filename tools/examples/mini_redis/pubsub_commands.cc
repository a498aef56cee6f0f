// SUBSCRIBE UNSUBSCRIBE PUBLISH
#include <string>

#include "absl/strings/str_cat.h"
#include "kioto/tools/examples/mini_redis/command.h"

namespace mini_redis {
namespace {

void Confirm(Call& call, absl::string_view what, absl::string_view channel) {
  call.reply.Array(3);
  call.reply.Bulk(what);
  call.reply.Bulk(channel);
  call.reply.Integer(static_cast<int64_t>(call.client.channels.size()));
}

// [region subscribe]
void Subscribe(Call& call) {
  for (absl::string_view channel : call.args.subspan(1)) {
    const bool known = call.client.channels.count(channel) != 0;
    if (!known && call.client.channels.size() >= call.state.options.max_subscriptions) {
      return call.reply.Error(
          absl::StrCat("ERR a client may subscribe to ", call.state.options.max_subscriptions, " channels"));
    }
    if (!known) {
      call.client.channels.emplace(channel);
      call.state.hub.Subscribe(channel, call.client.mailbox);
    }
    Confirm(call, "subscribe", channel);
  }
}
// [end subscribe]

// The name by value: who calls may have it from the set.
void Leave(Call& call, std::string channel) {
  if (call.client.channels.erase(channel) != 0) {
    call.state.hub.Unsubscribe(channel, call.client.mailbox.get());
    std::string published;
    call.client.mailbox->TakeTo(published);
    call.reply.Made(published);  // what came before stands before
  }
  Confirm(call, "unsubscribe", channel);
}

void Unsubscribe(Call& call) {
  if (call.args.size() > 1) {
    for (absl::string_view channel : call.args.subspan(1)) Leave(call, std::string(channel));
    return;
  }
  if (call.client.channels.empty()) {
    call.reply.Array(3);
    call.reply.Bulk("unsubscribe");
    call.reply.Nil();
    return call.reply.Integer(0);
  }
  while (!call.client.channels.empty()) Leave(call, *call.client.channels.begin());
}

void Publish(Call& call) {
  constexpr size_t kEnvelope = 64;  // what a message has around its two strings
  if (call.args[1].size() + call.args[2].size() + kEnvelope > call.state.options.max_backlog) {
    return call.reply.Error(absl::StrCat("ERR a message may have ", call.state.options.max_backlog - kEnvelope, " bytes with its channel"));
  }
  call.reply.Integer(static_cast<int64_t>(call.state.hub.Publish(call.args[1], call.args[2])));
}

constexpr absl::string_view kGroup = "pubsub";
constexpr Command kCommands[] = {
    {"subscribe", -2, "pubsub,noscript,loading,stale", 0, 0, 0, kGroup, "Listen to channels", true, Subscribe},
    {"unsubscribe", -1, "pubsub,noscript,loading,stale", 0, 0, 0, kGroup, "Stop listening to channels", true, Unsubscribe},
    {"publish", 3, "pubsub,loading,stale,fast", 0, 0, 0, kGroup, "Send a message to a channel", false, Publish},
};

}  // namespace

absl::Span<const Command> PubSubCommands() { return kCommands; }

void UnsubscribeAll(State& state, Client& client) {
  for (const std::string& channel : client.channels) state.hub.Unsubscribe(channel, client.mailbox.get());
  client.channels.clear();
}

}  // namespace mini_redis
