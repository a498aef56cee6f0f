// Connections in great numbers: that idle, that say nothing or little, that come and go: D1, D4, D5 and D16 (README.md).
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/status.h"
#include "kioto/runtime/driver/driver.h"
#include "kioto/runtime/driver/driver_set.h"
#include "kioto/runtime/driver/reactor.h"
#include "kioto/runtime/driver/thread_context.h"
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
using net::BlockingSocket;
using net::SocketAddress;
using net::TcpListener;
using net::TcpStream;
using time::Instant;

constexpr int64_t kMs = 1'000'000;

// The time that all threads of this process have been on a processor, in nanoseconds.
int64_t ProcessCpuNanos() {
  timespec now = {};
  EXPECT_EQ(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// How many sockets each loop watches.
std::vector<size_t> Loads(Runtime& runtime) {
  std::vector<size_t> loads;
  EXPECT_EQ(runtime.BlockOn([&loads] {
    for (const auto* driver : internal::CurrentThread().drivers->drivers) loads.push_back(driver->reactor()->sources());
  }), OkStatus());
  return loads;
}

// Ten thousand clients, each of which has had an answer. Then they idle, and are served again.
// check: D1
// check: D16
TEST(NetCrowdChecks, TenThousandIdleConnectionsCostLittleAndSpreadOverTheLoops) {
  const ManyFds fds;
  const int connections = fds.RoomForConnections(10'000);
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(4).Build();
  TcpListener listener = *runtime.BlockOn(TcpListener::Bind("127.0.0.1:0"));
  const SocketAddress address = *listener.local_address();
  JoinHandle<Status> server = runtime.Spawn(With(std::move(listener), [](TcpListener& listener) {
    return ForEach(listener.Incoming(), [](TcpStream& s) { Spawn(Echo(std::move(s))).Detach(); });
  }));
  std::vector<BlockingSocket> clients;
  clients.reserve(static_cast<size_t>(connections));
  const size_t before = ResidentBytes();
  for (int i = 0; i < connections; ++i) {
    clients.emplace_back(address);
    ASSERT_TRUE(ExchangeByte(clients.back().fd()));
  }
  const size_t now = ResidentBytes();
  const size_t each = (now - std::min(before, now)) / static_cast<size_t>(connections);

  const std::vector<size_t> loads = Loads(runtime);
  const auto [least, most] = std::minmax_element(loads.begin(), loads.end());
  std::printf("%d connections, %zu bytes each, %s sockets to a loop\n", connections, each, testing::PrintToString(loads).c_str());
  EXPECT_EQ(loads.size(), 4u);
  EXPECT_LE(static_cast<double>(*most), 1.3 * static_cast<double>(*least));
  if (!kSanitized) {
    EXPECT_LE(each, 2'560u);
  }

  EXPECT_TRUE(MostlyWithinItsBound([] {
    const int64_t start = base::MonotonicNanos(), cpu = ProcessCpuNanos();
    std::this_thread::sleep_for(300ms);  // NOLINT(words): a time in which to count
    const double part = static_cast<double>(ProcessCpuNanos() - cpu) / static_cast<double>(base::MonotonicNanos() - start);
    std::printf("idle, %.2f %% of a processor\n", 100 * part);
    return part <= (kSanitized ? 0.05 : 0.01);  // a sanitizer has a thread of its own
  }));
  for (BlockingSocket& client : clients) ASSERT_TRUE(ExchangeByte(client.fd()));
  for (BlockingSocket& client : clients) client.Reset();
  server.Abort();
  (void)runtime.BlockOn(std::move(server));
  while (runtime.handle().live_tasks() > 0) std::this_thread::yield();
  EXPECT_TRUE(runtime.Shutdown().clean());
}

// --- Peers that are slow, or say nothing -----------------------------------------------------------------------------------

// Reads a request of 64 bytes, and gives how long it has waited when it is there, or the time is over.
auto ReadRequest(TcpStream stream, std::chrono::seconds deadline, std::vector<double>& waited) {
  return With(std::move(stream), Buffer(64), Instant::Now(), [deadline, &waited](TcpStream& s, Buffer& buf, Instant& begin) {
    return Timeout(deadline, s.ReadExact(buf.span())).Then([&waited, &begin](Status& status) {
      EXPECT_TRUE(IsElapsed(status)) << status;
      waited.push_back(std::chrono::duration<double>(Instant::Now() - begin).count());
    });
  });
}

// Sends a byte each ten seconds until the peer has closed.
auto Drip(TcpStream stream) {
  return With(std::move(stream), char{}, [](TcpStream& s, char& byte) {
    return Loop([&s, &byte] {
      return s.WriteAll("x").Then([&s, &byte](Status&) {
        return Timeout(10s, s.Read(MutableBytes(&byte, 1))).Then([](StatusOr<size_t>& n) {
          return If(IsElapsed(n.status()), Continue, Break);
        });
      });
    });
  });
}

void ExpectAllAt(std::chrono::seconds deadline, int connections, const std::vector<double>& waited) {
  ASSERT_EQ(waited.size(), static_cast<size_t>(connections));
  const auto [least, most] = std::minmax_element(waited.begin(), waited.end());
  const auto limit = static_cast<double>(deadline.count());
  std::printf("%d connections were closed after %.3f to %.3f s of %.0f\n", connections, *least, *most, limit);
  EXPECT_GE(*least, limit);
  EXPECT_LE(*most, limit + 1);
}

// By the clock of a test, which jumps when all wait.
// check: D4
TEST(NetCrowdChecks, WhoDripsIsClosedAtTheDeadline) {
  const ManyFds fds;
  const int connections = fds.RoomForConnections(Scaled(1'000));
  Runtime runtime = *RuntimeBuilder::CurrentThread().StartPaused().Build();
  std::vector<double> waited;
  EXPECT_EQ(runtime.BlockOn([&] {
    std::vector<JoinHandle<Unit>> tasks;
    for (int i = 0; i < connections; ++i) {
      const Connection made = Connect();
      tasks.push_back(Spawn(ReadRequest(*TcpStream::FromFd(made.server), 35s, waited)));
      tasks.push_back(Spawn(Drip(*TcpStream::FromFd(made.client)).Then([](auto&) {})));
    }
    return JoinAll(std::move(tasks)).Then([](auto&) {});
  }), OkStatus());
  ExpectAllAt(35s, connections, waited);
}

// check: D5
TEST(NetCrowdChecks, WhoSaysNothingIsClosedAtTheDeadline) {
  const std::set<int> before = OpenFdSet();
  {
    const ManyFds fds;
    const int connections = fds.RoomForConnections(5'000);
    Runtime runtime = *RuntimeBuilder::CurrentThread().StartPaused().Build();
    std::vector<double> waited;
    std::vector<int> clients;
    EXPECT_EQ(runtime.BlockOn([&] {
      std::vector<JoinHandle<Unit>> tasks;
      for (int i = 0; i < connections; ++i) {
        const Connection made = Connect();
        tasks.push_back(Spawn(ReadRequest(*TcpStream::FromFd(made.server), 10s, waited)));
        clients.push_back(made.client);
      }
      return JoinAll(std::move(tasks)).Then([](auto&) {});
    }), OkStatus());
    ExpectAllAt(10s, connections, waited);
    for (const int client : clients) {
      EXPECT_TRUE(IsAtEnd(client));
      ::close(client);
    }
  }
  EXPECT_EQ(OpenFdSet(), before);
}

// By the real clock: an honest client between a thousand that have sent half of a request is served as fast as alone.
// check: D4
TEST(NetCrowdChecks, WhoDripsHoldsNobodyUpAndCostsLittle) {
  const ManyFds fds;
  const int connections = fds.RoomForConnections(Scaled(1'000));
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  const auto p99 = [&runtime] {
    EchoedConnection honest(runtime);
    for (int i = 0; i < 1'000; ++i) honest.Exchange();
    return honest.p99();
  };
  std::vector<int> slow;
  std::vector<JoinHandle<Unit>> tasks;
  EXPECT_TRUE(MostlyWithinItsBound([&] {
    const int64_t alone = p99();
    const size_t before = ResidentBytes();
    for (int i = 0; i < connections; ++i) {
      const Connection made = Connect();
      slow.push_back(made.client);
      tasks.push_back(runtime.Spawn(With(*TcpStream::FromFd(made.server), Buffer(64), [](TcpStream& s, Buffer& buf) {
        return Timeout(1h, s.ReadExact(buf.span())).Then([](Status&) {});
      })));
      EXPECT_EQ(::write(made.client, "half", 4), 4);
    }
    const int64_t among = p99();
    const size_t now = ResidentBytes();
    const size_t each = (now - std::min(before, now)) / static_cast<size_t>(connections);
    for (const int client : slow) ::close(client);
    slow.clear();
    for (JoinHandle<Unit>& task : tasks) EXPECT_TRUE(runtime.BlockOn(std::move(task)).ok());
    tasks.clear();
    std::printf("p99 %.2f ms alone, %.2f among %d that are slow, of %zu bytes each\n", alone / 1e6, among / 1e6,
                connections, each);
    return among <= std::max(2 * alone, (kTimesCount ? 1 : 50) * kMs) && (kSanitized || each <= 16 * 1'024);
  }));
  EXPECT_TRUE(runtime.Shutdown().clean());
}

}  // namespace
}  // namespace kioto
