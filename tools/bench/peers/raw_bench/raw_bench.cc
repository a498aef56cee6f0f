// The limit: the bench's socket workloads on bare edge-triggered epoll, those of files and of children in blocking code, with no
// runtime at all.
//
// Usage: raw_bench WORKLOAD THREADS [HOST:PORT]; THREADS 0 and 1 are both one thread.
// Prints `workload threads ops seconds ns_per_op`, or `workload threads count bytes unit`.
//
// In the echo rows client and server are in one process. Each thread has its own epoll set;
// connection i has its server end on thread i % THREADS and its client end on the next one.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "children.h"
#include "files.h"

namespace {

constexpr int kConnections = 64, kExchanges = 6000;
constexpr size_t kBuffer = 16384;
constexpr int kEvents = 256;

void Check(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "raw_bench: %s (%s)\n", what, std::strerror(errno));
  std::_Exit(1);
}

// One end of a connection, with a buffer of its own, as on every other system. (One that all connections share stays in the
// nearest cache, and is a little faster; but it serves only who answers at once, and whole.)
struct End {
  int fd;
  bool client = false;
  int left = 0;         // exchanges still to do
  size_t received = 0;  // of the reply under way
  std::unique_ptr<char[]> buffer{new char[kBuffer]};
};

void Watch(int epoll, int fd, void* whose) {
  int one = 1;
  Check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0, "no TCP_NODELAY");
  Check(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "cannot make a socket non-blocking");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = whose;
  Check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "cannot watch a socket");
}

void WriteAll(int fd, const char* bytes, size_t size) {
  // A closed loop keeps one request in flight, so it fits into the socket's buffer whole.
  Check(write(fd, bytes, size) == static_cast<ssize_t>(size), "short write");
}

sockaddr_in Address(const std::string& host_and_port) {
  size_t colon = host_and_port.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  Check(colon != std::string::npos &&
            inet_pton(AF_INET, host_and_port.substr(0, colon).c_str(), &address.sin_addr) == 1,
        "the address must be an IPv4 address and a port");
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(host_and_port.c_str() + colon + 1)));
  return address;
}

// Listens on `address`, and puts the port it got there.
int Listen(sockaddr_in& address) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  socklen_t size = sizeof address;
  Check(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(fd, 1024) == 0 &&
            getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0,
        "cannot listen");
  return fd;
}

int Connect(const sockaddr_in& address) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Check(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
        "cannot connect");
  return fd;
}

class EchoRow {
 public:
  EchoRow(size_t size, int threads) : size_(size), request_(size, 7) {
    for (int i = 0; i < threads; i++) epolls_.push_back(epoll_create1(EPOLL_CLOEXEC));
    sockaddr_in address = Address("127.0.0.1:0");
    int listener = Listen(address);
    for (int i = 0; i < kConnections; i++) {
      auto client = std::make_unique<End>(End{Connect(address), true, kExchanges});
      auto server = std::make_unique<End>(End{accept(listener, nullptr, nullptr)});
      Watch(epolls_[i % threads], server->fd, server.get());
      Watch(epolls_[(i + 1) % threads], client->fd, client.get());
      ends_.push_back(std::move(client));
      ends_.push_back(std::move(server));
    }
  }

  void Run() {
    std::vector<std::thread> others;
    for (size_t i = 1; i < epolls_.size(); i++)
      others.emplace_back([this, i] { Drive(epolls_[i]); });
    for (auto& end : ends_) {
      if (end->client) WriteAll(end->fd, request_.data(), size_);
    }
    Drive(epolls_[0]);
    for (std::thread& thread : others) thread.join();
  }

 private:
  void Drive(int epoll) {
    epoll_event events[kEvents];
    while (live_.load() > 0) {
      int count = epoll_wait(epoll, events, kEvents, 50);
      for (int i = 0; i < count; i++) ReadAndAnswer(*static_cast<End*>(events[i].data.ptr));
    }
  }

  void ReadAndAnswer(End& end) {
    for (;;) {
      ssize_t count = read(end.fd, end.buffer.get(), kBuffer);
      if (count <= 0) return;
      if (end.client) {
        TakeReply(end, end.buffer.get(), static_cast<size_t>(count));
      } else {
        WriteAll(end.fd, end.buffer.get(), static_cast<size_t>(count));
      }
      if (count < static_cast<ssize_t>(kBuffer)) return;
    }
  }

  void TakeReply(End& end, const char* bytes, size_t count) {
    Check(end.received + count <= size_ && std::memcmp(bytes, request_.data(), count) == 0,
          "the reply is wrong");
    end.received += count;
    if (end.received < size_) return;
    end.received = 0;
    if (--end.left == 0) {
      live_--;
    } else {
      WriteAll(end.fd, request_.data(), size_);
    }
  }

  const size_t size_;
  const std::vector<char> request_;
  std::vector<int> epolls_;
  std::vector<std::unique_ptr<End>> ends_;
  std::atomic<int> live_{kConnections};
};

void Echo(const char* row, int threads, size_t size) {
  auto start = std::chrono::steady_clock::now();
  EchoRow echo(size, std::max(1, threads));
  echo.Run();
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  constexpr int kOps = kConnections * kExchanges;
  std::printf("%s %d %d %.4f %.1f\n", row, threads, kOps, seconds, seconds * 1e9 / kOps);
}

// What a server does with the bytes of one connection: `Take` answers them.
struct EchoSession {
  End end;
  void Take(const char* bytes, size_t count) { WriteAll(end.fd, bytes, count); }
};

// A reply for each head that is complete, found as the peers do; all of them in one write.
struct HttpSession {
  End end;
  std::string in = {}, replies = {};

  void Take(const char* bytes, size_t count) {
    constexpr std::string_view kEndOfHead = "\r\n\r\n";
    constexpr std::string_view kReply = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Type: text/plain\r\n\r\nHello, World!";
    in.append(bytes, count);
    replies.clear();
    size_t from = 0;
    for (size_t at = 0; at + kEndOfHead.size() <= in.size();) {
      if (std::memcmp(in.data() + at, kEndOfHead.data(), kEndOfHead.size()) != 0) {
        ++at;
        continue;
      }
      from = at += kEndOfHead.size();
      replies += kReply;
    }
    in.erase(0, from);
    if (!replies.empty()) WriteAll(end.fd, replies.data(), replies.size());
  }
};

// A server for an outside load, on one thread; never ends.
template <class Session>
void Serve(const std::string& host_and_port) {
  sockaddr_in address = Address(host_and_port);
  int listener = Listen(address), epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;  // level-triggered, and known by its null pointer
  Check(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) == 0, "cannot watch the listener");
  epoll_event events[kEvents];
  for (;;) {
    int count = epoll_wait(epoll, events, kEvents, -1);
    for (int i = 0; i < count; i++) {
      auto* session = static_cast<Session*>(events[i].data.ptr);
      if (session == nullptr) {
        auto* accepted = new Session{End{accept(listener, nullptr, nullptr)}};
        Check(accepted->end.fd >= 0, "cannot accept");
        Watch(epoll, accepted->end.fd, accepted);
        continue;
      }
      ssize_t n;
      do {
        n = read(session->end.fd, session->end.buffer.get(), kBuffer);
        if (n > 0) session->Take(session->end.buffer.get(), static_cast<size_t>(n));
      } while (n == static_cast<ssize_t>(kBuffer));
      if (n == 0 || (n < 0 && errno != EAGAIN)) {
        close(session->end.fd);
        delete session;
      }
    }
  }
}

size_t ResidentBytes() {
  std::FILE* statm = std::fopen("/proc/self/statm", "r");
  size_t size = 0, resident = 0;
  Check(statm != nullptr && std::fscanf(statm, "%zu %zu", &size, &resident) == 2,
        "no /proc/self/statm");
  std::fclose(statm);
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// Accepted connections, each with the least a server can keep: its state and 1 KiB of the heap to
// read into.
void IdleConns(const char* row, int threads) {
  constexpr size_t kCount = 8000;
  struct Session {
    int fd;
    std::unique_ptr<char[]> buffer;
  };
  sockaddr_in address = Address("127.0.0.1:0");
  int listener = Listen(address), epoll = epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<Session>> sessions;
  size_t before = ResidentBytes();
  for (size_t i = 0; i < kCount; i++) {
    Connect(address);
    sessions.push_back(std::make_unique<Session>(
        Session{accept(listener, nullptr, nullptr), std::make_unique<char[]>(1024)}));
    Watch(epoll, sessions.back()->fd, sessions.back().get());
  }
  std::printf("%s %d %zu %zu bytes_per_conn\n", row, threads, kCount,
              (ResidentBytes() - before) / kCount);
}

}  // namespace

int main(int argc, char** argv) {
  std::string row = argc > 2 ? argv[1] : "";
  int threads = argc > 2 ? std::atoi(argv[2]) : 0;
  if (row == "echo_64") {
    Echo(argv[1], threads, 64);
  } else if (row == "echo_4096") {
    Echo(argv[1], threads, 4096);
  } else if (row == "serve_echo" && argc > 3) {
    Serve<EchoSession>(argv[3]);
  } else if (row == "serve_http" && argc > 3) {
    Serve<HttpSession>(argv[3]);
  } else if (row == "idle_conns") {
    IdleConns(argv[1], threads);
  } else if (!files::Run(row, threads) && !children::Run(row, threads)) {
    std::fprintf(stderr, "usage: raw_bench WORKLOAD THREADS [HOST:PORT]\n");
    return 2;
  }
  return 0;
}
