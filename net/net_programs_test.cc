// Programs as users write them, over real sockets: the shape of the API, the size of their futures, their allocations.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/runtime/base/testing/allocation_counter.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/copy.h"
#include "kioto/runtime/io/lines.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/time/retry.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;
using NetPrograms = net::TcpTest;
using time::Backoff;

auto Echo(net::TcpStream stream) {
  return With(std::move(stream), Buffer(16 * 1024), [](net::TcpStream& s, Buffer& buf) {
    return Loop([&] {  // an OK Status means: once more
      return s.Read(buf).AndThen([&](size_t& n) { return If(n == 0, Break, [&] { return s.WriteAll(buf.first(n)); }); });
    });
  });
}

TEST_F(NetPrograms, EchoAllocatesNothingPerExchange) {
  auto [stream, client] = Accepted();
  EXPECT_EQ(stream.SetNoDelay(true), OkStatus());  // for when its writes are cut
  PolledTask echo(Echo(std::move(stream)));
  RecordProperty("echo_future_bytes", static_cast<int>(sizeof(echo.future())));
  EXPECT_LE(sizeof(echo.future()), 400u);
  EXPECT_TRUE(echo.Poll().pending());
  for (int i = 0; i < 1024; ++i) {
    client.Send("foo bar baz");
    const int wakes = echo.wakes();
    loop_.Await([&, &echo = echo] { return echo.wakes() != wakes; });
    base::AllocationCounter allocations;
    EXPECT_TRUE(echo.Poll().pending());
    ASSERT_EQ(allocations.count(), 0);
    ASSERT_EQ(client.Receive(11), "foo bar baz");
  }
  client.ShutdownWrite();
  EXPECT_EQ(loop_.Run(echo), OkStatus());
  EXPECT_EQ(client.Receive(1), "");
}

// behaviour: tokio/tests/tcp_echo.rs#echo_server
TEST_F(NetPrograms, ACopyFromOneHalfToTheOtherIsAnEcho) {
  auto [stream, client] = Accepted();
  EXPECT_EQ(stream.SetNoDelay(true), OkStatus());  // for when its writes are cut
  auto halves = stream.Split();
  PolledTask echo(io::Copy(halves.first, halves.second));
  EXPECT_TRUE(echo.Poll().pending());
  for (int i = 0; i < 1024; ++i) {
    client.Send("foo bar baz");
    loop_.Await([&] { return echo.is_woken(); });
    EXPECT_TRUE(echo.Poll().pending());
    ASSERT_EQ(client.Receive(11), "foo bar baz");
  }
  client.ShutdownWrite();
  EXPECT_EQ(*loop_.Run(echo), 11264u);
}

TEST_F(NetPrograms, ServesWhatComesInUntilItIsTold) {
  int accepted = 0;
  bool stop = false;
  auto stopped = [&stop](Context&) -> Poll<Unit> {
    if (stop) return Unit{};
    return kPending;
  };
  PolledTask serve(ForEach(TakeUntil(listener_.Incoming(), PollFn(stopped)), [&](net::TcpStream s) {
    ++accepted;
    EXPECT_TRUE(s.peer_address().ok());
  }));
  EXPECT_TRUE(serve.Poll().pending());
  net::BlockingSocket one(address_), two(address_);
  loop_.Await([&] { return serve.Poll().pending() && accepted == 2; });
  stop = true;
  EXPECT_EQ(loop_.Run(serve), OkStatus());
}

TEST_F(NetPrograms, ConnectsWritesAndReadsToTheEnd) {
  auto fetch = [this] {
    return net::TcpStream::Connect(address_).AndThen([](net::TcpStream& s) {
      return s.WriteAll(absl::StrCat("GET ", "/", "\r\n")).AndThen([&s] { return s.ReadToEnd(1 << 20); });
    });
  };
  auto answer = [this] {
    return listener_.Accept().AndThen([](net::TcpStream& s) {
      return With(io::Lines(s, /*max_line=*/4096), [&s](io::Lines& lines) {
        return lines.Next().AndThen([&s](std::optional<std::string>& line) { return s.WriteAll("you said: " + *line); });
      });
    });
  };
  auto both = loop_.Run(TryJoin(fetch(), answer()));
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ(std::get<0>(*both), "you said: GET /");
}

TEST_F(NetPrograms, LinesGoOnAfterASelectThatDroppedThem) {
  auto [stream, client] = Accepted();
  int ticks = 0;
  std::string heard;
  PolledTask member(With(io::Lines(stream, 100), [&](io::Lines& lines) {
    return Loop([&] {
      return SelectBiased(Case(YieldNow(), [&]() -> StatusOr<Flow<>> {
                            ++ticks;
                            return heard.empty() ? StatusOr<Flow<>>(Continue()) : StatusOr<Flow<>>(Break());
                          }),
                          Case(lines.Next(), [&](StatusOr<std::optional<std::string>>& line) -> StatusOr<Flow<>> {
                            if (!line.ok()) return line.status();
                            heard = **line;
                            return Break();
                          }));
    });
  }));
  for (char c : std::string("dripped\n")) {
    for (int i = 0; i < 3; ++i) {
      if (member.Poll().ready()) break;
      loop_.Turn();
    }
    client.Send(std::string(1, c));
  }
  if (!member.done()) {
    EXPECT_EQ(loop_.Run(member), OkStatus());
  }
  EXPECT_EQ(heard, "dripped");
  EXPECT_GT(ticks, 0);
}

// behaviour: tokio/tests/buffered.rs#echo_server
TEST_F(NetPrograms, CopiesFromOneSocketToAnother) {
  auto [from, sender] = Accepted();
  auto [to, receiver] = Accepted();
  std::string sent;
  for (int i = 0; i < 1024; ++i) sent += "foo bar baz";
  sender.Send(sent);
  sender.ShutdownWrite();
  EXPECT_EQ(*loop_.Run(io::Copy(from, to)), sent.size());
  EXPECT_EQ(receiver.Receive(sent.size()), sent);
}

// As runtime/future/programs_test.cc has it on mocks: a page that shows what a user would write, word for word.
// --- Many pages, eight at a time -------------------------------------------------------------------------------------

struct Url {
  std::string host, path;
};

Future<StatusOr<std::string>> Fetch(const Url& url) {
  return net::TcpStream::Connect(url.host).AndThen([&url](net::TcpStream& s) {
    return s.WriteAll(absl::StrCat("GET ", url.path, " HTTP/1.0\r\n\r\n"))     // rvalue: owned by the write
        .AndThen([&s] { return s.ReadToEnd(1 << 20); });                        // a limit, always
  });
}

Future<Status> FetchAll(std::vector<Url> urls, int& good) {
  return ForEachConcurrent(std::move(urls), 8, [&good](const Url& url) {       // url lives in its slot
    return Retry(Backoff(100ms, 2s, 5), [&url] { return Timeout(3s, Fetch(url)); })
        .Then([&good](StatusOr<std::string>& page) { good += page.ok(); });     // one bad page stops no other
  });
}

// Answers with what it was asked, and counts those that it serves at once. It reads all of a request: what is unread when a connection
// is closed makes a reset of its end.
Future<Status> ServePages(net::TcpListener& listener, int& now, int& most) {
  return ForEachConcurrent(listener.Incoming(), 100, [&now, &most](net::TcpStream& s) {
    return With(io::Lines(s, /*max_line=*/4096), [&](io::Lines& lines) {
      return lines.Next()
          .AndThen([&](std::optional<std::string>& line) {
            most = std::max(most, ++now);
            return YieldNow().Then([&s, &lines, &line] {
              return lines.Next().AndThen([&s, &line](std::optional<std::string>&) { return s.WriteAll(*line); });
            });
          })
          .Finally([&now] { --now; });
    });
  });
}

TEST(FetchProgram, OneBadPageStopsNoOther) {
  Runtime runtime = *Runtime::CurrentThread();
  int good = 0, now = 0, most = 0;
  const Status status = runtime.BlockOn([&] {
    return net::TcpListener::Bind("127.0.0.1:0").AndThen([&](net::TcpListener& listener) {
      std::vector<Url> urls(20, Url{listener.local_address()->ToString(), "/"});
      urls[5].host = "no address";
      return Select(Case(ServePages(listener, now, most), [](Status& served) { return served; }),
                    Case(FetchAll(std::move(urls), good), [](Status& fetched) { return fetched; }));
    });
  });
  EXPECT_EQ(status, OkStatus());
  EXPECT_EQ(good, 19);
  EXPECT_GE(most, 2);
  EXPECT_LE(most, 8);
}

}  // namespace
}  // namespace kioto
