#include "kioto/tools/examples/mini_redis/client/client.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace redis {

using absl::Status;
using absl::StatusOr;
using kioto::Break;
using kioto::Continue;
using kioto::Flow;
using kioto::Future;

Future<StatusOr<Client>> Client::Connect(kioto::net::Endpoint to) {
  return kioto::net::TcpStream::Connect(std::move(to)).AndThen([](kioto::net::TcpStream& stream) {
    (void)stream.SetNoDelay(true);  // commands are written whole
    return Client(std::move(stream));
  });
}

// [region receive]
Future<StatusOr<Reply>> Client::Receive() {
  return kioto::Loop([this]() -> Future<StatusOr<Flow<Reply>>> {
    absl::string_view bytes = in_.view();
    StatusOr<std::optional<Reply>> reply = TakeReply(bytes);
    if (!reply.ok()) return reply.status();
    if (*reply) {
      in_.Consume(in_.size() - bytes.size());
      return StatusOr<Flow<Reply>>(Break(**std::move(reply)));
    }
    return stream_.Read(in_).AndThen([](size_t& n) -> StatusOr<Flow<Reply>> {
      if (n == 0) return absl::UnavailableError("the server has closed the connection");
      return Flow<Reply>(Continue());
    });
  });
}
// [end receive]

Future<StatusOr<std::vector<Reply>>> Client::CallMany(std::string commands, size_t count) {
  if (in_call_) return absl::FailedPreconditionError("an earlier call was dropped before its answer came: connect anew");
  in_call_ = true;
  return kioto::With(std::vector<Reply>(), [this, count, commands = std::move(commands)](std::vector<Reply>& replies) mutable {
    return stream_.WriteAll(std::move(commands)).AndThen([this, count, &replies] {
      return kioto::Loop([this, count, &replies] {
        return kioto::If(replies.size() == count, Break, [this, &replies] {
          return Receive().AndThen([&replies](Reply& reply) { replies.push_back(std::move(reply)); });
        });
      });
    }).AndThen([this, &replies] {
      in_call_ = false;
      return std::move(replies);
    });
  });
}

Future<StatusOr<Reply>> Client::Call(absl::Span<const absl::string_view> words) {
  return CallMany(Encode(words), 1).AndThen([](std::vector<Reply>& replies) { return std::move(replies[0]); });
}

Future<StatusOr<std::string>> Client::Ping(absl::string_view text) {
  return Call({"PING", text}).AndThen([](Reply& reply) { return AsText(std::move(reply)); });
}

Future<StatusOr<std::optional<std::string>>> Client::Get(absl::string_view key) {
  return Call({"GET", key}).AndThen([](Reply& reply) { return AsTextOrNil(std::move(reply)); });
}

Future<Status> Client::Set(absl::string_view key, absl::string_view value) {
  return Call({"SET", key, value}).AndThen([](Reply& reply) { return AsOk(reply); });
}

Future<Status> Client::Set(absl::string_view key, absl::string_view value, std::chrono::milliseconds expires) {
  const std::string millis = absl::StrCat(expires.count());
  return Call({"SET", key, value, "PX", millis}).AndThen([](Reply& reply) { return AsOk(reply); });
}

Future<StatusOr<int64_t>> Client::Publish(absl::string_view channel, absl::string_view message) {
  return Call({"PUBLISH", channel, message}).AndThen([](Reply& reply) { return AsInteger(reply); });
}

Future<StatusOr<Subscriber>> Client::Subscribe(absl::Span<const std::string> channels) && {
  return kioto::With(Subscriber(std::move(*this)),
                     [names = std::vector<std::string>(channels.begin(), channels.end())](Subscriber& subscriber) {
                       return subscriber.Send("SUBSCRIBE", names).AndThen([&subscriber] { return std::move(subscriber); });
                     });
}

Future<Status> Subscriber::Send(absl::string_view command, absl::Span<const std::string> channels) {
  std::vector<absl::string_view> words = {command};
  words.insert(words.end(), channels.begin(), channels.end());
  return client_.stream_.WriteAll(Encode(words));
}

// [region next message]
Future<StatusOr<Message>> Subscriber::Next() {
  return kioto::Loop([this] {
    return client_.Receive().AndThen([](Reply& reply) -> StatusOr<Flow<Message>> {
      if (reply.kind == Reply::Kind::kError) return absl::InvalidArgumentError(reply.text);
      if (reply.items.size() != 3 || reply.items[0].text != "message") return Flow<Message>(Continue());  // an answer to (Un)Subscribe
      return Break(Message{std::move(reply.items[1].text), std::move(reply.items[2].text)});
    });
  });
}
// [end next message]

}  // namespace redis
