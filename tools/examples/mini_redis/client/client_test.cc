// The clients against two servers: ours, and the real one where it is installed.
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/time/sleep.h"
#include "kioto/tools/examples/mini_redis/client/blocking_client.h"
#include "kioto/tools/examples/mini_redis/client/buffered_client.h"
#include "kioto/tools/examples/mini_redis/client/client.h"

namespace redis {
namespace {

using absl::Status;
using absl::StatusOr;
using kioto::Future;
using kioto::Runtime;
using std::chrono_literals::operator""ms;

// A program that runs as long as the object. Its output is read.
class Program {
 public:
  explicit Program(const std::vector<std::string>& command) {
    int out[2];
    EXPECT_EQ(::pipe(out), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(out[1], 1);
      ::close(out[0]);
      std::vector<char*> argv;
      for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
      argv.push_back(nullptr);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(out[1]);
    output_ = ::fdopen(out[0], "r");
  }
  ~Program() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    ::fclose(output_);
  }
  // The first line that has `word` in it; empty: the output is over.
  std::string LineWith(const std::string& word) {
    char line[1024];
    while (::fgets(line, sizeof line, output_) != nullptr) {
      if (std::string(line).find(word) != std::string::npos) return line;
    }
    return "";
  }

 private:
  pid_t pid_;
  FILE* output_;
};

// A port that was free a moment ago.
int FreePort() {
  auto runtime = *Runtime::CurrentThread();
  auto listener = runtime.BlockOn([] { return kioto::net::TcpListener::Bind("127.0.0.1:0"); });
  return listener->local_address()->port();
}

class ClientTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (GetParam() == std::string("ours")) {
      server_ = std::make_unique<Program>(std::vector<std::string>{"tools/examples/mini_redis/mini_redis", "--port", "0"});
      const std::string line = server_->LineWith("listening");
      ASSERT_TRUE(absl::SimpleAtoi(line.substr(line.rfind(':') + 1), &port_)) << line;
    } else {
      ASSERT_EQ(std::system("command -v redis-server >/dev/null"), 0) << "no redis-server: run tools/setup";
      port_ = FreePort();
      server_ = std::make_unique<Program>(std::vector<std::string>{"redis-server", "--port", absl::StrCat(port_), "--bind", "127.0.0.1",
                                                                   "--save", "", "--appendonly", "no"});
      ASSERT_NE(server_->LineWith("Ready to accept connections"), "");
    }
  }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  // Runs fn(client), which gives a future of a Status.
  template <class Fn>
  Status WithClient(Fn fn) {
    return runtime_.BlockOn([&] { return Client::Connect(address()).AndThen([&fn](Client& client) { return fn(client); }); });
  }

  int port_ = 0;
  std::unique_ptr<Program> server_;
  Runtime runtime_ = *Runtime::CurrentThread();
};
INSTANTIATE_TEST_SUITE_P(Servers, ClientTest, ::testing::Values("ours", "real"), [](const auto& info) { return info.param; });

TEST_P(ClientTest, AsksOneAfterTheOther) {
  EXPECT_EQ(WithClient([](Client& client) {
              return client.Ping()
                  .AndThen([&](std::string& pong) {
                    EXPECT_EQ(pong, "PONG");
                    return client.Set("a", "1\r\n2");
                  })
                  .AndThen([&] { return client.Get("a"); })
                  .AndThen([&](std::optional<std::string>& a) {
                    EXPECT_EQ(a, "1\r\n2");
                    return client.Get("b");
                  })
                  .AndThen([](std::optional<std::string>& b) { EXPECT_EQ(b, std::nullopt); });
            }),
            absl::OkStatus());
}

TEST_P(ClientTest, AKeyThatExpiresHasATime) {
  EXPECT_EQ(WithClient([](Client& client) {
              return client.Set("a", "1", 50'000ms).AndThen([&] { return client.Call({"TTL", "a"}); }).AndThen([](Reply& ttl) {
                EXPECT_GE(ttl.integer, 1);
                EXPECT_LE(ttl.integer, 50);
              });
            }),
            absl::OkStatus());
}

TEST_P(ClientTest, WhatTheServerRefusesIsAnError) {
  const Status status = WithClient([](Client& client) {
    return client.Call({"MGET", "x", "y"})
        .AndThen([&](Reply& values) {
          EXPECT_EQ(values.ToString(), "1) (nil)\n2) (nil)");
          return client.Call({"NOSUCH"});
        })
        .AndThen([](Reply& refused) { return AsOk(refused); });
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("ERR unknown command"), std::string::npos) << status;
}

TEST_P(ClientTest, ACallThatIsDroppedSpoilsTheConnection) {
  const Status status = WithClient([](Client& client) {
    return kioto::SelectBiased(kioto::Case(client.Call({"SUBSCRIBE"}), [](StatusOr<Reply>&) {}), kioto::Case(kioto::Ready(kioto::Unit{}), [] {}))
        .Then([&](auto&) { return client.Ping(); })
        .Then([](StatusOr<std::string>& pong) { return pong.status(); });
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
}

TEST_P(ClientTest, ASubscriberHearsWhatIsPublished) {
  EXPECT_EQ(WithClient([&](Client& publisher) {
              const std::vector<std::string> channels = {"news", "talk"};
              return Client::Connect(address())
                  .AndThen([channels](Client& client) { return std::move(client).Subscribe(channels); })
                  .AndThen([&publisher](Subscriber& subscriber) {
                    // The subscription is there when somebody is told to have got it.
                    return kioto::Loop([&publisher] {
                             return publisher.Publish("talk", "hello").AndThen([](int64_t& heard) -> kioto::Flow<> {
                               if (heard > 0) return kioto::Break();
                               return kioto::Continue();
                             });
                           })
                        .AndThen([&subscriber] { return subscriber.Next(); })
                        .AndThen([&subscriber](Message& message) {
                          EXPECT_EQ(message.channel, "talk");
                          EXPECT_EQ(message.text, "hello");
                          return subscriber.Unsubscribe();
                        });
                  });
            }),
            absl::OkStatus());
}

TEST_P(ClientTest, ABlockingClientNeedsNoRuntime) {
  auto client = BlockingClient::Connect(address());
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_EQ(*client->Ping("hello"), "hello");
  EXPECT_EQ(client->Set("a", "1"), absl::OkStatus());
  EXPECT_EQ(client->Set("b", "2", 10'000ms), absl::OkStatus());
  EXPECT_EQ(**client->Get("a"), "1");
  EXPECT_EQ(*client->Get("c"), std::nullopt);
  EXPECT_EQ(*client->Publish("nobody", "here"), 0);
}

TEST_P(ClientTest, ABufferedClientServesManyTasks) {
  constexpr int kTasks = 100;
  EXPECT_EQ(WithClient([](Client& client) {
              return kioto::With(BufferedClient(std::move(client)), [](BufferedClient& buffered) {
                std::vector<kioto::JoinHandle<Status>> tasks;
                for (int i = 0; i < kTasks; ++i) {
                  tasks.push_back(kioto::Spawn(kioto::With(buffered, absl::StrCat(i), [](BufferedClient& mine, std::string& key) {
                    return mine.Set(key, key).AndThen([&] { return mine.Get(key); }).AndThen([&](std::optional<std::string>& value) {
                      EXPECT_EQ(value, key);
                    });
                  })));
                }
                return kioto::TryJoinAll(std::move(tasks));
              });
            }),
            absl::OkStatus());
}

TEST_P(ClientTest, ABufferedClientTellsThatTheConnectionIsGone) {
  const Status status = WithClient([this](Client& client) {
    server_.reset();
    return kioto::With(BufferedClient(std::move(client)), [](BufferedClient& buffered) {
      return buffered.Get("a").Then([&](auto&) { return buffered.Get("a"); }).Then([](auto& value) { return value.status(); });
    });
  });
  EXPECT_TRUE(kioto::IsClosed(status)) << status;
}

TEST_P(ClientTest, TheProgramShowsTheAnswer) {
  const auto run = [this](const std::vector<std::string>& words) {
    std::vector<std::string> command = {"tools/examples/mini_redis/client/mini_redis_cli", "--port", absl::StrCat(port_)};
    command.insert(command.end(), words.begin(), words.end());
    return Program(command).LineWith("");
  };
  EXPECT_EQ(run({"set", "a", "b c"}), "\"OK\"\n");
  EXPECT_EQ(run({"get", "a"}), "\"b c\"\n");
  EXPECT_EQ(run({"incr", "n"}), "(integer) 1\n");
}

// --- replies ---

TEST(ReplyTest, IsTakenWhenItIsAllThere) {
  const std::string whole = "*3\r\n$3\r\na\r\n\r\n:-7\r\n*1\r\n$-1\r\n";
  for (size_t n = 0; n < whole.size(); ++n) {
    absl::string_view part = absl::string_view(whole).substr(0, n);
    const auto reply = TakeReply(part);
    ASSERT_TRUE(reply.ok()) << n;
    EXPECT_FALSE(reply->has_value()) << n;
    EXPECT_EQ(part.size(), n);
  }
  const std::string more = whole + "+OK\r\n";
  absl::string_view bytes = more;
  EXPECT_EQ((*TakeReply(bytes))->ToString(), "1) \"a\\r\\n\"\n2) (integer) -7\n3) 1) (nil)");
  EXPECT_EQ((*TakeReply(bytes))->ToString(), "\"OK\"");
  EXPECT_TRUE(bytes.empty());
}

TEST(ReplyTest, WhatNoServerSendsIsAnError) {
  for (const char* bad : {"\r\n", "?\r\n", "$x\r\n", "$1\r\nabc", "*99999999999\r\n", "$99999999999\r\n", ":\r\n",
                          "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"}) {
    absl::string_view bytes = bad;
    EXPECT_EQ(TakeReply(bytes).status().code(), absl::StatusCode::kDataLoss) << bad;
  }
}

}  // namespace
}  // namespace redis
