// Accepting in bad times: no fds, errors one after the other, clients that are gone before they are accepted: D2, D3 and D7
// (README.md).
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/net/testing/sockets.h"
#include "kioto/runtime/base/atomic.h"
#include "kioto/runtime/base/clock.h"
#include "kioto/runtime/base/sys_fault.h"
#include "kioto/runtime/future/future.h"
#include "kioto/runtime/future/testing/polled_task.h"
#include "kioto/runtime/scheduler/runtime.h"
#include "kioto/runtime/task/spawn.h"
#include "kioto/tests/stress/echo.h"
#include "kioto/tests/stress/stress.h"

namespace kioto {
namespace {

using namespace std::chrono_literals;
using base::sys::Call;
using base::sys::Fault;
using base::sys::ScopedFault;
using net::BlockingSocket;
using net::SocketAddress;
using net::TcpListener;
using net::TcpStream;

constexpr int64_t kMs = 1'000'000;

auto Serve(TcpListener listener) {
  return With(std::move(listener), [](TcpListener& listener) {
    return ForEach(listener.Incoming(), [](TcpStream& s) { Spawn(Echo(std::move(s))).Detach(); });
  });
}

// --- D2: no fds ------------------------------------------------------------------------------------------------------------

int64_t ProcessCpuNanos() {
  timespec now = {};
  EXPECT_EQ(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// How often clients that are served, one after the other, have an answer: in a millisecond, and in one of the processor's, which
// does not count what others take. Of each the most of three times 100 ms.
struct Rates {
  double by_clock = 0;
  double by_cpu = 0;
};

Rates RatesOfExchanges(std::vector<BlockingSocket>& served) {
  Rates most;
  for (int i = 0; i < 3; ++i) {
    const int64_t start = base::MonotonicNanos(), cpu = ProcessCpuNanos();
    int exchanges = 0;
    while (base::MonotonicNanos() < start + 100 * kMs) {
      for (BlockingSocket& client : served) exchanges += ExchangeByte(client.fd());
    }
    const auto per_ms = [exchanges](int64_t ns) { return exchanges * static_cast<double>(kMs) / static_cast<double>(ns); };
    most.by_clock = std::max(most.by_clock, per_ms(base::MonotonicNanos() - start));
    most.by_cpu = std::max(most.by_cpu, per_ms(ProcessCpuNanos() - cpu));
  }
  return most;
}

// In its scope this thread, and those that it starts, have one processor: which of several a client and its server have changes
// their rate by more than what is looked for.
class OneProcessor {
 public:
  OneProcessor() {
    EXPECT_EQ(::sched_getaffinity(0, sizeof(before_), &before_), 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
      if (CPU_ISSET(cpu, &before_)) CPU_SET(cpu, &one);
    }
    EXPECT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
  }
  OneProcessor(const OneProcessor&) = delete;
  ~OneProcessor() { EXPECT_EQ(::sched_setaffinity(0, sizeof(before_), &before_), 0); }

 private:
  cpu_set_t before_ = {};
};

// 200 clients wait and no fd is left, for a listener on each of four loops. (With the real limit:
// AcceptorTest.SurvivesTheLastFd.)
// check: D2
TEST(NetAcceptChecks, WithoutFdsTheServedAreServedAndNothingSpins) {
  constexpr int kLoops = 4, kWaiting = 200;
  const OneProcessor one;
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(kLoops).Build();
  std::vector<TcpListener> listeners = *runtime.BlockOn(TcpListener::BindShared("127.0.0.1:0", kLoops));
  const SocketAddress address = *listeners.front().local_address();
  std::vector<JoinHandle<Status>> servers;
  for (TcpListener& listener : listeners) servers.push_back(runtime.Spawn(Serve(std::move(listener))));
  std::vector<BlockingSocket> served;
  for (int i = 0; i < 4; ++i) served.emplace_back(address);
  EXPECT_TRUE(MostlyWithinItsBound([&] {
    const Rates before = RatesOfExchanges(served);
    std::vector<BlockingSocket> waiting;
    int64_t calls, cpu, took, short_of;
    Rates meanwhile;
    {
      const ScopedFault none(Call::kAccept, Fault::Every(EMFILE));
      for (int i = 0; i < kWaiting; ++i) waiting.emplace_back(address);
      meanwhile = RatesOfExchanges(served);
      const int64_t calls_before = none.hits(), cpu_before = ProcessCpuNanos(), start = base::MonotonicNanos();
      std::this_thread::sleep_for(500ms);  // NOLINT(words): a time in which to count
      calls = none.hits() - calls_before;
      cpu = ProcessCpuNanos() - cpu_before;
      short_of = base::MonotonicNanos() - start;
    }
    const int64_t released = base::MonotonicNanos();
    for (BlockingSocket& client : waiting) EXPECT_TRUE(ExchangeByte(client.fd()));
    took = base::MonotonicNanos() - released;
    for (BlockingSocket& client : waiting) client.Reset();
    const Rates behind = RatesOfExchanges(served);
    // Before and behind: the machine may do less now than it did.
    const Rates without = {std::min(before.by_clock, behind.by_clock), std::min(before.by_cpu, behind.by_cpu)};
    const double seconds = static_cast<double>(short_of) / 1e9;
    std::printf("%.0f accepts a second and %.1f %% of a processor; %.1f exchanges a millisecond, %.1f without (of the processor's: %.1f, "
                "%.1f); all accepted after %.1f ms\n", static_cast<double>(calls) / seconds,
                static_cast<double>(cpu) / static_cast<double>(short_of) * 100, meanwhile.by_clock, without.by_clock,
                meanwhile.by_cpu, without.by_cpu, took / 1e6);
    EXPECT_LE(static_cast<double>(calls), 200 * seconds);
    return static_cast<double>(cpu) <= 0.05 * static_cast<double>(short_of) &&
           (!kTimesCount || (meanwhile.by_cpu >= without.by_cpu * 0.9 && meanwhile.by_clock >= without.by_clock / 2)) &&
           took <= 1'500 * kMs;
  }));
  for (BlockingSocket& client : served) client.Reset();
  for (JoinHandle<Status>& server : servers) server.Abort();
  EXPECT_TRUE(runtime.Shutdown().clean());
}

// --- D3: errors ------------------------------------------------------------------------------------------------------------

using NetAcceptErrors = net::TcpTest;

// Every errno, a thousand times in a row, by the clock of a test: the next client is accepted, after the last pause of 100 ms at
// the latest. (Once, by the real clock: AcceptorTest.SurvivesEveryErrno. An accepted connection needs no set-up that could fail.)
// check: D3
TEST_F(NetAcceptErrors, AThousandErrorsInARowAreSurvivedWhateverTheyAre) {
  const int times = Scaled(1'000);
  loop_.clock().Pause();
  int errors = 0;
  for (int error = 1; error < 134; ++error) {
    if (error == EAGAIN || error == EINTR) continue;  // no errors of accept
    const ScopedFault fault(Call::kAccept, Fault::First(times, error));
    BlockingSocket client(address_);
    PolledTask accept(listener_.Accept());
    int64_t last = loop_.clock().Now();  // when it failed last
    for (int64_t hits = 0;;) {
      auto poll = accept.Poll();
      if (poll.ready()) {
        ASSERT_TRUE(poll->ok()) << error << ": " << poll->status();
        break;
      }
      if (std::exchange(hits, fault.hits()) != fault.hits()) last = loop_.clock().Now();
      const int wakes = accept.wakes();
      ASSERT_TRUE(accept.is_woken() || accept.yielded() || loop_.Await([&] { return accept.wakes() != wakes; })) << error;
    }
    EXPECT_EQ(fault.hits(), times) << error;
    EXPECT_LT(loop_.clock().Now() - last, 102 * kMs) << error;  // in whole ticks
    client.Reset();
    ++errors;
  }
  std::printf("%d errors, %d times each\n", errors, times);
}

// --- D7: resets ------------------------------------------------------------------------------------------------------------

// Sockets of this port whose peer has closed and whose owner has not: CLOSE_WAIT.
int LeftOpen(uint16_t port) {
  std::FILE* table = std::fopen("/proc/net/tcp", "r");
  EXPECT_NE(table, nullptr);
  char line[512];
  int left = 0;
  constexpr unsigned kCloseWait = 8;
  while (std::fgets(line, sizeof(line), table) != nullptr) {
    unsigned local = 0, state = 0;
    if (std::sscanf(line, " %*d: %*x:%x %*x:%*x %x", &local, &state) == 2) left += local == port && state == kCloseWait;
  }
  std::fclose(table);
  return left;
}

// Clients that are gone by a reset: at once, after a byte, after its echo. One of 128 ends instead: a reset leaves no socket in
// CLOSE_WAIT, whoever forgets to close it.
void Flood(const SocketAddress& address, int clients) {
  for (int i = 0; i < clients; ++i) {
    BlockingSocket client(address);
    if (i % 3 == 1) client.Send("x");
    if (i % 3 == 2) {
      EXPECT_TRUE(ExchangeByte(client.fd()));
    }
    if (i % 128 == 0) {
      client.Close();
    } else {
      client.Reset();
    }
  }
}

// check: D7
TEST(NetAcceptChecks, AFloodOfResetsHoldsNoHonestClientUp) {
  Runtime runtime = *RuntimeBuilder::MultiThread().WorkerThreads(2).Build();
  TcpListener listener = *runtime.BlockOn(TcpListener::Bind("127.0.0.1:0"));
  const SocketAddress address = *listener.local_address();
  JoinHandle<Status> server = runtime.Spawn(Serve(std::move(listener)));
  EXPECT_TRUE(MostlyWithinItsBound([&] {
    base::Atomic<bool> done{false};
    std::thread flood([&] {
      Flood(address, Scaled(50'000) / kGoesAtLeast);
      done.store(true);
    });
    std::vector<int64_t> took;
    do {
      const int64_t start = base::MonotonicNanos();
      BlockingSocket honest(address);
      EXPECT_TRUE(ExchangeByte(honest.fd()));
      took.push_back(base::MonotonicNanos() - start);
      honest.Reset();
      std::this_thread::yield();
    } while (!done.load());
    flood.join();
    std::sort(took.begin(), took.end());
    const int64_t p99 = took[took.size() * 99 / 100];
    std::printf("%zu honest clients in a flood, p99 %.2f ms\n", took.size(), p99 / 1e6);
    return p99 <= 100 * kMs;
  }));
  BlockingSocket last(address);  // whoever came before it is accepted before it
  EXPECT_TRUE(ExchangeByte(last.fd()));
  last.Reset();
  while (runtime.handle().live_tasks() > 1) std::this_thread::yield();  // all but the one that accepts
  EXPECT_EQ(LeftOpen(address.port()), 0);
  server.Abort();
  EXPECT_TRUE(runtime.Shutdown().clean());
}

}  // namespace
}  // namespace kioto
