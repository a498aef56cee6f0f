// The example programs' own text, polled by hand: the size of their futures, what an exchange allocates, and what can not be driven
// from outside without waiting: time-outs. drive_test.py runs the programs themselves.
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/runtime/base/config.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/io/lines.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/signal/signal.h"
#include "kioto/runtime/task/task_tracker.h"
#include "kioto/sync/broadcast.h"
#include "kioto/sync/call.h"
#include "kioto/sync/cancellation_token.h"
#include "kioto/sync/mpsc.h"
#include "kioto/sync/oneshot.h"
#include "kioto/sync/until.h"
#include "kioto/time/backoff.h"
#include "kioto/time/retry.h"
#include "kioto/time/sleep.h"
#include "kioto/time/timeout.h"
#include "kioto/tools/examples/fetch/client.h"
#include "kioto/tools/examples/flags/flags.h"
#include "kioto/tools/examples/testing/meter.h"

// The programs, each in a namespace of its own. All that they include is included above.
#define main Main_
namespace echo_program {
#include "tools/examples/echo/echo.cc"
}
namespace chat_program {
#include "tools/examples/chat/chat.cc"
}
namespace fetch_program {
#include "tools/examples/fetch/fetch.cc"
}
namespace pool_program {
#include "tools/examples/pool/pool.cc"
}
#undef main

namespace kioto {
namespace {

using namespace std::chrono_literals;

void Report(const char* what, size_t bytes, double allocations) {
  std::printf("%-6s future %5zu bytes, %.2f allocations per exchange\n", what, bytes, allocations);
}

using ExamplesTest = net::TcpTest;

TEST_F(ExamplesTest, EchoOfOneConnection) {
  auto [stream, client] = Accepted();
  Meter making;
  PolledTask echo(echo_program::Echo(std::move(stream)));
  const size_t bytes = making.Stop().largest_block;
  ASSERT_TRUE(echo.Poll().pending());
  int64_t allocations = 0;
  constexpr int kExchanges = 100;
  for (int i = 0; i < kExchanges; ++i) {
    client.Send("there and back");
    const int wakes = echo.wakes();
    loop_.Await([&, &echo = echo] { return echo.wakes() != wakes; });
    Meter meter;
    EXPECT_TRUE(echo.Poll().pending());
    allocations += meter.Stop().count;
    ASSERT_EQ(client.Receive(14), "there and back");
  }
  Report("echo", bytes, static_cast<double>(allocations) / kExchanges);
  EXPECT_GT(bytes, 100u) << "the meter has missed the future";
  EXPECT_LE(bytes, 400u);
  EXPECT_EQ(allocations, 0);
  client.ShutdownWrite();
  EXPECT_EQ(loop_.Run(echo), OkStatus());
}

TEST_F(ExamplesTest, ChatOfOneMember) {
  auto [stream, client] = Accepted();
  chat_program::Room room;
  Meter making;
  PolledTask member(chat_program::Member(std::move(stream), room));
  const size_t bytes = making.Stop().largest_block;
  ASSERT_TRUE(member.Poll().pending());
  int64_t allocations = 0;
  constexpr int kExchanges = 100;
  for (int i = 0; i < kExchanges; ++i) {
    client.Send("a line\n");
    const int wakes = member.wakes();
    loop_.Await([&, &member = member] { return member.wakes() != wakes; });
    Meter meter;
    EXPECT_TRUE(member.PollWhileWoken().pending());
    allocations += meter.Stop().count;
    ASSERT_EQ(client.Receive(7), "a line\n");
  }
  Report("chat", bytes, static_cast<double>(allocations) / kExchanges);
  EXPECT_GT(bytes, 100u);
  EXPECT_LE(bytes, 400u);
  // A short line fits into a string. What remains is the room for reading, which Lines gives back whenever it is empty: once for
  // the read that waits, and once more if chance let the Select read before it wrote.
  EXPECT_LE(allocations, 2 * kExchanges);
  client.ShutdownWrite();
  EXPECT_EQ(loop_.Run(member), OkStatus());
}

// What `n` jobs take, from the first to the last.
Meter::Taken Pool(int n) {
  Runtime runtime = *RuntimeBuilder::CurrentThread().StartPaused().Build();
  size_t total = 0;
  std::vector<std::string> texts(n, "four");
  Meter meter;
  EXPECT_EQ(runtime.BlockOn([&] { return pool_program::Run(std::move(texts), total); }), OkStatus());
  const Meter::Taken taken = meter.Stop();
  EXPECT_EQ(total, 4u * n);
  return taken;
}

TEST(PoolTest, OfOneJob) {
  const Meter::Taken few = Pool(100), many = Pool(1100);
  const double allocations = static_cast<double>(many.count - few.count) / 1000;
  Report("pool", many.largest_block, allocations);
  EXPECT_LE(many.largest_block, 2400u);
  EXPECT_LE(allocations, 2.01);  // the boxed Count, and its oneshot
}

// Answers every connection with a page, and closes it.
class PageServer {
 public:
  PageServer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage storage;
    const auto size = static_cast<socklen_t>(net::SocketAddress::Parse("127.0.0.1:0")->ToSockaddr(&storage));
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&storage), size), 0);
    EXPECT_EQ(::listen(fd_, 64), 0);
    thread_ = std::thread([this] { Serve(); });
  }
  ~PageServer() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  std::string address() const { return absl::StrCat("127.0.0.1:", net::internal::LocalAddress(fd_)->port()); }

 private:
  void Serve() {
    for (int client; (client = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ::close(client)) {
      std::string request;
      char bytes[256];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t n = ::recv(client, bytes, sizeof(bytes), 0);
        if (n <= 0) break;
        request.append(bytes, n);
      }
      EXPECT_EQ(request, absl::StrCat("GET /page HTTP/1.1\r\nHost: ", address(), "\r\nConnection: close\r\n\r\n"));
      EXPECT_EQ(::send(client, "HTTP/1.0 200 OK\r\n\r\nhello", 24, MSG_NOSIGNAL), 24);
    }
  }

  const int fd_;
  std::thread thread_;
};

Meter::Taken Fetch(int n) {
  const PageServer server;
  Runtime runtime = *RuntimeBuilder::CurrentThread().Build();
  std::vector<std::string> urls(n, server.address() + "/page");
  fetch_program::Options options;
  options.print = 1;
  int good = 0;
  Meter meter;
  EXPECT_EQ(runtime.BlockOn([&] { return fetch_program::FetchAll(std::move(urls), options, good); }), OkStatus());
  const Meter::Taken taken = meter.Stop();
  EXPECT_EQ(good, n);
  return taken;
}

TEST(FetchTest, OfOnePage) {
  const Meter::Taken few = Fetch(50), many = Fetch(150);
  const double allocations = static_cast<double>(many.count - few.count) / 100;
  Report("fetch", many.largest_block, allocations);
  EXPECT_LE(many.largest_block, 4400u);
  // Two boxed futures, the state of connecting, the parser, the room for reading, the page, and the strings of addresses and of
  // the request; of the portable reactor libuv's handle of the socket, and sometimes of a second attempt.
  EXPECT_LE(allocations, KIOTO_PORTABLE ? 14.01 : 12.01);
}

// No clock on the wall: time stands still but for the jump to the end of the client's silence.
TEST(EchoTest, ASilentClientIsGivenUp) {
  Runtime runtime = *RuntimeBuilder::CurrentThread().StartPaused().Build();
  StatusOr<net::TcpListener> listener = runtime.BlockOn(net::TcpListener::Bind("127.0.0.1:0"));
  ASSERT_TRUE(listener.ok()) << listener.status();
  net::BlockingSocket client(*listener->local_address());
  net::TcpStream served = *runtime.BlockOn(listener->Accept());
  StatusOr<std::chrono::nanoseconds> silence = runtime.BlockOn([&] {
    return With(time::Instant::Now(), [&](time::Instant& start) {
      return echo_program::Echo(std::move(served)).Then([&](Status& end) {
        EXPECT_TRUE(IsElapsed(end)) << end;
        return start.Elapsed();
      });
    });
  });
  ASSERT_TRUE(silence.ok()) << silence.status();
  EXPECT_GE(*silence, 30s);
  EXPECT_LE(*silence, 31s);
  EXPECT_EQ(client.Receive(1), "");
}

}  // namespace
}  // namespace kioto
