// A closed-loop load for an echo server, on bare epoll and one thread.
//
// Usage: echo_load HOST:PORT CONNECTIONS SECONDS [BYTES]
//
// Each connection writes BYTES (64), waits for all of them to come back, checks them, and goes on.
// After a warm-up of a quarter of a second it counts for SECONDS. Prints `connections exchanges
// seconds requests_per_second`. Ends with status 1 and a sentence when the server closes, lies, or
// stands still for five seconds.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kWarmUp = std::chrono::milliseconds(250);
constexpr int kStallMillis = 5000;

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "echo_load: %s (%s)\n", what, std::strerror(errno));
  std::exit(1);
}

struct Connection {
  int fd;
  size_t received = 0;
};

int Connect(const sockaddr_in& address) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) Die("no socket");
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    Die("cannot connect");
  int one = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) Die("no TCP_NODELAY");
  if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) Die("cannot make the socket non-blocking");
  return fd;
}

sockaddr_in Parse(const std::string& host_and_port) {
  size_t colon = host_and_port.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon == std::string::npos ||
      inet_pton(AF_INET, host_and_port.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    Die("the address must be an IPv4 address and a port, as in 127.0.0.1:7");
  }
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(host_and_port.c_str() + colon + 1)));
  return address;
}

class Load {
 public:
  Load(const sockaddr_in& address, int connections, size_t bytes) : request_(bytes), reply_(bytes) {
    for (size_t i = 0; i < bytes; i++) request_[i] = static_cast<char>(i * 31 + 7);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) Die("no epoll");
    connections_.reserve(connections);
    for (int i = 0; i < connections; i++) {
      connections_.push_back(Connection{Connect(address)});
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = &connections_.back();
      if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_.back().fd, &event) != 0)
        Die("cannot watch a socket");
    }
  }

  void Start() {
    for (Connection& connection : connections_) Send(connection);
  }

  // Runs until `deadline`; returns how many exchanges were completed.
  long RunUntil(Clock::time_point deadline) {
    long exchanges = 0;
    epoll_event events[256];
    while (Clock::now() < deadline) {
      int count = epoll_wait(epoll_, events, 256, kStallMillis);
      if (count == 0) Die("the server stands still");
      for (int i = 0; i < count; i++)
        exchanges += Receive(*static_cast<Connection*>(events[i].data.ptr));
    }
    return exchanges;
  }

 private:
  void Send(Connection& connection) {
    // One request is in flight, so it fits into the socket's buffer whole.
    if (write(connection.fd, request_.data(), request_.size()) !=
        static_cast<ssize_t>(request_.size()))
      Die("short write");
  }

  bool Receive(Connection& connection) {
    ssize_t count = read(connection.fd, reply_.data(), request_.size() - connection.received);
    if (count < 0 && errno == EAGAIN) return false;
    if (count <= 0) Die("the server closed a connection");
    if (std::memcmp(reply_.data(), request_.data() + connection.received, count) != 0)
      Die("the server sent back other bytes");
    connection.received += count;
    if (connection.received < request_.size()) return false;
    connection.received = 0;
    Send(connection);
    return true;
  }

  std::vector<char> request_;
  std::vector<char> reply_;
  std::vector<Connection> connections_;
  int epoll_;
};

}  // namespace

int main(int argc, char** argv) {
  int connections = argc > 2 ? std::atoi(argv[2]) : 0;
  double seconds = argc > 3 ? std::atof(argv[3]) : 0;
  int bytes = argc > 4 ? std::atoi(argv[4]) : 64;
  if (connections < 1 || seconds <= 0 || bytes < 1 || bytes > 65536) {
    std::fprintf(stderr, "usage: echo_load HOST:PORT CONNECTIONS SECONDS [BYTES]\n");
    return 2;
  }
  Load load(Parse(argv[1]), connections, static_cast<size_t>(bytes));
  load.Start();
  load.RunUntil(Clock::now() + kWarmUp);
  auto start = Clock::now();
  long exchanges = load.RunUntil(
      start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)));
  double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("%d %ld %.4f %.1f\n", connections, exchanges, elapsed, exchanges / elapsed);
  return 0;
}
