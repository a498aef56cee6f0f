// Peers that close half, or vanish; connections that come, go, and are given up: D6 and D8 (README.md).
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "kioto/net/socket_options.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/tests/stress/echo.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/instant.h"
#include "kioto/time/timeout.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;
using net::SocketAddress;
using net::TcpListener;
using net::TcpStream;
using time::Instant;

// --- D6: ends of one side --------------------------------------------------------------------------------------------------

// What comes on a blocking socket, to the end.
std::string ReceiveAll(int fd) {
  std::string all;
  char bytes[256];
  while (true) {
    const ssize_t n = ::recv(fd, bytes, sizeof(bytes), 0);
    if (n <= 0) return all;
    all.append(bytes, static_cast<size_t>(n));
  }
}
void SendAndEnd(int fd, absl::string_view bytes) {
  EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(::shutdown(fd, SHUT_WR), 0);
}

// One says that it will say no more, and still hears all that the other says: the client first, then the server.
// check: D6
TEST(NetPeerChecks, DataThatFollowsAnEndArrives) {
  const int cycles = Scaled(10'000);
  Runtime runtime = *Runtime::CurrentThread();
  for (int i = 0; i < cycles && !testing::Test::HasFailure(); ++i) {
    const Connection made = Connect();
    const bool client_first = i % 2 == 0;
    if (client_first) SendAndEnd(made.client, "question");
    EXPECT_EQ(runtime.BlockOn(With(*TcpStream::FromFd(made.server), [&](TcpStream& s) {
      return If(client_first,
                [&s] {
                  return s.ReadToEnd(100).AndThen([&s](std::string& question) {
                    EXPECT_EQ(question, "question");
                    return s.WriteAll("answer").AndThen([&s] { return s.Shutdown(); });
                  });
                },
                [&s, &made] {
                  return s.WriteAll("answer").AndThen([&s] { return s.Shutdown(); }).AndThen([&s, &made] {
                    EXPECT_EQ(ReceiveAll(made.client), "answer");
                    SendAndEnd(made.client, "question");
                    return s.ReadToEnd(100).Map([](StatusOr<std::string>& question) {
                      EXPECT_EQ(*question, "question");
                      return question.status();
                    });
                  });
                });
    })), OkStatus());
    if (client_first) {
      EXPECT_EQ(ReceiveAll(made.client), "answer");
    }
    ::close(made.client);
  }
}

constexpr std::chrono::seconds kTime = 60s;

// A peer that has vanished sends nothing, not even an end: it is gone when its time is over, by the clock of a test. The kernel's
// keep-alive is asked for, and is as it was asked for.
// check: D6
TEST(NetPeerChecks, APeerThatVanishesIsGoneInTime) {
  const int peers = Scaled(200);
  Runtime runtime = *RuntimeBuilder::CurrentThread().StartPaused().Build();
  for (int i = 0; i < peers; ++i) {
    const Connection made = Connect();
    TcpStream stream = *TcpStream::FromFd(made.server);
    EXPECT_EQ(stream.SetKeepAlive(net::KeepAlive()), OkStatus());
    EXPECT_TRUE(*stream.KeepAliveOn());
    EXPECT_EQ(runtime.BlockOn(With(std::move(stream), Buffer(16), Instant(), [&](TcpStream& s, Buffer& buf, Instant& begin) {
      begin = Instant::Now();
      return Timeout(kTime, s.Read(buf)).Then([&begin](StatusOr<size_t>& n) {
        EXPECT_TRUE(IsElapsed(n.status()));
        const auto took = Instant::Now() - begin;
        EXPECT_GE(took, kTime);
        EXPECT_LE(took, kTime * 11 / 10);
      });
    })), OkStatus());
    EXPECT_TRUE(IsAtEnd(made.client));
    ::close(made.client);
  }
}

// --- D8: churn -------------------------------------------------------------------------------------------------------------

// Connects and has a byte echoed, or leaves at once; gives up after `limit`.
auto Visit(const SocketAddress& to, std::chrono::nanoseconds limit, bool leaves) {
  return Timeout(limit, TcpStream::Connect(to).AndThen([leaves](TcpStream& s) {
    (void)s.SetLinger(0s);  // so that no port has to wait
    return s.WriteAll("x").AndThen([&s, leaves] {
      return If(leaves, [] { return OkStatus(); }, [&s] {
        return With(char{}, [&s](char& byte) { return s.ReadExact(MutableBytes(&byte, 1)); });
      });
    });
  }));
}

// check: D8
TEST(NetPeerChecks, ConnectionsThatComeAndGoLeaveNothing) {
  constexpr int kAtOnce = 16;
  const std::set<int> before = OpenFdSet();
  const int batches = Scaled(100'000) / kAtOnce;
  {
    Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
    TcpListener listener = *runtime.BlockOn(TcpListener::Bind("127.0.0.1:0"));
    const SocketAddress address = *listener.local_address();
    JoinHandle<Status> server = runtime.Spawn(With(std::move(listener), [](TcpListener& listener) {
      return ForEach(listener.Incoming(), [](TcpStream& s) { Spawn(Echo(std::move(s))).Detach(); });
    }));
    base::FastRandom random(8);
    int good = 0, late = 0, aborted = 0;
    size_t early = 0;
    for (int batch = 0; batch < batches; ++batch) {
      std::vector<JoinHandle<Status>> visits;
      for (int i = 0; i < kAtOnce; ++i) {
        const uint32_t chance = random.Below(64);
        std::chrono::nanoseconds limit = 1h;
        if (chance < 8) limit = std::chrono::nanoseconds(chance == 0 ? 0 : random.Below(2'000'000));  // of none: late for certain
        visits.push_back(runtime.Spawn(Visit(address, limit, random.Below(4) == 0)));
        if (random.Below(8) == 0) visits[random.Below(static_cast<uint32_t>(visits.size()))].Abort();
      }
      for (JoinHandle<Status>& visit : visits) {
        const Status status = runtime.BlockOn(std::move(visit));
        EXPECT_TRUE(status.ok() || IsElapsed(status) || kioto::IsAborted(status)) << status;
        good += status.ok();
        late += IsElapsed(status);
        aborted += kioto::IsAborted(status);
      }
      if (batch == batches / 10) early = ResidentBytes();
    }
    while (runtime.handle().live_tasks() > 1) std::this_thread::yield();  // all but the one that accepts
    const size_t end = ResidentBytes();
    std::printf("%d connections, %d late, %d aborted; resident %zu KiB at a tenth, %zu at the end\n", good, late, aborted,
                early >> 10, end >> 10);
    EXPECT_GT(good, batches * kAtOnce / 2);
    EXPECT_GT(late, 0);
    EXPECT_GT(aborted, 0);
    if (!kSanitized) {
      EXPECT_LE(end, early + (1 << 20));
    }
    server.Abort();
    EXPECT_TRUE(runtime.Shutdown().clean());
  }
  EXPECT_EQ(OpenFdSet(), before);
}

}  // namespace
}  // namespace kioto
