// The server of files under clients that end half, vanish, do not read, or want to be read twice: D6, D9 and D22 of the checks with
// numbers (tests/stress/README.md). Times are those of a test's clock.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/instant.h"
#include "kioto/time/sleep.h"
#include "kioto/tools/examples/http/testing/smuggling.h"
#include "kioto/tools/examples/http_server/session.h"
#include "kioto/tools/examples/http_server/site.h"

namespace http_server {
namespace {

using namespace std::chrono_literals;
using http::Raw;
using kioto::Connection;
using kioto::OkStatus;
using kioto::Scaled;
using kioto::Status;
using kioto::StatusOr;
using kioto::net::TcpStream;
using kioto::time::Instant;
using std::chrono::milliseconds;

constexpr absl::string_view kHello = "hello, world\n";
constexpr size_t kHuge = size_t{1} << 30;

std::string Get(absl::string_view path, absl::string_view fields = "") {
  return absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: test\r\n", fields, "\r\n");
}

// What comes on a blocking socket, to the end; a reset is no end.
std::string ReceiveAll(int fd) {
  std::string all;
  char bytes[4096];
  while (true) {
    const ssize_t n = ::recv(fd, bytes, sizeof(bytes), 0);
    EXPECT_GE(n, 0) << "errno " << errno << " after " << all;
    if (n <= 0) return all;
    all.append(bytes, static_cast<size_t>(n));
  }
}
void Send(int fd, absl::string_view bytes) {
  EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}
void End(int fd) { EXPECT_EQ(::shutdown(fd, SHUT_WR), 0); }

size_t Count(absl::string_view text, absl::string_view what) {
  return std::vector<absl::string_view>(absl::StrSplit(text, what)).size() - 1;
}
int StatusOf(absl::string_view answer) {
  int status = 0;
  EXPECT_TRUE(absl::SimpleAtoi(answer.substr(0, 12).substr(std::min<size_t>(9, answer.size())), &status)) << answer;
  return status;
}

class HttpServerChecks : public testing::Test {
 protected:
  HttpServerChecks() {
    EXPECT_NE(::mkdtemp(&root_[0]), nullptr);
    char* const without_links = ::realpath(root_.c_str(), nullptr);
    site_->root = without_links;
    std::free(without_links);
    site_->limits.write_ms = 20'000;
    site_->limits.linger_ms = 500;
    File("hello.txt", kHello);
    File("huge", "");
    EXPECT_EQ(::truncate((root_ + "/huge").c_str(), kHuge), 0);
  }

  void File(const std::string& name, absl::string_view content) {
    const int fd = ::open((root_ + "/" + name).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    EXPECT_EQ(::write(fd, content.data(), content.size()), static_cast<ssize_t>(content.size())) << name;
    ::close(fd);
  }
  // A session on one end of a connection; it is over when the client is gone, as the server sees it.
  kioto::Future<Status> Session(const Connection& made) { return Serve(*TcpStream::FromFd(made.server), site_); }
  // What a client gets that sends so much and then waits.
  std::string AnswerTo(absl::string_view bytes) {
    const Connection made = kioto::Connect();
    Send(made.client, bytes);
    EXPECT_EQ(runtime_.BlockOn(Session(made)), OkStatus());
    std::string answer = ReceiveAll(made.client);
    ::close(made.client);
    return answer;
  }
  // How long a session takes that ends without the client.
  std::chrono::nanoseconds TimeOf(const Connection& made) {
    std::chrono::nanoseconds took{};
    (void)runtime_.BlockOn(kioto::With(Instant(), [this, &made, &took](Instant& begin) {
      begin = Instant::Now();
      return Session(made).Then([&begin, &took](Status) { took = Instant::Now() - begin; });
    }));
    return took;
  }
  // When nothing is left to be done, in no time of the test's clock that counts.
  void Settle() {
    EXPECT_EQ(runtime_.BlockOn([] { return kioto::Sleep(1ms); }), OkStatus());
  }

  std::string root_ = testing::TempDir() + "/site_XXXXXX";
  std::shared_ptr<Site> site_ = std::make_shared<Site>();
  kioto::Runtime runtime_ = *kioto::RuntimeBuilder::CurrentThread().MaxBlockingThreads(4).StartPaused().Build();
};

// --- D6: ends of one side, clients that vanish -----------------------------------------------------------------------------

// A client that has asked all, and says so by its end, gets all answers; one that the server leaves first may still send, and is not
// answered by a reset.
// check: D6
TEST_F(HttpServerChecks, DataThatFollowsAnEndArrives) {
  const int cycles = Scaled(10'000);
  for (int i = 0; i < cycles && !HasFailure(); ++i) {
    const Connection made = kioto::Connect();
    if (i % 2 == 0) {
      Send(made.client, Get("/hello.txt") + Get("/nothing") + Get("/hello.txt"));
      End(made.client);
      EXPECT_EQ(runtime_.BlockOn(Session(made)), OkStatus());
      const std::string answers = ReceiveAll(made.client);
      EXPECT_EQ(Count(answers, "HTTP/1.1 200 "), 2u) << answers;
      EXPECT_EQ(Count(answers, "HTTP/1.1 404 "), 1u) << answers;
      EXPECT_TRUE(absl::EndsWith(answers, kHello)) << answers;
      ::close(made.client);
      continue;
    }
    const std::string asks = Get("/hello.txt", "Connection: close\r\n");
    auto client = kioto::With(*TcpStream::FromFd(made.client), [&asks](TcpStream& s) {
      return s.WriteAll(asks).AndThen([&s] { return s.ReadToEnd(1000); }).AndThen([&s](std::string& answer) {
        EXPECT_TRUE(absl::EndsWith(answer, kHello)) << answer;
        return s.WriteAll("more, of what was not asked for").AndThen([&s] { return s.Shutdown(); }).AndThen([&s] {
          return s.ReadToEnd(1000).Map([](StatusOr<std::string>& rest) { return rest.status(); });
        });
      });
    });
    auto both = *runtime_.BlockOn(kioto::Join(Session(made), std::move(client)));
    EXPECT_EQ(std::get<0>(both), OkStatus());
    EXPECT_EQ(std::get<1>(both), OkStatus());
  }
}

// A client that vanishes sends nothing, not even an end, wherever it was: between two requests, in one, in an answer. It is gone when
// its time is over, at most 10 % late.
// check: D6
TEST_F(HttpServerChecks, AClientThatVanishesIsGoneInTime) {
  const struct {
    std::string says;
    milliseconds time;
  } kVanishes[] = {{"", milliseconds(site_->limits.idle_ms)},
                   {Get("/hello.txt"), milliseconds(site_->limits.idle_ms)},
                   {"GET /hello.txt HT", milliseconds(site_->limits.request_ms)},
                   {Get("/hello.txt") + "GET", milliseconds(site_->limits.request_ms)},
                   {Get("/huge"), milliseconds(site_->limits.write_ms)}};
  const int rounds = Scaled(200);
  for (int i = 0; i < rounds && !HasFailure(); ++i) {
    const auto& vanishes = kVanishes[static_cast<size_t>(i) % std::size(kVanishes)];
    const Connection made = kioto::Connect();
    Send(made.client, vanishes.says);
    const auto took = TimeOf(made);
    EXPECT_GE(took, vanishes.time) << vanishes.says;
    EXPECT_LE(took, vanishes.time * 11 / 10) << vanishes.says;
    ::close(made.client);
  }
}

// A connection is kept as long as its client asks in time.
// check: D6
TEST_F(HttpServerChecks, WhoAsksInTimeIsKept) {
  const int requests = Scaled(10'000);
  const Connection made = kioto::Connect();
  const milliseconds pause = milliseconds(site_->limits.idle_ms) * 9 / 10;
  int answered = 0;
  auto client = kioto::With(*TcpStream::FromFd(made.client), kioto::Buffer(1000), Get("/hello.txt"), std::string(),
                            [&](TcpStream& s, kioto::Buffer& buf, std::string& asks, std::string& answer) {
    return kioto::Loop([&] {
      return kioto::Sleep(pause).Then([&] { return s.WriteAll(asks); }).AndThen([&] {
        answer.clear();
        return kioto::Loop([&] {
          return s.Read(buf).AndThen([&](size_t& n) -> kioto::Flow<> {
            answer.append(buf.first(n).data(), n);
            if (n == 0 || absl::EndsWith(answer, kHello)) return kioto::Break();
            return kioto::Continue();
          });
        });
      }).AndThen([&]() -> kioto::Flow<> {
        if (!absl::StartsWith(answer, "HTTP/1.1 200 ") || ++answered == requests) return kioto::Break();
        return kioto::Continue();
      });
    });
  });
  const Instant begin = *runtime_.BlockOn([] { return Instant::Now(); });
  auto both = *runtime_.BlockOn(kioto::Join(Session(made), std::move(client)));
  EXPECT_EQ(std::get<0>(both), OkStatus());
  EXPECT_EQ(std::get<1>(both), OkStatus());
  EXPECT_EQ(answered, requests);
  EXPECT_GE(*runtime_.BlockOn([] { return Instant::Now(); }) - begin, requests * pause);
}

// Requests that had come when the server was told to stop are all answered, though they come out of the kernel in several pieces,
// some of which end where a request does.
TEST_F(HttpServerChecks, WhatHadComeBeforeTheStopIsAnswered) {
  constexpr size_t kRequests = 250, kLength = 64;  // of which a piece has a whole number
  const std::string bare = Get("/hello.txt", "X: \r\n");
  const std::string one = Get("/hello.txt", absl::StrCat("X: ", std::string(kLength - bare.size(), 'x'), "\r\n"));
  std::string asks;
  for (size_t i = 0; i < kRequests; ++i) asks += one;
  ASSERT_EQ(asks.size(), kRequests * kLength);
  site_->stop.Cancel();
  const std::string answers = AnswerTo(asks);
  EXPECT_EQ(Count(answers, "HTTP/1.1 200 "), kRequests);
  EXPECT_EQ(Count(answers, "Connection: close\r\n"), 1u);
}

// --- D9: who does not read -------------------------------------------------------------------------------------------------

class ManyThatDoNotRead {
 public:
  // Each with little room in the kernel.
  void Add(const Connection& made) {
    constexpr int kSmall = 4 << 10;
    for (const int end : {made.client, made.server}) {
      EXPECT_EQ(::setsockopt(end, SOL_SOCKET, SO_RCVBUF, &kSmall, sizeof(kSmall)), 0);
      EXPECT_EQ(::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kSmall, sizeof(kSmall)), 0);
    }
    EXPECT_EQ(::fcntl(made.client, F_SETFL, O_NONBLOCK), 0);
    clients_.push_back(made.client);
  }
  ~ManyThatDoNotRead() {
    for (const int client : clients_) ::close(client);
  }
  const std::vector<int>& clients() const { return clients_; }

 private:
  std::vector<int> clients_;
};

// The bytes that a session holds for a client: a piece of a file, what a job has read, and itself.
constexpr size_t kMostBuffered = (64 << 10) + (32 << 10) + (16 << 10);

// A gibibyte is offered to each.
// check: D9
TEST_F(HttpServerChecks, AThousandThatDoNotReadAreSentNoMoreThanFits) {
  const kioto::ManyFds fds;
  const int peers = std::min(1'000, fds.RoomForConnections(1'500) * 2 / 3);  // each has a file open, too
  ManyThatDoNotRead many;
  const size_t before = kioto::ResidentBytes();
  for (int i = 0; i < peers; ++i) {
    const Connection made = kioto::Connect();
    many.Add(made);
    Send(made.client, Get("/huge"));
    runtime_.Spawn(Session(made)).Detach();
  }
  Settle();
  const size_t after = kioto::ResidentBytes();
  std::printf("%d clients, %zu MiB in all\n", peers, (after - std::min(before, after)) >> 20);
  EXPECT_EQ(runtime_.handle().live_tasks(), static_cast<size_t>(peers));
  if (!kioto::kSanitized) {
    EXPECT_LE(after, before + static_cast<size_t>(peers) * kMostBuffered);
  }
  for (const int client : many.clients()) {
    char first[12];
    ASSERT_EQ(::recv(client, first, sizeof(first), 0), 12);
    EXPECT_EQ(absl::string_view(first, 12), "HTTP/1.1 200");
  }
  EXPECT_TRUE(runtime_.Shutdown().clean());
}

// Each asks for what is not to be had as long as the kernel takes its requests: one who does not take the answers is soon not heard.
// check: D9
TEST_F(HttpServerChecks, AThousandThatDoNotReadErrorsAreHeardNoMore) {
  constexpr size_t kTooMuch = 2 << 20;  // for a kernel to hold
  const kioto::ManyFds fds;
  const int peers = fds.RoomForConnections(1'000);
  std::string asks;
  while (asks.size() < (16 << 10)) asks += Get("/../nothing");
  ManyThatDoNotRead many;
  std::vector<size_t> sent(static_cast<size_t>(peers));
  const size_t before = kioto::ResidentBytes();
  for (int i = 0; i < peers; ++i) {
    const Connection made = kioto::Connect();
    many.Add(made);
    runtime_.Spawn(Session(made)).Detach();
  }
  for (bool goes_on = true; goes_on;) {
    goes_on = false;
    for (size_t i = 0; i < sent.size(); ++i) {
      const absl::string_view rest = absl::string_view(asks).substr(sent[i] % asks.size());
      const ssize_t n = ::send(many.clients()[i], rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n <= 0) continue;
      sent[i] += static_cast<size_t>(n);
      ASSERT_LT(sent[i], kTooMuch) << "the server takes requests whose answers nobody reads";
      goes_on = true;
    }
    Settle();
  }
  const size_t after = kioto::ResidentBytes();
  std::printf("%d clients, of each %zu KiB of requests were taken, by the kernel too; %zu MiB in all\n", peers,
              *std::max_element(sent.begin(), sent.end()) >> 10, (after - std::min(before, after)) >> 20);
  EXPECT_EQ(runtime_.handle().live_tasks(), static_cast<size_t>(peers));
  if (!kioto::kSanitized) {
    EXPECT_LE(after, before + static_cast<size_t>(peers) * kMostBuffered);
  }
  EXPECT_TRUE(runtime_.Shutdown().clean());
}

// --- D22: who wants to be read twice, or to write ---------------------------------------------------------------------------

// Refused, with one answer that says that it is the last, and closed; what hides behind is not answered.
// check: D22
TEST_F(HttpServerChecks, WhatCouldSmuggleIsRefusedAndTheConnectionClosed) {
  File("first", "first");
  File("second", "second");
  const std::vector<std::string> streams = http::StreamsThatSmuggle("GET");
  for (const std::string& stream : streams) {
    const std::string answer = AnswerTo(stream);
    const int status = StatusOf(answer);
    EXPECT_TRUE(status == 400 || status == 413 || status == 501 || status == 505) << answer << " to " << stream;
    EXPECT_EQ(Count(answer, "HTTP/1.1 "), 1u) << answer << " to " << stream;
    EXPECT_EQ(Count(answer, "Connection: close\r\n"), 1u) << answer << " to " << stream;
  }
  EXPECT_GE(std::set<std::string>(streams.begin(), streams.end()).size(), 120u);
}

// A name of the client's choice, of a folder that is there or of nothing, puts no line into an answer, and no byte that ends one.
// check: D22
TEST_F(HttpServerChecks, WhatAClientNamesSplitsNoAnswer) {
  const std::string names[] = {"\r\nSet-Cookie: a=b", "\n\n<p>", "\r", "\n", "a\r\n\r\n<p>", "\x01", "\x7f", "\xff\xfe", "%0d%0a"};
  for (const std::string& name : names) {
    std::string path = "/";
    for (const char c : name) {
      char hex[4];
      std::snprintf(hex, sizeof(hex), "%%%02x", static_cast<unsigned char>(c));
      path += hex;
    }
    for (const bool exists : {false, true}) {
      if (exists) {
        EXPECT_EQ(::mkdir((root_ + "/" + name).c_str(), 0700), 0) << path;
      }
      const std::string answer = AnswerTo(Get(path, "Connection: close\r\n"));
      EXPECT_EQ(StatusOf(answer), exists ? 301 : 404) << answer;
      const std::string head = answer.substr(0, answer.find("\r\n\r\n"));
      const std::vector<std::string> fields = absl::StrSplit(head, "\r\n");
      EXPECT_EQ(fields.size(), exists ? 6u : 5u) << answer;
      for (const std::string& field : fields) EXPECT_EQ(field.find_first_of(Raw("\r\n\0")), std::string::npos) << answer;
      EXPECT_EQ(Count(answer, "HTTP/1.1 "), 1u) << answer;
    }
  }
  EXPECT_EQ(StatusOf(AnswerTo(Get("/a%00b", "Connection: close\r\n"))), 400);
}

}  // namespace
}  // namespace http_server
