// The bench's workloads on standalone Asio.
//
// Usage: asio_bench WORKLOAD THREADS [HOST:PORT]; THREADS 0 and 1 are both one thread that runs the
// io_context. Prints `workload threads ops seconds ns_per_op`, or `workload threads count bytes
// unit` for the rows that weigh memory. A wrong result ends the program with status 1 and no line.
//
// What Asio posts are handlers, which are no tasks: nothing can join, abort or wake them. Rows made
// of posts are for information.
#include <unistd.h>

#include <asio.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using Error = asio::error_code;

// What a workload found: a time, or the bytes of one idle thing.
struct Outcome {
  size_t ops = 0;
  Clock::duration elapsed{};
  size_t bytes = 0;
  const char* unit = nullptr;
};

Outcome Timed(size_t ops, Clock::time_point start) { return {ops, Clock::now() - start}; }

void Check(bool ok) {
  if (ok) return;
  std::fprintf(stderr, "asio_bench: a workload's result is wrong\n");
  std::_Exit(1);
}

void Check(const Error& error) {
  if (!error) return;
  std::fprintf(stderr, "asio_bench: %s\n", error.message().c_str());
  std::_Exit(1);
}

// An io_context and the threads that run it.
class Runtime {
 public:
  explicit Runtime(int threads) : io(std::max(1, threads)), threads_(threads) {}

  void Run() {
    std::vector<std::thread> others;
    for (int i = 1; i < threads_; i++) others.emplace_back([this] { io.run(); });
    io.run();
    for (std::thread& thread : others) thread.join();
  }

  asio::io_context io;

 private:
  const int threads_;
};

Outcome SpawnDetached(Runtime& runtime, const char*) {
  constexpr size_t kBatches = 200, kHandlers = 10000;
  size_t batches_left = kBatches;
  std::atomic<size_t> left{0};
  std::function<void()> batch = [&] {
    if (batches_left-- == 0) return;
    left.store(kHandlers);
    for (size_t i = 0; i < kHandlers; i++) {
      asio::post(runtime.io, [&] {
        if (left.fetch_sub(1) == 1) asio::post(runtime.io, std::ref(batch));
      });
    }
  };
  auto start = Clock::now();
  asio::post(runtime.io, std::ref(batch));
  runtime.Run();
  Check(left.load() == 0);
  return Timed(kBatches * kHandlers, start);
}

Outcome Yield(Runtime& runtime, const char*) {
  constexpr int kHandlers = 200, kTimes = 20000;
  struct Again {
    asio::io_context* io;
    std::atomic<int>* done;
    int left;
    void operator()() {
      if (--left) {
        asio::post(*io, *this);
      } else {
        done->fetch_add(1);
      }
    }
  };
  std::atomic<int> done{0};
  auto start = Clock::now();
  for (int i = 0; i < kHandlers; i++) asio::post(runtime.io, Again{&runtime.io, &done, kTimes});
  runtime.Run();
  Check(done.load() == kHandlers);
  return Timed(kHandlers * kTimes, start);
}

Outcome ChainedSpawn(Runtime& runtime, const char*) {
  constexpr int kChains = 1000, kHandlers = 1000;
  struct Next {
    asio::io_context* io;
    int* chains;
    int left;
    void operator()() {
      if (left > 0) {
        asio::post(*io, Next{io, chains, left - 1});
      } else if (--*chains > 0) {
        asio::post(*io, Next{io, chains, kHandlers});
      }
    }
  };
  int chains = kChains;
  auto start = Clock::now();
  asio::post(runtime.io, Next{&runtime.io, &chains, kHandlers});
  runtime.Run();
  Check(chains == 0);
  return Timed(size_t{kChains} * kHandlers, start);
}

// The time-out is armed and dropped; there is no yield to put it round.
Outcome TimerChurn(Runtime& runtime, const char*) {
  constexpr size_t kCount = 2000000;
  size_t cancelled = 0;
  auto start = Clock::now();
  for (size_t i = 0; i < kCount; i++) {
    asio::steady_timer timer(runtime.io, std::chrono::seconds(30));
    timer.async_wait([&](Error error) { cancelled += error == asio::error::operation_aborted; });
    if (i % 1024 == 0) runtime.io.poll();
  }
  runtime.io.restart();
  runtime.io.run();
  Check(cancelled == kCount);
  return Timed(kCount, start);
}

Outcome TimerFire(Runtime& runtime, const char*) {
  constexpr size_t kCount = 200000;
  std::atomic<size_t> fired{0};
  std::vector<std::unique_ptr<asio::steady_timer>> timers;
  auto start = Clock::now();
  for (size_t i = 0; i < kCount; i++) {
    timers.push_back(
        std::make_unique<asio::steady_timer>(runtime.io, std::chrono::milliseconds(1 + i % 100)));
    timers.back()->async_wait(
        [&](Error error) { fired.fetch_add(!error, std::memory_order_relaxed); });
  }
  runtime.Run();
  Outcome outcome = Timed(kCount, start);
  Check(fired.load() == kCount && outcome.elapsed >= std::chrono::milliseconds(100));
  return outcome;
}

struct EchoSession : std::enable_shared_from_this<EchoSession> {
  explicit EchoSession(tcp::socket s) : socket(std::move(s)) {}

  void Read() {
    auto self = shared_from_this();
    socket.async_read_some(asio::buffer(buffer), [self](Error error, size_t n) {
      if (error) return;
      asio::async_write(self->socket, asio::buffer(self->buffer, n), [self](Error error, size_t) {
        if (!error) self->Read();
      });
    });
  }

  tcp::socket socket;
  char buffer[16384];
};

void AcceptEchoes(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](Error error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    Check(error);
    socket.set_option(tcp::no_delay(true));
    std::make_shared<EchoSession>(std::move(socket))->Read();
    AcceptEchoes(acceptor);
  });
}

struct EchoClient : std::enable_shared_from_this<EchoClient> {
  EchoClient(asio::io_context& context, size_t size, int exchanges, std::atomic<int>& live_clients)
      : io(context),
        socket(context),
        request(size, 7),
        reply(size),
        left(exchanges),
        live(live_clients) {}

  void Start(const tcp::endpoint& server) {
    auto self = shared_from_this();
    socket.async_connect(server, [self](Error error) {
      Check(error);
      self->socket.set_option(tcp::no_delay(true));
      self->Exchange();
    });
  }

  void Exchange() {
    if (left-- == 0) {
      if (--live == 0) io.stop();
      return;
    }
    auto self = shared_from_this();
    asio::async_write(socket, asio::buffer(request), [self](Error error, size_t) {
      Check(error);
      asio::async_read(self->socket, asio::buffer(self->reply), [self](Error error, size_t) {
        Check(error);
        Check(self->reply == self->request);
        self->Exchange();
      });
    });
  }

  asio::io_context& io;
  tcp::socket socket;
  const std::vector<char> request;
  std::vector<char> reply;
  int left;
  std::atomic<int>& live;
};

tcp::endpoint Loopback() { return {asio::ip::make_address("127.0.0.1"), 0}; }

Outcome Echo(Runtime& runtime, size_t size) {
  constexpr int kConnections = 64, kExchanges = 6000;
  tcp::acceptor acceptor(runtime.io, Loopback());
  AcceptEchoes(acceptor);
  std::atomic<int> live{kConnections};
  auto start = Clock::now();
  for (int i = 0; i < kConnections; i++) {
    std::make_shared<EchoClient>(runtime.io, size, kExchanges, live)
        ->Start(acceptor.local_endpoint());
  }
  runtime.Run();
  Check(live.load() == 0);
  return Timed(size_t{kConnections} * kExchanges, start);
}

// An echo server for an outside load; never ends.
Outcome ServeEcho(Runtime& runtime, const char* address) {
  std::string host(address);
  size_t colon = host.rfind(':');
  Check(colon != std::string::npos);
  auto port = static_cast<unsigned short>(std::atoi(address + colon + 1));
  tcp::acceptor acceptor(runtime.io, {asio::ip::make_address(host.substr(0, colon)), port});
  AcceptEchoes(acceptor);
  runtime.Run();
  return {};
}

size_t ResidentBytes() {
  std::FILE* statm = std::fopen("/proc/self/statm", "r");
  size_t size = 0, resident = 0;
  Check(statm != nullptr && std::fscanf(statm, "%zu %zu", &size, &resident) == 2);
  std::fclose(statm);
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// Waiting timers of the heap, with a handler each.
Outcome IdleSleeps(Runtime& runtime, const char*) {
  constexpr size_t kCount = 1000000;
  size_t before = ResidentBytes(), fired = 0;
  std::vector<std::unique_ptr<asio::steady_timer>> timers;
  for (size_t i = 0; i < kCount; i++) {
    timers.push_back(std::make_unique<asio::steady_timer>(runtime.io, std::chrono::hours(1)));
    timers.back()->async_wait([&](Error) { fired++; });
  }
  runtime.io.poll();
  Outcome outcome{kCount, {}, (ResidentBytes() - before) / kCount, "bytes_per_task"};
  Check(fired == 0);
  return outcome;
}

// Accepted connections, each waiting to read into 1 KiB of the heap. The other ends are the
// kernel's alone.
Outcome IdleConns(Runtime& runtime, const char*) {
  constexpr size_t kCount = 8000;
  struct Session {
    explicit Session(tcp::socket s) : socket(std::move(s)) {}
    tcp::socket socket;
    char buffer[1024];
  };
  tcp::acceptor acceptor(runtime.io, Loopback());
  tcp::endpoint server = acceptor.local_endpoint();
  std::vector<int> clients;
  size_t before = ResidentBytes();
  for (size_t i = 0; i < kCount; i++) {
    clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Check(::connect(clients.back(), server.data(), static_cast<socklen_t>(server.size())) == 0);
    auto session = std::make_shared<Session>(acceptor.accept());
    session->socket.async_read_some(asio::buffer(session->buffer), [session](Error, size_t) {});
    runtime.io.poll();
  }
  return {kCount, {}, (ResidentBytes() - before) / kCount, "bytes_per_conn"};
}

struct Workload {
  const char* name;
  Outcome (*run)(Runtime& runtime, const char* address);
};

constexpr Workload kWorkloads[] = {
    {"spawn_detached", SpawnDetached},
    {"yield", Yield},
    {"chained_spawn", ChainedSpawn},
    {"timer_churn", TimerChurn},
    {"timer_fire", TimerFire},
    {"echo_64", [](Runtime& runtime, const char*) { return Echo(runtime, 64); }},
    {"echo_4096", [](Runtime& runtime, const char*) { return Echo(runtime, 4096); }},
    {"serve_echo", ServeEcho},
    {"idle_sleeps", IdleSleeps},
    {"idle_conns", IdleConns},
};

void Print(const char* name, int threads, const Outcome& outcome) {
  if (outcome.unit != nullptr) {
    std::printf("%s %d %zu %zu %s\n", name, threads, outcome.ops, outcome.bytes, outcome.unit);
    return;
  }
  double seconds = std::chrono::duration<double>(outcome.elapsed).count();
  std::printf("%s %d %zu %.4f %.1f\n", name, threads, outcome.ops, seconds,
              seconds * 1e9 / static_cast<double>(outcome.ops));
}

}  // namespace

int main(int argc, char** argv) {
  for (const Workload& workload : kWorkloads) {
    if (argc < 3 || std::strcmp(workload.name, argv[1]) != 0) continue;
    int threads = std::atoi(argv[2]);
    Runtime runtime(threads);
    Print(workload.name, threads, workload.run(runtime, argc > 3 ? argv[3] : "127.0.0.1:0"));
    std::fflush(stdout);
    std::_Exit(0);  // idle things need not be taken down
  }
  std::fprintf(stderr, "usage: asio_bench WORKLOAD THREADS [HOST:PORT]\n");
  return 2;
}
