#include "kioto/tools/examples/mini_redis/client/buffered_client.h"

#include <utility>
#include <vector>

#include "kioto/runtime/task/spawn.h"
#include "kioto/sync/call.h"

namespace redis {

using absl::Status;
using absl::StatusOr;
using kioto::Future;

// [region owner]
// What the task is made of: methods, to be read from the bottom up.
class BufferedClient::Owner {
 public:
  Owner(Client client, kioto::sync::MpscReceiver<Request> requests)
      : client_(std::move(client)), requests_(std::move(requests)) {}

  // Those whose answers had come get them, even if the connection has ended since.
  void Answer(const Status& end) {
    for (size_t i = 0; i < taken_.size(); ++i) {
      taken_[i].reply.Send(i < replies_.size() ? StatusOr<Reply>(std::move(replies_[i])) : StatusOr<Reply>(end));
    }
    taken_.clear();
    replies_.clear();
  }

  auto SendTaken() {
    std::string commands;
    for (const Request& request : taken_) commands += request.command;
    return client_.CallMany(std::move(commands), taken_.size(), replies_).Then([this](Status& end) {
      Answer(end);
      return end;
    });
  }

  // Ends when nobody is there who could ask, or with the connection.
  auto Run() {
    return kioto::Loop([this] {
      return requests_.RecvMany(taken_, kMostAtOnce).Then([this](size_t& n) {
        return kioto::If(n == 0, kioto::Break, [this] { return SendTaken(); });
      });
    });
  }

 private:
  static constexpr size_t kMostAtOnce = 64;

  Client client_;
  kioto::sync::MpscReceiver<Request> requests_;
  std::vector<Request> taken_;
  std::vector<Reply> replies_;
};
// [end owner]

BufferedClient::BufferedClient(Client client, size_t waiting) {
  auto channel = kioto::sync::Mpsc<Request>(waiting);
  requests_ = std::move(channel.sender);
  kioto::Spawn(kioto::With(Owner(std::move(client), std::move(channel.receiver)), &Owner::Run).Then([](Status) {})).Detach();
}

Future<StatusOr<Reply>> BufferedClient::Call(absl::Span<const absl::string_view> words) const {
  return kioto::With(requests_, [command = Encode(words)](const kioto::sync::MpscSender<Request>& requests) mutable {
    return kioto::sync::Call<StatusOr<Reply>>(requests, [command = std::move(command)](auto reply) mutable {
      return Request{std::move(command), std::move(reply)};
    });
  });
}

Future<StatusOr<std::optional<std::string>>> BufferedClient::Get(absl::string_view key) const {
  return Call({"GET", key}).AndThen([](Reply& reply) { return AsTextOrNil(std::move(reply)); });
}

Future<Status> BufferedClient::Set(absl::string_view key, absl::string_view value) const {
  return Call({"SET", key, value}).AndThen([](Reply& reply) { return AsOk(reply); });
}

}  // namespace redis
