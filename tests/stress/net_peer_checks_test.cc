// Peers that close half, or vanish; connections that come, go, and are given up: D6 and D8 (README.md).
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
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
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/random.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/tests/stress/echo.h"
#include "kioto/tests/stress/stress.h"
#include "kioto/time/instant.h"
#include "kioto/time/sleep.h"
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

// Nothing comes to this socket from now on, not even what acknowledges or asks: for its peer's kernel it is gone. For it takes only
// packets that may pass 254 routers more, which those of loopback may not. (A filter takes a privilege.)
void Vanish(int fd) {
  const int least = 255;
  EXPECT_EQ(::setsockopt(fd, IPPROTO_IP, IP_MINTTL, &least, sizeof(least)), 0);
}

struct Heard {
  StatusOr<size_t> n;
  int64_t from = 0, to = 0;
};

// One read of a stream that is kept alive: a probe after a second without a word, and the end a second after it.
auto HearOnce(TcpStream stream, Heard& heard) {
  heard.from = base::MonotonicNanos();
  EXPECT_EQ(stream.SetKeepAlive(net::KeepAlive{1s, 1s, 1}), OkStatus());
  return With(std::move(stream), Buffer(16), [&heard](TcpStream& s, Buffer& buf) {
    return Timeout(10s, s.Read(buf)).Then([&heard](StatusOr<size_t>& n) {
      heard.n = std::move(n);
      heard.to = base::MonotonicNanos();
      return OkStatus();
    });
  });
}

// The kernel's keep-alive ends the connections of peers that have vanished, though nobody writes to them, and no other. Its time is the
// real one: here a test waits for two seconds. It counts in ticks, of 10 ms at most, and of each second the first has begun; a sleep of
// as long tells what the machine makes everybody late by.
// check: D6
TEST(NetPeerChecks, TheKernelsKeepAliveFindsWhoVanished) {
  constexpr int64_t kGoneAfter = 2'000'000'000, kTicks = 2 * 10'000'000;
  const size_t peers = static_cast<size_t>(Scaled(200)), kept = peers / 10 + 1;
  std::vector<Heard> heard(peers + kept);  // those that stay are the last
  std::vector<Connection> made;
  std::vector<JoinHandle<Status>> readers;
  Runtime runtime = *Runtime::CurrentThread();
  for (Heard& one : heard) {
    made.push_back(Connect());
    readers.push_back(runtime.Spawn(HearOnce(*TcpStream::FromFd(made.back().server), one)));
    if (made.size() <= peers) Vanish(made.back().client);
  }
  const int64_t all = base::MonotonicNanos();
  EXPECT_EQ(runtime.BlockOn(Sleep(std::chrono::nanoseconds(kGoneAfter)).Map([](Unit) { return OkStatus(); })), OkStatus());
  const int64_t late = base::MonotonicNanos() - all - kGoneAfter;
  for (size_t i = 0; i < peers; ++i) {
    EXPECT_EQ(runtime.BlockOn(std::move(readers[i])), OkStatus());
    EXPECT_EQ(ErrnoOf(heard[i].n.status()), ETIMEDOUT) << heard[i].n.status();
    EXPECT_GE(heard[i].to - heard[i].from, kGoneAfter - kTicks);
    EXPECT_LE(heard[i].to - all, kGoneAfter * 11 / 10 + late);
  }
  for (size_t i = peers; i < heard.size(); ++i) {
    EXPECT_FALSE(readers[i].finished());
    EXPECT_EQ(::send(made[i].client, "here", 4, MSG_NOSIGNAL), 4);
    EXPECT_EQ(runtime.BlockOn(std::move(readers[i])), OkStatus());
    EXPECT_EQ(heard[i].n.value_or(0), 4u);
  }
  for (const Connection& one : made) ::close(one.client);
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
