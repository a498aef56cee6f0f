// Client: one connection to a Redis server, used by one task at a time. Subscriber: such a connection, listening.
//
//   return redis::Client::Connect("localhost:6379").AndThen([](redis::Client& client) {
//     return client.Set("greeting", "hello").AndThen([&client] { return client.Get("greeting"); });
//   });
//
// Arguments are copied before a method returns; the client must stay until what it returned is done. Errors: the connection's;
// what the server refuses is kInvalidArgument, in its words. An error of the connection is that of every later call, too. A call
// that was begun and is dropped before its answer has come leaves the connection out of step: every later one is
// kFailedPrecondition.
#ifndef KIOTO_TOOLS_EXAMPLES_MINI_REDIS_CLIENT_CLIENT_H_
#define KIOTO_TOOLS_EXAMPLES_MINI_REDIS_CLIENT_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/tools/examples/mini_redis/client/reply.h"

namespace redis {

class Subscriber;

class Client {
 public:
  static kioto::Future<absl::StatusOr<Client>> Connect(kioto::net::Endpoint to);
  explicit Client(kioto::net::TcpStream stream) : stream_(std::move(stream)) {}

  kioto::Future<absl::StatusOr<std::string>> Ping(absl::string_view text = "PONG");
  // nullopt: there is no such key.
  kioto::Future<absl::StatusOr<std::optional<std::string>>> Get(absl::string_view key);
  kioto::Future<absl::Status> Set(absl::string_view key, absl::string_view value);
  // It goes away by itself after that time.
  kioto::Future<absl::Status> Set(absl::string_view key, absl::string_view value, std::chrono::milliseconds expires);
  // To how many it went.
  kioto::Future<absl::StatusOr<int64_t>> Publish(absl::string_view channel, absl::string_view message);
  kioto::Future<absl::StatusOr<Subscriber>> Subscribe(absl::Span<const std::string> channels) &&;

  // Any command. What the server refuses is a Reply, too.
  kioto::Future<absl::StatusOr<Reply>> Call(absl::Span<const absl::string_view> words);
  // Commands that were encoded already, and their `count` answers in the same order. Answers are read while commands are written:
  // a server that waits for room to answer in goes on to take what is left of them.
  kioto::Future<absl::StatusOr<std::vector<Reply>>> CallMany(std::string commands, size_t count);
  // The same, and what had come before an error is in `replies`, which must stay until this is done.
  kioto::Future<absl::Status> CallMany(std::string commands, size_t count, std::vector<Reply>& replies);

 private:
  friend class Subscriber;

  // The next reply. CANCEL SAFE: yes.
  kioto::Future<absl::StatusOr<Reply>> Receive();

  kioto::net::TcpStream stream_;
  kioto::ByteQueue in_;
  ReplyParser parser_;
  absl::Status step_;  // why no other call can be made; OK: one can
};

struct Message {
  std::string channel;
  std::string text;
};

// CANCEL SAFE: Next(): yes.
class Subscriber {
 public:
  explicit Subscriber(Client client) : client_(std::move(client)) {}

  // The next message. Errors: the end of the connection is one.
  kioto::Future<absl::StatusOr<Message>> Next();
  // Ready when it was sent. The server's answer is passed over by Next.
  kioto::Future<absl::Status> Subscribe(absl::Span<const std::string> channels) { return Send("SUBSCRIBE", channels); }
  // No channel: all of them.
  kioto::Future<absl::Status> Unsubscribe(absl::Span<const std::string> channels = {}) { return Send("UNSUBSCRIBE", channels); }

 private:
  friend class Client;
  kioto::Future<absl::Status> Send(absl::string_view command, absl::Span<const std::string> channels);

  Client client_;
};

}  // namespace redis

#endif  // KIOTO_TOOLS_EXAMPLES_MINI_REDIS_CLIENT_CLIENT_H_
