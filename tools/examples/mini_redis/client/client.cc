#include "kioto/tools/examples/mini_redis/client/client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "kioto/runtime/future/future.h"

namespace redis {

using absl::Status;
using absl::StatusOr;
using kioto::Break;
using kioto::Continue;
using kioto::Flow;
using kioto::Future;

constexpr size_t kRoom = 16 << 10;  // bytes that are read at a time
constexpr size_t kKeep = 64 << 10;  // bytes of the buffer that stay after a long reply

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
    StatusOr<std::optional<Reply>> reply = parser_.Parse(bytes);
    in_.Consume(in_.size() - bytes.size());
    if (!reply.ok()) return reply.status();
    if (*reply) {
      in_.Release(kKeep);
      return StatusOr<Flow<Reply>>(Break(**std::move(reply)));
    }
    return stream_.Read(in_, kRoom).AndThen([](size_t& n) -> StatusOr<Flow<Reply>> {
      if (n == 0) return absl::UnavailableError("the server has closed the connection");
      return Flow<Reply>(Continue());
    });
  });
}
// [end receive]

// [region pipeline]
// Both directions at once: to write all of it first would wait for ever for a server that writes its answers first. When writing
// fails, the answers that had been sent are still there to be read, and may say why.
Future<Status> Client::CallMany(std::string commands, size_t count, std::vector<Reply>& replies) {
  return kioto::Lazy([this, count, &replies, commands = std::move(commands)]() mutable -> Future<Status> {
    if (!step_.ok()) return step_;
    step_ = absl::FailedPreconditionError("an earlier call was dropped before its answer came: connect anew");
    return kioto::With(absl::OkStatus(), [this, count, &replies, commands = std::move(commands)](Status& first) mutable {
      auto write = stream_.WriteAll(std::move(commands)).Then([&first](Status& written) {
        first = std::move(written);
        return absl::OkStatus();
      });
      auto read = kioto::Loop([this, count, &replies] {
        return kioto::If(replies.size() == count, Break, [this, &replies] {
          return Receive().AndThen([&replies](Reply& reply) { replies.push_back(std::move(reply)); });
        });
      });
      return kioto::TryJoin(std::move(write), std::move(read)).Then([this, &first](Status& got) {
        step_ = first.ok() ? got : first;
        return got.ok() ? got : step_;
      });
    });
  });
}
// [end pipeline]

Future<StatusOr<std::vector<Reply>>> Client::CallMany(std::string commands, size_t count) {
  return kioto::With(std::vector<Reply>(), [this, count, commands = std::move(commands)](std::vector<Reply>& replies) mutable {
    return CallMany(std::move(commands), count, replies).AndThen([&replies] { return std::move(replies); });
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
  if (!step_.ok()) return step_;
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
