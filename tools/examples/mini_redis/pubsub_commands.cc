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

void Unsubscribe(Call& call) {
  if (call.args.size() > 1) {
    for (absl::string_view channel : call.args.subspan(1)) {
      const auto found = call.client.channels.find(channel);
      if (found != call.client.channels.end()) {
        call.state.hub.Unsubscribe(channel, call.client.mailbox.get());
        call.client.channels.erase(found);
      }
      Confirm(call, "unsubscribe", channel);
    }
    return;
  }
  if (call.client.channels.empty()) {
    call.reply.Array(3);
    call.reply.Bulk("unsubscribe");
    call.reply.Nil();
    return call.reply.Integer(0);
  }
  while (!call.client.channels.empty()) {
    const std::string channel = *call.client.channels.begin();
    call.state.hub.Unsubscribe(channel, call.client.mailbox.get());
    call.client.channels.erase(call.client.channels.begin());
    Confirm(call, "unsubscribe", channel);
  }
}

void Publish(Call& call) {
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
