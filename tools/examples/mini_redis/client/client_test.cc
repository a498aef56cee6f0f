// The clients against two servers: ours, and the real one where it is installed.
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/byte_queue.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/time/timeout.h"
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
      std::string ready;
      for (int attempt = 0; attempt < 10 && ready.empty(); ++attempt) {  // somebody may take the port between the look and the bind
        port_ = FreePort();
        server_ = std::make_unique<Program>(std::vector<std::string>{"redis-server", "--port", absl::StrCat(port_), "--bind",
                                                                     "127.0.0.1", "--save", "", "--appendonly", "no"});
        ready = server_->LineWith("Ready to accept connections");
      }
      ASSERT_NE(ready, "");
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
  Status status;
  bool dropped = false;
  while (!dropped) {  // a server may have answered by the end of the first poll
    status = WithClient([&dropped](Client& client) {
      return kioto::SelectBiased(kioto::Case(client.Call({"SUBSCRIBE"}), [](StatusOr<Reply>&) {}),
                                 kioto::Case(kioto::Ready(kioto::Unit{}), [&dropped] { dropped = true; }))
          .Then([&](auto&) { return client.Ping(); })
          .Then([](StatusOr<std::string>& pong) { return pong.status(); });
    });
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
}

TEST_P(ClientTest, ACallThatWasNotBegunSpoilsNothing) {
  EXPECT_EQ(WithClient([](Client& client) {
              { auto dropped = client.Ping(); }
              return client.Ping().AndThen([](std::string& pong) { EXPECT_EQ(pong, "PONG"); });
            }),
            absl::OkStatus());
}

// More than fits into all buffers on the way, both ways: a server that waits for room to answer in takes no more commands.
TEST_P(ClientTest, ALargePipelineIsReadWhileItIsWritten) {
  static constexpr size_t kCalls = 400;
  EXPECT_EQ(WithClient([](Client& client) {
              const std::string text(64 << 10, 'x');
              const std::string one = Encode({"PING", text});
              std::string commands;
              for (size_t i = 0; i < kCalls; ++i) commands += one;
              return kioto::Timeout(40'000ms, client.CallMany(std::move(commands), kCalls)).AndThen([](std::vector<Reply>& replies) {
                EXPECT_EQ(replies.size(), kCalls);
                for (const Reply& reply : replies) EXPECT_EQ(reply.text.size(), size_t{64 << 10});
              });
            }),
            absl::OkStatus());
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

// --- a server that ends too early ---

// Talks to one client: sends `answer` when something has come, and closes. Runs fn(client) meanwhile.
template <class Fn>
Status WithServerThatSays(std::string answer, Fn fn) {
  return Runtime::CurrentThread()->BlockOn([&] {
    return kioto::net::TcpListener::Bind("127.0.0.1:0").AndThen([&](kioto::net::TcpListener& listener) {
      auto serve = kioto::With(kioto::ByteQueue(), [&](kioto::ByteQueue& in) {
        return listener.Accept().AndThen([&](kioto::net::TcpStream& stream) {
          return stream.Read(in).AndThen([&](size_t&) { return stream.WriteAll(std::string(answer)); });
        });
      });
      auto ask = Client::Connect(*listener.local_address()).AndThen([&](Client& client) { return fn(client); });
      return kioto::TryJoin(std::move(serve), std::move(ask));
    });
  });
}

TEST(ClientErrorTest, TheErrorOfTheConnectionIsThatOfLaterCalls) {
  EXPECT_EQ(WithServerThatSays("+PO", [](Client& client) {
              return client.Ping().Then([&client](StatusOr<std::string>& first) {
                EXPECT_EQ(first.status().code(), absl::StatusCode::kUnavailable) << first.status();
                return client.Ping().Then([first = first.status()](StatusOr<std::string>& second) {
                  EXPECT_EQ(second.status(), first);
                  return absl::OkStatus();
                });
              });
            }),
            absl::OkStatus());
}

TEST(ClientErrorTest, AnswersThatCameBeforeItAreKept) {
  EXPECT_EQ(WithServerThatSays("-ERR max number of clients reached\r\n", [](Client& client) {
              return kioto::With(std::vector<Reply>(), [&client](std::vector<Reply>& replies) {
                return client.CallMany(Encode({"PING"}) + Encode({"PING"}), 2, replies).Then([&replies](Status& end) {
                  EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable) << end;
                  EXPECT_EQ(replies.size(), 1u);
                  EXPECT_EQ(replies.front().text, "ERR max number of clients reached");
                  return absl::OkStatus();
                });
              });
            }),
            absl::OkStatus());
}

// --- replies ---

TEST(ReplyTest, IsThereWhenItsLastByteHasCome) {
  const std::string whole = "*3\r\n$3\r\na\r\n\r\n:-7\r\n*1\r\n$-1\r\n";
  for (size_t n = 0; n < whole.size(); ++n) {
    ReplyParser parser;
    const std::string part = whole.substr(0, n);
    absl::string_view bytes = part;
    const auto reply = parser.Parse(bytes);
    ASSERT_TRUE(reply.ok()) << n;
    EXPECT_FALSE(reply->has_value()) << n;
    const std::string more = std::string(bytes) + whole.substr(n) + "+OK\r\n";
    bytes = more;
    EXPECT_EQ((*parser.Parse(bytes))->ToString(), "1) \"a\\r\\n\"\n2) (integer) -7\n3) 1) (nil)");
    EXPECT_EQ((*parser.Parse(bytes))->ToString(), "\"OK\"");
    EXPECT_TRUE(bytes.empty());
  }
}

// What was parsed is not parsed again: all but the beginning of a line is taken at once.
TEST(ReplyTest, ALongOneIsParsedOnce) {
  constexpr int kItems = 1000;
  ReplyParser parser;
  absl::string_view head = "*1000\r\n*2\r\n";
  EXPECT_EQ(*parser.Parse(head), std::nullopt);
  EXPECT_TRUE(head.empty());
  for (int i = 0; i < kItems; ++i) {
    absl::string_view item = i + 1 < kItems ? ":1\r\n$1\r\nx\r\n*2\r\n" : ":1\r\n$1\r\nx\r\n";
    const auto reply = parser.Parse(item);
    ASSERT_TRUE(reply.ok());
    EXPECT_TRUE(item.empty());
    EXPECT_EQ(reply->has_value(), i + 1 == kItems);
    EXPECT_EQ(reply->has_value() ? (*reply)->items.size() : 1000, 1000u);
  }
}

TEST(ReplyTest, WhatNoServerSendsIsAnError) {
  const std::string long_line(70'000, 'x');
  for (const std::string& bad : {std::string("\r\n"), std::string("?\r\n"), std::string("$x\r\n"), std::string("$1\r\nabc"),
                                 std::string("*99999999999\r\n"), std::string("$99999999999\r\n"), std::string(":\r\n"),
                                 std::string("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"), "+" + long_line,
                                 "-" + long_line + "\r\n", std::string("*1000000\r\n*1000000\r\n")}) {
    ReplyParser parser;
    absl::string_view bytes = bad;
    EXPECT_EQ(parser.Parse(bytes).status().code(), absl::StatusCode::kDataLoss) << bad.substr(0, 80);
  }
}

}  // namespace
}  // namespace redis
