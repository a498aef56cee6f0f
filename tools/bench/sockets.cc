// Rows of sockets.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "kioto/net/tcp_listener.h"
#include "kioto/net/tcp_stream.h"
#include "kioto/runtime/future/and_then.h"
#include "kioto/runtime/future/for_each.h"
#include "kioto/runtime/future/if.h"
#include "kioto/runtime/future/with.h"
#include "kioto/runtime/io/buffer.h"
#include "kioto/time/sleep.h"
#include "tools/bench/bench.h"

namespace kioto::bench {
namespace {

using namespace std::chrono_literals;

auto Echo(net::TcpStream stream) {
  return With(std::move(stream), Buffer(16384), [](net::TcpStream& stream, Buffer& buffer) {
    return Loop([&] {
      return stream.Read(buffer).AndThen(
          [&](size_t& n) { return If(n == 0, Break, [&] { return stream.WriteAll(buffer.first(n)); }); });
    });
  });
}

auto AcceptEchoes(net::TcpListener listener) {
  return With(std::move(listener), [](net::TcpListener& listener) {
    return ForEach(listener.Incoming(), [](net::TcpStream stream) {
      Check(stream.SetNoDelay(true).ok(), "TCP_NODELAY");
      // A connection that breaks is its client's to tell.
      Spawn(Echo(std::move(stream)).Map([](auto) {})).Detach();
    });
  });
}

// Reads into more room than a reply needs, as bare epoll's client does: a short read tells that the socket is empty.
struct Client {
  net::TcpStream stream;
  std::string request;
  Buffer reply;
  size_t left;
  size_t received = 0;

  auto ReadReply() {
    return Loop([this] {
      return stream.Read(reply.from(received)).AndThen([this](size_t& n) -> Flow<> {
        Check(n != 0, "an echo: the server closed");
        received += n;
        return received < request.size() ? Flow<>(Continue()) : Flow<>(Break());
      });
    });
  }
  auto Run() {
    return Loop([this] {
      return stream.WriteAll(request).AndThen([this] { return ReadReply(); }).AndThen([this]() -> Flow<> {
        Check(reply.first(received) == request, "an echo");
        received = 0;
        return --left > 0 ? Flow<>(Continue()) : Flow<>(Break());
      });
    });
  }
};

auto EchoClient(net::SocketAddress server, size_t size, size_t exchanges) {
  return net::TcpStream::Connect(server).AndThen([size, exchanges](net::TcpStream& stream) {
    Check(stream.SetNoDelay(true).ok(), "TCP_NODELAY");
    return With(Client{std::move(stream), std::string(size, 7), Buffer(16384), exchanges},
                [](Client& client) { return client.Run(); });
  });
}

net::TcpListener Listen(Bench& bench, const std::string& address) {
  StatusOr<net::TcpListener> listener = bench.runtime.BlockOn(net::TcpListener::Bind(address));
  Check(listener.ok(), "an address to listen at");
  return *std::move(listener);
}

// Closed-loop exchanges over loopback, client and server in one runtime.
void EchoOf(Bench& bench, size_t bytes) {
  const size_t connections = bench.Size(64);
  const size_t exchanges = bench.Times(6'000);
  rlimit files{};
  Check(getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur >= 2 * connections + 64, "too few descriptors (ulimit -n)");
  net::TcpListener listener = Listen(bench, "127.0.0.1:0");
  const net::SocketAddress server = *listener.local_address();
  auto accepting = bench.runtime.Spawn(AcceptEchoes(std::move(listener)));
  const auto start = Clock::now();
  using Handle = decltype(bench.runtime.Spawn(EchoClient(server, bytes, exchanges)));
  const auto ended = bench.runtime.BlockOn([=] {
    std::vector<Handle> clients;
    for (size_t i = 0; i < connections; ++i) clients.push_back(Spawn(EchoClient(server, bytes, exchanges)));
    return AwaitEach(std::move(clients));
  });
  Check(ended.ok(), "echoes");
  bench.Report(connections * exchanges, Clock::now() - start);
  accepting.Abort();
}

// The same with connections that are made, and have exchanged once, before the clock starts; the server is a process of its
// own where ADDRESS names one. For the curves: many connections.
void EchoAmong(Bench& bench) {
  const size_t connections = bench.Size(64);
  const size_t exchanges = bench.Times(6'000);
  JoinHandle<Status> accepting;
  if (bench.addr.empty()) {
    net::TcpListener listener = Listen(bench, "127.0.0.1:0");
    bench.addr = listener.local_address()->ToString();
    accepting = bench.runtime.Spawn(AcceptEchoes(std::move(listener)));
  }
  std::vector<std::unique_ptr<Client>> clients;  // outlives the tasks that borrow from it
  const Status connected = bench.runtime.BlockOn([&] {
    return Loop([&] {  // one by one: no backlog overflows
      return net::TcpStream::Connect(bench.addr)
          .AndThen([&](net::TcpStream& stream) {
            Check(stream.SetNoDelay(true).ok(), "TCP_NODELAY");
            clients.push_back(std::make_unique<Client>(Client{std::move(stream), std::string(64, 7), Buffer(256), 1}));
            return clients.back()->Run();
          })
          .AndThen([&]() -> Flow<> { return clients.size() < connections ? Flow<>(Continue()) : Flow<>(Break()); });
    });
  });
  Check(connected.ok(), "connections (see ulimit -n)");
  const auto start = Clock::now();
  const Status ended = bench.runtime.BlockOn([&clients, exchanges] {
    std::vector<JoinHandle<Status>> handles;
    for (std::unique_ptr<Client>& client : clients) {
      client->left = exchanges;
      handles.push_back(Spawn(client->Run()));
    }
    return AwaitEach(std::move(handles));
  });
  Check(ended.ok(), "echoes");
  bench.Report(connections * exchanges, Clock::now() - start);
  accepting.Abort();
}

void Echo64(Bench& bench) { EchoOf(bench, 64); }
void Echo4096(Bench& bench) { EchoOf(bench, 4096); }

// An echo server for an outside load; never ends.
void ServeEcho(Bench& bench) {
  (void)bench.runtime.BlockOn(AcceptEchoes(Listen(bench, bench.addr)));
  Check(false, "a server that ended");
}

// A blocking client's socket.
int ConnectBlocking(const net::SocketAddress& server) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(server.port());
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Check(fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "a connection");
  return fd;
}

// Resident bytes per accepted connection whose task waits to read into a buffer of the heap.
void IdleConns(Bench& bench) {
  const size_t connections = bench.Size(8'000);
  net::TcpListener listener = Listen(bench, "127.0.0.1:0");
  const net::SocketAddress server = *listener.local_address();
  std::vector<int> clients;
  clients.reserve(connections);
  const size_t before = ResidentBytes();
  const bool accepted = bench.runtime
      .BlockOn([&] {
        return Loop([&] {
          clients.push_back(ConnectBlocking(server));
          return listener.Accept().AndThen([&](net::TcpStream& stream) -> Flow<> {
            Spawn(With(std::move(stream), Buffer(1024), [](net::TcpStream& stream, Buffer& buffer) {
              return stream.Read(buffer);
            }).Map([](auto) {})).Detach();
            return clients.size() < connections ? Flow<>(Continue()) : Flow<>(Break());
          });
        });
      })
      .ok();
  Check(accepted, "idle_conns");
  Check(bench.runtime.BlockOn(Sleep(300ms)).ok(), "idle_conns");
  std::printf("%s %d %zu %zu bytes_per_conn\n", bench.name.c_str(), bench.threads, connections,
              (ResidentBytes() - before) / connections);
  for (int client : clients) close(client);
}

}  // namespace

const Row kSocketRows[] = {
    {"echo_64", Echo64},        {"echo_4096", Echo4096}, {"serve_echo", ServeEcho},
    {"idle_conns", IdleConns},  {"echo_among", EchoAmong},
    {nullptr, nullptr},
};

}  // namespace kioto::bench
