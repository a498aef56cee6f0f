// Sessions on two workers, over loopback, with no signal in it: so ThreadSanitizer sees all that connections share.
#include "kioto/tools/examples/mini_redis/session.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tools/examples/mini_redis/reply.h"

namespace mini_redis {
namespace {

std::string Command(const std::vector<absl::string_view>& words) {
  std::string out;
  ReplyWriter writer(out);
  writer.Array(words.size());
  for (absl::string_view word : words) writer.Bulk(word);
  return out;
}

// A client: the blocking end of a connection, the other end of which is served.
class Peer {
 public:
  Peer(kioto::Runtime& runtime, const std::shared_ptr<State>& state) : Peer(runtime, state, Listen(runtime)) {}

  void Send(const std::string& bytes) { socket_.Send(bytes); }
  // So many bytes, or what came before the end.
  std::string Receive(size_t size) { return socket_.Receive(size); }
  void Call(const std::string& commands, absl::string_view replies) {
    Send(commands);
    EXPECT_EQ(Receive(replies.size()), replies);
  }

 private:
  static kioto::net::TcpListener Listen(kioto::Runtime& runtime) {
    auto listener = runtime.BlockOn(kioto::net::TcpListener::Bind("127.0.0.1:0"));
    EXPECT_TRUE(listener.ok()) << listener.status();
    return *std::move(listener);
  }
  Peer(kioto::Runtime& runtime, const std::shared_ptr<State>& state, kioto::net::TcpListener listener)
      : socket_(*listener.local_address()) {
    auto stream = runtime.BlockOn(listener.Accept());
    EXPECT_TRUE(stream.ok()) << stream.status();
    const absl::Status status = runtime.BlockOn([&] {
      state->clients.Spawn(Serve(*std::move(stream), state));
      return kioto::Ready();
    });
    EXPECT_TRUE(status.ok()) << status;
  }

  kioto::net::BlockingSocket socket_;
};

constexpr int kSpeakers = 4;
constexpr int kRounds = 200;

// What a speaker says again and again: its own key, one that all write, and a message.
void Speak(Peer& peer, int id) {
  const std::string key = absl::StrCat("k", id);
  const std::string said = Command({"SET", key, "v"}) + Command({"GET", key}) + Command({"SET", "shared", key}) +
                           Command({"DEL", key}) + Command({"PUBLISH", "c", "hello"});
  for (int i = 0; i < kRounds; ++i) peer.Call(said, "+OK\r\n$1\r\nv\r\n+OK\r\n:1\r\n:2\r\n");
}

TEST(SessionTest, ManyClientsOnTwoWorkers) {
  auto runtime = kioto::RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  auto state = std::make_shared<State>(Options());
  std::vector<Peer> listeners, speakers;
  for (int i = 0; i < 2; ++i) {
    listeners.emplace_back(*runtime, state);
    listeners.back().Call(Command({"SUBSCRIBE", "c"}), "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
  }
  for (int i = 0; i < kSpeakers; ++i) speakers.emplace_back(*runtime, state);
  std::vector<std::thread> threads;
  for (int i = 0; i < kSpeakers; ++i) threads.emplace_back([&speakers, i] { Speak(speakers[static_cast<size_t>(i)], i); });
  const std::string message = Command({"message", "c", "hello"});
  for (Peer& listener : listeners) {
    for (int i = 0; i < kSpeakers * kRounds; ++i) EXPECT_EQ(listener.Receive(message.size()), message);
  }
  for (std::thread& thread : threads) thread.join();
  state->stop.Cancel();  // they leave, with an end and no reset
  for (Peer& peer : listeners) EXPECT_EQ(peer.Receive(1), "");
  for (Peer& peer : speakers) EXPECT_EQ(peer.Receive(1), "");
  listeners.clear();
  speakers.clear();
  const absl::Status gone = runtime->BlockOn([&] { return state->clients.CloseAndWait(); });
  EXPECT_TRUE(gone.ok()) << gone;
  EXPECT_EQ(state->commands.value(), static_cast<uint64_t>(kSpeakers * kRounds * 5 + 2));
  EXPECT_EQ(state->hub.channels(), 0u);
}

}  // namespace
}  // namespace mini_redis
